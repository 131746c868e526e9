use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use thalweg_env::Env;
use thalweg_types::ErrorKind;

use super::block_on;
use super::flaky::{Fate, Flaky};
use crate::object::{self, Kind};
use crate::{Append, BucketError, Chain, Memory, Put, Store, fuzz};

fn chain_on<S: Store>(store: &Arc<S>) -> Chain {
    Chain::new(&Env::real(), Arc::<S>::clone(store), "meta")
}

fn entry(number: u64) -> String {
    format!("meta/{number:020}")
}

/// Appends `payload` as entry 0 to a store with the given fates, another writer's entry being
/// there before if `taken`.
async fn append_with(script: &[Fate], taken: bool) -> (Result<Append, BucketError>, Arc<Flaky>) {
    let store = Arc::new(Flaky::new(script));
    if taken {
        let other = object::encode(Kind::Entry, 0, [7; 16], b"mine");
        assert_eq!(store.memory.put_if_absent(&entry(0), other).await.unwrap(), Put::Created);
    }
    (chain_on(&store).append(0, b"mine").await, store)
}

#[test]
fn an_unclear_put_is_resolved_by_asking_again_and_comparing_nonces() {
    use Fate::{Lost, StoredUnanswered};
    block_on(async {
        for script in [&[Lost][..], &[StoredUnanswered], &[Lost, StoredUnanswered, Lost]] {
            let (outcome, store) = append_with(script, false).await;
            assert_eq!(outcome.unwrap(), Append::Won);
            assert_eq!(store.script_left(), 0);
            assert_eq!(chain_on(&store).read_from(0).await.unwrap().len(), 1);
        }
        let (outcome, _) = append_with(&[Lost], true).await;
        assert_eq!(outcome.unwrap(), Append::Lost, "equal content does not make an entry ours");
    });
}

#[test]
fn what_cannot_be_resolved_is_an_error_and_never_a_win() {
    block_on(async {
        let (outcome, store) = append_with(&[Fate::Lost; 5], false).await;
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Retry);
        assert_eq!(store.script_left(), 0);
        let (outcome, _) = append_with(&[Fate::SaysExists], false).await;
        assert!(matches!(outcome, Err(BucketError::Vanished(name)) if name == entry(0)));
        let (outcome, _) = append_with(&[Fate::Refused], false).await;
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Io);
    });
}

/// Replaces an object's bytes, as damage does.
async fn overwrite(store: &Memory, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let mut content = store.get(name).await.unwrap().unwrap().to_vec();
    change(&mut content);
    store.delete(name).await.unwrap();
    store.put_if_absent(name, content.into()).await.unwrap();
}

#[test]
fn a_flipped_bit_costs_nothing_and_damage_in_both_copies_names_the_object() {
    block_on(async {
        let store = Arc::new(Memory::default());
        let chain = chain_on(&store);
        chain.append(0, b"a fact").await.unwrap();
        overwrite(&store, &entry(0), |content| content[30] ^= 4).await;
        let read = chain.read_from(0).await.unwrap();
        assert_eq!(read[0].payload, b"a fact".as_slice());
        assert!(read[0].damaged_twin);

        overwrite(&store, &entry(0), |content| *content.last_mut().unwrap() ^= 1).await;
        let error = chain.read_from(0).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.to_string().contains(&entry(0)));
    });
}

#[test]
fn an_object_in_the_wrong_place_is_not_believed() {
    block_on(async {
        let store = Arc::new(Memory::default());
        let other = object::encode(Kind::Entry, 1, [0; 16], b"one");
        store.put_if_absent(&entry(0), other).await.unwrap();
        let error = chain_on(&store).read_from(0).await.unwrap_err();
        assert!(matches!(error, BucketError::Misplaced(_)));

        let snapshot = object::encode(Kind::Snapshot, 1, [0; 16], b"state");
        store.put_if_absent(&entry(1), snapshot).await.unwrap();
        let error = chain_on(&store).read_from(1).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
    });
}

#[test]
fn a_damaged_snapshot_is_passed_over_and_a_newer_one_is_not() {
    block_on(async {
        let store = Arc::new(Memory::default());
        let chain = chain_on(&store);
        chain.write_snapshot(1, b"old").await.unwrap();
        chain.write_snapshot(2, b"new").await.unwrap();
        let newest = format!("meta/snapshot/{:020}", 2);
        overwrite(&store, &newest, |content| content.fill(0)).await;
        assert_eq!(chain.latest_snapshot().await.unwrap().unwrap().payload, b"old".as_slice());

        let newer = thalweg_frame::encode(*b"TWCS", 2, b"");
        overwrite(&store, &newest, |content| *content = newer).await;
        let error = chain.latest_snapshot().await.unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains("newer version"), "{cause}");
    });
}

#[test]
fn objects_of_version_1_keep_their_bytes() {
    let fixtures: [(Kind, &[u8]); 2] = [
        (Kind::Entry, include_bytes!("../../testdata/entry-v1.bin")),
        (Kind::Snapshot, include_bytes!("../../testdata/snapshot-v1.bin")),
    ];
    for (kind, fixture) in fixtures {
        assert_eq!(object::encode(kind, 41, *b"nonce of 16 byte", b"payload"), fixture);
        let object = object::decode(kind, 41, "fixture", fixture).unwrap();
        assert_eq!(object.payload, b"payload".as_slice());
    }
}

proptest! {
    #[test]
    fn any_object_is_survived(
        input: Vec<u8>,
        payload: Vec<u8>,
        content: Vec<u8>,
        at: prop::sample::Index,
        bits: u8,
    ) {
        fuzz::decode_object(&input);
        fuzz::decode_object(&thalweg_frame::encode(*b"TWCE", 1, &content));
        let mut near = object::encode(Kind::Entry, 0, [3; 16], &payload).to_vec();
        let at = at.index(near.len());
        near[at] ^= bits;
        fuzz::decode_object(&near);
        let object = object::decode(Kind::Entry, 0, "near", &near).unwrap();
        prop_assert_eq!(object.payload, Bytes::from(payload));
    }
}
