//! The code that reads a struct.

use super::super::model::{Field, Message, Struct};
use super::super::versions::{Condition, chain};

pub fn body(message: &Message, item: &Struct) -> String {
    let fields: String = item.fields.iter().map(|field| initial(field, item)).collect();
    let value = format!("Self {{ {fields} }}");
    if message.flexible.and(item.versions).is_empty() {
        return format!("Ok({value})");
    }
    if item.has_tagged_fields() {
        return format!("let mut this = {value}; {} Ok(this)", tags(item));
    }
    format!("let this = {value}; skip_tags(input)?; Ok(this)")
}

/// A field as it is before the tagged fields were read.
fn initial(field: &Field, item: &Struct) -> String {
    let name = &field.name;
    if field.tag.is_some() {
        return format!("{name}: {},", field.default_value());
    }
    let mut arms = Vec::new();
    if field.is_option() {
        let nullable = if field.classic {
            "input.classic_nullable_string()?".to_owned()
        } else {
            field.kind.read(true)
        };
        arms.push((field.nullable.condition(item.versions), nullable));
        let required = format!("Some({})", field.kind.read(false));
        arms.push((field.versions.condition(item.versions), required));
    } else {
        arms.push((field.versions.condition(item.versions), field.kind.read(false)));
    }
    arms.push((Condition::Always, field.default_value()));
    format!("{name}: {},", chain(arms))
}

/// Reads the tagged fields that the version has; the others are skipped.
fn tags(item: &Struct) -> String {
    let tagged = item.fields.iter().filter_map(|field| Some((field.tag?, field)));
    let arms = tagged.map(|(tag, field)| {
        let condition = match field.versions.condition(item.versions) {
            Condition::When(condition) => format!("tag == {tag} && {condition}"),
            _ => format!("tag == {tag}"),
        };
        (Condition::When(condition), assignment(field))
    });
    format!(
        "let mut tags = TagReader::new(input)?; while let Some(tag) = tags.next(input)? {{ {} }}",
        chain(arms.collect())
    )
}

fn assignment(field: &Field) -> String {
    format!("this.{} = {};", field.name, field.kind.read(field.is_option()))
}
