//! Bytes that the classes of Kafka 4.4.0 wrote: every message in every version, once with all
//! fields filled and once with nulls and empty arrays (`cargo xtask golden`).

use std::collections::BTreeMap;

use bytes::BytesMut;
use thalweg_kafka_wire::messages::FetchRequest;
use thalweg_kafka_wire::{ApiKey, Decoder, Message};
use uuid::Uuid;

use crate::ours;

/// A line of the file.
pub struct Golden {
    pub name: &'static str,
    pub version: i16,
    pub bytes: Vec<u8>,
}

pub fn all() -> impl Iterator<Item = Golden> {
    include_str!("../../testdata/golden.txt").lines().map(|line| {
        let mut words = line.split(' ');
        let mut word = || words.next().expect("three words a line");
        Golden { name: word(), version: word().parse().expect("a version"), bytes: unhex(word()) }
    })
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal digits");
    (0..text.len()).step_by(2).map(digits).collect()
}

#[test]
fn what_kafka_writes_comes_out_unchanged() {
    for Golden { name, version, bytes } in all() {
        let again = ours::recode(name, version, &bytes);
        assert_eq!(again.as_deref(), Ok(bytes.as_slice()), "{name} {version}");
    }
}

#[test]
fn every_version_of_every_api_is_there() {
    let mut versions: BTreeMap<&str, Vec<i16>> = BTreeMap::new();
    for golden in all() {
        versions.entry(golden.name).or_default().push(golden.version);
    }
    for key in ApiKey::ALL {
        for kind in ["Request", "Response"] {
            let mut found = versions[format!("{key}{kind}").as_str()].clone();
            found.dedup();
            assert_eq!(found, key.versions().collect::<Vec<_>>(), "{key}{kind}");
        }
    }
    assert_eq!(versions.len(), 2 * ApiKey::ALL.len() + 4);
}

/// Kafka filled the fields in their order from a counter: each must be found where it belongs.
#[test]
fn values_arrive_in_their_fields() {
    let golden = all().find(|golden| golden.name == "FetchRequest" && golden.version == 18);
    let bytes = golden.expect("the newest Fetch").bytes;
    let request = FetchRequest::decode(&mut Decoder::new(BytesMut::from(&bytes[..])), 18);
    let request = request.expect("Kafka's own bytes");
    assert_eq!(request.max_wait_ms, 0x1001);
    assert_eq!(request.isolation_level, 4);
    assert_eq!(request.topics.len(), 2);
    let topic = &request.topics[1];
    assert_eq!(topic.topic_id, Uuid::from_u64_pair(0x1000_0000_0018, 0x18));
    assert_eq!(topic.partitions[0].fetch_offset, 0x1000_0000_001b);
    assert_eq!(request.rack_id, "s47");
    assert_eq!(request.cluster_id.as_deref(), Some("s48"));
    assert_eq!(request.replica_state.replica_epoch, 0x1000_0000_0032);
}
