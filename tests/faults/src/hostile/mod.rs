//! Hostile clients: whatever they send, the broker lives, stays small, and serves the honest one.

mod bombs;
mod crowd;
mod frames;
mod paced;
mod sender;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use clap::Args;
use fastrand::Rng;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use thalweg_kafka_wire::ApiKey;
use thalweg_kafka_wire::messages::ApiVersionsRequest;

use crate::admin;
use crate::audit::{Audit, Place};
use crate::connection::Connection;
use crate::failure::Failure;
use crate::history::History;
use crate::process::Process;
use crate::stage::{Progress, Stage};
use crowd::Crowd;
use paced::{Paced, TOPIC, p99};
use sender::Taken;

/// What hostile clients may cost over an idle broker.
const RESIDENT_MAX: u64 = 256 << 20;
const BASELINE: Duration = Duration::from_secs(3);
const POLL: Duration = Duration::from_millis(10);
const SENDERS: u64 = 8;
/// Throwers of each bomb at the same time.
const THROWERS: u32 = 4;

/// How much is tried.
#[derive(Clone, Debug, Args)]
pub struct HostileArgs {
    /// Mutated frames of each API
    #[arg(long, default_value_t = 100_000)]
    pub frames: u64,
    /// Connections that do nothing
    #[arg(long, default_value_t = 5_000)]
    pub idle: usize,
    /// Connections that are slow
    #[arg(long, default_value_t = 500)]
    pub slow: usize,
    /// How long they last
    #[arg(long, default_value_t = 10)]
    pub seconds: u64,
    /// Bombs of each kind that a thrower throws
    #[arg(long, default_value_t = 8)]
    pub bombs: u32,
}

/// A broker, an honest client, and those who watch.
struct Scene {
    broker: Process,
    history: Arc<History>,
    paced: Option<Paced>,
    idle_bytes: u64,
    resident_max: Arc<AtomicU64>,
    baseline: Duration,
}

/// Runs the test; true if nothing is wrong.
pub async fn run(stage: &Stage, args: &HostileArgs) -> Result<bool, Failure> {
    raise_descriptors()?;
    let progress = Progress::new();
    let mut scene = Scene::open(stage).await?;
    let taken = scene.frames(args, stage.seed).await?;
    let crowd = scene.crowd(args).await?;
    let bombs = scene.bombs(args).await?;
    let grown = scene.resident_max.load(Ordering::Relaxed).saturating_sub(scene.idle_bytes);
    let history = scene.close(grown).await?;
    let outcome = history.finish();
    println!("{outcome}");
    println!(
        "summary: hostile: {} frames ({} answered, {} closed, {} silent), {crowd} idle and slow \
         connections, {bombs} bombs, {} MiB over idle, {} violations, {} s",
        taken.sent,
        taken.answered,
        taken.closed,
        taken.silent,
        grown >> 20,
        outcome.violations(),
        progress.seconds(),
    );
    Ok(outcome.is_clean())
}

impl Scene {
    async fn open(stage: &Stage) -> Result<Self, Failure> {
        let dir = stage.fresh_dir("hostile")?;
        let mut launch = stage.launch(&dir)?;
        // Memory is judged with the defaults.
        launch.settings = vec!["auto.create.topics.enable=false".into()];
        let broker = launch.start().await?;
        let mut connection = Connection::open(broker.kafka).await?;
        admin::create_topic(&mut connection, TOPIC, 1, &[]).await?;
        let history: Arc<History> = Arc::default();
        let mut scene = Self {
            idle_bytes: broker.resident_bytes()?,
            paced: Some(Paced::new(broker.kafka, history.clone())),
            history,
            broker,
            resident_max: Arc::default(),
            baseline: Duration::ZERO,
        };
        let nothing = async {
            tokio::time::sleep(BASELINE).await;
            Ok(())
        };
        let ((), times) = scene.beside(nothing).await?;
        scene.baseline = p99(&times);
        println!("alone: p99 {:?}, {} MiB idle", scene.baseline, scene.idle_bytes >> 20);
        Ok(scene)
    }

    /// Has the honest client work while something happens, and watches the broker's memory.
    async fn beside<T>(
        &mut self,
        attack: impl Future<Output = Result<T, Failure>>,
    ) -> Result<(T, Vec<Duration>), Failure> {
        let gone = || Failure::Other("the paced client is gone".into());
        let stop = Arc::new(AtomicBool::new(false));
        let mut paced = self.paced.take().ok_or_else(gone)?;
        let stopped = stop.clone();
        let client = tokio::spawn(async move {
            let times = paced.run(&stopped).await;
            (paced, times)
        });
        let watching = async {
            loop {
                let now = self.broker.resident_bytes()?;
                self.resident_max.fetch_max(now, Ordering::Relaxed);
                tokio::time::sleep(POLL).await;
            }
        };
        let outcome = tokio::select! {
            outcome = attack => outcome,
            outcome = watching => outcome,
        };
        stop.store(true, Ordering::Relaxed);
        let (paced, times) = client.await.map_err(|_| gone())?;
        self.paced = Some(paced);
        Ok((outcome?, times?))
    }

    fn tell(&self, what: &str, times: &[Duration]) {
        let p99 = p99(times);
        println!("{what}: p99 of the paced client {p99:?} (alone {:?})", self.baseline);
    }

    async fn frames(&mut self, args: &HostileArgs, seed: u64) -> Result<Taken, Failure> {
        let mut connection = Connection::open(self.broker.kafka).await?;
        let offered = connection.call(&ApiVersionsRequest::default()).await?;
        let (address, frames) = (self.broker.kafka, args.frames);
        let attack = async move {
            let mut total = Taken::default();
            for api in offered.api_keys {
                let Ok(key) = ApiKey::try_from(api.api_key) else { continue };
                let versions = (api.min_version, api.max_version);
                let taken = flood(address, key, versions, frames, seed).await?;
                println!("{key}: {taken:?}");
                total.add(taken);
            }
            Ok(total)
        };
        let (taken, times) = self.beside(attack).await?;
        self.tell("mutated frames", &times);
        Ok(taken)
    }

    async fn crowd(&mut self, args: &HostileArgs) -> Result<usize, Failure> {
        let address = self.broker.kafka;
        let (idle, slow, time) = (args.idle, args.slow, Duration::from_secs(args.seconds));
        let attack = async move {
            let mut crowd = Crowd::gather(address, idle, slow).await?;
            crowd.dawdle(address, time).await?;
            Ok(crowd.size())
        };
        let (size, times) = self.beside(attack).await?;
        self.tell("idle and slow connections", &times);
        Ok(size)
    }

    async fn bombs(&mut self, args: &HostileArgs) -> Result<u64, Failure> {
        let (address, times_each) = (self.broker.kafka, args.bombs);
        let all = bombs::all()?;
        let names: Vec<_> = all.iter().map(|bomb| bomb.name.clone()).collect();
        let thrown = all.len() as u64 * u64::from(THROWERS * times_each);
        let attack = async move {
            let throwers = all.into_iter().flat_map(|bomb| {
                let throw = move |_| bombs::throw(address, TOPIC, bomb.clone(), times_each);
                (0..THROWERS).map(throw)
            });
            let throwers: Vec<_> = throwers.map(tokio::spawn).collect();
            let mut refused = 0;
            for thrower in throwers {
                refused += thrower.await.map_err(|error| Failure::Other(error.to_string()))??;
            }
            Ok(refused)
        };
        let (refused, times) = self.beside(attack).await?;
        self.tell(&format!("bombs ({})", names.join(", ")), &times);
        if refused != thrown {
            self.history.accuse(format!("{} of {thrown} bombs were taken", thrown - refused));
        }
        Ok(thrown)
    }

    /// What the honest client wrote is there, and the broker is whole.
    async fn close(mut self, grown: u64) -> Result<Arc<History>, Failure> {
        if grown > RESIDENT_MAX {
            self.history.accuse(format!("{} MiB over idle", grown >> 20));
        }
        let mut connection = Connection::open(self.broker.kafka).await?;
        let place = Place {
            topic: TOPIC.into(),
            partition: 0,
            dense: true,
            starts_by: Some(0),
            starts_from: 0,
        };
        Audit::new(0).read(&mut connection, &place, true, &self.history).await?;
        let status = self.broker.terminate().await?;
        if !status.success() {
            self.history.accuse(format!("asked to end, the broker ended with {status}"));
        }
        if let Some(line) = self.broker.panic_line() {
            self.history.accuse(line);
        }
        Ok(self.history)
    }
}

/// Mutated frames of one api, from several senders.
async fn flood(
    address: SocketAddr,
    key: ApiKey,
    versions: (i16, i16),
    frames: u64,
    seed: u64,
) -> Result<Taken, Failure> {
    let senders = (0..SENDERS).map(|sender| {
        let random = Rng::with_seed(seed << 32 | (key as u64) << 8 | sender);
        tokio::spawn(sender::send(address, key, versions, frames.div_ceil(SENDERS), random))
    });
    let senders: Vec<_> = senders.collect();
    let mut total = Taken::default();
    for sender in senders {
        total.add(sender.await.map_err(|error| Failure::Other(error.to_string()))??);
    }
    Ok(total)
}

/// As many descriptors as this process may have; the broker inherits them.
fn raise_descriptors() -> Result<(), Failure> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let limit = Rlimit { current: maximum, maximum };
    setrlimit(Resource::Nofile, limit)
        .map_err(|error| Failure::io("raising the limit of descriptors")(error.into()))
}
