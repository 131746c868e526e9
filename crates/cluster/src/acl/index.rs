//! All ACLs, by resource: a decision looks only at those that can concern it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use super::hosts::Hosts;
use super::{
    ANY_PRINCIPAL, ANY_RESOURCE, Acl, AclOperation, AclTarget, PatternType, Permission, Requester,
    ResourceType,
};

/// What the ACLs say about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// One allows it, and none denies it.
    Allowed,
    /// One denies it, or there are some about the resource and none allows it.
    Denied,
    /// None is about the resource.
    Unspoken,
}

/// The entries for one pattern.
type Entries = BTreeSet<Entry>;
/// The patterns of one type for resources of one type, by name.
type Patterns = BTreeMap<String, Entries>;

/// A set of ACLs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acls {
    patterns: BTreeMap<(ResourceType, PatternType), Patterns>,
    len: usize,
}

/// The part of an ACL that is not its resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    principal: String,
    host: String,
    /// What `host` stands for.
    hosts: Hosts,
    operation: AclOperation,
    permission: Permission,
}

impl Acls {
    /// How many there are.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// True if there is none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All of them, sorted by resource.
    pub fn iter(&self) -> impl Iterator<Item = Acl> {
        self.patterns.iter().flat_map(|(&(resource_type, pattern_type), patterns)| {
            patterns.iter().flat_map(move |(name, entries)| {
                entries.iter().map(move |entry| entry.acl(resource_type, pattern_type, name))
            })
        })
    }

    /// True if there is exactly this one.
    pub fn contains(&self, acl: &Acl) -> bool {
        let entries = self.entries(acl.resource_type, acl.pattern_type, &acl.resource_name);
        entries.is_some_and(|entries| entries.contains(&Entry::of(acl)))
    }

    /// What they say about `operation` on `target`.
    pub fn verdict(
        &self,
        who: Requester<'_>,
        operation: AclOperation,
        target: AclTarget<'_>,
    ) -> Verdict {
        let AclTarget { resource_type, name } = target;
        let literal = self.entries(resource_type, PatternType::Literal, name);
        judge(who, operation, self.about_all(resource_type, name).chain(literal))
    }

    /// True if there is a resource of the type, existing or not, with which they allow `operation`.
    pub(super) fn allow_any(
        &self,
        who: Requester<'_>,
        operation: AclOperation,
        resource_type: ResourceType,
    ) -> bool {
        let allowed_by = |pattern_type| {
            let patterns = self.patterns.get(&(resource_type, pattern_type));
            let patterns = patterns.into_iter().flatten();
            patterns.filter_map(move |(name, entries)| {
                let verdict = judge(who, operation, [entries].into_iter());
                (verdict == Verdict::Allowed).then_some(name.as_str())
            })
        };
        let mut names = allowed_by(PatternType::Literal);
        // Of the resources with a prefix, most have no literal pattern of their own.
        let mut prefixes = allowed_by(PatternType::Prefixed);
        names.any(|name| {
            let target = AclTarget { resource_type, name };
            self.verdict(who, operation, target) == Verdict::Allowed
        }) || prefixes.any(|prefix| {
            judge(who, operation, self.about_all(resource_type, prefix)) == Verdict::Allowed
        })
    }

    /// The entries for all resources of the type, or for all that begin like `name`.
    fn about_all<'a>(
        &'a self,
        resource_type: ResourceType,
        name: &'a str,
    ) -> impl Iterator<Item = &'a Entries> {
        let all = self.entries(resource_type, PatternType::Literal, ANY_RESOURCE);
        let prefixed = self.patterns.get(&(resource_type, PatternType::Prefixed));
        let prefixed = prefixed.into_iter().flat_map(move |patterns| prefixes_of(name, patterns));
        all.into_iter().chain(prefixed)
    }

    fn entries(
        &self,
        resource_type: ResourceType,
        pattern_type: PatternType,
        name: &str,
    ) -> Option<&Entries> {
        self.patterns.get(&(resource_type, pattern_type))?.get(name)
    }
}

/// Changes.
impl Acls {
    /// Adds one; false if it is there.
    pub(crate) fn insert(&mut self, acl: &Acl) -> bool {
        let patterns = self.patterns.entry((acl.resource_type, acl.pattern_type)).or_default();
        let entries = patterns.entry(acl.resource_name.clone()).or_default();
        let is_new = entries.insert(Entry::of(acl));
        self.len += usize::from(is_new);
        is_new
    }

    /// Removes one; false if it is not there.
    pub(crate) fn remove(&mut self, acl: &Acl) -> bool {
        let key = (acl.resource_type, acl.pattern_type);
        let Some(patterns) = self.patterns.get_mut(&key) else { return false };
        let Some(entries) = patterns.get_mut(&acl.resource_name) else { return false };
        if !entries.remove(&Entry::of(acl)) {
            return false;
        }
        self.len -= 1;
        if entries.is_empty() {
            patterns.remove(&acl.resource_name);
        }
        if patterns.is_empty() {
            self.patterns.remove(&key);
        }
        true
    }
}

impl Entry {
    fn of(acl: &Acl) -> Self {
        Self {
            principal: acl.principal.clone(),
            host: acl.host.clone(),
            hosts: Hosts::parse(&acl.host),
            operation: acl.operation,
            permission: acl.permission,
        }
    }

    fn acl(&self, resource_type: ResourceType, pattern_type: PatternType, name: &str) -> Acl {
        Acl {
            resource_type,
            pattern_type,
            resource_name: name.to_owned(),
            principal: self.principal.clone(),
            host: self.host.clone(),
            operation: self.operation,
            permission: self.permission,
        }
    }

    fn concerns(&self, who: Requester<'_>) -> bool {
        (self.principal == who.principal || self.principal == ANY_PRINCIPAL)
            && self.hosts.contain(who.host)
    }

    fn says(&self, operation: AclOperation) -> Option<Permission> {
        let is_about = self.operation.includes(operation)
            || self.permission == Permission::Allow && self.operation.implies(operation);
        is_about.then_some(self.permission)
    }
}

/// What the entries that are about a resource say together.
fn judge<'a>(
    who: Requester<'_>,
    operation: AclOperation,
    about: impl Iterator<Item = &'a Entries>,
) -> Verdict {
    let mut verdict = Verdict::Unspoken;
    for entries in about {
        if verdict == Verdict::Unspoken {
            verdict = Verdict::Denied;
        }
        for entry in entries.iter().filter(|entry| entry.concerns(who)) {
            match entry.says(operation) {
                Some(Permission::Deny) => return Verdict::Denied,
                Some(Permission::Allow) => verdict = Verdict::Allowed,
                None => {}
            }
        }
    }
    verdict
}

/// The entries of the patterns whose names `name` begins with, the longest first. Steps are as many as
/// there are such patterns, and at most as many again as `name` has characters.
fn prefixes_of<'a>(name: &'a str, patterns: &'a Patterns) -> impl Iterator<Item = &'a Entries> {
    let mut end = Bound::Included(name);
    std::iter::from_fn(move || {
        loop {
            let (pattern, entries) =
                patterns.range::<str, _>((Bound::Unbounded, end)).next_back()?;
            if name.starts_with(pattern.as_str()) {
                end = Bound::Excluded(pattern);
                return Some(entries);
            }
            // Whatever sorts between the two begins with more of `name` than `pattern` does, and
            // would have been found.
            end = Bound::Included(common_prefix(name, pattern));
        }
    })
}

fn common_prefix<'a>(name: &'a str, other: &str) -> &'a str {
    let differs = name.char_indices().zip(other.chars()).find(|((_, a), b)| a != b);
    match differs {
        Some(((at, _), _)) => &name[..at],
        None => &name[..name.len().min(other.len())],
    }
}
