use proptest::prelude::*;
use uuid::Uuid;

use super::*;

fn hex(text: &str) -> Bytes {
    let digits: Vec<_> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

fn offset_key() -> OffsetKey {
    OffsetKey { group_id: "g".into(), topic: TopicName::new("t").unwrap(), partition: 7 }
}

fn committed() -> CommittedOffset {
    CommittedOffset {
        offset: Offset(258),
        leader_epoch: LeaderEpoch(3),
        metadata: "m".to_owned(),
        committed_at: Timestamp(1),
        expires_at: None,
        topic_id: TopicId::ZERO,
    }
}

fn group() -> GroupMetadata {
    let member = MemberMetadata {
        instance_id: Some("i".into()),
        client_id: "c".into(),
        client_host: "/h".into(),
        rebalance_timeout_ms: 300_000,
        session_timeout_ms: 10_000,
        subscription: Bytes::from_static(b"sub"),
        assignment: Bytes::from_static(b"as"),
    };
    GroupMetadata {
        protocol_type: Some("consumer".into()),
        generation: 2,
        protocol: Some("range".into()),
        leader: Some("c-1".into()),
        since: Timestamp(5),
        members: BTreeMap::from([("c-1".into(), member)]),
    }
}

/// Laid out by hand from Kafka's message definitions.
#[test]
fn records_have_kafkas_bytes() {
    let offset = Entry::Offset(offset_key(), Some(committed())).encode(usize::MAX).unwrap();
    assert_eq!(offset.key, hex("0001 0001 67 0001 74 00000007"));
    let value = "0004 0000000000000102 00000003 02 6d 0000000000000001 00";
    assert_eq!(offset.value.unwrap(), hex(value));

    let expiring = CommittedOffset { expires_at: Some(Timestamp(9)), ..committed() };
    let expiring = Entry::Offset(offset_key(), Some(expiring)).encode(usize::MAX).unwrap();
    let value = "0001 0000000000000102 0001 6d 0000000000000001 0000000000000009";
    assert_eq!(expiring.value.unwrap(), hex(value));

    let of_topic = CommittedOffset { topic_id: TopicId(Uuid::from_u128(0xabc)), ..committed() };
    let of_topic = Entry::Offset(offset_key(), Some(of_topic)).encode(usize::MAX).unwrap();
    let value = "0004 0000000000000102 00000003 02 6d 0000000000000001
                 01 00 10 00000000000000000000000000000abc";
    assert_eq!(of_topic.value.unwrap(), hex(value));

    let group = Entry::Group("g".into(), Some(group())).encode(usize::MAX).unwrap();
    assert_eq!(group.key, hex("0002 0001 67"));
    let value = "0003 0008 636f6e73756d6572 00000002 0005 72616e6765 0003 632d31 0000000000000005
                 00000001 0003 632d31 0001 69 0001 63 0002 2f68 000493e0 00002710
                 00000003 737562 00000002 6173";
    assert_eq!(group.value.unwrap(), hex(value));
}

#[test]
fn all_versions_of_offsets_are_read() {
    let key = offset_key();
    let plain = CommittedOffset { leader_epoch: LeaderEpoch::NONE, ..committed() };
    let expiring = CommittedOffset { expires_at: Some(Timestamp(9)), ..plain.clone() };
    let values = [
        ("0000 0000000000000102 0001 6d 0000000000000001", plain.clone()),
        ("0001 0000000000000102 0001 6d 0000000000000001 0000000000000009", expiring),
        ("0001 0000000000000102 0001 6d 0000000000000001 ffffffffffffffff", plain.clone()),
        ("0002 0000000000000102 0001 6d 0000000000000001", plain),
        ("0003 0000000000000102 00000003 0001 6d 0000000000000001", committed()),
        // An unknown tagged field is skipped.
        ("0004 0000000000000102 00000003 02 6d 0000000000000001 01 05 02 ffff", committed()),
    ];
    for (value, expected) in values {
        for key_type in ["0000", "0001"] {
            let key_bytes = hex(&format!("{key_type} 0001 67 0001 74 00000007"));
            let record = Record { key: key_bytes, value: Some(hex(value)) };
            let expected = Entry::Offset(key.clone(), Some(expected.clone()));
            assert_eq!(Entry::decode(&record).as_ref(), Ok(&expected), "{value}");
        }
    }
}

#[test]
fn all_versions_of_groups_are_read() {
    let head = "0008 636f6e73756d6572 00000002 0005 72616e6765 0003 632d31";
    let tail = "00002710 00000003 737562 00000002 6173";
    let values = [
        (format!("0000 {head} 00000001 0003 632d31 0001 63 0002 2f68 {tail}"), false, 10_000, -1),
        (
            format!("0001 {head} 00000001 0003 632d31 0001 63 0002 2f68 000493e0 {tail}"),
            false,
            300_000,
            -1,
        ),
        (
            format!(
                "0002 {head} 0000000000000005 00000001 0003 632d31 0001 63 0002 2f68 000493e0 {tail}"
            ),
            false,
            300_000,
            5,
        ),
        (
            "0004 09 636f6e73756d6572 00000002 06 72616e6765 04 632d31 0000000000000005
          02 04 632d31 02 69 02 63 03 2f68 000493e0 00002710 04 737562 03 6173 00 00"
                .to_owned(),
            true,
            300_000,
            5,
        ),
    ];
    for (value, has_instance, rebalance_timeout_ms, since) in values {
        let mut expected = GroupMetadata { since: Timestamp(since), ..group() };
        for member in expected.members.values_mut() {
            member.rebalance_timeout_ms = rebalance_timeout_ms;
            member.instance_id = member.instance_id.take().filter(|_| has_instance);
        }
        let record = Record { key: hex("0002 0001 67"), value: Some(hex(&value)) };
        assert_eq!(Entry::decode(&record), Ok(Entry::Group("g".into(), Some(expected))), "{value}");
    }
}

#[test]
fn what_is_not_understood_is_told_apart_from_what_is_broken() {
    let decode = |key: &str, value: &str| {
        Entry::decode(&Record { key: hex(key), value: Some(hex(value)) }).unwrap_err()
    };
    assert_eq!(decode("0003 0001 67", ""), DecodeError::Unknown(3));
    assert_eq!(decode("0002 0001 67", "0005"), DecodeError::Unknown(5));
    assert_eq!(decode("0002 0001 67", "ffff"), DecodeError::Unknown(-1));
    assert_eq!(decode("00", ""), DecodeError::Truncated);
    assert_eq!(decode("0002 ffff", ""), DecodeError::Length);
    assert_eq!(decode("0002 fffe", ""), DecodeError::Length);
    assert_eq!(decode("0002 0001 ff", ""), DecodeError::Name);
    assert_eq!(decode("0001 0001 67 0001 20 00000000", ""), DecodeError::Name);
    // Two billion members in four bytes.
    let many = "0003 0000 00000001 ffff ffff 0000000000000000 7fffffff";
    assert_eq!(decode("0002 0001 67", many), DecodeError::Truncated);
    // A member, but no protocol.
    let member =
        "0000 0000 00000001 ffff ffff 00000001 0001 61 0001 62 0001 63 00000001 00000000 00000000";
    assert_eq!(decode("0002 0001 67", member), MEMBERS_WITHOUT_PROTOCOL);
}

#[test]
fn names_and_records_that_do_not_fit_are_not_written() {
    let long: GroupId = "x".repeat(i16::MAX as usize + 1).into();
    assert_eq!(Entry::Group(long, None).encode(usize::MAX), Err(TooLarge));
    let entry = Entry::Group("g".into(), Some(group()));
    let length = entry.encode(usize::MAX).unwrap().value.unwrap().len();
    assert!(entry.encode(length).is_ok());
    assert_eq!(entry.encode(length - 1), Err(TooLarge));
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[a-zäö€]{1,9}", Just("x".repeat(300))]
}

prop_compose! {
    fn any_offset()(
        offset in any::<i64>(),
        epoch in any::<i32>(),
        metadata in text(),
        committed_at in any::<i64>(),
        expires_at in proptest::option::of(0..i64::MAX),
        topic_id in any::<u128>(),
    ) -> CommittedOffset {
        let expires = expires_at.is_some();
        CommittedOffset {
            offset: Offset(offset),
            leader_epoch: if expires { LeaderEpoch::NONE } else { LeaderEpoch(epoch) },
            metadata,
            committed_at: Timestamp(committed_at),
            expires_at: expires_at.map(Timestamp),
            topic_id: if expires { TopicId::ZERO } else { TopicId(Uuid::from_u128(topic_id)) },
        }
    }
}

prop_compose! {
    fn any_member()(
        instance in proptest::option::of(text()),
        client in text(),
        timeouts in any::<(u16, i32)>(),
        subscription in proptest::collection::vec(any::<u8>(), 0..20),
        assignment in proptest::collection::vec(any::<u8>(), 0..20),
    ) -> MemberMetadata {
        MemberMetadata {
            instance_id: instance.map(Into::into),
            client_id: client.as_str().into(),
            client_host: client.into(),
            rebalance_timeout_ms: timeouts.0.into(),
            session_timeout_ms: timeouts.1,
            subscription: subscription.into(),
            assignment: assignment.into(),
        }
    }
}

prop_compose! {
    fn any_group()(
        protocol_type in proptest::option::of("[a-z]{1,5}"),
        generation in any::<i32>(),
        protocol in text(),
        leader in proptest::option::of(text()),
        since in any::<i64>(),
        members in proptest::collection::btree_map(text().prop_map(MemberId::from), any_member(), 0..4),
    ) -> GroupMetadata {
        GroupMetadata {
            protocol_type: protocol_type.map(Into::into),
            generation,
            protocol: Some(protocol.into()),
            leader: leader.map(Into::into),
            since: Timestamp(since),
            members,
        }
    }
}

fn any_entry() -> impl Strategy<Value = Entry> {
    let offset = proptest::option::of(any_offset());
    let group = (text(), proptest::option::of(any_group()));
    prop_oneof![
        offset.prop_map(|offset| Entry::Offset(offset_key(), offset)),
        group.prop_map(|(id, group)| Entry::Group(id.into(), group)),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read(entry in any_entry()) {
        let record = entry.encode(usize::MAX).unwrap();
        prop_assert_eq!(Entry::decode(&record), Ok(entry));
    }

    #[test]
    fn a_record_that_ends_early_is_not_read(entry in any_entry(), cut in any::<prop::sample::Index>()) {
        let mut record = entry.encode(usize::MAX).unwrap();
        if let Some(value) = &mut record.value {
            value.truncate(cut.index(value.len()));
            prop_assert!(Entry::decode(&record).is_err());
        }
        record.key.truncate(cut.index(record.key.len()));
        prop_assert!(Entry::decode(&record).is_err());
    }

    #[test]
    fn damaged_records_do_no_harm(
        log in proptest::collection::vec((any::<u8>(), any_entry()), 1..5),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..5),
    ) {
        let mut bytes = log.iter().flat_map(|(kind, entry)| logged(*kind, entry)).collect::<Vec<_>>();
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        crate::fuzz(&bytes);
    }

    #[test]
    fn random_bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        crate::fuzz(&bytes);
    }
}

/// What [`crate::fuzz`] takes for this record, or for a marker.
fn logged(kind: u8, entry: &Entry) -> Vec<u8> {
    if kind % 4 >= 2 {
        return vec![kind];
    }
    let Record { key, value } = entry.encode(usize::MAX).unwrap();
    let value = value.unwrap_or_default();
    let mut bytes = vec![kind, key.len() as u8];
    bytes.extend((value.len() as u16).to_be_bytes());
    bytes.extend(key);
    bytes.extend(value);
    bytes
}
