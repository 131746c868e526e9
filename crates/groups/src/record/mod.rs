//! The records of `__consumer_offsets`, in Kafka's formats.
//!
//! | key | value | written as |
//! |---|---|---|
//! | 0, 1 `OffsetCommitKey`: group, topic, partition | `OffsetCommitValue` 0–4 | 4 (KIP-848: with the topic's id), 1 if it has a time to live of its own |
//! | 2 `GroupMetadataKey`: group | `GroupMetadataValue` 0–4 | 3 (KIP-345: with instance ids) |
//!
//! Everything else that Kafka puts there belongs to other group protocols; the caller counts and skips it.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use thalweg_coordination::{DecodeError, Reader, Record, TooLarge, Writer};
use thalweg_types::{LeaderEpoch, Offset, Timestamp, TopicId, TopicName};
use uuid::Uuid;

use crate::{GroupId, InstanceId, MemberId};

const LEGACY_OFFSET_KEY: i16 = 0;
const OFFSET_KEY: i16 = 1;
const GROUP_KEY: i16 = 2;
const OFFSET_VALUE_WITH_EXPIRY: i16 = 1;
const OFFSET_VALUE: i16 = 4;
const GROUP_VALUE: i16 = 3;
/// The first version of either value with compact lengths and tagged fields.
const COMPACT_VALUE: i16 = 4;
/// The tagged field of an offset.
const TOPIC_ID: u32 = 0;
const MEMBERS_WITHOUT_PROTOCOL: DecodeError =
    DecodeError::Contradiction("a group with members has no protocol");
/// Six names or byte strings, two numbers and the tagged fields, each at its shortest.
const MEMBER_LENGTH_MIN: usize = 15;

/// A record, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A committed offset, or `None`: it is gone.
    Offset(OffsetKey, Option<CommittedOffset>),
    /// The last complete generation of a group, or `None`: the group is gone.
    Group(GroupId, Option<GroupMetadata>),
}

/// Which offset.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct OffsetKey {
    pub group_id: GroupId,
    pub topic: TopicName,
    pub partition: i32,
}

/// How far a group has read a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The next offset to read.
    pub offset: Offset,
    /// The leader epoch of the last record read, or none.
    pub leader_epoch: LeaderEpoch,
    /// The client's text.
    pub metadata: String,
    /// When it was committed.
    pub committed_at: Timestamp,
    /// When it expires, if the commit said so.
    pub expires_at: Option<Timestamp>,
    /// The incarnation of the topic, or zero if the client did not tell.
    pub topic_id: TopicId,
}

/// A generation of a classic group that had its assignments, or that had no members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMetadata {
    /// What the members agree on; none for a group that never had members.
    pub protocol_type: Option<Arc<str>>,
    /// The generation.
    pub generation: i32,
    /// The protocol of the members.
    pub protocol: Option<Arc<str>>,
    /// The member that assigns.
    pub leader: Option<MemberId>,
    /// When this was written: of a group without members, since when it has had none. None in old records.
    pub since: Timestamp,
    /// The members.
    pub members: BTreeMap<MemberId, MemberMetadata>,
}

/// A member of a [`GroupMetadata`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberMetadata {
    /// The instance of a static member.
    pub instance_id: Option<InstanceId>,
    /// `client.id`.
    pub client_id: Arc<str>,
    /// Where it connects from.
    pub client_host: Arc<str>,
    /// How long it may take to join again.
    pub rebalance_timeout_ms: i32,
    /// How long it may stay silent.
    pub session_timeout_ms: i32,
    /// What it said under the chosen protocol.
    pub subscription: Bytes,
    /// What the leader assigned to it.
    pub assignment: Bytes,
}

impl Entry {
    /// The entry in `record`.
    pub fn decode(record: &Record) -> Result<Self, DecodeError> {
        let mut key = Reader::new(record.key.clone());
        match key.i16()? {
            LEGACY_OFFSET_KEY | OFFSET_KEY => {
                let key = decode_offset_key(&mut key)?;
                let value = record.value.clone().map(decode_offset).transpose()?;
                Ok(Self::Offset(key, value))
            }
            GROUP_KEY => {
                let group_id = key.string()?.into();
                let value = record.value.clone().map(decode_group).transpose()?;
                Ok(Self::Group(group_id, value))
            }
            other => Err(DecodeError::Unknown(other)),
        }
    }

    /// The record for this entry, unless its value would be longer than `value_length_max`.
    pub fn encode(&self, value_length_max: usize) -> Result<Record, TooLarge> {
        let (key, value) = match self {
            Self::Offset(key, value) => (encode_offset_key(key), value.as_ref().map(encode_offset)),
            Self::Group(group_id, value) => {
                let mut key = Writer::new(GROUP_KEY);
                key.string(group_id.as_str());
                (key, value.as_ref().map(encode_group))
            }
        };
        let value = value.map(|writer| writer.finish(value_length_max)).transpose()?;
        Ok(Record { key: key.finish(usize::MAX)?, value })
    }
}

fn decode_offset_key(key: &mut Reader) -> Result<OffsetKey, DecodeError> {
    Ok(OffsetKey {
        group_id: key.string()?.into(),
        topic: TopicName::new(&key.string()?).map_err(|_| DecodeError::Name)?,
        partition: key.i32()?,
    })
}

fn encode_offset_key(key: &OffsetKey) -> Writer {
    let mut writer = Writer::new(OFFSET_KEY);
    writer.string(key.group_id.as_str());
    writer.string(key.topic.as_str());
    writer.i32(key.partition);
    writer
}

/// The version of a value, and a reader for the rest of it.
fn open_value(value: Bytes) -> Result<(i16, Reader), DecodeError> {
    let mut reader = Reader::new(value);
    let version = reader.i16()?;
    if !(0..=COMPACT_VALUE).contains(&version) {
        return Err(DecodeError::Unknown(version));
    }
    reader.set_compact(version >= COMPACT_VALUE);
    Ok((version, reader))
}

fn decode_offset(value: Bytes) -> Result<CommittedOffset, DecodeError> {
    let (version, mut value) = open_value(value)?;
    let offset = Offset(value.i64()?);
    let leader_epoch = if version >= 3 { LeaderEpoch(value.i32()?) } else { LeaderEpoch::NONE };
    let metadata = value.string()?;
    let committed_at = Timestamp(value.i64()?);
    let expires_at = if version == OFFSET_VALUE_WITH_EXPIRY { value.i64()? } else { -1 };
    let expires_at = (expires_at != -1).then_some(Timestamp(expires_at));
    let mut id = TopicId::ZERO;
    value.tagged(|tag, field| {
        if tag == TOPIC_ID {
            id = TopicId(Uuid::from_bytes(field.fixed()?));
        }
        Ok(())
    })?;
    Ok(CommittedOffset { offset, leader_epoch, metadata, committed_at, expires_at, topic_id: id })
}

fn encode_offset(value: &CommittedOffset) -> Writer {
    if let Some(expires_at) = value.expires_at {
        // Only version 1 has the field, and it has neither a leader epoch nor a topic id.
        let mut writer = Writer::new(OFFSET_VALUE_WITH_EXPIRY);
        writer.i64(value.offset.0);
        writer.string(&value.metadata);
        writer.i64(value.committed_at.0);
        writer.i64(expires_at.0);
        return writer;
    }
    let mut writer = Writer::new_compact(OFFSET_VALUE);
    writer.i64(value.offset.0);
    writer.i32(value.leader_epoch.0);
    writer.string(&value.metadata);
    writer.i64(value.committed_at.0);
    let topic_id = (TOPIC_ID, value.topic_id.0.as_bytes().as_slice());
    writer.tagged(if value.topic_id.is_zero() { &[] } else { std::slice::from_ref(&topic_id) });
    writer
}

fn decode_group(value: Bytes) -> Result<GroupMetadata, DecodeError> {
    let (version, mut value) = open_value(value)?;
    let protocol_type = value.string()?;
    let generation = value.i32()?;
    let protocol: Option<Arc<str>> = value.nullable_string()?.map(Into::into);
    let leader = value.nullable_string()?.map(Into::into);
    let since = if version >= 2 { Timestamp(value.i64()?) } else { Timestamp::NONE };
    let count = value.array(MEMBER_LENGTH_MIN)?;
    let members = (0..count)
        .map(|_| decode_member(version, &mut value))
        .collect::<Result<BTreeMap<_, _>, _>>()?;
    value.tagged(|_, _| Ok(()))?;
    if protocol.is_none() && !members.is_empty() {
        return Err(MEMBERS_WITHOUT_PROTOCOL);
    }
    let protocol_type = (!protocol_type.is_empty()).then(|| protocol_type.into());
    Ok(GroupMetadata { protocol_type, generation, protocol, leader, since, members })
}

fn decode_member(
    version: i16,
    value: &mut Reader,
) -> Result<(MemberId, MemberMetadata), DecodeError> {
    let member_id = value.string()?.into();
    let instance_id = if version >= 3 { value.nullable_string()? } else { None };
    let client_id = value.string()?.into();
    let client_host = value.string()?.into();
    let rebalance_timeout_ms = if version >= 1 { value.i32()? } else { -1 };
    let session_timeout_ms = value.i32()?;
    let subscription = value.bytes()?;
    let assignment = value.bytes()?;
    value.tagged(|_, _| Ok(()))?;
    let member = MemberMetadata {
        instance_id: instance_id.map(Into::into),
        client_id,
        client_host,
        // Before version 1 members had one timeout for both.
        rebalance_timeout_ms: match rebalance_timeout_ms {
            -1 => session_timeout_ms,
            given => given,
        },
        session_timeout_ms,
        subscription,
        assignment,
    };
    Ok((member_id, member))
}

fn encode_group(value: &GroupMetadata) -> Writer {
    let mut writer = Writer::new(GROUP_VALUE);
    writer.string(value.protocol_type.as_deref().unwrap_or_default());
    writer.i32(value.generation);
    writer.nullable_string(value.protocol.as_deref());
    writer.nullable_string(value.leader.as_ref().map(MemberId::as_str));
    writer.i64(value.since.0);
    writer.array(Some(value.members.len()));
    for (member_id, member) in &value.members {
        writer.string(member_id.as_str());
        writer.nullable_string(member.instance_id.as_ref().map(InstanceId::as_str));
        writer.string(&member.client_id);
        writer.string(&member.client_host);
        writer.i32(member.rebalance_timeout_ms);
        writer.i32(member.session_timeout_ms);
        writer.bytes(&member.subscription);
        writer.bytes(&member.assignment);
    }
    writer
}

#[cfg(test)]
mod tests;
