//! A struct and its default.

use std::fmt::Write as _;

use super::super::model::{Field, Message, Struct};

/// Where comments are broken, inside a struct.
const TEXT_WIDTH: usize = 92;

pub fn definition(message: &Message, item: &Struct, is_message: bool) -> String {
    let plain = item.fields.iter().all(Field::default_is_plain);
    let derive = if plain { "Clone, Debug, Default, PartialEq" } else { "Clone, Debug, PartialEq" };
    let mut code = documentation(message, item, is_message);
    let _ = writeln!(code, "#[derive({derive})]\npub struct {} {{", item.name);
    for field in &item.fields {
        code += &comment(&field_text(field, item));
        let _ = writeln!(code, "pub {}: {},", field.name, field.rust_type());
    }
    code += "}\n\n";
    if !plain {
        code += &default(item);
    }
    code
}

fn documentation(message: &Message, item: &Struct, is_message: bool) -> String {
    if is_message {
        return format!("/// `{}`: {}.\n", message.name, super::version_note(message));
    }
    let note = item.versions.note(message.versions).map(|note| format!(": {note}"));
    format!("/// Part of [`{}`]{}.\n", message.name, note.unwrap_or_default())
}

/// What the definitions say of a field as facts: Kafka's name for it, its tag, its versions.
fn field_text(field: &Field, item: &Struct) -> String {
    let mut facts = vec![format!("Kafka's `{}`", field.kafka_name)];
    facts.extend(field.tag.map(|tag| format!("tag {tag}")));
    facts.extend(field.versions.note(item.versions));
    format!("{}.", facts.join(", "))
}

fn comment(text: &str) -> String {
    let mut code = String::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if line.len() + word.len() >= TEXT_WIDTH {
            let _ = writeln!(code, "/// {line}");
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line += word;
    }
    code + &format!("/// {line}\n")
}

fn default(item: &Struct) -> String {
    let mut code = format!("impl Default for {} {{ fn default() -> Self {{ Self {{", item.name);
    for field in &item.fields {
        let _ = write!(code, "{}: {},", field.name, field.default_value());
    }
    code + "} } }\n\n"
}
