//! A last chunk that reached the device in part only, cut at every byte.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

use clap::Args;
use fastrand::Rng;

use crate::contents::Difference;
use crate::failure::Failure;
use crate::offline;
use crate::online;
use crate::specimen::{Left, Specimen, copy_dir};
use crate::stage::{Progress, READ_ONLY, Stage, in_short};

const FINDINGS_MAX: usize = 20;

/// How much is tried.
#[derive(Clone, Debug, Args)]
pub struct TornArgs {
    /// Cut at every so manieth byte of the chunk; 1 for each
    #[arg(long, default_value_t = 1)]
    pub step: u64,
    /// Cuts that the real binary starts from
    #[arg(long, default_value_t = 200)]
    pub starts: u64,
    /// A folder in memory, for thousands of copies
    #[arg(long, default_value = "/dev/shm/thalweg-faults")]
    pub scratch: PathBuf,
}

/// What a torn write leaves after the cut.
#[derive(Clone, Copy, Debug)]
enum Rest {
    /// The file ends there.
    Nothing,
    /// The file was longer before the write.
    Zeros,
}

/// Runs the test; true if nothing is wrong.
pub async fn run(stage: &Stage, args: &TornArgs) -> Result<bool, Failure> {
    let specimen = Specimen::make(stage, "torn", Left::Killed).await?;
    let place = &specimen.tail_place;
    let len = place.end - place.start;
    println!("the last chunk: {len} bytes in {}", place.file.display());
    let mut random = Rng::with_seed(stage.seed);
    let mut progress = Progress::new();
    let mut findings = Vec::new();
    let (mut cuts, mut kept) = (0, 0);
    let step = usize::try_from(args.step.max(1)).unwrap_or(usize::MAX);
    for at in (place.start..place.end).step_by(step).chain([place.end]) {
        let rest = if cuts % 4 == 3 { Rest::Zeros } else { Rest::Nothing };
        tear(&specimen, &args.scratch, at, rest)?;
        let outcome = offline::read(&args.scratch)
            .await
            .map(|contents| specimen.contents.compare(&contents, &specimen.tail));
        kept += u64::from(judge(outcome, at - place.start, &mut findings));
        cuts += 1;
        progress.tell(|| format!("cut {cuts}, at {} of {len}", at - place.start));
        if findings.len() >= FINDINGS_MAX {
            break;
        }
    }
    for _ in 0..args.starts {
        let at = random.u64(place.start..=place.end);
        tear(&specimen, &args.scratch, at, Rest::Nothing)?;
        let outcome = start(stage, &args.scratch, &specimen).await;
        judge(outcome, at - place.start, &mut findings);
        if findings.len() >= FINDINGS_MAX {
            break;
        }
    }
    println!("{}", in_short(&findings));
    println!(
        "summary: torn: {len} bytes cut at {cuts} places ({kept} of them kept the chunk), \
         {} starts of the binary, {} violations, {} s",
        args.starts,
        findings.len(),
        progress.seconds(),
    );
    Ok(findings.is_empty())
}

/// A copy of the specimen whose last chunk ends at `at`.
fn tear(specimen: &Specimen, scratch: &Path, at: u64, rest: Rest) -> Result<(), Failure> {
    copy_dir(&specimen.data_dir, scratch)?;
    let path = scratch.join(&specimen.tail_place.file);
    let doing = || format!("cutting {}", path.display());
    let file = OpenOptions::new().write(true).open(&path).map_err(Failure::io(doing()))?;
    let len = file.metadata().map_err(Failure::io(doing()))?.len();
    file.set_len(at).map_err(Failure::io(doing()))?;
    match rest {
        Rest::Nothing => Ok(()),
        Rest::Zeros => file.set_len(len).map_err(Failure::io(doing())),
    }
}

/// Notes what is wrong; true if the chunk was kept.
fn judge(outcome: Result<Difference, Failure>, at: u64, findings: &mut Vec<String>) -> bool {
    let difference = match outcome {
        Ok(difference) => difference,
        Err(failure) => {
            findings.push(format!("cut at byte {at}: {failure}"));
            return false;
        }
    };
    let Difference { wrong, refused, lost, tail_lost } = difference;
    let found = wrong.into_iter().chain(refused).chain(lost);
    findings.extend(found.map(|what| format!("cut at byte {at}: {what}")));
    tail_lost == 0
}

async fn start(stage: &Stage, data_dir: &Path, specimen: &Specimen) -> Result<Difference, Failure> {
    let mut launch = stage.launch(&stage.work_dir)?;
    launch.data_dir = data_dir.to_owned();
    launch.settings.push(READ_ONLY.to_owned());
    let mut broker = launch.start().await?;
    let contents = online::read(broker.kafka).await?;
    broker.kill().await?;
    Ok(specimen.contents.compare(&contents, &specimen.tail))
}
