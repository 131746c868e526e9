use std::path::Path;
use std::time::Duration;

use super::*;
use crate::tests::harness::{DIR, append, batch, id, idempotent, open, simulate};

/// Real files of a log, as seeds.
fn samples() -> Vec<Vec<u8>> {
    simulate(1, |env, world| async move {
        let (log, _) = open(&env, 0, 2);
        for value in 0..60 {
            let partition = log.partition(id((value % 2) as i32)).expect("partition");
            append(&partition, batch(&[value], 1500)).await.expect("append");
            let partition = log.partition(id(0)).expect("partition");
            append(&partition, idempotent(3, value as i32, &[value])).await.expect("append");
        }
        env.sleep(Duration::from_mins(1)).await;
        log.close().await;
        let disk = world.restart().disk();
        let mut samples = Vec::new();
        for dir in ["log", "checkpoint"] {
            let dir = Path::new(DIR).join(dir);
            for entry in disk.list(&dir).expect("list") {
                samples.push(disk.read(&dir.join(entry.name), 1 << 20).expect("read"));
            }
        }
        samples
    })
}

fn all(input: &[u8]) {
    decode_chunk(input);
    decode_footer(input);
    decode_index(input);
    decode_file_header(input);
    decode_checkpoint(input);
    decode_checkpoint(&seal(input));
}

#[test]
fn nothing_panics_on_damaged_or_invented_input() {
    let mut random = fastrand::Rng::with_seed(9);
    for sample in samples() {
        for at in [0, 14, 4096, 8192] {
            let Some(rest) = sample.get(at..) else { continue };
            all(rest);
            for _ in 0..40 {
                let mut damaged = rest[..rest.len().min(3000)].to_vec();
                for _ in 0..random.usize(1..4) {
                    if let Some(byte) = random.choice(&mut damaged) {
                        *byte = 0xff;
                    }
                }
                all(&damaged[..random.usize(..=damaged.len())]);
            }
        }
    }
}
