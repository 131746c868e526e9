//! Kafka's definitions as they stand in the files.

use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::Result;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    Request,
    Response,
    Header,
    Data,
    #[serde(other)]
    Other,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageSpec {
    pub api_key: Option<i16>,
    #[serde(rename = "type")]
    pub kind: Kind,
    pub name: String,
    pub valid_versions: String,
    #[serde(default = "none")]
    pub flexible_versions: String,
    #[serde(default)]
    pub latest_version_unstable: bool,
    #[serde(default)]
    listeners: Vec<String>,
    #[serde(default)]
    pub fields: Vec<FieldSpec>,
    #[serde(default)]
    pub common_structs: Vec<StructSpec>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StructSpec {
    pub name: String,
    pub fields: Vec<FieldSpec>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FieldSpec {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub versions: String,
    #[serde(default = "none")]
    pub nullable_versions: String,
    #[serde(default = "none")]
    pub tagged_versions: String,
    pub tag: Option<u32>,
    /// Overrides that of the message.
    pub flexible_versions: Option<String>,
    #[serde(default)]
    pub ignorable: bool,
    pub default: Option<Value>,
    #[serde(default)]
    pub fields: Vec<FieldSpec>,
}

fn none() -> String {
    "none".to_owned()
}

impl MessageSpec {
    /// False for what Kafka has removed and only keeps the number of.
    pub fn is_live(&self) -> bool {
        self.valid_versions != "none"
    }

    /// False for what only controllers answer.
    pub fn is_for_brokers(&self) -> bool {
        self.listeners.iter().any(|listener| listener == "broker")
    }
}

/// Reads every definition in a folder, sorted by name.
pub fn read_all(folder: &Path) -> Result<Vec<MessageSpec>> {
    let mut specs = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let text = without_comments(&fs::read_to_string(&path)?);
        let spec: MessageSpec =
            serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        specs.push(spec);
    }
    specs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(specs)
}

/// Comments stand on lines of their own.
fn without_comments(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}
