//! The binary as a process: it starts on free ports, answers, and ends as it should.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and is no part of the simulation"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Output, Stdio};

const DOCUMENTATION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/metrics.md");

/// A broker on free ports with a directory of its own.
struct Broker {
    process: Child,
    log: BufReader<ChildStderr>,
    dir: PathBuf,
    kafka: String,
    http: String,
}

impl Broker {
    fn start(test: &str) -> Self {
        Self::start_with(test, &[])
    }

    fn start_with(test: &str, more: &[&str]) -> Self {
        let dir = std::env::temp_dir().join(format!("thalweg-{test}-{}", std::process::id()));
        let mut process = thalweg(&[
            "--data-dir",
            dir.to_str().unwrap(),
            "--kafka-listen=127.0.0.1:0",
            "--http-listen=127.0.0.1:0",
            "--set=group.initial.rebalance.delay.ms=0",
        ])
        .args(more)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap());
        let (mut kafka, mut http, mut line) = (String::new(), String::new(), String::new());
        let mut said = String::new();
        while !line.starts_with("ready in ") {
            line.clear();
            assert_ne!(log.read_line(&mut line).unwrap(), 0, "not ready: {said}");
            said.push_str(&line);
            let value = line.split_whitespace().nth(1).unwrap_or_default();
            match line.split_whitespace().next() {
                Some("kafka") => value.clone_into(&mut kafka),
                Some("http") => http = value.replace("http://", "").replace("/metrics", ""),
                _ => {}
            }
        }
        Self { process, log, dir, kafka, http }
    }

    fn run(&self, arguments: &[&str]) -> String {
        let output = self.try_run(arguments, "");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn try_run(&self, arguments: &[&str], input: &str) -> Output {
        let mut process = thalweg(arguments)
            .args(["--bootstrap", &self.kafka])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        process.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        process.wait_with_output().unwrap()
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.http).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn thalweg(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_thalweg"));
    command.args(arguments);
    command
}

#[test]
fn what_is_produced_is_consumed_by_a_group_and_alone() {
    let broker = Broker::start("round-trip");
    broker.run(&["topic", "create", "t", "--partitions=3", "--set=retention.ms=3600000"]);
    let lines: Vec<String> = (0..1000).map(|number| format!("k{number}:v{number}")).collect();
    let lines = lines.join("\n");
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let sent = broker.try_run(&["produce", "t", "-K:", "-H", "h=x", "-z", codec], &lines);
        assert!(sent.status.success(), "{}", String::from_utf8_lossy(&sent.stderr));
    }
    let mut all: Vec<String> =
        broker.run(&["consume", "t", "-e", "-K:"]).lines().map(str::to_owned).collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 1000);
    assert_eq!(broker.run(&["consume", "t", "--count=1234"]).lines().count(), 1234);
    assert_eq!(broker.run(&["consume", "t", "-e", "-g=g", "-c=2000"]).lines().count(), 2000);
    assert_eq!(broker.run(&["consume", "t", "-e", "-g=g"]).lines().count(), 3000);
    let group: serde_json::Value =
        serde_json::from_str(&broker.run(&["group", "describe", "g", "--json"])).unwrap();
    let lags: Vec<_> = group["offsets"].as_array().unwrap().iter().map(|o| &o["lag"]).collect();
    assert_eq!(lags, [0, 0, 0]);
    broker.run(&["group", "reset", "g", "t", "--to=start"]);
    assert_eq!(broker.run(&["consume", "t", "-e", "-g=g"]).lines().count(), 5000);
    let record: serde_json::Value =
        serde_json::from_str(&broker.run(&["consume", "t", "-c=1", "--json"])).unwrap();
    assert_eq!(record["headers"][0]["key"], "h");
}

#[test]
fn every_metric_is_documented() {
    let broker = Broker::start("metrics");
    broker.try_run(&["produce", "t"], "a\nb\n");
    broker.run(&["consume", "t", "-e", "-g=g"]);
    assert!(broker.get("/health/live").starts_with("HTTP/1.1 200 "));
    assert!(broker.get("/health/ready").starts_with("HTTP/1.1 200 "));
    let metrics = broker.get("/metrics");
    assert!(metrics.contains("thalweg_topic_received_records_total{topic=\"t\"} 2\n"), "{metrics}");
    let documentation = std::fs::read_to_string(DOCUMENTATION).unwrap();
    let described = documentation.lines().filter_map(|line| line.strip_prefix("| `thalweg_"));
    let described: Vec<&str> = described.filter_map(|line| line.split('`').next()).collect();
    let families = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE thalweg_"));
    let mut families: Vec<String> = families
        .map(|family| {
            family.strip_suffix(" counter").map_or_else(
                || family.split(' ').next().unwrap_or_default().to_owned(),
                |counter| format!("{counter}_total"),
            )
        })
        .collect();
    for family in &families {
        assert!(described.contains(&family.as_str()), "{family} is not in docs/metrics.md");
    }
    families.sort_unstable();
    let missing: Vec<_> = described
        .iter()
        .filter(|name| families.binary_search(&(**name).to_owned()).is_err())
        .collect();
    assert!(missing.is_empty(), "docs/metrics.md describes what is not there: {missing:?}");
}

#[test]
fn a_broker_ends_cleanly_and_its_directory_opens_again() {
    let mut broker = Broker::start("restart");
    broker.try_run(&["produce", "t"], "a\nb\n");
    broker.signal("HUP");
    broker.signal("TERM");
    assert!(broker.process.wait().unwrap().success());
    let mut log = String::new();
    broker.log.read_to_string(&mut log).unwrap();
    assert!(log.contains("no setting has changed"), "{log}");
    let again = Broker::start("restart");
    assert_eq!(again.run(&["consume", "t", "-e"]), "a\nb\n");
    let second = thalweg(&["--data-dir", again.dir.to_str().unwrap()])
        .args(["--kafka-listen=127.0.0.1:0", "--http-listen=127.0.0.1:0"])
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(1), "two brokers on one directory");
}

#[test]
fn a_hangup_has_the_settings_read_again() {
    let file = std::env::temp_dir().join(format!("thalweg-hangup-{}.toml", std::process::id()));
    let write = |text: &str| std::fs::write(&file, text).unwrap();
    write("message.max.bytes = 4000");
    let mut broker = Broker::start_with("hangup", &["--config", file.to_str().unwrap()]);
    write("message.max.bytes = 5000\nnode.id = 7");
    broker.signal("HUP");
    let mut log = String::new();
    while !log.contains("node.id") {
        assert_ne!(broker.log.read_line(&mut log).unwrap(), 0, "{log}");
    }
    assert!(log.contains("ignored until a restart"), "{log}");
    let setting = broker.run(&["config", "get", "message.max.bytes"]);
    assert!(setting.contains("5000"), "{setting}");
    std::fs::remove_file(&file).unwrap();
}

#[test]
fn wrong_usage_is_2_and_failure_is_1() {
    let code = |arguments: &[&str]| thalweg(arguments).output().unwrap().status.code();
    assert_eq!(code(&["--version"]), Some(0));
    assert_eq!(code(&["topic", "explode"]), Some(2));
    assert_eq!(code(&["topic", "alter", "t"]), Some(2));
    assert_eq!(code(&["consume", "t", "--from=yesterday"]), Some(2));
    assert_eq!(code(&["--set", "num.partition=3"]), Some(2));
    assert_eq!(code(&["--kafka-listen", "0.0.0.0:0"]), Some(2));
    let refused = thalweg(&["topic", "list", "--bootstrap=127.0.0.1:1"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let text = String::from_utf8(refused.stderr).unwrap();
    assert!(text.contains("127.0.0.1:1") && text.contains("--bootstrap"), "{text}");
}

#[test]
fn a_sound_directory_verifies_and_a_flipped_bit_is_named() {
    let mut broker = Broker::start("verify");
    let dir = broker.dir.to_str().unwrap().to_owned();
    broker.try_run(&["produce", "t"], "the one and only record\n");
    let open = thalweg(&["verify", &dir]).output().unwrap();
    assert_eq!(open.status.code(), Some(1), "a broker has the directory open");
    broker.signal("TERM");
    assert!(broker.process.wait().unwrap().success());
    let sound = thalweg(&["verify", &dir]).output().unwrap();
    assert!(sound.status.success(), "{}", String::from_utf8_lossy(&sound.stderr));
    let path = broker.dir.join("log").join("00000000000000000001.wal");
    let mut log = std::fs::read(&path).unwrap();
    let at = log.windows(8).position(|window| window == b"the one ").unwrap();
    log[at] ^= 1;
    std::fs::write(&path, log).unwrap();
    let damaged = thalweg(&["verify", &dir, "--json"]).output().unwrap();
    assert_eq!(damaged.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&damaged.stdout).unwrap();
    assert_eq!(report["damage"][0]["file"], path.to_str().unwrap(), "{report}");
    let missing = thalweg(&["verify", "/no/such/directory"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(1));
}
