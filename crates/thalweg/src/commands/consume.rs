//! `thalweg consume`.

mod print;

use std::collections::BTreeMap;
use std::io::{self, BufWriter, IsTerminal, Stdout};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use thalweg_env::{Env, Instant};

use super::position::Position;
use crate::cli::Bootstrap;
use crate::client::group::{HEARTBEAT_INTERVAL, Member};
use crate::client::{At, Client, ClientError, FetchOptions, Fetched, Fetcher, Topic};
use crate::error::Failure;
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use print::Format;

/// How often a group's progress is committed.
const COMMIT_INTERVAL: Duration = Duration::from_secs(5);

/// What to read, and how to print it.
#[derive(Debug, Args)]
pub struct ConsumeArgs {
    /// Topic to read
    topic: String,
    /// Where to start: start, end, an offset, a UTC time such as 2026-05-01T12:00:00Z, or an age
    /// such as 10m. In a group, only where nothing is committed
    #[arg(long, short, value_name = "POSITION", default_value = "start")]
    from: Position,
    /// Read only this partition; may be repeated
    #[arg(long, short, value_name = "NUMBER", conflicts_with = "group")]
    partition: Vec<i32>,
    /// Share the topic with the other members of this group, and commit what was printed
    #[arg(long, short)]
    group: Option<String>,
    /// Stop after this many records
    #[arg(long, short, value_name = "NUMBER")]
    count: Option<u64>,
    /// Stop at what was the end when the command began
    #[arg(long, short = 'e')]
    until_end: bool,
    /// Leave out records of transactions that are open or aborted
    #[arg(long)]
    read_committed: bool,
    #[command(flatten)]
    format: Format,
    #[command(flatten)]
    bootstrap: Bootstrap,
}

/// The state of the command.
struct Consumption<'a> {
    args: &'a ConsumeArgs,
    client: Arc<Client>,
    topic: Topic,
    fetcher: Fetcher,
    member: Option<Member>,
    /// Next offset to print, of the partitions that are being read.
    positions: BTreeMap<i32, i64>,
    committed: BTreeMap<i32, i64>,
    next_commit: Instant,
    /// Ends of the partitions when the command began, if it is to stop there.
    ends: Option<BTreeMap<i32, i64>>,
    left: u64,
    printed: u64,
    out: BufWriter<Stdout>,
    progress: Option<Progress>,
}

/// Runs the command.
pub async fn run(env: &Env, args: &ConsumeArgs) -> Result<(), Failure> {
    let mut interrupt = Interrupt::listen()?;
    let mut consumption = Consumption::start(env, args).await?;
    while !consumption.is_done() {
        tokio::select! {
            outcome = consumption.step() => outcome?,
            () = interrupt.wait() => break,
        }
    }
    consumption.finish().await
}

impl<'a> Consumption<'a> {
    async fn start(env: &Env, args: &'a ConsumeArgs) -> Result<Self, Failure> {
        let client = Arc::new(args.bootstrap.client(env));
        let topic = client.topic(&args.topic).await?;
        let ends = if args.until_end {
            let end = if args.read_committed { At::StableEnd } else { At::End };
            Some(client.offsets(&topic, &all_partitions(&topic), end).await?)
        } else {
            None
        };
        let mut member = None;
        if let Some(group) = &args.group {
            member = Some(Member::connect(&client, group, &args.topic).await?);
        }
        let options =
            FetchOptions { read_committed: args.read_committed, ..FetchOptions::default() };
        let progress = !io::stdout().is_terminal();
        let mut consumption = Self {
            fetcher: Fetcher::new(&client, &args.topic, options),
            member,
            positions: BTreeMap::new(),
            committed: BTreeMap::new(),
            next_commit: env.now() + COMMIT_INTERVAL,
            ends,
            left: args.count.unwrap_or(u64::MAX),
            printed: 0,
            out: BufWriter::with_capacity(64 << 10, io::stdout()),
            progress: progress.then(|| Progress::records(env, args.count)),
            args,
            client,
            topic,
        };
        consumption.assign().await?;
        Ok(consumption)
    }

    /// Begins to read: the partitions that the group gives, or those that were asked for.
    async fn assign(&mut self) -> Result<(), Failure> {
        let partitions = match &mut self.member {
            Some(member) => {
                let partitions = member.join().await?;
                // It may have more partitions than when the command began.
                self.topic = self.client.topic(&self.args.topic).await?;
                partitions
            }
            None if self.args.partition.is_empty() => all_partitions(&self.topic),
            None => self.args.partition.clone(),
        };
        for partition in &partitions {
            self.topic.leader(*partition)?;
        }
        self.committed = self.committed(&partitions).await?;
        let fresh: Vec<i32> =
            partitions.into_iter().filter(|p| !self.committed.contains_key(p)).collect();
        self.positions = self.args.from.resolve(&self.client, &self.topic, &fresh).await?;
        self.positions.extend(&self.committed);
        self.fetcher.assign(self.positions.clone());
        self.drop_finished();
        Ok(())
    }

    async fn committed(&self, partitions: &[i32]) -> Result<BTreeMap<i32, i64>, ClientError> {
        let Some(group) = &self.args.group else { return Ok(BTreeMap::new()) };
        let all = self.client.committed(group).await?;
        let own = |((topic, partition), offset): ((String, i32), i64)| {
            let wanted = topic == self.topic.name && partitions.contains(&partition);
            wanted.then_some((partition, offset))
        };
        Ok(all.into_iter().filter_map(own).collect())
    }

    /// Waits for records and prints them. May be dropped while it waits.
    async fn step(&mut self) -> Result<(), Failure> {
        if let Some(member) = &mut self.member
            && !member.heartbeat().await?
        {
            self.commit().await?;
            return self.assign().await;
        }
        let poll = self.fetcher.poll();
        // Without records there still have to be signs of life.
        let Ok(fetched) = self.client.env().timeout(HEARTBEAT_INTERVAL, poll).await else {
            return Ok(());
        };
        for fetched in fetched? {
            self.print(&fetched)?;
        }
        io::Write::flush(&mut self.out)?;
        self.drop_finished();
        if let Some(progress) = &mut self.progress {
            progress.set(self.printed);
        }
        if self.client.env().now() >= self.next_commit {
            self.commit().await?;
        }
        Ok(())
    }

    fn print(&mut self, fetched: &Fetched) -> Result<(), Failure> {
        let partition = fetched.partition;
        let end = self.ends.as_ref().and_then(|ends| ends.get(&partition)).copied();
        for record in fetched.records() {
            let record = record?;
            if self.left == 0 || end.is_some_and(|end| record.offset.0 >= end) {
                return Ok(());
            }
            self.args.format.write(&mut self.out, &self.topic.name, partition, &record)?;
            self.left -= 1;
            self.printed += 1;
            self.positions.insert(partition, record.offset.0 + 1);
        }
        self.positions.insert(partition, fetched.next);
        Ok(())
    }

    fn drop_finished(&mut self) {
        let Some(ends) = &self.ends else { return };
        for (partition, position) in &self.positions {
            if ends.get(partition).is_none_or(|end| position >= end) {
                self.fetcher.drop_partition(*partition);
            }
        }
    }

    fn is_done(&self) -> bool {
        self.left == 0 || (self.ends.is_some() && self.fetcher.is_idle())
    }

    /// Commits what was printed since the last time.
    async fn commit(&mut self) -> Result<(), Failure> {
        self.next_commit = self.client.env().now() + COMMIT_INTERVAL;
        let Some(member) = &self.member else { return Ok(()) };
        let moved = |(partition, offset): (&i32, &i64)| {
            (self.committed.get(partition) != Some(offset)).then_some((*partition, *offset))
        };
        let offsets: BTreeMap<i32, i64> = self.positions.iter().filter_map(moved).collect();
        match member.commit(&offsets).await {
            Ok(()) => self.committed.extend(offsets),
            // The group moved on without this member; others print these records again.
            Err(error) if error.code().is_some() => tracing::warn!(%error, "not committed"),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    async fn finish(mut self) -> Result<(), Failure> {
        io::Write::flush(&mut self.out)?;
        self.commit().await?;
        if let Some(member) = self.member.take() {
            member.leave().await?;
        }
        if let Some(progress) = self.progress.take() {
            progress.finish();
        }
        Ok(())
    }
}

fn all_partitions(topic: &Topic) -> Vec<i32> {
    topic.partitions.iter().map(|partition| partition.index).collect()
}
