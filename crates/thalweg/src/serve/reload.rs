//! SIGHUP: the settings are read again.

use thalweg_broker::Broker;
use thalweg_env::Env;

use crate::logging::LogLevel;
use crate::settings::{Change, Inputs, Settings};

/// Reads the settings again, applies what can change while the broker runs, and says what cannot.
/// Settings that cannot be read change nothing.
pub async fn reload(
    env: &Env,
    inputs: &Inputs,
    current: &mut Settings,
    level: &LogLevel,
    broker: &Broker,
) {
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
        return;
    }
    for Change { name, dynamic, .. } in &changes {
        if *dynamic {
            current.keep(name, &newer);
        }
    }
    level.set(current);
    match broker.reload(current.overrides()).await {
        Ok(()) => changes.iter().for_each(tell),
        Err(error) => tracing::error!(%error, "the settings could not be applied"),
    }
}

fn tell(Change { name, value, dynamic }: &Change) {
    let value = value.as_deref().unwrap_or("(default)");
    if *dynamic {
        tracing::info!(name, value, "changed");
    } else {
        tracing::warn!(name, value, "ignored until a restart");
    }
}
