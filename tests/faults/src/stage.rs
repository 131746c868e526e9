//! What every test needs: the binary, a place to work, settings that make files small.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;

use crate::failure::Failure;
use crate::mount;
use crate::process::Launch;

/// Settings that make a few megabytes of records roll, rewrite and compact files.
pub const SMALL_FILES: [&str; 7] = [
    "wal.file.bytes=524288",
    "wal.scattered.files=2",
    "cache.max.bytes=1048576",
    "log.retention.check.interval.ms=200",
    "group.initial.rebalance.delay.ms=0",
    "offsets.topic.num.partitions=4",
    "auto.create.topics.enable=false",
];

/// Makes the broker believe that the device is nearly full, so that it writes no records and compacts
/// nothing: what is read of a copy is then what was in it.
pub const READ_ONLY: &str = "disk.free.min.bytes=9223372036854775807";

/// Names the bug to plant, for a binary with the feature `planted-bugs`.
const PLANTED: &str = "PLANTED_BUG";

/// Options that all tests have.
#[derive(Clone, Debug, Args)]
pub struct Stage {
    /// The broker's binary
    #[arg(long, global = true, default_value = "target/release/thalweg")]
    pub binary: PathBuf,
    /// Where data directories and logs go; what a test needs of it is removed first
    #[arg(long, global = true, default_value = "target/faults")]
    pub work_dir: PathBuf,
    /// Seed of what is random in the test
    #[arg(long, global = true, default_value_t = 1)]
    pub seed: u64,
    /// Plants this bug in a broker that is built for it
    #[arg(long, global = true)]
    pub bug: Option<String>,
}

impl Stage {
    /// An empty folder for a test.
    pub fn fresh_dir(&self, name: &str) -> Result<PathBuf, Failure> {
        let dir = self.work_dir.join(name);
        let doing = || format!("clearing {}", dir.display());
        mount::leave(&dir);
        match std::fs::remove_dir_all(&dir) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Failure::io(doing())(error));
            }
            _ => {}
        }
        std::fs::create_dir_all(&dir).map_err(Failure::io(doing()))?;
        std::path::absolute(&dir).map_err(Failure::io(doing()))
    }

    /// How to start a broker on `data` in `dir`.
    pub fn launch(&self, dir: &Path) -> Result<Launch, Failure> {
        let program =
            std::path::absolute(&self.binary).map_err(Failure::io("finding the binary"))?;
        Ok(Launch {
            program,
            data_dir: dir.join("data"),
            settings: SMALL_FILES.map(str::to_owned).to_vec(),
            variables: self.bug.iter().map(|bug| (PLANTED.to_owned(), bug.clone())).collect(),
            config: None,
            kafka: None,
            descriptors: None,
            log: dir.join("broker.log"),
        })
    }
}

/// What is printed of a list that may be long.
pub fn in_short(findings: &[String]) -> String {
    const PRINTED_MAX: usize = 12;
    let mut lines = findings.iter().take(PRINTED_MAX).cloned().collect::<Vec<_>>();
    if findings.len() > PRINTED_MAX {
        lines.push(format!("… and {} more", findings.len() - PRINTED_MAX));
    }
    lines.join("\n")
}

/// Tells how far a long test has come, at most every few seconds.
pub struct Progress {
    began: Instant,
    told: Instant,
}

impl Progress {
    const INTERVAL_SECS: u64 = 10;

    /// Begins now.
    #[expect(clippy::new_without_default, reason = "reading a clock is no default")]
    pub fn new() -> Self {
        let now = Instant::now();
        Self { began: now, told: now }
    }

    /// Tells, if it is time.
    pub fn tell(&mut self, what: impl FnOnce() -> String) {
        if self.told.elapsed().as_secs() >= Self::INTERVAL_SECS {
            self.told = Instant::now();
            println!("{:5} s  {}", self.began.elapsed().as_secs(), what());
        }
    }

    /// Seconds since the beginning.
    pub fn seconds(&self) -> u64 {
        self.began.elapsed().as_secs()
    }
}
