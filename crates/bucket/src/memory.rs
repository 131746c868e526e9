//! Objects in memory: gone with the process.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::{BoxFuture, BucketError, Put, Store, name};

/// A store for tests and simulation.
#[derive(Debug, Default)]
pub struct Memory(Mutex<BTreeMap<String, Bytes>>);

impl Memory {
    fn objects(&self) -> MutexGuard<'_, BTreeMap<String, Bytes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, name: &str, content: Bytes) -> Result<Put, BucketError> {
        name::check(name)?;
        name::check_length(name, content.len())?;
        match self.objects().entry(name.to_owned()) {
            Entry::Occupied(_) => Ok(Put::Exists),
            Entry::Vacant(place) => {
                place.insert(content);
                Ok(Put::Created)
            }
        }
    }

    fn names(&self, folder: &str) -> Result<Vec<String>, BucketError> {
        name::check(folder)?;
        let objects = self.objects();
        let parts = objects.keys().map(|name| name::split(name));
        Ok(parts.filter(|(of, _)| *of == folder).map(|(_, last)| last.to_owned()).collect())
    }
}

impl Store for Memory {
    fn put_if_absent<'a>(
        &'a self,
        name: &'a str,
        content: Bytes,
    ) -> BoxFuture<'a, Result<Put, BucketError>> {
        Box::pin(async move { self.put(name, content) })
    }

    fn get<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, BucketError>> {
        Box::pin(async move {
            name::check(name)?;
            Ok(self.objects().get(name).cloned())
        })
    }

    fn list<'a>(&'a self, folder: &'a str) -> BoxFuture<'a, Result<Vec<String>, BucketError>> {
        Box::pin(async move { self.names(folder) })
    }

    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), BucketError>> {
        Box::pin(async move {
            name::check(name)?;
            self.objects().remove(name);
            Ok(())
        })
    }
}
