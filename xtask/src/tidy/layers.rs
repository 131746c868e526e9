//! Every arrow points down: a crate depends on lower layers only, and siblings do not meet.

use std::process::Command;

use serde::Deserialize;

use crate::{Result, root};

const LAYERS: [(&str, &[&str]); 7] = [
    ("nouns", &["types"]),
    ("words", &["env", "frame", "records", "kafka-wire", "coordination"]),
    ("rules", &["groups", "transactions", "cluster"]),
    ("stores", &["bucket", "log"]),
    ("broker", &["broker"]),
    ("doors", &["kafka"]),
    ("binary", &["thalweg"]),
];

/// Arrows that point down and are wrong all the same: rules and stores know no protocol, and the
/// broker knows none of its doors'.
const KNOW_NO_PROTOCOL: [&str; 3] = ["rules", "stores", "broker"];
const PROTOCOLS: [&str; 1] = ["kafka-wire"];

/// They may depend on anything, and are found in tests only.
const TOOLS: [&str; 5] = ["checker", "sim", "faults", "differential", "floor"];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// Absent for what the product itself uses.
    kind: Option<String>,
    path: Option<String>,
}

pub fn check() -> Result<Vec<String>> {
    let metadata: Metadata = serde_json::from_slice(&cargo_metadata()?)?;
    Ok(metadata.packages.iter().flat_map(check_package).collect())
}

fn cargo_metadata() -> Result<Vec<u8>> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--no-deps", "--format-version", "1"]).current_dir(root());
    let output = cargo.output()?;
    if output.status.success() { Ok(output.stdout) } else { Err("cargo metadata failed".into()) }
}

fn check_package(package: &Package) -> Vec<String> {
    let Some(name) = crate_name(&package.name) else { return Vec::new() };
    let Some(layer) = layer(name) else {
        return vec![format!("{name}: has no layer in xtask/src/tidy/layers.rs")];
    };
    let inside = package.dependencies.iter().filter(|dependency| dependency.path.is_some());
    inside
        .filter_map(|dependency| Some((crate_name(&dependency.name)?, dependency.kind.is_some())))
        .filter_map(|(other, for_tests)| {
            let reason = forbidden(layer, other, for_tests)?;
            Some(format!("{name}: must not depend on {other}: {reason}"))
        })
        .collect()
}

/// Why a crate of a layer must not depend on another; tests may, unless they are a door's.
fn forbidden(from: usize, other: &str, for_tests: bool) -> Option<&'static str> {
    let to = layer(other)?;
    let (from_name, to_name) = (LAYERS[from].0, LAYERS[to].0);
    if from_name == "doors" && to_name == "stores" {
        return Some("doors name no store");
    }
    if for_tests {
        return None;
    }
    if KNOW_NO_PROTOCOL.contains(&from_name) && PROTOCOLS.contains(&other) {
        return Some("only doors know protocols");
    }
    (to >= from).then_some("arrows point down")
}

/// The layer of one of the product's crates.
fn layer(name: &str) -> Option<usize> {
    LAYERS.iter().position(|(_, crates)| crates.contains(&name))
}

/// The folder of one of the product's crates; nothing for the tools and checkers around it.
fn crate_name(package: &str) -> Option<&str> {
    if package == "thalweg" {
        return Some(package);
    }
    package.strip_prefix("thalweg-").filter(|name| !TOOLS.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(from: &str, other: &str, for_tests: bool) -> Option<&'static str> {
        forbidden(layer(from).unwrap(), other, for_tests)
    }

    #[test]
    fn arrows_point_down() {
        assert_eq!(verdict("log", "records", false), None);
        assert_eq!(verdict("kafka", "broker", false), None);
        assert!(verdict("records", "log", false).is_some());
        assert!(verdict("records", "env", false).is_some());
        assert_eq!(verdict("records", "env", true), None);
    }

    #[test]
    fn doors_name_no_store_and_stores_no_protocol() {
        assert!(verdict("kafka", "log", false).is_some());
        assert!(verdict("kafka", "log", true).is_some());
        assert!(verdict("log", "kafka-wire", false).is_some());
        assert!(verdict("broker", "kafka-wire", false).is_some());
        assert_eq!(verdict("kafka", "kafka-wire", false), None);
    }
}
