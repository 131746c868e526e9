//! Each planted bug is caught by the tests that are there for it. Needs the feature `planted-bugs`.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::compact_model::transactions_and_crashes;
use super::crash::{break_the_disk, crash_and_recover};
use super::damage::flip_and_read;
use crate::planted::{Bug, plant_here};

/// Seeds that are tried until one catches the bug.
const SEEDS: u64 = 60;

/// True if a scenario fails with `bug` planted.
fn caught(bug: Bug, scenario: impl Fn(u64)) -> bool {
    plant_here(Some(bug));
    let found = (0..SEEDS).any(|seed| catch_unwind(AssertUnwindSafe(|| scenario(seed))).is_err());
    plant_here(None);
    found
}

fn crashes(seed: u64) {
    crash_and_recover(seed, |_, _| {});
}

#[test]
fn a_reply_before_the_flush_is_caught() {
    assert!(caught(Bug::AckBeforeFlush, crashes));
}

#[test]
fn a_reused_offset_is_caught() {
    assert!(caught(Bug::ReuseOffset, crashes));
}

#[test]
fn a_skipped_checksum_is_caught() {
    assert!(caught(Bug::SkipChecksum, |seed| {
        flip_and_read(seed);
    }));
}

#[test]
fn a_forgotten_sequence_is_caught() {
    assert!(caught(Bug::ForgetSequence, crashes));
}

#[test]
fn a_checkpoint_that_claims_too_much_is_caught() {
    assert!(caught(Bug::CheckpointTooEarly, crashes));
}

#[test]
fn a_torn_tail_that_is_believed_is_caught() {
    assert!(caught(Bug::TrustTornTail, crashes));
}

#[test]
fn a_failed_flush_that_is_ignored_is_caught() {
    assert!(caught(Bug::IgnoreFlushError, |seed| crash_and_recover(seed, break_the_disk)));
}

#[test]
fn files_that_go_too_early_are_caught() {
    assert!(caught(Bug::RemoveBeforeCheckpoint, crashes));
}

#[test]
fn a_pass_over_an_open_transaction_is_caught() {
    assert!(caught(Bug::CompactOpenTransaction, transactions_and_crashes));
}

#[test]
fn a_tombstone_that_goes_too_early_is_caught() {
    assert!(caught(Bug::TombstoneTooEarly, transactions_and_crashes));
}

#[test]
fn aborted_records_that_take_the_place_of_others_are_caught() {
    assert!(caught(Bug::CompactByAborted, transactions_and_crashes));
}

#[test]
fn an_aborted_transaction_that_is_forgotten_is_caught() {
    assert!(caught(Bug::DropAbort, transactions_and_crashes));
    assert!(caught(Bug::ForgetAborted, transactions_and_crashes));
}

#[test]
fn an_open_transaction_that_lets_readers_through_is_caught() {
    assert!(caught(Bug::ForgetOpen, transactions_and_crashes));
    assert!(caught(Bug::StableTooHigh, transactions_and_crashes));
}

#[test]
fn without_a_bug_the_same_seeds_pass() {
    for seed in 0..4 {
        transactions_and_crashes(seed);
        crashes(seed);
        crash_and_recover(seed, break_the_disk);
        flip_and_read(seed);
    }
}

#[test]
fn bugs_are_known_by_their_names() {
    assert!(Bug::ALL.iter().all(|bug| Bug::from_name(bug.name()) == Some(*bug)));
}
