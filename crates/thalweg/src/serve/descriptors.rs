//! File descriptors: every connection and every open log file takes one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What the broker needs besides connections: log files, indexes, listeners, the runtime.
const OWN_USE: u64 = 512;

/// Raises the limit as far as the system lets it. Returns a warning if that is too little for
/// `connections` clients.
pub fn raise_limit(connections: u64) -> Option<String> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // Without a limit there is nothing to raise or to say.
    let mut limit = current?;
    if maximum.is_none_or(|maximum| maximum > limit)
        && setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_ok()
    {
        limit = maximum.unwrap_or(u64::MAX);
    }
    warning(limit, connections)
}

fn warning(limit: u64, connections: u64) -> Option<String> {
    let needed = connections.saturating_add(OWN_USE);
    (limit < needed).then(|| {
        format!(
            "only {limit} file descriptors are allowed, which is enough for about {} of the \
             {connections} connections that max.connections allows; raise it with `ulimit -n \
             {needed}` or LimitNOFILE={needed}, or lower max.connections",
            limit.saturating_sub(OWN_USE)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_few_descriptors_are_said_with_what_to_do() {
        assert_eq!(warning(20_000, 10_000), None);
        let text = warning(4096, 10_000).unwrap();
        assert!(text.contains("about 3584") && text.contains("ulimit -n 10512"), "{text}");
    }

    #[test]
    fn the_limit_is_as_high_as_it_can_be() {
        raise_limit(1);
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        assert_eq!(current, maximum);
    }
}
