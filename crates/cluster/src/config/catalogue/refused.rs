//! Kafka's settings that are refused, because ignoring them would betray whoever sets them.

/// Why settings are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// A setting's name; a pattern if it starts or ends with `*`.
    pub pattern: &'static str,
    /// The reason, as the end of a sentence.
    pub because: &'static str,
}

const NO_TLS: &str = "connections are not encrypted yet";
const NO_SASL: &str = "clients are not authenticated yet";
const NO_PLUGINS: &str = "classes are not loaded here";
const NO_TIERS: &str = "records are not copied to a remote store yet";

const REFUSED: &[Refusal] = &[
    Refusal { pattern: "ssl.*", because: NO_TLS },
    Refusal { pattern: "sasl.*", because: NO_SASL },
    Refusal { pattern: "delegation.token.*", because: NO_SASL },
    Refusal { pattern: "listener.name.*", because: "listeners have no settings of their own yet" },
    Refusal { pattern: "remote.log.*", because: NO_TIERS },
    Refusal { pattern: "*.policy.class.name", because: NO_PLUGINS },
    Refusal { pattern: "client.quota.callback.class", because: NO_PLUGINS },
    Refusal { pattern: "config.providers*", because: NO_PLUGINS },
    Refusal { pattern: "kafka.metrics.reporters", because: NO_PLUGINS },
    Refusal { pattern: "metric.reporters", because: NO_PLUGINS },
    Refusal { pattern: "principal.builder.class", because: NO_PLUGINS },
    Refusal { pattern: "replica.selector.class", because: NO_PLUGINS },
    Refusal { pattern: "security.providers", because: NO_PLUGINS },
];

impl Refusal {
    fn covers(&self, name: &str) -> bool {
        match (self.pattern.strip_prefix('*'), self.pattern.strip_suffix('*')) {
            (Some(end), _) => name.ends_with(end),
            (_, Some(start)) => name.starts_with(start),
            (None, None) => name == self.pattern,
        }
    }
}

/// Why the broker's setting `name` is refused, if it is.
pub fn refusal(name: &str) -> Option<&'static Refusal> {
    REFUSED.iter().find(|refusal| refusal.covers(name))
}
