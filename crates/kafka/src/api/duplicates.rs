//! Requests that name something twice.

use std::collections::BTreeSet;

/// The names that occur more than once.
pub(super) fn named_twice<T: Ord + Clone>(names: impl Iterator<Item = T>) -> BTreeSet<T> {
    let mut once = BTreeSet::new();
    let mut twice = BTreeSet::new();
    for name in names {
        if !once.insert(name.clone()) {
            twice.insert(name);
        }
    }
    twice
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_twice_is_found_once() {
        assert_eq!(named_twice(["a", "b", "a", "a"].into_iter()), BTreeSet::from(["a"]));
    }
}
