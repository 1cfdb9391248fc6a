//! What a write leaves in the outbox, in its transaction: an entry for each destination that it is to be carried to.

use std::sync::Arc;

use bytes::Bytes;
use sealgate_index::{Bucket, Carries, Effect, NewEvent, OutboxEntry};
use serde::{Deserialize, Serialize};

use super::remote::Remotes;
use super::rules::{About, Rule, Rules};
use crate::document::DocumentCache;
use crate::error::{Code, Result};
use crate::request::Authorized;
use crate::tags::Tags;

/// The outbox's word for what goes to buckets of this gateway.
const LOCAL: &str = "replication";

/// What an entry says: a rule, whose destination is looked up when the entry is carried out.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Told {
    pub(super) rule: String,
    /// Name of the destination bucket. Under another one it is another rule.
    pub(super) bucket: String,
}

impl Told {
    pub(super) fn of(entry: &OutboxEntry) -> Option<Self> {
        serde_json::from_slice(&entry.body).ok()
    }
}

/// The outbox's word for what goes behind another endpoint, or to this gateway's buckets.
pub(super) fn kind(remote: Option<&str>) -> String {
    match remote {
        None => LOCAL.to_owned(),
        Some(name) => format!("{LOCAL}/{name}"),
    }
}

/// The rules of buckets, and where their destinations are. Clones share everything.
#[derive(Clone, Default)]
pub(crate) struct Queue {
    rules: DocumentCache<Rules>,
    pub(super) remotes: Remotes,
}

impl Queue {
    /// With these endpoints.
    pub(crate) fn new(remotes: Remotes) -> Self {
        Self {
            rules: DocumentCache::default(),
            remotes,
        }
    }

    /// Whether a bucket behind another endpoint keeps versions; `None` for a bucket that is behind none.
    pub(crate) async fn keeps_versions_elsewhere(
        &self,
        bucket: &str,
        account: &str,
    ) -> Option<std::result::Result<bool, String>> {
        let remote = self.remotes.of(bucket, account)?;
        Some(remote.keeps_versions(bucket).await)
    }

    /// The rules of a bucket.
    pub(super) fn rules(&self, bucket: &Bucket) -> Result<Option<Arc<Rules>>> {
        self.rules.get(bucket)
    }

    /// The entries that something leaves.
    pub(crate) fn entries(
        &self,
        bucket: &Bucket,
        key: &str,
        about: About<'_>,
    ) -> Result<Vec<NewEvent>> {
        let Some(rules) = self.rules.get(bucket)? else {
            return Ok(Vec::new());
        };
        let account = bucket.account_id.as_str();
        let effect = match about {
            About::Written { .. } | About::Existing { .. } => Effect::Put,
            About::Changed => Effect::Changed,
            About::Marked => Effect::Marked,
        };
        let entry = |rule: &Rule| {
            let destination = &rule.destination.bucket;
            let told = Told {
                rule: rule.id.clone(),
                bucket: destination.clone(),
            };
            let body = serde_json::to_vec(&told).map_err(|_| Code::InternalError)?;
            Ok(NewEvent {
                on: Some(effect),
                kind: kind(
                    self.remotes
                        .of(destination, account)
                        .map(|remote| remote.name()),
                ),
                carries: Some(if rule.takes_replicas() {
                    Carries::ChangesOfReplicas
                } else {
                    Carries::Originals
                }),
                body: body.into(),
            })
        };
        let chosen = rules.about(key, about).into_iter();
        // Another endpoint has versions of other names, and what is changed later does not find its own.
        let chosen = chosen.filter(|rule| {
            effect != Effect::Changed
                || self.remotes.of(&rule.destination.bucket, account).is_none()
        });
        chosen.map(entry).collect()
    }
}

impl Authorized<'_> {
    /// The entries of a version that the request makes.
    pub(crate) fn replicates_new(
        &self,
        key: &str,
        tags: Option<&Bytes>,
        kms: bool,
    ) -> Result<Vec<NewEvent>> {
        let bucket = self.bucket()?;
        if !bucket
            .config
            .contains_key(<Rules as crate::document::Document>::KIND)
        {
            return Ok(Vec::new());
        }
        let tags = &Tags::from_bytes(tags)?;
        self.replicates(key, About::Written { tags, kms })
    }

    /// The entries of anything else that the request does to a key.
    pub(crate) fn replicates(&self, key: &str, about: About<'_>) -> Result<Vec<NewEvent>> {
        self.s3.replication.entries(self.bucket()?, key, about)
    }
}
