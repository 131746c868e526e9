//! A file's bytes: what readers see, and beneath it what a power cut would leave.

use std::collections::BTreeMap;
use std::sync::Arc;

/// The unit that a device writes whole or not at all.
const SECTOR: usize = 512;

/// One written sector in this many reaches the device before anyone flushes it.
const EARLY_WRITEBACK: u8 = 8;

type Sector = Box<[u8; SECTOR]>;
/// Sectors by number. An absent one holds zeros, or what its blocks held for an earlier file.
pub(super) type Sectors = BTreeMap<u64, Sector>;

/// How a file came out of a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Survival {
    /// Everything written survived.
    Whole,
    /// Some unflushed sectors did, others did not.
    Torn,
    /// Nothing unflushed did.
    None,
}

#[derive(Default)]
pub(super) struct Contents {
    len: u64,
    durable_len: u64,
    sectors: Sectors,
    /// What blocks never written by this file hold; zeros without.
    stale: Option<Arc<Sectors>>,
    /// Sectors that the device holds in an older version than readers see.
    unsynced: BTreeMap<u64, Unsynced>,
}

struct Unsynced {
    /// What the device holds; `None` for a sector this file never wrote.
    before: Option<Sector>,
    /// A flush failed and the system took the sector for clean: no flush will write it.
    forgotten: bool,
}

impl Contents {
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn read(&self, buf: &mut [u8], offset: u64) -> usize {
        let end = self.len.min(offset.saturating_add(buf.len() as u64));
        let count = end.saturating_sub(offset) as usize;
        for (sector, from, part) in pieces(offset, count) {
            let target = &mut buf[part];
            match self.sector(sector) {
                Some(bytes) => target.copy_from_slice(&bytes[from..from + target.len()]),
                None => target.fill(0),
            }
        }
        count
    }

    pub(super) fn write(&mut self, bytes: &[u8], offset: u64, random: &mut fastrand::Rng) {
        for (sector, from, part) in pieces(offset, bytes.len()) {
            let source = &bytes[part];
            self.dirty(sector)[from..from + source.len()].copy_from_slice(source);
            let allocated = (sector + 1) * SECTOR as u64 <= self.durable_len;
            if allocated && random.u8(..EARLY_WRITEBACK) == 0 {
                self.unsynced.remove(&sector);
            }
        }
        if !bytes.is_empty() {
            self.len = self.len.max(offset + bytes.len() as u64);
        }
    }

    /// Sets a shorter length. The bytes past it come back if power goes before the next flush.
    pub(super) fn truncate(&mut self, len: u64) {
        for (sector, bytes) in self.sectors.split_off(&len.div_ceil(SECTOR as u64)) {
            let before = Some(bytes);
            self.unsynced.entry(sector).or_insert(Unsynced { before, forgotten: false });
        }
        if !len.is_multiple_of(SECTOR as u64) && len < self.len {
            self.dirty(len / SECTOR as u64)[(len % SECTOR as u64) as usize..].fill(0);
        }
        self.len = len;
    }

    /// Extends the file; the new blocks hold what `stale` held, or zeros.
    pub(super) fn allocate(&mut self, len: u64, stale: Option<Arc<Sectors>>) {
        if self.len == 0 {
            self.stale = stale;
        }
        self.len = self.len.max(len);
    }

    pub(super) fn sync(&mut self) {
        self.unsynced.retain(|_, state| state.forgotten);
        self.durable_len = self.len;
    }

    /// A flush that failed: each sector was written, or is taken for clean without having been,
    /// or fell out of the cache.
    pub(super) fn fail_sync(&mut self, random: &mut fastrand::Rng) {
        for (sector, mut state) in std::mem::take(&mut self.unsynced) {
            match random.u8(..3) {
                0 if !state.forgotten => {}
                1 => {
                    state.forgotten = true;
                    self.unsynced.insert(sector, state);
                }
                _ => self.put_back(sector, state.before),
            }
        }
        if random.bool() {
            self.durable_len = self.len;
        }
    }

    /// Leaves what a power cut leaves; `None` if nothing was at stake.
    pub(super) fn lose_power(&mut self, random: &mut fastrand::Rng) -> Option<Survival> {
        if self.unsynced.is_empty() && self.len == self.durable_len {
            return None;
        }
        let survival =
            [Survival::Whole, Survival::Torn, Survival::Torn, Survival::None][random.usize(..4)];
        let mut keep = || match survival {
            Survival::Whole => true,
            Survival::Torn => random.bool(),
            Survival::None => false,
        };
        let cut_off = self.len.div_ceil(SECTOR as u64);
        for (sector, state) in std::mem::take(&mut self.unsynced) {
            if sector >= cut_off || state.forgotten || !keep() {
                self.put_back(sector, state.before);
            }
        }
        let len = match survival {
            Survival::Whole => self.len,
            // Growing happens step by step, cutting at once.
            Survival::Torn if self.len > self.durable_len => {
                random.u64(self.durable_len..=self.len)
            }
            Survival::Torn if random.bool() => self.len,
            Survival::Torn | Survival::None => self.durable_len,
        };
        self.cut(len);
        Some(survival)
    }

    /// Flips a bit of the medium, flushed or not; false past the end.
    pub(super) fn flip(&mut self, bit: u64) -> bool {
        let byte = bit / 8;
        if byte >= self.len {
            return false;
        }
        let (sector, at) = (byte / SECTOR as u64, (byte % SECTOR as u64) as usize);
        self.readable(sector)[at] ^= 1 << (bit % 8);
        if let Some(before) = self.unsynced.get_mut(&sector).and_then(|u| u.before.as_mut()) {
            before[at] ^= 1 << (bit % 8);
        }
        true
    }

    /// The blocks of a file that is gone, for a later file to find.
    pub(super) fn into_stale(self) -> Arc<Sectors> {
        Arc::new(self.sectors)
    }

    fn sector(&self, number: u64) -> Option<&Sector> {
        self.sectors.get(&number).or_else(|| self.stale.as_ref()?.get(&number))
    }

    /// The sector as readers see it, to be changed.
    fn readable(&mut self, number: u64) -> &mut Sector {
        let stale = self.stale.as_ref().and_then(|stale| stale.get(&number));
        let blank = || stale.cloned().unwrap_or_else(|| Box::new([0; SECTOR]));
        self.sectors.entry(number).or_insert_with(blank)
    }

    /// The sector, to be changed and flushed later.
    fn dirty(&mut self, number: u64) -> &mut Sector {
        let before = self.sectors.get(&number);
        let fresh = || Unsynced { before: before.cloned(), forgotten: false };
        self.unsynced.entry(number).or_insert_with(fresh).forgotten = false;
        self.readable(number)
    }

    fn put_back(&mut self, sector: u64, before: Option<Sector>) {
        match before {
            Some(before) => self.sectors.insert(sector, before),
            None => self.sectors.remove(&sector),
        };
    }

    /// Shortens the file; what lies past its end reads as zeros if it grows again.
    fn cut(&mut self, len: u64) {
        self.truncate(len);
        self.unsynced.clear();
        self.durable_len = len;
    }
}

/// The sectors that `count` bytes at `offset` touch: number, first byte within, bytes of the whole.
fn pieces(offset: u64, count: usize) -> impl Iterator<Item = (u64, usize, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        if done == count {
            return None;
        }
        let at = offset + done as u64;
        let from = (at % SECTOR as u64) as usize;
        let part = done..count.min(done + SECTOR - from);
        done = part.end;
        Some((at / SECTOR as u64, from, part))
    })
}
