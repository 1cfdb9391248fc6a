//! A pass through a bucket: its versions and uploads are looked at in batches, and what the rules say is done
//! under the condition that nothing has changed since the look.
//!
//! A look or a transaction is a piece of work, and after each the pass makes way for requests, or goes by the rate
//! that it was given.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use sealgate_index::{
    Bucket, Delete, DeleteCondition, DeleteOutcome, IndexError, Replication, ScanPlace,
    ScannedVersion, Upload, UploadEntry, VersionRef,
};
use serde::{Deserialize, Serialize};
use time::Date;
use tokio::time::{Instant, sleep};

use super::judge::{Candidate, Verdict};
use super::note::{self, Note, Stage};
use super::rules::Rules;
use super::{Lifecycle, LifecycleError, Origin};
use crate::document::Document as _;
use crate::tags::Tags;

/// Versions, or uploads, that are looked at together, and at least so many between two notes of how far a pass has
/// come. Fewer are while requests come: they are read where requests are answered.
const BATCH: usize = 256;
const BATCH_BESIDE_REQUESTS: usize = 16;
/// Deletes that share a transaction. Fewer do while requests come, which wait for one at most.
const TOGETHER: usize = 32;
const TOGETHER_BESIDE_REQUESTS: usize = 4;
/// While requests come, a pass works one of so many parts of the time.
const PARTS: u32 = 10;

/// What a pass did, or would do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Versions and delete markers looked at.
    pub scanned: u64,
    /// Current versions deleted, or marked as deleted.
    pub expired: u64,
    /// Versions removed that were not current.
    pub noncurrent: u64,
    /// Delete markers removed.
    pub markers: u64,
    /// Uploads aborted.
    pub uploads: u64,
    /// Versions moved into another storage class.
    #[serde(default)]
    pub moved: u64,
    /// Bytes of the objects that were removed for good.
    pub bytes: u64,
    /// Left because of a retention or a legal hold.
    pub locked: u64,
    /// Left because they changed between look and act.
    pub changed: u64,
    /// Left because they are still to be replicated, or could not be.
    #[serde(default)]
    pub unreplicated: u64,
}

impl Tally {
    /// How many things were done.
    pub fn acted(&self) -> u64 {
        self.expired + self.noncurrent + self.markers + self.uploads + self.moved
    }

    fn add(&mut self, verdict: Verdict, removed: bool, size: u64) {
        match verdict {
            Verdict::Keep => return,
            Verdict::Expire => self.expired += 1,
            Verdict::RemoveNoncurrent => self.noncurrent += 1,
            Verdict::RemoveMarker => self.markers += 1,
        }
        if removed {
            self.bytes += size;
        }
    }
}

/// A pass that goes on with every step.
pub struct Pass {
    pub(super) lifecycle: Lifecycle,
    pub(super) bucket: Arc<Bucket>,
    pub(super) rules: Rules,
    pub(super) note: Note,
    pub(super) origin: Origin,
    /// Where the note is kept; a dry run keeps none.
    id: Option<String>,
    /// Things looked at in a second, at most.
    rate: Option<u32>,
    /// Things looked at since the note was written.
    unnoted: usize,
    /// Time worked in this step.
    worked: Duration,
}

impl Pass {
    /// A pass for a day, or what is left of one that was cut off. `None` where there are no rules, or where the
    /// clock has had its pass.
    ///
    /// # Errors
    /// If the rules cannot be read.
    pub async fn begin(
        lifecycle: &Lifecycle,
        bucket: i64,
        day: Date,
        origin: Origin,
        rate: Option<u32>,
    ) -> Result<Option<Self>, LifecycleError> {
        let index = &lifecycle.0.index;
        let bucket = match index.bucket_by_id(bucket).await {
            Err(IndexError::NoSuchBucket) => return Ok(None),
            found => found?,
        };
        let Some(document) = bucket.config.get(Rules::KIND) else {
            return Ok(None);
        };
        let rules = Rules::of(&bucket).map_err(|_| LifecycleError::Damaged)?;
        let new = Note::new(day, document);
        let id = note::id(bucket.id, origin);
        let earlier = match &id {
            Some(id) => note::read(index, id).await?,
            None => None,
        };
        let note = new.resume(earlier, origin);
        Ok(rules.zip(note).map(|(rules, note)| Self {
            lifecycle: lifecycle.clone(),
            bucket,
            rules,
            note,
            origin,
            id,
            rate,
            unnoted: 0,
            worked: Duration::ZERO,
        }))
    }

    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        &self.bucket.name
    }

    /// The day at whose beginning things are due.
    pub fn day(&self) -> Date {
        self.note.day
    }

    /// What was done so far.
    pub fn tally(&self) -> Tally {
        self.note.tally
    }

    /// Looks at the next batch and acts. `false`: that was the last.
    ///
    /// # Errors
    /// If the index fails. What was done stays done, and another pass goes on behind it.
    pub async fn step(&mut self) -> Result<bool, LifecycleError> {
        let (began, before) = (Instant::now(), self.note.tally);
        self.worked = Duration::ZERO;
        if !self.rules_hold().await? {
            // By other rules, another pass.
            self.note.stage = Stage::Done;
            if let Some(id) = &self.id {
                note::write(&self.lifecycle.0.index, id, None).await?;
            }
            return Ok(false);
        }
        let looked_at = match self.note.stage.clone() {
            Stage::Versions(after) => self.versions(after).await?,
            Stage::Uploads(after) => self.uploads(after).await?,
            Stage::Done => 0,
        };
        let done = self.note.stage == Stage::Done;
        self.unnoted += looked_at;
        if done || self.unnoted >= BATCH {
            self.write_note(done).await?;
        }
        if self.origin != Origin::DryRun {
            self.lifecycle.count(before, self.note.tally, self.worked);
        }
        if let Some(rate) = self.rate.filter(|_| !done) {
            let looked_at = u32::try_from(looked_at).unwrap_or(u32::MAX);
            let due = Duration::from_secs(1) * looked_at / rate.max(1);
            sleep(due.saturating_sub(began.elapsed())).await;
        }
        Ok(!done)
    }

    async fn write_note(&mut self, done: bool) -> Result<(), LifecycleError> {
        let began = Instant::now();
        self.unnoted = 0;
        if let Some(id) = &self.id {
            // The operator may ask again; the clock has had its turn.
            let forget = done && self.origin == Origin::Operator;
            let note = (!forget).then_some(&self.note);
            note::write(&self.lifecycle.0.index, id, note).await?;
            self.rest(began).await;
        }
        Ok(())
    }

    /// Whether the bucket, which is looked at anew, still has the rules by which this pass began.
    async fn rules_hold(&mut self) -> Result<bool, LifecycleError> {
        match self.lifecycle.0.index.bucket_by_id(self.bucket.id).await {
            Ok(bucket) => {
                let before = std::mem::replace(&mut self.bucket, bucket);
                Ok(self.bucket.config.get(Rules::KIND) == before.config.get(Rules::KIND))
            }
            Err(IndexError::NoSuchBucket) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes way after a piece of work that began then.
    pub(super) async fn rest(&mut self, began: Instant) {
        let took = began.elapsed();
        self.worked += took;
        if self.rate.is_none() {
            self.lifecycle.0.index.traffic().rest(took, PARTS).await;
        }
    }

    /// Things looked at together.
    fn batch(&self) -> usize {
        let traffic = self.lifecycle.0.index.traffic();
        match self.rate {
            None => traffic.piece(BATCH, BATCH_BESIDE_REQUESTS),
            Some(rate) => (rate as usize).clamp(1, BATCH),
        }
    }

    /// Deletes in a transaction.
    fn together(&self) -> usize {
        let traffic = self.lifecycle.0.index.traffic();
        traffic.piece(TOGETHER, TOGETHER_BESIDE_REQUESTS)
    }

    async fn versions(&mut self, after: Option<(String, i64)>) -> Result<usize, LifecycleError> {
        if !self.rules.about_versions() {
            self.note.stage = Stage::Uploads(None);
            return Ok(0);
        }
        let index = self.lifecycle.0.index.clone();
        let after = after.map(|(key, seq)| ScanPlace { key, seq });
        let (began, batch) = (Instant::now(), self.batch());
        let found = index
            .scan_versions(self.bucket.id, after.as_ref(), batch)
            .await?;
        let (mut due, mut stay) = (Vec::new(), Vec::new());
        for scanned in &found {
            let tags =
                Tags::from_bytes(scanned.tags.as_ref()).map_err(|_| LifecycleError::Damaged)?;
            let verdict = self
                .rules
                .judge(&Candidate::new(scanned, &tags), self.note.day);
            let locked = scanned.lock.forbids_delete(index.now(), false);
            // As at AWS, until what keeps them from it is resolved.
            let unreplicated = matches!(
                scanned.replication,
                Some(Replication::Pending | Replication::Failed)
            );
            match verdict {
                Verdict::Keep => stay.push((scanned, tags)),
                Verdict::Expire | Verdict::RemoveNoncurrent if unreplicated => {
                    self.note.tally.unreplicated += 1;
                }
                Verdict::RemoveNoncurrent if locked => self.note.tally.locked += 1,
                verdict => due.push((scanned, verdict)),
            }
        }
        self.rest(began).await;
        for group in due.chunks(self.together()) {
            self.act(group).await?;
        }
        self.transitions(&stay).await?;
        self.note.tally.scanned += found.len() as u64;
        self.note.stage = match found.last() {
            Some(last) if found.len() == batch => Stage::behind(last.place()),
            _ => Stage::Uploads(None),
        };
        Ok(found.len())
    }

    async fn act(&mut self, group: &[(&ScannedVersion, Verdict)]) -> Result<(), LifecycleError> {
        let keeps_versions = self.bucket.versioning != sealgate_index::Versioning::Off;
        if self.origin == Origin::DryRun {
            for (scanned, verdict) in group {
                let removed = !(keeps_versions && *verdict == Verdict::Expire);
                self.note
                    .tally
                    .add(*verdict, removed, scanned.listed.object.size);
            }
            return Ok(());
        }
        let began = Instant::now();
        let mut deletes = Vec::with_capacity(group.len());
        for (scanned, verdict) in group {
            let key = &scanned.listed.object.key;
            let events = self.lifecycle.0.events.of_lifecycle(&self.bucket, key);
            deletes.push(Delete {
                events: events.await.map_err(|_| LifecycleError::Damaged)?,
                ..delete(scanned, *verdict)
            });
        }
        let index = &self.lifecycle.0.index;
        let outcomes = index.delete_versions(self.bucket.id, deletes).await?;
        for ((scanned, verdict), outcome) in group.iter().zip(outcomes) {
            let tally = &mut self.note.tally;
            match outcome {
                Ok(deleted) => {
                    let removed = matches!(deleted.outcome, DeleteOutcome::Removed { .. });
                    if deleted.outcome != DeleteOutcome::Nothing {
                        tally.add(*verdict, removed, scanned.listed.object.size);
                    }
                }
                Err(IndexError::Locked) => tally.locked += 1,
                Err(_) => tally.changed += 1,
            }
        }
        self.rest(began).await;
        Ok(())
    }

    async fn uploads(&mut self, after: Option<(String, String)>) -> Result<usize, LifecycleError> {
        if !self.rules.about_uploads() {
            self.note.stage = Stage::Done;
            return Ok(0);
        }
        let index = self.lifecycle.0.index.clone();
        let (key, id) = after.unzip();
        let began = Instant::now();
        let page = index
            .list_uploads(
                self.bucket.id,
                "",
                None,
                key.as_deref(),
                id.as_deref(),
                self.batch(),
            )
            .await?;
        let due: Vec<&Upload> = page
            .entries
            .iter()
            .filter_map(|entry| match entry {
                UploadEntry::Upload(upload) => Some(upload),
                UploadEntry::Prefix(_) => None,
            })
            .filter(|upload| {
                let end = self.rules.abort(&upload.key, upload.initiated);
                end.is_some_and(|(date, _)| date <= self.note.day)
            })
            .collect();
        self.rest(began).await;
        for group in due.chunks(self.together()) {
            if self.origin == Origin::DryRun {
                self.note.tally.uploads += group.len() as u64;
                continue;
            }
            let began = Instant::now();
            let aborts = group
                .iter()
                .map(|upload| index.abort_upload(self.bucket.id, &upload.key, &upload.id));
            for outcome in join_all(aborts).await {
                match outcome {
                    Ok(()) => self.note.tally.uploads += 1,
                    // Completed or aborted meanwhile.
                    Err(IndexError::NoSuchUpload) => self.note.tally.changed += 1,
                    Err(error) => return Err(error.into()),
                }
            }
            self.rest(began).await;
        }
        let looked_at = page.entries.len();
        self.note.stage = match page.next_key.zip(page.next_upload_id) {
            Some(next) if page.truncated => Stage::Uploads(Some(next)),
            _ => Stage::Done,
        };
        Ok(looked_at)
    }
}

/// The delete that a verdict asks for, if nothing changed. A retention in governance mode counts: nobody is
/// here whose permission could go past it.
fn delete(scanned: &ScannedVersion, verdict: Verdict) -> Delete {
    let listed = &scanned.listed;
    let version = match (verdict, &listed.version_id) {
        (Verdict::Expire, _) => VersionRef::Current,
        (_, Some(id)) => VersionRef::Id(id.clone()),
        (_, None) => VersionRef::Null,
    };
    let condition = DeleteCondition {
        seq: Some(listed.seq),
        latest: Some(listed.is_latest),
        ..DeleteCondition::default()
    };
    Delete {
        condition,
        ..Delete::of(&listed.object.key, version)
    }
}
