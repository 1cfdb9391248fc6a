//! What was in a bucket before its rules, and what could not be replicated, queued on an operator's command. What is
//! queued already is not queued again, so a pass that was cut off is begun anew.

use std::sync::Arc;

use sealgate_index::{
    Bucket, IndexError, Queued, Replication, ScanPlace, ScannedVersion, VersionRef,
};
use sealgate_sse::Envelope;

use super::queue::Queue;
use super::rules::About;
use super::{Remotes, Rules};
use crate::document::Document as _;
use crate::tags::Tags;

/// Versions looked at between two writes.
const BATCH: usize = 256;

/// Why a pass did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum ReplicateError {
    /// The index refused or failed.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The rules, tags or envelopes cannot be read.
    #[error("what is kept of a bucket's replication cannot be read")]
    Damaged,
}

/// How far a pass has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Versions and delete markers looked at.
    pub scanned: u64,
    /// Queued.
    pub queued: u64,
}

/// A pass through a bucket.
pub struct Pass {
    index: sealgate_index::Index,
    queue: Queue,
    bucket: Arc<Bucket>,
    prefix: String,
    again: bool,
    after: Option<ScanPlace>,
    progress: Progress,
}

impl Pass {
    /// A pass through the keys of a bucket that begin so. `again` takes what was replicated, too: a destination may
    /// be new. `None` where there are no rules.
    ///
    /// # Errors
    /// If the index fails.
    pub async fn begin(
        index: &sealgate_index::Index,
        remotes: &Remotes,
        bucket: &str,
        prefix: &str,
        again: bool,
    ) -> Result<Option<Self>, ReplicateError> {
        let bucket = index.bucket(bucket).await?;
        let has_rules = bucket.config.contains_key(Rules::KIND);
        Ok(has_rules.then(|| Self {
            index: index.clone(),
            queue: Queue::new(remotes.clone()),
            bucket,
            prefix: prefix.to_owned(),
            again,
            after: None,
            progress: Progress::default(),
        }))
    }

    /// How far it has come.
    pub fn progress(&self) -> Progress {
        self.progress
    }

    /// Looks at the next versions and queues those that rules are about. `false`: those were the last.
    ///
    /// # Errors
    /// If the index fails, or something is damaged.
    pub async fn step(&mut self) -> Result<bool, ReplicateError> {
        let after = self.after.as_ref();
        let found = self
            .index
            .scan_versions_below(self.bucket.id, &self.prefix, after, BATCH)
            .await?;
        self.progress.scanned += found.len() as u64;
        let wanted: Vec<&ScannedVersion> = found.iter().filter(|one| self.wants(one)).collect();
        let seqs: Vec<i64> = wanted.iter().map(|one| one.listed.seq).collect();
        let details = self.index.version_details(&seqs).await?;
        let mut queued = Vec::new();
        for (scanned, details) in wanted.into_iter().zip(details) {
            // Read after the scan: by now it may be gone.
            let Some(details) = details else { continue };
            let listed = &scanned.listed;
            let key = &listed.object.key;
            let tags = Tags::from_bytes(scanned.tags.as_ref());
            let tags = &tags.map_err(|_| ReplicateError::Damaged)?;
            let envelope = Envelope::from_bytes(&details.envelope);
            let kms = envelope
                .map_err(|_| ReplicateError::Damaged)?
                .kms()
                .is_some();
            let entries = self
                .queue
                .entries(&self.bucket, key, About::Existing { tags, kms })
                .map_err(|_| ReplicateError::Damaged)?;
            if !entries.is_empty() {
                queued.push(Queued {
                    key: key.clone(),
                    version: VersionRef::to(listed.version_id.as_deref()),
                    events: entries,
                });
            }
        }
        if !queued.is_empty() {
            let queued = self
                .index
                .queue_replication(self.bucket.id, queued, self.again)
                .await?;
            self.progress.queued += queued;
        }
        self.after = found.last().map(|last| last.place());
        Ok(found.len() == BATCH)
    }

    fn wants(&self, scanned: &ScannedVersion) -> bool {
        !scanned.listed.delete_marker
            && match scanned.replication {
                None | Some(Replication::Failed) => true,
                Some(Replication::Completed) => self.again,
                Some(Replication::Pending | Replication::Replica) => false,
            }
    }
}
