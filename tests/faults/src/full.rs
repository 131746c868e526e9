//! A device that fills up: writes stop before it is full, reads go on, and all is well again when
//! there is space.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::fs::statvfs;

use crate::admin;
use crate::audit::{Audit, Place};
use crate::connection::Connection;
use crate::failure::Failure;
use crate::history::History;
use crate::mount::Mount;
use crate::process::{Launch, Process};
use crate::producer::{Lane, Producer, Until};
use crate::stage::{Progress, Stage};

const IMAGE_MEBIBYTES: u64 = 64;
/// What the broker is told to leave free; 0 lets it run into the end of the device.
const RESERVES: [u64; 2] = [20 << 20, 0];
/// The reserve may be eaten into by what was under way when it was reached.
const SLACK: u64 = 4 << 20;
const FILLER: &str = "filler";
const SMALL: &str = "small";
const FILLER_PARTITIONS: i32 = 4;
const PRODUCERS: u32 = 4;
const PATIENCE: Duration = Duration::from_mins(3);
const POLL: Duration = Duration::from_millis(20);
/// Silence that is taken for a refusal of all writes.
const SILENCE: Duration = Duration::from_secs(2);

/// Runs the test; true if nothing is wrong.
pub async fn run(stage: &Stage) -> Result<bool, Failure> {
    let mut progress = Progress::new();
    let (mut acked, mut violations) = (0, 0);
    for reserve in RESERVES {
        let outcome = fill(stage, reserve).await?.finish();
        println!("reserve {reserve}: {outcome}");
        acked += outcome.report.acked;
        violations += outcome.violations();
        progress.tell(|| format!("reserve {reserve}"));
    }
    println!(
        "summary: full: {} devices filled, {acked} records acknowledged, {violations} violations, \
         {} s",
        RESERVES.len(),
        progress.seconds()
    );
    Ok(violations == 0)
}

async fn fill(stage: &Stage, reserve: u64) -> Result<Arc<History>, Failure> {
    let dir = stage.fresh_dir("full")?;
    let mount = Mount::create(&dir, IMAGE_MEBIBYTES)?;
    let mut launch = stage.launch(&dir)?;
    launch.data_dir = mount.path().join("data");
    launch.settings.push(format!("disk.free.min.bytes={reserve}"));
    let mut scene =
        Scene { launch, mount, reserve, history: Arc::default(), producers: Vec::new() };
    scene.play().await?;
    Ok(scene.history.clone())
}

struct Scene {
    launch: Launch,
    mount: Mount,
    reserve: u64,
    history: Arc<History>,
    producers: Vec<Producer>,
}

impl Scene {
    async fn play(&mut self) -> Result<(), Failure> {
        let mut broker = self.launch.start().await?;
        let mut connection = Connection::open(broker.kafka).await?;
        admin::create_topic(&mut connection, FILLER, FILLER_PARTITIONS, &[]).await?;
        admin::create_topic(&mut connection, SMALL, 1, &[]).await?;
        self.producers = (0..PRODUCERS).map(producer).collect();
        self.produce_until_refused(&broker).await?;
        self.check_refusal(&broker)?;
        self.audit(&broker, true).await?;

        // A start on a full device reads as well, and does not make it worse.
        broker.kill().await?;
        let mut broker = self.launch.start().await?;
        self.audit(&broker, true).await?;
        let mut connection = Connection::open(broker.kafka).await?;
        admin::delete_topic(&mut connection, FILLER).await?;
        for producer in &mut self.producers {
            producer.close_topic(FILLER, &self.history)?;
        }
        self.wait_for_writes(&broker).await?;
        self.audit(&broker, false).await?;
        broker.terminate().await?;
        if let Some(line) = broker.panic_line() {
            self.history.accuse(line);
        }
        Ok(())
    }

    /// Lets the producers run until nothing is acknowledged any more.
    async fn produce_until_refused(&mut self, broker: &Process) -> Result<(), Failure> {
        let stop = Arc::new(AtomicBool::new(false));
        let tasks = std::mem::take(&mut self.producers).into_iter().map(|mut producer| {
            let (history, address) = (self.history.clone(), broker.kafka);
            let until = Until::Stopped(stop.clone());
            tokio::spawn(async move {
                let outcome = producer.run(address, &history, &until).await;
                (producer, outcome)
            })
        });
        let tasks: Vec<_> = tasks.collect();
        let began = Instant::now();
        let (mut seen, mut since) = (0, Instant::now());
        while since.elapsed() < SILENCE && began.elapsed() < PATIENCE {
            tokio::time::sleep(POLL).await;
            let acked = self.history.batches_acked();
            if acked > seen {
                (seen, since) = (acked, Instant::now());
            }
        }
        stop.store(true, Ordering::Relaxed);
        for task in tasks {
            let joined = task.await.map_err(|error| Failure::Other(error.to_string()))?;
            joined.1?;
            self.producers.push(joined.0);
        }
        Ok(())
    }

    fn check_refusal(&self, broker: &Process) -> Result<(), Failure> {
        let stat = statvfs(self.mount.path());
        let stat = stat.map_err(|error| Failure::io("asking for free space")(error.into()))?;
        let free = stat.f_bavail * stat.f_frsize;
        if free + SLACK < self.reserve {
            self.history.accuse(format!("{free} bytes are left of a reserve of {}", self.reserve));
        }
        if free > self.reserve + (IMAGE_MEBIBYTES << 20) / 2 {
            self.history.accuse(format!("writes were refused with {free} bytes free"));
        }
        let ran_into_it = broker.has_line("os error 28");
        if self.reserve > 0 && ran_into_it {
            self.history.accuse("the device was full in spite of the reserve");
        }
        if !broker.has_line("accepts no writes") && !ran_into_it {
            self.history.accuse("the broker does not say why it refuses writes");
        }
        Ok(())
    }

    async fn audit(&self, broker: &Process, filler: bool) -> Result<(), Failure> {
        let mut connection = Connection::open(broker.kafka).await?;
        let mut audit = Audit::new(0);
        let fillers = if filler { FILLER_PARTITIONS } else { 0 };
        let places = (0..fillers).map(|partition| (FILLER, partition)).chain([(SMALL, 0)]);
        for (topic, partition) in places {
            let place = Place {
                topic: topic.into(),
                partition,
                dense: true,
                starts_by: Some(0),
                starts_from: 0,
            };
            audit.read(&mut connection, &place, true, &self.history).await?;
        }
        Ok(())
    }

    /// Everything that waited goes through once there is space.
    async fn wait_for_writes(&mut self, broker: &Process) -> Result<(), Failure> {
        for producer in &mut self.producers {
            let settled = producer.run(broker.kafka, &self.history, &Until::Settled);
            match tokio::time::timeout(PATIENCE, settled).await {
                Ok(outcome) => outcome?,
                Err(_) => self.history.accuse("no writes although there is space again"),
            }
        }
        Ok(())
    }
}

fn producer(number: u32) -> Producer {
    let lane = |topic: &str, partition| Lane { topic: topic.into(), partition, keys: None };
    let filler = (0..FILLER_PARTITIONS).map(|partition| lane(FILLER, partition));
    Producer::new(number, true, filler.chain([lane(SMALL, 0)]))
}
