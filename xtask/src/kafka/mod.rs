//! Generates the messages of `thalweg-kafka-wire` from Kafka's own definitions.
//!
//! `jar` fetches the definitions, `spec` reads them as they are, `model` turns them into what the
//! code needs, and `render` writes that down.

pub mod golden;
mod jar;
mod model;
mod names;
mod render;
mod schema;
mod spec;
mod types;
mod versions;

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::{Result, root};
use model::Message;
use spec::{Kind, MessageSpec};

/// Messages without an api key that are wanted too.
const EXTRA: [&str; 4] = [
    "RequestHeader",
    "ResponseHeader",
    "ConsumerProtocolSubscription",
    "ConsumerProtocolAssignment",
];

/// Writes all generated files anew.
#[expect(clippy::disallowed_methods, reason = "a tool writes files as it likes")]
pub fn generate() -> Result<()> {
    let specs = spec::read_all(&jar::definitions()?)?;
    let messages = wanted(&specs).map(Message::new).collect::<Result<Vec<_>>>()?;
    let home = root().join("crates/kafka-wire");
    let folder = home.join("src/messages");
    replace_folder(&folder, &render::files(&messages))?;
    fs::write(home.join("testdata/schema.json"), schema::json_lines(&messages))?;
    println!("{} messages written to {}", messages.len(), folder.display());
    Ok(())
}

/// What clients exchange with a broker: controllers' own requests are left out, with their
/// responses.
fn wanted(specs: &[MessageSpec]) -> impl Iterator<Item = &MessageSpec> {
    let keys: Vec<i16> = specs
        .iter()
        .filter(|spec| spec.kind == Kind::Request && spec.is_live() && spec.is_for_brokers())
        .filter_map(|spec| spec.api_key)
        .collect();
    specs.iter().filter(move |spec| match spec.api_key {
        Some(key) => keys.contains(&key),
        None => EXTRA.contains(&spec.name.as_str()),
    })
}

#[expect(clippy::disallowed_methods, reason = "a tool writes files as it likes")]
fn replace_folder(folder: &Path, files: &[(String, String)]) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    let mut format = Command::new("rustfmt");
    format.arg("--config-path").arg(root()).args(["--edition", "2024"]);
    for (name, content) in files {
        let path = folder.join(name);
        fs::write(&path, content)?;
        format.arg(path);
    }
    if !format.status()?.success() {
        return Err("rustfmt refused the generated code".into());
    }
    Ok(())
}
