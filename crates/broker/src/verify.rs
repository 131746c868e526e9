//! Checking a data directory that no broker has open.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use thalweg_bucket::{Chain, Directory};
use thalweg_cluster::{ClusterState, Entry};
use thalweg_env::Env;
use thalweg_log::Damage;
use thalweg_types::ErrorKind;

use crate::error::ChainError;
use crate::metadata::CHAIN;
use crate::{BrokerError, data_dir};

/// What a check found.
#[derive(Clone, Debug, Default)]
pub struct Verification {
    /// Entries of the metadata chain that were read.
    pub metadata_entries: u64,
    /// Topics that exist after them.
    pub topics: usize,
    /// What is damaged outside the log.
    pub damage: Vec<Damage>,
    /// What was found in the log.
    pub log: thalweg_log::Verification,
}

impl Verification {
    /// True if nothing is damaged.
    pub fn is_sound(&self) -> bool {
        self.damage.is_empty() && self.log.is_sound()
    }

    fn note(&mut self, file: PathBuf, what: impl Into<String>) {
        self.damage.push(Damage { file, position: 0, what: what.into() });
    }
}

/// Checks everything in a data directory: its format, the metadata chain, the log. Holds the
/// directory's lock meanwhile. An error means that the check could not be made; damage is no error.
pub async fn verify(env: &Env, dir: &Path) -> Result<Verification, BrokerError> {
    let (disk, path) = (env.disk(), dir.to_owned());
    let opened = env.blocking(move || data_dir::open_existing(disk.as_ref(), &path)).await;
    let (_lock, format_damage) = opened?;
    let mut found =
        Verification { damage: format_damage.into_iter().collect(), ..Default::default() };
    check_chain(env, dir, &mut found).await?;
    let (disk, path) = (env.disk(), dir.to_owned());
    found.log = env.blocking(move || thalweg_log::verify(disk, &path)).await?;
    Ok(found)
}

/// Replays the chain from its first entry on, which live brokers do only from the last snapshot on.
async fn check_chain(env: &Env, dir: &Path, found: &mut Verification) -> Result<(), BrokerError> {
    let store = Directory::open(env, dir.to_owned()).await.map_err(ChainError::from)?;
    let chain = Chain::new(env, Arc::new(store), CHAIN);
    let mut state = ClusterState::default();
    loop {
        let name = dir.join(CHAIN).join(format!("{:020}", found.metadata_entries));
        let entries = match chain.read_from(found.metadata_entries).await {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                found.note(name, error.to_string());
                return Ok(());
            }
            Err(error) => return Err(ChainError::from(error).into()),
        };
        if entries.is_empty() {
            break;
        }
        for entry in entries {
            let name = dir.join(CHAIN).join(format!("{:020}", entry.number));
            if entry.damaged_twin {
                found.note(name.clone(), "one of the two copies of the entry");
            }
            let replayed = Entry::decode(&entry.payload).and_then(|e| state.replay(&e));
            if let Err(error) = replayed {
                found.note(name, error.to_string());
                return Ok(());
            }
            found.metadata_entries = entry.number + 1;
        }
    }
    found.topics = state.topics().count();
    Ok(())
}
