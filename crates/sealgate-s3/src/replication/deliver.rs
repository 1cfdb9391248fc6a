//! Entries of the outbox carried out: each is settled once, as done or as failed, or comes again later.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use sealgate_index::{Bucket, IndexError, OutboxEntry, Version, VersionRef};

use super::failure::Stop;
use super::permit::Role;
use super::queue::{self, Told};
use super::rules::Rule;
use super::{local, remote};
use crate::S3;
use crate::events::Unreplicated;

/// Entries in memory at a time.
const BATCH: usize = 64;
/// Keys under way at a time.
const AT_A_TIME: usize = 8;

/// How a look at the outbox went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// Nothing is due.
    Idle,
    /// So many were carried, failed, and were put off.
    Worked {
        /// Why an endpoint is not to be had, if it is not. What waits for it waits in its order.
        unreachable: Option<String>,
        /// Carried to their destination, or nothing was to be carried any more.
        completed: u64,
        /// Failed for good.
        failed: u64,
        /// To be tried again.
        deferred: u64,
    },
}

/// What is to be carried.
pub(super) struct Work<'w> {
    pub(super) entry: &'w OutboxEntry,
    pub(super) bucket: &'w Arc<Bucket>,
    pub(super) rule: &'w Rule,
    pub(super) role: &'w Role,
    pub(super) version: &'w Version,
}

/// What became of the entries of a key.
#[derive(Default)]
struct Tally {
    completed: u64,
    failed: u64,
    deferred: u64,
    unreachable: Option<String>,
}

impl S3 {
    /// The outbox's words for what is to be carried: to buckets of this gateway, and behind each endpoint. Names are
    /// those of the endpoints.
    pub fn replication_kinds(&self) -> Vec<(String, String)> {
        let here = ("local".to_owned(), queue::kind(None));
        let remotes = self.replication.remotes.names();
        let remotes = remotes.map(|name| (name.to_owned(), queue::kind(Some(name))));
        [here].into_iter().chain(remotes).collect()
    }

    /// Carries out what is due of a kind. Entries of a key go in the order of the writes, others at the same time.
    ///
    /// # Errors
    /// If the index fails.
    pub async fn replicate(&self, kind: &str) -> Result<Turn, IndexError> {
        let entries = self
            .index
            .outbox_read(kind, self.index.now(), BATCH)
            .await?;
        if entries.is_empty() {
            return Ok(Turn::Idle);
        }
        let mut keys: BTreeMap<(i64, String), Vec<OutboxEntry>> = BTreeMap::new();
        for entry in entries {
            let key = (entry.bucket_id, entry.key.clone());
            keys.entry(key).or_default().push(entry);
        }
        let mut tallies = stream::iter(keys.into_values())
            .map(|entries| self.carry_key(entries))
            .buffer_unordered(AT_A_TIME);
        let (mut completed, mut failed, mut deferred) = (0, 0, 0);
        let mut unreachable = None;
        while let Some(tally) = tallies.next().await {
            let tally = tally?;
            completed += tally.completed;
            failed += tally.failed;
            deferred += tally.deferred;
            unreachable = unreachable.or(tally.unreachable);
        }
        Ok(Turn::Worked {
            unreachable,
            completed,
            failed,
            deferred,
        })
    }

    async fn carry_key(&self, mut entries: Vec<OutboxEntry>) -> Result<Tally, IndexError> {
        entries.sort_by_key(|entry| entry.seq);
        let mut tally = Tally::default();
        for (position, entry) in entries.iter().enumerate() {
            let outcome = match self.carry(entry).await {
                // Queued when its bucket was not known to be elsewhere; the others here do not wait for it.
                Err(Stop::Unreachable(why)) if entry.kind == queue::kind(None) => {
                    Err(Stop::Later(why))
                }
                outcome => outcome,
            };
            match outcome {
                Ok(()) => tally.completed += 1,
                Err(Stop::Failed(reason)) => {
                    tally.failed += 1;
                    self.fail(entry, reason).await?;
                }
                // Nothing of a key overtakes.
                Err(Stop::Later(why)) => {
                    tracing::warn!(seq = entry.seq, why, "a replication is put off");
                    let rest = entries.iter().skip(position);
                    let rest: Vec<i64> = rest.map(|entry| entry.seq).collect();
                    tally.deferred += rest.len() as u64;
                    let until = self.index.now() + entry.deferral();
                    self.index.outbox_defer(rest, until).await?;
                    break;
                }
                Err(Stop::Unreachable(why)) => {
                    tally.unreachable = Some(why);
                    break;
                }
            }
        }
        Ok(tally)
    }

    async fn carry(&self, entry: &OutboxEntry) -> Result<(), Stop> {
        const CONFIGURATION_GONE: Stop = Stop::Failed("SrcBucketReplicationConfigMissing");
        let done = || self.index.settle_replication(entry.seq, false, Vec::new());
        let bucket = match self.index.bucket_by_id(entry.bucket_id).await {
            Ok(bucket) => bucket,
            // With its bucket the version is gone.
            Err(IndexError::NoSuchBucket) => return done().await.map_err(later),
            Err(error) => return Err(later(error)),
        };
        let reference = VersionRef::to(entry.version_id.as_deref());
        let found = self.index.version(bucket.id, &entry.key, &reference).await;
        let version = match found {
            Ok(found) => found.version,
            Err(IndexError::NoSuchKey | IndexError::NoSuchVersion) => {
                return done().await.map_err(later);
            }
            Err(error) => return Err(later(error)),
        };
        let told = Told::of(entry).ok_or(CONFIGURATION_GONE)?;
        let rules = self.replication.rules(&bucket)?.ok_or(CONFIGURATION_GONE)?;
        let rule = rules
            .rule(&told.rule, &told.bucket)
            .ok_or(CONFIGURATION_GONE)?;
        let role = Role::assume(self, &bucket, &rules.role).await?;
        let work = Work {
            entry,
            bucket: &bucket,
            rule,
            role: &role,
            version: &version,
        };
        match self
            .replication
            .remotes
            .of(&told.bucket, &bucket.account_id)
        {
            None => local::carry(self, &work).await,
            Some(remote) => {
                remote::carry(self, remote, &work).await?;
                done().await.map_err(later)
            }
        }
    }

    async fn fail(&self, entry: &OutboxEntry, reason: &'static str) -> Result<(), IndexError> {
        let told = Told::of(entry);
        let destination = told.as_ref().map_or("", |told| &told.bucket);
        tracing::warn!(
            bucket = entry.bucket_id,
            destination,
            reason,
            "a version was not replicated"
        );
        let unreplicated = Unreplicated {
            rule: told.as_ref().map_or("", |told| &told.rule),
            destination,
            reason,
        };
        let events = match self.index.bucket_by_id(entry.bucket_id).await {
            Ok(bucket) => {
                self.events
                    .of_unreplicated(&bucket, entry, &unreplicated)
                    .await
            }
            Err(IndexError::NoSuchBucket) => Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        // What cannot be told is no reason to try for ever.
        let events = events.unwrap_or_default();
        self.index.settle_replication(entry.seq, true, events).await
    }
}

/// The index may be better later.
pub(super) fn later(error: IndexError) -> Stop {
    Stop::Later(error.to_string())
}
