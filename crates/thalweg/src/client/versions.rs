//! Which version of a request to send.

use std::collections::BTreeMap;

use thalweg_kafka_wire::ApiKey;
use thalweg_kafka_wire::messages::ApiVersionsResponse;

/// What a broker offers: the versions of each API by its key.
#[derive(Clone, Debug, Default)]
pub struct Versions(BTreeMap<i16, (i16, i16)>);

impl From<&ApiVersionsResponse> for Versions {
    fn from(response: &ApiVersionsResponse) -> Self {
        let offered = response.api_keys.iter();
        Self(offered.map(|api| (api.api_key, (api.min_version, api.max_version))).collect())
    }
}

impl Versions {
    /// The newest version that both sides know.
    pub fn choose(&self, key: ApiKey) -> Option<i16> {
        let (oldest, newest) = *self.0.get(&(key as i16))?;
        let known = filled(key);
        let version = newest.min(*known.end());
        (version >= oldest && version >= *known.start()).then_some(version)
    }
}

/// The versions whose fields this client fills in. Several messages changed their shape over time
/// (names became ids, one group became many); one shape is enough for a client.
fn filled(key: ApiKey) -> std::ops::RangeInclusive<i16> {
    let known = key.stable_versions();
    let (oldest, newest) = match key {
        ApiKey::Produce => (3, 12),
        ApiKey::Fetch => (4, 12),
        ApiKey::ListOffsets => (1, 10),
        ApiKey::Metadata => (4, 13),
        ApiKey::OffsetCommit => (2, 9),
        ApiKey::OffsetFetch => (2, 7),
        ApiKey::FindCoordinator => (1, 3),
        ApiKey::LeaveGroup => (3, 5),
        ApiKey::DeleteTopics => (0, 5),
        _ => return known,
    };
    oldest.max(*known.start())..=newest.min(*known.end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offering(key: ApiKey, min: i16, max: i16) -> Versions {
        Versions(BTreeMap::from([(key as i16, (min, max))]))
    }

    #[test]
    fn the_newest_common_version_is_chosen() {
        assert_eq!(offering(ApiKey::Produce, 0, 13).choose(ApiKey::Produce), Some(12));
        assert_eq!(offering(ApiKey::Produce, 0, 9).choose(ApiKey::Produce), Some(9));
        assert_eq!(offering(ApiKey::Heartbeat, 0, 4).choose(ApiKey::Heartbeat), Some(4));
    }

    #[test]
    fn without_a_common_version_there_is_none() {
        assert_eq!(offering(ApiKey::Produce, 13, 14).choose(ApiKey::Produce), None);
        assert_eq!(offering(ApiKey::Produce, 0, 2).choose(ApiKey::Produce), None);
        assert_eq!(offering(ApiKey::Fetch, 4, 18).choose(ApiKey::Produce), None);
    }
}
