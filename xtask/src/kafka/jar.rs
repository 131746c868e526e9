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

/// The library and what it needs to run, for Java.
pub fn class_path() -> Result<String> {
    let paths = [library()?, fetched("org.slf4j", "slf4j-api", "1.7.36")?];
    Ok(paths.map(|path| path.display().to_string()).join(":"))
}

fn library() -> Result<PathBuf> {
    fetched("org.apache.kafka", "kafka-clients", KAFKA_VERSION)
}

/// A library, fetched by Maven unless it is there.
fn fetched(group: &str, name: &str, version: &str) -> Result<PathBuf> {
    let path = work_folder().join(format!("{name}-{version}.jar"));
    if !path.exists() {
        fetch(&format!("{group}:{name}:{version}"), &work_folder())?;
    }
    Ok(path)
}

fn fetch(artifact: &str, folder: &Path) -> Result<()> {
    let mut maven = Command::new("mvn");
    maven.args(["-q", "-B", "dependency:copy"]).arg(format!("-Dartifact={artifact}"));
    run(maven.arg(format!("-DoutputDirectory={}", folder.display())))
}

/// Where fetched things may lie between runs.
fn work_folder() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR");
    target.map_or_else(|| root().join("target"), PathBuf::from).join("kafka-definitions")
}

/// Runs a program to its end; fails if it does.
pub fn run(command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command.status().map_err(|error| format!("cannot start {name}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{name} failed: {status}").into()) }
}
