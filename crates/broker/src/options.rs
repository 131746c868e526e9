//! What a broker is started with.

use std::path::PathBuf;

use thalweg_cluster::config::Overrides;

/// Options of a broker. `settings` are what an administrator configures; the other fields are
/// limits of the process, with defaults that fit a laptop.
#[derive(Clone, Debug)]
pub struct BrokerOptions {
    /// The directory that keeps everything. Created if it does not exist.
    pub data_dir: PathBuf,
    /// Settings of the catalogue from file, environment and flags, by name. Checked on opening.
    pub settings: Overrides,
    /// Bytes that one batch may decompress to, whatever its topic allows. 64 MiB.
    pub decompressed_bytes_max: usize,
    /// Compressed batches that are decompressed at the same time, unless they are small. As they keep
    /// processors from everything else, fewer than there are. 1.
    pub decompressions_max: usize,
    /// Memory for the records of fetch responses under way. When it is used up, a response gets
    /// [`SMALL_FETCH_BYTES`](crate::SMALL_FETCH_BYTES) more at most. 64 MiB.
    pub fetch_memory_bytes: usize,
    /// Requests that may wait for the coordinator of one partition of the offsets topic. 1,024.
    pub group_queue_max: usize,
}

impl BrokerOptions {
    /// The defaults, for the data directory `data_dir`.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            settings: Overrides::new(),
            decompressed_bytes_max: 64 << 20,
            decompressions_max: 1,
            fetch_memory_bytes: 64 << 20,
            group_queue_max: 1024,
        }
    }

    /// The same with one more setting.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.insert(name.to_owned(), value.to_owned());
        self
    }
}
