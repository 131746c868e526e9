//! Kafka's protocol messages: framing, bounded decoding, encoding into segments.
