//! What a data directory serves, record by record, and how it differs from what it served before.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use thalweg_records::Batch;

use crate::failure::Failure;

const DECOMPRESSED_MAX: usize = 16 << 20;

/// Everything that is served.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents(pub BTreeMap<(String, i32), Served>);

/// What is served of one partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Served {
    /// The log start offset.
    pub start: i64,
    /// The high watermark.
    pub end: i64,
    /// A digest of each record by its offset.
    pub records: BTreeMap<i64, u64>,
    /// The batches: where each begins, and the offset after it.
    pub batches: BTreeMap<i64, i64>,
    /// Ranges of offsets that answer an error instead.
    pub holes: Vec<(i64, i64)>,
}

/// What one fault changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// What must never be: foreign records, lost partitions, moved ends.
    pub wrong: Vec<String>,
    /// Batches that answer an error where records were.
    pub refused: Vec<String>,
    /// Records that are gone without an error, before the last chunk.
    pub lost: Vec<String>,
    /// Records of the last chunk that are gone.
    pub tail_lost: usize,
}

impl Served {
    /// Adds the records of a batch.
    pub fn add(&mut self, batch: &Batch) -> Result<(), Failure> {
        batch.verify_crc()?;
        self.batches.insert(batch.base_offset().0, batch.next_offset().0);
        for record in batch.records(DECOMPRESSED_MAX)? {
            let record = record?;
            let mut digest = DefaultHasher::new();
            (record.timestamp.0, &record.key, &record.value).hash(&mut digest);
            for header in &record.headers {
                (&header.key, &header.value).hash(&mut digest);
            }
            self.records.insert(record.offset.0, digest.finish());
        }
        Ok(())
    }

    /// Notes that the records from `from` cannot be read up to `to`.
    pub fn add_hole(&mut self, from: i64, to: i64) {
        match self.holes.last_mut() {
            Some(last) if last.1 == from => last.1 = to,
            _ => self.holes.push((from, to)),
        }
    }
}

impl Contents {
    /// Records of all partitions.
    pub fn records(&self) -> usize {
        self.0.values().map(|served| served.records.len()).sum()
    }

    /// What is different `after` a fault. The last chunk holds the offsets from `tail` on; where
    /// that has none, nothing of the partition is in the last chunk.
    pub fn compare(&self, after: &Self, tail: &BTreeMap<(String, i32), i64>) -> Difference {
        let mut difference = Difference::default();
        for (place, before) in &self.0 {
            let name = format!("{}-{}", place.0, place.1);
            match after.0.get(place) {
                Some(after) => {
                    let tail = tail.get(place).copied().unwrap_or(i64::MAX);
                    difference.judge(&name, before, after, tail);
                }
                None => difference.wrong.push(format!("{name} is gone")),
            }
        }
        for place in after.0.keys().filter(|place| !self.0.contains_key(*place)) {
            difference.wrong.push(format!("{place:?} was not there before"));
        }
        difference
    }
}

impl Difference {
    fn judge(&mut self, name: &str, before: &Served, after: &Served, tail: i64) {
        if after.start != before.start {
            self.wrong.push(format!("{name} starts at {}, not {}", after.start, before.start));
        }
        if after.end > before.end || after.end < before.end.min(tail) {
            self.wrong.push(format!("{name} ends at {}, not {}", after.end, before.end));
        }
        for (offset, digest) in &after.records {
            if before.records.get(offset) != Some(digest) {
                self.wrong.push(format!("{name} has another record at {offset}"));
            }
        }
        let in_hole = |offset| after.holes.iter().any(|(from, to)| (*from..*to).contains(&offset));
        for (base, next) in &before.batches {
            if (*base..*next).any(in_hole) {
                self.refused.push(format!("{name} from {base} to {next}"));
            }
        }
        for offset in before.records.keys().filter(|offset| !after.records.contains_key(offset)) {
            if *offset >= tail {
                self.tail_lost += 1;
            } else if !in_hole(*offset) {
                self.lost.push(format!("{name} at {offset}"));
            }
        }
    }

    /// True if nothing is different.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served(records: &[(i64, u64)], holes: &[(i64, i64)]) -> Contents {
        let end = 10;
        let batches = records.iter().map(|(offset, _)| (*offset, offset + 1)).collect();
        let records = records.iter().copied().collect();
        let served = Served { start: 0, end, records, batches, holes: holes.to_vec() };
        Contents(BTreeMap::from([(("t".to_owned(), 0), served)]))
    }

    fn compare(after: &Contents, tail: i64) -> Difference {
        let before = served(&[(0, 7), (1, 8), (9, 9)], &[]);
        before.compare(after, &BTreeMap::from([(("t".to_owned(), 0), tail)]))
    }

    #[test]
    fn a_foreign_record_is_wrong() {
        assert!(compare(&served(&[(0, 7), (1, 8), (9, 9)], &[]), 10).is_empty());
        assert_eq!(compare(&served(&[(0, 7), (1, 0), (9, 9)], &[]), 10).wrong.len(), 1);
        assert_eq!(compare(&served(&[(0, 7), (1, 8), (2, 8), (9, 9)], &[]), 10).wrong.len(), 1);
        assert_eq!(compare(&Contents::default(), 10).wrong.len(), 1);
    }

    #[test]
    fn what_is_missing_answers_an_error_or_is_lost() {
        let hole = compare(&served(&[(0, 7), (9, 9)], &[(1, 9)]), 10);
        assert_eq!((hole.refused.len(), hole.lost.len()), (1, 0));
        let lost = compare(&served(&[(0, 7), (9, 9)], &[]), 10);
        assert_eq!((lost.refused.len(), lost.lost.len()), (0, 1));
        let tail = compare(&served(&[(0, 7), (1, 8)], &[]), 9);
        assert_eq!((tail.tail_lost, tail.lost.len()), (1, 0));
    }
}
