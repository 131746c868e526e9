//! Listing, describing and deleting groups.

use std::collections::BTreeMap;

use serde::Serialize;
use thalweg_kafka_wire::messages::describe_groups_response::DescribedGroupMember;
use thalweg_kafka_wire::messages::{
    ConsumerProtocolAssignment, DeleteGroupsRequest, DescribeGroupsRequest, ListGroupsRequest,
};
use thalweg_kafka_wire::{ErrorCode, decode_versioned};

use crate::client::{Client, ClientError};

/// A group in a list.
#[derive(Clone, Debug, Serialize)]
pub struct GroupListing {
    /// The group's name.
    pub group: String,
    /// Its state, in Kafka's words.
    pub state: String,
    /// `classic`, `consumer`, …; empty where the broker is too old to say.
    #[serde(rename = "type")]
    pub kind: String,
    /// What its members agree on, mostly `consumer`.
    pub protocol: String,
}

/// A group and its members.
#[derive(Clone, Debug, Serialize)]
pub struct GroupDescription {
    /// The group's name.
    pub group: String,
    /// Its state, in Kafka's words.
    pub state: String,
    /// How partitions are assigned.
    pub assignor: String,
    /// The members.
    pub members: Vec<GroupMember>,
}

/// A member of a group.
#[derive(Clone, Debug, Serialize)]
pub struct GroupMember {
    /// The id that the coordinator gave it.
    pub member: String,
    /// How its client calls itself.
    pub client: String,
    /// Where it connects from.
    pub host: String,
    /// Its partitions, by topic.
    pub partitions: BTreeMap<String, Vec<i32>>,
}

impl From<DescribedGroupMember> for GroupMember {
    fn from(member: DescribedGroupMember) -> Self {
        // Groups of other kinds than consumers put something else there.
        let assignment: ConsumerProtocolAssignment =
            decode_versioned(&member.member_assignment).unwrap_or_default();
        let topics = assignment.assigned_partitions.into_iter();
        Self {
            member: member.member_id,
            client: member.client_id,
            host: member.client_host,
            partitions: topics.map(|assigned| (assigned.topic, assigned.partitions)).collect(),
        }
    }
}

impl Client {
    /// All groups of all brokers, sorted by name.
    pub async fn groups(&self) -> Result<Vec<GroupListing>, ClientError> {
        let mut groups = Vec::new();
        for broker in self.broker_ids().await? {
            groups.extend(self.retry(async || self.groups_of(broker).await).await?);
        }
        groups.sort_by(|a: &GroupListing, b| a.group.cmp(&b.group));
        Ok(groups)
    }

    async fn groups_of(&self, broker: i32) -> Result<Vec<GroupListing>, ClientError> {
        let response = self.broker(broker).await?.call(&ListGroupsRequest::default()).await?;
        ClientError::check(response.error_code, None, || "cannot list groups".to_owned())?;
        let groups = response.groups.into_iter();
        Ok(groups
            .map(|group| GroupListing {
                group: group.group_id,
                state: group.group_state,
                kind: group.group_type,
                protocol: group.protocol_type,
            })
            .collect())
    }

    /// A group with its members. One that does not exist is `Dead`, as Kafka has it.
    pub async fn describe_group(&self, group: &str) -> Result<GroupDescription, ClientError> {
        self.retry(async || {
            let request =
                DescribeGroupsRequest { groups: vec![group.to_owned()], ..Default::default() };
            let response = self.coordinator(group).await?.call(&request).await?;
            let what = || format!("cannot describe group '{group}'");
            let described = response.groups.into_iter().next().ok_or_else(|| {
                ClientError::refused(what(), ErrorCode::GroupIdNotFound.code(), None)
            })?;
            ClientError::check(described.error_code, described.error_message, what)?;
            Ok(GroupDescription {
                group: described.group_id,
                state: described.group_state,
                assignor: described.protocol_data,
                members: described.members.into_iter().map(GroupMember::from).collect(),
            })
        })
        .await
    }

    /// Deletes a group without members, and what it has committed.
    pub async fn delete_group(&self, group: &str) -> Result<(), ClientError> {
        self.retry(async || {
            let request = DeleteGroupsRequest { groups_names: vec![group.to_owned()] };
            let response = self.coordinator(group).await?.call(&request).await?;
            response.results.into_iter().try_for_each(|result| {
                ClientError::check(result.error_code, result.error_message, || {
                    format!("cannot delete group '{group}'")
                })
            })
        })
        .await
    }
}
