//! Hostile clients: whatever they send, the broker lives, stays small, and serves the honest one.

mod bombs;
mod crowd;
mod frames;
mod paced;
mod sender;

use std::net::SocketAddr;
use std::sync::Arc;
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
use paced::{Paced, Schedule, TOPIC, quantile};
use sender::Taken;

/// What hostile clients may cost over an idle broker.
const RESIDENT_MAX: u64 = 256 << 20;
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
    /// How long they last, and how long the honest client is alone before
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
    /// The most that the broker had over idle.
    grown_max: u64,
    /// The p99 of the honest client alone, and the worst beside the attacks since.
    alone: Duration,
    p99_max: Duration,
}

/// Runs the test; true if nothing is wrong.
pub async fn run(stage: &Stage, args: &HostileArgs) -> Result<bool, Failure> {
    raise_descriptors()?;
    let progress = Progress::new();
    let mut scene = Scene::open(stage, args).await?;
    let taken = scene.frames(args, stage.seed).await?;
    let crowd = scene.crowd(args).await?;
    let bombs = scene.bombs(args).await?;
    let (alone, p99) = (scene.alone, scene.p99_max);
    let deaf = scene.deaf(args).await?;
    let (grown, p99_deaf) = (scene.grown_max >> 20, scene.p99_max);
    let history = scene.close().await?;
    let outcome = history.finish();
    println!("{outcome}");
    println!(
        "summary: hostile: {} frames ({} answered, {} closed, {} silent), {crowd} idle and slow \
         connections, {bombs} bombs, p99 beside it {p99:?} (alone {alone:?}); {deaf} who ask and never \
         listen, p99 {p99_deaf:?}; {grown} MiB over idle, {} violations, {} s",
        taken.sent,
        taken.answered,
        taken.closed,
        taken.silent,
        outcome.violations(),
        progress.seconds(),
    );
    Ok(outcome.is_clean())
}

impl Scene {
    async fn open(stage: &Stage, args: &HostileArgs) -> Result<Self, Failure> {
        let dir = stage.fresh_dir("hostile")?;
        let mut launch = stage.launch(&dir)?;
        // Memory is judged with the defaults.
        launch.settings = vec!["auto.create.topics.enable=false".into()];
        let broker = launch.start().await?;
        let mut connection = Connection::open(broker.kafka).await?;
        // The payload's records are from 1970.
        admin::create_topic(&mut connection, TOPIC, 1, &[("retention.ms", "-1")]).await?;
        bombs::create_topic(&mut connection).await?;
        let history: Arc<History> = Arc::default();
        let mut scene = Self {
            idle_bytes: broker.resident_bytes()?,
            paced: Some(Paced::new(broker.kafka, history.clone())),
            history,
            broker,
            grown_max: 0,
            alone: Duration::ZERO,
            p99_max: Duration::ZERO,
        };
        let nothing = async {
            tokio::time::sleep(Duration::from_secs(args.seconds)).await;
            Ok(())
        };
        scene.beside("nothing", nothing).await?;
        scene.alone = std::mem::take(&mut scene.p99_max);
        Ok(scene)
    }

    /// Has the honest client work while something happens, and watches the broker's memory.
    async fn beside<T>(
        &mut self,
        what: &str,
        attack: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let gone = || Failure::Other("the paced client is gone".into());
        let paced = self.paced.take().ok_or_else(gone)?.start();
        let mut resident_max = 0;
        let watching = async {
            loop {
                resident_max = resident_max.max(self.broker.resident_bytes()?);
                tokio::time::sleep(POLL).await;
            }
        };
        let outcome = tokio::select! {
            outcome = attack => outcome,
            outcome = watching => outcome,
        };
        let (paced, times) = paced.stop().await?;
        self.paced = Some(paced);
        let (median, p99) = (quantile(&times, 50), quantile(&times, 99));
        let grown = resident_max.saturating_sub(self.idle_bytes);
        self.p99_max = self.p99_max.max(p99);
        self.grown_max = self.grown_max.max(grown);
        println!(
            "beside {what}: {} requests of the honest client took {median:?}, p99 {p99:?}; {} MiB over \
             idle",
            times.len(),
            grown >> 20
        );
        outcome
    }

    async fn frames(&mut self, args: &HostileArgs, seed: u64) -> Result<Taken, Failure> {
        let (address, frames) = (self.broker.kafka, args.frames);
        let attack = async move {
            let mut total = Taken::default();
            for (key, versions) in offered(address).await? {
                let taken = flood(address, key, versions, frames, seed).await?;
                println!("{key}: {taken:?}");
                total.add(taken);
            }
            Ok(total)
        };
        self.beside("mutated frames", attack).await
    }

    async fn crowd(&mut self, args: &HostileArgs) -> Result<usize, Failure> {
        let time = Duration::from_secs(args.seconds);
        let attack = apart(crowd::dawdle(self.broker.kafka, args.idle, args.slow, time));
        self.beside("idle and slow connections", attack).await
    }

    /// They are not slow, they are many: what they cost the others is told apart.
    async fn deaf(&mut self, args: &HostileArgs) -> Result<usize, Failure> {
        self.p99_max = Duration::ZERO;
        let time = Duration::from_secs(args.seconds);
        let attack = apart(crowd::shout(self.broker.kafka, args.slow / 2, time));
        self.beside("connections that never listen", attack).await
    }

    /// One kind after the other, so that each shows what it costs.
    async fn bombs(&mut self, args: &HostileArgs) -> Result<u64, Failure> {
        let thrown = u64::from(THROWERS * args.bombs);
        let bombs = bombs::all()?;
        let total = thrown * bombs.len() as u64;
        for bomb in bombs {
            let name = bomb.name.clone();
            let attack = apart(bombs::throw(self.broker.kafka, bomb, THROWERS, args.bombs));
            let refused = self.beside(&format!("{thrown} bombs of {name}"), attack).await?;
            if refused != thrown {
                self.history
                    .accuse(format!("{} of {thrown} bombs of {name} were taken", thrown - refused));
            }
        }
        Ok(total)
    }

    /// What the honest client wrote is there, and the broker is whole.
    async fn close(mut self) -> Result<Arc<History>, Failure> {
        if self.grown_max > RESIDENT_MAX {
            self.history.accuse(format!("{} MiB over idle", self.grown_max >> 20));
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

/// Runs an attack on the threads of hostile clients.
async fn apart<T: Send + 'static>(
    attack: impl Future<Output = Result<T, Failure>> + Send + 'static,
) -> Result<T, Failure> {
    tokio::spawn(attack).await.map_err(|error| Failure::Other(error.to_string()))?
}

/// The apis that the broker has, and their versions.
async fn offered(address: SocketAddr) -> Result<Vec<(ApiKey, (i16, i16))>, Failure> {
    let request = ApiVersionsRequest {
        client_software_name: "faults".into(),
        client_software_version: "1".into(),
        ..Default::default()
    };
    let offered = Connection::open(address).await?.call(&request).await?;
    Failure::check("ApiVersions", offered.error_code)?;
    let known = offered.api_keys.into_iter().filter_map(|api| {
        let key = ApiKey::try_from(api.api_key).ok()?;
        Some((key, (api.min_version, api.max_version)))
    });
    Ok(known.collect())
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

/// A runtime for hostile clients, whose threads run when nobody else wants to.
pub fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.enable_all().on_thread_start(|| Schedule::Idle.apply()).build()
}

/// As many descriptors as this process may have; the broker inherits them.
fn raise_descriptors() -> Result<(), Failure> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let limit = Rlimit { current: maximum, maximum };
    setrlimit(Resource::Nofile, limit)
        .map_err(|error| Failure::io("raising the limit of descriptors")(error.into()))
}
