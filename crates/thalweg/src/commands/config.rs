//! `thalweg config`.

use clap::{Args, Subcommand};
use thalweg_env::Env;

use crate::cli::{Bootstrap, assignment};
use crate::client::Client;
use crate::client::admin::{ConfigChange, ConfigResource, ConfigValue};
use crate::error::Failure;
use crate::output::{Row, print_line, print_rows};

/// What to do with configurations.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Show settings: values, where they come from, whether they can change
    Get(GetArgs),
    /// Change settings while the broker runs; the change survives a restart
    Set(SetArgs),
}

#[derive(Debug, Args)]
#[group(multiple = false)]
pub struct ResourceArgs {
    /// Of this topic
    #[arg(long)]
    topic: Option<String>,
    /// Of the broker with this number
    #[arg(long, value_name = "ID")]
    broker: Option<i32>,
    /// Of all brokers together
    #[arg(long)]
    all_brokers: bool,
    /// Of this group
    #[arg(long)]
    group: Option<String>,
}

#[derive(Debug, Args)]
pub struct GetArgs {
    /// Names of settings; all if none is given
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    resource: ResourceArgs,
    /// Show only what differs from the defaults
    #[arg(long)]
    changed: bool,
    /// Print JSON, with documentation
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    bootstrap: Bootstrap,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("change").required(true).multiple(true))]
pub struct SetArgs {
    /// Settings and their new values
    #[arg(group = "change", value_name = "NAME=VALUE", value_parser = assignment)]
    set: Vec<(String, String)>,
    /// A setting to return to its default
    #[arg(long, group = "change", value_name = "NAME")]
    unset: Vec<String>,
    #[command(flatten)]
    resource: ResourceArgs,
    #[command(flatten)]
    bootstrap: Bootstrap,
}

impl Row for ConfigValue {
    const TITLES: &'static [&'static str] = &["name", "value", "source", "changes"];

    fn cells(&self) -> Vec<String> {
        let value = match (&self.value, self.sensitive) {
            (_, true) => "(hidden)",
            (None, _) => "(none)",
            (Some(value), _) => value,
        };
        let changes = if self.read_only { "with a restart" } else { "while running" };
        vec![self.name.clone(), value.to_owned(), self.source.to_owned(), changes.to_owned()]
    }
}

impl ResourceArgs {
    /// The resource that was named; without one, the broker if there is only one.
    async fn resolve(&self, client: &Client) -> Result<ConfigResource, Failure> {
        if let Some(topic) = &self.topic {
            return Ok(ConfigResource::Topic(topic.clone()));
        }
        if let Some(group) = &self.group {
            return Ok(ConfigResource::Group(group.clone()));
        }
        if self.all_brokers {
            return Ok(ConfigResource::AllBrokers);
        }
        if let Some(id) = self.broker {
            return Ok(ConfigResource::Broker(id));
        }
        match client.broker_ids().await?.as_slice() {
            [id] => Ok(ConfigResource::Broker(*id)),
            ids => Err(Failure::Usage(format!(
                "there are {} brokers; name one with --broker, or say --all-brokers",
                ids.len()
            ))),
        }
    }
}

/// The changes that two lists of flags ask for.
pub(super) fn changes(set: &[(String, String)], unset: &[String]) -> Vec<ConfigChange> {
    let set = set
        .iter()
        .map(|(name, value)| ConfigChange { name: name.clone(), value: Some(value.clone()) });
    let unset = unset.iter().map(|name| ConfigChange { name: name.clone(), value: None });
    set.chain(unset).collect()
}

/// Runs the command.
pub async fn run(env: &Env, command: ConfigCommand) -> Result<(), Failure> {
    match command {
        ConfigCommand::Get(args) => get(&args.bootstrap.client(env), &args).await,
        ConfigCommand::Set(args) => set(&args.bootstrap.client(env), &args).await,
    }
}

async fn get(client: &Client, args: &GetArgs) -> Result<(), Failure> {
    let resource = args.resource.resolve(client).await?;
    let mut configs = client.describe_configs(&resource, &args.names).await?;
    if let Some(name) = args.names.iter().find(|name| configs.iter().all(|c| c.name != **name)) {
        return Err(Failure::Failed(format!("{resource} has no setting '{name}'")));
    }
    configs.retain(|config| !args.changed || config.source != "default");
    Ok(print_rows(args.json, &configs)?)
}

async fn set(client: &Client, args: &SetArgs) -> Result<(), Failure> {
    let resource = args.resource.resolve(client).await?;
    client.alter_configs(&resource, &changes(&args.set, &args.unset)).await?;
    Ok(print_line(false, &format!("changed the configuration of {resource}"))?)
}
