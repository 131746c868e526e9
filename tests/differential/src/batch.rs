//! Record batches, right ones and wrong ones.

use bytes::{BufMut, BytesMut};
use thalweg_records::{Attributes, BatchBuilder, HEADER_LEN};
use thalweg_types::{ProducerEpoch, ProducerId, Sequence, Timestamp};

use crate::failure::Failure;
use crate::names::{Names, Pid};

/// Where a header has its fields.
const BASE_OFFSET_AT: usize = 0;
const LENGTH_AT: usize = 8;
const MAGIC_AT: usize = 16;
const CRC_AT: usize = 17;
const CHECKED_FROM: usize = 21;
const ATTRIBUTES_AT: usize = 21;
const LAST_OFFSET_DELTA_AT: usize = 23;
const COUNT_AT: usize = 57;

/// Two hours past the broker's clock is too far in the future: the script's moments begin an hour
/// before it.
const FUTURE_MS: i64 = 3 * 3600 * 1000;

/// A batch in the words of the script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Whose it is.
    pub producer: Pid,
    /// The producer's epoch.
    pub epoch: i16,
    /// Sequence of the first record.
    pub sequence: i32,
    /// How many records.
    pub records: i32,
    /// True with the transactional bit.
    pub transactional: bool,
    /// The script's moment of the first record; the others follow.
    pub moment: i64,
    /// What is wrong with it.
    pub flaw: Option<Flaw>,
}

/// What can be wrong with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// The checksum.
    Crc,
    /// The format.
    Magic(i8),
    /// There are as many records more or less than the header says.
    Count(i32),
    /// The last offset is farther or less far than there are records.
    LastOffset(i32),
    /// It does not begin at 0.
    BaseOffset(i64),
    /// The bit that only brokers set.
    Control,
    /// No record.
    Empty,
    /// Another batch behind it.
    Two,
    /// The last byte is missing.
    Cut,
    /// There are no bytes at all.
    NoBytes,
    /// A codec that does not exist.
    Codec,
    /// A timestamp in the future.
    Future,
    /// Records have no keys.
    Keyless,
    /// Larger than some topics allow.
    Large,
}

impl Flaw {
    /// Each of them.
    pub const ALL: [Self; 17] = [
        Self::Crc,
        Self::Magic(0),
        Self::Magic(1),
        Self::Magic(3),
        Self::Count(1),
        Self::Count(-1),
        Self::LastOffset(1),
        Self::LastOffset(-1),
        Self::BaseOffset(5),
        Self::Control,
        Self::Empty,
        Self::Two,
        Self::Cut,
        Self::NoBytes,
        Self::Codec,
        Self::Future,
        Self::Large,
    ];
}

impl Batch {
    /// The batch as a broker gets it.
    pub fn bytes(&self, names: &Names) -> Result<BytesMut, Failure> {
        let mut bytes = self.sound(names)?;
        let Some(flaw) = self.flaw else { return Ok(bytes) };
        let add = |bytes: &mut BytesMut, at: usize, more: i32| {
            let now = bytes[at..at + 4].try_into().map_or(0, i32::from_be_bytes);
            put(bytes, at, now.wrapping_add(more).to_be_bytes());
        };
        match flaw {
            Flaw::NoBytes => return Ok(BytesMut::new()),
            Flaw::Magic(magic) => put(&mut bytes, MAGIC_AT, magic.to_be_bytes()),
            Flaw::Count(more) => add(&mut bytes, COUNT_AT, more),
            Flaw::LastOffset(more) => add(&mut bytes, LAST_OFFSET_DELTA_AT, more),
            Flaw::BaseOffset(offset) => put(&mut bytes, BASE_OFFSET_AT, offset.to_be_bytes()),
            Flaw::Empty => empty(&mut bytes),
            Flaw::Cut => bytes.truncate(bytes.len() - 1),
            Flaw::Control => attributes(&mut bytes, |bits| bits.with_control(true)),
            Flaw::Codec => attributes(&mut bytes, |bits| Attributes(bits.0 | 7)),
            Flaw::Crc | Flaw::Two | Flaw::Future | Flaw::Keyless | Flaw::Large => {}
        }
        stamp(&mut bytes, flaw == Flaw::Crc);
        if flaw == Flaw::Two {
            bytes = [bytes.clone(), bytes].concat().as_slice().into();
        }
        Ok(bytes)
    }

    fn sound(&self, names: &Names) -> Result<BytesMut, Failure> {
        let id = ProducerId(names.producer_id(self.producer));
        let (epoch, sequence) = (ProducerEpoch(self.epoch), Sequence(self.sequence));
        let mut builder = BatchBuilder::new().producer(id, epoch, sequence);
        if self.transactional {
            builder = builder.transactional();
        }
        let ahead = if self.flaw == Some(Flaw::Future) { FUTURE_MS } else { 0 };
        let padding = if self.flaw == Some(Flaw::Large) { 2000 } else { 0 };
        for number in 0..i64::from(self.records) {
            let moment = self.moment + number;
            let at = Timestamp(names.timestamp(moment + ahead));
            let key = format!("k{}", moment % 7);
            let key = (self.flaw != Some(Flaw::Keyless)).then_some(key.as_bytes());
            let value = format!("v{moment}{}", "x".repeat(padding));
            builder.push(at, key, Some(value.as_bytes()), &[]);
        }
        Ok(BytesMut::from(builder.build()?.as_bytes()))
    }
}

/// A header without records.
fn empty(bytes: &mut BytesMut) {
    bytes.truncate(HEADER_LEN);
    put(bytes, LENGTH_AT, (HEADER_LEN as i32 - 12).to_be_bytes());
    put(bytes, COUNT_AT, 0_i32.to_be_bytes());
}

fn attributes(bytes: &mut BytesMut, change: impl FnOnce(Attributes) -> Attributes) {
    let bits = u16::from_be_bytes([bytes[ATTRIBUTES_AT], bytes[ATTRIBUTES_AT + 1]]);
    put(bytes, ATTRIBUTES_AT, change(Attributes(bits)).0.to_be_bytes());
}

fn stamp(bytes: &mut BytesMut, wrong: bool) {
    let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, &bytes[CHECKED_FROM..]) as u32;
    put(bytes, CRC_AT, (crc ^ u32::from(wrong)).to_be_bytes());
}

fn put<const N: usize>(bytes: &mut BytesMut, at: usize, field: [u8; N]) {
    (&mut bytes[at..at + N]).put_slice(&field);
}
