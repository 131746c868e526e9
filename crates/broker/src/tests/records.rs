//! Appending and fetching.

use std::time::Duration;

use thalweg_records::{BatchBuilder, Compression, Fault};
use thalweg_types::{LeaderEpoch, Offset, ProducerEpoch, Sequence, Timestamp};

use super::*;
use crate::{ListOffset, OffsetSpec};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn what_was_acknowledged_is_there_after_a_restart() {
    simulate(1, |env, world| async move {
        let broker = open(&env).await;
        create(&broker, "t", 2, &[]).await;
        assert_eq!(produce(&broker, "t", 0, &["a", "b"]).await.unwrap(), 0);
        assert_eq!(produce(&broker, "t", 0, &["c"]).await.unwrap(), 2);
        assert_eq!(values(&broker, "t", 0, 0).await, ["a", "b", "c"]);
        assert_eq!(values(&broker, "t", 0, 1).await, ["a", "b", "c"], "a whole batch comes");
        assert_eq!(values(&broker, "t", 0, 2).await, ["c"]);
        assert!(values(&broker, "t", 1, 0).await.is_empty());

        let broker = restart(broker, &world).await;
        assert_eq!(values(&broker, "t", 0, 0).await, ["a", "b", "c"]);
        assert_eq!(produce(&broker, "t", 0, &["d"]).await.unwrap(), 3);
        assert_eq!(broker.incarnation(), 2);
    });
}

#[test]
fn a_long_poll_wakes_when_a_record_is_durable() {
    simulate(2, |env, _| async move {
        let broker = open(&env).await;
        create(&broker, "t", 2, &[]).await;
        let poller = broker.clone();
        let started = env.now();
        let poll = env.spawn("poll", async move {
            let asked = vec![partition("t", 0, 0), partition("t", 1, 0)];
            fetch(&poller, asked, 30 * SECOND).await
        });
        env.sleep(SECOND).await;
        produce(&broker, "t", 1, &["x"]).await.unwrap();
        let response = poll.join().await.unwrap();
        let sizes: Vec<_> =
            response.partitions.iter().map(|p| p.as_ref().unwrap().records.len > 0).collect();
        assert_eq!(sizes, [false, true]);
        assert!(env.now() - started < 10 * SECOND, "the poll was not woken");
    });
}

#[test]
fn a_poll_ends_at_its_deadline_and_leaves_nothing_behind() {
    simulate(3, |env, _| async move {
        let broker = open(&env).await;
        create(&broker, "t", 1, &[]).await;
        let started = env.now();
        let response = fetch(&broker, vec![partition("t", 0, 0)], SECOND).await;
        assert_eq!(response.bytes(), 0);
        assert_eq!(env.now() - started, SECOND);
        let memory = broker.shared.fetch_memory.available();
        drop(response);
        assert_eq!(broker.shared.fetch_memory.available(), memory);
    });
}

#[test]
fn requests_need_not_wait_for_each_other() {
    simulate(11, |env, _| async move {
        let broker = open(&env).await;
        create(&broker, "t", 1, &[]).await;
        let mut accepted = Vec::new();
        for number in 0..20 {
            accepted.push(append(&broker, "t", 0, batch(&[&number.to_string()])).await.unwrap());
        }
        let flushes = || broker.log_metrics().chunks.load(std::sync::atomic::Ordering::Relaxed);
        let before = flushes();
        for (offset, appended) in (0..).zip(accepted) {
            assert_eq!(appended.base_offset, Offset(offset));
            appended.durable.wait().await.unwrap();
        }
        assert!(flushes() - before <= 2, "they share flushes");
        assert_eq!(values(&broker, "t", 0, 0).await.len(), 20);
    });
}

#[test]
fn what_left_the_cache_is_read_from_files() {
    simulate(12, |env, _| async move {
        let options = options().set("cache.max.bytes", "1048576");
        let broker = Broker::open(&env, options).await.unwrap().0;
        create(&broker, "t", 1, &[]).await;
        let large = "x".repeat(100_000);
        for _ in 0..40 {
            produce(&broker, "t", 0, &[&large]).await.unwrap();
        }
        let mut offset = 0;
        while offset < 40 {
            let found = values(&broker, "t", 0, offset).await;
            assert!(!found.is_empty() && found.iter().all(|value| *value == large));
            offset += found.len() as i64;
        }
        assert_eq!(offset, 40);
        let cold = broker.metrics().reads_cold.load(std::sync::atomic::Ordering::Relaxed);
        assert!(cold > 0, "everything came from memory");
    });
}

#[test]
fn without_memory_fetches_carry_less_and_do_not_wait() {
    simulate(13, |env, _| async move {
        let options = BrokerOptions { fetch_memory_bytes: 1 << 20, ..options() };
        let broker = Broker::open(&env, options).await.unwrap().0;
        create(&broker, "t", 1, &[]).await;
        for _ in 0..20 {
            produce(&broker, "t", 0, &[&"x".repeat(50_000)]).await.unwrap();
        }
        let all = || fetch(&broker, vec![partition("t", 0, 0)], Duration::ZERO);
        let stalled = all().await;
        assert!(stalled.bytes() > 900_000);
        let squeezed = all().await;
        assert!((1..=crate::SMALL_FETCH_BYTES).contains(&squeezed.bytes()));
        drop(stalled);
        assert!(all().await.bytes() > 900_000);
    });
}

#[test]
fn a_shutdown_answers_those_who_wait() {
    simulate(14, |env, _| async move {
        let broker = open(&env).await;
        create(&broker, "t", 1, &[]).await;
        let poller = broker.clone();
        let poll = env.spawn("poll", async move {
            fetch(&poller, vec![partition("t", 0, 0)], 3600 * SECOND).await.bytes()
        });
        env.sleep(SECOND).await;
        let pending = append(&broker, "t", 0, batch(&["last"])).await.unwrap();
        let started = env.now();
        broker.close().await;
        pending.durable.wait().await.unwrap();
        poll.join().await.unwrap();
        assert!(env.now() - started < 10 * SECOND);
        let late = append(&broker, "t", 0, batch(&["late"])).await;
        assert!(matches!(late, Err(BrokerError::Closing)), "{late:?}");
        assert!(matches!(
            broker.auto_create_topic(&session(), "u").await,
            Err(BrokerError::Closing)
        ));
    });
}

#[test]
fn an_error_of_one_partition_ends_the_waiting() {
    simulate(4, |env, _| async move {
        let broker = open(&env).await;
        create(&broker, "t", 1, &[]).await;
        let started = env.now();
        let asked = vec![partition("t", 0, 0), partition("t", 0, 7), partition("none", 0, 0)];
        let response = fetch(&broker, asked, SECOND).await;
        assert_eq!(env.now(), started);
        assert!(response.partitions[0].is_ok());
        assert!(matches!(response.partitions[1], Err(BrokerError::OffsetOutOfRange { .. })));
        assert!(matches!(response.partitions[2], Err(BrokerError::UnknownTopicOrPartition)));
    });
}

#[test]
fn the_first_batch_comes_whatever_its_size() {
    simulate(5, |env, _| async move {
        let broker = open(&env).await;
        create(&broker, "t", 2, &[]).await;
        let large = "x".repeat(1000);
        for partition in 0..2 {
            produce(&broker, "t", partition, &[&large]).await.unwrap();
            produce(&broker, "t", partition, &[&large]).await.unwrap();
        }
        let asked =
            [0, 1].map(|number| FetchPartition { bytes_max: 10, ..partition("t", number, 0) });
        let response = fetch(&broker, asked.to_vec(), Duration::ZERO).await;
        let lens: Vec<_> =
            response.partitions.iter().map(|p| p.as_ref().unwrap().records.len).collect();
        assert!(lens[0] > 1000 && lens[0] < 2000, "one batch: {lens:?}");
        assert_eq!(lens[1], 0, "the others keep the limits");
    });
}

#[test]
fn epochs_are_compared() {
    simulate(6, |env, world| async move {
        let broker = open(&env).await;
        create(&broker, "t", 1, &[]).await;
        produce(&broker, "t", 0, &["a"]).await.unwrap();
        let broker = restart(broker, &world).await;
        produce(&broker, "t", 0, &["b"]).await.unwrap();

        let with = |current, last| FetchPartition {
            current_leader_epoch: LeaderEpoch(current),
            last_fetched_epoch: LeaderEpoch(last),
            ..partition("t", 0, 2)
        };
        let asked = vec![with(1, -1), with(3, -1), with(2, 2), with(2, 1)];
        let response = fetch(&broker, asked, Duration::ZERO).await;
        let [old, new, same, diverging] = response.partitions.try_into().unwrap();
        assert!(matches!(old, Err(BrokerError::FencedLeaderEpoch { .. })));
        assert!(matches!(new, Err(BrokerError::UnknownLeaderEpoch { .. })));
        assert_eq!(same.unwrap().diverging_epoch, None);
        let end = diverging.unwrap().diverging_epoch.unwrap();
        assert_eq!((end.leader_epoch, end.end_offset), (LeaderEpoch(1), Offset(1)));

        let end = broker
            .end_of_epoch(&session(), TopicKey::Name("t"), 0, LeaderEpoch::NONE, LeaderEpoch(2))
            .unwrap();
        assert_eq!(end.end_offset, Offset(2));
    });
}

#[test]
fn a_topic_s_rules_for_records_are_kept() {
    simulate(7, |env, _| async move {
        let broker = open(&env).await;
        create(&broker, "small", 1, &[("max.message.bytes", "200")]).await;
        create(&broker, "compacted", 1, &[("cleanup.policy", "compact")]).await;
        create(&broker, "zipped", 1, &[("compression.type", "gzip")]).await;
        create(&broker, "stamped", 1, &[("message.timestamp.type", "LogAppendTime")]).await;

        let fault = |outcome: Result<Appended, BrokerError>| match outcome {
            Err(BrokerError::Records(error)) => error.fault(),
            other => panic!("{other:?}"),
        };
        let large = "x".repeat(300);
        assert_eq!(fault(append(&broker, "small", 0, batch(&[&large])).await), Fault::TooLarge);

        let mut keyless = BatchBuilder::new();
        keyless.push(Timestamp(1_767_225_600_000), None, Some(b"v"), &[]);
        let keyless = BytesMut::from(keyless.build().unwrap().as_bytes());
        assert_eq!(fault(append(&broker, "compacted", 0, keyless).await), Fault::InvalidRecord);

        let mut future = BatchBuilder::new();
        future.push(Timestamp(1_767_225_600_000 + 7_200_000), None, Some(b"v"), &[]);
        let future = BytesMut::from(future.build().unwrap().as_bytes());
        let refused = append(&broker, "zipped", 0, future).await;
        assert_eq!(fault(refused), Fault::InvalidTimestamp);

        let mut damaged = batch(&["v"]);
        *damaged.last_mut().unwrap() ^= 1;
        assert_eq!(fault(append(&broker, "zipped", 0, damaged).await), Fault::Corrupt);

        produce(&broker, "zipped", 0, &[&large]).await.unwrap();
        let response = fetch(&broker, vec![partition("zipped", 0, 0)], Duration::ZERO).await;
        let bytes = response.partitions[0].as_ref().unwrap().records.parts[0].clone();
        let stored = BatchReader::new(bytes).next().unwrap().unwrap();
        assert_eq!(stored.header().attributes.compression().unwrap(), Compression::Gzip);
        assert_eq!(values(&broker, "zipped", 0, 0).await, [large]);

        let stamped = append(&broker, "stamped", 0, batch(&["v"])).await.unwrap();
        assert_eq!(stamped.log_append_time, Some(env.wall()));
    });
}

/// A batch that decompresses to a bit more than `len` bytes.
fn zeros(len: usize) -> BytesMut {
    build(BatchBuilder::new().codec(Compression::Zstd), &[&"0".repeat(len)])
}

#[test]
fn large_batches_are_taken_one_after_the_other_and_bombs_among_them_are_not() {
    simulate(8, |env, _| async move {
        let options = BrokerOptions { decompressed_bytes_max: 16 << 20, ..options() };
        let broker = Broker::open(&env, options).await.unwrap().0;
        create(&broker, "t", 1, &[]).await;
        for (len, is_taken) in [(3, true), (6, true), (17, false), (15, true)] {
            let appended = append(&broker, "t", 0, zeros(len << 20)).await;
            assert_eq!(appended.is_ok(), is_taken, "{len} MiB");
        }
    });
}

#[test]
fn bombs_and_transactions_and_internal_topics_are_refused() {
    simulate(8, |env, _| async move {
        let options = BrokerOptions { decompressed_bytes_max: 1 << 20, ..options() };
        let broker = Broker::open(&env, options).await.unwrap().0;
        create(&broker, "t", 1, &[]).await;
        let bomb = zeros(40 << 20);
        let refused = append(&broker, "t", 0, bomb).await;
        assert!(
            matches!(refused, Err(BrokerError::Records(ref error)) if error.fault() == Fault::TooLarge),
            "{refused:?}"
        );

        let producer = (1.into(), ProducerEpoch(0), Sequence(0));
        let builder = BatchBuilder::new().producer(producer.0, producer.1, producer.2);
        let refused = append(&broker, "t", 0, build(builder.transactional(), &["v"])).await;
        assert!(matches!(refused, Err(BrokerError::NoTransactionalId)));

        broker.find_coordinator(&session(), "g").await.unwrap();
        let refused = append(&broker, "__consumer_offsets", 0, batch(&["v"])).await;
        assert!(matches!(refused, Err(BrokerError::InternalTopic(_))));
    });
}

#[test]
fn a_retry_gets_the_first_answer() {
    simulate(9, |env, world| async move {
        let broker = open(&env).await;
        create(&broker, "t", 1, &[]).await;
        let (id, epoch) = broker.allocate_producer_id(&session()).await.unwrap();
        let send = |sequence: i32| {
            build(BatchBuilder::new().producer(id, epoch, Sequence(sequence)), &["v"])
        };
        append(&broker, "t", 0, send(0)).await.unwrap().durable.wait().await.unwrap();
        append(&broker, "t", 0, send(1)).await.unwrap().durable.wait().await.unwrap();
        let broker = restart(broker, &world).await;
        let again = append(&broker, "t", 0, send(0)).await.unwrap();
        assert_eq!(again.base_offset, Offset(0));
        again.durable.wait().await.unwrap();
        let gap = append(&broker, "t", 0, send(5)).await;
        assert!(matches!(gap, Err(BrokerError::Producer(_))));
        assert_eq!(values(&broker, "t", 0, 0).await.len(), 2);
    });
}

#[test]
fn offsets_are_found_and_records_deleted() {
    simulate(10, |env, world| async move {
        let broker = open(&env).await;
        create(&broker, "t", 1, &[("retention.ms", "-1")]).await;
        create(&broker, "compacted", 1, &[("cleanup.policy", "compact")]).await;
        for (value, time) in [("a", 10), ("b", 30), ("c", 20)] {
            let mut builder = BatchBuilder::new();
            builder.push(Timestamp(time), Some(b"k"), Some(value.as_bytes()), &[]);
            let records = BytesMut::from(builder.build().unwrap().as_bytes());
            append(&broker, "t", 0, records).await.unwrap().durable.wait().await.unwrap();
        }
        let look_up = |broker: &Broker, spec| {
            let broker = broker.clone();
            async move {
                let asked = ListOffset {
                    topic: TopicKey::Name("t"),
                    partition: 0,
                    spec,
                    isolation: Isolation::ReadUncommitted,
                    current_leader_epoch: LeaderEpoch::NONE,
                };
                broker.list_offset(&session(), asked).await.unwrap().offset.0
            }
        };
        assert_eq!(look_up(&broker, OffsetSpec::Latest).await, 3);
        assert_eq!(look_up(&broker, OffsetSpec::Earliest).await, 0);
        assert_eq!(look_up(&broker, OffsetSpec::MaxTimestamp).await, 1);
        assert_eq!(look_up(&broker, OffsetSpec::Timestamp(Timestamp(15))).await, 1);
        assert_eq!(look_up(&broker, OffsetSpec::Timestamp(Timestamp(31))).await, -1);
        assert_eq!(look_up(&broker, OffsetSpec::LatestTiered).await, -1);

        let who = session();
        let delete = |before| broker.delete_records(&who, TopicKey::Name("t"), 0, before);
        assert_eq!(delete(Some(Offset(2))).await.unwrap(), Offset(2));
        assert!(matches!(delete(Some(Offset(9))).await, Err(BrokerError::OffsetOutOfRange { .. })));
        let compacted =
            broker.delete_records(&session(), TopicKey::Name("compacted"), 0, None).await;
        assert!(matches!(compacted, Err(BrokerError::Policy(_))));

        let broker = restart(broker, &world).await;
        assert_eq!(look_up(&broker, OffsetSpec::Earliest).await, 2);
    });
}
