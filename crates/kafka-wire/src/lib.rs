//! Kafka's protocol messages: framing, bounded decoding, encoding into segments.
//!
//! The messages are generated from Kafka's own definitions (`cargo xtask gen-kafka`); what they
//! are made of is written by hand here: a [`Decoder`] over one frame, an [`Encoder`] that collects
//! [`Segments`], and the [`Message`] and [`Request`] traits. See the README for a map.

mod api_key;
mod decoder;
mod encoder;
mod error;
mod error_code;
mod frame;
mod fuzz;
mod header;
mod message;
pub mod messages;
mod segments;
mod tags;
pub mod varint;
mod versioned;
mod wire;

pub use decoder::{DECODED_LIMIT, Decoder};
pub use encoder::Encoder;
pub use error::WireError;
pub use error_code::ErrorCode;
pub use frame::{decode_response, encode_request, encode_response};
pub use fuzz::{fuzz_consumer_protocol, fuzz_request, fuzz_response};
pub use header::decode_request_header;
pub use message::{Message, Request};
pub use messages::{ApiKey, ApiVisitor};
pub use segments::{FileRange, FileSource, Segment, Segments};
pub use versioned::{decode_versioned, encode_versioned};
pub use wire::Wire;
