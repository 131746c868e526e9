//! The load: the same batch again and again, a window of them on the way.

use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;

use thalweg_records::BatchBuilder;
use thalweg_types::Timestamp;

use crate::Load;

/// Batches on the way per connection, as Kafka's producers have them.
const WINDOW: u64 = 5;

pub fn run(port: u16, load: &Load) -> Result<(), Box<dyn Error>> {
    let (frame, records) = frame(load)?;
    let per_batch = records * load.size as u64;
    let batches = (load.mb * 1_000_000).div_ceil(per_batch * load.connections);
    let connections = (0..load.connections)
        .map(|_| {
            let stream = TcpStream::connect(("127.0.0.1", port))?;
            let frame = frame.clone();
            Ok(std::thread::spawn(move || send(stream, &frame, batches)))
        })
        .collect::<Result<Vec<_>, std::io::Error>>()?;
    for connection in connections {
        connection.join().map_err(|_| "a sender panicked")??;
    }
    Ok(())
}

/// A batch with its length in front, and how many records it has.
fn frame(load: &Load) -> Result<(Vec<u8>, u64), Box<dyn Error>> {
    let mut builder = BatchBuilder::new();
    let value = vec![b'x'; load.size];
    while builder.is_empty() || builder.len() + load.size < load.batch {
        builder.push(Timestamp(1), None, Some(&value), &[]);
    }
    let records = builder.count() as u64;
    let batch = builder.build()?;
    let length = u32::try_from(batch.as_bytes().len())?;
    Ok(([&length.to_be_bytes(), batch.as_bytes()].concat(), records))
}

fn send(mut stream: TcpStream, frame: &[u8], batches: u64) -> Result<(), std::io::Error> {
    stream.set_nodelay(true)?;
    let (mut sent, mut durable, mut answer) = (0, 0, [0; 8]);
    while durable < batches {
        while sent < batches && sent - durable < WINDOW {
            stream.write_all(frame)?;
            sent += 1;
        }
        stream.read_exact(&mut answer)?;
        durable = u64::from_be_bytes(answer);
    }
    Ok(())
}
