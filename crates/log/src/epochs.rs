//! Where each leader epoch of a partition began (KIP-101, KIP-320).

use thalweg_types::{LeaderEpoch, Offset};

/// Epochs with at least one batch, and their first offsets; both strictly increase.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct EpochTable(Vec<(LeaderEpoch, Offset)>);

impl EpochTable {
    /// Notes that a batch of `epoch` begins at `base`.
    pub(crate) fn note(&mut self, epoch: LeaderEpoch, base: Offset) {
        if self.0.last().is_none_or(|(last, _)| *last < epoch) {
            self.0.push((epoch, base));
        }
    }

    /// The largest epoch that is not above `asked`, and the offset where it ends.
    ///
    /// `current` is the owner's epoch, whose end is the log's `end`. An epoch above it is unknown;
    /// one below the first known is answered with where the first known begins.
    pub(crate) fn end_of(
        &self,
        asked: LeaderEpoch,
        current: LeaderEpoch,
        end: Offset,
    ) -> Option<(LeaderEpoch, Offset)> {
        if asked == current {
            return Some((asked, end));
        }
        if asked > current {
            return None;
        }
        let after = self.0.partition_point(|(epoch, _)| *epoch <= asked);
        let ends = self.0.get(after).map_or(end, |(_, start)| *start);
        match after.checked_sub(1).and_then(|at| self.0.get(at)) {
            Some((epoch, _)) => Some((*epoch, ends)),
            None => Some((asked, ends)),
        }
    }

    /// The epoch of the record at `offset`.
    pub(crate) fn at(&self, offset: Offset) -> Option<LeaderEpoch> {
        let after = self.0.partition_point(|(_, start)| *start <= offset);
        after.checked_sub(1).and_then(|at| self.0.get(at)).map(|(epoch, _)| *epoch)
    }

    /// Forgets epochs that ended at or before `start`; the one that covers it then begins there.
    pub(crate) fn trim(&mut self, start: Offset) {
        let covering = self.0.partition_point(|(_, first)| *first <= start).saturating_sub(1);
        self.0.drain(..covering);
        if let Some((_, first)) = self.0.first_mut() {
            *first = (*first).max(start);
        }
    }

    /// Forgets epochs that began at or after `end`.
    pub(crate) fn cut(&mut self, end: Offset) {
        self.0.retain(|(_, first)| *first < end);
    }

    pub(crate) fn entries(&self) -> &[(LeaderEpoch, Offset)] {
        &self.0
    }
}
