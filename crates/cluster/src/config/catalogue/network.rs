//! Brokers' settings of listeners, connections and requests.

use crate::config::setting::{Check, Setting, int, list, long, string};

pub(super) const SETTINGS: &[Setting] = &[
    list("advertised.listeners").doc(
        "Addresses that clients are told to connect to, one for each listener; those of \
         listeners if not set.",
    ),
    long("connections.max.idle.ms")
        .default("600000")
        .doc("Time after which a silent connection is closed."),
    int("fetch.max.bytes")
        .default("57671680")
        .min(1024)
        .doc("Most bytes of records in one answer to a fetch."),
    string("listener.security.protocol.map")
        .default("SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT")
        .per_broker()
        .doc("Which security each named listener uses. Names map to PLAINTEXT so far."),
    list("listeners")
        .default("PLAINTEXT://127.0.0.1:9092")
        .check(Check::NotEmpty)
        .doc("Addresses to listen on, as NAME://host:port. Port 0 takes a free one."),
    int("max.connection.creation.rate")
        .default("2147483647")
        .min(0)
        .cluster_wide()
        .doc("New connections a second."),
    int("max.connections").default("10000").min(0).cluster_wide().doc("Connections at a time."),
    int("max.connections.per.ip")
        .default("2147483647")
        .min(0)
        .cluster_wide()
        .doc("Connections at a time from one address."),
    string("max.connections.per.ip.overrides")
        .default("")
        .cluster_wide()
        .doc("Other limits for some addresses, as address:count."),
    int("max.incremental.fetch.session.cache.slots")
        .default("1000")
        .min(0)
        .doc("Fetch sessions that are remembered at a time."),
    long("queued.max.request.bytes").default("134217728").min(-1).doc(
        "Memory for requests in flight; reading from clients pauses when it is used up. -1 \
         for no limit.",
    ),
    int("socket.listen.backlog.size")
        .default("50")
        .min(1)
        .doc("Connections that may wait to be accepted."),
    int("socket.receive.buffer.bytes")
        .default("102400")
        .min(-1)
        .doc("Receive buffer of a connection; -1 leaves it to the system."),
    int("socket.request.max.bytes")
        .default("104857600")
        .min(1)
        .doc("Largest request. A connection that announces more is closed."),
    int("socket.send.buffer.bytes")
        .default("102400")
        .min(-1)
        .doc("Send buffer of a connection; -1 leaves it to the system."),
];
