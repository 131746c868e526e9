//! Reading and changing configurations.

use serde::Serialize;
use thalweg_kafka_wire::messages::describe_configs_request::DescribeConfigsResource;
use thalweg_kafka_wire::messages::describe_configs_response::DescribeConfigsResourceResult;
use thalweg_kafka_wire::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig,
};
use thalweg_kafka_wire::messages::{DescribeConfigsRequest, IncrementalAlterConfigsRequest};

use std::sync::Arc;

use crate::client::connection::Connection;
use crate::client::{Client, ClientError};

/// What has a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigResource {
    /// A topic.
    Topic(String),
    /// One broker.
    Broker(i32),
    /// All brokers that set nothing of their own.
    AllBrokers,
    /// A group.
    Group(String),
}

impl ConfigResource {
    /// The number of the type on the wire (KIP-133, KIP-848).
    const fn code(&self) -> i8 {
        match self {
            Self::Topic(_) => 2,
            Self::Broker(_) | Self::AllBrokers => 4,
            Self::Group(_) => 32,
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Topic(name) | Self::Group(name) => name.clone(),
            Self::Broker(id) => id.to_string(),
            Self::AllBrokers => String::new(),
        }
    }
}

impl std::fmt::Display for ConfigResource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Topic(name) => write!(f, "topic '{name}'"),
            Self::Broker(id) => write!(f, "broker {id}"),
            Self::AllBrokers => write!(f, "all brokers"),
            Self::Group(name) => write!(f, "group '{name}'"),
        }
    }
}

/// One setting as a broker reports it.
#[derive(Clone, Debug, Serialize)]
pub struct ConfigValue {
    /// The setting's name.
    pub name: String,
    /// The value; `None` where there is none, or where it is not shown.
    pub value: Option<String>,
    /// Where the value comes from, in words.
    pub source: &'static str,
    /// True if it cannot be changed while the broker runs.
    pub read_only: bool,
    /// True if the value is not shown.
    pub sensitive: bool,
    /// What it is for, if the broker says so.
    pub documentation: Option<String>,
}

impl From<DescribeConfigsResourceResult> for ConfigValue {
    fn from(config: DescribeConfigsResourceResult) -> Self {
        Self {
            name: config.name,
            value: config.value,
            source: source_name(config.config_source),
            read_only: config.read_only,
            sensitive: config.is_sensitive,
            documentation: config.documentation.filter(|text| !text.is_empty()),
        }
    }
}

/// A change of one setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigChange {
    /// The setting's name.
    pub name: String,
    /// The new value; `None` returns to the default.
    pub value: Option<String>,
}

impl Client {
    /// The settings of a resource; only those named, if any are.
    pub async fn describe_configs(
        &self,
        resource: &ConfigResource,
        names: &[String],
    ) -> Result<Vec<ConfigValue>, ClientError> {
        self.retry(async || {
            let request = DescribeConfigsRequest {
                resources: vec![DescribeConfigsResource {
                    resource_type: resource.code(),
                    resource_name: resource.name(),
                    configuration_keys: (!names.is_empty()).then(|| names.to_vec()),
                }],
                include_synonyms: false,
                include_documentation: true,
            };
            let response = self.broker_for(resource).await?.call(&request).await?;
            let mut configs = Vec::new();
            for result in response.results {
                ClientError::check(result.error_code, result.error_message, || {
                    format!("cannot read the configuration of {resource}")
                })?;
                configs.extend(result.configs.into_iter().map(ConfigValue::from));
            }
            configs.sort_by(|a: &ConfigValue, b| a.name.cmp(&b.name));
            Ok(configs)
        })
        .await
    }

    /// Changes settings of a resource: all of them, or none (KIP-339).
    pub async fn alter_configs(
        &self,
        resource: &ConfigResource,
        changes: &[ConfigChange],
    ) -> Result<(), ClientError> {
        const SET: i8 = 0;
        const DELETE: i8 = 1;
        self.retry(async || {
            let configs = changes.iter().map(|change| AlterableConfig {
                name: change.name.clone(),
                config_operation: if change.value.is_some() { SET } else { DELETE },
                value: change.value.clone(),
            });
            let request = IncrementalAlterConfigsRequest {
                resources: vec![AlterConfigsResource {
                    resource_type: resource.code(),
                    resource_name: resource.name(),
                    configs: configs.collect(),
                }],
                validate_only: false,
            };
            let response = self.broker_for(resource).await?.call(&request).await?;
            response.responses.into_iter().try_for_each(|result| {
                ClientError::check(result.error_code, result.error_message, || {
                    format!("cannot change the configuration of {resource}")
                })
            })
        })
        .await
    }

    /// Only a broker itself knows and changes its own settings.
    async fn broker_for(&self, resource: &ConfigResource) -> Result<Arc<Connection>, ClientError> {
        match resource {
            ConfigResource::Broker(id) => self.broker(*id).await,
            _ => self.any_broker().await,
        }
    }
}

/// `DescribeConfigsResponse.ConfigSource` in words.
const fn source_name(code: i8) -> &'static str {
    match code {
        1 => "topic",
        2 => "broker",
        3 => "all brokers",
        4 => "file or flag",
        5 => "default",
        6 => "logger",
        7 => "client metrics",
        8 => "group",
        _ => "unknown",
    }
}
