//! Ranges of versions, and the conditions they become.

use crate::Result;

/// Versions from `first` to `last`; none if `first` is larger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    pub first: i16,
    pub last: i16,
}

impl Versions {
    pub const NONE: Self = Self { first: 0, last: -1 };

    /// Reads `none`, `7`, `3-13` or `9+`.
    pub fn parse(text: &str) -> Result<Self> {
        if text == "none" {
            return Ok(Self::NONE);
        }
        if let Some(first) = text.strip_suffix('+') {
            return Ok(Self { first: first.parse()?, last: i16::MAX });
        }
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        Ok(Self { first: first.parse()?, last: last.parse()? })
    }

    pub fn is_empty(self) -> bool {
        self.first > self.last
    }

    pub fn contains(self, version: i16) -> bool {
        (self.first..=self.last).contains(&version)
    }

    pub fn and(self, other: Self) -> Self {
        Self { first: self.first.max(other.first), last: self.last.min(other.last) }
    }

    /// The smallest range that has both.
    pub fn hull(self, other: Self) -> Self {
        match (self.is_empty(), other.is_empty()) {
            (true, _) => other,
            (_, true) => self,
            _ => Self { first: self.first.min(other.first), last: self.last.max(other.last) },
        }
    }

    /// When a version of `within` is in this range.
    pub fn condition(self, within: Self) -> Condition {
        let both = self.and(within);
        if both.is_empty() {
            return Condition::Never;
        }
        let Self { first, last } = both;
        Condition::When(match (first == within.first, last == within.last) {
            (true, true) => return Condition::Always,
            (false, true) => format!("version >= {first}"),
            (true, false) => format!("version <= {last}"),
            (false, false) if first == last => format!("version == {first}"),
            (false, false) => format!("({first}..={last}).contains(&version)"),
        })
    }

    /// Which versions of `within` these are, in words; nothing if all.
    pub fn note(self, within: Self) -> Option<String> {
        match (self.first == within.first, self.last == within.last) {
            (true, true) => None,
            (false, true) => Some(format!("since version {}", self.first)),
            (true, false) => Some(format!("until version {}", self.last)),
            (false, false) => Some(format!("versions {self}")),
        }
    }
}

impl std::fmt::Display for Versions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self { first, last } if first == last => write!(f, "{first}"),
            Self { first, last } => write!(f, "{first} to {last}"),
        }
    }
}

/// When something applies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    Always,
    Never,
    When(String),
}

/// The arms that can apply, up to the first that always does.
pub fn reachable(arms: Vec<(Condition, String)>) -> Vec<(Condition, String)> {
    let mut arms: Vec<_> = arms.into_iter().filter(|(arm, _)| *arm != Condition::Never).collect();
    arms.dedup_by(|(later, _), (earlier, _)| later == earlier);
    let always = arms.iter().position(|(arm, _)| *arm == Condition::Always);
    arms.truncate(always.map_or(arms.len(), |at| at + 1));
    arms
}

/// Arms of code, the first of which that applies counts: plain code, or an if-else chain.
pub fn chain(arms: Vec<(Condition, String)>) -> String {
    let arms = reachable(arms).into_iter().enumerate().map(|(index, arm)| match arm {
        (Condition::When(condition), body) => format!("if {condition} {{ {body} }}"),
        (_, body) if index == 0 => body,
        (_, body) => format!("{{ {body} }}"),
    });
    arms.collect::<Vec<_>>().join(" else ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(range: &str, within: &str) -> Condition {
        Versions::parse(range).unwrap().condition(Versions::parse(within).unwrap())
    }

    #[test]
    fn conditions_say_no_more_than_needed() {
        let when = |text: &str| Condition::When(text.to_owned());
        assert_eq!(condition("0+", "4-18"), Condition::Always);
        assert_eq!(condition("none", "4-18"), Condition::Never);
        assert_eq!(condition("0-3", "4-18"), Condition::Never);
        assert_eq!(condition("12+", "4-18"), when("version >= 12"));
        assert_eq!(condition("0-12", "4-18"), when("version <= 12"));
        assert_eq!(condition("7-12", "4-18"), when("(7..=12).contains(&version)"));
        assert_eq!(condition("9-9", "4-18"), when("version == 9"));
    }

    #[test]
    fn chains_end_where_an_arm_always_applies() {
        let when = Condition::When("version >= 1".to_owned());
        let arms = |conditions: [Condition; 3]| {
            chain(conditions.into_iter().zip(["a", "b", "c"].map(str::to_owned)).collect())
        };
        assert_eq!(arms([Condition::Always, when.clone(), Condition::Always]), "a");
        assert_eq!(
            arms([when, Condition::Never, Condition::Always]),
            "if version >= 1 { a } else { c }"
        );
    }
}
