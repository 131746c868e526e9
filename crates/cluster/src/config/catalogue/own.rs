//! Brokers' settings that Kafka does not have.

use crate::config::setting::{Setting, int, long, string};

pub(super) const DURABILITIES: &[&str] = &["flush", "os"];

pub(super) const SETTINGS: &[Setting] = &[
    long("cache.max.bytes").default("67108864").min(1 << 20).doc(
        "Memory for the newest records of all partitions. It never holds the only copy of \
         an acknowledged one.",
    ),
    int("cluster.partitions.max")
        .default("20000")
        .min(1)
        .cluster_wide()
        .doc("Partitions that all topics together may have."),
    long("disk.free.min.bytes").default("268435456").min(0).cluster_wide().doc(
        "Free space of the data directory's device below which appends are refused, so that \
         the broker is never caught by a full disk.",
    ),
    string("durability").default("flush").one_of(DURABILITIES).cluster_wide().doc(
        "What an acknowledged record has survived in topics that set no durability of their \
         own: flush for a power cut, os for the death of the process only.",
    ),
    string("http.listen")
        .default("127.0.0.1:8080")
        .doc("Address of metrics and health over HTTP. Port 0 takes a free one."),
    long("wal.file.bytes").default("67108864").min(1 << 16).doc(
        "Bytes of a write-ahead log file, allocated in advance. Data is indexed, rewritten and \
         removed by whole files, and a start reads the end of the newest two.",
    ),
    long("wal.scattered.run.bytes").default("32768").min(0).doc(
        "A finished write-ahead log file whose partitions lie in pieces shorter than this on \
         average is rewritten, sorted by partition. 0 never rewrites.",
    ),
    int("wal.scattered.files").default("8").min(2).doc(
        "Scattered write-ahead log files that are rewritten together: more files make longer \
         pieces, fewer make less to replay.",
    ),
];
