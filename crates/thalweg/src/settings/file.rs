//! Settings from a TOML file. `"num.partitions" = 4`, `num.partitions = 4` and a table `[num]` with
//! `partitions = 4` are the same.

use std::path::Path;

use thalweg_env::Env;
use toml::{Table, Value};

use super::{Entry, SettingsError, Source};

/// Largest file that is read.
const FILE_MAX: u64 = 1 << 20;

pub(super) fn read(env: &Env, path: &Path) -> Result<Vec<Entry>, SettingsError> {
    let content = env.disk().read(path, FILE_MAX);
    let content =
        content.map_err(|source| SettingsError::Unreadable { path: path.to_owned(), source })?;
    let not_toml = |reason: String| SettingsError::NotToml { path: path.to_owned(), reason };
    let text = String::from_utf8(content).map_err(|error| not_toml(error.to_string()))?;
    let table: Table =
        text.parse().map_err(|error: toml::de::Error| not_toml(error.to_string()))?;
    let mut entries = Vec::new();
    flatten("", table, path, &mut entries)?;
    Ok(entries)
}

/// Tables may nest as deep as the parser lets them, which is bounded.
fn flatten(
    prefix: &str,
    table: Table,
    path: &Path,
    entries: &mut Vec<Entry>,
) -> Result<(), SettingsError> {
    for (key, value) in table {
        let name = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
        match value {
            Value::Table(inner) => flatten(&name, inner, path, entries)?,
            value => entries.push(entry(name, &value, path)?),
        }
    }
    Ok(())
}

fn entry(name: String, value: &Value, path: &Path) -> Result<Entry, SettingsError> {
    let source = Source::File(path.to_owned());
    if let Some(value) = text(value) {
        return Ok(Entry { name, value, source });
    }
    let reason = format!(
        "{name} is a {}; write text, a number, true or false, or a list of them",
        value.type_str()
    );
    Err(SettingsError::Setting { origin: source, reason })
}

/// The value as Kafka's properties have it: lists parted by commas.
fn text(value: &Value) -> Option<String> {
    Some(match value {
        Value::String(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Boolean(flag) => flag.to_string(),
        Value::Array(elements) => {
            let texts: Option<Vec<String>> = elements.iter().map(text).collect();
            texts?.join(",")
        }
        Value::Datetime(_) | Value::Table(_) => return None,
    })
}
