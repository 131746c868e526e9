//! What the coordinators of internal topics have in common.
//!
//! A coordinator is a state machine that owns one partition of an internal topic: it is told the time
//! ([`Now`]), keeps deadlines ([`Timers`]), writes [`Record`]s whose latest of each key is its state, and
//! answers requests by the names that its driver gave them ([`ReplyTo`]).

mod producer;
mod record;
mod time;
mod timers;
mod wire;

pub use producer::Producer;
pub use record::{Record, ReplyTo, Skipped};
pub use time::{Millis, Now};
pub use timers::Timers;
pub use wire::{DecodeError, Reader, TooLarge, Writer};
