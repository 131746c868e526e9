//! Writes the sample batches in every codec to standard output, for `testdata/java/Batches.java`
//! to read with the code of the Java client.

use std::io::Write;

use thalweg_records::Compression;

#[path = "../tests/sample/mod.rs"]
mod sample;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = std::io::stdout().lock();
    for compression in Compression::ALL {
        out.write_all(sample::batch(compression)?.as_bytes())?;
        out.write_all(sample::noise_batch(compression)?.as_bytes())?;
    }
    Ok(())
}
