//! `thalweg serve`.

mod announce;
mod descriptors;
mod http;
mod listeners;
mod metrics;
mod reload;
mod wiring;

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use thalweg_env::{Env, Instant, Task};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::address::Address;
use crate::cli::assignment;
use crate::error::Failure;
use crate::interrupt::Interrupt;
use crate::logging::{self, LogLevel};
use crate::settings::{Inputs, Settings};
use announce::Announcement;
use listeners::setting_of;
use wiring::Served;

/// How the broker is configured.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Configuration file, in TOML
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Directory that keeps everything; created if it does not exist [default: ./thalweg-data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// Address for Kafka clients; may be repeated [default: 127.0.0.1:9092]
    #[arg(long, value_name = "ADDR")]
    kafka_listen: Vec<Address>,
    /// Address that clients are told to connect to, for each --kafka-listen in order
    #[arg(long, value_name = "HOST:PORT")]
    kafka_advertise: Vec<Address>,
    /// Address for metrics and health over HTTP [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    http_listen: Option<Address>,
    /// A setting by its name, which is Kafka's where Kafka has one; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    set: Vec<(String, String)>,
}

impl ServeArgs {
    fn inputs(&self) -> Inputs {
        let addresses = |list: &[Address]| (!list.is_empty()).then(|| setting_of(list));
        let flags = [
            ("--data-dir", "log.dirs", self.data_dir.clone()),
            ("--kafka-listen", "listeners", addresses(&self.kafka_listen)),
            ("--kafka-advertise", "advertised.listeners", addresses(&self.kafka_advertise)),
            ("--http-listen", "http.listen", self.http_listen.as_ref().map(Address::to_string)),
        ];
        let variables = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Inputs {
            file: self.config.clone(),
            variables: variables.collect(),
            sets: self.set.clone(),
            flags: flags.into_iter().filter_map(|(flag, name, v)| Some((flag, name, v?))).collect(),
        }
    }
}

/// Runs the broker until it is asked to stop.
pub async fn run(env: &Env, started: Instant, args: &ServeArgs) -> Result<(), Failure> {
    let inputs = args.inputs();
    let settings = Settings::load(env, &inputs)?;
    let level = logging::start_for_broker(&settings)?;
    let connections = settings.get("max.connections").parse().unwrap_or(u64::MAX);
    if let Some(warning) = descriptors::raise_limit(connections) {
        tracing::warn!("{warning}");
    }
    // From here on a signal is not lost, however early it comes.
    let (interrupt, hangup) = (Interrupt::listen()?, signal(SignalKind::hangup())?);
    let (served, http) = start(env, started, &settings).await?;
    let mut run = Run { env, inputs, settings, level, interrupt, hangup };
    run.until_interrupted(&served).await;
    run.stop(&served, http).await
}

/// Starts everything, and says so.
async fn start(
    env: &Env,
    started: Instant,
    settings: &Settings,
) -> Result<(Arc<Served>, Task<()>), Failure> {
    let http: Address = settings
        .get("http.listen")
        .parse()
        .map_err(|error| Failure::Usage(format!("http.listen: {error}")))?;
    let (listener, http) = http::bind(&http).await?;
    let served = Arc::new(Served::start(env, settings).await?);
    let task = http::start(env, listener, Arc::clone(&served));
    let announcement = Announcement {
        node: served.broker.node().0,
        data_dir: wiring::data_dir(settings)?,
        kafka: served.endpoints(),
        http: http.to_string(),
        durability: served.broker.setting("durability").unwrap_or_default(),
        took: env.now() - started,
    };
    eprint!("{}", announcement.text());
    Ok((served, task))
}

/// A broker that runs, as the operating system sees it.
struct Run<'a> {
    env: &'a Env,
    inputs: Inputs,
    settings: Settings,
    level: LogLevel,
    interrupt: Interrupt,
    hangup: Signal,
}

impl Run<'_> {
    /// Reloads with SIGHUP; returns with SIGINT or SIGTERM.
    async fn until_interrupted(&mut self, served: &Served) {
        loop {
            tokio::select! {
                () = self.interrupt.wait() => return,
                _ = self.hangup.recv() => {
                    let (inputs, level) = (&self.inputs, &self.level);
                    let settings = &mut self.settings;
                    reload::reload(self.env, inputs, settings, level, &served.broker).await;
                }
            }
        }
    }

    /// Finishes what is in flight; a second signal ends the process at once.
    async fn stop(&mut self, served: &Served, http: Task<()>) -> Result<(), Failure> {
        tracing::info!("stopping; what is in flight is finished");
        let stopping = async {
            served.stop().await;
            http.abort();
        };
        tokio::select! {
            () = stopping => Ok(()),
            () = self.interrupt.wait() => {
                Err(Failure::Failed("stopped at once; the next start recovers".to_owned()))
            }
        }
    }
}
