//! The checkpoint: partition states at one moment, so that recovery reads only what came after.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use thalweg_env::Disk;
use thalweg_types::{
    LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp, TopicPartition,
};

use crate::error::LogError;
use crate::files::{FileId, Kind};
use crate::format::bytes::{Put, Reader};
use crate::format::index::Section;
use crate::partition::PartitionState;
use crate::partition::extent::Extent;
use crate::planted::{self, Bug};
use crate::producers::{BATCHES_KEPT, ProducerBatch, ProducerState};
use crate::transactions::{AbortedTransaction, OpenTransaction};

const FRAME: [u8; 4] = *b"TWCP";
/// Version 1 knew no transactions.
pub(crate) const VERSION: u16 = 2;
const NAME: &str = "checkpoint";

/// Largest checkpoint that is read: bounds memory, not the number of partitions in practice.
const LEN_MAX: u64 = 8 << 30;

/// A decoded checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    /// File numbers below this have been given out.
    pub next_file: u64,
    /// Write-ahead log files from this number on are replayed.
    pub replay_from: u64,
    /// The broker's clock when it was written.
    pub written_at: Timestamp,
    pub partitions: Vec<PartitionCheckpoint>,
}

/// The durable state of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PartitionCheckpoint {
    pub id: TopicPartition,
    pub log_start: Offset,
    pub high_watermark: Offset,
    pub cleaned_to: Offset,
    pub epochs: Vec<(LeaderEpoch, Offset)>,
    pub producers: Vec<(ProducerId, ProducerState)>,
    pub aborted: Vec<AbortedTransaction>,
    pub extents: Vec<Extent>,
}

impl PartitionCheckpoint {
    pub(crate) fn of(id: TopicPartition, state: &PartitionState) -> Self {
        Self {
            id,
            log_start: state.log_start,
            high_watermark: state.high_watermark,
            cleaned_to: state.cleaned_to,
            epochs: state.epochs.entries().to_vec(),
            producers: state.producers.durable().map(|(id, p)| (*id, p.clone())).collect(),
            aborted: state.aborted.iter().copied().collect(),
            extents: state.extents.clone(),
        }
    }

    pub(crate) fn restore(self, state: &mut PartitionState) {
        state.log_start = self.log_start;
        state.high_watermark = self.high_watermark;
        state.next = self.high_watermark;
        state.cleaned_to = self.cleaned_to;
        self.epochs.into_iter().for_each(|(epoch, base)| state.epochs.note(epoch, base));
        for (id, mut producer) in self.producers {
            producer.open = producer.open.filter(|_| !planted::is(Bug::ForgetOpen));
            state.producers.insert(id, producer);
        }
        if !planted::is(Bug::ForgetAborted) {
            state.aborted.extend(self.aborted);
        }
        state.bytes = self.extents.iter().map(|extent| extent.bytes).sum();
        state.extents = self.extents;
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.partition(self.id);
        out.offset(self.log_start);
        out.offset(self.high_watermark);
        out.offset(self.cleaned_to);
        out.u32(self.epochs.len() as u32);
        for (epoch, base) in &self.epochs {
            out.leader_epoch(*epoch);
            out.offset(*base);
        }
        out.u32(self.producers.len() as u32);
        for (id, producer) in &self.producers {
            encode_producer(*id, producer, out);
        }
        out.u32(self.aborted.len() as u32);
        self.aborted.iter().for_each(|transaction| encode_aborted(transaction, out));
        out.u32(self.extents.len() as u32);
        self.extents.iter().for_each(|extent| encode_extent(extent, out));
    }

    fn decode(reader: &mut Reader<'_>, version: u16) -> Option<Self> {
        let id = reader.partition()?;
        let log_start = Offset(reader.i64()?);
        let high_watermark = Offset(reader.i64()?);
        let cleaned_to = Offset(reader.i64()?);
        let epochs = (0..reader.count(12)?)
            .map(|_| Some((LeaderEpoch(reader.i32()?), Offset(reader.i64()?))))
            .collect::<Option<_>>()?;
        let producers = (0..reader.count(PRODUCER_LEN_MIN)?)
            .map(|_| decode_producer(reader, version))
            .collect::<Option<_>>()?;
        let aborted_count = if version >= 2 { reader.count(ABORTED_LEN)? } else { 0 };
        let aborted = (0..aborted_count).map(|_| decode_aborted(reader)).collect::<Option<_>>()?;
        let extents = (0..reader.count(EXTENT_LEN)?)
            .map(|_| decode_extent(id, reader))
            .collect::<Option<_>>()?;
        Some(Self {
            id,
            log_start,
            high_watermark,
            cleaned_to,
            epochs,
            producers,
            aborted,
            extents,
        })
    }
}

const PRODUCER_LEN_MIN: usize = 8 + 2 + 8 + 1;
const ABORTED_LEN: usize = 4 * 8;
const EXTENT_LEN: usize = 8 + 1 + 8 + 4 + 4 + 8 + 8 + 8 + 4 + 8 + 8;

fn encode_producer(id: ProducerId, producer: &ProducerState, out: &mut Vec<u8>) {
    out.producer(id, producer.epoch);
    out.timestamp(producer.last_append);
    out.u8(producer.batches.len() as u8);
    for batch in &producer.batches {
        out.sequence(batch.base_sequence);
        out.sequence(batch.last_sequence);
        out.offset(batch.base_offset);
        out.offset(batch.last_offset);
        out.timestamp(batch.timestamp);
    }
    out.put(&producer.coordinator_epoch.to_le_bytes());
    out.offset(producer.last_marker);
    let none = OpenTransaction { first_offset: Offset::NONE, began_at: Timestamp::NONE };
    let open = producer.open.unwrap_or(none);
    out.offset(open.first_offset);
    out.timestamp(open.began_at);
}

fn decode_producer(reader: &mut Reader<'_>, version: u16) -> Option<(ProducerId, ProducerState)> {
    let id = ProducerId(reader.i64()?);
    let epoch = ProducerEpoch(reader.i16()?);
    let last_append = Timestamp(reader.i64()?);
    let count = usize::from(reader.u8()?);
    let mut batches = VecDeque::new();
    for _ in 0..count.min(BATCHES_KEPT) {
        batches.push_back(ProducerBatch {
            base_sequence: Sequence(reader.i32()?),
            last_sequence: Sequence(reader.i32()?),
            base_offset: Offset(reader.i64()?),
            last_offset: Offset(reader.i64()?),
            timestamp: Timestamp(reader.i64()?),
        });
    }
    if count > BATCHES_KEPT {
        return None;
    }
    let mut producer = ProducerState { last_append, batches, ..ProducerState::new(epoch) };
    if version >= 2 {
        producer.coordinator_epoch = reader.i32()?;
        producer.last_marker = Offset(reader.i64()?);
        let first_offset = Offset(reader.i64()?);
        let began_at = Timestamp(reader.i64()?);
        let open = OpenTransaction { first_offset, began_at };
        producer.open = (first_offset != Offset::NONE).then_some(open);
    }
    Some((id, producer))
}

fn encode_aborted(transaction: &AbortedTransaction, out: &mut Vec<u8>) {
    out.put(&transaction.producer_id.0.to_le_bytes());
    out.offset(transaction.first_offset);
    out.offset(transaction.last_offset);
    out.offset(transaction.last_stable_offset);
}

fn decode_aborted(reader: &mut Reader<'_>) -> Option<AbortedTransaction> {
    Some(AbortedTransaction {
        producer_id: ProducerId(reader.i64()?),
        first_offset: Offset(reader.i64()?),
        last_offset: Offset(reader.i64()?),
        last_stable_offset: Offset(reader.i64()?),
    })
}

fn encode_extent(extent: &Extent, out: &mut Vec<u8>) {
    out.u64(extent.file.number);
    out.u8(match extent.file.kind {
        Kind::Wal => 1,
        Kind::Segment => 2,
    });
    out.u64(extent.section.position);
    out.u32(extent.section.batches);
    out.u32(extent.section.crc);
    out.offset(extent.base);
    out.offset(extent.end);
    out.u64(extent.bytes);
    out.u32(extent.pieces);
    out.timestamp(extent.max_timestamp);
    out.timestamp(extent.first_append);
}

fn decode_extent(partition: TopicPartition, reader: &mut Reader<'_>) -> Option<Extent> {
    let number = reader.u64()?;
    let file = match reader.u8()? {
        1 => FileId::wal(number),
        2 => FileId::segment(number),
        _ => return None,
    };
    let section =
        Section { partition, position: reader.u64()?, batches: reader.u32()?, crc: reader.u32()? };
    Some(Extent {
        file,
        section,
        base: Offset(reader.i64()?),
        end: Offset(reader.i64()?),
        bytes: reader.u64()?,
        pieces: reader.u32()?,
        max_timestamp: Timestamp(reader.i64()?),
        first_append: Timestamp(reader.i64()?),
    })
}

impl Checkpoint {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.u64(self.next_file);
        out.u64(self.replay_from);
        out.timestamp(self.written_at);
        out.u32(self.partitions.len() as u32);
        self.partitions.iter().for_each(|partition| partition.encode(&mut out));
        out
    }

    pub(crate) fn decode(bytes: &[u8], version: u16) -> Option<Self> {
        let mut reader = Reader(bytes);
        let mut checkpoint = Self {
            next_file: reader.u64()?,
            replay_from: reader.u64()?,
            written_at: Timestamp(reader.i64()?),
            partitions: Vec::new(),
        };
        for _ in 0..reader.count(20 + 3 * 8 + 3 * 4)? {
            checkpoint.partitions.push(PartitionCheckpoint::decode(&mut reader, version)?);
        }
        reader.0.is_empty().then_some(checkpoint)
    }
}

/// Where the checkpoint of the data directory `dir` lies.
pub(crate) fn path(dir: &Path) -> PathBuf {
    dir.join(crate::CHECKPOINT_DIR).join(NAME)
}

/// Replaces the checkpoint; returns the bytes written. Until this returns the old one counts.
pub(crate) fn write(disk: &dyn Disk, dir: &Path, checkpoint: &Checkpoint) -> Result<u64, LogError> {
    let path = path(dir);
    let frame = thalweg_frame::encode(FRAME, VERSION, &checkpoint.encode());
    disk.replace(&path, &frame).map_err(LogError::io("writing the checkpoint", &path))?;
    Ok(frame.len() as u64)
}

/// The checkpoint; `None` in a new directory. Both of its copies damaged is an error.
pub(crate) fn read(disk: &dyn Disk, dir: &Path) -> Result<Option<(Checkpoint, bool)>, LogError> {
    let path = path(dir);
    let frame = match disk.read(&path, LEN_MAX) {
        Ok(frame) => frame,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(LogError::io("reading the checkpoint", path)(error)),
    };
    let corrupt = |what| LogError::Corrupt { file: path.clone(), position: 0, what };
    let decoded = thalweg_frame::decode(FRAME, VERSION, &frame).map_err(|error| match error {
        thalweg_frame::FrameError::Newer { found, known } => {
            LogError::NewerFormat { file: path.clone(), found, known }
        }
        _ => corrupt("both copies of the checkpoint are damaged"),
    })?;
    let checkpoint = Checkpoint::decode(&decoded.payload, decoded.version)
        .ok_or_else(|| corrupt("the checkpoint is malformed"))?;
    Ok(Some((checkpoint, decoded.damaged_twin)))
}
