//! `thalweg verify`.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use thalweg_broker::{Damage, Verification, verify};
use thalweg_env::Env;

use crate::error::Failure;
use crate::output::{Row, print_json, print_line, print_rows};
use crate::progress::Waiting;

/// What to check.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Data directory, which no broker may have open
    dir: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    sound: bool,
    metadata_entries: u64,
    topics: usize,
    files: u64,
    chunks: u64,
    batches: u64,
    records: u64,
    bytes: u64,
    torn_tail: bool,
    damaged_places: u64,
    damage: Vec<DamageRow>,
}

#[derive(Serialize)]
struct DamageRow {
    file: PathBuf,
    position: u64,
    what: String,
}

impl From<Damage> for DamageRow {
    fn from(Damage { file, position, what }: Damage) -> Self {
        Self { file, position, what }
    }
}

impl Row for DamageRow {
    const TITLES: &'static [&'static str] = &["file", "position", "what is damaged"];

    fn cells(&self) -> Vec<String> {
        vec![self.file.display().to_string(), self.position.to_string(), self.what.clone()]
    }
}

impl From<Verification> for Report {
    fn from(found: Verification) -> Self {
        Self {
            sound: found.is_sound(),
            metadata_entries: found.metadata_entries,
            topics: found.topics,
            files: found.log.files,
            chunks: found.log.chunks,
            batches: found.log.batches,
            records: found.log.records,
            bytes: found.log.bytes,
            torn_tail: found.log.torn_tail,
            damaged_places: found.damage.len() as u64 + found.log.damaged_places,
            damage: found.damage.into_iter().chain(found.log.damage).map(Into::into).collect(),
        }
    }
}

/// Runs the command.
pub async fn run(env: &Env, args: &VerifyArgs) -> Result<(), Failure> {
    let waiting = Waiting::start(env, format!("checking {}", args.dir.display()));
    let found = verify(env, &args.dir).await;
    waiting.finish();
    let report =
        Report::from(found.map_err(|error| Failure::Failed(crate::error::with_sources(&error)))?);
    if args.json {
        print_json(&report)?;
    } else {
        print(&report)?;
    }
    if report.sound {
        return Ok(());
    }
    Err(Failure::Failed(format!(
        "{} damaged places in {}; what is damaged is not served, what lies around it is",
        report.damaged_places,
        args.dir.display()
    )))
}

fn print(report: &Report) -> std::io::Result<()> {
    print_line(
        false,
        &format!(
            "{} topics, {} metadata entries; {} log files with {} chunks, {} batches, {} records, \
             {} bytes",
            report.topics,
            report.metadata_entries,
            report.files,
            report.chunks,
            report.batches,
            report.records,
            report.bytes
        ),
    )?;
    if report.torn_tail {
        print_line(
            false,
            "the last write was torn by a crash; it was never acknowledged, and the next start \
             drops it",
        )?;
    }
    if report.sound {
        return print_line(false, "everything is sound");
    }
    print_rows(false, &report.damage)
}
