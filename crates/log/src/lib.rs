//! The partitioned, durable log: chunks, write-ahead log, index, recovery, retention, compaction.
