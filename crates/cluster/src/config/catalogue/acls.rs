//! Brokers' settings of access control.

use crate::config::setting::{Check, Setting, boolean, string};

/// The only authorizer that Kafka has itself. Its rules are those here.
const STANDARD_AUTHORIZER: &str = "org.apache.kafka.metadata.authorizer.StandardAuthorizer";

pub(super) const SETTINGS: &[Setting] = &[
    boolean("allow.everyone.if.no.acl.found").default("true").doc(
        "Whether everybody may do everything with a resource that no ACL is about. Kafka's \
         default is false; here clients are not authenticated yet, and false would lock all out.",
    ),
    string("authorizer.class.name")
        .default("")
        .check(Check::BuiltIn(STANDARD_AUTHORIZER))
        .inert()
        .doc("Names Kafka's standard authorizer, whose rules always count."),
    string("super.users")
        .default("")
        .check(Check::Principals)
        .doc("Principals that may do everything, as User:name, parted by semicolons."),
];
