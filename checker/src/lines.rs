//! Histories as JSON lines, for clients in other processes and other languages.

use std::io::{self, BufRead, Read, Write};

use crate::{Checker, Event, Malformed, Report};

/// Longest line that is read.
const LINE_LENGTH_MAX: u64 = 64 << 10;

/// Why lines are no history. Lines count from 1.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// The input failed.
    #[error("line {line} cannot be read")]
    Io {
        /// Which line.
        line: u64,
        /// Why.
        source: io::Error,
    },
    /// A line is no event.
    #[error("line {line} is no event")]
    Json {
        /// Which line.
        line: u64,
        /// Why.
        source: serde_json::Error,
    },
    /// An event does not fit to those before it.
    #[error("line {line} does not fit: {source}")]
    Malformed {
        /// Which line.
        line: u64,
        /// Why.
        source: Malformed,
    },
}

/// Writes one event as one line.
pub fn write_line(out: &mut impl Write, event: &Event<'_>) -> io::Result<()> {
    serde_json::to_writer(&mut *out, event)?;
    out.write_all(b"\n")
}

/// Judges a history of one event a line. Empty lines do not count.
pub fn check_lines(mut input: impl BufRead) -> Result<Report, LineError> {
    let mut checker = Checker::new();
    let mut text = String::new();
    for line in 1.. {
        text.clear();
        let read = (&mut input).take(LINE_LENGTH_MAX).read_line(&mut text);
        if read.map_err(|source| LineError::Io { line, source })? == 0 {
            break;
        }
        if text.trim().is_empty() {
            continue;
        }
        let event =
            serde_json::from_str(&text).map_err(|source| LineError::Json { line, source })?;
        checker.observe(&event).map_err(|source| LineError::Malformed { line, source })?;
    }
    Ok(checker.finish())
}
