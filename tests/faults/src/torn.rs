//! A last chunk that reached the device in part only: cut at every byte, or without one of its pages.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use clap::Args;
use fastrand::Rng;

use crate::contents::Difference;
use crate::failure::Failure;
use crate::offline;
use crate::online;
use crate::specimen::{Left, Specimen, TailPlace, copy_dir};
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
    /// All but one page, which the device would have written later.
    Hole,
}

const RESTS: [Rest; 3] = [Rest::Nothing, Rest::Zeros, Rest::Hole];
const PAGE: u64 = 4096;
/// Of the cuts, one in so many is also tried with zeros behind it.
const ZEROS_EVERY: usize = 16;

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
    for (at, rest) in all_cuts(place, args.step) {
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
    for rest in RESTS.into_iter().cycle().take(args.starts as usize) {
        let at = random.u64(place.start..place.end);
        tear(&specimen, &args.scratch, at, rest)?;
        let outcome = start(stage, &args.scratch, &specimen).await;
        judge(outcome, at - place.start, &mut findings);
        if findings.len() >= FINDINGS_MAX {
            break;
        }
    }
    println!("{}", in_short(&findings));
    println!(
        "summary: torn: {len} bytes torn in {cuts} ways ({kept} of them kept the chunk), \
         {} starts of the binary, {} violations, {} s",
        args.starts,
        findings.len(),
        progress.seconds(),
    );
    Ok(findings.is_empty())
}

/// At every so manieth byte, and without each of the pages.
fn all_cuts(place: &TailPlace, step: u64) -> impl Iterator<Item = (u64, Rest)> + use<> {
    let step = usize::try_from(step.max(1)).unwrap_or(usize::MAX);
    let (bytes, end) = (place.start..place.end, place.end);
    let torn = bytes.clone().step_by(step).chain([end]).map(|at| (at, Rest::Nothing));
    let longer =
        bytes.clone().step_by(step.saturating_mul(ZEROS_EVERY)).map(|at| (at, Rest::Zeros));
    let holes = bytes.step_by(PAGE as usize).map(|at| (at, Rest::Hole));
    holes.chain(longer).chain(torn)
}

/// A copy of the specimen whose last chunk ends at `at`, or lacks the page there.
fn tear(specimen: &Specimen, scratch: &Path, at: u64, rest: Rest) -> Result<(), Failure> {
    copy_dir(&specimen.data_dir, scratch)?;
    let path = scratch.join(&specimen.tail_place.file);
    let doing = || format!("cutting {}", path.display());
    let file = OpenOptions::new().write(true).open(&path).map_err(Failure::io(doing()))?;
    let len = file.metadata().map_err(Failure::io(doing()))?.len();
    let torn = match rest {
        Rest::Nothing => file.set_len(at),
        Rest::Zeros => file.set_len(at).and_then(|()| file.set_len(len)),
        Rest::Hole => file.write_all_at(&[0; PAGE as usize], at / PAGE * PAGE),
    };
    torn.map_err(Failure::io(doing()))
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
