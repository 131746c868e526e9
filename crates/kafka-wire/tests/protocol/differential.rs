//! Random messages through our code and through the `kafka-protocol` crate.

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey as TheirKey, RequestKind, ResponseKind};
use proptest::prelude::*;
use thalweg_kafka_wire::ApiKey;

use crate::{layout, ours};

/// Versions that were not final in the Kafka that their code comes from: in their table, but not in
/// their requests.
const UNSTABLE_FOR_THEM: [(ApiKey, i16); 3] =
    [(ApiKey::InitProducerId, 6), (ApiKey::OffsetCommit, 10), (ApiKey::OffsetFetch, 10)];

/// Their name for an api, if they know the version.
fn their_key(key: ApiKey, version: i16) -> Option<TheirKey> {
    let theirs = TheirKey::try_from(key as i16).ok()?;
    let known = theirs.valid_versions();
    let is_known = (known.min..=known.max).contains(&version);
    (is_known && !UNSTABLE_FOR_THEM.contains(&(key, version))).then_some(theirs)
}

/// What their decoder and encoder make of a message; nothing if they do not know the version.
fn recode_by_theirs(name: &str, version: i16, bytes: &[u8]) -> Option<Bytes> {
    let (key, is_request) = ours::api(name);
    let key = their_key(key, version)?;
    let mut input = Bytes::copy_from_slice(bytes);
    let mut out = BytesMut::new();
    if is_request {
        let request = RequestKind::decode(key, &mut input, version).expect("they decode it");
        request.encode(&mut out, version).expect("they encode it");
    } else {
        let response = ResponseKind::decode(key, &mut input, version).expect("they decode it");
        response.encode(&mut out, version).expect("they encode it");
    }
    assert_eq!(input.len(), 0, "{name} {version}: they leave bytes");
    Some(out.freeze())
}

fn is_api(layout: &layout::Layout) -> bool {
    ["Request", "Response"].iter().any(|kind| layout.name.ends_with(kind))
}

fn each_version(layout: &layout::Layout) -> impl Iterator<Item = i16> + use<> {
    let (first, last) = layout.versions;
    first as i16..=last as i16
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn all_messages_keep_their_bytes(seed: u64) {
        for layout in layout::all() {
            for version in each_version(&layout) {
                let bytes = layout.random(version, seed);
                let again = ours::recode(&layout.name, version, &bytes);
                prop_assert_eq!(again.as_deref(), Ok(&bytes[..]), "{} {}", layout.name, version);
            }
        }
    }

    #[test]
    fn both_implementations_agree(seed: u64) {
        for layout in layout::all().iter().filter(|layout| is_api(layout)) {
            for version in each_version(layout) {
                let bytes = layout.random(version, seed);
                let ours = ours::recode(&layout.name, version, &bytes).expect("we decode it");
                if let Some(theirs) = recode_by_theirs(&layout.name, version, &ours) {
                    prop_assert_eq!(theirs, ours, "{} {}", layout.name, version);
                }
            }
        }
    }
}

/// The comparison is worth something only as long as most versions are compared.
#[test]
fn they_know_most_versions() {
    let versions = ApiKey::ALL.iter().flat_map(|&key| key.versions().map(move |at| (key, at)));
    let (known, unknown): (Vec<_>, Vec<_>) =
        versions.partition(|&(key, version)| their_key(key, version).is_some());
    assert!(
        unknown.len() < 25 && known.len() > 250,
        "{} of them, without {unknown:?}",
        known.len()
    );
}
