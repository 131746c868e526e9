//! How a command ends when it does not succeed.

use std::error::Error;
use std::process::ExitCode;

use crate::client::ClientError;
use crate::settings::SettingsError;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The command line or the settings are wrong.
    #[error("{0}")]
    Usage(String),
    /// Something did not work out.
    #[error("{0}")]
    Failed(String),
    /// A broker or the way to it.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The settings.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Standard input or output.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

impl Failure {
    /// 2 for wrong usage, 1 for everything else; 0 where the reader of the output went away.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) | Self::Settings(_) => ExitCode::from(2),
            Self::Io(error) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        }
    }

    /// True if there is nobody to tell.
    pub fn is_silent(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() == std::io::ErrorKind::BrokenPipe)
    }
}

/// An error and what led to it, as far as its own text does not say it.
pub fn with_sources(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
