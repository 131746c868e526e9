//! Everything that the clients of one run did and saw, in one order: judged at once, hashed into the
//! run's trace, and told on request.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use thalweg_checker::{Checker, Commit, Event, Report, write_line};
use thalweg_env::{Env, Instant};

use crate::trims::Trims;

/// Complaints kept; one is enough to fail a run.
const COMPLAINTS_MAX: usize = 20;

/// The record of one run. Cheap to clone.
#[derive(Clone)]
pub(crate) struct History(Arc<Mutex<Inner>>);

struct Inner {
    env: Env,
    started: Instant,
    checker: Checker,
    hasher: DefaultHasher,
    tells: bool,
    complaints: Vec<String>,
    /// Counts the events about each committed offset.
    commits: BTreeMap<CommitKey, u64>,
    trims: Trims,
    /// What the end of each open transaction will change: the committed offsets that it has.
    offsets: BTreeMap<u32, Vec<CommitKey>>,
    producers: u32,
    consumers: u32,
    transactions: u32,
}

/// Group, topic and partition.
type CommitKey = (String, String, i32);

/// What a run comes to.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// What the checker found.
    pub report: Report,
    /// What no client should have seen, beyond the checker's rules.
    pub complaints: Vec<String>,
    /// A hash over everything that happened, and when.
    pub trace: u64,
}

impl History {
    /// An empty one. `tells` prints each event as it comes.
    pub fn new(env: &Env, tells: bool) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            env: env.clone(),
            started: env.now(),
            checker: Checker::new(),
            hasher: DefaultHasher::new(),
            tells,
            complaints: Vec::new(),
            commits: BTreeMap::new(),
            trims: Trims::default(),
            offsets: BTreeMap::new(),
            producers: 0,
            consumers: 0,
            transactions: 0,
        })))
    }

    /// A number that no producer has had.
    pub fn new_producer(&self) -> u32 {
        let mut inner = self.inner();
        inner.producers += 1;
        inner.producers
    }

    /// A number that no consumer has had.
    pub fn new_consumer(&self) -> u32 {
        let mut inner = self.inner();
        inner.consumers += 1;
        inner.consumers
    }

    /// A number that no transaction has had.
    pub fn new_transaction(&self) -> u32 {
        let mut inner = self.inner();
        inner.transactions += 1;
        inner.transactions
    }

    /// Notes an event.
    pub fn add(&self, event: &Event<'_>) {
        self.inner().add(event);
    }

    /// Notes something that only the trace needs.
    pub fn note(&self, what: impl Display) {
        self.inner().note(&what);
    }

    /// Notes something that must not happen.
    pub fn complain(&self, what: impl Display) {
        let mut inner = self.inner();
        inner.note(&format_args!("COMPLAINT {what}"));
        if inner.complaints.len() < COMPLAINTS_MAX {
            inner.complaints.push(what.to_string());
        }
    }

    /// True if something has gone wrong already.
    pub fn is_spoiled(&self) -> bool {
        let inner = self.inner();
        !inner.complaints.is_empty() || !inner.checker.report().is_clean()
    }

    /// How many events there were about a committed offset. A fetch of it counts only if there was
    /// none meanwhile.
    pub fn commits_seen(&self, group: &str, topic: &str, partition: i32) -> u64 {
        let key = (group.to_owned(), topic.to_owned(), partition);
        self.inner().commits.get(&key).copied().unwrap_or(0)
    }

    /// Rules by which a topic's records may go.
    pub fn trims<T>(&self, change: impl FnOnce(&mut Trims) -> T) -> T {
        change(&mut self.inner().trims)
    }

    /// Somebody learnt the log start offset of a partition.
    pub fn log_start(&self, topic: &str, partition: i32, offset: i64) {
        let mut inner = self.inner();
        let now = inner.env.now();
        match inner.trims.log_start(topic, partition, offset, now) {
            Ok(false) => {}
            Ok(true) => {
                inner.add(&Event::Trimmed { topic: topic.into(), partition, offset });
            }
            Err(why) => {
                drop(inner);
                self.complain(why);
            }
        }
    }

    /// The topic is being deleted: nothing of it is missed from now on.
    pub fn dropped(&self, topic: &str) {
        let mut inner = self.inner();
        for (partition, offset) in inner.trims.ends(topic) {
            inner.add(&Event::Trimmed { topic: topic.into(), partition, offset });
        }
    }

    /// Virtual time since the start.
    pub fn elapsed(&self) -> Duration {
        self.inner().elapsed()
    }

    /// Closes the history.
    pub fn finish(&self) -> Judgement {
        let mut inner = self.inner();
        let checker = std::mem::take(&mut inner.checker);
        Judgement {
            report: checker.finish(),
            complaints: inner.complaints.clone(),
            trace: inner.hasher.finish(),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn add(&mut self, event: &Event<'_>) {
        self.trace(event);
        if self.tells {
            let mut line = Vec::new();
            // Writing to memory does not fail.
            let _ = write_line(&mut line, event);
            self.tell(&String::from_utf8_lossy(line.trim_ascii_end()));
        }
        self.count_commits(event);
        let before = self.checker.report().verdicts.len();
        if let Err(error) = self.checker.observe(event) {
            self.complaints.push(format!("the history does not fit together: {error}"));
        }
        let verdicts = self.checker.report().verdicts[before..].iter();
        let told: Vec<String> = verdicts.map(|verdict| format!("VERDICT {verdict}")).collect();
        for verdict in &told {
            self.note(verdict);
        }
    }

    fn count_commits(&mut self, event: &Event<'_>) {
        let key = |commit: &Commit<'_>| {
            (commit.group.to_string(), commit.topic.to_string(), commit.partition)
        };
        let concerned = match event {
            Event::Commit(commit)
            | Event::CommitAcked(commit)
            | Event::CommitFailed(commit)
            | Event::CommitUnknown(commit) => vec![key(commit)],
            Event::TxnOffset { transaction, commit } => {
                self.offsets.entry(*transaction).or_default().push(key(commit));
                return;
            }
            Event::TxnCommit { transaction }
            | Event::TxnCommitted { transaction }
            | Event::TxnAborted { transaction } => {
                self.offsets.get(transaction).cloned().unwrap_or_default()
            }
            _ => return,
        };
        for key in concerned {
            *self.commits.entry(key).or_default() += 1;
        }
    }

    fn note(&mut self, what: &dyn Display) {
        let what = what.to_string();
        self.trace(&what);
        if self.tells {
            self.tell(&what);
        }
    }

    /// Puts something into the trace, with its time.
    fn trace(&mut self, what: &(impl Hash + ?Sized)) {
        self.elapsed().hash(&mut self.hasher);
        what.hash(&mut self.hasher);
    }

    fn tell(&self, what: &str) {
        println!("{:>10.3}  {what}", self.elapsed().as_secs_f64());
    }

    fn elapsed(&self) -> Duration {
        self.env.now() - self.started
    }
}
