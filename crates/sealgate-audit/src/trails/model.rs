//! What a trail is set to, and where its delivery stands.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::fault::TrailFault;
use super::selectors::EventSelector;
use crate::files::{LogFile, PreviousDigest};

/// A trail, as it was set up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrailSettings {
    /// Its name, unique in the account.
    pub name: String,
    /// Whose events it delivers.
    pub account_id: String,
    /// The region it was made in.
    pub region: String,
    /// The bucket that files are delivered into.
    pub bucket: String,
    /// What stands before `AWSLogs/` in their keys.
    #[serde(default)]
    pub prefix: Option<String>,
    /// ARN of the KMS key that they are encrypted with; otherwise the bucket's default counts.
    #[serde(default)]
    pub kms_key: Option<String>,
    /// `IncludeGlobalServiceEvents`. There is one region here, and IAM is always in it.
    #[serde(default)]
    pub global_events: bool,
    /// `IsMultiRegionTrail`.
    #[serde(default)]
    pub multi_region: bool,
    /// Whether digest files are delivered.
    #[serde(default)]
    pub validation: bool,
    /// Which events; `None` stands for all management events.
    #[serde(default)]
    pub selectors: Option<Vec<EventSelector>>,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

impl TrailSettings {
    /// The trail's ARN.
    #[must_use]
    pub fn arn(&self) -> String {
        let TrailSettings {
            name,
            account_id,
            region,
            ..
        } = self;
        format!("arn:aws:cloudtrail:{region}:{account_id}:trail/{name}")
    }

    /// The selectors in force.
    #[must_use]
    pub fn effective_selectors(&self) -> Vec<EventSelector> {
        self.selectors
            .clone()
            .unwrap_or_else(|| vec![EventSelector::default()])
    }
}

/// What UpdateTrail changes: what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct TrailChange {
    /// Another bucket.
    pub bucket: Option<String>,
    /// Another prefix; an empty one for none.
    pub prefix: Option<String>,
    /// The ARN of another key; an empty one for none.
    pub kms_key: Option<String>,
    /// `IncludeGlobalServiceEvents`.
    pub global_events: Option<bool>,
    /// `IsMultiRegionTrail`.
    pub multi_region: Option<bool>,
    /// Digest files.
    pub validation: Option<bool>,
}

/// A stretch of the audit trail that a trail delivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stretch {
    /// Everything up to this sequence is delivered, or was never to be.
    pub(crate) after: i64,
    /// The last record; `None` while it is logging.
    pub(crate) until: Option<i64>,
}

impl Stretch {
    /// Whether there is, or may come, something to deliver.
    pub(crate) fn is_open(&self) -> bool {
        self.until.is_none_or(|until| self.after < until)
    }
}

/// Where the delivery of a trail stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrailStatus {
    /// What is to be delivered, the oldest first. Only the last one may be open.
    #[serde(default)]
    pub(crate) stretches: Vec<Stretch>,
    /// When logging was started last.
    #[serde(default, with = "time::serde::timestamp::option")]
    pub started: Option<OffsetDateTime>,
    /// When it was stopped last.
    #[serde(default, with = "time::serde::timestamp::option")]
    pub stopped: Option<OffsetDateTime>,
    /// When delivery was tried last.
    #[serde(default, with = "time::serde::timestamp::option")]
    pub attempted: Option<OffsetDateTime>,
    /// When a file was delivered last.
    #[serde(default, with = "time::serde::timestamp::option")]
    pub delivered: Option<OffsetDateTime>,
    /// Why the last attempt failed: a code of S3.
    #[serde(default)]
    pub error: Option<String>,
    /// When a digest was delivered last.
    #[serde(default, with = "time::serde::timestamp::option")]
    pub digested: Option<OffsetDateTime>,
    /// Why the last digest was not delivered.
    #[serde(default)]
    pub digest_error: Option<String>,
    /// Since when the next digest counts.
    #[serde(default, with = "time::serde::timestamp::option")]
    pub(crate) digest_start: Option<OffsetDateTime>,
    /// What the next digest is about.
    #[serde(default)]
    pub(crate) files: Vec<LogFile>,
    #[serde(default)]
    pub(crate) previous: Option<PreviousDigest>,
}

impl TrailStatus {
    /// Whether the trail is logging.
    #[must_use]
    pub fn is_logging(&self) -> bool {
        self.stretches
            .last()
            .is_some_and(|stretch| stretch.until.is_none())
    }
}

/// Checks a trail's name.
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-trail-naming-requirements.html>
///
/// # Errors
/// If it breaks one of the rules.
pub fn check_name(name: &str) -> Result<(), TrailFault> {
    let sign = |c: char| matches!(c, '.' | '_' | '-');
    let refuse = |why| Err(TrailFault::InvalidName(why));
    if !(3..=128).contains(&name.len()) {
        return refuse("Trail name must be between 3 and 128 characters.");
    }
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || sign(c)) {
        return refuse(
            "Trail name or ARN can only contain uppercase letters, lowercase letters, numbers, periods (.), hyphens (-), and underscores (_).",
        );
    }
    if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return refuse("Trail name must start with a letter or number.");
    }
    if !name.ends_with(|c: char| c.is_ascii_alphanumeric()) {
        return refuse("Trail name must end with a letter or number.");
    }
    if name
        .as_bytes()
        .windows(2)
        .any(|two| two.iter().all(|b| sign(char::from(*b))))
    {
        return refuse("Trail name cannot have adjacent periods, hyphens or underscores.");
    }
    if name.parse::<std::net::Ipv4Addr>().is_ok() {
        return refuse("Trail name must not be formatted as an IP address.");
    }
    Ok(())
}

/// Checks a prefix of keys: at most 200 characters, and a name that can be one.
///
/// # Errors
/// If it is too long, or starts or ends with a slash.
pub fn check_prefix(prefix: &str) -> Result<(), TrailFault> {
    let usable = prefix.chars().count() <= 200
        && !prefix.starts_with('/')
        && !prefix.ends_with('/')
        && !prefix.contains(char::is_control);
    if usable {
        Ok(())
    } else {
        Err(TrailFault::InvalidPrefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_cloudtrails_rules() {
        for good in ["abc", "my-trail", "a.b_c-d", "3rd"] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for bad in [
            "ab", "-abc", "abc.", "a..b", "a_-b", "10.0.0.1", "a b c", "ä-trail",
        ] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
        assert!(check_name(&"x".repeat(129)).is_err());
    }
}
