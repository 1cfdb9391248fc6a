//! What of a lifecycle configuration is taken, and S3's words for what is not. Codes and messages are those
//! that users of S3 report; where none is known, `MalformedXML` answers what the schema forbids.

use std::collections::HashSet;

use time::format_description::well_known::{Iso8601, Rfc3339};
use time::{Date, OffsetDateTime, Time, UtcOffset};

use super::rules::{
    Expiration, Filter, MinimumSize, Noncurrent, NoncurrentTransition, Predicate, Rule, Rules,
    Transition, When,
};
use crate::error::{Code, Result, S3Error};
use crate::storage_class;
use crate::xml::Element;

const MAX_RULES: usize = 1000;
const MAX_ID: usize = 255;
const MAX_PREFIX: usize = 1024;
/// Numbers of days are integers of Java.
const MAX_DAYS: i64 = i32::MAX as i64;
const MAX_NEWER: i64 = 100;
const MAX_TAG_KEY: usize = 128;
const MAX_TAG_VALUE: usize = 256;

fn malformed() -> S3Error {
    Code::MalformedXml.into()
}

fn argument(message: impl Into<String>) -> S3Error {
    S3Error::new(Code::InvalidArgument, message)
}

/// The content of `LifecycleConfiguration`.
pub(super) fn configuration(root: &Element) -> Result<Rules> {
    root.only(&["Rule"])?;
    if root.children.is_empty() || root.children.len() > MAX_RULES {
        return Err(malformed());
    }
    let rules: Vec<Rule> = root.children.iter().map(rule).collect::<Result<_>>()?;
    let mut ids = HashSet::new();
    if !rules.iter().all(|rule| ids.insert(rule.id.as_str())) {
        return Err(argument(
            "Rule ID must be unique. Found same ID for more than one rule",
        ));
    }
    check_legacy(&rules)?;
    Ok(Rules {
        rules,
        minimum_size: MinimumSize::default(),
    })
}

/// Whether a rule has an action.
type HasAction = fn(&Rule) -> bool;

/// A configuration is of the time of prefixes or of the time of filters; in the first, rules may not overlap.
fn check_legacy(rules: &[Rule]) -> Result<()> {
    let legacy: Vec<(&Rule, &str)> = rules
        .iter()
        .filter_map(|rule| match &rule.filter {
            Filter::Legacy(prefix) => Some((rule, prefix.as_str())),
            _ => None,
        })
        .collect();
    if legacy.is_empty() {
        return Ok(());
    }
    if legacy.len() < rules.len() {
        let first = rules.first().map(|rule| &rule.filter);
        return Err(S3Error::invalid_request(match first {
            Some(Filter::Legacy(_)) => "Filter element can only be used in Lifecycle V2.",
            _ => {
                "Base level prefix cannot be used in Lifecycle V2, prefixes are only supported in the Filter."
            }
        }));
    }
    let of_kind: [(&str, HasAction); 3] = [
        ("Expiration", |rule| rule.expiration.is_some()),
        ("NoncurrentVersionExpiration", |rule| {
            rule.noncurrent.is_some()
        }),
        ("AbortIncompleteMultipartUpload", |rule| {
            rule.abort.is_some()
        }),
    ];
    for (action, has) in of_kind {
        let mut prefixes: Vec<&str> = legacy
            .iter()
            .filter(|(rule, _)| has(rule))
            .map(|(_, prefix)| *prefix)
            .collect();
        // In order, a prefix of others stands right before one of them.
        prefixes.sort_unstable();
        for pair in prefixes.windows(2) {
            if let [one, other] = pair
                && other.starts_with(one)
            {
                return Err(S3Error::invalid_request(format!(
                    "Found overlapping prefixes '{one}' and '{other}' for same action type '{action}'"
                )));
            }
        }
    }
    Ok(())
}

fn rule(element: &Element) -> Result<Rule> {
    element.only(&[
        "ID",
        "Status",
        "Prefix",
        "Filter",
        "Expiration",
        "Transition",
        "NoncurrentVersionTransition",
        "NoncurrentVersionExpiration",
        "AbortIncompleteMultipartUpload",
    ])?;
    let enabled = match element.required_text("Status")?.trim() {
        "Enabled" => true,
        "Disabled" => false,
        _ => return Err(malformed()),
    };
    let filter = match (element.optional("Prefix")?, element.optional("Filter")?) {
        (Some(text), None) => Filter::Legacy(prefix(&text.text)?),
        (None, Some(element)) => filter(element)?,
        _ => return Err(malformed()),
    };
    let rule = Rule {
        id: id(element.optional_text("ID")?)?,
        enabled,
        filter,
        expiration: element
            .optional("Expiration")?
            .map(expiration)
            .transpose()?,
        noncurrent: element
            .optional("NoncurrentVersionExpiration")?
            .map(noncurrent)
            .transpose()?,
        transitions: element
            .all("Transition")
            .map(transition)
            .collect::<Result<_>>()?,
        noncurrent_transitions: element
            .all("NoncurrentVersionTransition")
            .map(noncurrent_transition)
            .collect::<Result<_>>()?,
        abort: element
            .optional("AbortIncompleteMultipartUpload")?
            .map(abort)
            .transpose()?,
    };
    check_combination(&rule)?;
    Ok(rule)
}

/// The id of a rule; S3 gives one to a rule that has none.
fn id(given: Option<&str>) -> Result<String> {
    match given {
        Some(id) if id.chars().count() > MAX_ID => {
            Err(argument("ID length should not exceed allowed limit of 255"))
        }
        Some(id) if !id.is_empty() => Ok(id.to_owned()),
        _ => {
            let mut random = [0; 24];
            sealgate_crypto::random::fill(&mut random).map_err(|_| Code::InternalError)?;
            Ok(hex::encode(random))
        }
    }
}

fn check_combination(rule: &Rule) -> Result<()> {
    let acts = rule.expiration.is_some()
        || rule.noncurrent.is_some()
        || rule.abort.is_some()
        || !rule.transitions.is_empty()
        || !rule.noncurrent_transitions.is_empty();
    if !acts {
        return Err(S3Error::invalid_request(
            "At least one action needs to be specified in a rule",
        ));
    }
    check_transitions(rule)?;
    let predicates = rule.filter.predicates();
    let by_tag = predicates
        .iter()
        .any(|predicate| matches!(predicate, Predicate::Tag { .. }));
    let by_size = predicates.iter().any(|predicate| {
        matches!(
            predicate,
            Predicate::LargerThan(_) | Predicate::SmallerThan(_)
        )
    });
    // Neither uploads nor delete markers have tags or a size that a rule could choose them by.
    let untold = [
        (rule.abort.is_some(), "AbortIncompleteMultipartUpload"),
        (
            matches!(rule.expiration, Some(Expiration::Markers(_))),
            "ExpiredObjectDeleteMarker",
        ),
    ];
    for (there, action) in untold {
        let what = match (there, by_tag, by_size) {
            (true, true, _) => "Tags",
            (true, false, true) => "ObjectSize",
            _ => continue,
        };
        return Err(S3Error::invalid_request(format!(
            "{action} cannot be specified with {what}."
        )));
    }
    let keeps = rule.noncurrent.is_some_and(|action| action.newer.is_some())
        || rule
            .noncurrent_transitions
            .iter()
            .any(|action| action.due.newer.is_some());
    if keeps && matches!(rule.filter, Filter::Legacy(_)) {
        return Err(S3Error::invalid_request(
            "NewerNoncurrentVersions can only be used in Lifecycle V2.",
        ));
    }
    Ok(())
}

/// Each class once, and nothing moved on the day that it goes.
fn check_transitions(rule: &Rule) -> Result<()> {
    let of_current = rule.transitions.iter().map(|action| &action.class);
    let of_noncurrent = rule.noncurrent_transitions.iter();
    let of_noncurrent = of_noncurrent.map(|action| &action.class);
    let (mut seen, mut seen_noncurrent) = (HashSet::new(), HashSet::new());
    let once = of_current.into_iter().all(|class| seen.insert(class))
        && of_noncurrent
            .into_iter()
            .all(|class| seen_noncurrent.insert(class));
    if !once {
        return Err(S3Error::invalid_request(
            "'StorageClass' must be different for 'Transition' actions in same 'Rule'",
        ));
    }
    for action in &rule.transitions {
        let goes_first = match (action.when, rule.expiration) {
            (When::Days(moved), Some(Expiration::Days(gone))) => gone <= moved,
            (When::Date(moved), Some(Expiration::Date(gone))) => gone <= moved,
            (When::Days(_), Some(Expiration::Date(_)))
            | (When::Date(_), Some(Expiration::Days(_))) => {
                return Err(S3Error::invalid_request(
                    "Found mixed 'Date' and 'Days' based Expiration and Transition actions in lifecycle rule",
                ));
            }
            _ => false,
        };
        if goes_first {
            return Err(argument(
                "'Days' in the Expiration action must be greater than 'Days' in the Transition action",
            ));
        }
    }
    let gone = rule.noncurrent.map(|action| action.days);
    let of_noncurrent = rule.noncurrent_transitions.iter();
    if gone.is_some_and(|gone| of_noncurrent.clone().any(|moved| gone <= moved.due.days)) {
        return Err(argument(
            "'NoncurrentDays' in the NoncurrentVersionExpiration action must be greater than 'NoncurrentDays' in the NoncurrentVersionTransition action",
        ));
    }
    Ok(())
}

/// Days that an object is there before it may go into one of the classes for infrequent access.
const INFREQUENT_DAYS: u32 = 30;

/// A class that AWS can move objects into; whether it has a store here is asked when the rules are put.
fn class(element: &Element) -> Result<String> {
    let class = element.required_text("StorageClass")?;
    if storage_class::way_down(class).is_some() {
        Ok(class.to_owned())
    } else {
        Err(malformed())
    }
}

fn check_infrequent(class: &str, days: u32, name: &str, action: &str) -> Result<()> {
    if class.ends_with("_IA") && days < INFREQUENT_DAYS {
        return Err(argument(format!(
            "'{name}' in {action} action must be greater than or equal to {INFREQUENT_DAYS} for storageClass '{class}'"
        )));
    }
    Ok(())
}

fn transition(element: &Element) -> Result<Transition> {
    element.only(&["Days", "Date", "StorageClass"])?;
    let class = class(element)?;
    let when = match (
        element.optional_text("Days")?,
        element.optional_text("Date")?,
    ) {
        (Some(text), None) => {
            let days: i64 = text.trim().parse().map_err(|_| malformed())?;
            let days = u32::try_from(days).ok().filter(|_| days <= MAX_DAYS);
            // An object may be moved the day it is made.
            let days =
                days.ok_or_else(|| argument("'Days' in Transition action must be nonnegative"))?;
            check_infrequent(&class, days, "Days", "Transition")?;
            When::Days(days)
        }
        (None, Some(text)) => When::Date(date(text.trim())?),
        _ => return Err(malformed()),
    };
    Ok(Transition { when, class })
}

fn noncurrent_transition(element: &Element) -> Result<NoncurrentTransition> {
    const ACTION: &str = "NoncurrentVersionTransition";
    element.only(&["NoncurrentDays", "NewerNoncurrentVersions", "StorageClass"])?;
    let class = class(element)?;
    let newer = count(element, "NewerNoncurrentVersions", ACTION, MAX_NEWER)?;
    let days = count(element, "NoncurrentDays", ACTION, MAX_DAYS)?.ok_or_else(malformed)?;
    check_infrequent(&class, days, "NoncurrentDays", ACTION)?;
    Ok(NoncurrentTransition {
        due: Noncurrent { days, newer },
        class,
    })
}

fn filter(element: &Element) -> Result<Filter> {
    let elements = match element.optional("And")? {
        Some(_) if element.children.len() > 1 => return Err(malformed()),
        Some(and) if and.children.len() < 2 => return Err(malformed()),
        Some(and) => &and.children,
        None if element.children.len() > 1 => return Err(malformed()),
        None => &element.children,
    };
    let mut predicates: Vec<Predicate> = elements.iter().map(predicate).collect::<Result<_>>()?;
    let mut keys = HashSet::new();
    let (mut larger, mut smaller) = (None, None);
    let mut prefixed = false;
    for predicate in &predicates {
        let twice = match predicate {
            Predicate::Prefix(_) => std::mem::replace(&mut prefixed, true),
            Predicate::LargerThan(size) => larger.replace(*size).is_some(),
            Predicate::SmallerThan(size) => smaller.replace(*size).is_some(),
            Predicate::Tag { key, .. } if !keys.insert(key.as_str()) => {
                return Err(S3Error::invalid_request(
                    "Duplicate Tag Keys are not allowed.",
                ));
            }
            Predicate::Tag { .. } => false,
        };
        if twice {
            return Err(malformed());
        }
    }
    if let (Some(larger), Some(smaller)) = (larger, smaller)
        && smaller <= larger
    {
        return Err(S3Error::invalid_request(
            "'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'.",
        ));
    }
    Ok(if element.optional("And")?.is_some() {
        Filter::And(predicates)
    } else {
        predicates.pop().map_or(Filter::All, Filter::One)
    })
}

fn predicate(element: &Element) -> Result<Predicate> {
    match element.name.as_str() {
        "Prefix" => Ok(Predicate::Prefix(prefix(&element.text)?)),
        "Tag" => tag(element),
        name @ ("ObjectSizeGreaterThan" | "ObjectSizeLessThan") => {
            let greater = name == "ObjectSizeGreaterThan";
            let size: i64 = element.text.trim().parse().map_err(|_| malformed())?;
            let size = u64::try_from(size)
                .ok()
                .filter(|size| greater || *size > 0)
                .ok_or_else(|| {
                    argument(format!(
                        "'{name}' has to be a {} integer value.",
                        if greater { "non-negative" } else { "positive" }
                    ))
                })?;
            Ok(if greater {
                Predicate::LargerThan(size)
            } else {
                Predicate::SmallerThan(size)
            })
        }
        _ => Err(malformed()),
    }
}

fn tag(element: &Element) -> Result<Predicate> {
    element.only(&["Key", "Value"])?;
    let (key, value) = (
        element.required_text("Key")?.to_owned(),
        element.required_text("Value")?.to_owned(),
    );
    let length = |text: &str| text.encode_utf16().count();
    if !(1..=MAX_TAG_KEY).contains(&length(&key)) {
        return Err(S3Error::invalid_request(
            "A Tag's Key must be a length between 1 and 128.",
        ));
    }
    if length(&value) > MAX_TAG_VALUE {
        return Err(S3Error::invalid_request(
            "A Tag's Value must be a length between 0 and 256.",
        ));
    }
    Ok(Predicate::Tag { key, value })
}

fn prefix(text: &str) -> Result<String> {
    if text.len() > MAX_PREFIX {
        return Err(S3Error::invalid_request(
            "The maximum size of a prefix is 1024.",
        ));
    }
    Ok(text.to_owned())
}

/// A number of days, or of versions, that an action counts.
fn count(element: &Element, name: &str, action: &str, max: i64) -> Result<Option<u32>> {
    let Some(text) = element.optional_text(name)? else {
        return Ok(None);
    };
    let number: i64 = text.trim().parse().map_err(|_| malformed())?;
    if number > MAX_DAYS {
        return Err(malformed());
    }
    u32::try_from(number)
        .ok()
        .filter(|number| (1..=max).contains(&i64::from(*number)))
        .map(Some)
        .ok_or_else(|| {
            let bound = match max {
                MAX_DAYS => String::new(),
                max => format!(" that is at most {max}"),
            };
            argument(format!(
                "'{name}' for {action} action must be a positive integer{bound}"
            ))
        })
}

fn expiration(element: &Element) -> Result<Expiration> {
    element.only(&["Days", "Date", "ExpiredObjectDeleteMarker"])?;
    let [only] = element.children.as_slice() else {
        return Err(malformed());
    };
    match only.name.as_str() {
        "Days" => count(element, "Days", "Expiration", MAX_DAYS)?
            .map(Expiration::Days)
            .ok_or_else(malformed),
        "Date" => date(only.text.trim()).map(Expiration::Date),
        _ => match only.text.trim() {
            "true" => Ok(Expiration::Markers(true)),
            "false" => Ok(Expiration::Markers(false)),
            _ => Err(malformed()),
        },
    }
}

/// A day, which may be given as the moment it begins. HTTP knows none before 1970.
fn date(text: &str) -> Result<Date> {
    let date = if text.contains('T') {
        let time = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| malformed())?;
        let time = time
            .checked_to_offset(UtcOffset::UTC)
            .ok_or_else(malformed)?;
        if time.time() != Time::MIDNIGHT {
            return Err(argument("'Date' must be at midnight GMT"));
        }
        time.date()
    } else {
        Date::parse(text, &Iso8601::DATE).map_err(|_| malformed())?
    };
    if date.year() < 1970 {
        return Err(malformed());
    }
    Ok(date)
}

fn noncurrent(element: &Element) -> Result<Noncurrent> {
    const ACTION: &str = "NoncurrentVersionExpiration";
    element.only(&["NoncurrentDays", "NewerNoncurrentVersions"])?;
    let newer = count(element, "NewerNoncurrentVersions", ACTION, MAX_NEWER)?;
    // S3 reads a missing number as none, and says so.
    let days = count(element, "NoncurrentDays", ACTION, MAX_DAYS)?.ok_or_else(|| {
        argument(format!(
            "'NoncurrentDays' for {ACTION} action must be a positive integer"
        ))
    })?;
    Ok(Noncurrent { days, newer })
}

fn abort(element: &Element) -> Result<u32> {
    const ACTION: &str = "AbortIncompleteMultipartUpload";
    element.only(&["DaysAfterInitiation"])?;
    count(element, "DaysAfterInitiation", ACTION, MAX_DAYS)?.ok_or_else(malformed)
}
