use proptest::prelude::*;

use super::*;

/// Written by Kafka 4.4.0 itself.
const KAFKAS: &str = include_str!("../../testdata/kafka_4_4_records.hex");

fn hex(text: &str) -> Bytes {
    let digits: Vec<_> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

fn kafkas(version: &str, case: &str) -> Bytes {
    let mut lines = KAFKAS.lines().filter_map(|line| line.strip_prefix(version)?.strip_prefix(' '));
    hex(lines.find_map(|line| line.strip_prefix(case)?.strip_prefix(' ')).unwrap())
}

fn id() -> TransactionalId {
    TransactionalId::new("payments").unwrap()
}

fn orders() -> Partitions {
    Partitions::from([(TopicName::new("orders").unwrap(), BTreeSet::from([0, 3]))])
}

fn two_topics() -> Partitions {
    let mut partitions = orders();
    let offsets = TopicName::new("__consumer_offsets").unwrap();
    partitions.insert(offsets, BTreeSet::from([17]));
    partitions
}

fn ongoing(partitions: Partitions) -> TransactionMetadata {
    TransactionMetadata {
        producer: Producer::new(ProducerId(1000), ProducerEpoch(7)),
        previous_producer_id: ProducerId(1000),
        next_producer_id: None,
        last_epoch: None,
        timeout_ms: 900_000,
        state: TransactionState::Ongoing,
        partitions,
        updated_at: Timestamp(1_700_000_000_002),
        started_at: Timestamp(1_700_000_000_001),
        version: TransactionVersion::V0,
    }
}

/// What the cases of the golden file say, as version 1 has it.
fn cases() -> Vec<(&'static str, TransactionMetadata)> {
    let producer = |id, epoch| Producer::new(ProducerId(id), ProducerEpoch(epoch));
    let ending = TransactionMetadata {
        producer: producer(1000, 8),
        updated_at: Timestamp(1_700_000_000_003),
        version: TransactionVersion::V2,
        ..ongoing(orders())
    };
    let complete = TransactionMetadata {
        updated_at: Timestamp(1_700_000_000_004),
        partitions: Partitions::new(),
        ..ending.clone()
    };
    let empty = TransactionMetadata {
        producer: producer(1000, 0),
        state: TransactionState::Empty,
        timeout_ms: 60_000,
        updated_at: Timestamp(1_700_000_000_000),
        started_at: Timestamp::NONE,
        ..ongoing(Partitions::new())
    };
    let prepare_abort = TransactionMetadata {
        producer: producer(1000, 32_767),
        next_producer_id: Some(ProducerId(2000)),
        state: TransactionState::PrepareAbort,
        ..ending.clone()
    };
    let complete_abort = TransactionMetadata {
        producer: producer(2000, 0),
        state: TransactionState::CompleteAbort,
        ..complete.clone()
    };
    vec![
        ("empty", empty),
        ("ongoing", ongoing(orders())),
        ("two_topics", ongoing(two_topics())),
        (
            "prepare_commit",
            TransactionMetadata { state: TransactionState::PrepareCommit, ..ending },
        ),
        ("prepare_abort", prepare_abort),
        (
            "complete_commit",
            TransactionMetadata { state: TransactionState::CompleteCommit, ..complete },
        ),
        ("complete_abort", complete_abort),
    ]
}

#[test]
fn records_have_kafkas_bytes() {
    for (case, metadata) in cases() {
        let entry = Entry { transactional_id: id(), metadata: Some(metadata) };
        let record = entry.encode();
        assert_eq!(record.key, kafkas("key", "payments"));
        // Kafka writes topics in the order of a hash table.
        if case != "two_topics" {
            assert_eq!(record.value.unwrap(), kafkas("1", case), "{case}");
        }
    }
}

#[test]
fn all_versions_of_kafka_are_read() {
    for (case, metadata) in cases() {
        // Without tagged fields there are no producer ids before and after, and no version.
        let plain = TransactionMetadata {
            previous_producer_id: ProducerId::NONE,
            next_producer_id: None,
            version: TransactionVersion::V0,
            ..metadata.clone()
        };
        for (version, expected) in [("0", plain), ("1", metadata)] {
            let record =
                Record { key: kafkas("key", "payments"), value: Some(kafkas(version, case)) };
            let expected = Entry { transactional_id: id(), metadata: Some(expected) };
            assert_eq!(Entry::decode(&record).as_ref(), Ok(&expected), "{version} {case}");
        }
    }
}

#[test]
fn the_last_epoch_is_a_tagged_field_of_our_own() {
    let metadata = TransactionMetadata { last_epoch: Some(ProducerEpoch(6)), ..ongoing(orders()) };
    let entry = Entry { transactional_id: id(), metadata: Some(metadata) };
    let record = entry.encode();
    let kafkas = kafkas("1", "ongoing");
    let value = record.value.clone().unwrap();
    // One tagged field became two, and the second has tag 1000.
    let tagged = kafkas.len() - 11;
    assert_eq!(value[..tagged], kafkas[..tagged]);
    assert_eq!((kafkas[tagged], value[tagged]), (1, 2));
    assert_eq!(value[tagged + 1..kafkas.len()], kafkas[tagged + 1..]);
    assert_eq!(value[kafkas.len()..], hex("e807 02 0006"));
    assert_eq!(Entry::decode(&record), Ok(entry));
}

#[test]
fn what_is_not_understood_is_told_apart_from_what_is_broken() {
    let decode = |key: &str, value: &str| {
        Entry::decode(&Record { key: hex(key), value: Some(hex(value)) }).unwrap_err()
    };
    let key = "0000 0001 74";
    assert_eq!(decode("0001 0001 74", ""), DecodeError::Unknown(1));
    assert_eq!(decode(key, "0002"), DecodeError::Unknown(2));
    assert_eq!(decode(key, "ffff"), DecodeError::Unknown(-1));
    assert_eq!(decode("00", ""), DecodeError::Truncated);
    assert_eq!(decode("0000 fffe", ""), DecodeError::Length);
    assert_eq!(decode("0000 0001 ff", ""), DecodeError::Name);
    assert_eq!(decode("0000 0000", ""), DecodeError::Name);
    let head = "0000000000000001 0000 00000001";
    // A state that Kafka never writes, and one that does not exist.
    assert_eq!(decode(key, &format!("0000 {head} 06")), DecodeError::Number);
    assert_eq!(decode(key, &format!("0000 {head} ff")), DecodeError::Number);
    // Two billion topics, and two billion partitions, in no bytes.
    assert_eq!(decode(key, &format!("0000 {head} 01 7fffffff")), DecodeError::Truncated);
    assert_eq!(decode(key, &format!("0001 {head} 01 ffffffff0f")), DecodeError::Truncated);
    let topic = format!("0000 {head} 01 00000001 0001 61 7fffffff");
    assert_eq!(decode(key, &topic), DecodeError::Truncated);
    // A topic that cannot be, and a version from the future.
    assert_eq!(
        decode(key, &format!("0000 {head} 01 00000001 0001 20 00000000")),
        DecodeError::Name
    );
    let times = "0000000000000000 0000000000000000";
    let version = format!("0001 {head} 00 00 {times} 01 02 02 0003");
    assert_eq!(decode(key, &version), DecodeError::Number);
}

#[test]
fn unknown_tags_are_skipped() {
    let key = "0000 0001 74";
    let head = "0001 0000000000000001 0000 00000001 00 00";
    let times = "0000000000000000 0000000000000000";
    let record = |tagged: &str| Record {
        key: hex(key),
        value: Some(hex(&format!("{head} {times} {tagged}"))),
    };
    // 3 is `NextProducerEpoch`, which transactions in two phases use (KIP-939).
    let with = Entry::decode(&record("02 03 02 0005 4d 03 010203")).unwrap();
    assert_eq!(Entry::decode(&record("00")), Ok(with));
}

prop_compose! {
    fn any_metadata()(
        (id, epoch) in any::<(i64, i16)>(),
        (previous, next) in any::<(i64, Option<u32>)>(),
        last_epoch in any::<Option<i16>>(),
        timeout_ms in any::<i32>(),
        state in prop::sample::select(TransactionState::ALL.to_vec()),
        partitions in any_partitions(),
        (updated_at, started_at) in any::<(i64, i64)>(),
        level in 0..3i16,
    ) -> TransactionMetadata {
        TransactionMetadata {
            producer: Producer::new(ProducerId(id), ProducerEpoch(epoch)),
            previous_producer_id: ProducerId(previous),
            next_producer_id: next.map(|id| ProducerId(id.into())),
            last_epoch: last_epoch.map(ProducerEpoch),
            timeout_ms,
            state,
            partitions: if state == TransactionState::Empty { Partitions::new() } else { partitions },
            updated_at: Timestamp(updated_at),
            started_at: Timestamp(started_at),
            version: TransactionVersion::from_level(level).unwrap(),
        }
    }
}

fn any_partitions() -> impl Strategy<Value = Partitions> {
    let topic = prop_oneof!["[a-z]{1,9}", Just("x".repeat(249))];
    let topic = topic.prop_map(|name| TopicName::new(&name).unwrap());
    let numbers = proptest::collection::btree_set(any::<i32>(), 1..200);
    proptest::collection::btree_map(topic, numbers, 0..4)
}

fn any_entry() -> impl Strategy<Value = Entry> {
    let id = prop_oneof!["[a-zäö€]{1,9}", Just("x".repeat(i16::MAX as usize))];
    let id = id.prop_map(|id| TransactionalId::new(&id).unwrap());
    (id, proptest::option::of(any_metadata()))
        .prop_map(|(transactional_id, metadata)| Entry { transactional_id, metadata })
}

proptest! {
    #[test]
    fn what_is_written_is_read(entry in any_entry()) {
        prop_assert_eq!(Entry::decode(&entry.encode()), Ok(entry));
    }

    #[test]
    fn a_record_that_ends_early_is_not_read(entry in any_entry(), cut in any::<prop::sample::Index>()) {
        let mut record = entry.encode();
        if let Some(value) = &mut record.value {
            value.truncate(cut.index(value.len()));
            prop_assert!(Entry::decode(&record).is_err());
        }
        record.key.truncate(cut.index(record.key.len()));
        prop_assert!(Entry::decode(&record).is_err());
    }

    #[test]
    fn damaged_records_do_no_harm(
        metadata in any_metadata(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
    ) {
        let entry = Entry { transactional_id: id(), metadata: Some(metadata) };
        let record = entry.encode();
        let mut bytes: Vec<u8> = record.value.unwrap_or_default().into();
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        crate::fuzz(&[&[record.key.len() as u8][..], &record.key, &bytes].concat());
    }

    #[test]
    fn random_bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        crate::fuzz(&bytes);
    }
}
