//! Tests of the whole machine: transcripts that can be read, and random inputs.

mod compaction;
mod driver;
mod loading;
mod model;
mod properties;
mod transcripts;
