//! One flipped bit anywhere in a stopped data directory: nothing wrong is ever served, and only the
//! batch that was hit is refused, which `thalweg verify` names.

use std::collections::BTreeMap;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;
use fastrand::Rng;

use crate::contents::{Contents, Difference};
use crate::failure::Failure;
use crate::offline;
use crate::online;
use crate::specimen::{Left, Specimen, copy_dir};
use crate::stage::{Progress, READ_ONLY, Stage, in_short};

const FINDINGS_MAX: usize = 20;
/// Attempts to hit a byte that is not zero: most of the space made in advance is.
const AIMS_MAX: u32 = 8;

/// How much is tried.
#[derive(Clone, Debug, Args)]
pub struct FlipsArgs {
    /// Bits to flip, one at a time
    #[arg(long, default_value_t = 2_000)]
    pub flips: u64,
    /// Every so manieth is read through the real binary
    #[arg(long, default_value_t = 20)]
    pub start_every: u64,
    /// A folder in memory, for thousands of copies
    #[arg(long, default_value = "/dev/shm/thalweg-faults")]
    pub scratch: PathBuf,
}

/// A bit of a file, relative to the data directory.
#[derive(Clone, Debug)]
struct Bit {
    file: PathBuf,
    byte: u64,
    mask: u8,
}

/// What all flips amount to.
#[derive(Default)]
struct Tally {
    by_kind: BTreeMap<String, u64>,
    refused: u64,
    tail_lost: u64,
    named: u64,
    findings: Vec<String>,
}

/// Runs the test; true if nothing is wrong.
pub async fn run(stage: &Stage, args: &FlipsArgs) -> Result<bool, Failure> {
    let specimens = [
        Specimen::make(stage, "flips-killed", Left::Killed).await?,
        Specimen::make(stage, "flips-closed", Left::Closed).await?,
    ];
    let mut random = Rng::with_seed(stage.seed);
    let mut progress = Progress::new();
    let mut tally = Tally::default();
    let mut flips = 0;
    while flips < args.flips && tally.findings.len() < FINDINGS_MAX {
        let specimen = &specimens[flips as usize % specimens.len()];
        let bit = aim(&specimen.data_dir, &mut random)?;
        copy_dir(&specimen.data_dir, &args.scratch)?;
        flip(&args.scratch, &bit)?;
        let verified = verify(stage, &args.scratch, &bit)?;
        let contents = if flips % args.start_every.max(1) == 0 {
            start(stage, &args.scratch).await
        } else {
            offline::read(&args.scratch).await
        };
        tally.judge(specimen, &bit, contents, &verified);
        flips += 1;
        progress.tell(|| format!("flip {flips}: {} batches refused", tally.refused));
    }
    println!("{}", in_short(&tally.findings));
    println!("hit: {:?}", tally.by_kind);
    println!(
        "summary: flips: {flips} bits flipped, {} cost a batch ({} named by verify), {} the last \
         chunk, {} violations, {} s",
        tally.refused,
        tally.named,
        tally.tail_lost,
        tally.findings.len(),
        progress.seconds(),
    );
    Ok(tally.findings.is_empty())
}

impl Tally {
    fn judge(
        &mut self,
        specimen: &Specimen,
        bit: &Bit,
        contents: Result<Contents, Failure>,
        verified: &Verified,
    ) {
        let kind = bit.file.extension().or(bit.file.file_name());
        let kind = kind.map(|kind| kind.to_string_lossy().into_owned()).unwrap_or_default();
        *self.by_kind.entry(kind).or_default() += 1;
        let difference = match contents {
            Ok(contents) => specimen.contents.compare(&contents, &tail(specimen, bit)),
            Err(failure) => return self.accuse(bit, failure.to_string()),
        };
        let Difference { wrong, refused, lost, tail_lost } = difference;
        wrong.into_iter().chain(lost).for_each(|what| self.accuse(bit, what));
        if refused.len() > 1 {
            self.accuse(bit, format!("it costs more than a batch: {refused:?}"));
        }
        self.refused += u64::from(!refused.is_empty());
        self.tail_lost += u64::from(tail_lost > 0);
        match verified {
            Verified::Named => self.named += u64::from(!refused.is_empty()),
            Verified::Clean if refused.is_empty() => {}
            Verified::Clean => self.accuse(bit, "verify finds nothing, yet a batch is refused"),
            Verified::Otherwise(said) => self.accuse(bit, format!("verify says: {said}")),
        }
    }

    fn accuse(&mut self, bit: &Bit, what: impl std::fmt::Display) {
        let Bit { file, byte, mask } = bit;
        self.findings.push(format!("{} byte {byte} mask {mask:#04x}: {what}", file.display()));
    }
}

/// Only a killed broker leaves a last chunk that cannot be told from a torn one.
fn tail(specimen: &Specimen, bit: &Bit) -> BTreeMap<(String, i32), i64> {
    let place = &specimen.tail_place;
    let inside = bit.file == place.file && (place.start..place.end).contains(&bit.byte);
    if specimen.left == Left::Killed && inside { specimen.tail.clone() } else { BTreeMap::new() }
}

/// What `thalweg verify` says of a directory with one wrong bit.
enum Verified {
    Clean,
    /// It names the damaged file.
    Named,
    Otherwise(String),
}

fn verify(stage: &Stage, data_dir: &Path, bit: &Bit) -> Result<Verified, Failure> {
    let output = Command::new(&stage.binary).arg("verify").arg(data_dir).output();
    let output = output.map_err(Failure::io("running thalweg verify"))?;
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&output.stderr));
    let name = bit.file.file_name().unwrap_or_default().to_string_lossy();
    Ok(match output.status.code() {
        Some(0) => Verified::Clean,
        Some(1) if said.contains(&*name) => Verified::Named,
        _ => Verified::Otherwise(format!("{}: {}", output.status, said.trim())),
    })
}

async fn start(stage: &Stage, data_dir: &Path) -> Result<Contents, Failure> {
    let mut launch = stage.launch(&stage.work_dir)?;
    launch.data_dir = data_dir.to_owned();
    launch.settings.push(READ_ONLY.to_owned());
    let mut broker = launch.start().await?;
    let contents = online::read(broker.kafka).await;
    broker.kill().await?;
    contents
}

/// A bit of a file in the directory; every file has the same chance.
fn aim(data_dir: &Path, random: &mut Rng) -> Result<Bit, Failure> {
    let mut files = Vec::new();
    list(data_dir, Path::new(""), &mut files)?;
    let mut aims = 0;
    loop {
        let (file, content) = &files[random.usize(..files.len())];
        let byte = random.usize(..content.len());
        aims += 1;
        if content[byte] != 0 || aims == AIMS_MAX {
            return Ok(Bit { file: file.clone(), byte: byte as u64, mask: 1 << random.u8(..8) });
        }
    }
}

/// All files below the directory that are not empty, with their content.
fn list(root: &Path, below: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) -> Result<(), Failure> {
    let doing = || format!("listing {}", root.join(below).display());
    for entry in std::fs::read_dir(root.join(below)).map_err(Failure::io(doing()))? {
        let name = below.join(entry.map_err(Failure::io(doing()))?.file_name());
        if root.join(&name).is_dir() {
            list(root, &name, files)?;
            continue;
        }
        let content = std::fs::read(root.join(&name)).map_err(Failure::io(doing()))?;
        if !content.is_empty() {
            files.push((name, content));
        }
    }
    files.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    Ok(())
}

fn flip(data_dir: &Path, bit: &Bit) -> Result<(), Failure> {
    let path = data_dir.join(&bit.file);
    let flip = || {
        let file = std::fs::OpenOptions::new().read(true).write(true).open(&path)?;
        let mut byte = [0];
        file.read_exact_at(&mut byte, bit.byte)?;
        file.write_all_at(&[byte[0] ^ bit.mask], bit.byte)
    };
    flip().map_err(Failure::io(format!("flipping a bit of {}", path.display())))
}
