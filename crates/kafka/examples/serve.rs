//! The broker behind the Kafka door and nothing else: `serve DIR PORT [NAME=VALUE]…`.

use std::error::Error;

use thalweg_broker::{Broker, BrokerOptions};
use thalweg_env::Env;
use thalweg_kafka::{KafkaOptions, KafkaServer, ListenerOptions};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_env_filter("info").with_writer(std::io::stderr).init();
    let mut arguments = std::env::args().skip(1);
    let (Some(dir), Some(port)) = (arguments.next(), arguments.next()) else {
        return Err("usage: serve DIR PORT [NAME=VALUE]…".into());
    };
    let mut options = BrokerOptions::new(dir);
    for setting in arguments {
        let (name, value) = setting.split_once('=').ok_or("a setting is NAME=VALUE")?;
        options = options.set(name, value);
    }
    let env = Env::real();
    let (broker, report) = Broker::open(&env, options).await?;
    println!("{report:?}");
    let listener = ListenerOptions {
        name: "PLAINTEXT".to_owned(),
        host: "127.0.0.1".to_owned(),
        port: port.parse()?,
        advertised: None,
    };
    let options = KafkaOptions::of(&broker);
    let server = KafkaServer::start(&env, broker.clone(), vec![listener], options).await?;
    println!("listening on {}", server.endpoints()[0].bound);
    tokio::signal::ctrl_c().await?;
    server.stop().await;
    broker.close().await;
    Ok(())
}
