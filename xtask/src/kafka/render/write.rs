//! The code that writes a struct.

use super::super::model::{Field, Message, Struct};
use super::super::types::Type;
use super::super::versions::{Condition, chain, reachable};

pub fn body(message: &Message, item: &Struct) -> String {
    let untagged = item.fields.iter().filter(|field| field.tag.is_none());
    let code = merged(untagged.map(|field| arms(field, item)));
    if message.flexible.and(item.versions).is_empty() {
        return code;
    }
    code + &tags(item)
}

type Arms = Vec<(Condition, String)>;

/// One chain after the other; neighbours with the same single arm share it.
fn merged(chains: impl Iterator<Item = Arms>) -> String {
    let mut merged: Vec<Arms> = Vec::new();
    for arms in chains {
        match (merged.last_mut().map(Vec::as_mut_slice), arms.as_slice()) {
            (Some([(before, code)]), [(condition, more)]) if before == condition => *code += more,
            _ => merged.push(arms),
        }
    }
    merged.into_iter().map(|arms| chain(arms) + "\n").collect()
}

fn arms(field: &Field, item: &Struct) -> Arms {
    let place = format!("self.{}", field.name);
    let value = field.kind.reference(&place, field.is_option());
    let mut arms = Vec::new();
    if field.is_option() {
        let nullable = if field.classic {
            format!("out.classic_nullable_string({value})?;")
        } else {
            field.kind.write(&value, true)
        };
        arms.push((field.nullable.condition(item.versions), nullable));
        let required = format!("required({value})?");
        arms.push((field.versions.condition(item.versions), field.kind.write(&required, false)));
    } else {
        arms.push((field.versions.condition(item.versions), field.kind.write(&value, false)));
    }
    if !field.ignorable {
        arms.push((Condition::When(field.differs()), refusal(field, item)));
    }
    reachable(arms)
}

/// What happens to a value that matters in a version without the field.
fn refusal(field: &Field, item: &Struct) -> String {
    let name = field.name.trim_start_matches("r#");
    format!("return not_in_version(\"{}.{name}\", version);", item.name)
}

fn tags(item: &Struct) -> String {
    if !item.has_tagged_fields() {
        return "no_tags(out);\n".to_owned();
    }
    let mut tagged: Vec<_> =
        item.fields.iter().filter_map(|field| Some((field.tag?, field))).collect();
    tagged.sort_by_key(|(tag, _)| *tag);
    let mut code = "let mut tags = TagWriter::new(out);\n".to_owned();
    for (tag, field) in tagged {
        code += &tagged_field(tag, field, item);
        code.push('\n');
    }
    code
}

fn tagged_field(tag: u32, field: &Field, item: &Struct) -> String {
    let (differs, put) = (field.differs(), put(tag, field));
    match field.versions.condition(item.versions) {
        Condition::When(present) if field.ignorable => {
            format!("if {present} && {differs} {{ {put} }}")
        }
        Condition::When(present) => {
            let refusal = refusal(field, item);
            format!("if {differs} {{ if {present} {{ {put} }} else {{ {refusal} }} }}")
        }
        Condition::Always | Condition::Never => format!("if {differs} {{ {put} }}"),
    }
}

fn put(tag: u32, field: &Field) -> String {
    let place = format!("self.{}", field.name);
    let write = match field.kind {
        Type::Number(_) | Type::Struct(_) => format!("{place}.write(out, version)?;"),
        _ => {
            let value = field.kind.reference(&place, field.is_option());
            field.kind.write(&value, field.is_option())
        }
    };
    format!("tags.put(out, {tag}, |out| {})?;", write.trim_end_matches("?;"))
}
