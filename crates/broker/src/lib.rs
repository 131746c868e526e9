//! What a request means, once for all doors.
//!
//! A [`Broker`] is opened on a data directory and cloned for every connection. Doors translate their
//! protocol's requests into its methods and the outcomes back; they name no store and decide nothing.
//! The README says which part does what.

mod access;
mod acls;
mod append;
mod broker;
mod clock;
mod configs;
mod coordinators;
mod data_dir;
mod error;
mod fetch;
mod groups;
mod log_dirs;
mod memory;
mod metadata;
mod metrics;
mod offsets;
mod options;
mod producer_ids;
mod session;
mod topic;
mod topics;
mod transactions;
mod verify;

#[cfg(test)]
mod tests;

pub use append::{AppendOptions, Appended, Durable};
pub use broker::{Broker, StartReport};
pub use data_dir::FORMAT_VERSION;
pub use error::{BrokerError, ChainError};
pub use fetch::{
    EpochEnd, FetchPartition, FetchRequest, FetchResponse, Fetched, Isolation, SMALL_FETCH_BYTES,
};
pub use groups::{AskedOffsets, CommitOutcome, GroupLag, GroupListing};
pub use log_dirs::{LogDir, PartitionSize};
pub use memory::{MemoryBudget, MemoryPermit};
pub use metadata::ClusterTable;
pub use metrics::{BrokerMetrics, TopicTraffic};
pub use offsets::{ListOffset, ListedOffset, OffsetSpec};
pub use options::BrokerOptions;
pub use session::Session;
pub use topic::{Topic, TopicKey};
pub use topics::{CreatedTopic, DeletedTopic};
pub use transactions::{EndedPartition, InTransaction, MarkerRequest, TransactionListing};
pub use verify::{Verification, verify};

// The words of the rules and stores beneath that requests and outcomes are made of, so that a door
// needs no other crate.
pub use thalweg_cluster::{Assignment, ClusterError, NewTopic, Resource, acl, config, is_internal};
pub use thalweg_groups::{
    CommitPartition, DeleteGroups, DeletedGroup, DescribeGroups, DescribedGroup, DescribedMember,
    FetchedOffset, GroupError, GroupId, GroupState, GroupType, Heartbeat, InstanceId, JoinGroup,
    JoinRefusal, Joined, JoinedMember, LeaveGroup, Leaver, Left, ListGroups, ListedGroup, MemberId,
    OffsetCommit, OffsetDelete, OffsetFetch, Protocol, SyncGroup, Synced, TopicPartitions,
    TxnOffsetCommit,
};
pub use thalweg_log::{
    AbortedTransaction, Damage, FLUSH_BUCKETS_US, LogError, LogMetrics, ProducerBatch,
    ProducerError, ProducerState, RecoveryReport, Slice,
};
pub use thalweg_records::{
    BatchHeader, Compression, Fault, RecordsError, RejectReason, Rejected, RejectedRecord,
};
pub use thalweg_transactions::{
    AddPartitions, AddedPartitions, DescribedTransaction, Description, EndTransaction,
    InitProducerId, ListTransactions, ListedTransaction, Partitions, Producer, Purpose,
    TransactionError, TransactionState, TransactionVersion, TransactionalId,
};
