//! Lifecycle of objects: the rules of a bucket, what answers tell of them, and the passes that carry them out.
//!
//! - `rules`, `parse`: the configuration, and what of it is taken
//! - `judge`: what the rules say of a version or an upload, and when
//! - `transition`: bodies that go into other stores
//! - `headers`: `x-amz-expiration` and its like
//! - `pass`, `note`: going through a bucket in batches, and how far that came

mod headers;
mod judge;
mod note;
mod parse;
mod pass;
mod rules;
#[cfg(test)]
mod tests;
mod transition;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sealgate_blobs::{BlobError, BlobStore};
use sealgate_iam::Iam;
use sealgate_index::{Index, IndexError};
use time::Date;

pub(crate) use headers::{write_abort, write_expiration};
pub use pass::{Pass, Tally};
pub(crate) use rules::{MinimumSize, Rules};

use crate::document::Document as _;
use crate::events::Events;

/// Why a pass did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum LifecycleError {
    /// The index refused or failed.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// A store refused or failed.
    #[error(transparent)]
    Blobs(#[from] BlobError),
    /// The rules, the tags of an object, or whom to notify cannot be read: nothing is done by what is not understood.
    #[error("what is kept of a bucket's lifecycle or notifications cannot be read")]
    Damaged,
}

/// Who wants a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The clock: once for every day and every set of rules.
    Clock,
    /// The operator: now.
    Operator,
    /// The operator, who only wants to see what would be done.
    DryRun,
}

/// Carries out the rules of buckets. Clones share everything.
#[derive(Clone)]
pub struct Lifecycle(Arc<Inner>);

struct Inner {
    index: Index,
    blobs: BlobStore,
    events: Events,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    scanned: AtomicU64,
    expired: AtomicU64,
    noncurrent: AtomicU64,
    markers: AtomicU64,
    uploads: AtomicU64,
    moved: AtomicU64,
    bytes: AtomicU64,
    worked: AtomicU64,
}

impl Lifecycle {
    /// Over this index and these bodies, for the buckets of these accounts.
    pub fn new(index: Index, blobs: BlobStore, iam: Iam, region: String) -> Self {
        Self(Arc::new(Inner {
            index,
            blobs,
            events: Events::new(iam, region),
            counts: Counts::default(),
        }))
    }

    /// The buckets that have rules.
    ///
    /// # Errors
    /// If the index fails.
    pub async fn buckets(&self) -> Result<Vec<i64>, LifecycleError> {
        Ok(self.0.index.configured_buckets(Rules::KIND).await?)
    }

    /// Goes through every bucket that has rules and was not gone through by them for this day. A bucket that
    /// fails does not keep the others from their turn, and has its own again at the next call.
    ///
    /// # Errors
    /// The last failure.
    pub async fn keep(&self, day: Date) -> Result<(), LifecycleError> {
        let buckets = self.buckets().await?;
        note::forget_all_but(&self.0.index, &buckets).await?;
        let mut outcome = Ok(());
        for bucket in buckets {
            if let Err(error) = self.keep_bucket(bucket, day).await {
                tracing::error!(bucket, %error, "a lifecycle pass did not come to its end");
                outcome = Err(error);
            }
        }
        outcome
    }

    async fn keep_bucket(&self, bucket: i64, day: Date) -> Result<(), LifecycleError> {
        // What is left of a pass for an earlier day is finished first, and then this day's begins.
        while let Some(mut pass) = Pass::begin(self, bucket, day, Origin::Clock, None).await? {
            while pass.step().await? {}
            let tally = pass.tally();
            if tally.acted() > 0 {
                tracing::info!(
                    bucket = pass.bucket(),
                    day = %pass.day(),
                    scanned = tally.scanned,
                    expired = tally.expired,
                    noncurrent = tally.noncurrent,
                    markers = tally.markers,
                    uploads = tally.uploads,
                    moved = tally.moved,
                    bytes = tally.bytes,
                    "lifecycle rules were carried out"
                );
            }
        }
        Ok(())
    }

    /// What was done since the start, by name of the action.
    pub fn actions(&self) -> [(&'static str, u64); 5] {
        let counts = &self.0.counts;
        [
            ("expire", counts.expired.load(Ordering::Relaxed)),
            ("noncurrent", counts.noncurrent.load(Ordering::Relaxed)),
            ("delete_marker", counts.markers.load(Ordering::Relaxed)),
            ("abort_upload", counts.uploads.load(Ordering::Relaxed)),
            ("transition", counts.moved.load(Ordering::Relaxed)),
        ]
    }

    /// Versions looked at since the start.
    pub fn scanned(&self) -> u64 {
        self.0.counts.scanned.load(Ordering::Relaxed)
    }

    /// Bytes of the objects that were removed since the start.
    pub fn bytes(&self) -> u64 {
        self.0.counts.bytes.load(Ordering::Relaxed)
    }

    /// Time spent since the start, without rests.
    pub fn worked(&self) -> Duration {
        Duration::from_micros(self.0.counts.worked.load(Ordering::Relaxed))
    }

    /// Count what a step did.
    fn count(&self, before: Tally, after: Tally, took: Duration) {
        let counts = &self.0.counts;
        for (counter, before, after) in [
            (&counts.scanned, before.scanned, after.scanned),
            (&counts.expired, before.expired, after.expired),
            (&counts.noncurrent, before.noncurrent, after.noncurrent),
            (&counts.markers, before.markers, after.markers),
            (&counts.uploads, before.uploads, after.uploads),
            (&counts.moved, before.moved, after.moved),
            (&counts.bytes, before.bytes, after.bytes),
        ] {
            counter.fetch_add(after.saturating_sub(before), Ordering::Relaxed);
        }
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        counts.worked.fetch_add(took, Ordering::Relaxed);
    }
}
