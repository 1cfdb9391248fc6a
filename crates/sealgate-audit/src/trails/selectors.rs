//! Event selectors: which events a trail is about.
//! <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_EventSelector.html>

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::RwLock;
use sealgate_index::TrailEntry;
use serde::{Deserialize, Serialize};

use super::fault::TrailFault;
use super::model::TrailSettings;

const S3_OBJECT: &str = "AWS::S3::Object";
const MAX_SELECTORS: usize = 5;
const MAX_VALUES: usize = 250;
/// Sources that management events can be left out of.
const EXCLUDABLE: [&str; 2] = ["kms.amazonaws.com", "rdsdata.amazonaws.com"];

/// Which kind of calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReadWriteType {
    /// Calls that change nothing.
    ReadOnly,
    /// Calls that change something.
    WriteOnly,
    /// Both.
    #[default]
    All,
}

impl ReadWriteType {
    fn covers(self, read_only: bool) -> bool {
        match self {
            ReadWriteType::All => true,
            ReadWriteType::ReadOnly => read_only,
            ReadWriteType::WriteOnly => !read_only,
        }
    }
}

/// Objects whose data events are recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataResource {
    /// The type; only `AWS::S3::Object` here.
    pub kind: String,
    /// `arn:aws:s3` for all objects, or beginnings of ARNs of objects.
    pub values: Vec<String>,
}

/// A selector. An event is delivered if one of a trail's selectors covers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventSelector {
    /// Which kind of calls.
    #[serde(default)]
    pub read_write: ReadWriteType,
    /// Whether management events are.
    pub management: bool,
    /// Which data events are.
    #[serde(default)]
    pub data: Vec<DataResource>,
    /// Services whose management events are not.
    #[serde(default)]
    pub excluded: Vec<String>,
}

impl Default for EventSelector {
    /// What a new trail has: all management events, and no data events.
    fn default() -> EventSelector {
        EventSelector {
            read_write: ReadWriteType::All,
            management: true,
            data: Vec::new(),
            excluded: Vec::new(),
        }
    }
}

impl EventSelector {
    /// Whether a record is covered.
    pub(crate) fn covers(&self, entry: &TrailEntry) -> bool {
        if !self.read_write.covers(entry.read_only) {
            return false;
        }
        if entry.listed {
            return self.management && !self.excluded.contains(&entry.event_source);
        }
        entry
            .resources
            .iter()
            .any(|(kind, arn)| match kind.as_str() {
                S3_OBJECT => self.covers_object(arn),
                // A call on the bucket as a whole, such as a listing.
                _ => self.covers_object(&format!("{arn}/")),
            })
    }

    fn covers_object(&self, arn: &str) -> bool {
        let mut values = self.data.iter().flat_map(|data| &data.values);
        values.any(|value| arn.starts_with(value.as_str()))
    }
}

/// Checks selectors.
///
/// # Errors
/// [`TrailFault::InvalidSelectors`] with what is wrong.
pub fn check_selectors(selectors: &[EventSelector]) -> Result<(), TrailFault> {
    let refuse = |why: String| Err(TrailFault::InvalidSelectors(why));
    if selectors.is_empty() || selectors.len() > MAX_SELECTORS {
        return refuse(format!("A trail has 1 to {MAX_SELECTORS} event selectors."));
    }
    let mut values = 0;
    for selector in selectors {
        if let Some(other) = selector
            .excluded
            .iter()
            .find(|source| !EXCLUDABLE.contains(&source.as_str()))
        {
            return refuse(format!(
                "{other} cannot be excluded from management events."
            ));
        }
        if !selector.excluded.is_empty() && !selector.management {
            return refuse("ExcludeManagementEventSources needs IncludeManagementEvents.".into());
        }
        for data in &selector.data {
            if data.kind != S3_OBJECT {
                return refuse(format!(
                    "Data resources of the type {} are not supported: only {S3_OBJECT} is.",
                    data.kind
                ));
            }
            values += data.values.len();
            for value in &data.values {
                let all = value == "arn:aws:s3" || value == "arn:aws:s3:::";
                let place = value.strip_prefix("arn:aws:s3:::").unwrap_or_default();
                // Without the slash the value would cover other buckets whose names begin alike.
                let bucket = place.split_once('/').map_or("", |(bucket, _)| bucket);
                if !all && bucket.is_empty() {
                    return refuse(format!(
                        "Value {value} for DataResources.Values is invalid."
                    ));
                }
            }
        }
    }
    if values > MAX_VALUES {
        return refuse(format!("A trail can have {MAX_VALUES} data resources."));
    }
    Ok(())
}

/// What data events trails that log have selected: asked at every call of S3.
#[derive(Default)]
pub(crate) struct Selected {
    any: AtomicBool,
    rules: RwLock<Arc<Vec<(String, EventSelector)>>>,
}

impl Selected {
    /// Takes over what these trails select.
    pub(crate) fn set<'a>(&self, logging: impl Iterator<Item = &'a TrailSettings>) {
        let rules: Vec<_> = logging
            .flat_map(|trail| {
                let selectors = trail.selectors.iter().flatten();
                let selectors = selectors.filter(|selector| !selector.data.is_empty());
                selectors.map(|selector| (trail.account_id.clone(), selector.clone()))
            })
            .collect();
        let any = !rules.is_empty();
        *self.rules.write() = Arc::new(rules);
        self.any.store(any, Ordering::Release);
    }

    /// Whether any data event is selected at all.
    pub(crate) fn any(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    /// Whether a trail of the account covers a call on `place` (`bucket/key`, `bucket/` for a bucket).
    pub(crate) fn covers(&self, account: &str, place: &str, read_only: bool) -> bool {
        let rules = Arc::clone(&self.rules.read());
        let arn = format!("arn:aws:s3:::{place}");
        rules.iter().any(|(owner, selector)| {
            owner == account
                && selector.read_write.covers(read_only)
                && selector.covers_object(&arn)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selector(values: &[&str]) -> EventSelector {
        EventSelector {
            data: vec![DataResource {
                kind: S3_OBJECT.to_owned(),
                values: values.iter().map(|value| (*value).to_owned()).collect(),
            }],
            ..EventSelector::default()
        }
    }

    #[test]
    fn values_that_would_cover_other_buckets_are_refused() {
        for good in [
            "arn:aws:s3",
            "arn:aws:s3:::",
            "arn:aws:s3:::b/",
            "arn:aws:s3:::b/x/",
        ] {
            assert_eq!(check_selectors(&[selector(&[good])]), Ok(()), "{good}");
        }
        for bad in ["", "arn:aws:s3:::b", "arn:aws:s3:::/x", "b/", "arn:aws:s"] {
            assert!(check_selectors(&[selector(&[bad])]).is_err(), "{bad}");
        }
        assert!(check_selectors(&[]).is_err());
        assert!(check_selectors(&[selector(&["arn:aws:s3:::b/"; 251])]).is_err());
    }

    #[test]
    fn objects_are_covered_by_the_beginning_of_their_arn() {
        let some = selector(&["arn:aws:s3:::b/x"]);
        assert!(some.covers_object("arn:aws:s3:::b/xy"));
        assert!(!some.covers_object("arn:aws:s3:::b/"));
        assert!(!some.covers_object("arn:aws:s3:::bb/x"));
        assert!(selector(&["arn:aws:s3"]).covers_object("arn:aws:s3:::any/key"));
    }
}
