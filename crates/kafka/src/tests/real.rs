//! The server on real sockets and a real directory.

use std::path::PathBuf;

use bytes::Buf;
use thalweg_kafka_wire::messages::ApiVersionsRequest;
use thalweg_kafka_wire::{decode_response, encode_request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::{ConnectionLimits, KafkaServer, ListenerOptions, Running};

/// A folder that goes with its owner.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let name = format!("thalweg-kafka-{:016x}", Env::real().random_u64());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn start(folder: &Folder, options: KafkaOptions) -> (Broker, Running) {
    let env = Env::real();
    let broker_options = BrokerOptions::new(&folder.0).set("wal.file.bytes", "1048576");
    let (broker, _) = Broker::open(&env, broker_options).await.unwrap();
    let listener = |name: &str, host: &str| ListenerOptions {
        name: name.to_owned(),
        host: host.to_owned(),
        port: 0,
        advertised: None,
    };
    let listeners = vec![listener("ONE", "127.0.0.1"), listener("TWO", "localhost")];
    let running = KafkaServer::start(&env, broker.clone(), listeners, options).await.unwrap();
    (broker, running)
}

async fn ask_versions(stream: &mut TcpStream) -> std::io::Result<usize> {
    let request = ApiVersionsRequest {
        client_software_name: "test".to_owned(),
        client_software_version: "1".to_owned(),
        ..Default::default()
    };
    let frame = encode_request(3, 1, "test", &request).unwrap().to_bytes().unwrap();
    stream.write_all(&frame).await?;
    let mut prefix = [0; 4];
    stream.read_exact(&mut prefix).await?;
    let mut answer = BytesMut::zeroed((&prefix[..]).get_u32() as usize);
    stream.read_exact(&mut answer).await?;
    Ok(decode_response::<ApiVersionsRequest>(3, answer).unwrap().1.api_keys.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn listeners_serve_until_the_server_stops() {
    let folder = Folder::new();
    let (broker, running) = start(&folder, KafkaOptions::default()).await;
    let mut streams = Vec::new();
    for endpoint in running.endpoints() {
        let mut stream = TcpStream::connect(endpoint.bound).await.unwrap();
        assert!(ask_versions(&mut stream).await.unwrap() > 20);
        streams.push(stream);
    }
    assert_eq!(running.connections(), 2);
    let bound = running.endpoints()[0].bound;
    running.stop().await;
    for stream in &mut streams {
        assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0, "the server has closed it");
    }
    assert!(TcpStream::connect(bound).await.is_err());
    broker.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_beyond_the_limit_are_closed() {
    let folder = Folder::new();
    let limits = ConnectionLimits { all: 1, ..Default::default() };
    let options = KafkaOptions { connection_limits: Some(limits), ..Default::default() };
    let (broker, running) = start(&folder, options).await;
    let bound = running.endpoints()[0].bound;
    let mut first = TcpStream::connect(bound).await.unwrap();
    ask_versions(&mut first).await.unwrap();
    let mut second = TcpStream::connect(bound).await.unwrap();
    assert!(ask_versions(&mut second).await.is_err());
    assert!(ask_versions(&mut first).await.is_ok());
    running.stop().await;
    broker.close().await;
}
