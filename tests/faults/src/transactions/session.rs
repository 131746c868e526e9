//! A session of a transactional producer: what it asks brokers for, in one protocol or the other.
//!
//! Until KIP-890 a client names the partitions that it is going to write to, and has one epoch for the
//! whole session. Since then brokers find out themselves, and every transaction has another epoch.

use thalweg_kafka_wire::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use thalweg_kafka_wire::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use thalweg_kafka_wire::messages::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse, EndTxnRequest,
    InitProducerIdRequest, TxnOffsetCommitRequest, TxnOffsetCommitResponse,
};
use thalweg_kafka_wire::{ErrorCode, Request};
use thalweg_types::{ProducerEpoch, ProducerId};

use super::line::{Line, Over, error_of};
use super::shared::Shared;
use crate::admin;

/// Who a session is to brokers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The producer.
    pub id: ProducerId,
    /// Its epoch.
    pub epoch: ProducerEpoch,
}

/// How a transactional client goes about.
#[derive(Clone, Debug)]
pub struct Manner {
    /// Its name. Of several clients with one name the last that began a session goes on.
    pub transactional_id: String,
    /// A transaction that lasts longer is aborted.
    pub timeout_ms: i32,
    /// It does not know the newer protocol.
    pub before_kip_890: bool,
}

/// The offsets that a group is to have read up to.
pub struct Progress<'a> {
    /// The group.
    pub group: &'a str,
    /// The topic.
    pub topic: &'a str,
    /// Partitions and offsets.
    pub offsets: &'a [(i32, i64)],
}

/// A client under a transactional id.
pub struct Session {
    /// Its way to the broker.
    pub line: Line,
    /// How it goes about.
    pub manner: Manner,
    /// Who it is.
    pub who: Identity,
    shared: Shared,
}

impl Session {
    /// Begins a session, which fences the one before.
    pub async fn begin(shared: &Shared, manner: &Manner) -> Result<Self, Over> {
        let line = Line::new(shared, manner.before_kip_890);
        let who = Identity { id: ProducerId::NONE, epoch: ProducerEpoch::NONE };
        let mut session = Self { line, manner: manner.clone(), who, shared: shared.clone() };
        session.find_coordinator().await?;
        session.resume(who).await?;
        Ok(session)
    }

    async fn find_coordinator(&mut self) -> Result<(), Over> {
        let id = self.manner.transactional_id.clone();
        loop {
            let connection = self.line.connection().await?;
            let found = admin::find_transaction_coordinator(connection, &id).await;
            if self.line.unless_ended(found)?.is_some() {
                return Ok(());
            }
        }
    }

    /// Goes on as the successor of `expected`, or of whoever it was.
    pub async fn resume(&mut self, expected: Identity) -> Result<(), Over> {
        let request = InitProducerIdRequest {
            transactional_id: Some(self.manner.transactional_id.clone()),
            transaction_timeout_ms: self.manner.timeout_ms,
            producer_id: expected.id.0,
            producer_epoch: expected.epoch.0,
            ..Default::default()
        };
        let answer = self.line.insist(&request, |answer| error_of(answer.error_code)).await?;
        self.become_another(answer.producer_id, answer.producer_epoch);
        Ok(())
    }

    fn become_another(&mut self, id: i64, epoch: i16) {
        self.who = Identity { id: ProducerId(id), epoch: ProducerEpoch(epoch) };
        if !self.manner.before_kip_890 {
            self.shared.bumps(self.who.id);
        }
    }

    /// Makes partitions of a topic part of the transaction, where the client has to say so.
    pub async fn add_partitions(&mut self, topic: &str, partitions: &[i32]) -> Result<(), Over> {
        if !self.manner.before_kip_890 {
            return Ok(());
        }
        let topic =
            AddPartitionsToTxnTopic { name: topic.to_owned(), partitions: partitions.to_vec() };
        let request = AddPartitionsToTxnRequest {
            v3_and_below_transactional_id: self.manner.transactional_id.clone(),
            v3_and_below_producer_id: self.who.id.0,
            v3_and_below_producer_epoch: self.who.epoch.0,
            v3_and_below_topics: vec![topic],
            ..Default::default()
        };
        let code = |answer: &AddPartitionsToTxnResponse| {
            let topics = answer.results_by_topic_v3_and_below.iter();
            let partitions = topics.flat_map(|topic| &topic.results_by_partition);
            first_error(partitions.map(|partition| partition.partition_error_code))
        };
        self.line.insist(&request, code).await.map(drop)
    }

    /// Makes how far a group has read part of the transaction.
    pub async fn commit_offsets(&mut self, progress: &Progress<'_>) -> Result<(), Over> {
        if self.manner.before_kip_890 {
            let request = AddOffsetsToTxnRequest {
                transactional_id: self.manner.transactional_id.clone(),
                producer_id: self.who.id.0,
                producer_epoch: self.who.epoch.0,
                group_id: progress.group.to_owned(),
            };
            self.line.insist(&request, |answer| error_of(answer.error_code)).await?;
        }
        let code = |answer: &TxnOffsetCommitResponse| {
            let partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
            first_error(partitions.map(|partition| partition.error_code))
        };
        self.line.insist(&self.offsets_request(progress), code).await.map(drop)
    }

    fn offsets_request(&self, progress: &Progress<'_>) -> TxnOffsetCommitRequest {
        let partition = |(partition, offset): &(i32, i64)| TxnOffsetCommitRequestPartition {
            partition_index: *partition,
            committed_offset: *offset,
            ..Default::default()
        };
        TxnOffsetCommitRequest {
            transactional_id: self.manner.transactional_id.clone(),
            group_id: progress.group.to_owned(),
            producer_id: self.who.id.0,
            producer_epoch: self.who.epoch.0,
            topics: vec![TxnOffsetCommitRequestTopic {
                name: progress.topic.to_owned(),
                partitions: progress.offsets.iter().map(partition).collect(),
                ..Default::default()
            }],
            ..Default::default()
        }
    }

    /// Ends the transaction; true if the client is somebody else in the next.
    pub async fn end(&mut self, is_commit: bool) -> Result<bool, Over> {
        let request = self.end_request(is_commit);
        let answer = self.line.insist(&request, |answer| error_of(answer.error_code)).await?;
        let is_another = answer.producer_id >= 0;
        if is_another {
            self.become_another(answer.producer_id, answer.producer_epoch);
        } else if !self.manner.before_kip_890 {
            let id = &self.manner.transactional_id;
            self.shared.history.accuse(format!("{id} is not told who it is after a transaction"));
        }
        Ok(is_another)
    }

    /// Asks for a commit as somebody who was fenced; true if that was refused.
    pub async fn is_fenced(&mut self) -> Result<bool, Over> {
        let request = self.end_request(true);
        match self.line.insist(&request, |answer| error_of(answer.error_code)).await {
            Ok(_) => Ok(false),
            Err(Over::Refused | Over::Unclear) => Ok(true),
            Err(over) => Err(over),
        }
    }

    fn end_request(&self, is_commit: bool) -> EndTxnRequest {
        EndTxnRequest {
            transactional_id: self.manner.transactional_id.clone(),
            producer_id: self.who.id.0,
            producer_epoch: self.who.epoch.0,
            committed: is_commit,
        }
    }

    /// Sends a request, and does not wait for what comes of it.
    pub async fn leave_on_its_way<R: Request>(&mut self, request: &R) -> Result<(), Over> {
        let connection = self.line.connection().await?;
        let sent = connection.send(request).await;
        self.line.unless_ended(sent)?;
        self.line.hang_up();
        Ok(())
    }
}

fn first_error(codes: impl IntoIterator<Item = i16>) -> ErrorCode {
    codes.into_iter().map(error_of).find(|code| *code != ErrorCode::None).unwrap_or(ErrorCode::None)
}
