//! Is a text a legal value of a setting?

use super::setting::{Check, Setting, Type};
use crate::acl::principals;

/// The elements of a LIST value.
pub fn elements(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(str::trim).filter(|element| !element.is_empty())
}

impl Setting {
    /// Refuses an illegal value, with the reason in words.
    pub fn check_value(&self, value: &str) -> Result<(), String> {
        self.check_type(value)?;
        match self.check {
            Check::Range(min, max) => in_range(integer(value), min, max),
            Check::RangeOrMinusOne(min, max) => {
                in_range(integer(value).filter(|found| *found != -1), min, max)
                    .map_err(|_| format!("value must be between {min} and {max} or equal to -1"))
            }
            Check::Real(min, max) => in_range(value.trim().parse().ok(), min, max),
            Check::OneOf(words) => one_of(value, words),
            Check::EachOf(words) => elements(value).try_for_each(|element| one_of(element, words)),
            Check::NotEmpty if elements(value).next().is_none() => {
                Err("the list must not be empty".to_owned())
            }
            Check::Any | Check::NotEmpty => Ok(()),
            Check::Replicas => check_replicas(value),
            Check::OffsetReset => check_offset_reset(value),
            Check::BuiltIn(class) => check_class(value, class),
            Check::Principals => check_principals(value),
        }
    }

    fn check_type(&self, value: &str) -> Result<(), String> {
        let text = value.trim();
        let fits = match self.value_type {
            Type::Boolean => return check_boolean(text),
            Type::Int => text.parse::<i32>().is_ok(),
            Type::Short => text.parse::<i16>().is_ok(),
            Type::Long => text.parse::<i64>().is_ok(),
            Type::Double => text.parse::<f64>().is_ok_and(f64::is_finite),
            Type::String | Type::List | Type::Class | Type::Password => true,
        };
        if fits { Ok(()) } else { Err(format!("not a number of type {}", self.value_type.name())) }
    }
}

fn check_boolean(text: &str) -> Result<(), String> {
    match boolean(text) {
        Some(_) => Ok(()),
        None => Err("expected value to be either true or false".to_owned()),
    }
}

/// `true` or `false` in any case, as Kafka takes them.
pub(super) fn boolean(text: &str) -> Option<bool> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("true") {
        return Some(true);
    }
    text.eq_ignore_ascii_case("false").then_some(false)
}

pub(super) fn integer(text: &str) -> Option<i64> {
    text.trim().parse().ok()
}

/// The type is checked already, so `None` is a value that is legal whatever the range.
fn in_range<N: Copy + PartialOrd + std::fmt::Display>(
    found: Option<N>,
    min: N,
    max: N,
) -> Result<(), String> {
    match found {
        Some(found) if found < min => Err(format!("value must be at least {min}")),
        Some(found) if found > max => Err(format!("value must be no more than {max}")),
        _ => Ok(()),
    }
}

fn one_of(value: &str, words: &[&str]) -> Result<(), String> {
    if words.contains(&value) {
        return Ok(());
    }
    Err(format!("string must be one of: {}", words.join(", ")))
}

fn check_replicas(value: &str) -> Result<(), String> {
    let is_number = |text: &str| text.parse::<u32>().is_ok();
    let is_replica = |element: &str| {
        element
            .split_once(':')
            .is_some_and(|(partition, broker)| is_number(partition) && is_number(broker))
    };
    if value.trim() == "*" || elements(value).all(is_replica) {
        return Ok(());
    }
    Err("must be '*' or a list of partition:broker".to_owned())
}

fn check_class(value: &str, built_in: &str) -> Result<(), String> {
    if ["", built_in].contains(&value.trim()) {
        return Ok(());
    }
    Err(format!("classes are not loaded here: {built_in} is built in, and always on"))
}

fn check_principals(value: &str) -> Result<(), String> {
    match principals(value).find(|principal| !principal.contains(':')) {
        Some(wrong) => Err(format!("principal '{wrong}' is not of the form type:name")),
        None => Ok(()),
    }
}

fn check_offset_reset(value: &str) -> Result<(), String> {
    let legal = match value.split_once(':') {
        None => matches!(value, "latest" | "earliest"),
        Some(("by_duration", duration)) => is_duration(duration),
        Some(_) => false,
    };
    if legal {
        return Ok(());
    }
    Err("must be 'earliest', 'latest' or 'by_duration:<PnDTnHnMn.nS>'".to_owned())
}

/// True for `PnDTnHnMn.nS` with at least one of its parts, all of them non-negative.
fn is_duration(text: &str) -> bool {
    let Some(parts) = text.strip_prefix('P') else { return false };
    match parts.split_once('T') {
        Some((date, time)) => are_parts(date, "D") && !time.is_empty() && are_parts(time, "HMS"),
        None => !parts.is_empty() && are_parts(parts, "D"),
    }
}

/// True for numbers with units, each unit at most once and in this order.
fn are_parts(text: &str, units: &str) -> bool {
    let mut units = units.chars();
    let mut rest = text;
    while let Some(end) = rest.find(|c: char| !c.is_ascii_digit() && c != '.') {
        let (number, unit) = (&rest[..end], rest[end..].chars().next());
        let is_number = number.parse::<u64>().is_ok()
            || unit == Some('S') && number.parse::<f64>().is_ok_and(f64::is_finite);
        if !is_number || !units.any(|next| Some(next) == unit) {
            return false;
        }
        rest = &rest[end + 1..];
    }
    rest.is_empty()
}
