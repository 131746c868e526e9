//! Settings of the process itself, which no client sees or changes.

/// What is logged: a level, or directives such as `info,thalweg_log=debug`.
pub const LOG_LEVEL: &str = "logging.level";
/// How it is logged: `text` or `json`.
pub const LOG_FORMAT: &str = "logging.format";

pub(super) struct ProcessSetting {
    pub name: &'static str,
    pub default: &'static str,
    pub dynamic: bool,
    /// The legal values; none for free text.
    words: &'static [&'static str],
}

const SETTINGS: [ProcessSetting; 2] = [
    ProcessSetting { name: LOG_LEVEL, default: "info", dynamic: true, words: &[] },
    ProcessSetting { name: LOG_FORMAT, default: "text", dynamic: false, words: &["text", "json"] },
];

pub(super) fn find(name: &str) -> Option<&'static ProcessSetting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

pub(super) fn names() -> impl Iterator<Item = &'static str> {
    SETTINGS.iter().map(|setting| setting.name)
}

impl ProcessSetting {
    pub fn check(&self, value: &str) -> Result<(), String> {
        if self.name == LOG_LEVEL {
            let parsed = value.parse::<tracing_subscriber::filter::Targets>();
            return parsed.map(|_| ()).map_err(|_| {
                format!(
                    "invalid value {value} for configuration {}: \
                     use error, warn, info, debug or trace",
                    self.name
                )
            });
        }
        if self.words.contains(&value) {
            return Ok(());
        }
        Err(format!(
            "invalid value {value} for configuration {}: string must be one of: {}",
            self.name,
            self.words.join(", ")
        ))
    }
}
