//! The known name that is nearest to an unknown one.

use super::catalogue::{Scope, find, settings};

/// Names longer than this are no typing errors, and comparing them would cost.
const LENGTH_MAX: usize = 100;

/// The setting that was probably meant by `name`; `None` if nothing is near.
pub fn suggest(scope: Scope, name: &str) -> Option<&'static str> {
    if name.len() > LENGTH_MAX {
        return None;
    }
    let elsewhere = match scope {
        Scope::Broker => find(Scope::Topic, name).and_then(|setting| setting.inherits),
        Scope::Topic => settings(Scope::Topic)
            .find(|setting| setting.inherits == Some(name))
            .map(|setting| setting.name),
        Scope::Group => None,
    };
    elsewhere.or_else(|| nearest(scope, name))
}

fn nearest(scope: Scope, name: &str) -> Option<&'static str> {
    let near = 2.max(name.len() / 5);
    settings(scope)
        .map(|setting| (distance(name, setting.name), setting.name))
        .filter(|(distance, _)| *distance <= near)
        .min()
        .map(|(_, name)| name)
}

/// Bytes to insert, delete or replace to make `right` of `left` (Levenshtein).
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.bytes().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[right.len()]
}
