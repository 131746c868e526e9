//! Brokers' settings of the log: most are the defaults of topics' settings.

use crate::config::setting::{
    Check, Setting, boolean, double, hours, int, list, long, minutes, same, string,
};

pub(super) const CLEANUP_POLICIES: &[&str] = &["compact", "delete"];
pub(super) const COMPRESSIONS: &[&str] =
    &["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"];
pub(super) const TIMESTAMP_TYPES: &[&str] = &["CreateTime", "LogAppendTime"];

pub(super) const SETTINGS: &[Setting] = &[
    int("compression.gzip.level")
        .default("-1")
        .check(Check::RangeOrMinusOne(1, 9))
        .cluster_wide()
        .doc("Level for gzip in topics that set none."),
    int("compression.lz4.level")
        .default("9")
        .range(1, 17)
        .cluster_wide()
        .doc("Level for lz4 in topics that set none."),
    string("compression.type")
        .default("producer")
        .one_of(COMPRESSIONS)
        .cluster_wide()
        .doc("Codec of stored batches in topics that set none."),
    int("compression.zstd.level")
        .default("3")
        .range(-131_072, 22)
        .cluster_wide()
        .doc("Level for zstd in topics that set none."),
    long("log.cleaner.backoff.ms")
        .default("15000")
        .min(0)
        .cluster_wide()
        .doc("Pause of the background worker when nothing needs compaction."),
    long("log.cleaner.dedupe.buffer.size")
        .default("134217728")
        .cluster_wide()
        .doc("Memory for the keys of one compaction."),
    long("log.cleaner.delete.retention.ms").default("86400000").min(0).cluster_wide().doc(
        "How long tombstones outlive their compaction in topics that set no \
         delete.retention.ms.",
    ),
    boolean("log.cleaner.enable")
        .default("true")
        .inert()
        .doc("Turns compaction on, which it always is here."),
    double("log.cleaner.io.max.bytes.per.second")
        .default("1.7976931348623157E308")
        .cluster_wide()
        .doc("Bytes a second that compaction may read and write."),
    long("log.cleaner.max.compaction.lag.ms")
        .default("9223372036854775807")
        .min(1)
        .cluster_wide()
        .doc("Longest time without compaction in topics that set no max.compaction.lag.ms."),
    double("log.cleaner.min.cleanable.ratio")
        .default("0.5")
        .check(Check::Real(0.0, 1.0))
        .cluster_wide()
        .doc(
            "Uncompacted part that starts compaction in topics that set no \
             min.cleanable.dirty.ratio.",
        ),
    long("log.cleaner.min.compaction.lag.ms")
        .default("0")
        .min(0)
        .cluster_wide()
        .doc("Time before compaction in topics that set no min.compaction.lag.ms."),
    list("log.cleanup.policy")
        .default("delete")
        .check(Check::EachOf(CLEANUP_POLICIES))
        .cluster_wide()
        .doc("What happens to old records in topics that set no cleanup.policy."),
    list("log.dir").default("./thalweg-data").doc("The data directory, if log.dirs is not set."),
    list("log.dirs").or(&[same("log.dir")]).doc("The data directory. There can be one."),
    long("log.flush.interval.messages")
        .default("9223372036854775807")
        .min(1)
        .cluster_wide()
        .doc("Records after which a flush is forced in topics that set no flush.messages."),
    long("log.flush.interval.ms")
        .cluster_wide()
        .or(&[same("log.flush.scheduler.interval.ms")])
        .doc("Time after which a flush is forced in topics that set no flush.ms."),
    long("log.flush.scheduler.interval.ms")
        .default("9223372036854775807")
        .doc("Stands in for log.flush.interval.ms."),
    long("log.message.timestamp.after.max.ms").default("3600000").min(0).cluster_wide().doc(
        "How far timestamps may be ahead in topics that set no \
         message.timestamp.after.max.ms.",
    ),
    long("log.message.timestamp.before.max.ms")
        .default("9223372036854775807")
        .min(0)
        .cluster_wide()
        .doc(
            "How far timestamps may be behind in topics that set no \
             message.timestamp.before.max.ms.",
        ),
    string("log.message.timestamp.type")
        .default("CreateTime")
        .one_of(TIMESTAMP_TYPES)
        .cluster_wide()
        .doc("Whose time records carry in topics that set no message.timestamp.type."),
    long("log.retention.bytes")
        .default("-1")
        .cluster_wide()
        .doc("Bytes that each partition keeps in topics that set no retention.bytes."),
    long("log.retention.check.interval.ms")
        .default("300000")
        .min(1)
        .doc("How often expired records are looked for."),
    int("log.retention.hours").default("168").doc("Stands in for log.retention.ms, in hours."),
    int("log.retention.minutes").doc("Stands in for log.retention.ms, in minutes."),
    long("log.retention.ms")
        .cluster_wide()
        .or(&[minutes("log.retention.minutes"), hours("log.retention.hours")])
        .doc("Time for which records are kept in topics that set no retention.ms."),
    int("log.roll.hours").default("168").min(1).doc("Stands in for log.roll.ms, in hours."),
    long("log.roll.ms")
        .cluster_wide()
        .or(&[hours("log.roll.hours")])
        .doc("Age of a finished segment in topics that set no segment.ms."),
    int("log.segment.bytes")
        .default("1073741824")
        .min(1_048_576)
        .cluster_wide()
        .doc("Bytes of a segment in topics that set no segment.bytes."),
    long("log.segment.delete.delay.ms")
        .default("60000")
        .min(0)
        .cluster_wide()
        .inert()
        .doc("Time before a dropped file is removed in topics that set no file.delete.delay.ms."),
    int("max.decompressed.message.bytes")
        .default("2147483639")
        .range(1, 2_147_483_639)
        .cluster_wide()
        .doc("Bytes that a batch may decompress to in topics that set no limit of their own."),
    int("message.max.bytes")
        .default("1048588")
        .min(0)
        .cluster_wide()
        .doc("Largest record batch in topics that set no max.message.bytes."),
];
