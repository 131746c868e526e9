//! Extents that take the place of others.

use std::collections::BTreeSet;

use thalweg_types::Offset;

use super::Partition;
use super::extent::{self, Extent};

impl Partition {
    /// Puts `new` in the place of `old`, which follow each other; with `None` their range becomes a
    /// gap. False if `old` are not there any more. What was trimmed meanwhile stays trimmed. With those of
    /// `markers` that lie in the range, the aborted transactions are forgotten that they ended: a reader
    /// who knew of one and met no marker would skip what comes after, too.
    pub(crate) fn replace_extents(
        &self,
        old: &[Extent],
        new: Option<Extent>,
        markers: &BTreeSet<Offset>,
    ) -> bool {
        let mut state = self.state();
        let trimmed = extent::position(old, state.log_start);
        let left = &old[trimmed..];
        let (Some(first), Some(last)) = (left.first(), left.last()) else { return false };
        let at = extent::position(&state.extents, first.base);
        let there = at..at + left.len();
        if state.extents.get(there.clone()) != Some(left) {
            return false;
        }
        let freed: u64 = left.iter().map(|extent| extent.bytes).sum();
        state.bytes = state.bytes - freed + new.map_or(0, |extent| extent.bytes);
        state.extents.splice(there, new);
        let gone = markers.range(first.base..last.end).copied().collect();
        state.aborted.forget(&gone);
        true
    }

    /// Everything before `end` has been compacted once.
    pub(crate) fn set_cleaned(&self, end: Offset) {
        let mut state = self.state();
        state.cleaned_to = state.cleaned_to.max(end);
    }
}
