//! What a campaign stands on: seeds that repeat, and judges that can say no.

use std::time::Duration;

use bytes::Bytes;
use thalweg_broker::AbortedTransaction;
use thalweg_checker::Value;
use thalweg_env::Instant;
use thalweg_env::simulated::{SimWorld, run};
use thalweg_records::{Batch, BatchBuilder, EndTxnMarker, Record};
use thalweg_types::{
    LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp, TxnOutcome,
};

use crate::aborted::Aborted;
use crate::payload::Source;
use crate::times::Times;
use crate::trims::Trims;
use crate::{Campaign, Counts, REQUIRED, Run, payload, run_seed};

const TOPIC: &str = "topic";
const AGE: Duration = Duration::from_secs(10);

fn run_one(seed: u64) -> Run {
    run_seed(seed, false).expect("a runtime")
}

#[test]
fn a_seed_is_sound_and_repeats() {
    let (first, second) = (run_one(5), run_one(5));
    assert_eq!(first.violations(), Vec::<String>::new());
    assert!(first.simulated >= Duration::from_mins(1));
    assert!(first.judgement.report.acked > 0 && first.counts.get("recoveries") > 0);
    assert_eq!(first.judgement.trace, second.judgement.trace);
    assert_eq!(first.counts, second.counts);
}

#[test]
fn seeds_go_their_own_ways() {
    assert_ne!(run_one(5).judgement.trace, run_one(6).judgement.trace);
}

#[test]
fn a_campaign_runs_every_seed_and_says_what_it_never_met() {
    let campaign = Campaign { seeds: 10..12, jobs: 2, again: 11, first_only: false };
    let findings = campaign.run(|_, _| {});
    assert_eq!(findings.counts.get("seeds"), 2);
    assert_eq!(findings.counts.get("seeds run twice"), 1);
    assert_eq!(Counts::default().missing(), REQUIRED);
    assert!(findings.counts.get("kills") > 0 && !findings.counts.missing().contains(&"kills"));
}

#[cfg(feature = "planted-bugs")]
#[test]
fn a_planted_bug_is_found() {
    use thalweg_log::planted::{Bug, plant_here};

    plant_here(Some(Bug::ReuseOffset));
    let found = (0..10).any(|seed| !run_one(seed).violations().is_empty());
    plant_here(None);
    assert!(found);
}

/// Rules for a topic of which a batch with offsets 0 to 4 was stored, and when it was made.
fn with_a_batch(judge: impl FnOnce(Trims, Instant)) {
    let judged = run(async {
        let (env, _world) = SimWorld::new(0);
        let mut trims = Trims::default();
        trims.stored(TOPIC, 0, 4, env.now());
        judge(trims, env.now());
    });
    judged.expect("a runtime");
}

#[test]
fn what_nobody_may_take_has_to_stay() {
    with_a_batch(|mut trims, made| {
        assert_eq!(trims.log_start(TOPIC, 0, 0, made), Ok(false));
        assert!(trims.log_start(TOPIC, 0, 5, made + AGE * 100).is_err());
    });
}

#[test]
fn retention_takes_nothing_before_its_time() {
    with_a_batch(|mut trims, made| {
        trims.allow(TOPIC, AGE);
        assert!(trims.log_start(TOPIC, 0, 5, made + AGE - Duration::from_secs(1)).is_err());
    });
    with_a_batch(|mut trims, made| {
        trims.allow(TOPIC, AGE);
        assert_eq!(trims.log_start(TOPIC, 0, 5, made + AGE), Ok(true));
        assert_eq!(trims.by_retention(), 1);
    });
}

#[test]
fn a_wall_clock_that_jumps_ahead_excuses_a_tenth() {
    with_a_batch(|mut trims, made| {
        trims.allow(TOPIC, AGE);
        trims.ahead().jump(made, 3_600_000);
        assert!(trims.log_start(TOPIC, 0, 5, made + AGE * 8 / 10).is_err());
    });
    with_a_batch(|mut trims, made| {
        trims.allow(TOPIC, AGE);
        trims.ahead().jump(made, 3_600_000);
        assert_eq!(trims.log_start(TOPIC, 0, 5, made + AGE * 10 / 11), Ok(true));
    });
}

#[test]
fn orders_to_delete_count_as_far_as_they_go() {
    with_a_batch(|mut trims, made| {
        trims.ask(TOPIC, 0, 3);
        assert_eq!(trims.log_start(TOPIC, 0, 3, made), Ok(true));
        assert!(trims.log_start(TOPIC, 0, 4, made).is_err());
    });
}

#[test]
fn look_ups_by_time_find_the_first_that_fits() {
    let mut times = Times::default();
    for (offset, timestamp) in [(3, 10), (4, 30), (7, 20), (8, 30)] {
        times.note(0, offset, Timestamp(timestamp));
    }
    let found = [9, 11, 20, 31].map(|timestamp| times.at_or_after(0, Timestamp(timestamp)));
    assert_eq!(found, [3, 4, 4, -1]);
    assert_eq!((times.largest(0), times.largest(1)), (4, -1));
}

#[test]
fn readers_of_committed_records_leave_out_what_was_aborted() {
    let batch = |id, offset| {
        let mut builder = BatchBuilder::new().at(Offset(offset), LeaderEpoch(0)).transactional();
        builder = builder.producer(ProducerId(id), ProducerEpoch(0), Sequence(0));
        builder.push(Timestamp(0), None, Some(b"record"), &[]);
        Batch::parse(builder.build().unwrap().freeze().into_bytes()).unwrap()
    };
    let marker = |id, offset, outcome| {
        let marker = EndTxnMarker { outcome, coordinator_epoch: 0 };
        let mut batch = marker.batch(ProducerId(id), ProducerEpoch(0), Timestamp(0)).unwrap();
        batch.stamp(Offset(offset), LeaderEpoch(0));
        Batch::parse(batch.freeze().into_bytes()).unwrap()
    };
    let aborted = |id, first, last| AbortedTransaction {
        producer_id: ProducerId(id),
        first_offset: Offset(first),
        last_offset: Offset(last),
        last_stable_offset: Offset(last + 1),
    };
    let batches = [
        batch(1, 0),
        batch(2, 1),
        batch(1, 2),
        marker(1, 3, TxnOutcome::Abort),
        batch(1, 4),
        marker(2, 5, TxnOutcome::Commit),
        marker(1, 6, TxnOutcome::Commit),
        batch(2, 7),
    ];
    let shown = |transactions| {
        let mut filter = Aborted::new(transactions);
        let shown = batches.iter().filter(|batch| filter.shows(batch).unwrap());
        shown.map(|batch| batch.base_offset().0).collect::<Vec<_>>()
    };
    assert_eq!(shown(vec![]), [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(shown(vec![aborted(2, 7, 8), aborted(1, 0, 3)]), [1, 3, 4, 5, 6]);
}

#[test]
fn a_copy_says_what_it_was_made_of() {
    let source = Source { partition: 2, offset: 1 << 40 };
    let headers = vec![payload::header(Value { producer: 1, number: 2 }), source.header()];
    let record =
        Record { offset: Offset(9), timestamp: Timestamp(0), key: None, value: None, headers };
    assert_eq!(Source::of(&record), Some(source));
    assert_eq!(Source::of(&Record { headers: Vec::new(), ..record }), None);
}

#[test]
fn a_record_is_what_was_sent_or_none_of_ours() {
    let value = Value { producer: 3, number: 4 };
    let record = |bytes: &[u8], headers| Record {
        offset: Offset(9),
        timestamp: Timestamp(0),
        key: None,
        value: Some(Bytes::copy_from_slice(bytes)),
        headers,
    };
    let (sent, headers) = (payload::body(value, 100), vec![payload::header(value)]);
    assert_eq!(payload::identify(&record(&sent, headers.clone()), 100), Ok(value));
    assert!(payload::identify(&record(&[&sent[..], b"!"].concat(), headers), 100).is_err());
    assert!(payload::identify(&record(&sent, Vec::new()), 100).is_err());
}
