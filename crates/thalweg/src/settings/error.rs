//! What can be wrong with settings.

use std::path::PathBuf;

use super::Source;

/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error(
        "{} is not a TOML file; names with dots may need quotes, as in \"max.connections\" = 100\n{reason}",
        path.display()
    )]
    NotToml {
        /// The file.
        path: PathBuf,
        /// Where and why.
        reason: String,
    },
    /// One setting is wrong.
    #[error("{origin}: {reason}")]
    Setting {
        /// Where it was given.
        origin: Source,
        /// What is wrong with it.
        reason: String,
    },
}
