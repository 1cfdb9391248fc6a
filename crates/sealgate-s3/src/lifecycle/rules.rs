//! A lifecycle configuration as it is kept and as answers show it
//! ([elements](https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html)).

use serde::{Deserialize, Serialize};
use time::Date;

use super::parse;
use crate::document::Document;
use crate::error::{Code, Result};
use crate::response::iso;
use crate::xml::{Element, Writer};

/// `LifecycleConfiguration`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rules {
    pub(super) rules: Vec<Rule>,
    /// What the header of the request said.
    pub(crate) minimum_size: MinimumSize,
}

/// `x-amz-transition-default-minimum-object-size`. The classes that there are have the same minimum under both, so
/// that it is only given back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum MinimumSize {
    #[default]
    AllStorageClasses128K,
    VariesByStorageClass,
}

impl MinimumSize {
    /// The value of a header.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::AllStorageClasses128K, Self::VariesByStorageClass]
            .into_iter()
            .find(|size| size.as_str() == text)
    }

    /// In S3's words.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::AllStorageClasses128K => "all_storage_classes_128K",
            Self::VariesByStorageClass => "varies_by_storage_class",
        }
    }
}

/// `Rule`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Rule {
    pub(super) id: String,
    pub(super) enabled: bool,
    pub(super) filter: Filter,
    pub(super) expiration: Option<Expiration>,
    pub(super) noncurrent: Option<Noncurrent>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) transitions: Vec<Transition>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) noncurrent_transitions: Vec<NoncurrentTransition>,
    /// `AbortIncompleteMultipartUpload`: days after the upload began.
    pub(super) abort: Option<u32>,
}

/// Which objects a rule is about, in the form in which it was said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Filter {
    /// `Prefix` in the rule itself, as configurations had it before there were filters.
    Legacy(String),
    /// An empty `Filter`: every object.
    All,
    /// `Filter` with one predicate.
    One(Predicate),
    /// `Filter` with `And`.
    And(Vec<Predicate>),
}

/// A condition of a filter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Predicate {
    Prefix(String),
    Tag { key: String, value: String },
    LargerThan(u64),
    SmallerThan(u64),
}

/// `Expiration`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Expiration {
    /// So many days after the object was made.
    Days(u32),
    /// From this day on.
    Date(Date),
    /// `ExpiredObjectDeleteMarker`: delete markers that mark nothing any more, or, with `false`, nothing.
    Markers(bool),
}

/// `NoncurrentVersionExpiration`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Noncurrent {
    /// Days after the version ceased to be the current one.
    pub(super) days: u32,
    /// `NewerNoncurrentVersions`: so many are kept.
    pub(super) newer: Option<u32>,
}

/// `Transition`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Transition {
    pub(super) when: When,
    pub(super) class: String,
}

/// When a current version goes into another storage class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum When {
    /// So many days after the object was made.
    Days(u32),
    /// From this day on.
    Date(Date),
}

/// `NoncurrentVersionTransition`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct NoncurrentTransition {
    pub(super) due: Noncurrent,
    pub(super) class: String,
}

impl Document for Rules {
    const KIND: &'static str = "lifecycle";
    const ROOT: &'static str = "LifecycleConfiguration";
    const MISSING: Code = Code::NoSuchLifecycleConfiguration;

    fn parse(root: &Element) -> Result<Self> {
        parse::configuration(root)
    }

    fn write(&self, w: &mut Writer) {
        for rule in &self.rules {
            w.element("Rule", |w| rule.write(w));
        }
    }
}

impl Rule {
    fn write(&self, w: &mut Writer) {
        if let Some(expiration) = self.expiration {
            w.element("Expiration", |w| match expiration {
                Expiration::Days(days) => w.value("Days", days),
                Expiration::Date(date) => w.text("Date", iso(date.midnight().assume_utc())),
                Expiration::Markers(markers) => w.value("ExpiredObjectDeleteMarker", markers),
            });
        }
        w.text("ID", &self.id);
        self.filter.write(w);
        w.text("Status", if self.enabled { "Enabled" } else { "Disabled" });
        if let Some(Noncurrent { days, newer }) = self.noncurrent {
            w.element("NoncurrentVersionExpiration", |w| {
                w.value("NoncurrentDays", days);
                if let Some(newer) = newer {
                    w.value("NewerNoncurrentVersions", newer);
                }
            });
        }
        for Transition { when, class } in &self.transitions {
            w.element("Transition", |w| {
                match when {
                    When::Days(days) => w.value("Days", days),
                    When::Date(date) => w.text("Date", iso(date.midnight().assume_utc())),
                }
                w.text("StorageClass", class);
            });
        }
        for NoncurrentTransition { due, class } in &self.noncurrent_transitions {
            w.element("NoncurrentVersionTransition", |w| {
                w.value("NoncurrentDays", due.days);
                if let Some(newer) = due.newer {
                    w.value("NewerNoncurrentVersions", newer);
                }
                w.text("StorageClass", class);
            });
        }
        if let Some(days) = self.abort {
            w.element("AbortIncompleteMultipartUpload", |w| {
                w.value("DaysAfterInitiation", days);
            });
        }
    }
}

impl Filter {
    /// What must hold, all of it.
    pub(super) fn predicates(&self) -> &[Predicate] {
        match self {
            Self::Legacy(_) | Self::All => &[],
            Self::One(predicate) => std::slice::from_ref(predicate),
            Self::And(predicates) => predicates,
        }
    }

    fn write(&self, w: &mut Writer) {
        match self {
            Self::Legacy(prefix) => w.text("Prefix", prefix),
            Self::All => w.element("Filter", |_| {}),
            Self::One(predicate) => w.element("Filter", |w| predicate.write(w)),
            Self::And(predicates) => w.element("Filter", |w| {
                w.element("And", |w| {
                    for predicate in predicates {
                        predicate.write(w);
                    }
                });
            }),
        }
    }
}

impl Predicate {
    fn write(&self, w: &mut Writer) {
        match self {
            Self::Prefix(prefix) => w.text("Prefix", prefix),
            Self::Tag { key, value } => w.element("Tag", |w| {
                w.text("Key", key);
                w.text("Value", value);
            }),
            Self::LargerThan(size) => w.value("ObjectSizeGreaterThan", size),
            Self::SmallerThan(size) => w.value("ObjectSizeLessThan", size),
        }
    }
}
