//! Topics of requests about committed offsets, which are kept by name, and asked for by name or id.

use thalweg_broker::TopicKey;
use thalweg_kafka_wire::ErrorCode;
use thalweg_types::{TopicId, TopicName};

use crate::call::Call;
use crate::error_code::AsErrorCode;

/// How a version of a message names topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TopicNaming {
    Names,
    Ids,
}

impl TopicNaming {
    pub fn new(by_id: bool) -> Self {
        if by_id { Self::Ids } else { Self::Names }
    }

    /// Name and id as a response carries them.
    pub fn on_the_wire(self, name: TopicName, id: TopicId) -> (String, TopicId) {
        match self {
            Self::Names => (name.into(), TopicId::ZERO),
            Self::Ids => (String::new(), id),
        }
    }
}

/// The topic's name, and its id if the client gave it.
pub(super) fn resolve(
    call: &Call,
    naming: TopicNaming,
    name: &str,
    id: TopicId,
) -> Result<(TopicName, TopicId), ErrorCode> {
    match naming {
        TopicNaming::Names => match TopicName::new(name) {
            Ok(name) => Ok((name, TopicId::ZERO)),
            Err(_) => Err(ErrorCode::UnknownTopicOrPartition),
        },
        TopicNaming::Ids => match call.broker().table().topic(TopicKey::Id(id)) {
            Ok(topic) => Ok((topic.name().clone(), id)),
            Err(error) => Err(error.error_code()),
        },
    }
}
