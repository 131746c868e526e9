//! How the process behaves towards those who run it: refusals in words, exit codes, signals.

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use rustix::process::Signal;

use crate::admin;
use crate::connection::Connection;
use crate::coverage;
use crate::failure::Failure;
use crate::online;
use crate::process::{Launch, get};
use crate::stage::{Progress, Stage, in_short};
use crate::workload::Workload;

const POLL: Duration = Duration::from_millis(20);
const POLLS_MAX: u32 = 500;
/// File descriptors in which a broker has to get along.
const DESCRIPTORS: u32 = 64;
const CONNECTIONS: usize = 200;

/// What was checked, and what was wrong.
struct Checks {
    stage: Stage,
    passed: u32,
    findings: Vec<String>,
}

/// Runs the test; true if nothing is wrong.
pub async fn run(stage: &Stage) -> Result<bool, Failure> {
    let progress = Progress::new();
    let mut checks = Checks { stage: stage.clone(), passed: 0, findings: Vec::new() };
    checks.wrong_usage()?;
    checks.one_process_a_directory().await?;
    checks.port_zero().await?;
    checks.clean_end().await?;
    checks.reload().await?;
    checks.few_descriptors().await?;
    println!("{}", in_short(&checks.findings));
    println!(
        "summary: behaviour: {} checks passed, {} failed, {} s",
        checks.passed,
        checks.findings.len(),
        progress.seconds()
    );
    Ok(checks.findings.is_empty())
}

impl Checks {
    fn check(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if holds {
            self.passed += 1;
        } else {
            self.findings.push(what());
        }
    }

    fn launch(&self, name: &str) -> Result<Launch, Failure> {
        let dir = self.stage.fresh_dir(&format!("behaviour-{name}"))?;
        self.stage.launch(&dir)
    }

    /// Wrong settings end with 2 before anything is touched, and say what to do.
    fn wrong_usage(&mut self) -> Result<(), Failure> {
        let launch = self.launch("usage")?;
        let data = launch.data_dir.display().to_string();
        for (arguments, word) in [
            (&["--set", "num.partitoins=3"][..], "num.partitions"),
            (&["--set", "num.partitions=many"], "num.partitions"),
            (&["--set", "disk.free.min.bytes=-1"], "disk.free.min.bytes"),
            (&["--set", "authorizer.class.name=x"], "authorizer.class.name"),
            (&["--kafka-listen", "0.0.0.0:0"], "--kafka-advertise"),
            (&["--kafka-listen", "[::]:0"], "--kafka-advertise"),
            (&["--no-such-flag"], "--no-such-flag"),
        ] {
            let mut all = vec!["--data-dir", &data, "--http-listen", "127.0.0.1:0"];
            all.extend(arguments);
            let output = self.run(&all)?;
            let said = text(&output);
            self.check(output.status.code() == Some(2), || {
                format!("{arguments:?} ended with {}, not 2: {said}", output.status)
            });
            self.check(said.contains(word), || {
                format!("{arguments:?} does not name {word}: {said}")
            });
        }
        let output = self.run(&["--version"])?;
        self.check(output.status.code() == Some(0), || format!("--version: {}", output.status));
        let nowhere = ["topic", "list", "--bootstrap", "127.0.0.1:1"];
        let output = self.run(&nowhere)?;
        self.check(output.status.code() == Some(1), || format!("{nowhere:?}: {}", output.status));
        Ok(())
    }

    /// A second process on the same directory is refused and does no harm.
    async fn one_process_a_directory(&mut self) -> Result<(), Failure> {
        let launch = self.launch("twice")?;
        let mut broker = launch.start().await?;
        let mut second = launch.spawn()?;
        let status = second.wait().await?;
        self.check(status.code() == Some(1), || format!("the second process: {status}"));
        let said = second.lines().join("\n");
        self.check(said.contains("in use"), || format!("the second process says: {said}"));
        let reached = online::read(broker.kafka).await;
        self.check(reached.is_ok(), || format!("the first process after that: {reached:?}"));
        broker.terminate().await?;
        Ok(())
    }

    /// Port 0 takes a free port, and says which.
    async fn port_zero(&mut self) -> Result<(), Failure> {
        let mut launch = self.launch("port")?;
        launch.kafka = Some("127.0.0.1:0".into());
        let mut broker = launch.start().await?;
        let lines = broker.lines();
        let line = lines.iter().find_map(|line| line.strip_prefix("kafka"));
        let address = line.map(str::trim).unwrap_or_default().to_owned();
        let reached = TcpStream::connect(&address);
        self.check(reached.is_ok(), || format!("port 0: {reached:?} at {address:?}"));
        broker.terminate().await?;
        Ok(())
    }

    /// SIGTERM leaves a directory in which nothing is wrong and nothing is to be replayed.
    async fn clean_end(&mut self) -> Result<(), Failure> {
        let launch = self.launch("end")?;
        let mut broker = launch.start().await?;
        let mut workload = Workload::new(self.stage.seed);
        workload.prepare(broker.kafka).await?;
        let running = workload.start(broker.kafka);
        workload.wait_for(500).await?;
        let status = broker.terminate().await?;
        self.check(status.success(), || format!("SIGTERM under load: {status}"));
        workload.take_back(running).await?;
        workload.crashed()?;
        let output = self.run(&["verify", &launch.data_dir.display().to_string()])?;
        let said = text(&output);
        self.check(output.status.success(), || format!("verify: {}: {said}", output.status));
        let mut broker = launch.start().await?;
        let replayed =
            coverage::sum(&broker.metrics().await?, "thalweg_log_replayed_chunks") as u64;
        self.check(replayed == 0, || format!("{replayed} chunks replayed after SIGTERM"));
        workload.settle(broker.kafka).await?;
        workload.audit_whole(broker.kafka).await?;
        broker.terminate().await?;
        let outcome = workload.finish();
        self.check(outcome.is_clean(), || format!("after SIGTERM: {outcome}"));
        Ok(())
    }

    /// SIGHUP reads the file again, and keeps what was if the file is wrong.
    async fn reload(&mut self) -> Result<(), Failure> {
        let mut launch = self.launch("reload")?;
        let file = launch.log.with_file_name("thalweg.toml");
        write(&file, "\"logging.level\" = \"info\"\n")?;
        launch.config = Some(file.clone());
        let mut broker = launch.start().await?;
        write(&file, "\"logging.level\" = \"debug\"\n")?;
        broker.signal(Signal::HUP)?;
        let mut polls = 0;
        while !broker.has_line("logging.level") && polls < POLLS_MAX {
            polls += 1;
            tokio::time::sleep(POLL).await;
        }
        self.check(polls < POLLS_MAX, || "SIGHUP: nothing is said of logging.level".into());
        write(&file, "nonsense")?;
        broker.signal(Signal::HUP)?;
        let alive = get(broker.http, "/health/live").await;
        self.check(alive.is_ok(), || format!("SIGHUP with a wrong file: {alive:?}"));
        let status = broker.terminate().await?;
        self.check(status.success(), || format!("SIGTERM after SIGHUP: {status}"));
        Ok(())
    }

    /// Out of descriptors the broker lives, and serves again when there are some.
    async fn few_descriptors(&mut self) -> Result<(), Failure> {
        let mut launch = self.launch("descriptors")?;
        launch.descriptors = Some(DESCRIPTORS);
        let mut broker = launch.start().await?;
        self.check(broker.has_line("descriptors"), || "few descriptors are not mentioned".into());
        let crowd = crowd(broker.kafka).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let alive = broker.try_wait()?.is_none();
        self.check(alive, || "out of descriptors the broker ended".into());
        drop(crowd);
        let mut polls = 0;
        let created = loop {
            let created = create_topic(&broker).await;
            if created.is_ok() || polls == POLLS_MAX {
                break created;
            }
            polls += 1;
            tokio::time::sleep(POLL).await;
        };
        self.check(created.is_ok(), || format!("after the crowd has gone: {created:?}"));
        let status = broker.terminate().await?;
        self.check(status.success(), || format!("SIGTERM after the crowd: {status}"));
        self.check(broker.panic_line().is_none(), || format!("{:?}", broker.panic_line()));
        Ok(())
    }

    fn run(&self, arguments: &[&str]) -> Result<Output, Failure> {
        let mut command = Command::new(&self.stage.binary);
        command.args(arguments).stdin(Stdio::null());
        command.output().map_err(Failure::io("running the binary"))
    }
}

/// As many connections as come about.
async fn crowd(address: SocketAddr) -> Vec<tokio::net::TcpStream> {
    let connect = || tokio::net::TcpStream::connect(address);
    let attempts = (0..CONNECTIONS)
        .map(|_| tokio::spawn(tokio::time::timeout(Duration::from_secs(1), connect())));
    let attempts: Vec<_> = attempts.collect();
    let mut crowd = Vec::new();
    for attempt in attempts {
        crowd.extend(attempt.await.ok().and_then(Result::ok).and_then(Result::ok));
    }
    crowd
}

async fn create_topic(broker: &crate::process::Process) -> Result<(), Failure> {
    let mut connection = Connection::open(broker.kafka).await?;
    let name = format!("t{}", std::process::id());
    admin::create_topic(&mut connection, &name, 1, &[]).await
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(Failure::io(format!("writing {}", path.display())))
}

fn text(output: &Output) -> String {
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    text
}
