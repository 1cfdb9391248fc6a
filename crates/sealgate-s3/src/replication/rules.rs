//! A replication configuration as it is kept and as answers show it
//! ([elements](https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-add-config.html)), and which of its
//! rules are about an object.

use serde::{Deserialize, Serialize};

use super::parse;
use crate::document::Document;
use crate::error::{Code, Result};
use crate::tags::Tags;
use crate::xml::{Element, Writer};

/// `ReplicationConfiguration`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rules {
    /// ARN of the role that carries out the rules.
    pub(crate) role: String,
    pub(super) rules: Vec<Rule>,
}

/// `Rule`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rule {
    pub(crate) id: String,
    pub(super) priority: Option<i32>,
    pub(super) enabled: bool,
    pub(super) filter: Filter,
    /// `SseKmsEncryptedObjects`.
    pub(super) kms: Option<bool>,
    /// `ReplicaModifications`.
    pub(super) replicas: Option<bool>,
    /// `ExistingObjectReplication`.
    pub(super) existing: Option<bool>,
    /// `DeleteMarkerReplication`.
    pub(super) markers: Option<bool>,
    pub(crate) destination: Destination,
}

/// Which objects a rule is about, in the form in which it was said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Filter {
    /// `Prefix` in the rule itself: the first version of configurations.
    Legacy(String),
    /// An empty `Filter`.
    All,
    Prefix(String),
    Tag(String, String),
    And {
        prefix: Option<String>,
        tags: Vec<(String, String)>,
    },
}

/// `Destination`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Destination {
    /// Name of the bucket.
    pub(crate) bucket: String,
    pub(crate) account: Option<String>,
    /// `StorageClass`; there is one.
    pub(super) storage_class: Option<String>,
    /// `AccessControlTranslation`: the replica is the destination's owner's.
    pub(crate) translate: bool,
    /// `ReplicaKmsKeyID`.
    pub(crate) kms_key: Option<String>,
    /// `ReplicationTime`: status and minutes.
    pub(super) time: Option<(bool, i32)>,
    /// `Metrics`: status, and minutes of its threshold.
    pub(super) metrics: Option<(bool, Option<i32>)>,
}

impl Destination {
    /// ARN of the bucket.
    pub(crate) fn arn(&self) -> String {
        format!("arn:aws:s3:::{}", self.bucket)
    }
}

impl Filter {
    pub(super) fn prefix(&self) -> &str {
        match self {
            Self::Legacy(prefix) | Self::Prefix(prefix) => prefix,
            Self::And { prefix, .. } => prefix.as_deref().unwrap_or_default(),
            Self::All | Self::Tag(..) => "",
        }
    }

    pub(super) fn tags(&self) -> Vec<(&str, &str)> {
        match self {
            Self::Tag(key, value) => vec![(key, value)],
            Self::And { tags, .. } => tags
                .iter()
                .map(|(key, value)| (key.as_str(), value.as_str()))
                .collect(),
            Self::Legacy(_) | Self::All | Self::Prefix(_) => Vec::new(),
        }
    }

    fn matches(&self, key: &str, tags: &Tags) -> bool {
        key.starts_with(self.prefix())
            && self
                .tags()
                .into_iter()
                .all(|wanted| tags.iter().any(|tag| tag == wanted))
    }
}

/// What is asked about an object.
#[derive(Clone, Copy)]
pub(crate) enum About<'a> {
    /// A version that is written: its tags, and whether it is under a KMS key.
    Written { tags: &'a Tags, kms: bool },
    /// A version that was there before the rules.
    Existing { tags: &'a Tags, kms: bool },
    /// A change of tags, list or lock.
    Changed,
    /// A delete marker that somebody makes.
    Marked,
}

impl Rule {
    /// Whether what is changed of replicas goes on.
    pub(super) fn takes_replicas(&self) -> bool {
        self.replicas == Some(true)
    }

    /// Whether objects under KMS keys are carried.
    pub(super) fn takes_kms(&self) -> bool {
        self.kms == Some(true)
    }

    /// Whether the rule is the one to ask about this.
    fn is_about(&self, key: &str, about: About<'_>) -> bool {
        let named = || key.starts_with(self.filter.prefix());
        self.enabled
            && match about {
                About::Written { tags, .. } | About::Existing { tags, .. } => {
                    self.filter.matches(key, tags)
                }
                About::Changed => named(),
                // A marker has no tags.
                About::Marked => named() && self.filter.tags().is_empty(),
            }
    }

    /// What the rule then says.
    fn takes(&self, about: About<'_>) -> bool {
        let of_kms = |kms: bool| !kms || self.takes_kms();
        match about {
            About::Written { kms, .. } => of_kms(kms),
            About::Existing { kms, .. } => self.existing != Some(false) && of_kms(kms),
            About::Changed => true,
            // The first version of configurations replicates markers without being asked.
            About::Marked => self
                .markers
                .unwrap_or(matches!(self.filter, Filter::Legacy(_))),
        }
    }
}

impl Rules {
    /// The rules by which this is carried to each destination: where several name one, that of the highest
    /// priority.
    pub(crate) fn about(&self, key: &str, about: About<'_>) -> Vec<&Rule> {
        let mut chosen: Vec<&Rule> = Vec::new();
        for rule in self.rules.iter().filter(|rule| rule.is_about(key, about)) {
            let same = chosen
                .iter_mut()
                .find(|other| other.destination.bucket == rule.destination.bucket);
            match same {
                Some(other) if other.priority < rule.priority => *other = rule,
                Some(_) => {}
                None => chosen.push(rule),
            }
        }
        chosen.retain(|rule| rule.takes(about));
        chosen
    }

    /// The rule of that id, if it is carried out and goes to that bucket.
    pub(crate) fn rule(&self, id: &str, bucket: &str) -> Option<&Rule> {
        self.rules
            .iter()
            .find(|rule| rule.enabled && rule.id == id && rule.destination.bucket == bucket)
    }

    /// Where the rules go.
    pub(crate) fn destinations(&self) -> impl Iterator<Item = &Destination> {
        self.rules.iter().map(|rule| &rule.destination)
    }
}

impl Document for Rules {
    const KIND: &'static str = "replication";
    const ROOT: &'static str = "ReplicationConfiguration";
    const MISSING: Code = Code::ReplicationConfigurationNotFound;

    fn parse(root: &Element) -> Result<Self> {
        parse::configuration(root)
    }

    fn write(&self, w: &mut Writer) {
        w.text("Role", &self.role);
        for rule in &self.rules {
            w.element("Rule", |w| rule.write(w));
        }
    }
}

fn status(on: bool) -> &'static str {
    if on { "Enabled" } else { "Disabled" }
}

fn write_status(w: &mut Writer, name: &str, on: Option<bool>) {
    if let Some(on) = on {
        w.element(name, |w| w.text("Status", status(on)));
    }
}

impl Rule {
    fn write(&self, w: &mut Writer) {
        w.text("ID", &self.id);
        if let Some(priority) = self.priority {
            w.value("Priority", priority);
        }
        self.filter.write(w);
        w.text("Status", status(self.enabled));
        if self.kms.is_some() || self.replicas.is_some() {
            w.element("SourceSelectionCriteria", |w| {
                write_status(w, "SseKmsEncryptedObjects", self.kms);
                write_status(w, "ReplicaModifications", self.replicas);
            });
        }
        write_status(w, "ExistingObjectReplication", self.existing);
        w.element("Destination", |w| self.destination.write(w));
        write_status(w, "DeleteMarkerReplication", self.markers);
    }
}

impl Filter {
    fn write(&self, w: &mut Writer) {
        let tag = |w: &mut Writer, key: &str, value: &str| {
            w.element("Tag", |w| {
                w.text("Key", key);
                w.text("Value", value);
            });
        };
        match self {
            Self::Legacy(prefix) => w.text("Prefix", prefix),
            Self::All => w.element("Filter", |_| {}),
            Self::Prefix(prefix) => w.element("Filter", |w| w.text("Prefix", prefix)),
            Self::Tag(key, value) => w.element("Filter", |w| tag(w, key, value)),
            Self::And { prefix, tags } => w.element("Filter", |w| {
                w.element("And", |w| {
                    w.optional("Prefix", prefix.as_deref());
                    for (key, value) in tags {
                        tag(w, key, value);
                    }
                });
            }),
        }
    }
}

impl Destination {
    fn write(&self, w: &mut Writer) {
        w.text("Bucket", self.arn());
        w.optional("Account", self.account.as_deref());
        w.optional("StorageClass", self.storage_class.as_deref());
        if self.translate {
            w.element("AccessControlTranslation", |w| {
                w.text("Owner", "Destination")
            });
        }
        if let Some(key) = &self.kms_key {
            w.element("EncryptionConfiguration", |w| {
                w.text("ReplicaKmsKeyID", key)
            });
        }
        let minutes = |w: &mut Writer, name: &str, minutes: i32| {
            w.element(name, |w| w.value("Minutes", minutes));
        };
        if let Some((on, time)) = self.time {
            w.element("ReplicationTime", |w| {
                w.text("Status", status(on));
                minutes(w, "Time", time);
            });
        }
        if let Some((on, threshold)) = self.metrics {
            w.element("Metrics", |w| {
                w.text("Status", status(on));
                if let Some(threshold) = threshold {
                    minutes(w, "EventThreshold", threshold);
                }
            });
        }
    }
}
