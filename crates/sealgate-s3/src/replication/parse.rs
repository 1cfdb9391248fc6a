//! What of a replication configuration is taken, and S3's words for what is not. Sentences are those that users of S3
//! report, where they do; where none is known, `MalformedXML` answers what the schema forbids.

use std::collections::HashSet;

use sealgate_iam::RoleArn;

use super::rules::{Destination, Filter, Rule, Rules};
use crate::error::{Code, Result, S3Error};
use crate::names::BucketName;
use crate::storage_class;
use crate::xml::Element;

const MAX_RULES: usize = 1000;
const MAX_ID: usize = 255;
const MAX_PREFIX: usize = 1024;
const MAX_TAG_KEY: usize = 128;
const MAX_TAG_VALUE: usize = 256;
/// The one threshold that S3 has.
const MINUTES: i32 = 15;

fn malformed() -> S3Error {
    Code::MalformedXml.into()
}

fn argument(message: impl Into<String>) -> S3Error {
    S3Error::new(Code::InvalidArgument, message)
}

/// The content of `ReplicationConfiguration`.
pub(super) fn configuration(root: &Element) -> Result<Rules> {
    root.only(&["Role", "Rule"])?;
    let role = root.required_text("Role")?.trim();
    RoleArn::parse(role).map_err(|_| argument("Invalid Role ARN"))?;
    let rules: Vec<Rule> = root.all("Rule").map(rule).collect::<Result<_>>()?;
    if rules.is_empty() {
        return Err(malformed());
    }
    if rules.len() > MAX_RULES {
        return Err(S3Error::invalid_request(
            "The number of replication rules must not exceed the allowed limit of 1000 rules.",
        ));
    }
    let mut ids = HashSet::new();
    if !rules.iter().all(|rule| ids.insert(rule.id.as_str())) {
        return Err(S3Error::invalid_request(
            "Rule Id must be unique. Found same Id for more than one rule.",
        ));
    }
    check_together(&rules)?;
    Ok(Rules {
        role: role.to_owned(),
        rules,
    })
}

/// A configuration is of the first version, whose rules may not overlap and go to one bucket, or of the second, whose
/// rules have priorities.
fn check_together(rules: &[Rule]) -> Result<()> {
    let mut legacy: Vec<&str> = rules
        .iter()
        .filter_map(|rule| match &rule.filter {
            Filter::Legacy(prefix) => Some(prefix.as_str()),
            _ => None,
        })
        .collect();
    if legacy.is_empty() {
        let mut priorities = HashSet::new();
        for rule in rules {
            let priority = rule.priority.unwrap_or_default();
            if !priorities.insert(priority) {
                return Err(S3Error::invalid_request(format!(
                    "Priority must be unique. Found same priority {priority} for multiple rules."
                )));
            }
        }
        return Ok(());
    }
    if legacy.len() < rules.len() {
        return Err(S3Error::invalid_request(
            "Filter must be specified for this version of Cross Region Replication configuration schema. Please refer to S3 Developer Guide for more information.",
        ));
    }
    // In order, a prefix of others stands right before one of them.
    legacy.sort_unstable();
    for pair in legacy.windows(2) {
        if let [one, other] = pair
            && other.starts_with(one)
        {
            return Err(S3Error::invalid_request(format!(
                "Found overlapping prefixes '{one}' and '{other}'."
            )));
        }
    }
    let mut buckets = rules.iter().map(|rule| rule.destination.bucket.as_str());
    let first = buckets.next();
    if buckets.any(|bucket| Some(bucket) != first) {
        return Err(S3Error::invalid_request(
            "Number of distinct destination bucket ARNs cannot exceed 1",
        ));
    }
    Ok(())
}

fn rule(element: &Element) -> Result<Rule> {
    element.only(&[
        "ID",
        "Priority",
        "Prefix",
        "Filter",
        "Status",
        "SourceSelectionCriteria",
        "ExistingObjectReplication",
        "Destination",
        "DeleteMarkerReplication",
    ])?;
    let filter = match (element.optional("Prefix")?, element.optional("Filter")?) {
        (Some(text), None) => Filter::Legacy(prefix(&text.text)?),
        (None, Some(element)) => filter(element)?,
        _ => return Err(malformed()),
    };
    let priority = element
        .optional_text("Priority")?
        .map(|text| text.trim().parse::<i32>().map_err(|_| malformed()))
        .transpose()?;
    if priority.is_some_and(|priority| priority < 0) {
        return Err(argument("Priority must not be negative."));
    }
    let (mut kms, mut replicas) = (None, None);
    if let Some(criteria) = element.optional("SourceSelectionCriteria")? {
        criteria.only(&["SseKmsEncryptedObjects", "ReplicaModifications"])?;
        kms = status_of(criteria, "SseKmsEncryptedObjects")?;
        replicas = status_of(criteria, "ReplicaModifications")?;
    }
    let rule = Rule {
        id: id(element.optional_text("ID")?)?,
        priority,
        enabled: status(element)?,
        filter,
        kms,
        replicas,
        existing: status_of(element, "ExistingObjectReplication")?,
        markers: status_of(element, "DeleteMarkerReplication")?,
        destination: destination(element.optional("Destination")?.ok_or_else(malformed)?)?,
    };
    check_rule(&rule)?;
    Ok(rule)
}

fn check_rule(rule: &Rule) -> Result<()> {
    const GUIDE: &str = "for this version of Cross Region Replication configuration schema. Please refer to S3 Developer Guide for more information.";
    let refused = |message: String| Err(S3Error::invalid_request(message));
    if matches!(rule.filter, Filter::Legacy(_)) {
        if rule.priority.is_some() {
            return refused(format!("Priority cannot be used {GUIDE}"));
        }
        if rule.markers.is_some() {
            return refused(format!("DeleteMarkerReplication cannot be used {GUIDE}"));
        }
    } else {
        if rule.priority.is_none() {
            return refused(format!("Priority must be specified {GUIDE}"));
        }
        if rule.markers.is_none() {
            return refused(format!("DeleteMarkerReplication must be specified {GUIDE}"));
        }
        if rule.markers == Some(true) && !rule.filter.tags().is_empty() {
            return refused(
                "Delete marker replication is not supported if any Tag filter is specified. Please refer to S3 Developer Guide for more information.".to_owned(),
            );
        }
    }
    let destination = &rule.destination;
    match (rule.kms, &destination.kms_key) {
        (None, Some(_)) => {
            return refused(
                "SseKmsEncryptedObjects must be specified if EncryptionConfiguration is present."
                    .to_owned(),
            );
        }
        (Some(true), None) => {
            return refused(
                "EncryptionConfiguration must be specified if SseKmsEncryptedObjects tag is enabled."
                    .to_owned(),
            );
        }
        _ => {}
    }
    if destination.translate && destination.account.is_none() {
        return refused(
            "Account must be specified if AccessControlTranslation is present.".to_owned(),
        );
    }
    if destination.time.is_some_and(|(on, _)| on) && !destination.metrics.is_some_and(|(on, _)| on)
    {
        return refused("Metrics must be enabled if ReplicationTime is enabled.".to_owned());
    }
    Ok(())
}

fn status(element: &Element) -> Result<bool> {
    match element.required_text("Status")?.trim() {
        "Enabled" => Ok(true),
        "Disabled" => Ok(false),
        _ => Err(malformed()),
    }
}

/// The `Status` in an element of this name.
fn status_of(parent: &Element, name: &str) -> Result<Option<bool>> {
    let Some(element) = parent.optional(name)? else {
        return Ok(None);
    };
    element.only(&["Status"])?;
    status(element).map(Some)
}

/// The id of a rule; S3 gives one to a rule that has none.
fn id(given: Option<&str>) -> Result<String> {
    match given {
        Some(id) if id.chars().count() > MAX_ID => {
            Err(argument("ID length should not exceed allowed limit of 255"))
        }
        Some(id) if !id.is_empty() => Ok(id.to_owned()),
        _ => Ok(uuid::Uuid::new_v4().to_string()),
    }
}

fn prefix(text: &str) -> Result<String> {
    if text.len() > MAX_PREFIX {
        return Err(argument("The maximum size of a prefix is 1024."));
    }
    Ok(text.to_owned())
}

fn tag(element: &Element) -> Result<(String, String)> {
    element.only(&["Key", "Value"])?;
    let (key, value) = (
        element.required_text("Key")?,
        element.required_text("Value")?,
    );
    let length = |text: &str| text.encode_utf16().count();
    if key.is_empty() || length(key) > MAX_TAG_KEY {
        let message = "The TagKey you have provided is invalid";
        return Err(S3Error::new(Code::InvalidTag, message));
    }
    if length(value) > MAX_TAG_VALUE {
        let message = "The TagValue you have provided is invalid";
        return Err(S3Error::new(Code::InvalidTag, message));
    }
    Ok((key.to_owned(), value.to_owned()))
}

fn filter(element: &Element) -> Result<Filter> {
    element.only(&["Prefix", "Tag", "And"])?;
    if element.children.len() > 1 {
        return Err(malformed());
    }
    if let Some(text) = element.optional_text("Prefix")? {
        return prefix(text).map(Filter::Prefix);
    }
    if let Some(element) = element.optional("Tag")? {
        return tag(element).map(|(key, value)| Filter::Tag(key, value));
    }
    let Some(and) = element.optional("And")? else {
        return Ok(Filter::All);
    };
    and.only(&["Prefix", "Tag"])?;
    let tags: Vec<(String, String)> = and.all("Tag").map(tag).collect::<Result<_>>()?;
    let mut keys = HashSet::new();
    if !tags.iter().all(|(key, _)| keys.insert(key.as_str())) {
        return Err(S3Error::invalid_request(
            "Duplicate Tag Keys are not allowed.",
        ));
    }
    let prefix = and.optional_text("Prefix")?.map(prefix).transpose()?;
    if tags.is_empty() && prefix.is_none() {
        return Err(malformed());
    }
    Ok(Filter::And { prefix, tags })
}

fn destination(element: &Element) -> Result<Destination> {
    element.only(&[
        "Bucket",
        "Account",
        "StorageClass",
        "AccessControlTranslation",
        "EncryptionConfiguration",
        "ReplicationTime",
        "Metrics",
    ])?;
    let bucket = element.required_text("Bucket")?.trim();
    let name = bucket
        .strip_prefix("arn:aws:s3:::")
        .and_then(|name| BucketName::parse(name).ok())
        .ok_or_else(|| argument("Invalid bucket ARN"))?;
    let account = element.optional_text("Account")?.map(str::trim);
    if account.is_some_and(|id| id.len() != 12 || !id.bytes().all(|b| b.is_ascii_digit())) {
        return Err(argument("Invalid account"));
    }
    let class = element.optional_text("StorageClass")?.map(str::trim);
    match class {
        None | Some("STANDARD") => {}
        Some(class) if storage_class::is_known(class) => {
            return Err(S3Error::new(
                Code::NotImplemented,
                "Replicas in another storage class than their original's are not implemented by this server.",
            ));
        }
        Some(_) => return Err(malformed()),
    }
    let translation = element.optional("AccessControlTranslation")?;
    if let Some(translation) = translation {
        translation.only(&["Owner"])?;
        if translation.required_text("Owner")?.trim() != "Destination" {
            return Err(malformed());
        }
    }
    let mut kms_key = None;
    if let Some(encryption) = element.optional("EncryptionConfiguration")? {
        encryption.only(&["ReplicaKmsKeyID"])?;
        let key = encryption.optional_text("ReplicaKmsKeyID")?.map(str::trim);
        kms_key = key.filter(|key| !key.is_empty()).map(str::to_owned);
        if kms_key.is_none() {
            return Err(malformed());
        }
    }
    let mut time = None;
    if let Some(asked) = element.optional("ReplicationTime")? {
        asked.only(&["Status", "Time"])?;
        let minutes = minutes(asked.optional("Time")?.ok_or_else(malformed)?)?;
        time = Some((status(asked)?, minutes));
    }
    let mut metrics = None;
    if let Some(asked) = element.optional("Metrics")? {
        asked.only(&["Status", "EventThreshold"])?;
        let threshold = asked.optional("EventThreshold")?.map(minutes).transpose()?;
        metrics = Some((status(asked)?, threshold));
    }
    Ok(Destination {
        bucket: name.as_str().to_owned(),
        account: account.map(str::to_owned),
        storage_class: class.map(str::to_owned),
        translate: translation.is_some(),
        kms_key,
        time,
        metrics,
    })
}

fn minutes(element: &Element) -> Result<i32> {
    element.only(&["Minutes"])?;
    match element.required_text("Minutes")?.trim().parse() {
        Ok(MINUTES) => Ok(MINUTES),
        Ok(_) => Err(argument("Minutes must be 15.")),
        Err(_) => Err(malformed()),
    }
}
