//! A place in a topic, as people write it.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::{Duration, UNIX_EPOCH};

use thalweg_types::Timestamp;

use crate::client::{At, Client, ClientError, Topic};

/// Where to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// The oldest record.
    Start,
    /// What comes next.
    End,
    /// This offset in every partition.
    Offset(i64),
    /// The first record that is not older than this.
    Time(Timestamp),
    /// The first record that is not older than this before now.
    Ago(Duration),
}

impl FromStr for Position {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "start" | "beginning" | "earliest" => return Ok(Self::Start),
            "end" | "latest" => return Ok(Self::End),
            _ => {}
        }
        if text.bytes().all(|byte| byte.is_ascii_digit())
            && let Ok(offset) = text.parse()
        {
            return Ok(Self::Offset(offset));
        }
        if let Ok(time) = humantime::parse_rfc3339_weak(text)
            && let Ok(since) = time.duration_since(UNIX_EPOCH)
        {
            return Ok(Self::Time(Timestamp(since.as_millis() as i64)));
        }
        humantime::parse_duration(text).map(Self::Ago).map_err(|_| {
            "write start, end, an offset, a UTC time such as 2026-05-01T12:00:00Z, \
             or an age such as 10m"
                .to_owned()
        })
    }
}

impl Position {
    /// The offsets of the place, by partition.
    pub async fn resolve(
        self,
        client: &Client,
        topic: &Topic,
        partitions: &[i32],
    ) -> Result<BTreeMap<i32, i64>, ClientError> {
        let at = match self {
            Self::Start => At::Start,
            Self::End => At::End,
            Self::Time(time) => At::Time(time),
            Self::Ago(age) => At::Time(Timestamp(client.env().wall().0 - age.as_millis() as i64)),
            Self::Offset(offset) => return Ok(partitions.iter().map(|p| (*p, offset)).collect()),
        };
        client.offsets(topic, partitions, at).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_read_as_people_write_them() {
        for (text, position) in [
            ("start", Position::Start),
            ("latest", Position::End),
            ("0", Position::Offset(0)),
            ("123456789012", Position::Offset(123_456_789_012)),
            ("1970-01-01T00:00:01Z", Position::Time(Timestamp(1000))),
            ("1970-01-02 00:00:00", Position::Time(Timestamp(86_400_000))),
            ("90s", Position::Ago(Duration::from_secs(90))),
            ("1h 30m", Position::Ago(Duration::from_mins(90))),
        ] {
            assert_eq!(text.parse(), Ok(position), "{text}");
        }
        for text in ["", "-5", "yesterday", "12x", "99999999999999999999"] {
            assert!(text.parse::<Position>().is_err(), "{text}");
        }
    }
}
