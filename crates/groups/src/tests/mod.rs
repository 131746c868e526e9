//! Tests of the whole machine: transcripts that can be read, and random inputs.

mod driver;
mod properties;
mod transcripts;
