//! Settings from the environment: `THALWEG_NUM_PARTITIONS` is `num.partitions`.

use thalweg_cluster::config::{Scope, settings};

use super::{Entry, Source, process};

const PREFIX: &str = "THALWEG_";

pub(super) fn read(variables: &[(String, String)]) -> Vec<Entry> {
    let ours = variables.iter().filter_map(|(variable, value)| {
        let (prefix, rest) = variable.split_at_checked(PREFIX.len())?;
        prefix.eq_ignore_ascii_case(PREFIX).then_some((variable, rest, value))
    });
    let entry = |(variable, rest, value): (&String, &str, &String)| Entry {
        name: name_of(rest),
        value: value.clone(),
        source: Source::Variable(variable.clone()),
    };
    ours.map(entry).collect()
}

/// The setting that is written like this with underscores; if there is none, each underscore is
/// taken for a dot, and the error will suggest what is near.
fn name_of(variable: &str) -> String {
    let lower = variable.to_ascii_lowercase();
    let known = settings(Scope::Broker).map(|setting| setting.name).chain(process::names());
    let mut matching = known.filter(|name| name.replace('.', "_") == lower);
    matching.next().map_or_else(|| lower.replace('_', "."), str::to_owned)
}
