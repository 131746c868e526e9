//! One record on standard output.

use std::io::{self, Write};

use clap::Args;
use thalweg_records::Record;

use crate::commands::record_json::to_json;

/// How records are printed.
#[derive(Clone, Debug, Args)]
pub struct Format {
    /// Print a JSON object a line
    #[arg(long)]
    json: bool,
    /// Print the key before the value, with this text between
    #[arg(long, short = 'K', value_name = "TEXT", conflicts_with = "json",
          value_parser = clap::builder::NonEmptyStringValueParser::new())]
    key_separator: Option<String>,
}

impl Format {
    /// Prints a record. In text, what is null is empty.
    pub fn write(
        &self,
        out: &mut impl Write,
        topic: &str,
        partition: i32,
        record: &Record,
    ) -> io::Result<()> {
        if self.json {
            return writeln!(out, "{}", to_json(topic, partition, record));
        }
        if let Some(separator) = &self.key_separator {
            out.write_all(record.key.as_deref().unwrap_or_default())?;
            out.write_all(separator.as_bytes())?;
        }
        out.write_all(record.value.as_deref().unwrap_or_default())?;
        out.write_all(b"\n")
    }
}

#[cfg(test)]
mod tests {
    use thalweg_types::{Offset, Timestamp};

    use super::*;

    fn printed(format: &Format, value: Option<&'static str>) -> String {
        let record = Record {
            offset: Offset(1),
            timestamp: Timestamp(2),
            key: Some("k".into()),
            value: value.map(Into::into),
            headers: Vec::new(),
        };
        let mut out = Vec::new();
        format.write(&mut out, "t", 0, &record).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn text_is_the_value_and_the_key_if_asked_for() {
        let plain = Format { json: false, key_separator: None };
        assert_eq!(printed(&plain, Some("v")), "v\n");
        assert_eq!(printed(&plain, None), "\n");
        let keyed = Format { json: false, key_separator: Some("\t".to_owned()) };
        assert_eq!(printed(&keyed, Some("v")), "k\tv\n");
    }

    #[test]
    fn json_is_one_object_a_line() {
        let json = Format { json: true, key_separator: None };
        let line = printed(&json, None);
        assert!(line.starts_with('{') && line.ends_with("}\n"), "{line}");
        assert!(line.contains("\"value\":null"), "{line}");
    }
}
