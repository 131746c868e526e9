//! Objects numbered 0, 1, 2, …: a log that several writers agree on by creating the next number.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use thalweg_env::Env;

use crate::object::{self, Kind, Nonce, Object};
use crate::{BucketError, Put, Store};

/// Most entries that [`Chain::read_from`] returns at once.
pub const READ_MAX: usize = 256;

/// How many snapshots stay: the newest, and those before it in case it is damaged.
pub const SNAPSHOTS_KEPT: usize = 2;

/// How often an append asks again after an unclear answer.
const ATTEMPTS_MAX: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(20);

/// The outcome of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Append {
    /// The entry stands under the number, durably.
    Won,
    /// Another writer's entry stands there. Read it and decide again.
    Lost,
}

/// An entry of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place.
    pub number: u64,
    /// What its writer appended.
    pub payload: Bytes,
    /// True if one of the two stored copies is damaged.
    pub damaged_twin: bool,
}

/// The state after all entries below `at`, as the caller encoded it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The first entry that the snapshot does not contain.
    pub at: u64,
    /// What the caller wrote.
    pub payload: Bytes,
    /// True if one of the two stored copies is damaged.
    pub damaged_twin: bool,
}

/// A numbered chain in one folder of a store. Cheap to clone.
///
/// After an error of [`append`](Self::append) the entry may or may not be there: read to the end
/// before deciding again.
#[derive(Clone)]
pub struct Chain {
    env: Env,
    store: Arc<dyn Store>,
    folder: Arc<str>,
}

impl Chain {
    /// The chain in `folder`; an empty one if nothing is there.
    pub fn new(env: &Env, store: Arc<dyn Store>, folder: &str) -> Self {
        Self { env: env.clone(), store, folder: folder.into() }
    }

    /// Tries to make `payload` the entry `number`, which should be the first that does not exist.
    pub async fn append(&self, number: u64, payload: &[u8]) -> Result<Append, BucketError> {
        let nonce = self.env.random_bytes();
        let name = self.entry_name(number);
        let content = object::encode(Kind::Entry, number, nonce, payload);
        match self.put(&name, content).await? {
            Put::Created => Ok(Append::Won),
            Put::Exists => self.whose(number, nonce).await,
        }
    }

    /// The entries from `number` on, at most [`READ_MAX`]; none if the chain ends before it.
    pub async fn read_from(&self, number: u64) -> Result<Vec<Entry>, BucketError> {
        let mut entries = Vec::new();
        for number in (number..).take(READ_MAX) {
            match self.entry(number).await? {
                Some(Object { payload, damaged_twin, .. }) => {
                    entries.push(Entry { number, payload, damaged_twin });
                }
                None => break,
            }
        }
        Ok(entries)
    }

    /// Keeps `payload` as the state after all entries below `at`, and drops snapshots that are
    /// older than the one before it. If a snapshot of that number exists, it stays.
    pub async fn write_snapshot(&self, at: u64, payload: &[u8]) -> Result<(), BucketError> {
        let content = object::encode(Kind::Snapshot, at, self.env.random_bytes(), payload);
        self.put(&self.snapshot_name(at), content).await?;
        let numbers = self.snapshot_numbers().await?;
        for old in numbers.iter().rev().skip(SNAPSHOTS_KEPT) {
            self.store.delete(&self.snapshot_name(*old)).await?;
        }
        Ok(())
    }

    /// The newest snapshot that can be read. A damaged one is passed over, because the entries it
    /// stands for are still there; one of a newer format is an error.
    pub async fn latest_snapshot(&self) -> Result<Option<Snapshot>, BucketError> {
        for at in self.snapshot_numbers().await?.into_iter().rev() {
            let name = self.snapshot_name(at);
            let Some(content) = self.store.get(&name).await? else { continue };
            match object::decode(Kind::Snapshot, at, &name, &content) {
                Ok(Object { payload, damaged_twin, .. }) => {
                    return Ok(Some(Snapshot { at, payload, damaged_twin }));
                }
                Err(error) if error.kind() == thalweg_types::ErrorKind::Corrupt => {
                    tracing::warn!(object = name, %error, "snapshot passed over");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Puts an object; after an unclear answer the same bytes again, which is safe because whoever
    /// is second only learns that the name is taken.
    async fn put(&self, name: &str, content: Bytes) -> Result<Put, BucketError> {
        let mut pause = FIRST_PAUSE;
        for _ in 1..ATTEMPTS_MAX {
            match self.store.put_if_absent(name, content.clone()).await {
                Err(BucketError::Unclear { .. }) => self.env.sleep(pause).await,
                clear => return clear,
            }
            pause *= 2;
        }
        self.store.put_if_absent(name, content).await
    }

    /// Reads back whose entry took the number: our own may have, by an attempt without an answer.
    async fn whose(&self, number: u64, nonce: Nonce) -> Result<Append, BucketError> {
        match self.entry(number).await? {
            Some(object) if object.nonce == nonce => Ok(Append::Won),
            Some(_) => Ok(Append::Lost),
            None => Err(BucketError::Vanished(self.entry_name(number))),
        }
    }

    async fn entry(&self, number: u64) -> Result<Option<Object>, BucketError> {
        let name = self.entry_name(number);
        match self.store.get(&name).await? {
            Some(content) => object::decode(Kind::Entry, number, &name, &content).map(Some),
            None => Ok(None),
        }
    }

    async fn snapshot_numbers(&self) -> Result<Vec<u64>, BucketError> {
        let names = self.store.list(&self.snapshot_folder()).await?;
        // Zero-padded names sort as their numbers do.
        Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
    }

    fn entry_name(&self, number: u64) -> String {
        format!("{}/{number:020}", self.folder)
    }

    fn snapshot_folder(&self) -> String {
        format!("{}/snapshot", self.folder)
    }

    fn snapshot_name(&self, at: u64) -> String {
        format!("{}/{at:020}", self.snapshot_folder())
    }
}
