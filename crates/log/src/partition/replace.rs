//! Extents that take the place of others.

use thalweg_types::Offset;

use super::Partition;
use super::extent::{self, Extent};

impl Partition {
    /// Puts `new` in the place of `old`, which follow each other; with `None` their range becomes a
    /// gap. False if `old` are not there any more. What was trimmed meanwhile stays trimmed.
    pub(crate) fn replace_extents(&self, old: &[Extent], new: Option<Extent>) -> bool {
        let mut state = self.state();
        let trimmed = extent::position(old, state.log_start);
        let left = &old[trimmed..];
        let Some(first) = left.first() else { return false };
        let at = extent::position(&state.extents, first.base);
        let there = at..at + left.len();
        if state.extents.get(there.clone()) != Some(left) {
            return false;
        }
        let freed: u64 = left.iter().map(|extent| extent.bytes).sum();
        state.bytes = state.bytes - freed + new.map_or(0, |extent| extent.bytes);
        state.extents.splice(there, new);
        true
    }

    /// Everything before `end` has been compacted once.
    pub(crate) fn set_cleaned(&self, end: Offset) {
        let mut state = self.state();
        state.cleaned_to = state.cleaned_to.max(end);
    }
}
