//! What Kafka's own classes say, as a measure for our code.

use std::fs::File;
use std::process::Command;

use super::jar;
use crate::{Result, root};

/// Programs, and the files that their output becomes.
const CAPTURES: [(&str, &str); 2] =
    [("Golden.java", "golden.txt"), ("ErrorCodes.java", "error_codes.txt")];

/// Writes the captured files anew.
#[expect(clippy::disallowed_methods, reason = "a tool writes files as it likes")]
pub fn capture() -> Result<()> {
    for (program, output) in CAPTURES {
        let path = root().join("crates/kafka-wire/testdata").join(output);
        let mut java = Command::new("java");
        java.arg("-cp").arg(jar::class_path()?).arg(root().join("xtask/java").join(program));
        jar::run(java.stdout(File::create(&path)?))?;
        println!("written to {}", path.display());
    }
    Ok(())
}
