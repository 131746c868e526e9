use thalweg_types::ErrorKind;

use super::{append, started};
use crate::acl::{Acl, AclFilter, AclOperation, PatternType, Permission, ResourceType};
use crate::{ACL_TEXT_BYTES_MAX, ACLS_MAX, Entry, Record};

fn acl_for(resource_type: ResourceType, name: &str) -> Acl {
    Acl {
        resource_type,
        pattern_type: PatternType::Literal,
        resource_name: name.to_owned(),
        principal: "User:ann".to_owned(),
        host: "*".to_owned(),
        operation: AclOperation::Read,
        permission: Permission::Allow,
    }
}

#[test]
fn acls_are_created_once_and_deleted_by_filters() {
    let mut state = started();
    let (a, b) = (acl_for(ResourceType::Topic, "a"), acl_for(ResourceType::Group, "b"));
    for acl in [&a, &b, &a] {
        append(&mut state, |state| state.create_acl(acl).unwrap());
    }
    assert_eq!(state.acls().iter().collect::<Vec<_>>(), [a.clone(), b.clone()]);
    let topics = AclFilter { resource_type: Some(ResourceType::Topic), ..Default::default() };
    let filters = [topics.clone(), AclFilter::default(), topics];
    let (picked, records) = state.delete_acls(&filters);
    assert_eq!(picked, [vec![a.clone()], vec![a.clone(), b], vec![a]]);
    assert_eq!(records.len(), 2, "each is deleted once");
    state.replay(&Entry { records }).unwrap();
    assert!(state.acls().is_empty());
}

#[test]
fn acls_that_make_no_sense_are_refused() {
    let state = started();
    let refused = |acl: &Acl| state.create_acl(acl).unwrap_err().to_string();
    let topic = acl_for(ResourceType::Topic, "t");
    assert!(refused(&acl_for(ResourceType::Cluster, "mine")).contains("kafka-cluster"));
    assert!(state.create_acl(&acl_for(ResourceType::Cluster, "kafka-cluster")).is_ok());
    assert!(refused(&acl_for(ResourceType::Topic, "")).contains("empty"));
    let with_host = |host: &str| Acl { host: host.to_owned(), ..topic.clone() };
    assert!(refused(&with_host("")).contains("empty"));
    assert!(refused(&with_host("10.0.0.0/99")).contains("CIDR"));
    assert!(state.create_acl(&with_host("10.0.0.0/9")).is_ok());
    let unnamed = Acl { principal: "ann".to_owned(), ..topic.clone() };
    assert!(refused(&unnamed).contains("type:name"));
    let long = Acl { resource_name: "x".repeat(ACL_TEXT_BYTES_MAX + 1), ..topic };
    assert!(refused(&long).contains("1024 bytes"));
}

#[test]
fn there_is_a_limit_to_acls() {
    let mut state = started();
    let acl = |number: usize| acl_for(ResourceType::Topic, &number.to_string());
    let records = (0..ACLS_MAX).map(|number| Record::AclCreated(acl(number))).collect();
    append(&mut state, |_| records);
    assert_eq!(state.create_acl(&acl(ACLS_MAX)).unwrap_err().kind(), ErrorKind::Limit);
    assert_eq!(state.create_acl(&acl(7)).unwrap(), [], "it is there already");
}
