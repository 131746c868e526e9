//! What each broker calls things, and what the script calls them.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use uuid::Uuid;

/// A producer id that no broker hands out in a test.
const UNKNOWN_ID: i64 = 1 << 40;
/// One more.
const STRANGER_ID: i64 = UNKNOWN_ID + 1;
/// How far back the script's timestamps begin, and how far they reach. Later ones are the brokers' own.
const TIMES_BEGIN_BEFORE: Duration = Duration::from_hours(1);
const TIMES_END_AFTER_MS: i64 = 30 * 60 * 1000;

/// A producer id as the script knows it: by the order in which a broker handed it out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pid {
    /// None, -1 on the wire.
    None,
    /// The broker's nth.
    Nth(usize),
    /// One that no broker knows.
    Unknown,
    /// Another one, for transactions.
    Stranger,
}

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Nth(n) => write!(f, "p{n}"),
            Self::Unknown => f.write_str("unknown"),
            Self::Stranger => f.write_str("stranger"),
        }
    }
}

impl fmt::Debug for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The names that one broker gave.
#[derive(Debug)]
pub struct Names {
    producers: Vec<i64>,
    members: Vec<String>,
    topics: BTreeMap<String, Uuid>,
    first_epoch: i32,
    began_ms: i64,
}

impl Names {
    /// Nothing has a name yet. Both brokers must be given the same `began_ms`.
    pub fn new(began_ms: i64) -> Self {
        Self {
            producers: Vec::new(),
            members: Vec::new(),
            topics: BTreeMap::new(),
            first_epoch: 0,
            began_ms,
        }
    }

    /// Where the timestamps of a script that starts now begin.
    pub fn begin_ms() -> i64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        now.saturating_sub(TIMES_BEGIN_BEFORE).as_millis() as i64
    }

    /// The broker's number of a producer.
    pub fn producer_id(&self, pid: Pid) -> i64 {
        match pid {
            Pid::None => -1,
            Pid::Nth(n) => self.producers.get(n).copied().unwrap_or(UNKNOWN_ID),
            Pid::Unknown => UNKNOWN_ID,
            Pid::Stranger => STRANGER_ID,
        }
    }

    /// The script's name of a producer, which is a new one if it was not seen before.
    pub fn pid(&mut self, id: i64) -> Pid {
        match id {
            -1 => Pid::None,
            UNKNOWN_ID => Pid::Unknown,
            STRANGER_ID => Pid::Stranger,
            id => Pid::Nth(place(&mut self.producers, id)),
        }
    }

    /// The broker's name of the nth member.
    pub fn member_id(&self, member: usize) -> String {
        self.members.get(member).cloned().unwrap_or_else(|| "nobody".into())
    }

    /// The script's name of a member.
    pub fn member(&mut self, id: String) -> String {
        if id.is_empty() { id } else { format!("m{}", place(&mut self.members, id)) }
    }

    /// The topic's id; one that no broker knows if it never existed.
    pub fn topic_id(&self, topic: &str) -> Uuid {
        let unknown = Uuid::from_u128(0x5eed_0000_0000_4000_8000_0000_0000_0001);
        self.topics.get(topic).copied().unwrap_or(unknown)
    }

    /// Notes the id of a topic that was created.
    pub fn created(&mut self, topic: &str, id: Uuid) {
        self.topics.insert(topic.to_owned(), id);
    }

    /// The name of a topic that an answer gives by its name or its id.
    pub fn topic(&self, name: &str, id: Uuid) -> String {
        if !name.is_empty() {
            return name.to_owned();
        }
        let known = self.topics.iter().find(|(_, known)| **known == id);
        known.map_or_else(|| "unknown".into(), |(topic, _)| topic.clone())
    }

    /// Notes the leader epoch with which the broker begins, also as a coordinator. Which number that is is
    /// its own affair.
    pub fn leads_since(&mut self, first: i32) {
        self.first_epoch = first;
    }

    /// The broker's number of a leader epoch, counted from its first; less than 0 is no epoch.
    pub fn leader_epoch(&self, epoch: i32) -> i32 {
        if epoch < 0 { epoch } else { epoch + self.first_epoch }
    }

    /// How many leader epochs there were before that one.
    pub fn epochs_before(&self, leader_epoch: i32) -> i32 {
        if leader_epoch < 0 { leader_epoch } else { leader_epoch - self.first_epoch }
    }

    /// The broker's milliseconds for one of the script's moments.
    pub fn timestamp(&self, moment: i64) -> i64 {
        self.began_ms + moment
    }

    /// A timestamp as the script sees it: one of its moments, or the broker's own clock.
    pub fn moment(&self, timestamp: i64) -> String {
        match timestamp - self.began_ms {
            _ if timestamp <= 0 => timestamp.to_string(),
            moment @ 0..=TIMES_END_AFTER_MS => format!("+{moment}"),
            _ => "clock".into(),
        }
    }
}

fn place<T: PartialEq>(known: &mut Vec<T>, item: T) -> usize {
    let found = known.iter().position(|other| *other == item);
    found.unwrap_or_else(|| {
        known.push(item);
        known.len() - 1
    })
}
