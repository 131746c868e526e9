//! Objects as files under one folder.
//!
//! A hard link to a name fails if the name is taken, which is put-if-absent; and the file that is
//! linked was flushed before, so that under a name there is never half an object.

use std::collections::BTreeSet;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use thalweg_env::{Disk, Env};

use crate::{BoxFuture, BucketError, OBJECT_LENGTH_MAX, Put, Store, name};

/// Where objects are written before they get their names. No object's name starts with a dot.
const ASIDE: &str = ".aside";

/// A store in a local folder. One process at a time may have it open; its owner sees to that.
pub struct Directory {
    env: Env,
    files: Arc<Files>,
}

impl Directory {
    /// Opens the store in `root`, creates it if need be, and clears what a crash left unfinished.
    pub async fn open(env: &Env, root: PathBuf) -> Result<Self, BucketError> {
        let files = Arc::new(Files {
            disk: env.disk(),
            root,
            written: AtomicU64::new(0),
            flushed: Mutex::default(),
            failed: AtomicBool::new(false),
        });
        let opened = Arc::clone(&files);
        env.blocking(move || opened.clear_aside())
            .await
            .map_err(BucketError::io("open the store", &files.root.to_string_lossy()))?;
        Ok(Self { env: env.clone(), files })
    }

    fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Files) -> Result<T, BucketError> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, BucketError>> {
        let files = Arc::clone(&self.files);
        Box::pin(self.env.blocking(move || work(&files)))
    }
}

impl Store for Directory {
    fn put_if_absent<'a>(
        &'a self,
        name: &'a str,
        content: Bytes,
    ) -> BoxFuture<'a, Result<Put, BucketError>> {
        let name = name.to_owned();
        self.blocking(move |files| files.put(&name, &content))
    }

    fn get<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Bytes>, BucketError>> {
        let name = name.to_owned();
        self.blocking(move |files| files.get(&name))
    }

    fn list<'a>(&'a self, folder: &'a str) -> BoxFuture<'a, Result<Vec<String>, BucketError>> {
        let folder = folder.to_owned();
        self.blocking(move |files| files.list(&folder))
    }

    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), BucketError>> {
        let name = name.to_owned();
        self.blocking(move |files| files.delete(&name))
    }
}

struct Files {
    disk: Arc<dyn Disk>,
    root: PathBuf,
    /// Numbers the files written aside.
    written: AtomicU64,
    /// Folders flushed since the store was opened, so that all names in them are durable.
    flushed: Mutex<BTreeSet<PathBuf>>,
    /// Set by the first flush of a folder that fails. What came of it is not known before the
    /// folder is read anew, so nothing is put any more.
    failed: AtomicBool,
}

impl Files {
    fn put(&self, name: &str, content: &[u8]) -> Result<Put, BucketError> {
        name::check(name)?;
        name::check_length(name, content.len())?;
        if self.failed.load(Ordering::Acquire) {
            return Err(BucketError::Failed(name.to_owned()));
        }
        let folder = self.root.join(name::split(name).0);
        self.disk.create_dir_all(&folder).map_err(BucketError::io("create the folder of", name))?;
        self.flush_once(&folder).map_err(BucketError::io("flush the folder of", name))?;

        let aside = self.aside().join(self.written.fetch_add(1, Ordering::Relaxed).to_string());
        let put = self
            .write(&aside, content)
            .and_then(|()| self.link(&aside, &self.root.join(name)))
            .map_err(BucketError::io("write", name));
        // What stays behind has no object's name and goes at the next opening.
        let _ = self.disk.remove(&aside);
        put
    }

    fn write(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let file = self.disk.create_new(path)?;
        file.write_all_at(&[IoSlice::new(content)], 0)?;
        file.sync_data()
    }

    /// Gives the file written aside its name, durably.
    fn link(&self, aside: &Path, target: &Path) -> io::Result<Put> {
        let put = match self.disk.link(aside, target) {
            Ok(()) => Put::Created,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Put::Exists,
            Err(error) => return Err(error),
        };
        // The other one's name is flushed too: its owner may not have come to it yet, and the
        // caller is about to decide on what it reads there.
        let flushed = self.flush(target.parent().unwrap_or(&self.root));
        if flushed.is_err() && put == Put::Created {
            // Nobody shall decide on an object that a power cut may take back.
            let _ = self.disk.remove(target);
        }
        flushed.map(|()| put)
    }

    fn get(&self, name: &str) -> Result<Option<Bytes>, BucketError> {
        name::check(name)?;
        let path = self.root.join(name);
        let read = self
            .flush_once(path.parent().unwrap_or(&self.root))
            .and_then(|()| self.disk.read(&path, OBJECT_LENGTH_MAX as u64));
        match read {
            Ok(content) => Ok(Some(content.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(BucketError::io("read", name)(error)),
        }
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, BucketError> {
        name::check(folder)?;
        let path = self.root.join(folder);
        match self.flush_once(&path).and_then(|()| self.disk.list(&path)) {
            Ok(files) => Ok(files.into_iter().map(|file| file.name).collect()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(BucketError::io("list", folder)(error)),
        }
    }

    fn delete(&self, name: &str) -> Result<(), BucketError> {
        name::check(name)?;
        match self.disk.remove(&self.root.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(BucketError::io("delete", name)(error))
            }
            _ => Ok(()),
        }
    }

    /// Makes a folder and what an earlier process left in it durable, once.
    fn flush_once(&self, folder: &Path) -> io::Result<()> {
        if self.is_flushed(folder) {
            return Ok(());
        }
        // Outermost last: a folder counts once the names that lead to it do.
        let within = |path: &&Path| path.starts_with(&self.root);
        for path in folder.ancestors().take_while(within) {
            self.flush(path)?;
        }
        self.flush(self.root.parent().unwrap_or(Path::new("")))?;
        let mut flushed = self.flushed.lock().unwrap_or_else(PoisonError::into_inner);
        flushed.insert(folder.to_owned());
        Ok(())
    }

    fn is_flushed(&self, folder: &Path) -> bool {
        self.flushed.lock().unwrap_or_else(PoisonError::into_inner).contains(folder)
    }

    fn flush(&self, folder: &Path) -> io::Result<()> {
        let flushed = self.disk.sync_dir(folder);
        if let Err(error) = &flushed
            && error.kind() != io::ErrorKind::NotFound
        {
            self.failed.store(true, Ordering::Release);
        }
        flushed
    }

    fn aside(&self) -> PathBuf {
        self.root.join(ASIDE)
    }

    fn clear_aside(&self) -> io::Result<()> {
        let aside = self.aside();
        self.disk.create_dir_all(&aside)?;
        for file in self.disk.list(&aside)? {
            self.disk.remove(&aside.join(file.name))?;
        }
        Ok(())
    }
}
