//! The broker and the doors, put together and taken apart.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use thalweg_broker::{Broker, BrokerOptions};
use thalweg_cluster::config::elements;
use thalweg_env::Env;
use thalweg_kafka::{KafkaOptions, KafkaServer, ListenerOptions, Running};

use super::announce::KafkaEndpoint;
use super::listeners::{Listener, listeners};
use crate::address::Address;
use crate::error::{Failure, with_sources};
use crate::settings::Settings;

/// What runs.
pub struct Served {
    /// The broker.
    pub broker: Broker,
    /// The Kafka door, until it is closed.
    kafka: Mutex<Option<Running>>,
}

impl Served {
    /// Opens the data directory and the listeners.
    pub async fn start(env: &Env, settings: &Settings) -> Result<Self, Failure> {
        let listeners = listeners(settings)?;
        let mut options = BrokerOptions::new(data_dir(settings)?);
        options.settings = settings.overrides();
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        options.decompressions_max = (processors / 2).max(1);
        let (broker, report) = Box::pin(Broker::open(env, options))
            .await
            .map_err(|error| Failure::Failed(with_sources(&error)))?;
        tracing::debug!(?report, "opened the data directory");
        let options = KafkaOptions { turns_max: 2 * processors, ..KafkaOptions::of(&broker) };
        let listeners = listeners.into_iter().map(ListenerOptions::from).collect();
        match KafkaServer::start(env, broker.clone(), listeners, options).await {
            Ok(kafka) => Ok(Self { broker, kafka: Mutex::new(Some(kafka)) }),
            Err(error) => {
                broker.close().await;
                let error = with_sources(&error);
                Err(Failure::Failed(format!("{error}; choose another address with --kafka-listen")))
            }
        }
    }

    /// Where clients connect, and where that is bound.
    pub fn endpoints(&self) -> Vec<KafkaEndpoint> {
        let endpoints = |kafka: &Running| {
            let endpoints = kafka.endpoints().iter().map(|endpoint| KafkaEndpoint {
                advertised: Address::new(&endpoint.host, endpoint.port),
                bound: endpoint.bound.to_string(),
            });
            endpoints.collect()
        };
        self.with_kafka(endpoints).unwrap_or_default()
    }

    /// Looks at the Kafka door; `None` once it is closed.
    pub fn with_kafka<T>(&self, look: impl FnOnce(&Running) -> T) -> Option<T> {
        self.kafka.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(look)
    }

    /// Answers what is in flight, makes everything durable, and gives the data directory back.
    pub async fn stop(&self) {
        let kafka = self.kafka.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(kafka) = kafka {
            kafka.stop().await;
        }
        self.broker.close().await;
    }
}

impl From<Listener> for ListenerOptions {
    fn from(listener: Listener) -> Self {
        Self {
            name: listener.name,
            host: listener.bind.host,
            port: listener.bind.port,
            advertised: listener.advertised.map(|address| (address.host, address.port)),
        }
    }
}

/// The directory that keeps everything.
pub fn data_dir(settings: &Settings) -> Result<PathBuf, Failure> {
    let dirs = settings.given("log.dirs").unwrap_or_else(|| settings.get("log.dir"));
    let dirs: Vec<&str> = elements(dirs).collect();
    match dirs.as_slice() {
        [dir] => Ok(PathBuf::from(dir)),
        [] => Err(Failure::Usage("name a directory with --data-dir".to_owned())),
        _ => Err(Failure::Usage(format!(
            "log.dirs names {} directories; there can be only one data directory",
            dirs.len()
        ))),
    }
}
