use std::net::IpAddr;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::select;

use super::hosts::Hosts;
use super::*;
use crate::config::{Layers, Overrides};

pub(crate) use against_a_model::any_acl;

const NONE: Overrides = Overrides::new();

fn acls(all: &[Acl]) -> Arc<Acls> {
    let mut acls = Acls::default();
    for acl in all {
        acls.insert(acl);
    }
    Arc::new(acls)
}

fn authorizer(all: &[Acl], settings: &[(&str, &str)]) -> Authorizer {
    let setting = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let statics = settings.iter().map(setting).collect();
    let layers = Layers { own: &NONE, broker: &NONE, all_brokers: &NONE, statics: &statics };
    Authorizer::resolve(acls(all), &layers)
}

fn ann() -> Requester<'static> {
    Requester { principal: "User:ann", host: "10.0.0.1".parse().unwrap() }
}

/// An ACL for ann on the topic `t`.
fn acl(permission: Permission, operation: AclOperation) -> Acl {
    Acl {
        resource_type: ResourceType::Topic,
        pattern_type: PatternType::Literal,
        resource_name: "t".to_owned(),
        principal: "User:ann".to_owned(),
        host: ANY_HOST.to_owned(),
        operation,
        permission,
    }
}

fn named(pattern_type: PatternType, name: &str, acl: Acl) -> Acl {
    Acl { pattern_type, resource_name: name.to_owned(), ..acl }
}

mod decisions {
    use super::AclOperation::{
        All, Alter, AlterConfigs, Create, Delete, Describe, DescribeConfigs, Read, Write,
    };
    use super::PatternType::{Literal, Prefixed};
    use super::Permission::{Allow, Deny};
    use super::*;

    const STRICT: (&str, &str) = ("allow.everyone.if.no.acl.found", "false");

    fn allows(all: &[Acl], operation: AclOperation) -> bool {
        authorizer(all, &[STRICT]).allows(ann(), operation, AclTarget::topic("t"))
    }

    #[test]
    fn rule_54_without_acls_the_setting_decides() {
        let t = AclTarget::topic("t");
        assert!(authorizer(&[], &[]).allows(ann(), Write, t));
        assert!(!authorizer(&[], &[STRICT]).allows(ann(), Write, t));
        let other = named(Literal, "other", acl(Allow, All));
        assert!(authorizer(std::slice::from_ref(&other), &[]).allows(ann(), Write, t));
        assert!(!authorizer(&[other], &[STRICT]).allows(ann(), Write, t));
        // What somebody may closes the resource to everybody else.
        let for_bob = Acl { principal: "User:bob".to_owned(), ..acl(Allow, All) };
        assert!(!authorizer(&[for_bob], &[]).allows(ann(), Write, t));
    }

    #[test]
    fn rule_54_super_users_may_everything() {
        let settings = [("super.users", "User:root; User:ann")];
        let denied = authorizer(&[acl(Deny, All)], &settings);
        assert!(denied.allows(ann(), Write, AclTarget::topic("t")));
        assert!(denied.grants(ann(), Write, AclTarget::CLUSTER));
        assert!(denied.allows_any(ann(), Write, ResourceType::Topic));
    }

    #[test]
    fn rule_54_denial_wins() {
        assert!(allows(&[acl(Allow, Write)], Write));
        assert!(!allows(&[acl(Allow, Write), acl(Deny, Write)], Write));
        assert!(!allows(&[acl(Allow, All), acl(Deny, Write)], Write));
        assert!(allows(&[acl(Allow, All), acl(Deny, Write)], Read));
        assert!(!allows(&[acl(Allow, Write), acl(Deny, All)], Write));
        for (pattern_type, name) in [(Prefixed, "t"), (Literal, "*")] {
            let denial = named(pattern_type, name, acl(Deny, Write));
            assert!(!allows(&[acl(Allow, Write), denial], Write), "{pattern_type:?} {name}");
        }
    }

    #[test]
    fn rule_54_some_operations_imply_others_when_allowed() {
        for implying in [Read, Write, Delete, Alter, Describe, All] {
            assert!(allows(&[acl(Allow, implying)], Describe), "{implying:?}");
        }
        for implying in [AlterConfigs, DescribeConfigs, All] {
            assert!(allows(&[acl(Allow, implying)], DescribeConfigs), "{implying:?}");
        }
        assert!(!allows(&[acl(Allow, Create)], Describe));
        assert!(!allows(&[acl(Allow, AlterConfigs)], Describe));
        assert!(!allows(&[acl(Allow, Read)], DescribeConfigs));
        // Denying to read does not deny to know.
        assert!(allows(&[acl(Allow, Describe), acl(Deny, Read)], Describe));
    }

    #[test]
    fn rule_54_patterns() {
        let matching = [(Literal, "t"), (Literal, "*"), (Prefixed, "t")];
        for (pattern_type, name) in matching {
            let pattern = named(pattern_type, name, acl(Allow, Read));
            assert!(allows(&[pattern], Read), "{pattern_type:?} {name}");
        }
        let other = [(Literal, "tt"), (Prefixed, "tt"), (Prefixed, "*"), (Literal, "T")];
        for (pattern_type, name) in other {
            let pattern = named(pattern_type, name, acl(Allow, Read));
            assert!(!allows(&[pattern], Read), "{pattern_type:?} {name}");
        }
        let group = Acl { resource_type: ResourceType::Group, ..acl(Allow, Read) };
        assert!(!allows(&[group], Read));
    }

    #[test]
    fn rule_54_principals_and_hosts() {
        let from = |host: &str| Acl { host: host.to_owned(), ..acl(Allow, Read) };
        for host in ["*", "10.0.0.1", "10.0.0.0/8", "10.0.0.1/32", "0.0.0.0/0"] {
            assert!(allows(&[from(host)], Read), "{host}");
        }
        for host in ["10.0.0.2", "10.0.1.0/24", "localhost", "::/0", "10.0.0.0/33"] {
            assert!(!allows(&[from(host)], Read), "{host}");
        }
        let of = |principal: &str| Acl { principal: principal.to_owned(), ..acl(Allow, Read) };
        assert!(allows(&[of("User:*")], Read));
        for principal in ["User:bob", "User:an", "Group:ann", "*", "Group:*"] {
            assert!(!allows(&[of(principal)], Read), "{principal}");
        }
    }

    #[test]
    fn what_nobody_spoke_of_is_allowed_but_not_granted() {
        let cluster = Acl {
            resource_type: ResourceType::Cluster,
            resource_name: CLUSTER_NAME.to_owned(),
            ..acl(Allow, Create)
        };
        let open = authorizer(&[], &[]);
        assert!(open.allows(ann(), Create, AclTarget::CLUSTER));
        assert!(!open.grants(ann(), Create, AclTarget::CLUSTER));
        assert!(authorizer(&[cluster], &[]).grants(ann(), Create, AclTarget::CLUSTER));
    }

    #[test]
    fn any_topic_is_enough_for_a_producer_id() {
        let may = |all: &[Acl], settings: &[(&str, &str)]| {
            authorizer(all, settings).allows_any(ann(), Write, ResourceType::Topic)
        };
        assert!(may(&[], &[]) && !may(&[], &[STRICT]));
        assert!(may(&[acl(Deny, Write)], &[]), "other topics are open");
        let everything = |permission| named(Literal, "*", acl(permission, Write));
        assert!(!may(&[everything(Deny), acl(Allow, Write)], &[]));
        assert!(may(&[everything(Allow), acl(Deny, Write)], &[STRICT]));
        assert!(may(&[acl(Allow, Write)], &[STRICT]));
        assert!(!may(&[acl(Allow, Write), named(Prefixed, "t", acl(Deny, All))], &[STRICT]));
        let prefix = |name, permission| named(Prefixed, name, acl(permission, Write));
        assert!(may(&[prefix("a", Allow), prefix("ab", Deny)], &[STRICT]));
        assert!(!may(&[prefix("ab", Allow), prefix("a", Deny)], &[STRICT]));
        assert!(may(&[prefix("t", Allow), acl(Deny, Write)], &[STRICT]));
    }
}

mod against_a_model {
    use super::*;

    /// A decision as one would write it down: every ACL is looked at.
    fn verdict(
        all: &[Acl],
        who: Requester<'_>,
        operation: AclOperation,
        target: AclTarget<'_>,
    ) -> Verdict {
        let fits = |acl: &&Acl| {
            acl.resource_type == target.resource_type
                && match acl.pattern_type {
                    PatternType::Literal => [target.name, "*"].contains(&&*acl.resource_name),
                    PatternType::Prefixed => target.name.starts_with(&acl.resource_name),
                }
        };
        let about: Vec<&Acl> = all.iter().filter(fits).collect();
        let says = |permission| {
            about.iter().any(|acl| {
                let same = [AclOperation::All, operation].contains(&acl.operation);
                let implied = permission == Permission::Allow
                    && operation == AclOperation::Describe
                    && [
                        AclOperation::Read,
                        AclOperation::Write,
                        AclOperation::Delete,
                        AclOperation::Alter,
                    ]
                    .contains(&acl.operation);
                acl.permission == permission
                    && [who.principal, "User:*"].contains(&&*acl.principal)
                    && ["*", &*who.host.to_string()].contains(&&*acl.host)
                    && (same || implied)
            })
        };
        match () {
            () if about.is_empty() => Verdict::Unspoken,
            () if says(Permission::Deny) => Verdict::Denied,
            () if says(Permission::Allow) => Verdict::Allowed,
            () => Verdict::Denied,
        }
    }

    fn operations() -> impl Strategy<Value = AclOperation> {
        use AclOperation::{All, Describe, Read, Write};
        select(vec![All, Describe, Read, Write])
    }

    fn names() -> impl Strategy<Value = String> {
        prop_oneof!["[ab]{1,4}", "[aä]{1,3}", Just("*".to_owned())]
    }

    pub(crate) fn any_acl() -> impl Strategy<Value = Acl> {
        (
            select(vec![ResourceType::Topic, ResourceType::Group]),
            select(vec![PatternType::Literal, PatternType::Prefixed]),
            names(),
            select(vec!["User:ann", "User:bob", "User:*"]),
            select(vec!["*", "10.0.0.1", "10.0.0.2"]),
            operations(),
            select(vec![Permission::Allow, Permission::Deny]),
        )
            .prop_map(
                |(resource_type, pattern_type, name, principal, host, operation, permission)| Acl {
                    resource_type,
                    pattern_type,
                    resource_name: name,
                    principal: principal.to_owned(),
                    host: host.to_owned(),
                    operation,
                    permission,
                },
            )
    }

    proptest! {
        #[test]
        fn the_index_finds_what_a_walk_finds(
            all in prop::collection::btree_set(any_acl(), 0..12),
            gone in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
            name in names(),
            operation in operations(),
        ) {
            let mut all: Vec<Acl> = all.into_iter().collect();
            let mut index = Acls::clone(&acls(&all));
            for gone in gone {
                if !all.is_empty() {
                    let acl = all.remove(gone.index(all.len()));
                    prop_assert!(index.contains(&acl) && index.remove(&acl) && !index.remove(&acl));
                }
            }
            prop_assert_eq!(index.len(), all.len());
            prop_assert_eq!(index.iter().collect::<Vec<_>>(), all.clone());
            prop_assert_eq!(&index, &*acls(&all));
            let target = AclTarget::topic(&name);
            prop_assert_eq!(
                index.verdict(ann(), operation, target),
                verdict(&all, ann(), operation, target)
            );
        }

        /// Names that could be allowed are those in ACLs, and those that only begin like one.
        #[test]
        fn any_resource_is_one_that_the_walk_allows(
            all in prop::collection::vec(any_acl(), 0..8),
            operation in operations(),
        ) {
            let literal = all.iter().map(|acl| acl.resource_name.clone());
            let beginning = all.iter().map(|acl| format!("{}zzzzz", acl.resource_name));
            let mut names = literal.chain(beginning).chain(["zzzzz".to_owned()]);
            let exists = names.any(|name| {
                let target = AclTarget::group(&name);
                verdict(&all, ann(), operation, target) == Verdict::Allowed
            });
            let strict = [("allow.everyone.if.no.acl.found", "false")];
            let found = authorizer(&all, &strict).allows_any(ann(), operation, ResourceType::Group);
            prop_assert_eq!(found, exists);
        }
    }
}

mod filters {
    use super::PatternType::{Literal, Prefixed};
    use super::*;

    fn picks(filter: &AclFilter, pattern_type: PatternType, name: &str) -> bool {
        let acl = acl(Permission::Allow, AclOperation::Read);
        filter.matches(&named(pattern_type, name, acl))
    }

    #[test]
    fn each_property_is_open_or_equal() {
        let acl = acl(Permission::Allow, AclOperation::Read);
        assert!(AclFilter::default().matches(&acl));
        let exact = AclFilter {
            resource_type: Some(acl.resource_type),
            pattern: PatternFilter::Exactly(acl.pattern_type),
            resource_name: Some(acl.resource_name.clone()),
            principal: Some(acl.principal.clone()),
            host: Some(acl.host.clone()),
            operation: Some(acl.operation),
            permission: Some(acl.permission),
        };
        assert!(exact.matches(&acl));
        let others = [
            AclFilter { resource_type: Some(ResourceType::Group), ..exact.clone() },
            AclFilter { pattern: PatternFilter::Exactly(Prefixed), ..exact.clone() },
            AclFilter { resource_name: Some("u".to_owned()), ..exact.clone() },
            AclFilter { principal: Some("User:*".to_owned()), ..exact.clone() },
            AclFilter { host: Some("10.0.0.1".to_owned()), ..exact.clone() },
            AclFilter { operation: Some(AclOperation::All), ..exact.clone() },
            AclFilter { permission: Some(Permission::Deny), ..exact },
        ];
        for other in others {
            assert!(!other.matches(&acl), "{other:?}");
        }
    }

    #[test]
    fn a_name_is_that_of_the_pattern_or_of_a_resource() {
        let of = |pattern| AclFilter {
            pattern,
            resource_name: Some("orders".to_owned()),
            ..AclFilter::default()
        };
        let any = of(PatternFilter::Any);
        assert!(picks(&any, Literal, "orders") && picks(&any, Prefixed, "orders"));
        assert!(!picks(&any, Literal, "*") && !picks(&any, Prefixed, "ord"));
        let counts = of(PatternFilter::Match);
        assert!(picks(&counts, Literal, "orders") && picks(&counts, Literal, "*"));
        assert!(picks(&counts, Prefixed, "ord") && picks(&counts, Prefixed, "orders"));
        assert!(!picks(&counts, Literal, "ord") && !picks(&counts, Prefixed, "orders.eu"));
        let prefixed = of(PatternFilter::Exactly(Prefixed));
        assert!(picks(&prefixed, Prefixed, "orders") && !picks(&prefixed, Literal, "orders"));
    }
}

#[test]
fn networks_agree_in_their_first_bits() {
    let contains =
        |host: &str, address: &str| Hosts::parse(host).contain(address.parse::<IpAddr>().unwrap());
    assert!(contains("192.168.1.77/24", "192.168.1.1"));
    assert!(!contains("192.168.1.77/24", "192.168.2.77"));
    assert!(contains("2001:db8::/32", "2001:db8:ffff::1"));
    assert!(!contains("2001:db8::/32", "2001:db9::1"));
    assert!(contains("::/0", "::1") && !contains("::/0", "127.0.0.1"));
    assert!(contains("0:0:0:0:0:0:0:1", "::1"), "as Java writes it");
    for wrong in
        ["10.0.0.0/33", "10.0.0/8", "10.0.0.0/", "10.0.0.0/+8", "10.0.0.0/8/8", "::/129", "/8"]
    {
        assert_eq!(Hosts::parse(wrong), Hosts::None, "{wrong}");
        assert_eq!(parse_network(wrong), None, "{wrong}");
    }
}
