//! Tests of the whole machine: transcripts that can be read, and random inputs.

mod compaction;
mod driver;
mod loading;
mod properties;
mod transcripts;
