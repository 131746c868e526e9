//! What a broker answered, as far as it may not differ: fields with a path each.

use std::collections::BTreeMap;
use std::fmt::Display;

use thalweg_kafka_wire::ErrorCode;

/// Codes of a coordinator that is about to be there.
const LOADING: [ErrorCode; 3] = [
    ErrorCode::CoordinatorLoadInProgress,
    ErrorCode::CoordinatorNotAvailable,
    ErrorCode::NotCoordinator,
];
/// Codes that ask to wait for the end of the last transaction.
const BUSY: [ErrorCode; 3] =
    [ErrorCode::ConcurrentTransactions, ErrorCode::NotEnoughReplicas, ErrorCode::RequestTimedOut];

/// Fields by their paths, such as `plain-0.error`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    fields: BTreeMap<String, String>,
}

/// A field in which two answers differ. A field that is missing is shown as `absent`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The whole path.
    pub path: String,
    /// What Kafka says.
    pub kafka: String,
    /// What Thalweg says.
    pub thalweg: String,
}

impl Difference {
    /// The last part of the path: what kind of field it is.
    pub fn field(&self) -> &str {
        kind(&self.path)
    }
}

fn kind(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or_default()
}

impl Answer {
    /// The answer of a broker that closed the connection.
    pub fn closed() -> Self {
        let mut answer = Self::default();
        answer.set("connection", "closed");
        answer
    }

    /// An answer that is nothing but a code.
    pub fn of_code(code: i16) -> Self {
        let mut answer = Self::default();
        answer.code("error", code);
        answer
    }

    /// Notes a field. One that comes twice is noted twice.
    pub fn set(&mut self, path: impl Into<String>, value: impl Display) {
        let mut path = path.into();
        while self.fields.contains_key(&path) {
            path.push('\'');
        }
        self.fields.insert(path, value.to_string());
    }

    /// Notes an error code by its name.
    pub fn code(&mut self, path: impl Into<String>, code: i16) {
        match ErrorCode::from_code(code) {
            Some(code) => self.set(path, code.name()),
            None => self.set(path, code),
        }
    }

    /// Notes the error code of a partition.
    pub fn partition_code(&mut self, topic: &str, partition: i32, code: i16) {
        self.code(format!("{topic}-{partition}.error"), code);
    }

    /// The text of a field.
    pub fn get(&self, path: &str) -> Option<&str> {
        self.fields.get(path).map(String::as_str)
    }

    /// The number in a field.
    pub fn number(&self, path: &str) -> Option<i64> {
        self.get(path)?.parse().ok()
    }

    /// The texts of all fields of one kind.
    pub fn values<'a>(&'a self, field: &'a str) -> impl Iterator<Item = &'a str> {
        let of_kind = self.fields.iter().filter(move |(path, _)| kind(path) == field);
        of_kind.map(|(_, value)| value.as_str())
    }

    /// True if it has codes, and all of them say that all went well.
    pub fn all_ok(&self) -> bool {
        let mut codes = self.values("error").peekable();
        codes.peek().is_some() && codes.all(|code| code == ErrorCode::None.name())
    }

    /// True if the field is a code that says that all went well.
    pub fn ok(&self, path: &str) -> bool {
        self.get(path) == Some(ErrorCode::None.name())
    }

    /// True if the coordinator is not there yet.
    pub fn is_loading(&self) -> bool {
        self.has_any(&LOADING)
    }

    /// True if an end of a transaction has to come first.
    pub fn is_busy(&self) -> bool {
        self.has_any(&BUSY)
    }

    fn has_any(&self, codes: &[ErrorCode]) -> bool {
        self.fields.values().any(|value| codes.iter().any(|code| code.name() == value))
    }

    /// Every code in it, and a closed connection.
    pub fn codes(&self) -> impl Iterator<Item = &str> {
        let all = self.fields.values().map(String::as_str);
        all.filter(|value| {
            *value == "closed" || ErrorCode::ALL.iter().any(|code| code.name() == *value)
        })
    }

    /// Where the answers of the two brokers differ.
    pub fn differences(&self, thalweg: &Self) -> Vec<Difference> {
        let mut paths: Vec<_> = self.fields.keys().chain(thalweg.fields.keys()).collect();
        paths.sort();
        paths.dedup();
        let text = |answer: &Self, path: &str| answer.get(path).unwrap_or("absent").to_owned();
        let all = paths.into_iter().map(|path| Difference {
            path: path.clone(),
            kafka: text(self, path),
            thalweg: text(thalweg, path),
        });
        all.filter(|difference| difference.kafka != difference.thalweg).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Answer;

    #[test]
    fn what_differs_is_named_and_what_is_missing_too() {
        let (mut kafka, mut thalweg) = (Answer::default(), Answer::default());
        kafka.code("a-0.error", 0);
        thalweg.code("a-0.error", 3);
        kafka.set("a-0.offset", 7);
        thalweg.set("a-0.offset", 7);
        thalweg.set("a-0.more", 1);
        let differences = kafka.differences(&thalweg);
        let found: Vec<_> =
            differences.iter().map(|d| (d.field(), d.kafka.as_str(), d.thalweg.as_str())).collect();
        let expected = [("error", "NONE", "UNKNOWN_TOPIC_OR_PARTITION"), ("more", "absent", "1")];
        assert_eq!(found, expected);
    }
}
