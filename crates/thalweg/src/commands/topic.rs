//! `thalweg topic`.

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use serde::Serialize;
use thalweg_env::Env;
use thalweg_kafka_wire::ErrorCode;

use super::config::changes;
use crate::cli::{Bootstrap, assignment};
use crate::client::admin::{ConfigResource, ConfigValue, NewTopic};
use crate::client::{At, Client, ClientError, Topic};
use crate::error::Failure;
use crate::output::{Row, print_json, print_line, print_rows};

/// What to do with topics.
#[derive(Debug, Subcommand)]
pub enum TopicCommand {
    /// Create a topic
    Create(CreateArgs),
    /// List all topics
    List(ListArgs),
    /// Show partitions, offsets and settings of topics
    Describe(DescribeArgs),
    /// Add partitions, or change settings
    Alter(AlterArgs),
    /// Delete topics with their records
    Delete(DeleteArgs),
}

#[derive(Debug, Args)]
pub struct CreateArgs {
    /// Name of the topic
    topic: String,
    /// Number of partitions; the broker's num.partitions if not given
    #[arg(long, short, value_parser = clap::value_parser!(i32).range(1..))]
    partitions: Option<i32>,
    /// Number of copies; the broker's default.replication.factor if not given
    #[arg(long, value_parser = clap::value_parser!(i16).range(1..))]
    replication_factor: Option<i16>,
    /// A setting of the topic, such as retention.ms=3600000
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    set: Vec<(String, String)>,
    /// Succeed if the topic exists already
    #[arg(long)]
    if_not_exists: bool,
    #[command(flatten)]
    bootstrap: Bootstrap,
}

#[derive(Debug, Args)]
pub struct ListArgs {
    /// Include the topics that brokers keep for themselves
    #[arg(long)]
    internal: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    bootstrap: Bootstrap,
}

#[derive(Debug, Args)]
pub struct DescribeArgs {
    /// Names of topics
    #[arg(required = true, value_name = "TOPIC")]
    topics: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    bootstrap: Bootstrap,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("change").required(true).multiple(true))]
pub struct AlterArgs {
    /// Name of the topic
    topic: String,
    /// New number of partitions, more than there are
    #[arg(long, short, group = "change", value_parser = clap::value_parser!(i32).range(1..))]
    partitions: Option<i32>,
    /// A setting to change, such as retention.ms=3600000
    #[arg(long, group = "change", value_name = "NAME=VALUE", value_parser = assignment)]
    set: Vec<(String, String)>,
    /// A setting to return to its default
    #[arg(long, group = "change", value_name = "NAME")]
    unset: Vec<String>,
    #[command(flatten)]
    bootstrap: Bootstrap,
}

#[derive(Debug, Args)]
pub struct DeleteArgs {
    /// Names of topics
    #[arg(required = true, value_name = "TOPIC")]
    topics: Vec<String>,
    #[command(flatten)]
    bootstrap: Bootstrap,
}

#[derive(Serialize)]
struct TopicRow {
    topic: String,
    partitions: usize,
    replication_factor: usize,
    internal: bool,
    id: String,
}

impl From<Topic> for TopicRow {
    fn from(topic: Topic) -> Self {
        let replicas = topic.partitions.first().map_or(0, |partition| partition.replicas.len());
        Self {
            topic: topic.name,
            partitions: topic.partitions.len(),
            replication_factor: replicas,
            internal: topic.internal,
            id: topic.id.to_string(),
        }
    }
}

impl Row for TopicRow {
    const TITLES: &'static [&'static str] = &["topic", "partitions", "replication", "id"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.topic.clone(),
            self.partitions.to_string(),
            self.replication_factor.to_string(),
            self.id.clone(),
        ]
    }
}

#[derive(Serialize)]
struct TopicDescription {
    topic: String,
    id: String,
    internal: bool,
    partitions: Vec<PartitionRow>,
    /// What differs from the defaults.
    settings: BTreeMap<String, Option<String>>,
}

#[derive(Serialize)]
struct PartitionRow {
    partition: i32,
    leader: Option<i32>,
    replicas: Vec<i32>,
    in_sync: Vec<i32>,
    start: Option<i64>,
    end: Option<i64>,
}

impl Row for PartitionRow {
    const TITLES: &'static [&'static str] =
        &["partition", "leader", "replicas", "in sync", "start", "end", "records"];

    fn cells(&self) -> Vec<String> {
        let number = |number: Option<i64>| number.map_or("-".to_owned(), |n| n.to_string());
        vec![
            self.partition.to_string(),
            number(self.leader.map(i64::from)),
            join(&self.replicas),
            join(&self.in_sync),
            number(self.start),
            number(self.end),
            number(self.start.zip(self.end).map(|(start, end)| end - start)),
        ]
    }
}

fn join(numbers: &[i32]) -> String {
    numbers.iter().map(i32::to_string).collect::<Vec<_>>().join(",")
}

/// Runs the command.
pub async fn run(env: &Env, command: TopicCommand) -> Result<(), Failure> {
    match command {
        TopicCommand::Create(args) => create(&args.bootstrap.client(env), args).await,
        TopicCommand::List(args) => list(&args.bootstrap.client(env), &args).await,
        TopicCommand::Describe(args) => describe(&args.bootstrap.client(env), &args).await,
        TopicCommand::Alter(args) => alter(&args.bootstrap.client(env), &args).await,
        TopicCommand::Delete(args) => delete(&args.bootstrap.client(env), &args).await,
    }
}

async fn create(client: &Client, args: CreateArgs) -> Result<(), Failure> {
    let topic = NewTopic {
        name: args.topic,
        partitions: args.partitions,
        replication_factor: args.replication_factor,
        configs: args.set,
    };
    match client.create_topic(&topic).await {
        Err(error) if args.if_not_exists && error.code() == Some(ErrorCode::TopicAlreadyExists) => {
            print_line(false, &format!("topic '{}' exists already", topic.name))?;
        }
        outcome => {
            outcome?;
            print_line(false, &format!("created topic '{}'", topic.name))?;
        }
    }
    Ok(())
}

async fn list(client: &Client, args: &ListArgs) -> Result<(), Failure> {
    let topics = client.topics().await?.into_iter();
    let shown = topics.filter(|topic| args.internal || !topic.internal);
    let rows: Vec<TopicRow> = shown.map(TopicRow::from).collect();
    Ok(print_rows(args.json, &rows)?)
}

async fn describe(client: &Client, args: &DescribeArgs) -> Result<(), Failure> {
    let mut descriptions = Vec::new();
    for name in &args.topics {
        descriptions.push(describe_one(client, name).await?);
    }
    if args.json {
        return Ok(print_json(&descriptions)?);
    }
    for description in &descriptions {
        print_line(false, &format!("{}  {}", description.topic, description.id))?;
        for (name, value) in &description.settings {
            print_line(false, &format!("  {name} = {}", value.as_deref().unwrap_or("(none)")))?;
        }
        print_rows(false, &description.partitions)?;
    }
    Ok(())
}

async fn describe_one(client: &Client, name: &str) -> Result<TopicDescription, ClientError> {
    let topic = client.topic(name).await?;
    let served: Vec<i32> =
        topic.partitions.iter().filter(|p| p.leader.is_some()).map(|p| p.index).collect();
    let starts = client.offsets(&topic, &served, At::Start).await?;
    let ends = client.offsets(&topic, &served, At::End).await?;
    let configs = client.describe_configs(&ConfigResource::Topic(name.to_owned()), &[]).await?;
    let partitions = topic.partitions.into_iter().map(|partition| PartitionRow {
        start: starts.get(&partition.index).copied(),
        end: ends.get(&partition.index).copied(),
        partition: partition.index,
        leader: partition.leader,
        replicas: partition.replicas,
        in_sync: partition.in_sync,
    });
    let own = configs.into_iter().filter(|config| config.source == "topic");
    Ok(TopicDescription {
        topic: topic.name,
        id: topic.id.to_string(),
        internal: topic.internal,
        partitions: partitions.collect(),
        settings: own.map(|ConfigValue { name, value, .. }| (name, value)).collect(),
    })
}

async fn alter(client: &Client, args: &AlterArgs) -> Result<(), Failure> {
    let changes = changes(&args.set, &args.unset);
    if !changes.is_empty() {
        let resource = ConfigResource::Topic(args.topic.clone());
        client.alter_configs(&resource, &changes).await?;
    }
    if let Some(partitions) = args.partitions {
        client.create_partitions(&args.topic, partitions).await?;
    }
    Ok(print_line(false, &format!("altered topic '{}'", args.topic))?)
}

async fn delete(client: &Client, args: &DeleteArgs) -> Result<(), Failure> {
    for topic in &args.topics {
        client.delete_topic(topic).await?;
        print_line(false, &format!("deleted topic '{topic}'"))?;
    }
    Ok(())
}
