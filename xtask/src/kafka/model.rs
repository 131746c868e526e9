//! The definitions as the code needs them: every struct of a message beside the others, and every
//! range of versions cut down to those that exist.

use crate::Result;

use super::names;
use super::spec::{FieldSpec, Kind, MessageSpec};
use super::types::Type;
use super::versions::Versions;

pub struct Message {
    pub name: String,
    /// The name of its file, without the ending.
    pub module: String,
    pub kind: Kind,
    pub key: Option<i16>,
    pub versions: Versions,
    pub flexible: Versions,
    /// The last version is not final yet, and not to be advertised.
    pub last_unstable: bool,
    /// The message itself first, then what it is made of.
    pub structs: Vec<Struct>,
}

pub struct Struct {
    pub name: String,
    /// The versions in which it occurs.
    pub versions: Versions,
    pub fields: Vec<Field>,
    /// Fewest bytes on the wire, in any version.
    pub min_len: usize,
}

pub struct Field {
    pub name: String,
    /// The name in Kafka's definitions.
    pub kafka_name: String,
    pub kind: Type,
    pub versions: Versions,
    pub nullable: Versions,
    pub tag: Option<u32>,
    pub ignorable: bool,
    /// Keeps its two-byte length in flexible versions.
    pub classic: bool,
    pub default: Default,
}

#[derive(Clone, PartialEq, Eq)]
pub enum Default {
    /// That of the type.
    OfType,
    Null,
    /// A number or bool, as Rust writes it.
    Literal(String),
}

impl Message {
    pub fn new(spec: &MessageSpec) -> Result<Self> {
        let versions = Versions::parse(&spec.valid_versions)?;
        let mut message = Self {
            name: spec.name.clone(),
            module: names::snake_case(&spec.name),
            kind: spec.kind,
            key: spec.api_key,
            versions,
            flexible: Versions::parse(&spec.flexible_versions)?,
            last_unstable: spec.latest_version_unstable,
            structs: Vec::new(),
        };
        message.add_struct(spec, &spec.name, &spec.fields, versions)?;
        for index in (0..message.structs.len()).rev() {
            message.structs[index].min_len = message.min_len(&message.structs[index]);
        }
        Ok(message)
    }

    /// The versions fit for use.
    pub fn stable_versions(&self) -> Versions {
        let last = self.versions.last - i16::from(self.last_unstable);
        Versions { last, ..self.versions }
    }

    /// The first flexible version, if any is.
    pub fn first_flexible(&self) -> Option<i16> {
        let flexible = self.flexible.and(self.versions);
        (!flexible.is_empty()).then_some(self.flexible.first)
    }

    /// Adds a struct and those in its fields. One that is used twice exists wherever it is used.
    fn add_struct(
        &mut self,
        spec: &MessageSpec,
        name: &str,
        fields: &[FieldSpec],
        versions: Versions,
    ) -> Result<()> {
        let in_request = self.kind == Kind::Request;
        let known = self.structs.iter().position(|known| known.name == name);
        let versions = known.map_or(versions, |at| versions.hull(self.structs[at].versions));
        let lowered = fields
            .iter()
            .map(|field| Field::new(field, versions, in_request))
            .collect::<Result<Vec<_>>>()?;
        let alive: Vec<_> = lowered
            .into_iter()
            .zip(fields)
            .filter(|(field, _)| !field.versions.is_empty())
            .collect();
        let inner: Vec<_> = alive
            .iter()
            .filter_map(|(field, spec)| {
                Some((field.kind.struct_name()?.to_owned(), field.versions, *spec))
            })
            .collect();
        let fields = alive.into_iter().map(|(field, _)| field).collect();
        let new = Struct { name: name.to_owned(), versions, fields, min_len: 0 };
        match known {
            Some(at) => self.structs[at] = new,
            None => self.structs.push(new),
        }
        for (name, versions, field) in inner {
            let common = spec.common_structs.iter().find(|common| common.name == name);
            self.add_struct(
                spec,
                &name,
                common.map_or(&field.fields, |common| &common.fields),
                versions,
            )?;
        }
        Ok(())
    }

    fn min_len(&self, of: &Struct) -> usize {
        (of.versions.first..=of.versions.last)
            .map(|version| self.struct_len(of, version))
            .min()
            .unwrap_or_default()
            .max(1)
    }

    /// Fewest bytes that a struct takes in a version.
    fn struct_len(&self, of: &Struct, version: i16) -> usize {
        let fields = of.fields.iter().filter(|field| field.tag.is_none());
        let present = fields.filter(|field| field.versions.contains(version));
        let tags = usize::from(self.flexible.contains(version));
        tags + present.map(|field| self.field_len(field, version)).sum::<usize>()
    }

    fn field_len(&self, field: &Field, version: i16) -> usize {
        let compact = self.flexible.contains(version) && !field.classic;
        match &field.kind {
            Type::Number(number) => number.len,
            Type::Struct(_) if field.nullable.contains(version) => 1,
            Type::Struct(name) => {
                let inner = self.structs.iter().find(|inner| inner.name == *name);
                inner.map_or(0, |inner| self.struct_len(inner, version))
            }
            _ if compact => 1,
            Type::String => 2,
            _ => 4,
        }
    }
}

impl Struct {
    pub fn has_tagged_fields(&self) -> bool {
        self.fields.iter().any(|field| field.tag.is_some())
    }
}

impl Field {
    fn new(spec: &FieldSpec, parent: Versions, in_request: bool) -> Result<Self> {
        if spec.tag.is_some() && spec.tagged_versions != spec.versions {
            return Err(format!("{} is tagged in some versions only", spec.name).into());
        }
        let kind = Type::parse(&spec.kind, in_request)?;
        let versions = Versions::parse(&spec.versions)?.and(parent);
        Ok(Self {
            name: names::field(&spec.name),
            kafka_name: spec.name.clone(),
            default: Default::new(spec, &kind)?,
            nullable: Versions::parse(&spec.nullable_versions)?.and(versions),
            versions,
            kind,
            tag: spec.tag,
            ignorable: spec.ignorable,
            classic: spec.flexible_versions.as_deref() == Some("none"),
        })
    }

    /// True if some version has a null.
    pub fn is_option(&self) -> bool {
        !self.nullable.is_empty()
    }

    /// The type in Rust.
    pub fn rust_type(&self) -> String {
        if self.is_option() { format!("Option<{}>", self.kind.rust()) } else { self.kind.rust() }
    }

    /// The default in Rust.
    pub fn default_value(&self) -> String {
        let records = matches!(self.kind, Type::RecordsIn | Type::RecordsOut);
        match &self.default {
            Default::Literal(value) => value.clone(),
            Default::Null => "None".to_owned(),
            Default::OfType if !self.is_option() => self.kind.default().to_owned(),
            Default::OfType if records => "None".to_owned(),
            Default::OfType => format!("Some({})", self.kind.default()),
        }
    }

    /// True if `#[derive(Default)]` does the right thing.
    pub fn default_is_plain(&self) -> bool {
        match self.default_value().as_str() {
            "None" => true,
            value => !self.is_option() && value == self.kind.default(),
        }
    }

    /// The condition that a value is not the default.
    pub fn differs(&self) -> String {
        let place = format!("self.{}", self.name);
        match (self.default_value().as_str(), &self.kind) {
            ("None", _) => format!("{place}.is_some()"),
            ("false", _) => place,
            ("true", _) => format!("!{place}"),
            (_, _) if self.is_option() => {
                format!("{place}.as_ref().is_none_or(|value| !value.is_empty())")
            }
            (_, Type::Number(number)) if number.rust == "Uuid" => format!("!{place}.is_nil()"),
            (value, Type::Number(_)) => format!("{place} != {value}"),
            (_, Type::Struct(name)) => format!("{place} != {name}::default()"),
            _ => format!("!{place}.is_empty()"),
        }
    }
}

impl Default {
    fn new(spec: &FieldSpec, kind: &Type) -> Result<Self> {
        let Some(value) = &spec.default else { return Ok(Self::OfType) };
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_lowercase);
        match kind {
            _ if text == "null" => Ok(Self::Null),
            Type::Number(_) => Ok(Self::number(&text)),
            Type::String if text.is_empty() => Ok(Self::OfType),
            _ => Err(format!("{} has the default {text}", spec.name).into()),
        }
    }

    fn number(text: &str) -> Self {
        match text {
            "0" | "false" => Self::OfType,
            "0x7fffffff" | "2147483647" => Self::Literal("i32::MAX".to_owned()),
            "-2147483648" => Self::Literal("i32::MIN".to_owned()),
            "9223372036854775807" => Self::Literal("i64::MAX".to_owned()),
            other => Self::Literal(other.to_owned()),
        }
    }
}
