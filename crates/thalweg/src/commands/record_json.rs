//! Records as JSON objects, one a line, the same for `produce` and `consume`.
//!
//! ```json
//! {"topic":"t","partition":0,"offset":7,"timestamp":1760000000000,
//!  "key":"k","value":"v","headers":[{"key":"h","value":"x"}]}
//! ```
//!
//! Bytes that are not UTF-8 come under another name, `key_base64` and `value_base64`. For `produce`
//! every field may be missing; a value that is not a string is sent as its JSON text.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value};
use thalweg_records::{Header, Record};
use thalweg_types::Timestamp;

/// A record to be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InputRecord {
    /// The partition, if it is not to be chosen.
    pub partition: Option<i32>,
    /// The time, if it is not now.
    pub timestamp: Option<Timestamp>,
    /// The key.
    pub key: Option<Bytes>,
    /// The value.
    pub value: Option<Bytes>,
    /// Headers in order.
    pub headers: Vec<Header>,
}

/// The record as one line of JSON.
pub fn to_json(topic: &str, partition: i32, record: &Record) -> String {
    let mut object = Map::new();
    object.insert("topic".to_owned(), topic.into());
    object.insert("partition".to_owned(), partition.into());
    object.insert("offset".to_owned(), record.offset.0.into());
    object.insert("timestamp".to_owned(), record.timestamp.0.into());
    insert_bytes(&mut object, "key", record.key.as_deref());
    insert_bytes(&mut object, "value", record.value.as_deref());
    let headers = record.headers.iter().map(|header| {
        let mut object = Map::new();
        insert_bytes(&mut object, "key", Some(&header.key));
        insert_bytes(&mut object, "value", header.value.as_deref());
        Value::Object(object)
    });
    object.insert("headers".to_owned(), headers.collect());
    Value::Object(object).to_string()
}

fn insert_bytes(object: &mut Map<String, Value>, name: &str, bytes: Option<&[u8]>) {
    match bytes.map(|bytes| (bytes, std::str::from_utf8(bytes))) {
        None => object.insert(name.to_owned(), Value::Null),
        Some((_, Ok(text))) => object.insert(name.to_owned(), text.into()),
        Some((bytes, Err(_))) => {
            object.insert(format!("{name}_base64"), STANDARD.encode(bytes).into())
        }
    };
}

/// Reads a line of JSON; the error says what is wrong with it.
pub fn from_json(line: &str) -> Result<InputRecord, String> {
    let value: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let Value::Object(mut object) = value else {
        return Err(r#"a record is a JSON object, such as {"value":"v"}"#.to_owned());
    };
    let record = InputRecord {
        partition: take_number(&mut object, "partition")?,
        timestamp: take_number(&mut object, "timestamp")?.map(Timestamp),
        key: take_bytes(&mut object, "key")?,
        value: take_bytes(&mut object, "value")?,
        headers: take_headers(object.remove("headers"))?,
    };
    // Where the record came from, if it came from `consume`.
    object.remove("topic");
    object.remove("offset");
    no_more(&object)?;
    Ok(record)
}

fn no_more(object: &Map<String, Value>) -> Result<(), String> {
    match object.keys().next() {
        Some(name) => Err(format!("a record has no field '{name}'")),
        None => Ok(()),
    }
}

fn take_number<N: TryFrom<i64>>(
    object: &mut Map<String, Value>,
    name: &str,
) -> Result<Option<N>, String> {
    match object.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let number = value.as_i64().and_then(|number| N::try_from(number).ok());
            number.map(Some).ok_or_else(|| format!("'{name}' is not a number in range"))
        }
    }
}

fn take_bytes(object: &mut Map<String, Value>, name: &str) -> Result<Option<Bytes>, String> {
    let base64_name = format!("{name}_base64");
    match (object.remove(name), object.remove(&base64_name)) {
        (None | Some(Value::Null), None) => Ok(None),
        (Some(Value::String(text)), None) => Ok(Some(text.into())),
        (Some(value), None) => Ok(Some(value.to_string().into())),
        (None, Some(Value::String(text))) => match STANDARD.decode(text) {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(error) => Err(format!("'{base64_name}': {error}")),
        },
        (None, Some(_)) => Err(format!("'{base64_name}' is not a string")),
        (Some(_), Some(_)) => Err(format!("give '{name}' or '{base64_name}', not both")),
    }
}

/// Headers as a list, which keeps order and repeated keys, or as an object.
fn take_headers(headers: Option<Value>) -> Result<Vec<Header>, String> {
    match headers {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(list)) => list.into_iter().map(header_of).collect(),
        Some(Value::Object(object)) => {
            let pairs = object.into_iter().map(|(key, value)| {
                let mut object = Map::from_iter([("value".to_owned(), value)]);
                Ok(Header { key: key.into(), value: take_bytes(&mut object, "value")? })
            });
            pairs.collect()
        }
        Some(_) => Err("'headers' is neither a list nor an object".to_owned()),
    }
}

fn header_of(header: Value) -> Result<Header, String> {
    let Value::Object(mut object) = header else {
        return Err(r#"a header is an object, such as {"key":"k","value":"v"}"#.to_owned());
    };
    let key = take_bytes(&mut object, "key")?.ok_or("a header needs a key")?;
    let value = take_bytes(&mut object, "value")?;
    no_more(&object)?;
    Ok(Header { key, value })
}

#[cfg(test)]
mod tests {
    use thalweg_types::Offset;

    use super::*;

    fn record() -> Record {
        let header = |key: &'static str, value| Header { key: key.into(), value };
        Record {
            offset: Offset(7),
            timestamp: Timestamp(1_760_000_000_000),
            key: Some(Bytes::from_static(&[0xff, 0])),
            value: Some(Bytes::from_static("grün".as_bytes())),
            headers: vec![header("a", Some("1".into())), header("a", None)],
        }
    }

    #[test]
    fn a_record_prints_as_one_line() {
        assert_eq!(
            to_json("t", 3, &record()),
            r#"{"headers":[{"key":"a","value":"1"},{"key":"a","value":null}],"key_base64":"/wA=","offset":7,"partition":3,"timestamp":1760000000000,"topic":"t","value":"grün"}"#
        );
    }

    #[test]
    fn what_was_printed_reads_back() {
        let read = from_json(&to_json("t", 3, &record())).unwrap();
        let Record { timestamp, key, value, headers, .. } = record();
        let (partition, timestamp) = (Some(3), Some(timestamp));
        assert_eq!(read, InputRecord { partition, timestamp, key, value, headers });
    }

    #[test]
    fn fields_may_be_missing_null_or_not_strings() {
        assert_eq!(from_json("{}"), Ok(InputRecord::default()));
        let read = from_json(r#"{"key":null,"value":{"a":[1,2]},"headers":{"h":"x"}}"#).unwrap();
        assert_eq!(read.value.as_deref(), Some(&br#"{"a":[1,2]}"#[..]));
        assert_eq!(read.headers, [Header { key: "h".into(), value: Some("x".into()) }]);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (line, reason) in [
            ("[]", "JSON object"),
            ("{", "EOF"),
            (r#"{"vlaue":"v"}"#, "vlaue"),
            (r#"{"partition":"1"}"#, "partition"),
            (r#"{"partition":99999999999}"#, "partition"),
            (r#"{"key":"a","key_base64":"YQ=="}"#, "not both"),
            (r#"{"value_base64":"?"}"#, "value_base64"),
            (r#"{"headers":[{"value":"v"}]}"#, "needs a key"),
        ] {
            let error = from_json(line).unwrap_err();
            assert!(error.contains(reason), "{line}: {error}");
        }
    }
}
