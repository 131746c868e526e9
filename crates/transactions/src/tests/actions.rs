//! What can happen, at random.

use proptest::prelude::*;

use crate::TxnOutcome;

/// How many partitions there are.
pub const PARTITIONS: usize = 3;

#[derive(Clone, Debug)]
pub enum Action {
    /// A new process uses the transactional id.
    Start {
        id: u8,
        bumps: bool,
    },
    /// A client goes on after an error.
    Recover {
        client: u8,
    },
    Produce {
        client: u8,
        partition: u8,
    },
    End {
        client: u8,
        outcome: TxnOutcome,
    },
    Retry {
        client: u8,
    },
    Stop {
        id: u8,
    },
    Allocate {
        succeeds: bool,
    },
    /// Records become durable; what waited for them happens.
    Flush {
        turns: u8,
    },
    /// A marker reaches some of its partitions.
    Deliver {
        marker: u8,
        reach: u8,
    },
    Advance(u64),
    /// Everything that is under way happens.
    Calm,
    /// Part of what was not known to be durable survives.
    Crash {
        survives: prop::sample::Index,
    },
}

pub fn action() -> impl Strategy<Value = Action> {
    let client = prop_oneof![6 => 0..2u8, 1 => 2..6u8];
    let outcome = prop_oneof![3 => Just(TxnOutcome::Commit), 1 => Just(TxnOutcome::Abort)];
    prop_oneof![
        1 => (0..2u8, any::<bool>()).prop_map(|(id, bumps)| Action::Start { id, bumps }),
        2 => client.clone().prop_map(|client| Action::Recover { client }),
        20 => (client.clone(), 0..PARTITIONS as u8)
            .prop_map(|(client, partition)| Action::Produce { client, partition }),
        12 => (client.clone(), outcome).prop_map(|(client, outcome)| Action::End { client, outcome }),
        6 => client.prop_map(|client| Action::Retry { client }),
        1 => (0..2u8).prop_map(|id| Action::Stop { id }),
        6 => prop::bool::weighted(0.8).prop_map(|succeeds| Action::Allocate { succeeds }),
        24 => (0..6u8).prop_map(|turns| Action::Flush { turns }),
        12 => (any::<u8>(), any::<u8>()).prop_map(|(marker, reach)| Action::Deliver { marker, reach }),
        12 => Just(Action::Calm),
        6 => prop_oneof![
            8 => 0..200u64,
            4 => 1_000..40_000u64,
            1 => Just(700_000),
        ].prop_map(Action::Advance),
        2 => any::<prop::sample::Index>().prop_map(|survives| Action::Crash { survives }),
    ]
}
