//! The types of fields, and what each looks like in Rust.

use crate::Result;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// Written and read by a method of its own name.
    Number(Number),
    String,
    Bytes,
    /// Record batches that come in: the broker changes them in place.
    RecordsIn,
    /// Record batches that go out, as a list of segments.
    RecordsOut,
    Struct(String),
    Array(Box<Self>),
}

/// A type of fixed width: its name in Rust, that of its methods, and its bytes on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    pub rust: &'static str,
    pub method: &'static str,
    pub len: usize,
}

const NUMBERS: [(&str, Number); 8] = [
    ("bool", Number { rust: "bool", method: "bool", len: 1 }),
    ("int8", Number { rust: "i8", method: "i8", len: 1 }),
    ("int16", Number { rust: "i16", method: "i16", len: 2 }),
    ("uint16", Number { rust: "u16", method: "u16", len: 2 }),
    ("int32", Number { rust: "i32", method: "i32", len: 4 }),
    ("int64", Number { rust: "i64", method: "i64", len: 8 }),
    ("float64", Number { rust: "f64", method: "f64", len: 8 }),
    ("uuid", Number { rust: "Uuid", method: "uuid", len: 16 }),
];

impl Type {
    /// Reads the name that the definitions use.
    pub fn parse(text: &str, in_request: bool) -> Result<Self> {
        if let Some(element) = text.strip_prefix("[]") {
            return Ok(Self::Array(Box::new(Self::parse(element, in_request)?)));
        }
        if let Some((_, number)) = NUMBERS.iter().find(|(name, _)| *name == text) {
            return Ok(Self::Number(*number));
        }
        match text {
            "string" => Ok(Self::String),
            "bytes" => Ok(Self::Bytes),
            "records" if in_request => Ok(Self::RecordsIn),
            "records" => Ok(Self::RecordsOut),
            name if name.starts_with(|first: char| first.is_ascii_uppercase()) => {
                Ok(Self::Struct(name.to_owned()))
            }
            _ => Err(format!("unknown type {text}").into()),
        }
    }

    /// The type in Rust.
    pub fn rust(&self) -> String {
        match self {
            Self::Number(number) => number.rust.to_owned(),
            Self::String => "String".to_owned(),
            Self::Bytes => "Bytes".to_owned(),
            Self::RecordsIn => "BytesMut".to_owned(),
            Self::RecordsOut => "Segments".to_owned(),
            Self::Struct(name) => name.clone(),
            Self::Array(element) => format!("Vec<{}>", element.rust()),
        }
    }

    /// The struct in it, if there is one.
    pub fn struct_name(&self) -> Option<&str> {
        match self {
            Self::Struct(name) => Some(name),
            Self::Array(element) => element.struct_name(),
            _ => None,
        }
    }

    /// The value where none is given.
    pub fn default(&self) -> &'static str {
        match self {
            Self::Number(Number { rust: "bool", .. }) => "false",
            Self::Number(Number { rust: "f64", .. }) => "0.0",
            Self::Number(Number { rust: "Uuid", .. }) => "Uuid::nil()",
            Self::Number(_) => "0",
            Self::String => "String::new()",
            Self::Array(_) => "Vec::new()",
            Self::Bytes => "Bytes::new()",
            Self::RecordsIn => "BytesMut::new()",
            Self::RecordsOut => "Segments::default()",
            Self::Struct(_) => "Default::default()",
        }
    }

    /// The expression that reads a value.
    pub fn read(&self, nullable: bool) -> String {
        let prefix = if nullable { "nullable_" } else { "" };
        match self {
            Self::Struct(_) if !nullable => "Wire::read(input, version)?".to_owned(),
            Self::Struct(_) | Self::Array(_) => {
                format!("input.{prefix}{}(version)?", self.method())
            }
            _ => format!("input.{prefix}{}()?", self.method()),
        }
    }

    /// The statement that writes `value`, an expression for a reference to the value.
    pub fn write(&self, value: &str, nullable: bool) -> String {
        let prefix = if nullable { "nullable_" } else { "" };
        match self {
            Self::Number(number) => format!("out.{}({value});", number.method),
            Self::Struct(_) if !nullable => format!("{value}.write(out, version)?;"),
            Self::Struct(_) | Self::Array(_) => {
                format!("out.{prefix}{}({value}, version)?;", self.method())
            }
            _ => format!("out.{prefix}{}({value})?;", self.method()),
        }
    }

    /// What the type is called in the methods of encoder and decoder.
    fn method(&self) -> &'static str {
        match self {
            Self::Number(number) => number.method,
            Self::String => "string",
            Self::Bytes => "bytes",
            Self::RecordsIn => "records",
            Self::RecordsOut => "segments",
            Self::Struct(_) => "struct",
            Self::Array(_) => "array",
        }
    }

    /// A reference to what `place` holds: `&str` for a `String`, and the like.
    pub fn reference(&self, place: &str, option: bool) -> String {
        match (self, option) {
            (Self::Number(_) | Self::Struct(_), false) => place.to_owned(),
            (_, false) => format!("&{place}"),
            (Self::Bytes | Self::RecordsOut | Self::Struct(_), true) => format!("{place}.as_ref()"),
            (_, true) => format!("{place}.as_deref()"),
        }
    }
}
