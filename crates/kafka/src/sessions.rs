//! Fetch sessions (KIP-227): what a client fetches again and again is remembered, so that its next
//! request names only what has changed, and the response only what is new.
//!
//! A request takes its session out of the cache and puts it back with the response. A session that is
//! out cannot be found; one whose request was given up never comes back, and its slot is evicted.

mod partitions;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use thalweg_env::Instant;
use thalweg_kafka_wire::ErrorCode;

pub(crate) use partitions::{PartitionKey, Seen, SessionPartitions, TopicRef, Wanted};

/// The id of "no session".
pub(crate) const NO_SESSION: i32 = 0;
/// The epoch of a request that opens a session.
const FIRST_EPOCH: i32 = 0;
/// The epoch of a request that wants no session, and ends the one it names.
const FINAL_EPOCH: i32 = -1;
/// A session that was not used for so long may be evicted, and one that lives for so long may make
/// room for a larger one. As in Kafka.
const EVICTION_AGE: Duration = Duration::from_mins(2);

/// The sessions of all clients.
pub(crate) struct FetchSessions {
    slots_max: usize,
    partitions_max: usize,
    cache: Mutex<Cache>,
}

#[derive(Default)]
struct Cache {
    slots: BTreeMap<i32, Slot>,
    /// Partitions of all sessions.
    partitions: usize,
}

struct Slot {
    /// The epoch of the next request.
    epoch: i32,
    by_topic_id: bool,
    /// How many partitions it had when it was last here.
    size: usize,
    created: Instant,
    used: Instant,
    /// `None` while a request has it.
    partitions: Option<SessionPartitions>,
}

/// What a request says about its session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SessionRequest {
    pub id: i32,
    pub epoch: i32,
    /// Whether topics are named by their ids.
    pub by_topic_id: bool,
}

/// The partitions that a request is about, in the order of reading.
#[derive(Debug)]
pub(crate) struct OpenSession {
    kind: Kind,
    by_topic_id: bool,
    pub partitions: SessionPartitions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The response is all there is.
    Without,
    /// The response comes with a new session, if there is room.
    New,
    /// The response says what has changed in the session.
    Incremental(i32),
}

impl OpenSession {
    /// True if the response names only what has changed.
    pub fn is_incremental(&self) -> bool {
        matches!(self.kind, Kind::Incremental(_))
    }
}

impl FetchSessions {
    /// Room for `slots_max` sessions with `partitions_max` partitions in all.
    pub fn new(slots_max: usize, partitions_max: usize) -> Self {
        Self { slots_max, partitions_max, cache: Mutex::default() }
    }

    /// The session of a request that asks for `wanted` and does not want `forgotten` any more.
    pub fn open(
        &self,
        now: Instant,
        request: SessionRequest,
        wanted: Vec<Wanted>,
        forgotten: &[PartitionKey],
    ) -> Result<OpenSession, ErrorCode> {
        let SessionRequest { id, epoch, by_topic_id } = request;
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let kind = match epoch {
            FIRST_EPOCH => Kind::New,
            FINAL_EPOCH => Kind::Without,
            _ => Kind::Incremental(id),
        };
        let mut partitions = match kind {
            Kind::Incremental(_) => cache.take(now, request)?,
            Kind::New | Kind::Without => {
                cache.remove(id);
                SessionPartitions::default()
            }
        };
        partitions.update(wanted, forgotten);
        if kind == Kind::Incremental(id) && partitions.is_empty() {
            cache.remove(id);
            return Ok(OpenSession { kind: Kind::Without, by_topic_id, partitions });
        }
        Ok(OpenSession { kind, by_topic_id, partitions })
    }

    /// Keeps the session for the next request; returns the id that the response carries. `random`
    /// gives bits for a new id.
    pub fn keep(&self, now: Instant, session: OpenSession, random: impl Fn() -> u64) -> i32 {
        let OpenSession { kind, by_topic_id, partitions } = session;
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        match kind {
            Kind::Without => NO_SESSION,
            Kind::Incremental(id) => {
                cache.put_back(id, partitions);
                id
            }
            Kind::New => {
                let size = partitions.len();
                if !self.make_room(&mut cache, now, size) {
                    return NO_SESSION;
                }
                let id = cache.free_id(random);
                cache.partitions += size;
                let slot = Slot {
                    epoch: next_epoch(FIRST_EPOCH),
                    by_topic_id,
                    size,
                    created: now,
                    used: now,
                    partitions: Some(partitions),
                };
                cache.slots.insert(id, slot);
                id
            }
        }
    }

    /// Sessions at the moment.
    pub fn len(&self) -> usize {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner).slots.len()
    }

    /// Sees to it that a session with `size` partitions fits, if need be by evicting another one.
    fn make_room(&self, cache: &mut Cache, now: Instant, size: usize) -> bool {
        let fits = |cache: &Cache| {
            cache.slots.len() < self.slots_max && cache.partitions + size <= self.partitions_max
        };
        if fits(cache) {
            return true;
        }
        if let Some(id) = cache.evictable(now, size) {
            cache.remove(id);
        }
        fits(cache)
    }
}

impl Cache {
    /// Takes the partitions of a session out, if the request is the one that it expects.
    fn take(
        &mut self,
        now: Instant,
        request: SessionRequest,
    ) -> Result<SessionPartitions, ErrorCode> {
        let slot = self.slots.get_mut(&request.id).ok_or(ErrorCode::FetchSessionIdNotFound)?;
        if slot.epoch != request.epoch {
            return Err(ErrorCode::InvalidFetchSessionEpoch);
        }
        if slot.by_topic_id != request.by_topic_id {
            return Err(ErrorCode::FetchSessionTopicIdError);
        }
        let partitions = slot.partitions.take().ok_or(ErrorCode::FetchSessionIdNotFound)?;
        slot.epoch = next_epoch(slot.epoch);
        slot.used = now;
        Ok(partitions)
    }

    fn put_back(&mut self, id: i32, partitions: SessionPartitions) {
        // It may have been evicted meanwhile: then the next request starts anew.
        let Some(slot) = self.slots.get_mut(&id) else { return };
        self.partitions = self.partitions - slot.size + partitions.len();
        slot.size = partitions.len();
        slot.partitions = Some(partitions);
    }

    fn remove(&mut self, id: i32) {
        if let Some(slot) = self.slots.remove(&id) {
            self.partitions -= slot.size;
        }
    }

    /// The session that makes room for one with `size` partitions: the one not used for longest if
    /// that is long enough; else the smallest old one that is smaller.
    fn evictable(&self, now: Instant, size: usize) -> Option<i32> {
        let is_old = |since: Instant| now.saturating_duration_since(since) >= EVICTION_AGE;
        let (id, slot) = self.slots.iter().min_by_key(|(_, slot)| slot.used)?;
        if is_old(slot.used) {
            return Some(*id);
        }
        let old = self.slots.iter().filter(|(_, slot)| is_old(slot.created));
        let (id, slot) = old.min_by_key(|(_, slot)| slot.size)?;
        (slot.size < size).then_some(*id)
    }

    fn free_id(&self, random: impl Fn() -> u64) -> i32 {
        loop {
            let id = (random() & 0x7fff_ffff) as i32;
            if id != NO_SESSION && !self.slots.contains_key(&id) {
                return id;
            }
        }
    }
}

fn next_epoch(epoch: i32) -> i32 {
    epoch.checked_add(1).unwrap_or(1)
}
