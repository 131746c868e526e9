//! Topics, configurations, producer ids, and the data directory.

use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::config::{Alteration, Operation, Source};
use crate::{ClusterError, Resource};

#[test]
fn a_topic_is_created_once_and_survives() {
    simulate(20, |env, world| async move {
        let broker = open(&env).await;
        create(&broker, "t", 3, &[("retention.ms", "1000")]).await;
        let again =
            broker.create_topics(&session(), vec![new_topic("t", 1, &[])], false).await.unwrap();
        assert!(matches!(again[0], Err(BrokerError::Cluster(ClusterError::TopicExists(_)))));
        let checked =
            broker.create_topics(&session(), vec![new_topic("u", 1, &[])], true).await.unwrap();
        let checked = checked[0].as_ref().unwrap();
        assert!(checked.id.is_zero() && checked.configs.as_ref().unwrap().len() > 30);
        let internal = vec![new_topic("__consumer_offsets", 1, &[])];
        let internal = broker.create_topics(&session(), internal, false).await.unwrap();
        assert!(matches!(internal[0], Err(BrokerError::InternalTopic(_))));
        assert!(broker.table().topic(TopicKey::Name("u")).is_err(), "it was only validated");

        let id = broker.table().topic(TopicKey::Name("t")).unwrap().id();
        broker.add_partitions(&session(), "t", 5, None, false).await.unwrap();
        let broker = restart(broker, &world).await;
        let table = broker.table();
        let topic = table.topic(TopicKey::Id(id)).unwrap();
        assert_eq!(topic.partition_count(), 5);
        assert_eq!(topic.config().retention_ms, 1000);
        assert_eq!(table.topics().len(), 1);
    });
}

#[test]
fn a_deleted_topic_is_gone_and_its_name_is_free() {
    simulate(21, |env, world| async move {
        let broker = open(&env).await;
        create(&broker, "t", 1, &[]).await;
        produce(&broker, "t", 0, &["old"]).await.unwrap();
        let id = broker.table().topic(TopicKey::Name("t")).unwrap().id();
        let deleted = broker
            .delete_topics(&session(), &[TopicKey::Id(id), TopicKey::Name("x")])
            .await
            .unwrap();
        assert_eq!(deleted[0].as_ref().unwrap().name.as_str(), "t");
        assert!(matches!(deleted[1], Err(BrokerError::UnknownTopicOrPartition)));
        assert!(matches!(
            append(&broker, "t", 0, batch(&["v"])).await,
            Err(BrokerError::UnknownTopicOrPartition)
        ));

        create(&broker, "t", 1, &[]).await;
        assert!(values(&broker, "t", 0, 0).await.is_empty());
        produce(&broker, "t", 0, &["new"]).await.unwrap();
        let broker = restart(broker, &world).await;
        assert_eq!(values(&broker, "t", 0, 0).await, ["new"]);
    });
}

#[test]
fn of_many_who_create_a_topic_all_get_the_same() {
    simulate(22, |env, _| async move {
        let broker = open(&env).await;
        let racers: Vec<_> = (0..20)
            .map(|_| {
                let broker = broker.clone();
                env.spawn("racer", async move {
                    broker.auto_create_topic(&session(), "t").await.unwrap().id()
                })
            })
            .collect();
        let mut ids = BTreeSet::new();
        for racer in racers {
            ids.insert(racer.join().await.unwrap());
        }
        assert_eq!(ids.len(), 1);
        assert_eq!(broker.table().topics().len(), 1);
    });
}

#[test]
fn topics_are_not_created_by_themselves_where_that_is_forbidden() {
    simulate(23, |env, _| async move {
        let options = options().set("auto.create.topics.enable", "false");
        let broker = Broker::open(&env, options).await.unwrap().0;
        let refused = broker.auto_create_topic(&session(), "t").await;
        assert!(matches!(refused, Err(BrokerError::UnknownTopicOrPartition)));
        broker.find_coordinator(&session(), "g").await.unwrap();
    });
}

fn set(name: &str, value: &str) -> Vec<Alteration> {
    let (name, value) = (name.to_owned(), Some(value.to_owned()));
    vec![Alteration { name, operation: Operation::Set, value }]
}

#[test]
fn changed_settings_take_effect_and_survive() {
    simulate(24, |env, world| async move {
        let broker = open(&env).await;
        create(&broker, "own", 1, &[]).await;
        create(&broker, "other", 1, &[]).await;
        let own = || Resource::Topic("own".to_owned().try_into().unwrap());
        broker
            .alter_configs(&session(), own(), set("max.message.bytes", "100"), false)
            .await
            .unwrap();
        let all = set("message.max.bytes", "5000");
        broker.alter_configs(&session(), Resource::AllBrokers, all, false).await.unwrap();
        broker.alter_configs(&session(), own(), set("retention.ms", "7"), true).await.unwrap();
        let illegal =
            broker.alter_configs(&session(), own(), set("retention.ms", "soon"), false).await;
        assert!(matches!(illegal, Err(BrokerError::Cluster(ClusterError::InvalidConfig { .. }))));

        let broker = restart(broker, &world).await;
        let table = broker.table();
        let limit = |name| table.topic(TopicKey::Name(name)).unwrap().config().max_message_bytes;
        assert_eq!((limit("own"), limit("other")), (100, 5000));
        assert_eq!(broker.setting_int("message.max.bytes"), 5000);
        let described = broker.describe_configs(&session(), &own()).unwrap();
        let of = |name: &str| {
            described.iter().find(|lookup| lookup.setting.name == name).unwrap().clone()
        };
        assert_eq!(of("max.message.bytes").source, Source::Topic);
        assert_eq!(of("retention.ms").source, Source::Default, "it was only validated");
        let defaults = broker.describe_configs(&session(), &Resource::AllBrokers).unwrap();
        assert_eq!(defaults.len(), 1);
    });
}

#[test]
fn settings_read_again_take_effect_below_those_that_were_set() {
    simulate(27, |env, _| async move {
        let broker = open(&env).await;
        create(&broker, "own", 1, &[("max.message.bytes", "100")]).await;
        create(&broker, "other", 1, &[]).await;
        let statics = options().set("message.max.bytes", "5000").settings;
        broker.reload(statics).await.unwrap();
        let limit = |name| {
            let table = broker.table();
            let topic = table.topic(TopicKey::Name(name)).unwrap();
            topic.config().max_message_bytes
        };
        assert_eq!((limit("own"), limit("other")), (100, 5000));
        assert_eq!(broker.setting_int("message.max.bytes"), 5000);

        let wrong = options().set("message.max.bytes", "many").settings;
        assert!(broker.reload(wrong).await.is_err());
        assert_eq!(broker.setting_int("message.max.bytes"), 5000);
        broker.reload(options().settings).await.unwrap();
        assert_eq!(limit("other"), 1_048_588, "what is set no more has its default again");
    });
}

#[test]
fn producer_ids_are_never_used_twice() {
    simulate(25, |env, world| async move {
        let broker = open(&env).await;
        let mut seen = BTreeSet::new();
        for _ in 0..1500 {
            assert!(seen.insert(broker.allocate_producer_id(&session()).await.unwrap().0));
        }
        let broker = open(&world.restart()).await;
        for _ in 0..10 {
            assert!(seen.insert(broker.allocate_producer_id(&session()).await.unwrap().0));
        }
    });
}

#[test]
fn a_directory_has_one_owner_and_a_format() {
    simulate(26, |env, world| async move {
        let broker = open(&env).await;
        let second = Broker::open(&env, options()).await;
        assert!(matches!(second, Err(BrokerError::Locked(_))));
        broker.close().await;
        drop(broker);

        let env = world.restart();
        let (disk, path) = (env.disk(), Path::new("/data/FORMAT"));
        let newer = thalweg_frame::encode(*b"TWDD", crate::FORMAT_VERSION + 1, &[]);
        disk.replace(path, &newer).unwrap();
        let refused = Broker::open(&env, options()).await.map(|_| ()).unwrap_err();
        assert!(refused.to_string().contains("newer version"), "{refused}");
        disk.remove(path).unwrap();
        let refused = Broker::open(&env, options()).await;
        assert!(matches!(refused, Err(BrokerError::NoFormat(_))));
    });
}

#[test]
fn a_directory_stays_with_its_broker() {
    simulate(29, |env, world| async move {
        open(&env).await.close().await;
        let env = world.restart();
        let refused = Broker::open(&env, options().set("node.id", "7")).await;
        assert!(matches!(refused, Err(BrokerError::OtherNode { .. })));
        open(&env).await;
    });
}

#[test]
fn an_unknown_setting_is_refused_at_the_start() {
    simulate(27, |env, _| async move {
        let refused = Broker::open(&env, options().set("num.partition", "1")).await;
        let error = refused.map(|_| ()).unwrap_err();
        assert!(error.to_string().contains("num.partitions"), "{error}");
    });
}

#[test]
fn many_changes_are_read_back_through_a_snapshot() {
    simulate(28, |env, world| async move {
        let broker = open(&env).await;
        create(&broker, "t", 1, &[]).await;
        let topic = || Resource::Topic("t".to_owned().try_into().unwrap());
        for ms in 1..300 {
            let change = set("retention.ms", &ms.to_string());
            broker.alter_configs(&session(), topic(), change, false).await.unwrap();
        }
        let snapshots = world.disk().list(Path::new("/data/meta/snapshot")).unwrap();
        assert_eq!(snapshots.len(), 1);
        let broker = restart(broker, &world).await;
        let table = broker.table();
        assert_eq!(table.topic(TopicKey::Name("t")).unwrap().config().retention_ms, 299);
    });
}
