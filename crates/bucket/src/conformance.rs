//! What every store must do, as plain functions: each engine's tests run [`all`] on a new store.

use std::sync::Arc;

use bytes::Bytes;
use thalweg_env::Env;

use crate::{Append, BucketError, Chain, NAME_LENGTH_MAX, Put, READ_MAX, SNAPSHOTS_KEPT, Store};

/// Runs every check on a store that holds nothing yet. A check that fails panics.
pub async fn all(env: &Env, store: Arc<dyn Store>) -> Result<(), BucketError> {
    an_object_is_created_once_and_keeps_its_content(&*store).await?;
    folders_list_their_own_objects_in_order(&*store).await?;
    deleting_is_idempotent_and_frees_the_name(&*store).await?;
    illegal_names_are_refused(&*store).await;
    of_several_creators_one_wins(env, &store).await?;
    a_chain_is_read_as_it_was_appended(env, &store).await?;
    of_several_appenders_one_wins_each_number(env, &store).await?;
    the_newest_snapshots_are_kept(env, &store).await
}

/// A second put changes nothing, whatever it carries.
pub async fn an_object_is_created_once_and_keeps_its_content(
    store: &dyn Store,
) -> Result<(), BucketError> {
    let name = "once/upon-a_time.0";
    assert_eq!(store.get(name).await?, None);
    assert_eq!(store.put_if_absent(name, Bytes::from_static(b"first")).await?, Put::Created);
    assert_eq!(store.put_if_absent(name, Bytes::from_static(b"second")).await?, Put::Exists);
    assert_eq!(store.put_if_absent(name, Bytes::from_static(b"first")).await?, Put::Exists);
    assert_eq!(store.get(name).await?.as_deref(), Some(b"first".as_slice()));
    assert_eq!(store.put_if_absent("top", Bytes::new()).await?, Put::Created);
    assert_eq!(store.get("top").await?.as_deref(), Some(b"".as_slice()));
    Ok(())
}

/// Neither sub-folders nor neighbours with a common beginning show up in a listing.
pub async fn folders_list_their_own_objects_in_order(store: &dyn Store) -> Result<(), BucketError> {
    assert!(store.list("shelf").await?.is_empty());
    for name in ["shelf/b", "shelf/a", "shelf/c", "shelf/deep/d", "shelf2/e", "shelf.f"] {
        store.put_if_absent(name, Bytes::new()).await?;
    }
    assert_eq!(store.list("shelf").await?, ["a", "b", "c"]);
    assert_eq!(store.list("shelf/deep").await?, ["d"]);
    Ok(())
}

/// What was deleted can be created again; what never was can be deleted.
pub async fn deleting_is_idempotent_and_frees_the_name(
    store: &dyn Store,
) -> Result<(), BucketError> {
    store.put_if_absent("gone/a", Bytes::from_static(b"1")).await?;
    store.delete("gone/a").await?;
    store.delete("gone/a").await?;
    store.delete("gone/never/was").await?;
    assert_eq!(store.get("gone/a").await?, None);
    assert_eq!(store.put_if_absent("gone/a", Bytes::from_static(b"2")).await?, Put::Created);
    assert_eq!(store.get("gone/a").await?.as_deref(), Some(b"2".as_slice()));
    Ok(())
}

/// No name leaves the store or hides in it.
pub async fn illegal_names_are_refused(store: &dyn Store) {
    let long = "x".repeat(NAME_LENGTH_MAX + 1);
    for name in ["", "/a", "a/", "a//b", "..", "a/../b", ".aside/0", "a b", "a\0", "ä", &long] {
        let refused = |error: &BucketError| matches!(error, BucketError::Name(_));
        let put = store.put_if_absent(name, Bytes::new()).await;
        assert!(put.is_err_and(|error| refused(&error)), "put {name:?}");
        assert!(store.get(name).await.is_err_and(|error| refused(&error)), "get {name:?}");
        assert!(store.delete(name).await.is_err_and(|error| refused(&error)), "delete {name:?}");
    }
}

/// Tasks that race for one name: exactly one is told that it created the object, and it did.
pub async fn of_several_creators_one_wins(
    env: &Env,
    store: &Arc<dyn Store>,
) -> Result<(), BucketError> {
    let mut racers = Vec::new();
    for racer in 0..8u8 {
        let store = Arc::clone(store);
        racers.push(env.spawn("racer", async move {
            (racer, store.put_if_absent("race", Bytes::from(vec![racer; 1000])).await)
        }));
    }
    let mut winners = Vec::new();
    for task in racers {
        let Some((racer, put)) = task.join().await else { panic!("a racer was aborted") };
        if put? == Put::Created {
            winners.push(racer);
        }
    }
    assert_eq!(winners.len(), 1, "winners of one name: {winners:?}");
    assert_eq!(store.get("race").await?, Some(Bytes::from(vec![winners[0]; 1000])));
    Ok(())
}

/// Entries come back in order, from any number, in bounded portions.
pub async fn a_chain_is_read_as_it_was_appended(
    env: &Env,
    store: &Arc<dyn Store>,
) -> Result<(), BucketError> {
    let chain = Chain::new(env, Arc::clone(store), "chain");
    assert!(chain.read_from(0).await?.is_empty());
    let count = READ_MAX as u64 + 3;
    for number in 0..count {
        assert_eq!(chain.append(number, &number.to_be_bytes()).await?, Append::Won);
    }
    assert_eq!(chain.append(1, &1u64.to_be_bytes()).await?, Append::Lost);

    let first = chain.read_from(0).await?;
    assert_eq!(first.len(), READ_MAX);
    let rest = chain.read_from(READ_MAX as u64).await?;
    for (number, entry) in (0..count).zip(first.iter().chain(&rest)) {
        assert_eq!(entry.number, number);
        assert_eq!(entry.payload, number.to_be_bytes().as_slice());
        assert!(!entry.damaged_twin);
    }
    assert_eq!(first.len() + rest.len(), count as usize);
    assert!(chain.read_from(count).await?.is_empty());
    Ok(())
}

/// Writers that read to the end, append and on a loss start over: each entry lands exactly once.
pub async fn of_several_appenders_one_wins_each_number(
    env: &Env,
    store: &Arc<dyn Store>,
) -> Result<(), BucketError> {
    const WRITERS: u8 = 4;
    const EACH: u8 = 10;
    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        let chain = Chain::new(env, Arc::clone(store), "contended");
        writers.push(env.spawn("appender", async move {
            let mut number = 0;
            for count in 0..EACH {
                while chain.append(number, &[writer, count]).await? == Append::Lost {
                    number += chain.read_from(number).await?.len() as u64;
                }
            }
            Ok::<_, BucketError>(())
        }));
    }
    for task in writers {
        let Some(done) = task.join().await else { panic!("an appender was aborted") };
        done?;
    }
    let entries = Chain::new(env, Arc::clone(store), "contended").read_from(0).await?;
    for writer in 0..WRITERS {
        let own = entries.iter().filter(|entry| entry.payload[0] == writer);
        let counts: Vec<u8> = own.map(|entry| entry.payload[1]).collect();
        assert_eq!(counts, (0..EACH).collect::<Vec<_>>(), "entries of writer {writer}");
    }
    Ok(())
}

/// The newest snapshot is found; older ones go, all but the one before it.
pub async fn the_newest_snapshots_are_kept(
    env: &Env,
    store: &Arc<dyn Store>,
) -> Result<(), BucketError> {
    let chain = Chain::new(env, Arc::clone(store), "state");
    assert_eq!(chain.latest_snapshot().await?, None);
    for at in [3, 9, 10, 200] {
        chain.write_snapshot(at, format!("state {at}").as_bytes()).await?;
    }
    chain.write_snapshot(200, b"another opinion").await?;
    let Some(newest) = chain.latest_snapshot().await? else { panic!("no snapshot was found") };
    assert_eq!((newest.at, newest.payload.as_ref()), (200, b"state 200".as_slice()));
    assert_eq!(store.list("state/snapshot").await?.len(), SNAPSHOTS_KEPT);
    assert!(chain.read_from(0).await?.is_empty(), "snapshots are no entries");
    Ok(())
}
