//! The range assignor: each topic's partitions in consecutive ranges, as Kafka's clients do it.

use std::collections::BTreeMap;

/// The partitions of each topic that a member gets, by the member's id.
pub type Assignment = BTreeMap<String, BTreeMap<String, Vec<i32>>>;

/// Gives the partitions of each topic to the members that subscribed to it. The first members, by
/// id, get one more where it does not come out even.
pub fn assign(
    subscriptions: &BTreeMap<String, Vec<String>>,
    partitions: &BTreeMap<String, i32>,
) -> Assignment {
    let mut assignment: Assignment =
        subscriptions.keys().map(|member| (member.clone(), BTreeMap::new())).collect();
    for (topic, count) in partitions {
        let wants = |(_, topics): &(&String, &Vec<String>)| topics.contains(topic);
        let members: Vec<&String> =
            subscriptions.iter().filter(wants).map(|(member, _)| member).collect();
        let (each, more) = match members.len() as i32 {
            0 => continue,
            members => (count / members, count % members),
        };
        let mut first = 0;
        for (index, member) in members.into_iter().enumerate() {
            let end = first + each + i32::from((index as i32) < more);
            if let Some(topics) = assignment.get_mut(member)
                && end > first
            {
                topics.insert(topic.clone(), (first..end).collect());
            }
            first = end;
        }
    }
    assignment
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subscriptions(members: &[(&str, &[&str])]) -> BTreeMap<String, Vec<String>> {
        let owned = |topics: &[&str]| topics.iter().map(|topic| (*topic).to_owned()).collect();
        members.iter().map(|(member, topics)| ((*member).to_owned(), owned(topics))).collect()
    }

    fn partitions(topics: &[(&str, i32)]) -> BTreeMap<String, i32> {
        topics.iter().map(|(topic, count)| ((*topic).to_owned(), *count)).collect()
    }

    #[test]
    fn ranges_are_consecutive_and_the_first_members_get_more() {
        let members = subscriptions(&[("a", &["t"]), ("b", &["t"]), ("c", &["t", "u"])]);
        let assignment = assign(&members, &partitions(&[("t", 7), ("u", 2)]));
        assert_eq!(assignment["a"]["t"], [0, 1, 2]);
        assert_eq!(assignment["b"]["t"], [3, 4]);
        assert_eq!(assignment["c"]["t"], [5, 6]);
        assert_eq!(assignment["c"]["u"], [0, 1]);
    }

    #[test]
    fn members_may_get_nothing() {
        let members = subscriptions(&[("a", &["t"]), ("b", &["t"]), ("c", &[])]);
        let assignment = assign(&members, &partitions(&[("t", 1)]));
        assert_eq!(assignment["a"]["t"], [0]);
        assert!(assignment["b"].is_empty());
        assert!(assignment["c"].is_empty());
    }
}
