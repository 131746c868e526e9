//! What is known about one setting, and how the catalogue's tables write it down.

/// The type of a value, as Kafka's tools name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// `true` or `false`.
    Boolean,
    /// Text.
    String,
    /// A 32-bit integer.
    Int,
    /// A 16-bit integer.
    Short,
    /// A 64-bit integer.
    Long,
    /// A floating-point number.
    Double,
    /// Texts, parted by commas.
    List,
    /// The name of a class. Nothing here loads one.
    Class,
    /// Text that is never shown.
    Password,
}

impl Type {
    /// The name in Kafka's error texts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Boolean => "BOOLEAN",
            Self::String => "STRING",
            Self::Int => "INT",
            Self::Short => "SHORT",
            Self::Long => "LONG",
            Self::Double => "DOUBLE",
            Self::List => "LIST",
            Self::Class => "CLASS",
            Self::Password => "PASSWORD",
        }
    }
}

/// How a broker's setting can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    /// With a restart.
    ReadOnly,
    /// While running, for one broker at a time.
    PerBroker,
    /// While running, for one broker or for all of them.
    ClusterWide,
}

/// Whether a setting changes anything here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It does.
    Active,
    /// It is accepted, remembered and reported, so that configurations written for Kafka load;
    /// what it governs in Kafka does not exist here.
    Inert,
}

/// Which values are legal, beyond the type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Check {
    /// All of the type.
    Any,
    /// Integers in a range, both ends included.
    Range(i64, i64),
    /// Integers in a range, or -1.
    RangeOrMinusOne(i64, i64),
    /// Numbers in a range, both ends included.
    Real(f64, f64),
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A list of these words.
    EachOf(&'static [&'static str]),
    /// A list that is not empty.
    NotEmpty,
    /// `*`, or a list of `partition:broker`.
    Replicas,
    /// Nothing, or the name of this class, which does the same as what is built in.
    BuiltIn(&'static str),
    /// Principals as `Type:name`, parted by semicolons.
    Principals,
    /// `latest`, `earliest`, or `by_duration:` and an ISO 8601 duration.
    OffsetReset,
}

/// A broker's setting that stands in for another one that is not set, in a larger unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fallback {
    /// The setting's name.
    pub name: &'static str,
    /// How many of the other setting's units are one of this one's.
    pub factor: i64,
}

/// One setting of a topic, a broker or a group.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Setting {
    /// Its name, which is Kafka's where Kafka has it.
    pub name: &'static str,
    /// The type of its values.
    pub value_type: Type,
    /// The value where none is set; `None` is Kafka's null.
    pub default: Option<&'static str>,
    /// Which values are legal.
    pub check: Check,
    /// How it can change. Of meaning for brokers; topics' and groups' settings change any time.
    pub update: Update,
    /// Whether it changes anything.
    pub effect: Effect,
    /// For a topic's setting: the broker's setting that gives its default.
    pub inherits: Option<&'static str>,
    /// For a broker's setting: what stands in for it, in this order.
    pub fallbacks: &'static [Fallback],
    doc: &'static str,
}

/// The tables' vocabulary.
impl Setting {
    const fn new(name: &'static str, value_type: Type) -> Self {
        Self {
            name,
            value_type,
            default: None,
            check: Check::Any,
            update: Update::ReadOnly,
            effect: Effect::Active,
            inherits: None,
            fallbacks: &[],
            doc: "",
        }
    }

    pub(super) const fn default(mut self, default: &'static str) -> Self {
        self.default = Some(default);
        self
    }

    pub(super) const fn check(mut self, check: Check) -> Self {
        self.check = check;
        self
    }

    pub(super) const fn min(self, min: i64) -> Self {
        self.range(min, i64::MAX)
    }

    pub(super) const fn range(self, min: i64, max: i64) -> Self {
        self.check(Check::Range(min, max))
    }

    pub(super) const fn one_of(self, words: &'static [&'static str]) -> Self {
        self.check(Check::OneOf(words))
    }

    pub(super) const fn per_broker(mut self) -> Self {
        self.update = Update::PerBroker;
        self
    }

    pub(super) const fn cluster_wide(mut self) -> Self {
        self.update = Update::ClusterWide;
        self
    }

    pub(super) const fn inert(mut self) -> Self {
        self.effect = Effect::Inert;
        self
    }

    pub(super) const fn inherits(mut self, broker: &'static str) -> Self {
        self.inherits = Some(broker);
        self
    }

    pub(super) const fn or(mut self, fallbacks: &'static [Fallback]) -> Self {
        self.fallbacks = fallbacks;
        self
    }

    pub(super) const fn doc(mut self, doc: &'static str) -> Self {
        self.doc = doc;
        self
    }
}

impl Setting {
    /// What it means, for people.
    pub fn documentation(&self) -> String {
        match self.effect {
            Effect::Active => self.doc.to_owned(),
            Effect::Inert => format!("{} Accepted, but without effect here.", self.doc),
        }
    }

    /// True if values are never to be shown.
    pub fn is_sensitive(&self) -> bool {
        self.value_type == Type::Password
    }
}

pub(super) const fn boolean(name: &'static str) -> Setting {
    Setting::new(name, Type::Boolean)
}

pub(super) const fn string(name: &'static str) -> Setting {
    Setting::new(name, Type::String)
}

pub(super) const fn int(name: &'static str) -> Setting {
    Setting::new(name, Type::Int)
}

pub(super) const fn short(name: &'static str) -> Setting {
    Setting::new(name, Type::Short)
}

pub(super) const fn long(name: &'static str) -> Setting {
    Setting::new(name, Type::Long)
}

pub(super) const fn double(name: &'static str) -> Setting {
    Setting::new(name, Type::Double)
}

pub(super) const fn list(name: &'static str) -> Setting {
    Setting::new(name, Type::List)
}

pub(super) const fn same(name: &'static str) -> Fallback {
    Fallback { name, factor: 1 }
}

pub(super) const fn minutes(name: &'static str) -> Fallback {
    Fallback { name, factor: 60 * 1000 }
}

pub(super) const fn hours(name: &'static str) -> Fallback {
    Fallback { name, factor: 60 * 60 * 1000 }
}
