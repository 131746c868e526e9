//! Record batches (format v2): view, validate, stamp, iterate, build, compress.
//!
//! A batch travels through the broker as the bytes its producer sent. [`BatchMut`] is such a batch
//! while it may still be stamped, [`Batch`] the same bytes once they are shared. Both know their
//! [`BatchHeader`]; neither decodes a record unless a rule demands it.

mod batch;
mod batch_mut;
mod builder;
mod codec;
mod control;
mod error;
pub mod fuzz;
mod header;
mod policy;
mod reader;
mod record;
mod records;
mod rewrite;
mod varint;

pub use batch::Batch;
pub use batch_mut::BatchMut;
pub use builder::BatchBuilder;
pub use codec::{Codec, SMALL_DECOMPRESSED_MAX};
pub use control::EndTxnMarker;
pub use error::{Fault, RecordsError, RejectReason, Rejected, RejectedRecord};
pub use header::{Attributes, BatchHeader, Compression, HEADER_LEN, TimestampType};
pub use policy::{InnerOffsets, RecordPolicy, TimestampBounds};
pub use reader::BatchReader;
pub use record::{Header, Record};
pub use records::Records;
pub use rewrite::Retained;
