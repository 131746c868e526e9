//! The messages against measures from outside: bytes that Kafka's own classes wrote, another
//! implementation of the protocol, a writer that knows only the layout, and damaged frames.

#![expect(clippy::expect_used, reason = "all of this is a test")]

mod differential;
mod golden;
mod hostile;
mod layout;
mod ours;
