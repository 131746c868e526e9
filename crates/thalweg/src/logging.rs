//! Logs on standard error: text or JSON, with times in UTC.

use std::io::IsTerminal;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt, reload};

use crate::error::Failure;
use crate::settings::{LOG_FORMAT, LOG_LEVEL, Settings};

/// Changes what is logged while the process runs.
pub struct LogLevel(reload::Handle<Targets, Registry>);

/// Starts logging for a command that talks to a broker: only what its user should know.
pub fn start_for_command() -> Result<(), Failure> {
    let colours = std::io::stderr().is_terminal();
    let format = fmt::layer().with_writer(std::io::stderr).with_ansi(colours).with_target(false);
    let level = LevelFilter::WARN;
    let started = tracing_subscriber::registry().with(format.with_filter(level)).try_init();
    started.map_err(|error| Failure::Failed(format!("cannot start logging: {error}")))
}

/// Starts logging for a broker, as its settings say.
pub fn start_for_broker(settings: &Settings) -> Result<LogLevel, Failure> {
    let (level, handle) = reload::Layer::new(targets(settings));
    let format = if settings.get(LOG_FORMAT) == "json" {
        fmt::layer().json().with_writer(std::io::stderr).boxed()
    } else {
        let colours = std::io::stderr().is_terminal();
        fmt::layer().with_writer(std::io::stderr).with_ansi(colours).boxed()
    };
    let started = tracing_subscriber::registry().with(level).with(format).try_init();
    started.map_err(|error| Failure::Failed(format!("cannot start logging: {error}")))?;
    Ok(LogLevel(handle))
}

impl LogLevel {
    /// Logs from now on what the settings say.
    pub fn set(&self, settings: &Settings) {
        // Fails only without a subscriber, and then nothing is logged anyway.
        let _ = self.0.reload(targets(settings));
    }
}

/// The settings are checked: what does not parse cannot get here.
fn targets(settings: &Settings) -> Targets {
    settings.get(LOG_LEVEL).parse().unwrap_or_default()
}
