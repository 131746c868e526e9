//! The definitions inside Kafka's client library.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Result, root};

/// The release whose protocol is generated.
pub const KAFKA_VERSION: &str = "4.4.0";

/// A folder with the JSON definitions of all messages.
pub fn definitions() -> Result<PathBuf> {
    let folder = work_folder().join("definitions");
    let mut unzip = Command::new("unzip");
    unzip.args(["-q", "-o", "-j"]).arg(library()?).arg("common/message/*.json");
    run(unzip.arg("-d").arg(&folder))?;
    Ok(folder)
}

/// The library itself, fetched by Maven unless it is there.
pub fn library() -> Result<PathBuf> {
    let path = work_folder().join(format!("kafka-clients-{KAFKA_VERSION}.jar"));
    if !path.exists() {
        fetch(&format!("org.apache.kafka:kafka-clients:{KAFKA_VERSION}"), &work_folder())?;
    }
    Ok(path)
}

fn fetch(artifact: &str, folder: &Path) -> Result<()> {
    let mut maven = Command::new("mvn");
    maven.args(["-q", "-B", "dependency:copy"]).arg(format!("-Dartifact={artifact}"));
    run(maven.arg(format!("-DoutputDirectory={}", folder.display())))
}

/// Where fetched and compiled things may lie between runs.
pub fn work_folder() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR");
    target.map_or_else(|| root().join("target"), PathBuf::from).join("kafka-definitions")
}

/// Runs a program to its end; fails if it does.
pub fn run(command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command.status().map_err(|error| format!("cannot start {name}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{name} failed: {status}").into()) }
}
