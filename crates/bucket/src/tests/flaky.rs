//! A store whose answers to puts follow a script.

use std::collections::VecDeque;
use std::io;
use std::sync::Mutex;

use bytes::Bytes;

use crate::{BoxFuture, BucketError, Memory, Put, Store};

/// What happens to a put.
#[derive(Clone, Copy)]
pub enum Fate {
    /// Stored, but the answer is lost.
    StoredUnanswered,
    /// Lost on its way; so is the answer.
    Lost,
    /// The store says that the name is taken, whatever is there.
    SaysExists,
    /// Refused for good.
    Refused,
}

/// Gives puts the fates of the script in turn; after its end all goes well.
pub struct Flaky {
    pub memory: Memory,
    script: Mutex<VecDeque<Fate>>,
}

impl Flaky {
    pub fn new(script: &[Fate]) -> Self {
        Self { memory: Memory::default(), script: Mutex::new(script.iter().copied().collect()) }
    }

    pub fn script_left(&self) -> usize {
        self.script.lock().unwrap().len()
    }
}

impl Store for Flaky {
    fn put_if_absent<'a>(
        &'a self,
        name: &'a str,
        content: Bytes,
    ) -> BoxFuture<'a, Result<Put, BucketError>> {
        let fate = self.script.lock().unwrap().pop_front();
        Box::pin(async move {
            match fate {
                None => self.memory.put_if_absent(name, content).await,
                Some(Fate::SaysExists) => Ok(Put::Exists),
                Some(Fate::Refused) => {
                    Err(BucketError::io("write", name)(io::ErrorKind::StorageFull.into()))
                }
                Some(Fate::Lost) => Err(BucketError::unclear(name, io::ErrorKind::TimedOut.into())),
                Some(Fate::StoredUnanswered) => {
                    self.memory.put_if_absent(name, content).await?;
                    Err(BucketError::unclear(name, io::ErrorKind::TimedOut.into()))
                }
            }
        })
    }

    fn get<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, BucketError>> {
        self.memory.get(name)
    }

    fn list<'a>(&'a self, folder: &'a str) -> BoxFuture<'a, Result<Vec<String>, BucketError>> {
        self.memory.list(folder)
    }

    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), BucketError>> {
        self.memory.delete(name)
    }
}
