//! A disk that fails, fills up, or loses power.

use std::path::Path;

use thalweg_env::simulated::{Crash, Failure, Operation};
use thalweg_types::TopicId;

use super::*;
use crate::{CommitPartition, OffsetCommit, OffsetFetch, TopicPartitions};

#[test]
fn a_full_disk_refuses_writes_and_serves_reads() {
    simulate(60, |env, world| async move {
        let options = options().set("disk.free.min.bytes", "8388608");
        let broker = Broker::open(&env, options).await.unwrap().0;
        create(&broker, "t", 1, &[]).await;
        produce(&broker, "t", 0, &["before"]).await.unwrap();
        let large = 1 << 40;
        world.disk().set_capacity(large);
        let used = large - env.disk().free_bytes(Path::new("/data")).unwrap();
        world.disk().set_capacity(used + (4 << 20));
        env.sleep(Duration::from_secs(30)).await;
        assert!(broker.trouble().is_some(), "the low-water mark was not noticed");
        let refused = produce(&broker, "t", 0, &["while full"]).await;
        assert!(matches!(refused, Err(BrokerError::Storage(_))), "{refused:?}");
        assert_eq!(values(&broker, "t", 0, 0).await, ["before"]);

        world.disk().set_capacity(large);
        env.sleep(Duration::from_secs(30)).await;
        produce(&broker, "t", 0, &["after"]).await.unwrap();
        assert_eq!(values(&broker, "t", 0, 0).await, ["before", "after"]);
    });
}

fn request(offset: i64) -> OffsetCommit {
    OffsetCommit {
        group_id: "g".into(),
        generation: -1,
        member_id: "".into(),
        instance_id: None,
        retention_ms: None,
        reports_missing_group: false,
        topics: vec![TopicPartitions {
            name: "t".to_owned().try_into().unwrap(),
            id: TopicId::ZERO,
            partitions: vec![CommitPartition {
                partition: 0,
                offset: Offset(offset),
                leader_epoch: LeaderEpoch::NONE,
                metadata: None,
            }],
        }],
    }
}

/// Commits an offset of the one partition.
async fn commit(broker: &Broker, offset: i64) -> Result<(), Arc<BrokerError>> {
    let topics = broker.commit_offsets(&session(), request(offset)).await;
    topics.into_iter().flat_map(|topic| topic.partitions).try_for_each(|outcome| outcome.result)
}

async fn committed(broker: &Broker) -> Option<i64> {
    let all = OffsetFetch { group_id: "g".into(), topics: None, require_stable: false };
    let topics = broker.fetch_offsets(&session(), all).await.ok()?;
    Some(topics.first().map_or(-1, |topic| topic.partitions[0].offset.0))
}

#[test]
fn a_failed_write_takes_no_commit_with_it() {
    simulate(61, |env, world| async move {
        let broker = open(&env).await;
        create(&broker, "t", 1, &[]).await;
        commit(&broker, 1).await.unwrap();
        world.disk().fail_nth(Operation::Sync, 1, Failure::Io);
        let failed = commit(&broker, 2).await;
        assert!(failed.is_err(), "{failed:?}");
        // The coordinator comes back with what is durable, as soon as the log accepts writes again.
        let mut answer = None;
        for _ in 0..60 {
            env.sleep(Duration::from_secs(1)).await;
            answer = committed(&broker).await;
            if answer.is_some() {
                break;
            }
        }
        assert_eq!(answer, Some(1), "the failed commit must not be seen");
        commit(&broker, 3).await.unwrap();
        assert_eq!(committed(&broker).await, Some(3));
    });
}

/// Produces and commits until the power goes; what was acknowledged must be there afterwards.
#[test]
fn acknowledged_is_kept_over_power_cuts() {
    for seed in 100..130 {
        simulate(seed, |env, world| async move {
            let broker = open(&env).await;
            create(&broker, "t", 1, &[]).await;
            commit(&broker, 0).await.unwrap();
            world.disk().crash_at(1 + seed * 37 % 400, Crash::PowerCut);
            let writer_world = world.clone();
            let acknowledged = Arc::new(std::sync::atomic::AtomicI64::new(0));
            let counter = acknowledged.clone();
            env.spawn("writer", async move {
                for number in 1..1000 {
                    if produce(&broker, "t", 0, &[&number.to_string()]).await.is_err()
                        || commit(&broker, number).await.is_err()
                        || !writer_world.is_up()
                    {
                        return;
                    }
                    counter.store(number, std::sync::atomic::Ordering::Relaxed);
                }
            });
            world.down().await;
            let broker = open(&world.restart()).await;
            let last = acknowledged.load(std::sync::atomic::Ordering::Relaxed);
            let found = values(&broker, "t", 0, 0).await;
            assert!(found.len() as i64 >= last, "seed {seed}: {last} acknowledged, {found:?}");
            let offset = committed(&broker).await.unwrap();
            assert!((last..=last + 1).contains(&offset), "seed {seed}: {last}, {offset}");
        });
    }
}

/// Produces and commits on a device that fails now and then, and checks what was acknowledged, before
/// and after a power cut.
#[test]
fn acknowledged_is_kept_over_failing_writes() {
    for seed in 200..220 {
        simulate(seed, |env, world| async move {
            let broker = open(&env).await;
            create(&broker, "t", 1, &[]).await;
            commit(&broker, 0).await.unwrap();
            for operation in [Operation::Sync, Operation::Write] {
                world.disk().fail_often(operation, 0.05, Failure::Io);
            }
            let (mut acknowledged, mut last_commit) = (BTreeMap::new(), 0);
            for number in 1..60 {
                if let Ok(offset) = produce(&broker, "t", 0, &[&number.to_string()]).await {
                    let before = acknowledged.insert(offset, number.to_string());
                    assert_eq!(before, None, "seed {seed}: offset {offset} was given twice");
                }
                match commit(&broker, number).await {
                    Ok(()) => last_commit = number,
                    Err(_) => env.sleep(Duration::from_secs(2)).await,
                }
            }
            assert!(world.disk().stats().failures > 0 && !acknowledged.is_empty());
            world.disk().clear_faults();
            env.sleep(Duration::from_secs(30)).await;
            check(&broker, &acknowledged, last_commit, seed).await;
            world.crash(Crash::PowerCut);
            check(&open(&world.restart()).await, &acknowledged, last_commit, seed).await;
        });
    }
}

async fn check(broker: &Broker, acknowledged: &BTreeMap<i64, String>, commit: i64, seed: u64) {
    let found = values(broker, "t", 0, 0).await;
    for (offset, value) in acknowledged {
        let at = found.get(*offset as usize);
        assert_eq!(at, Some(value), "seed {seed}: offset {offset} of {found:?}");
    }
    let offset = committed(broker).await;
    assert!(offset >= Some(commit), "seed {seed}: committed {commit}, found {offset:?}");
}
