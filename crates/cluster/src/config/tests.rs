use std::collections::{BTreeMap, BTreeSet};

use thalweg_types::{BrokerId, TopicName};

use super::{
    Alteration, CleanupPolicy, Compression, Durability, Effect, Layers, Operation, Overrides,
    Scope, Source, TimestampType, TopicConfig, Type, alter, check_static, elements, find, refusal,
    replace, settings, suggest, validate_topic,
};
use crate::{ClusterError, Resource};

const SCOPES: [Scope; 3] = [Scope::Topic, Scope::Broker, Scope::Group];

fn values<const N: usize>(values: [(&str, &str); N]) -> Overrides {
    values.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn topic() -> Resource {
    Resource::Topic(TopicName::new("t").unwrap())
}

fn change(name: &str, operation: Operation, value: &str) -> Alteration {
    Alteration { name: name.to_owned(), operation, value: Some(value.to_owned()) }
}

#[derive(Default)]
struct Given {
    own: Overrides,
    broker: Overrides,
    all_brokers: Overrides,
    statics: Overrides,
}

impl Given {
    fn layers(&self) -> Layers<'_> {
        Layers {
            own: &self.own,
            broker: &self.broker,
            all_brokers: &self.all_brokers,
            statics: &self.statics,
        }
    }
}

mod catalogue {
    use super::*;

    #[test]
    fn every_default_is_legal_and_every_setting_is_documented() {
        for setting in SCOPES.into_iter().flat_map(settings) {
            if let Some(default) = setting.default {
                assert_eq!(setting.check_value(default), Ok(()), "{}", setting.name);
            }
            let doc = setting.documentation();
            assert!(doc.len() > 10 && doc.ends_with('.'), "{}: '{doc}'", setting.name);
            let inert = setting.effect == Effect::Inert;
            assert_eq!(doc.contains("without effect"), inert, "{}", setting.name);
        }
    }

    #[test]
    fn references_lead_to_settings_of_the_same_type_and_default() {
        let nothing = Given::default();
        for setting in settings(Scope::Topic) {
            let Some(broker) = setting.inherits else { continue };
            let broker = find(Scope::Broker, broker).unwrap();
            assert_eq!(setting.value_type, broker.value_type, "{}", setting.name);
            assert!(broker.inherits.is_none(), "{}", broker.name);
            let inherited = nothing.layers().broker_value(broker.name);
            assert_eq!(inherited.as_deref(), setting.default, "{}", setting.name);
        }
        for setting in settings(Scope::Broker) {
            for fallback in setting.fallbacks {
                let other = find(Scope::Broker, fallback.name).unwrap();
                assert!(other.fallbacks.is_empty(), "{}", other.name);
            }
        }
    }

    #[test]
    fn no_name_is_twice_in_the_tables_and_none_is_refused() {
        let tables = super::super::catalogue::TABLES;
        let mut seen = BTreeSet::new();
        for (scope, table) in tables {
            for setting in *table {
                assert!(seen.insert((*scope, setting.name)), "{} is there twice", setting.name);
                assert!(*scope != Scope::Broker || refusal(setting.name).is_none());
            }
        }
        assert_eq!(seen.len(), SCOPES.into_iter().flat_map(settings).count());
    }

    /// Names and types as Kafka 4.4.0 gave them in its answers to `DescribeConfigs`.
    #[test]
    fn kafkas_topic_and_group_settings_are_all_there() {
        let listed = include_str!("../../testdata/kafka-4.4-topic-and-group-configs.tsv");
        for line in listed.lines() {
            let (scope, rest) = line.split_once('\t').unwrap();
            let (name, type_name) = rest.split_once('\t').unwrap();
            let scope = if scope == "TOPIC" { Scope::Topic } else { Scope::Group };
            let setting = find(scope, name).unwrap_or_else(|| panic!("{name} is missing"));
            assert_eq!(setting.value_type.name(), type_name, "{name}");
        }
    }

    /// The names in the file that comes with Kafka, and in the set-ups of its clients' own tests.
    #[test]
    fn a_configuration_written_for_kafka_loads() {
        for (name, value) in [
            ("advertised.listeners", "PLAINTEXT://localhost:9092"),
            ("allow.everyone.if.no.acl.found", "true"),
            ("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer"),
            ("controller.listener.names", "CONTROLLER"),
            ("controller.quorum.bootstrap.servers", "localhost:9093"),
            ("delete.topic.enable", "true"),
            ("group.coordinator.rebalance.protocols", "classic,consumer,share,streams"),
            ("group.min.session.timeout.ms", "1000"),
            ("inter.broker.listener.name", "PLAINTEXT"),
            ("listener.security.protocol.map", "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT"),
            ("listeners", "PLAINTEXT://:9092"),
            ("log.dirs", "/var/lib/kafka"),
            ("log.retention.check.interval.ms", "300000"),
            ("log.retention.hours", "168"),
            ("log.retention.ms", "-1"),
            ("log.segment.bytes", "1073741824"),
            ("node.id", "1"),
            ("num.io.threads", "8"),
            ("num.network.threads", "3"),
            ("num.recovery.threads.per.data.dir", "1"),
            ("offsets.topic.num.partitions", "8"),
            ("offsets.topic.replication.factor", "1"),
            ("process.roles", "broker,controller"),
            ("share.coordinator.state.topic.min.isr", "1"),
            ("share.coordinator.state.topic.num.partitions", "4"),
            ("share.coordinator.state.topic.replication.factor", "1"),
            ("socket.receive.buffer.bytes", "102400"),
            ("socket.request.max.bytes", "104857600"),
            ("socket.send.buffer.bytes", "102400"),
            ("super.users", "User:admin;User:CN=kafka,O=org"),
            ("transaction.state.log.min.isr", "1"),
            ("transaction.state.log.num.partitions", "8"),
            ("transaction.state.log.replication.factor", "1"),
        ] {
            assert!(check_static(name, value).is_ok(), "{name}={value}");
        }
    }

    #[test]
    fn unknown_names_get_the_nearest_one_and_refused_ones_a_reason() {
        assert_eq!(suggest(Scope::Broker, "log.retention.msec"), Some("log.retention.ms"));
        assert_eq!(suggest(Scope::Broker, "retention.ms"), Some("log.retention.ms"));
        assert_eq!(suggest(Scope::Topic, "log.segment.bytes"), Some("segment.bytes"));
        assert_eq!(suggest(Scope::Topic, "cleanup.polcy"), Some("cleanup.policy"));
        assert_eq!(suggest(Scope::Topic, "completely.different"), None);
        assert_eq!(suggest(Scope::Topic, &"x".repeat(1 << 20)), None);

        let error = check_static("num.partition", "1").unwrap_err().to_string();
        assert_eq!(
            error,
            "unknown broker config name: num.partition; did you mean num.partitions?"
        );
        for name in ["ssl.keystore.location", "create.topic.policy.class.name"] {
            let error = check_static(name, "true").unwrap_err();
            assert!(matches!(error, ClusterError::RefusedConfig { .. }), "{name}");
        }
        let error = check_static("authorizer.class.name", "com.example.Mine").unwrap_err();
        assert!(error.to_string().contains("StandardAuthorizer is built in"), "{error}");
        let error = check_static("super.users", "User:a;admin").unwrap_err();
        assert!(error.to_string().contains("'admin' is not of the form"), "{error}");
        assert!(check_static("num.partitions", "0").is_err());
        assert_eq!(check_static("num.partitions", "8").unwrap().value_type, Type::Int);
    }
}

mod check {
    use super::*;

    #[test]
    fn legal_values_pass_and_illegal_ones_are_told_why() {
        let cases = [
            ("retention.ms", "-1", Ok(())),
            ("retention.ms", "-5", Err("value must be at least -1")),
            ("retention.ms", "x", Err("not a number of type LONG")),
            ("retention.ms", "9223372036854775808", Err("not a number of type LONG")),
            ("delete.retention.ms", "", Err("not a number of type LONG")),
            ("segment.bytes", "3000000000", Err("not a number of type INT")),
            ("segment.bytes", "1", Err("value must be at least 1048576")),
            ("cleanup.policy", "", Ok(())),
            ("cleanup.policy", "compact, delete", Ok(())),
            ("cleanup.policy", "foo", Err("string must be one of: compact, delete")),
            ("compression.type", "zstd", Ok(())),
            ("compression.type", "ZSTD", Err("string must be one of: uncompressed")),
            ("compression.gzip.level", "-1", Ok(())),
            ("compression.gzip.level", "9", Ok(())),
            ("compression.gzip.level", "0", Err("between 1 and 9 or equal to -1")),
            ("compression.lz4.level", "99", Err("value must be no more than 17")),
            ("min.cleanable.dirty.ratio", "0.25", Ok(())),
            ("min.cleanable.dirty.ratio", "2", Err("value must be no more than 1")),
            ("min.cleanable.dirty.ratio", "NaN", Err("not a number of type DOUBLE")),
            ("preallocate", "TRUE", Ok(())),
            ("preallocate", "maybe", Err("expected value to be either true or false")),
            ("leader.replication.throttled.replicas", "*", Ok(())),
            ("leader.replication.throttled.replicas", "0:1,12:3", Ok(())),
            ("leader.replication.throttled.replicas", "0:1,x", Err("partition:broker")),
            ("durability", "os", Ok(())),
            ("durability", "maybe", Err("string must be one of: flush, os")),
        ];
        for (name, value, expected) in cases {
            let found = find(Scope::Topic, name).unwrap().check_value(value);
            match expected {
                Ok(()) => assert_eq!(found, Ok(()), "{name}={value}"),
                Err(text) => assert!(found.unwrap_err().contains(text), "{name}={value}"),
            }
        }
    }

    #[test]
    fn offset_resets_take_durations() {
        let setting = find(Scope::Group, "share.auto.offset.reset").unwrap();
        for legal in ["latest", "earliest", "P1D", "PT1H", "P2DT3H4M5.5S", "PT0S"] {
            let value =
                if legal.starts_with('P') { format!("by_duration:{legal}") } else { legal.into() };
            assert_eq!(setting.check_value(&value), Ok(()), "{value}");
        }
        for illegal in [
            "",
            "none",
            "by_duration:",
            "by_duration:P",
            "by_duration:PT",
            "by_duration:P1",
            "by_duration:P1H",
            "by_duration:PT1M2H",
            "by_duration:PT-1S",
            "by_duration:PT1.5H",
            "by_duration:PTä",
        ] {
            assert!(setting.check_value(illegal).is_err(), "{illegal}");
        }
    }

    #[test]
    fn lists_are_parted_by_commas() {
        assert_eq!(elements(" a, b ,,c").collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(elements("").count(), 0);
    }
}

mod lookup {
    use super::*;

    #[test]
    fn a_topics_setting_is_its_own_then_the_brokers_then_the_default() {
        let mut given = Given::default();
        let retention = |given: &Given| {
            let found = given.layers().find(Scope::Topic, "retention.ms").unwrap();
            (found.value.unwrap(), found.source, found.synonyms[0].name)
        };
        let default = ("604800000".to_owned(), Source::Default, "log.retention.hours");
        assert_eq!(retention(&given), default);
        given.statics = values([("log.retention.hours", "2")]);
        let hours = ("7200000".to_owned(), Source::Static, "log.retention.hours");
        assert_eq!(retention(&given), hours);
        given.statics.extend(values([("log.retention.minutes", "3")]));
        let minutes = ("180000".to_owned(), Source::Static, "log.retention.minutes");
        assert_eq!(retention(&given), minutes);
        given.all_brokers = values([("log.retention.ms", "2000")]);
        assert_eq!(retention(&given), ("2000".to_owned(), Source::AllBrokers, "log.retention.ms"));
        given.broker = values([("log.retention.ms", "1000")]);
        assert_eq!(retention(&given), ("1000".to_owned(), Source::Broker, "log.retention.ms"));
        given.own = values([("retention.ms", "500")]);
        assert_eq!(retention(&given), ("500".to_owned(), Source::Topic, "retention.ms"));

        let synonyms = given.layers().find(Scope::Topic, "retention.ms").unwrap().synonyms;
        let order: Vec<_> = synonyms.iter().map(|s| (s.name, s.value.as_str(), s.source)).collect();
        let expected = [
            ("retention.ms", "500", Source::Topic),
            ("log.retention.ms", "1000", Source::Broker),
            ("log.retention.ms", "2000", Source::AllBrokers),
            ("log.retention.minutes", "3", Source::Static),
            ("log.retention.hours", "2", Source::Static),
            ("log.retention.hours", "168", Source::Default),
        ];
        assert_eq!(order, expected);
    }

    #[test]
    fn no_limit_is_no_limit_in_every_unit() {
        let given = Given { statics: values([("log.retention.hours", "-1")]), ..Given::default() };
        assert_eq!(TopicConfig::resolve(&given.layers()).retention_ms, -1);
        let hours = [("log.retention.hours", "2147483647")];
        let given = Given { statics: values(hours), ..Given::default() };
        assert_eq!(TopicConfig::resolve(&given.layers()).retention_ms, 7_730_941_129_200_000);
    }

    #[test]
    fn a_brokers_description_shows_its_own_value_and_what_stands_in() {
        let given = Given::default();
        let all = given.layers().describe(Scope::Broker);
        let names: Vec<_> = all.iter().map(|found| found.setting.name).collect();
        assert!(names.is_sorted() && names.len() > 200, "{} settings", names.len());
        let find = |name: &str| all.iter().find(|found| found.setting.name == name).unwrap();
        let retention = find("log.retention.ms");
        assert_eq!((&retention.value, retention.source), (&None, Source::Default));
        assert_eq!(retention.synonyms[0].name, "log.retention.hours");
        assert!(!retention.read_only);
        assert!(find("num.partitions").read_only);
    }
}

mod topic_config {
    use super::*;

    #[test]
    fn defaults_are_kafkas_and_durable() {
        let config = TopicConfig::resolve(&Given::default().layers());
        assert_eq!(config.cleanup_policy, CleanupPolicy { delete: true, compact: false });
        assert_eq!(config.compression, Compression::Producer);
        assert_eq!(config.durability, Durability::Flush);
        assert_eq!(config.retention_ms, 604_800_000);
        assert_eq!(config.retention_bytes, -1);
        assert_eq!(config.segment_bytes, 1 << 30);
        assert_eq!(config.max_message_bytes, 1_048_588);
        assert_eq!(config.message_timestamp_type, TimestampType::CreateTime);
        assert_eq!(config.message_timestamp_after_max_ms, 3_600_000);
        assert_eq!(config.min_cleanable_dirty_ratio.to_bits(), 0.5f64.to_bits());
        assert_eq!(config.flush_ms, i64::MAX);
    }

    #[test]
    fn values_reach_it_from_the_topic_and_the_broker() {
        let given = Given {
            own: values([
                ("cleanup.policy", "compact,delete"),
                ("compression.type", "gzip"),
                ("compression.gzip.level", "4"),
                ("message.timestamp.type", "LogAppendTime"),
            ]),
            all_brokers: values([("durability", "os")]),
            statics: values([("message.max.bytes", "2097152")]),
            ..Given::default()
        };
        let config = TopicConfig::resolve(&given.layers());
        assert_eq!(config.cleanup_policy, CleanupPolicy { delete: true, compact: true });
        assert_eq!(config.compression, Compression::Gzip(4));
        assert_eq!(config.message_timestamp_type, TimestampType::LogAppendTime);
        assert_eq!(config.durability, Durability::Os);
        assert_eq!(config.max_message_bytes, 2_097_152);
        let none = Given { own: values([("cleanup.policy", "")]), ..Given::default() };
        let config = TopicConfig::resolve(&none.layers());
        assert_eq!(config.cleanup_policy, CleanupPolicy { delete: false, compact: false });
    }
}

mod alteration {
    use super::*;

    #[test]
    fn lists_grow_and_shrink_as_in_kafka() {
        use Operation::{Append, Delete, Subtract};
        let steps = [
            (Append, "compact", Some("delete,compact")),
            (Append, "compact", Some("delete,compact")),
            (Subtract, "delete", Some("compact")),
            (Subtract, "nothing", Some("compact")),
            (Subtract, "compact", Some("")),
            (Delete, "", None),
        ];
        let mut current = Overrides::new();
        for (operation, value, expected) in steps {
            let changes = [change("cleanup.policy", operation, value)];
            current = alter(&topic(), &current, &changes).unwrap();
            let found = current.get("cleanup.policy").map(String::as_str);
            assert_eq!(found, expected, "{operation:?} {value}");
        }
    }

    #[test]
    fn illegal_changes_are_refused_with_the_reason() {
        use Operation::{Append, Delete, Set};
        let broker = Resource::Broker(BrokerId(1));
        let refused = |resource: &Resource, changes: &[Alteration]| {
            alter(resource, &Overrides::new(), changes).unwrap_err().to_string()
        };
        let cases = [
            (topic(), change("retention.ms", Append, "5"), "its type is not LIST"),
            (topic(), change("nosuch", Set, "5"), "unknown topic config name: nosuch"),
            (topic(), change("cleanup.policy", Append, "x"), "string must be one of"),
            (topic(), change("remote.storage.enable", Set, "true"), "cannot be true"),
            (
                broker.clone(),
                change("num.partitions", Set, "5"),
                "cannot change while the broker runs",
            ),
            (broker.clone(), change("ssl.client.auth", Set, "a"), "not accepted"),
            (broker.clone(), change("super.users", Set, "User:a"), "cannot change while"),
            (broker, change("retention.ms", Set, "5"), "did you mean log.retention.ms?"),
            (
                Resource::Group("g".into()),
                change("share.delivery.count.limit", Set, "1"),
                "at least 2",
            ),
        ];
        for (resource, change, text) in cases {
            let found = refused(&resource, &[change]);
            assert!(found.contains(text), "'{found}' does not say '{text}'");
        }
        let twice = [change("retention.ms", Set, "5"), change("retention.ms", Delete, "")];
        assert!(refused(&topic(), &twice).contains("more than once"));
        let null = Alteration { value: None, ..change("retention.ms", Set, "") };
        assert!(refused(&topic(), &[null]).contains("null value"));
        let lags =
            [change("min.compaction.lag.ms", Set, "9"), change("max.compaction.lag.ms", Set, "5")];
        assert!(refused(&topic(), &lags).contains("conflict between"));
        assert!(validate_topic(&values([("min.compaction.lag.ms", "0")])).is_ok());
        assert!(alter(&topic(), &Overrides::new(), &[change("nosuch", Delete, "")]).is_ok());
    }

    #[test]
    fn a_replacement_forgets_what_it_does_not_name() {
        let to = BTreeMap::from([("segment.ms".to_owned(), Some("8".to_owned()))]);
        assert_eq!(replace(&topic(), &to).unwrap(), values([("segment.ms", "8")]));
        let to = BTreeMap::from([("segment.ms".to_owned(), None)]);
        assert!(matches!(replace(&topic(), &to), Err(ClusterError::NullConfig(_))));
    }
}
