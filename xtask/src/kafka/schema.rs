//! The layout of all messages as data, for tests that make up messages without the generated code.

use serde_json::{Value, json};

use super::model::{Field, Message, Struct};
use super::types::Type;
use super::versions::Versions;

/// All messages: a JSON array, a line each.
pub fn json_lines(messages: &[Message]) -> String {
    let lines: Vec<String> = messages.iter().map(|item| message(item).to_string()).collect();
    format!("[\n{}\n]\n", lines.join(",\n"))
}

fn message(message: &Message) -> Value {
    let structs: serde_json::Map<_, _> =
        message.structs.iter().map(|item| (item.name.clone(), fields(item))).collect();
    json!({
        "name": message.name,
        "versions": versions(message.versions),
        "flexible": versions(message.flexible),
        "structs": structs,
    })
}

fn fields(item: &Struct) -> Value {
    item.fields.iter().map(field).collect()
}

/// What is absent is none, or false.
fn field(field: &Field) -> Value {
    let mut value = json!({ "type": type_name(&field.kind), "versions": versions(field.versions) });
    if field.is_option() {
        value["nullable"] = versions(field.nullable);
    }
    if let Some(tag) = field.tag {
        value["tag"] = json!(tag);
    }
    if field.classic {
        value["classic"] = json!(true);
    }
    value
}

fn type_name(kind: &Type) -> String {
    match kind {
        Type::Number(number) => number.method.to_owned(),
        Type::String => "string".to_owned(),
        Type::Bytes | Type::RecordsIn | Type::RecordsOut => "bytes".to_owned(),
        Type::Struct(name) => name.clone(),
        Type::Array(element) => format!("[]{}", type_name(element)),
    }
}

fn versions(versions: Versions) -> Value {
    json!([versions.first, versions.last])
}
