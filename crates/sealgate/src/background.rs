//! What is done while nobody asks: replaced bodies are deleted, orphans are swept, keys whose
//! waiting period is over are destroyed, the certificate is renewed in time.
//!
//! Every job may fail and is tried again at its next turn; none is needed for an answer.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use sealgate_audit::Trail;
use sealgate_blobs::{BlobError, BlobStore};
use sealgate_index::{Index, IndexError};
use sealgate_kms::{Kms, Root};
use sealgate_s3::S3;
use sealgate_s3::lifecycle::Lifecycle;
use sealgate_sse::Sse;
use thiserror::Error;
use time::{OffsetDateTime, UtcOffset};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::metrics::Metrics;
use crate::tls::Tls;

const GARBAGE_PERIOD: Duration = Duration::from_secs(60);
/// Key material in caches is wiped at most so long after its time, or as long as its time is.
const CACHE_PERIOD: Duration = Duration::from_secs(30);
/// How often it is asked whether a head of the audit trail is due.
const HEAD_PERIOD: Duration = Duration::from_secs(60);
/// Rotations and the end of imported material are this late at most.
const TIMER_PERIOD: Duration = Duration::from_secs(60);
const KEY_PERIOD: Duration = Duration::from_secs(10 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Rows and names handled at a time.
const BATCH: usize = 500;
/// Deletions under way at a time.
const DELETIONS: usize = 16;
/// Blobs that are deleted and struck off in one transaction, for which writes wait.
const TOGETHER: usize = 32;
/// While requests come, garbage takes one of so many parts of the time: no less, for it has to go as fast as writes
/// make it.
const PARTS: u32 = 2;

/// Why a job did not come to its end. Texts for the log.
#[derive(Debug, Error)]
enum JobError {
    #[error("index: {0}")]
    Index(#[from] IndexError),
    #[error("store: {0}")]
    Store(#[from] BlobError),
}

/// What the jobs work on.
#[derive(Clone)]
pub struct Background {
    /// The root of trust.
    pub root: Root,
    /// The index.
    pub index: Index,
    /// The store.
    pub blobs: BlobStore,
    /// The audit trail.
    pub trail: Trail,
    /// The keys.
    pub kms: Kms,
    /// Data keys; it caches bucket keys.
    pub sse: Arc<Sse>,
    /// Counters.
    pub metrics: Metrics,
    /// How long a replaced body stays.
    pub grace: Duration,
    /// When this process began to write.
    pub started: OffsetDateTime,
}

impl Background {
    /// Starts the jobs; they end when the set is dropped.
    pub fn start(self, tls: Option<Arc<Tls>>) -> JoinSet<()> {
        let mut jobs = JoinSet::new();
        let this = self.clone();
        let period = self.grace.clamp(Duration::from_secs(1), GARBAGE_PERIOD);
        jobs.spawn(every(period, move || {
            let this = this.clone();
            async move { this.remove_garbage().await }
        }));
        let this = self.clone();
        jobs.spawn(every(DAY, move || {
            let this = this.clone();
            async move { this.sweep_orphans().await }
        }));
        let root = self.root.clone();
        jobs.spawn(async move { root.watch().await });
        let trail = self.trail.clone();
        jobs.spawn(every(HEAD_PERIOD, move || {
            let trail = trail.clone();
            async move {
                if let Err(error) = trail.sign_head_if_due(OffsetDateTime::now_utc()).await {
                    tracing::error!(%error, "the audit trail was not signed");
                }
            }
        }));
        let wiping = self.kms.options().material_lifetime.min(CACHE_PERIOD);
        let sse = self.sse.clone();
        jobs.spawn(every(wiping, move || {
            sse.sweep();
            std::future::ready(())
        }));
        let kms = self.kms.clone();
        jobs.spawn(every(wiping, move || {
            kms.expire_cache();
            std::future::ready(())
        }));
        let kms = self.kms.clone();
        jobs.spawn(every(TIMER_PERIOD, move || {
            let kms = kms.clone();
            async move { keep_time(&kms).await }
        }));
        jobs.spawn(every(KEY_PERIOD, move || {
            let kms = self.kms.clone();
            async move {
                match kms.sweep(OffsetDateTime::now_utc()).await {
                    Ok(0) => {}
                    Ok(count) => tracing::info!(count, "keys were deleted at the end of their waiting period"),
                    Err(error) => tracing::error!(%error, "keys whose waiting period is over were not deleted"),
                }
            }
        }));
        if let Some(tls) = tls {
            jobs.spawn(every(DAY, move || {
                let tls = tls.clone();
                async move {
                    if let Err(error) = tls.reload() {
                        tracing::error!(%error, "the certificate could not be read again");
                    }
                }
            }));
        }
        jobs
    }

    async fn remove_garbage(&self) {
        match self.remove_garbage_batches().await {
            Ok(0) => {}
            Ok(count) => tracing::debug!(count, "replaced blobs were deleted"),
            Err(error) => {
                tracing::warn!(%error, "replaced blobs were not all deleted; they will be")
            }
        }
    }

    async fn remove_garbage_batches(&self) -> Result<usize, JobError> {
        let mut total = 0;
        loop {
            let names = self
                .index
                .take_garbage(OffsetDateTime::now_utc() - self.grace, BATCH)
                .await?;
            let found = names.len();
            // What is being read stays for another turn.
            let unread: Vec<String> = names
                .into_iter()
                .filter(|name| !self.blobs.held(name))
                .collect();
            let (before, mut failed) = (total, None);
            for group in unread.chunks(TOGETHER) {
                let mut began = Instant::now();
                let (gone, failure) = self.delete(group.to_vec()).await;
                if !self.blobs.is_local() {
                    // To wait for another machine takes nothing from requests.
                    began = Instant::now();
                }
                // Forgotten only when really gone: a crash in between deletes once more.
                self.index.forget_garbage(&gone).await?;
                self.metrics.garbage_removed(gone.len() as u64);
                total += gone.len();
                // What cannot be deleted holds up nothing else.
                failed = failure.or(failed);
                self.index.traffic().rest(began.elapsed(), PARTS).await;
            }
            if let Some(error) = failed {
                return Err(error.into());
            }
            if found < BATCH || total == before {
                return Ok(total);
            }
        }
    }

    async fn sweep_orphans(&self) {
        match self.sweep_orphan_batches().await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "orphaned blobs were deleted"),
            Err(error) => {
                tracing::warn!(%error, "the sweep for orphaned blobs did not come to its end")
            }
        }
    }

    /// Deletes blobs that no row refers to: those whose upload was cut off by a crash.
    ///
    /// A blob that is being written now has no row yet. Writes of this process are known to the
    /// store as pending, and are younger than the process; a remote store's clock is not ours and
    /// other gateways may write there, so a day is left to them.
    async fn sweep_orphan_batches(&self) -> Result<usize, JobError> {
        let before = if self.blobs.is_local() {
            self.started
        } else {
            OffsetDateTime::now_utc() - DAY
        };
        let mut total = 0;
        let mut blobs = self.blobs.list().ready_chunks(BATCH);
        while let Some(batch) = blobs.next().await {
            let batch: Vec<_> = batch.into_iter().collect::<Result<_, _>>()?;
            // Pending is asked before the index. In the other order, a blob whose row is committed
            // between the two questions would answer "no row" and then "not pending".
            let candidates: Vec<String> = batch
                .into_iter()
                .filter(|blob| blob.modified < before && !self.blobs.pending(&blob.name))
                .map(|blob| blob.name)
                .collect();
            if candidates.is_empty() {
                continue;
            }
            let in_use = self.index.blob_in_use(&candidates).await?;
            let orphans = candidates
                .into_iter()
                .zip(in_use)
                .filter(|(_, used)| !used)
                .map(|(name, _)| name)
                .collect();
            let (gone, failure) = self.delete(orphans).await;
            self.metrics.orphans_removed(gone.len() as u64);
            total += gone.len();
            if let Some(error) = failure {
                return Err(error.into());
            }
        }
        Ok(total)
    }

    /// Deletes blobs, as many as can be; returns which are gone, and the last failure.
    async fn delete(&self, names: Vec<String>) -> (Vec<String>, Option<BlobError>) {
        let outcomes = stream::iter(names)
            .map(|name| async move {
                let outcome = self.blobs.delete(&name).await;
                (name, outcome)
            })
            .buffer_unordered(DELETIONS);
        let (mut gone, mut failure) = (Vec::new(), None);
        let mut outcomes = std::pin::pin!(outcomes);
        while let Some((name, outcome)) = outcomes.next().await {
            match outcome {
                Ok(()) => gone.push(name),
                Err(error) => failure = Some(error),
            }
        }
        (gone, failure)
    }
}

/// Delivers the files of trails into their buckets, as often as the trails are due.
pub async fn deliver_trails(s3: S3, period: Duration) {
    let look = (period / 4).clamp(Duration::from_secs(1), Duration::from_secs(30));
    every(look, move || {
        let s3 = s3.clone();
        async move {
            if let Err(error) = s3.deliver_due(OffsetDateTime::now_utc()).await {
                tracing::error!(%error, "trails were not delivered");
            }
        }
    })
    .await;
}

/// Has lifecycle rules carried out once a day: at midnight UTC, or as much later as is looked for a new day.
pub async fn keep_lifecycle(lifecycle: Lifecycle, index: Index, period: Duration) {
    every(period, move || {
        let (lifecycle, day) = (
            lifecycle.clone(),
            index.now().to_offset(UtcOffset::UTC).date(),
        );
        async move {
            if let Err(error) = lifecycle.keep(day).await {
                tracing::warn!(%error, "lifecycle rules were not all carried out; they will be");
            }
        }
    })
    .await;
}

/// Delivers the reports of inventories that are due: once a day or a week, or as much later as is looked.
pub async fn deliver_inventories(s3: S3, index: Index, period: Duration) {
    every(period, move || {
        let (s3, now) = (s3.clone(), index.now());
        async move {
            if let Err(error) = s3.deliver_inventories(now).await {
                tracing::warn!(%error, "inventories were not all delivered; they will be");
            }
        }
    })
    .await;
}

/// Delivers access logs into their buckets once a period, and sooner where many lines wait.
pub async fn deliver_access_logs(s3: S3, period: Duration) {
    let mut turns = interval(period);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = turns.tick() => {}
            () = s3.access_logs_are_many() => {}
        }
        s3.deliver_access_logs(OffsetDateTime::now_utc()).await;
    }
}

/// Rotates what is due, wipes imported material that has expired, and notes when keys were last used.
async fn keep_time(kms: &Kms) {
    let now = OffsetDateTime::now_utc();
    match kms.rotate_due(now).await {
        Ok(0) => {}
        Ok(count) => tracing::info!(count, "keys were rotated, or their material has expired"),
        Err(error) => tracing::error!(%error, "keys whose time has come were not all rotated"),
    }
    match kms.rotate_platform_if_due(now).await {
        Ok(None) => {}
        Ok(Some(version)) => tracing::info!(version, "the platform key was rotated"),
        Err(error) => tracing::error!(%error, "the platform key was not rotated"),
    }
    if let Err(error) = kms.flush_usage().await {
        tracing::warn!(%error, "when keys were last used was not noted");
    }
}

/// Runs a job now and then once a period; a run that takes longer delays the next.
async fn every<F: Future<Output = ()>>(period: Duration, mut job: impl FnMut() -> F) {
    let mut turns = interval(period);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        turns.tick().await;
        job().await;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::path::Path;

    use bytes::Bytes;
    use sealgate_blobs::LocalOptions;
    use sealgate_index::{Attributes, Body, IndexConfig, NewVersion, Part, WriteCondition};
    use sealgate_kms::RootKey;

    use super::*;

    async fn background(dir: &Path, started: OffsetDateTime) -> Background {
        let index = Index::open(IndexConfig {
            path: dir.join("index.db"),
            key: None,
        })
        .await
        .unwrap();
        let blobs = BlobStore::local(&dir.join("blobs"), LocalOptions::default()).unwrap();
        let trail = Trail::new(index.clone(), "us-east-1");
        let root = Root::fixed(RootKey::from_bytes([7; 32]));
        let kms = Kms::open(index.clone(), trail.clone(), &root, "us-east-1".into())
            .await
            .unwrap();
        let sse = Arc::new(Sse::new(kms.clone()));
        let metrics = Metrics::new(|_| {});
        Background {
            root,
            index,
            blobs,
            trail,
            kms,
            sse,
            metrics,
            grace: Duration::ZERO,
            started,
        }
    }

    async fn blob(background: &Background) -> String {
        let mut writer = background.blobs.create();
        writer.write(Bytes::from_static(b"sealed")).await.unwrap();
        let finished = writer.finish().await.unwrap();
        let name = finished.name().to_owned();
        finished.commit();
        name
    }

    async fn stored(background: &Background) -> Vec<String> {
        background
            .blobs
            .list()
            .map(|blob| blob.unwrap().name)
            .collect()
            .await
    }

    fn version(blob: &str) -> NewVersion {
        let part = Part {
            number: 1,
            size: 6,
            sealed_size: 6,
            blob: blob.to_owned(),
            header_hash: [0; 32],
            etag: "e".into(),
            checksum: None,
        };
        NewVersion {
            key: "key".into(),
            size: 6,
            etag: "e".into(),
            checksum_algorithm: None,
            checksum_type: None,
            body: Body::Parts(vec![part]),
            meta: Bytes::new(),
            envelope: Bytes::new(),
            attributes: Attributes::default(),
        }
    }

    #[tokio::test]
    async fn orphans_of_earlier_processes_go_and_everything_else_stays() {
        let temp = tempfile::tempdir().unwrap();
        let soon = OffsetDateTime::now_utc() + time::Duration::minutes(1);
        let mut background = background(temp.path(), soon).await;
        let bucket = background
            .index
            .create_bucket("bucket", "111111111111", "us-east-1")
            .await
            .unwrap();
        let _orphan = blob(&background).await;
        let used = blob(&background).await;
        background
            .index
            .put_version(
                bucket.id,
                version(&used),
                WriteCondition::None,
                None,
                Vec::new(),
            )
            .await
            .unwrap();
        let mut unfinished = background.blobs.create();
        unfinished.write(Bytes::from_static(b"x")).await.unwrap();
        let uncommitted = unfinished.finish().await.unwrap();

        assert_eq!(background.sweep_orphan_batches().await.unwrap(), 1);
        let mut left = stored(&background).await;
        left.sort();
        let mut expected = vec![used, uncommitted.name().to_owned()];
        expected.sort();
        assert_eq!(left, expected);

        // What this process wrote is none of the sweep's business, with a row or without.
        let young = blob(&background).await;
        background.started = OffsetDateTime::now_utc() - time::Duration::minutes(1);
        assert_eq!(background.sweep_orphan_batches().await.unwrap(), 0);
        assert!(stored(&background).await.contains(&young));
    }

    #[tokio::test]
    async fn a_replaced_body_is_deleted_after_the_grace_and_counted() {
        let temp = tempfile::tempdir().unwrap();
        let mut background = background(temp.path(), OffsetDateTime::now_utc()).await;
        let bucket = background
            .index
            .create_bucket("bucket", "111111111111", "us-east-1")
            .await
            .unwrap();
        let (old, new) = (blob(&background).await, blob(&background).await);
        for name in [&old, &new] {
            background
                .index
                .put_version(
                    bucket.id,
                    version(name),
                    WriteCondition::None,
                    None,
                    Vec::new(),
                )
                .await
                .unwrap();
        }
        background.grace = Duration::from_secs(3600);
        assert_eq!(background.remove_garbage_batches().await.unwrap(), 0);
        background.grace = Duration::ZERO;
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert_eq!(background.remove_garbage_batches().await.unwrap(), 1);
        assert_eq!(stored(&background).await, [new]);
        assert_eq!(background.remove_garbage_batches().await.unwrap(), 0);
        let metrics = background.metrics.encode().unwrap();
        assert!(
            metrics.contains("sealgate_blobs_removed_total{reason=\"replaced\"} 1"),
            "{metrics}"
        );
    }
}
