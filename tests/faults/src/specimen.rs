//! A stopped data directory that has a bit of everything in it, and what it serves: to be damaged.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fastrand::Rng;
use thalweg_kafka_wire::messages::ProduceRequest;
use thalweg_kafka_wire::messages::produce_request::{PartitionProduceData, TopicProduceData};
use thalweg_records::BatchBuilder;
use thalweg_types::Timestamp;

use crate::connection::Connection;
use crate::contents::Contents;
use crate::coverage;
use crate::failure::Failure;
use crate::offline;
use crate::online;
use crate::process::Process;
use crate::stage::Stage;
use crate::topics::KEPT;
use crate::workload::Workload;

/// Batches that clients write before the last chunk.
const BATCHES: u64 = 4_000;
/// The last chunk: three batches in one request, of random bytes.
const TAIL_PARTITIONS: i32 = 3;
const TAIL_BATCH_RECORDS: usize = 24;
const TAIL_RECORD_LEN: usize = 1000;
/// What the last chunk has at least.
pub const TAIL_LEN_MIN: u64 = 64 << 10;
/// Attempts to get the three batches into one chunk.
const TAIL_ATTEMPTS_MAX: u32 = 200;
/// Time for the background to come to rest.
const REST: Duration = Duration::from_secs(3);
const COPY_BUFFER_LEN: usize = 64 << 10;

/// How the directory was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// By SIGKILL: the last chunks are in no checkpoint.
    Killed,
    /// By SIGTERM: nothing is to be replayed.
    Closed,
}

/// The directory and what is known of it.
pub struct Specimen {
    /// The data directory; never opened, only copied.
    pub data_dir: PathBuf,
    /// How it was left.
    pub left: Left,
    /// What it serves.
    pub contents: Contents,
    /// The first offset in the last chunk of the partitions that it has.
    pub tail: BTreeMap<(String, i32), i64>,
    /// The log file with the last chunk, relative to the data directory, and where the chunk lies.
    pub tail_place: TailPlace,
}

/// Where the last chunk lies.
#[derive(Clone, Debug)]
pub struct TailPlace {
    /// The file, relative to the data directory.
    pub file: PathBuf,
    /// Its first byte.
    pub start: u64,
    /// The byte after its last.
    pub end: u64,
}

impl Specimen {
    /// Has a broker make one.
    pub async fn make(stage: &Stage, name: &str, left: Left) -> Result<Self, Failure> {
        let dir = stage.fresh_dir(name)?;
        let launch = stage.launch(&dir)?;
        let mut broker = launch.start().await?;
        let mut workload = Workload::new(stage.seed);
        workload.prepare(broker.kafka).await?;
        let running = workload.start(broker.kafka);
        workload.wait_for(BATCHES).await?;
        running.stop();
        workload.take_back(running).await?;
        tokio::time::sleep(REST).await;
        let (tail, tail_place) = write_tail(&broker, &launch.data_dir, &dir.join("before")).await?;
        match left {
            Left::Killed => broker.kill().await?,
            Left::Closed => drop(broker.terminate().await?),
        }
        let copy = dir.join("copy");
        copy_dir(&launch.data_dir, &copy)?;
        let contents = offline::read(&copy).await?;
        Ok(Self { data_dir: launch.data_dir, left, contents, tail, tail_place })
    }
}

/// Writes the last chunk; returns the offsets it begins with and where it lies.
async fn write_tail(
    broker: &Process,
    data_dir: &Path,
    before: &Path,
) -> Result<(BTreeMap<(String, i32), i64>, TailPlace), Failure> {
    let mut connection = Connection::open(broker.kafka).await?;
    for attempt in 0..TAIL_ATTEMPTS_MAX {
        let ends = online::read(broker.kafka).await?;
        // The background may still be removing files; then it is not quiet enough.
        if copy_dir(data_dir, before).is_err() {
            tokio::time::sleep(REST).await;
            continue;
        }
        let chunks = chunks_of(broker).await?;
        let response = connection.call(&tail_request(attempt)?).await?;
        for partition in response.responses.iter().flat_map(|topic| &topic.partition_responses) {
            Failure::check("Produce", partition.error_code)?;
        }
        if chunks_of(broker).await? != chunks + 1 {
            continue;
        }
        let tail = (0..TAIL_PARTITIONS).filter_map(|partition| {
            let place = (KEPT.to_owned(), partition);
            let end = ends.0.get(&place)?.end;
            Some((place, end))
        });
        let place = difference(data_dir, before).ok().flatten();
        if let Some(place) = place.filter(|place| place.end - place.start >= TAIL_LEN_MIN) {
            return Ok((tail.collect(), place));
        }
    }
    Err(Failure::Other("three batches do not get into one chunk".into()))
}

async fn chunks_of(broker: &Process) -> Result<u64, Failure> {
    Ok(coverage::sum(&broker.metrics().await?, "thalweg_log_chunks_total") as u64)
}

fn tail_request(attempt: u32) -> Result<ProduceRequest, Failure> {
    let mut random = Rng::with_seed(u64::from(attempt));
    let mut partitions = Vec::new();
    for index in 0..TAIL_PARTITIONS {
        let mut builder = BatchBuilder::new();
        for number in 0..TAIL_BATCH_RECORDS {
            let mut value = vec![0; TAIL_RECORD_LEN];
            random.fill(&mut value);
            builder.push(Timestamp(number as i64), None, Some(&value), &[]);
        }
        let records = Some(builder.build()?.as_bytes().into());
        partitions.push(PartitionProduceData { index, records });
    }
    let topic = TopicProduceData {
        name: KEPT.to_owned(),
        partition_data: partitions,
        ..Default::default()
    };
    Ok(ProduceRequest {
        acks: -1,
        timeout_ms: 30_000,
        topic_data: vec![topic],
        ..Default::default()
    })
}

/// The one log file that differs, and between which pages; nothing if there are several, because a
/// new file was just made or indexed.
fn difference(data_dir: &Path, before: &Path) -> Result<Option<TailPlace>, Failure> {
    const PAGE: u64 = 4096;
    let mut places = Vec::new();
    for name in files_of(&data_dir.join("log"))? {
        let file = Path::new("log").join(&name);
        let old = std::fs::read(before.join(&file)).unwrap_or_default();
        let new = read(&data_dir.join(&file))?;
        let differs = |at: &usize| old.get(*at) != new.get(*at);
        let first = (0..new.len()).find(differs);
        let last = (0..new.len()).rfind(differs);
        if let Some((first, last)) = first.zip(last) {
            let (start, end) =
                (first as u64 / PAGE * PAGE, (last as u64 + 1).next_multiple_of(PAGE));
            places.push(TailPlace { file, start, end });
        }
    }
    let only = places.len() == 1;
    Ok(places.pop().filter(|_| only))
}

/// The names of the files in a folder, sorted.
pub fn files_of(dir: &Path) -> Result<Vec<String>, Failure> {
    let doing = || format!("listing {}", dir.display());
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(Failure::io(doing()))? {
        let entry = entry.map_err(Failure::io(doing()))?;
        if entry.path().is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Makes `to` the same as `from`; sparse where it is all zero.
pub fn copy_dir(from: &Path, to: &Path) -> Result<(), Failure> {
    if to.exists() {
        std::fs::remove_dir_all(to).map_err(Failure::io(format!("removing {}", to.display())))?;
    }
    std::fs::create_dir_all(to).map_err(Failure::io(format!("making {}", to.display())))?;
    let doing = || format!("copying {}", from.display());
    for entry in std::fs::read_dir(from).map_err(Failure::io(doing()))? {
        let entry = entry.map_err(Failure::io(doing()))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy_dir(&source, &target)?;
        } else {
            copy_file(&source, &target).map_err(Failure::io(doing()))?;
        }
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::FileExt;
    let content = std::fs::read(from)?;
    let file = std::fs::File::create(to)?;
    file.set_len(content.len() as u64)?;
    for (number, piece) in content.chunks(COPY_BUFFER_LEN).enumerate() {
        if piece.iter().any(|byte| *byte != 0) {
            file.write_all_at(piece, (number * COPY_BUFFER_LEN) as u64)?;
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(Failure::io(format!("reading {}", path.display())))
}
