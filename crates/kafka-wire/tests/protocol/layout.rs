//! Made-up messages: bytes that follow the layout of a message, with random values, written
//! without any of the code that is tested.

use std::collections::BTreeMap;

use serde_json::Value;

/// Where a random string or block crosses the next length of a varint, or of a shared segment.
const LONG: usize = 700;

type Versions = (i64, i64);

pub struct Layout {
    pub name: String,
    pub versions: Versions,
    flexible: Versions,
    structs: BTreeMap<String, Vec<Field>>,
}

struct Field {
    kind: String,
    versions: Versions,
    nullable: Option<Versions>,
    tag: Option<u64>,
    classic: bool,
}

/// The layouts of all messages (`cargo xtask gen-kafka`).
pub fn all() -> Vec<Layout> {
    let schema: Value =
        serde_json::from_str(include_str!("../../testdata/schema.json")).expect("JSON");
    schema.as_array().expect("an array").iter().map(layout).collect()
}

fn layout(value: &Value) -> Layout {
    let structs = value["structs"].as_object().expect("structs by name");
    Layout {
        name: value["name"].as_str().expect("a name").to_owned(),
        versions: versions(&value["versions"]).expect("versions"),
        flexible: versions(&value["flexible"]).expect("versions"),
        structs: structs
            .iter()
            .map(|(name, fields)| {
                let fields = fields.as_array().expect("fields").iter().map(field).collect();
                (name.clone(), fields)
            })
            .collect(),
    }
}

fn field(value: &Value) -> Field {
    Field {
        kind: value["type"].as_str().expect("a type").to_owned(),
        versions: versions(&value["versions"]).expect("versions"),
        nullable: versions(&value["nullable"]),
        tag: value["tag"].as_u64(),
        classic: value["classic"].as_bool().unwrap_or_default(),
    }
}

fn versions(value: &Value) -> Option<Versions> {
    Some((value[0].as_i64()?, value[1].as_i64()?))
}

fn contains(versions: Versions, version: i16) -> bool {
    (versions.0..=versions.1).contains(&version.into())
}

impl Layout {
    /// A message with random values, as Kafka would write it.
    pub fn random(&self, version: i16, seed: u64) -> Vec<u8> {
        let flexible = contains(self.flexible, version);
        let random = fastrand::Rng::with_seed(seed);
        let mut writer = Writer { layout: self, version, flexible, random, out: Vec::new() };
        writer.fields(&self.name, false);
        writer.out
    }
}

struct Writer<'a> {
    layout: &'a Layout,
    version: i16,
    flexible: bool,
    random: fastrand::Rng,
    out: Vec<u8>,
}

impl Writer<'_> {
    /// With `distinct`, every value differs from every default: a tagged field must be written then.
    fn fields(&mut self, name: &str, distinct: bool) {
        let layout = self.layout;
        let present = layout.structs[name].iter().filter(|it| contains(it.versions, self.version));
        let (tagged, untagged): (Vec<_>, Vec<_>) = present.partition(|field| field.tag.is_some());
        for field in untagged {
            let flexible = self.flexible;
            self.flexible &= !field.classic;
            self.field(field, distinct);
            self.flexible = flexible;
        }
        if self.flexible {
            self.tagged(tagged);
        }
    }

    fn tagged(&mut self, mut fields: Vec<&Field>) {
        fields.retain(|_| self.random.bool());
        fields.sort_by_key(|field| field.tag);
        self.varint(fields.len() as u64);
        for field in fields {
            let mut inner = Writer {
                out: Vec::new(),
                random: self.random.fork(),
                layout: self.layout,
                ..*self
            };
            inner.field(field, true);
            self.varint(field.tag.expect("tagged"));
            self.varint(inner.out.len() as u64);
            self.out.append(&mut inner.out);
        }
    }

    fn field(&mut self, field: &Field, distinct: bool) {
        let nullable = field.nullable.is_some_and(|versions| contains(versions, self.version));
        let is_null = nullable && !distinct && self.random.u8(..4) == 0;
        let kind = field.kind.as_str();
        match (kind, is_null) {
            ("string", true) => self.len(None, 2),
            ("bytes", true) => self.len(None, 4),
            (array, true) if array.starts_with("[]") => self.len(None, 4),
            (_, true) => self.out.push(0xff),
            (name, false) => {
                if nullable && name.starts_with(|first: char| first.is_ascii_uppercase()) {
                    self.out.push(1);
                }
                self.value(name, distinct);
            }
        }
    }

    fn value(&mut self, kind: &str, distinct: bool) {
        let width = match kind {
            "bool" => return self.out.push(u8::from(distinct || self.random.bool())),
            "string" => return self.string(distinct),
            "bytes" => return self.bytes(),
            "i8" => 1,
            "i16" | "u16" => 2,
            "i32" => 4,
            "i64" | "f64" => 8,
            "uuid" => 16,
            _ => return self.composed(kind, distinct),
        };
        let start = self.out.len();
        self.out.extend((0..width).map(|_| if distinct { 0 } else { self.random.u8(..) }));
        if distinct {
            self.out[start + width - 1] = 77;
        }
    }

    fn composed(&mut self, kind: &str, distinct: bool) {
        let Some(element) = kind.strip_prefix("[]") else { return self.fields(kind, distinct) };
        let is_long = element.len() < 4 && self.random.u8(..20) == 0;
        let count = if is_long { 130 } else { self.random.usize(usize::from(distinct)..3) };
        self.len(Some(count), 4);
        for _ in 0..count {
            self.value(element, false);
        }
    }

    fn string(&mut self, distinct: bool) {
        let letters = if self.random.u8(..20) == 0 { LONG } else { 8 };
        let count = self.random.usize(usize::from(distinct)..letters);
        let text: String = (0..count).map(|_| self.random.char(..)).collect();
        self.len(Some(text.len()), 2);
        self.out.extend_from_slice(text.as_bytes());
    }

    fn bytes(&mut self) {
        let limit = if self.random.u8(..8) == 0 { LONG } else { 8 };
        let count = self.random.usize(..limit);
        self.len(Some(count), 4);
        self.out.extend((0..count).map(|_| self.random.u8(..)));
    }

    fn len(&mut self, len: Option<usize>, classic_width: usize) {
        if self.flexible {
            return self.varint(len.map_or(0, |len| len as u64 + 1));
        }
        let len = len.map_or(-1, |len| i64::try_from(len).expect("small"));
        self.out.extend_from_slice(&len.to_be_bytes()[8 - classic_width..]);
    }

    fn varint(&mut self, mut value: u64) {
        while value > 127 {
            self.out.push((value % 128 + 128) as u8);
            value /= 128;
        }
        self.out.push(value as u8);
    }
}
