//! What clients, brokers and time may do.

use proptest::prelude::*;

use super::PARTITIONS;
use crate::TxnOutcome;

#[derive(Clone, Debug)]
pub enum Action {
    Join {
        group: u8,
        member: Option<u8>,
        instance: Option<u8>,
        protocols: u8,
        version: u8,
    },
    Sync {
        group: u8,
        member: u8,
        stale: bool,
    },
    /// All whom the group has told a generation ask for their assignments.
    SyncAll {
        group: u8,
    },
    Heartbeat {
        group: u8,
        member: u8,
    },
    Leave {
        group: u8,
        member: u8,
    },
    /// Within a transaction, if there is a producer.
    Commit {
        group: u8,
        member: Option<u8>,
        producer: Option<i64>,
        partition: i32,
        offset: i64,
        topic_id: u8,
    },
    /// The transaction of a producer ends.
    End {
        producer: i64,
        outcome: TxnOutcome,
    },
    Forget {
        group: u8,
        partition: i32,
    },
    Delete {
        group: u8,
    },
    /// An incarnation of the topic is deleted, or all of them.
    Gone {
        topic_id: u8,
    },
    Advance(u64),
    /// Everything expires that may.
    Age,
    /// What the last steps have written is lost, and their replies with it.
    Crash {
        lost_steps: usize,
    },
}

pub fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        25 => membership(),
        15 => about_offsets(),
        6 => prop_oneof![0..20u64, 1_000..12_000u64, Just(60_000)].prop_map(Action::Advance),
    ]
}

fn membership() -> impl Strategy<Value = Action> {
    let (group, member) = (0..2u8, 0..6u8);
    let some = |range| proptest::option::of(range);
    prop_oneof![
        8 => (group.clone(), some(member.clone()), some(0..2u8), 0..4u8, 3..10u8).prop_map(
            |(group, member, instance, protocols, version)| {
                let instance = instance.filter(|_| version > 6);
                Action::Join { group, member, instance, protocols, version }
            }
        ),
        8 => (group.clone(), member.clone(), prop::bool::weighted(0.1))
            .prop_map(|(group, member, stale)| Action::Sync { group, member, stale }),
        4 => group.clone().prop_map(|group| Action::SyncAll { group }),
        3 => (group.clone(), member.clone())
            .prop_map(|(group, member)| Action::Heartbeat { group, member }),
        2 => (group, member).prop_map(|(group, member)| Action::Leave { group, member }),
    ]
}

pub fn about_offsets() -> impl Strategy<Value = Action> {
    let outcome = prop_oneof![3 => Just(TxnOutcome::Commit), 1 => Just(TxnOutcome::Abort)];
    prop_oneof![
        16 => commit(),
        6 => (0..3i64, outcome).prop_map(|(producer, outcome)| Action::End { producer, outcome }),
        1 => (0..2u8, 0..PARTITIONS)
            .prop_map(|(group, partition)| Action::Forget { group, partition }),
        1 => (0..2u8).prop_map(|group| Action::Delete { group }),
        1 => (0..3u8).prop_map(|topic_id| Action::Gone { topic_id }),
        1 => Just(Action::Age),
        2 => (0..4usize).prop_map(|lost_steps| Action::Crash { lost_steps }),
    ]
}

fn commit() -> impl Strategy<Value = Action> {
    let member = proptest::option::weighted(0.3, 0..6u8);
    let producer = proptest::option::weighted(0.7, 0..3i64);
    let topic_id = prop_oneof![2 => Just(0u8), 1 => 1..3u8];
    // Most of them meet in one partition.
    let partition = prop_oneof![2 => Just(0), 1 => 1..PARTITIONS];
    (0..2u8, member, producer, partition, 0..100i64, topic_id).prop_map(
        |(group, member, producer, partition, offset, topic_id)| Action::Commit {
            group,
            member,
            producer,
            partition,
            offset,
            topic_id,
        },
    )
}
