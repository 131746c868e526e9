//! SIGHUP: the settings are read again.

use thalweg_env::Env;

use crate::logging::LogLevel;
use crate::settings::{Change, Inputs, LOG_LEVEL, Settings};

/// Reads the settings again, applies what can change while the broker runs, and says what cannot.
/// Settings that cannot be read change nothing.
pub fn reload(env: &Env, inputs: &Inputs, current: &mut Settings, level: &LogLevel) {
    let newer = match Settings::load(env, inputs) {
        Ok(newer) => newer,
        Err(error) => {
            tracing::error!(%error, "the settings stay as they were");
            return;
        }
    };
    let changes = current.changes(&newer);
    if changes.is_empty() {
        tracing::info!("no setting has changed");
    }
    for Change { name, value, dynamic } in changes {
        let value = value.as_deref().unwrap_or("(default)");
        match (name.as_str(), dynamic) {
            (LOG_LEVEL, _) => {
                level.set(&newer);
                tracing::info!(name, value, "changed");
            }
            (_, true) => tracing::warn!(
                name,
                value,
                "ignored until a restart; `thalweg config set` changes it while the broker runs"
            ),
            (_, false) => tracing::warn!(name, value, "ignored until a restart"),
        }
    }
    current.keep(LOG_LEVEL, &newer);
}
