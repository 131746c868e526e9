//! The project's chores: `cargo xtask <chore>`.

mod kafka;
mod tidy;

use std::path::PathBuf;
use std::process::ExitCode;

/// Chores are run by people and scripts: an error is a sentence.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const USAGE: &str = "\
usage: cargo xtask <chore>

  gen-kafka   generate crates/kafka-wire/src/messages from Kafka's definitions (needs Maven)
  golden      capture crates/kafka-wire/testdata/*.txt from Kafka's own classes (needs Maven)
  tidy        check the direction of dependencies, file lengths, names, READMEs
";

fn main() -> ExitCode {
    let chore = std::env::args().nth(1).unwrap_or_default();
    let outcome = match chore.as_str() {
        "gen-kafka" => kafka::generate(),
        "golden" => kafka::golden::capture(),
        "tidy" => tidy::check(),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask {chore}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the repository.
fn root() -> PathBuf {
    let mut path = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    path.pop();
    path
}
