//! The settings of topics.

use crate::config::setting::{Check, Setting, boolean, double, int, list, long, string};

use super::log::{CLEANUP_POLICIES, COMPRESSIONS, TIMESTAMP_TYPES};
use super::own::DURABILITIES;

pub(super) const SETTINGS: &[Setting] = &[
    list("cleanup.policy")
        .default("delete")
        .check(Check::EachOf(CLEANUP_POLICIES))
        .inherits("log.cleanup.policy")
        .doc(
            "What happens to old records: delete removes them by age and size, compact keeps \
             the newest of each key, both do both, and an empty list keeps everything.",
        ),
    int("compression.gzip.level")
        .default("-1")
        .check(Check::RangeOrMinusOne(1, 9))
        .inherits("compression.gzip.level")
        .doc("Level for gzip where the broker compresses; -1 is the codec's own default."),
    int("compression.lz4.level")
        .default("9")
        .range(1, 17)
        .inherits("compression.lz4.level")
        .doc("Level for lz4 where the broker compresses."),
    string("compression.type")
        .default("producer")
        .one_of(COMPRESSIONS)
        .inherits("compression.type")
        .doc("Codec of stored batches. With producer they stay as they came."),
    int("compression.zstd.level")
        .default("3")
        .range(-131_072, 22)
        .inherits("compression.zstd.level")
        .doc("Level for zstd where the broker compresses."),
    long("delete.retention.ms")
        .default("86400000")
        .min(0)
        .inherits("log.cleaner.delete.retention.ms")
        .doc(
            "How long a tombstone or transaction marker outlives its compaction, so that slow \
             readers still see it.",
        ),
    string("durability").default("flush").one_of(DURABILITIES).inherits("durability").doc(
        "What an acknowledged record has survived: with flush it is on the device and \
         survives a power cut, with os it survives the death of the process only.",
    ),
    boolean("errors.deadletterqueue.group.enable")
        .default("false")
        .inert()
        .doc("Allows share groups to write records they gave up on into this topic."),
    long("file.delete.delay.ms")
        .default("60000")
        .min(0)
        .inherits("log.segment.delete.delay.ms")
        .inert()
        .doc("Time between dropping a file from the log and removing it from the disk."),
    long("flush.messages")
        .default("9223372036854775807")
        .min(1)
        .inherits("log.flush.interval.messages")
        .doc(
            "Records after which a flush is forced where durability is os. Where it is flush, \
             every record is flushed anyway.",
        ),
    long("flush.ms")
        .default("9223372036854775807")
        .min(0)
        .inherits("log.flush.interval.ms")
        .doc("Time after which a flush is forced where durability is os."),
    list("follower.replication.throttled.replicas")
        .default("")
        .check(Check::Replicas)
        .inert()
        .doc("Replicas whose copying is slowed on the receiving side."),
    int("index.interval.bytes")
        .default("4096")
        .min(0)
        .inherits("log.index.interval.bytes")
        .inert()
        .doc("Bytes between two entries of the offset index. Here every batch has an entry."),
    list("leader.replication.throttled.replicas")
        .default("")
        .check(Check::Replicas)
        .inert()
        .doc("Replicas whose copying is slowed on the sending side."),
    long("local.retention.bytes")
        .default("-2")
        .min(-2)
        .inherits("log.local.retention.bytes")
        .inert()
        .doc(
            "Bytes kept on the broker when records are also in a remote store; -2 follows \
             retention.bytes.",
        ),
    long("local.retention.ms")
        .default("-2")
        .min(-2)
        .inherits("log.local.retention.ms")
        .inert()
        .doc(
            "Time records stay on the broker when they are also in a remote store; -2 follows \
             retention.ms.",
        ),
    long("max.compaction.lag.ms")
        .default("9223372036854775807")
        .min(1)
        .inherits("log.cleaner.max.compaction.lag.ms")
        .doc("Longest time that a record of a compacted topic stays uncompacted."),
    int("max.decompressed.message.bytes")
        .default("2147483639")
        .range(1, 2_147_483_639)
        .inherits("max.decompressed.message.bytes")
        .doc("Bytes that a batch may decompress to; a larger one is refused."),
    int("max.message.bytes")
        .default("1048588")
        .min(0)
        .inherits("message.max.bytes")
        .doc("Largest record batch in bytes, compressed as it came."),
    long("message.timestamp.after.max.ms")
        .default("3600000")
        .min(0)
        .inherits("log.message.timestamp.after.max.ms")
        .doc("How far a record's timestamp may be ahead of the broker's clock."),
    long("message.timestamp.before.max.ms")
        .default("9223372036854775807")
        .min(0)
        .inherits("log.message.timestamp.before.max.ms")
        .doc("How far a record's timestamp may be behind the broker's clock."),
    string("message.timestamp.type")
        .default("CreateTime")
        .one_of(TIMESTAMP_TYPES)
        .inherits("log.message.timestamp.type")
        .doc("Whether a record keeps its producer's time or gets the time of its append."),
    double("min.cleanable.dirty.ratio")
        .default("0.5")
        .check(Check::Real(0.0, 1.0))
        .inherits("log.cleaner.min.cleanable.ratio")
        .doc(
            "Uncompacted part of a log at which compaction starts. Smaller values cost more \
             work and waste less space.",
        ),
    long("min.compaction.lag.ms")
        .default("0")
        .min(0)
        .inherits("log.cleaner.min.compaction.lag.ms")
        .doc("Time for which a record is safe from compaction."),
    int("min.insync.replicas").default("1").min(1).inherits("min.insync.replicas").inert().doc(
        "Copies that acks=all waits for in Kafka. What acknowledged records survive is set \
         by durability here.",
    ),
    boolean("preallocate")
        .default("false")
        .inherits("log.preallocate")
        .inert()
        .doc("Reserves the space of a new file at once. Log files always are here."),
    long("remote.copy.lag.bytes")
        .default("-1")
        .min(-1)
        .inherits("log.remote.copy.lag.bytes")
        .inert()
        .doc("Bytes that may wait to be copied to a remote store."),
    long("remote.copy.lag.ms")
        .default("0")
        .min(-1)
        .inherits("log.remote.copy.lag.ms")
        .inert()
        .doc("Time that records may wait to be copied to a remote store."),
    boolean("remote.log.copy.disable")
        .default("false")
        .inert()
        .doc("Stops copying to the remote store."),
    boolean("remote.log.delete.on.disable")
        .default("false")
        .inert()
        .doc("Deletes the remote copy when remote storage is turned off."),
    boolean("remote.storage.enable")
        .default("false")
        .doc("Copies finished segments to a remote store. Only false is accepted so far."),
    long("retention.bytes")
        .default("-1")
        .inherits("log.retention.bytes")
        .doc("Bytes that each partition keeps before its oldest records go; -1 for no limit."),
    long("retention.ms")
        .default("604800000")
        .min(-1)
        .inherits("log.retention.ms")
        .doc("Time for which records are kept; -1 for ever."),
    int("segment.bytes").default("1073741824").min(1_048_576).inherits("log.segment.bytes").doc(
        "Bytes after which a segment is finished. Records expire and are compacted by whole \
         segments.",
    ),
    int("segment.index.bytes")
        .default("10485760")
        .min(4)
        .inherits("log.index.size.max.bytes")
        .inert()
        .doc("Largest index of a segment."),
    long("segment.jitter.ms")
        .default("0")
        .min(0)
        .inherits("log.roll.jitter.ms")
        .inert()
        .doc("Random part of segment.ms, so that not all segments end at once."),
    long("segment.ms")
        .default("604800000")
        .min(1)
        .inherits("log.roll.ms")
        .doc("Age at which a segment is finished even if it is small."),
    boolean("unclean.leader.election.enable")
        .default("false")
        .inherits("unclean.leader.election.enable")
        .inert()
        .doc("Lets a copy that misses acknowledged records lead. Nothing does that here."),
];
