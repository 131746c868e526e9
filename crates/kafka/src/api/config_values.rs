//! How settings look on the wire, and which resources have them.

use thalweg_broker::Resource;
use thalweg_broker::config::{Lookup, Source, Type};
use thalweg_kafka_wire::ErrorCode;
use thalweg_types::{BrokerId, TopicName};

/// Codes of `ConfigResource.Type`.
const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const GROUP: i8 = 32;

/// The resource that a request names, or what is wrong with it.
pub(super) fn resource(kind: i8, name: &str) -> Result<Resource, (ErrorCode, String)> {
    match kind {
        TOPIC => TopicName::new(name)
            .map(Resource::Topic)
            .map_err(|error| (ErrorCode::InvalidTopicException, error.to_string())),
        BROKER if name.is_empty() => Ok(Resource::AllBrokers),
        BROKER => name.parse().map(|id| Resource::Broker(BrokerId(id))).map_err(|_| {
            (ErrorCode::InvalidRequest, format!("a broker's id is a number, not '{name}'"))
        }),
        GROUP => Ok(Resource::Group(name.to_owned())),
        other => Err((
            ErrorCode::InvalidRequest,
            format!("resources of type {other} have no settings here"),
        )),
    }
}

/// The value, unless it is a secret.
pub(super) fn shown_value(lookup: &Lookup) -> Option<String> {
    lookup.value.clone().filter(|_| !lookup.setting.is_sensitive())
}

/// The code of `DescribeConfigsResponse.ConfigSource`.
pub(super) const fn source_code(source: Source) -> i8 {
    match source {
        Source::Topic => 1,
        Source::Broker => 2,
        Source::AllBrokers => 3,
        Source::Static => 4,
        Source::Default => 5,
        Source::Group => 8,
    }
}

/// The code of `DescribeConfigsResponse.ConfigType`.
pub(super) const fn type_code(value_type: Type) -> i8 {
    match value_type {
        Type::Boolean => 1,
        Type::String => 2,
        Type::Int => 3,
        Type::Short => 4,
        Type::Long => 5,
        Type::Double => 6,
        Type::List => 7,
        Type::Class => 8,
        Type::Password => 9,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_52_resources_by_type_and_name() {
        assert_eq!(resource(TOPIC, "t"), Ok(Resource::Topic(TopicName::new("t").unwrap())));
        assert_eq!(resource(BROKER, ""), Ok(Resource::AllBrokers));
        assert_eq!(resource(BROKER, "7"), Ok(Resource::Broker(BrokerId(7))));
        assert_eq!(resource(GROUP, "g"), Ok(Resource::Group("g".to_owned())));
        assert_eq!(resource(TOPIC, "a/b").unwrap_err().0, ErrorCode::InvalidTopicException);
        assert_eq!(resource(BROKER, "x").unwrap_err().0, ErrorCode::InvalidRequest);
        assert_eq!(resource(8, "1").unwrap_err().0, ErrorCode::InvalidRequest);
    }
}
