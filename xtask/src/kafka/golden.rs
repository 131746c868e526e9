//! Bytes that Kafka's own classes write, as a measure for the generated code.

use std::fs::File;
use std::process::Command;

use super::jar;
use crate::{Result, root};

/// Writes `testdata/golden.txt` anew.
#[expect(clippy::disallowed_methods, reason = "a tool writes files as it likes")]
pub fn capture() -> Result<()> {
    let path = root().join("crates/kafka-wire/testdata/golden.txt");
    let mut java = Command::new("java");
    java.arg("-cp").arg(jar::library()?).arg(root().join("xtask/java/Golden.java"));
    jar::run(java.stdout(File::create(&path)?))?;
    println!("written to {}", path.display());
    Ok(())
}
