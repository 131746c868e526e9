//! Access control: what is denied is not done, and what is said about it survives.

use thalweg_cluster::acl::{Acl, AclFilter, AclOperation, PatternType, Permission, ResourceType};

use super::*;

fn on(resource_type: ResourceType, name: &str) -> Acl {
    Acl {
        resource_type,
        pattern_type: PatternType::Literal,
        resource_name: name.to_owned(),
        principal: "User:*".to_owned(),
        host: "*".to_owned(),
        operation: AclOperation::All,
        permission: Permission::Deny,
    }
}

async fn add(broker: &Broker, acls: Vec<Acl>) {
    for created in broker.create_acls(&session(), acls).await.unwrap() {
        created.unwrap();
    }
}

fn is_denied<T>(outcome: &Result<T, BrokerError>, of: ResourceType) -> bool {
    matches!(outcome, Err(BrokerError::Unauthorized(resource_type)) if *resource_type == of)
}

#[test]
fn acls_count_at_once_and_survive() {
    simulate(60, |env, world| async move {
        let broker = open(&env).await;
        create(&broker, "t", 1, &[]).await;
        produce(&broker, "t", 0, &["before"]).await.unwrap();
        add(&broker, vec![on(ResourceType::Topic, "t"), on(ResourceType::Group, "g")]).await;
        assert!(is_denied(&produce(&broker, "t", 0, &["v"]).await, ResourceType::Topic));

        let broker = restart(broker, &world).await;
        let all = broker.describe_acls(&session(), &AclFilter::default()).unwrap();
        assert_eq!(all, [on(ResourceType::Topic, "t"), on(ResourceType::Group, "g")]);
        assert!(is_denied(&produce(&broker, "t", 0, &["v"]).await, ResourceType::Topic));

        let topics = AclFilter { resource_type: Some(ResourceType::Topic), ..AclFilter::default() };
        let deleted = broker.delete_acls(&session(), vec![topics]).await.unwrap();
        assert_eq!(deleted, [vec![on(ResourceType::Topic, "t")]]);
        produce(&broker, "t", 0, &["after"]).await.unwrap();
        let broker = restart(broker, &world).await;
        assert_eq!(values(&broker, "t", 0, 0).await, ["before", "after"]);
        assert_eq!(broker.describe_acls(&session(), &AclFilter::default()).unwrap().len(), 1);
    });
}

#[test]
fn hosts_are_told_apart() {
    simulate(61, |env, _| async move {
        let broker = open(&env).await;
        create(&broker, "t", 1, &[]).await;
        let near = Acl {
            host: "127.0.0.0/8".to_owned(),
            permission: Permission::Allow,
            ..on(ResourceType::Topic, "t")
        };
        add(&broker, vec![near]).await;
        let topic = TopicKey::Name("t");
        let table = broker.table();
        assert!(table.describe_topic(&session(), topic).is_ok());
        let far = Session::anonymous("far", "10.0.0.1".parse().unwrap(), "PLAINTEXT");
        assert!(is_denied(&table.describe_topic(&far, topic), ResourceType::Topic));
        assert_eq!(table.describable_topics(&session(), "").count(), 1);
        assert_eq!(table.describable_topics(&far, "").count(), 0);
    });
}

#[test]
fn who_may_not_know_a_topic_is_not_told_whether_it_exists() {
    simulate(62, |env, _| async move {
        let broker = open(&env).await;
        create(&broker, "here", 1, &[]).await;
        add(&broker, vec![on(ResourceType::Topic, "here"), on(ResourceType::Topic, "gone")]).await;
        for name in ["here", "gone"] {
            let key = TopicKey::Name(name);
            let denied = broker.auto_create_topic(&session(), name).await;
            assert!(is_denied(&denied, ResourceType::Topic), "{name}");
            let appended = append(&broker, name, 0, batch(&["v"])).await;
            assert!(is_denied(&appended, ResourceType::Topic), "{name}");
            let deleted = broker.delete_topics(&session(), &[key]).await.unwrap();
            assert!(is_denied(&deleted[0], ResourceType::Topic), "{name}");
        }
        assert_eq!(broker.table().topics().len(), 1);
    });
}

#[test]
fn a_right_on_the_cluster_stands_for_its_topics_only_if_it_was_granted() {
    simulate(63, |env, _| async move {
        let broker = open(&env).await;
        add(&broker, vec![on(ResourceType::Topic, "t")]).await;
        let attempt = async || {
            let topics = vec![new_topic("t", 1, &[])];
            broker.create_topics(&session(), topics, false).await.unwrap().pop().unwrap()
        };
        assert!(is_denied(&attempt().await, ResourceType::Topic));
        let granted = Acl {
            operation: AclOperation::Create,
            permission: Permission::Allow,
            ..on(ResourceType::Cluster, "kafka-cluster")
        };
        add(&broker, vec![granted]).await;
        let created = attempt().await.unwrap();
        assert!(created.configs.is_none(), "its settings are not for everybody");
        let topic = [TopicKey::Name("t")];
        let kept = broker.delete_topics(&session(), &topic).await.unwrap();
        assert!(is_denied(&kept[0], ResourceType::Topic), "creating is not deleting");
        // With an ACL about the cluster, the rest of it is closed.
        let changed = broker.create_acls(&session(), Vec::new()).await;
        assert!(is_denied(&changed, ResourceType::Cluster));
    });
}

#[test]
fn who_has_locked_himself_out_comes_back_as_super_user() {
    simulate(64, |env, world| async move {
        let broker = open(&env).await;
        add(&broker, vec![on(ResourceType::Cluster, "kafka-cluster")]).await;
        let all = || vec![AclFilter::default()];
        let refused = broker.delete_acls(&session(), all()).await;
        assert!(is_denied(&refused, ResourceType::Cluster));
        broker.close().await;
        drop(broker);
        let options = options().set("super.users", "User:admin;User:ANONYMOUS");
        let broker = Broker::open(&world.restart(), options).await.unwrap().0;
        assert_eq!(broker.delete_acls(&session(), all()).await.unwrap()[0].len(), 1);
    });
}

#[test]
fn nothing_is_open_where_everything_must_be_allowed() {
    simulate(65, |env, _| async move {
        let strict = options().set("allow.everyone.if.no.acl.found", "false");
        let broker = Broker::open(&env, strict).await.unwrap().0;
        let created = broker.create_topics(&session(), vec![new_topic("t", 1, &[])], false).await;
        assert!(is_denied(&created.unwrap()[0], ResourceType::Topic));
        let id = broker.allocate_producer_id(&session()).await;
        assert!(is_denied(&id, ResourceType::Cluster));
        let coordinator = broker.find_coordinator(&session(), "g").await;
        assert!(is_denied(&coordinator, ResourceType::Group));
    });
}
