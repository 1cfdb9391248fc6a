//! What rules say of a version or an upload, and when. S3 counts in days that end at midnight UTC: what is so
//! many days old is due at the midnight that follows
//! ([expiring objects](https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html#non-current-days-calculations)).

use sealgate_index::ScannedVersion;
use time::{Date, Duration, OffsetDateTime, UtcOffset};

use super::rules::{Expiration, Filter, Predicate, Rule, Rules, When};
use crate::storage_class::way_down;
use crate::tags::Tags;

/// What is to be done with a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Keep,
    /// The current version of an object: deleted, or marked as deleted where versions are kept.
    Expire,
    /// A version that is not current: removed for good.
    RemoveNoncurrent,
    /// A delete marker that marks nothing any more: removed.
    RemoveMarker,
}

/// A version, as far as rules ask.
pub(super) struct Candidate<'a> {
    pub(super) key: &'a str,
    /// Of an object; a delete marker has none.
    pub(super) size: Option<u64>,
    pub(super) tags: &'a Tags,
    pub(super) modified: OffsetDateTime,
    pub(super) is_latest: bool,
    pub(super) lone_marker: bool,
    pub(super) noncurrent_since: Option<OffsetDateTime>,
    pub(super) newer_noncurrent: u32,
}

impl<'a> Candidate<'a> {
    pub(super) fn new(scanned: &'a ScannedVersion, tags: &'a Tags) -> Self {
        let listed = &scanned.listed;
        Self {
            key: &listed.object.key,
            size: (!listed.delete_marker).then_some(listed.object.size),
            tags,
            modified: listed.object.modified,
            is_latest: listed.is_latest,
            lone_marker: scanned.lone_marker,
            noncurrent_since: scanned.noncurrent_since,
            newer_noncurrent: scanned.newer_noncurrent,
        }
    }
}

/// Objects below this size are not moved, unless a rule says otherwise by their size.
const SMALLEST_MOVED: u64 = 128 * 1024;

impl Rule {
    fn moves(&self) -> bool {
        !self.transitions.is_empty() || !self.noncurrent_transitions.is_empty()
    }
}

/// The day at whose beginning something is so many days old, rounded up. `None`: never.
pub(super) fn due(since: OffsetDateTime, days: u32) -> Option<Date> {
    since
        .to_offset(UtcOffset::UTC)
        .checked_add(Duration::days(days.into()))?
        .date()
        .next_day()
}

impl Filter {
    fn is_about_size(&self) -> bool {
        self.predicates().iter().any(|predicate| {
            matches!(
                predicate,
                Predicate::LargerThan(_) | Predicate::SmallerThan(_)
            )
        })
    }

    /// Whether a rule is about this. Delete markers have no size, and are no object's that has one.
    fn matches(&self, key: &str, size: Option<u64>, tags: &Tags) -> bool {
        if let Self::Legacy(prefix) = self {
            return key.starts_with(prefix.as_str());
        }
        self.predicates().iter().all(|predicate| match predicate {
            Predicate::Prefix(prefix) => key.starts_with(prefix.as_str()),
            Predicate::Tag { key, value } => tags
                .iter()
                .any(|(name, tagged)| name == key && tagged == value),
            Predicate::LargerThan(bound) => size.is_some_and(|size| size > *bound),
            Predicate::SmallerThan(bound) => size.is_some_and(|size| size < *bound),
        })
    }
}

impl Rules {
    fn enabled(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(|rule| rule.enabled)
    }

    /// Whether there is anything to do with versions.
    pub(super) fn about_versions(&self) -> bool {
        self.enabled()
            .any(|rule| rule.expiration.is_some() || rule.noncurrent.is_some() || rule.moves())
    }

    /// Whether there is anything to move into other storage classes.
    pub(super) fn about_classes(&self) -> bool {
        self.enabled().any(Rule::moves)
    }

    /// The storage classes that rules name, also those that are turned off.
    pub(crate) fn classes(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().flat_map(|rule| {
            let current = rule.transitions.iter().map(|action| &action.class);
            let noncurrent = rule.noncurrent_transitions.iter();
            current
                .chain(noncurrent.map(|action| &action.class))
                .map(String::as_str)
        })
    }

    /// The storage class that a version is to be in at the beginning of a day, if it is another: the last of those
    /// that are due on AWS's way down
    /// ([transitions](https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-transition-general-considerations.html)).
    pub(super) fn class(
        &self,
        candidate: &Candidate<'_>,
        class: Option<&str>,
        day: Date,
    ) -> Option<&str> {
        let size = candidate.size?;
        let has_come = |date: Option<Date>| date.is_some_and(|date| date <= day);
        let rules = self
            .enabled()
            .filter(|rule| {
                rule.filter
                    .matches(candidate.key, Some(size), candidate.tags)
            })
            .filter(|rule| size >= SMALLEST_MOVED || rule.filter.is_about_size());
        let due = rules.flat_map(|rule| {
            let current = rule.transitions.iter().filter(|action| {
                candidate.is_latest
                    && match action.when {
                        When::Days(days) => has_come(due(candidate.modified, days)),
                        When::Date(date) => has_come(Some(date)),
                    }
            });
            let noncurrent = rule.noncurrent_transitions.iter().filter(|action| {
                let enough = action
                    .due
                    .newer
                    .is_none_or(|newer| candidate.newer_noncurrent >= newer);
                let since = candidate.noncurrent_since.filter(|_| !candidate.is_latest);
                enough && since.is_some_and(|since| has_come(due(since, action.due.days)))
            });
            current
                .map(|action| &action.class)
                .chain(noncurrent.map(|action| &action.class))
        });
        due.map(String::as_str)
            .max_by_key(|class| way_down(class))
            .filter(|to| way_down(to) > class.and_then(way_down))
    }

    /// Whether there is anything to do with uploads.
    pub(super) fn about_uploads(&self) -> bool {
        self.enabled().any(|rule| rule.abort.is_some())
    }

    /// What is to be done with a version at the beginning of a day.
    pub(super) fn judge(&self, candidate: &Candidate<'_>, day: Date) -> Verdict {
        let Candidate {
            key, size, tags, ..
        } = *candidate;
        let mut rules = self
            .enabled()
            .filter(|rule| rule.filter.matches(key, size, tags));
        let has_come = |date: Option<Date>| date.is_some_and(|date| date <= day);
        if !candidate.is_latest {
            let Some(since) = candidate.noncurrent_since else {
                return Verdict::Keep;
            };
            let goes = rules.filter_map(|rule| rule.noncurrent).any(|action| {
                let enough = action
                    .newer
                    .is_none_or(|newer| candidate.newer_noncurrent >= newer);
                enough && has_come(due(since, action.days))
            });
            return if goes {
                Verdict::RemoveNoncurrent
            } else {
                Verdict::Keep
            };
        }
        let is_marker = size.is_none();
        if is_marker && !candidate.lone_marker {
            return Verdict::Keep;
        }
        let goes = rules.any(|rule| match rule.expiration {
            None => false,
            Some(Expiration::Days(days)) => has_come(due(candidate.modified, days)),
            Some(Expiration::Date(date)) => has_come(Some(date)),
            Some(Expiration::Markers(markers)) => markers && is_marker,
        });
        match (goes, is_marker) {
            (false, _) => Verdict::Keep,
            (true, true) => Verdict::RemoveMarker,
            (true, false) => Verdict::Expire,
        }
    }

    /// When a current object expires, and by which rule: the first one that will.
    pub(crate) fn expiry(
        &self,
        key: &str,
        size: u64,
        tags: &Tags,
        modified: OffsetDateTime,
    ) -> Option<(Date, &str)> {
        self.enabled()
            .filter(|rule| rule.filter.matches(key, Some(size), tags))
            .filter_map(|rule| {
                let date = match rule.expiration? {
                    Expiration::Days(days) => due(modified, days)?,
                    Expiration::Date(date) => date,
                    Expiration::Markers(_) => return None,
                };
                Some((date, rule.id.as_str()))
            })
            .min_by_key(|(date, _)| *date)
    }

    /// When an upload is aborted, and by which rule.
    pub(super) fn abort(&self, key: &str, initiated: OffsetDateTime) -> Option<(Date, &str)> {
        let untagged = Tags::default();
        self.enabled()
            .filter(|rule| rule.filter.matches(key, None, &untagged))
            .filter_map(|rule| Some((due(initiated, rule.abort?)?, rule.id.as_str())))
            .min_by_key(|(date, _)| *date)
    }
}
