//! `thalweg group`.

use std::collections::{BTreeMap, BTreeSet};

use clap::{Args, Subcommand};
use serde::Serialize;
use thalweg_env::Env;

use super::position::Position;
use crate::cli::Bootstrap;
use crate::client::admin::{GroupDescription, GroupListing, GroupMember};
use crate::client::{At, Client, ClientError};
use crate::error::Failure;
use crate::output::{Row, print_json, print_line, print_rows};

/// The state in which Kafka reports a group that does not exist.
const DEAD: &str = "Dead";

/// What to do with groups.
#[derive(Debug, Subcommand)]
pub enum GroupCommand {
    /// List all groups
    List(ListArgs),
    /// Show what a group has committed, how far it lags, and its members
    Describe(DescribeArgs),
    /// Move what a group without members has committed
    Reset(ResetArgs),
    /// Delete groups without members, and what they have committed
    Delete(DeleteArgs),
}

#[derive(Debug, Args)]
pub struct ListArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    bootstrap: Bootstrap,
}

#[derive(Debug, Args)]
pub struct DescribeArgs {
    /// Name of the group
    group: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    bootstrap: Bootstrap,
}

#[derive(Debug, Args)]
pub struct ResetArgs {
    /// Name of the group
    group: String,
    /// Name of the topic
    topic: String,
    /// Where to: start, end, an offset, a UTC time, or an age such as 10m
    #[arg(long, value_name = "POSITION")]
    to: Position,
    /// Only in this partition; may be repeated
    #[arg(long, value_name = "NUMBER")]
    partition: Vec<i32>,
    /// Show what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    bootstrap: Bootstrap,
}

#[derive(Debug, Args)]
pub struct DeleteArgs {
    /// Names of groups
    #[arg(required = true, value_name = "GROUP")]
    groups: Vec<String>,
    #[command(flatten)]
    bootstrap: Bootstrap,
}

impl Row for GroupListing {
    const TITLES: &'static [&'static str] = &["group", "state", "type", "protocol"];

    fn cells(&self) -> Vec<String> {
        vec![self.group.clone(), self.state.clone(), self.kind.clone(), self.protocol.clone()]
    }
}

impl Row for GroupMember {
    const TITLES: &'static [&'static str] = &["member", "client", "host", "partitions"];

    fn cells(&self) -> Vec<String> {
        let topics = self.partitions.iter();
        let partitions: Vec<String> =
            topics.map(|(topic, partitions)| format!("{topic}{partitions:?}")).collect();
        vec![self.member.clone(), self.client.clone(), self.host.clone(), partitions.join(" ")]
    }
}

#[derive(Serialize)]
struct OffsetRow {
    topic: String,
    partition: i32,
    committed: Option<i64>,
    end: Option<i64>,
    lag: Option<i64>,
    member: Option<String>,
}

impl Row for OffsetRow {
    const TITLES: &'static [&'static str] =
        &["topic", "partition", "committed", "end", "lag", "member"];

    fn cells(&self) -> Vec<String> {
        let number = |number: Option<i64>| number.map_or("-".to_owned(), |n| n.to_string());
        vec![
            self.topic.clone(),
            self.partition.to_string(),
            number(self.committed),
            number(self.end),
            number(self.lag),
            self.member.clone().unwrap_or_else(|| "-".to_owned()),
        ]
    }
}

#[derive(Serialize)]
struct Described {
    #[serde(flatten)]
    group: GroupDescription,
    offsets: Vec<OffsetRow>,
}

#[derive(Serialize)]
struct ResetRow {
    topic: String,
    partition: i32,
    from: Option<i64>,
    to: i64,
}

impl Row for ResetRow {
    const TITLES: &'static [&'static str] = &["topic", "partition", "from", "to"];

    fn cells(&self) -> Vec<String> {
        let from = self.from.map_or("-".to_owned(), |from| from.to_string());
        vec![self.topic.clone(), self.partition.to_string(), from, self.to.to_string()]
    }
}

/// Runs the command.
pub async fn run(env: &Env, command: GroupCommand) -> Result<(), Failure> {
    match command {
        GroupCommand::List(args) => {
            let groups = args.bootstrap.client(env).groups().await?;
            Ok(print_rows(args.json, &groups)?)
        }
        GroupCommand::Describe(args) => describe(&args.bootstrap.client(env), &args).await,
        GroupCommand::Reset(args) => reset(&args.bootstrap.client(env), &args).await,
        GroupCommand::Delete(args) => delete(&args.bootstrap.client(env), &args).await,
    }
}

async fn describe(client: &Client, args: &DescribeArgs) -> Result<(), Failure> {
    let group = client.describe_group(&args.group).await?;
    let committed = client.committed(&args.group).await?;
    if group.state == DEAD && committed.is_empty() {
        return Err(no_group(&args.group));
    }
    let offsets = offset_rows(client, &group.members, &committed).await?;
    if args.json {
        return Ok(print_json(&Described { group, offsets })?);
    }
    print_line(false, &format!("{}  {}  {}", group.group, group.state, group.assignor))?;
    print_rows(false, &offsets)?;
    if !group.members.is_empty() {
        print_line(false, "")?;
        print_rows(false, &group.members)?;
    }
    Ok(())
}

fn no_group(group: &str) -> Failure {
    Failure::Failed(format!("group '{group}' does not exist; `thalweg group list` shows all"))
}

/// A row for each partition that is committed or assigned.
async fn offset_rows(
    client: &Client,
    members: &[GroupMember],
    committed: &BTreeMap<(String, i32), i64>,
) -> Result<Vec<OffsetRow>, ClientError> {
    let mut owners: BTreeMap<(String, i32), &str> = BTreeMap::new();
    for member in members {
        for (topic, partitions) in &member.partitions {
            let places = partitions.iter().map(|partition| (topic.clone(), *partition));
            owners.extend(places.map(|place| (place, member.member.as_str())));
        }
    }
    let places: BTreeSet<&(String, i32)> = committed.keys().chain(owners.keys()).collect();
    let topics: BTreeSet<&String> = places.iter().map(|(topic, _)| topic).collect();
    let mut ends = BTreeMap::new();
    for name in topics {
        // What a group has committed may outlive the topic.
        let topic = match client.topic(name).await {
            Err(ClientError::NoTopic(_)) => continue,
            topic => topic?,
        };
        let partitions: Vec<i32> = topic.partitions.iter().map(|p| p.index).collect();
        let found = client.offsets(&topic, &partitions, At::End).await?;
        ends.extend(found.into_iter().map(|(partition, end)| ((name.clone(), partition), end)));
    }
    let rows = places.into_iter().map(|place| {
        let (committed, end) = (committed.get(place).copied(), ends.get(place).copied());
        OffsetRow {
            topic: place.0.clone(),
            partition: place.1,
            committed,
            end,
            lag: end.zip(committed).map(|(end, committed)| (end - committed).max(0)),
            member: owners.get(place).map(|member| (*member).to_owned()),
        }
    });
    Ok(rows.collect())
}

async fn reset(client: &Client, args: &ResetArgs) -> Result<(), Failure> {
    let members = client.describe_group(&args.group).await?.members.len();
    if members > 0 {
        return Err(Failure::Failed(format!(
            "group '{}' has {members} members; stop its consumers first",
            args.group
        )));
    }
    let topic = client.topic(&args.topic).await?;
    let mut partitions = args.partition.clone();
    if partitions.is_empty() {
        partitions = topic.partitions.iter().map(|partition| partition.index).collect();
    }
    for partition in &partitions {
        topic.leader(*partition)?;
    }
    let committed = client.committed(&args.group).await?;
    let target = args.to.resolve(client, &topic, &partitions).await?;
    if !args.dry_run {
        client.set_committed(&args.group, &args.topic, &target).await?;
    }
    let rows: Vec<ResetRow> = target
        .into_iter()
        .map(|(partition, to)| ResetRow {
            topic: args.topic.clone(),
            partition,
            from: committed.get(&(args.topic.clone(), partition)).copied(),
            to,
        })
        .collect();
    Ok(print_rows(args.json, &rows)?)
}

async fn delete(client: &Client, args: &DeleteArgs) -> Result<(), Failure> {
    for group in &args.groups {
        client.delete_group(group).await?;
        print_line(false, &format!("deleted group '{group}'"))?;
    }
    Ok(())
}
