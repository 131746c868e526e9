//! Which records may be gone: what retention and orders to delete have taken, and whether they were
//! allowed to.

use std::collections::BTreeMap;
use std::time::Duration;

use thalweg_env::Instant;

/// What is known of the starts of all partitions.
#[derive(Default)]
pub(crate) struct Trims {
    /// The retention of topics that have one. A topic that is not here keeps everything.
    retention: BTreeMap<String, Duration>,
    partitions: BTreeMap<(String, i32), Start>,
    /// How far the broker's idea of time may be ahead of its clients'.
    ahead: Ahead,
    by_retention: u64,
}

#[derive(Default)]
struct Start {
    /// The log start offset as last seen.
    offset: i64,
    /// The largest offset below which somebody asked to delete.
    asked: i64,
    /// The largest log start offset that was confirmed.
    confirmed: i64,
    /// Last offset of each acknowledged batch that may still be there, and when it was made.
    stored: BTreeMap<i64, Instant>,
}

impl Trims {
    /// Records of `topic` may go after `retention`.
    pub fn allow(&mut self, topic: &str, retention: Duration) {
        self.retention.insert(topic.to_owned(), retention);
    }

    /// Somebody asks to delete the records before `offset`.
    pub fn ask(&mut self, topic: &str, partition: i32, offset: i64) {
        let start = self.partition(topic, partition);
        start.asked = start.asked.max(offset);
    }

    /// The deletion of the records before `offset` was confirmed.
    pub fn confirm(&mut self, topic: &str, partition: i32, offset: i64) {
        let start = self.partition(topic, partition);
        start.confirmed = start.confirmed.max(offset);
    }

    /// The least offset that a partition may start at.
    pub fn confirmed(&mut self, topic: &str, partition: i32) -> i64 {
        self.partition(topic, partition).confirmed
    }

    /// How often retention moved a start, as far as anybody saw.
    pub fn by_retention(&self) -> u64 {
        self.by_retention
    }

    /// How far the broker's idea of time may be ahead.
    pub fn ahead(&mut self) -> &mut Ahead {
        &mut self.ahead
    }

    /// A batch that was made at `made` was acknowledged.
    pub fn stored(&mut self, topic: &str, partition: i32, last_offset: i64, made: Instant) {
        self.partition(topic, partition).stored.insert(last_offset, made);
    }

    /// The offset behind the last acknowledged record of each partition of `topic`.
    pub fn ends(&self, topic: &str) -> Vec<(i32, i64)> {
        let of_topic = self.partitions.iter().filter(|((name, _), _)| name == topic);
        let end = |start: &Start| start.stored.last_key_value().map_or(0, |(last, _)| last + 1);
        of_topic.map(|((_, partition), start)| (*partition, end(start))).collect()
    }

    /// Judges a log start offset that somebody saw. True if it is news, an error if it must not be.
    pub fn log_start(
        &mut self,
        topic: &str,
        partition: i32,
        offset: i64,
        now: Instant,
    ) -> Result<bool, String> {
        let retention = self.retention.get(topic).copied();
        let ahead = self.ahead.at(now);
        let start = self.partition(topic, partition);
        if offset <= start.offset {
            return Ok(false);
        }
        start.offset = offset;
        let kept = start.stored.split_off(&offset);
        let gone = std::mem::replace(&mut start.stored, kept);
        if offset <= start.asked {
            return Ok(true);
        }
        let Some(retention) = retention else {
            return Err(format!(
                "{topic}-{partition}: nobody allowed the log to start at {offset}"
            ));
        };
        let youngest = gone.values().max().map(|made| now - *made + ahead);
        if let Some(age) = youngest.filter(|age| *age < retention) {
            return Err(format!(
                "{topic}-{partition}: retention of {retention:?} took records of {age:?} up to {offset}"
            ));
        }
        self.by_retention += 1;
        Ok(true)
    }

    fn partition(&mut self, topic: &str, partition: i32) -> &mut Start {
        self.partitions.entry((topic.to_owned(), partition)).or_default()
    }
}

/// The broker looks at the wall clock so often, or a little less often if it is busy.
const LOOKS_EVERY: Duration = Duration::from_secs(10);

/// A bound of the retention clock, from its documentation: it leans towards the wall clock by a tenth of
/// the time that passes. It would believe a jump after a longer time than any run takes.
#[derive(Default)]
pub(crate) struct Ahead {
    wall_ms: i64,
    clock_ms: i64,
    seen: Option<Instant>,
}

impl Ahead {
    /// The wall clock jumps by `millis`.
    pub fn jump(&mut self, now: Instant, millis: i64) {
        self.at(now);
        self.wall_ms = self.wall_ms.saturating_add(millis);
        // The next look may lean by a tenth of the time since the last one, the time before the jump included.
        self.lean(LOOKS_EVERY);
    }

    fn at(&mut self, now: Instant) -> Duration {
        let passed = self.seen.replace(now).map_or(Duration::ZERO, |seen| now - seen);
        self.lean(passed);
        Duration::from_millis(self.clock_ms.max(0) as u64)
    }

    fn lean(&mut self, passed: Duration) {
        let lean = passed.as_millis().div_ceil(10) as i64 + 1;
        self.clock_ms += lean.min((self.wall_ms - self.clock_ms).max(0));
    }
}
