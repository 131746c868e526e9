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

fn field_text(field: &Field, item: &Struct) -> String {
    let about = field.about.trim().trim_end_matches('.');
    let about = if about.is_empty() { field.name.as_str() } else { about };
    // Brackets would be read as links, tags and quotes.
    let about = about.replace('[', "\\[").replace('<', "\\<").replace('>', "\\>");
    match field.versions.note(item.versions) {
        None => format!("{about}."),
        Some(note) => format!("{about} ({note})."),
    }
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
