//! How far groups are behind.

use thalweg_groups::{GroupId, ListGroups, OffsetFetch};
use thalweg_types::{Offset, TopicName};

use crate::{Broker, TopicKey};

/// How far a group is behind on a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupLag {
    /// The group.
    pub group_id: GroupId,
    /// The topic.
    pub topic: TopicName,
    /// The partition.
    pub partition: i32,
    /// The next offset that the group will read.
    pub committed: Offset,
    /// One past the last durable offset of the partition.
    pub end: Offset,
}

impl GroupLag {
    /// Records that the group has not read yet, as offsets count them.
    pub fn records(&self) -> i64 {
        self.end.since(self.committed).max(0)
    }
}

impl Broker {
    /// The lag of every group on every partition that it has committed and that exists, at most
    /// `limit` of them. Groups whose coordinator cannot answer are left out.
    pub async fn group_lags(&self, limit: usize) -> Vec<GroupLag> {
        let mut lags = Vec::new();
        for group in self.all_groups(ListGroups::default()).await.groups {
            if lags.len() >= limit {
                break;
            }
            self.add_lags(&group.group_id, &mut lags).await;
        }
        lags.truncate(limit);
        lags
    }

    async fn add_lags(&self, group_id: &GroupId, lags: &mut Vec<GroupLag>) {
        let all = OffsetFetch { group_id: group_id.clone(), topics: None, require_stable: false };
        let Ok(topics) = self.committed_offsets(all).await else { return };
        let table = self.table();
        for topic in topics {
            for committed in topic.partitions {
                let key = TopicKey::Name(topic.name.as_str());
                let Ok(partition) = table.partition(key, committed.partition) else { continue };
                lags.push(GroupLag {
                    group_id: group_id.clone(),
                    topic: topic.name.clone(),
                    partition: committed.partition,
                    committed: committed.offset,
                    end: partition.watermarks().high_watermark,
                });
            }
        }
    }
}
