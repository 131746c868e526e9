//! What the data directory holds.

use std::path::PathBuf;
use std::sync::Arc;

use thalweg_cluster::acl::{AclOperation, AclTarget};

use crate::{Broker, BrokerError, Session, Topic};

/// The data directory as Kafka's tools see a log directory.
#[derive(Clone, Debug)]
pub struct LogDir {
    /// Its path.
    pub path: PathBuf,
    /// Bytes that can still be written; unknown if the device does not say.
    pub free_bytes: Option<u64>,
    /// All partitions, sorted by topic and number.
    pub partitions: Vec<PartitionSize>,
}

/// A partition and its size.
#[derive(Clone, Debug)]
pub struct PartitionSize {
    /// The topic.
    pub topic: Arc<Topic>,
    /// The partition.
    pub partition: i32,
    /// Bytes of its batches.
    pub bytes: u64,
}

impl Broker {
    /// The data directory and what each partition takes of it, for a client.
    pub async fn describe_log_dir(&self, session: &Session) -> Result<LogDir, BrokerError> {
        self.table().authorize(session, AclOperation::Describe, AclTarget::CLUSTER)?;
        Ok(self.log_dir().await)
    }

    /// The same for the process itself.
    pub async fn log_dir(&self) -> LogDir {
        let (disk, path) = (self.shared.env.disk(), self.shared.options.data_dir.clone());
        let on = path.clone();
        let free_bytes = self.shared.env.blocking(move || disk.free_bytes(&on).ok()).await;
        let sizes = |topic: &Arc<Topic>| -> Vec<PartitionSize> {
            let partitions = (0..).zip(&topic.partitions);
            partitions
                .map(|(partition, log)| PartitionSize {
                    topic: topic.clone(),
                    partition,
                    bytes: log.bytes(),
                })
                .collect()
        };
        LogDir { path, free_bytes, partitions: self.table().topics().flat_map(sizes).collect() }
    }
}
