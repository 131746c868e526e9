use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use thalweg_env::Env;
use thalweg_env::simulated::{SimWorld, run};
use tokio::io::AsyncWriteExt;

use super::reader::FrameReader;
use crate::close::Close;
use crate::memory::RequestMemory;

const LENGTH_MAX: usize = 1 << 20;

/// A reader, and the end that it reads from.
fn pair(env: &Env) -> (FrameReader<tokio::io::DuplexStream>, tokio::io::DuplexStream) {
    let (near, far) = tokio::io::duplex(1 << 20);
    let memory = RequestMemory::new(8 << 20);
    (FrameReader::new(env.clone(), far, memory, LENGTH_MAX, Duration::from_mins(1)), near)
}

fn simulate<F: Future<Output = ()>>(scenario: impl FnOnce(Env) -> F) {
    run(async move { scenario(SimWorld::new(1).0).await }).unwrap();
}

fn frame(length: usize) -> Vec<u8> {
    let mut frame = (length as u32).to_be_bytes().to_vec();
    frame.extend((0..length).map(|i| i as u8));
    frame
}

#[test]
fn frames_come_whole_however_they_are_cut() {
    let lengths = [1, 0, 100, 4091, 4092, 4093, 8192, 100_000, 3];
    let stream: Vec<u8> = lengths.iter().flat_map(|&length| frame(length)).collect();
    for piece in [7, 4096, 5000, stream.len()] {
        let stream = stream.clone();
        simulate(|env| async move {
            let (mut reader, mut writer) = pair(&env);
            env.spawn("writer", async move {
                for piece in stream.chunks(piece) {
                    writer.write_all(piece).await.unwrap();
                    tokio::task::yield_now().await;
                }
            });
            for length in lengths {
                let read = reader.next().await.unwrap().unwrap();
                assert_eq!(read.bytes, &frame(length)[4..], "{length} in pieces of {piece}");
            }
            assert!(reader.next().await.unwrap().is_none());
        });
    }
}

#[test]
fn others_have_their_turns_while_a_long_frame_is_read() {
    simulate(|env| async move {
        let (mut reader, mut writer) = pair(&env);
        // All of it is there at once: reading never has to wait.
        writer.write_all(&frame(LENGTH_MAX - 4)).await.unwrap();
        let turns = Arc::new(AtomicU32::new(0));
        let counted = turns.clone();
        env.spawn("another", async move {
            loop {
                counted.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
            }
        });
        reader.next().await.unwrap().unwrap();
        assert!(turns.load(Ordering::Relaxed) >= 3);
    });
}

#[test]
fn a_frame_that_ends_early_is_an_error() {
    simulate(|env| async move {
        for sent in [1, 3, 5, 50, 5000] {
            let (mut reader, mut writer) = pair(&env);
            writer.write_all(&frame(100_000)[..sent]).await.unwrap();
            drop(writer);
            assert!(matches!(reader.next().await, Err(Close::Truncated)), "{sent}");
        }
    });
}

#[test]
fn slow_frames_are_given_up() {
    simulate(|env| async move {
        for sent in [1, 4, 50, 5000] {
            let (mut reader, mut writer) = pair(&env);
            writer.write_all(&frame(100_000)[..sent]).await.unwrap();
            let started = env.now();
            assert!(matches!(reader.next().await, Err(Close::SlowRequest(_))), "{sent}");
            assert!(env.now() - started < Duration::from_secs(40));
        }
    });
}

#[test]
fn reading_ahead_notices_the_end_and_loses_nothing() {
    simulate(|env| async move {
        let (mut reader, mut writer) = pair(&env);
        writer.write_all(&frame(10)).await.unwrap();
        let ahead = env.timeout(Duration::from_secs(1), reader.hung_up()).await;
        assert!(ahead.is_err(), "the client is there");
        assert_eq!(reader.next().await.unwrap().unwrap().bytes, &frame(10)[4..]);
        writer.write_all(&frame(9000)).await.unwrap();
        drop(writer);
        let ahead = env.timeout(Duration::from_secs(1), reader.hung_up()).await;
        assert!(ahead.is_err(), "who has sent so much is taken to be there");
        assert_eq!(reader.next().await.unwrap().unwrap().bytes, &frame(9000)[4..]);
        reader.hung_up().await;
    });
}
