//! Tests of the whole machine: transcripts that can be read, and random inputs.

mod actions;
mod driver;
mod loading;
mod properties;
mod transcripts;
mod world;
