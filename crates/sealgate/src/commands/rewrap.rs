//! `sealgate rewrap`: data keys moved to newer wrapping keys while the gateway serves.
//!
//! Versions are walked in the order of their sequence; how far a walk has come is kept in the index, so
//! that a walk that was interrupted goes on where it was. A version that changes meanwhile is left to
//! whoever changed it: what is written now is under the newest keys anyway.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use futures_util::future::join_all;
use sealgate_crypto::hash::{Digest, Sha256};
use sealgate_index::{Bucket, EnvelopeScope, Expect, IndexError, RecordWrite, StoredEnvelope};
use sealgate_sse::{Envelope, Place, SseError};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep_until};

use crate::control::Output;
use crate::stores::Stores;

const PROGRESS: &str = "rewrap";
/// Versions between two notes of how far the walk has come.
const BATCH: usize = 256;
/// Failures that are told one by one.
const TOLD: u64 = 20;
/// Versions moved at a time.
const TOGETHER: usize = 32;

type Buckets = HashMap<i64, Arc<Bucket>>;

/// Which data keys are moved, and where to.
#[derive(Args, Serialize, Deserialize)]
pub struct RewrapArgs {
    /// Only objects of this bucket
    #[arg(long)]
    bucket: Option<String>,
    /// Only objects whose key begins so
    #[arg(long, requires = "bucket", default_value = "")]
    prefix: String,
    /// Only objects under this KMS key (ARN)
    #[arg(long, value_name = "ARN")]
    key: Option<String>,
    /// Move objects of SSE-KMS and DSSE-KMS to this KMS key (ARN) of the same account
    #[arg(long, value_name = "ARN", requires = "key")]
    to_key: Option<String>,
    /// At most so many objects per second
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// Begin anew instead of where an interrupted run with the same choice stopped
    #[arg(long)]
    restart: bool,
}

/// How a walk went.
#[derive(Default, Serialize, Deserialize)]
struct Tally {
    /// Sequence of the last version that was looked at.
    after: i64,
    looked_at: u64,
    moved: u64,
    failed: u64,
}

impl RewrapArgs {
    /// Does it.
    pub async fn run(self, stores: &Stores, output: &Output) -> anyhow::Result<()> {
        let index = &stores.index;
        let scope = EnvelopeScope {
            bucket_id: match &self.bucket {
                None => None,
                Some(name) => Some(
                    index
                        .bucket(name)
                        .await
                        .with_context(|| format!("the bucket {name}"))?
                        .id,
                ),
            },
            prefix: self.prefix.clone(),
        };
        for arn in self.key.iter().chain(&self.to_key) {
            if !arn.starts_with("arn:aws:kms:") || !arn.contains(":key/") {
                bail!("{arn} is not the ARN of a KMS key");
            }
        }
        let id = self.progress_id();
        let mut tally = self.resume(stores, &id).await?;
        if tally.after > 0 {
            let line = format!("going on after {} objects", tally.looked_at);
            output.line(line).await?;
        }
        let left = index.count_envelopes(&scope, tally.after).await?;
        let total = tally.looked_at + left;
        let mut buckets = Buckets::new();
        let mut pace = Pace::new(self.rate);
        loop {
            let batch = index.envelopes(&scope, tally.after, BATCH).await?;
            let Some(last) = batch.last() else { break };
            let after = last.seq;
            // Several at once share a commit of the index.
            for group in batch.chunks(TOGETHER) {
                for stored in group {
                    pace.wait().await;
                    find_bucket(stores, &mut buckets, stored.bucket_id).await?;
                }
                let moves = group
                    .iter()
                    .map(|stored| self.move_one(stores, &buckets, stored));
                for (stored, outcome) in group.iter().zip(join_all(moves).await) {
                    match outcome {
                        Ok(moved) => tally.moved += u64::from(moved),
                        Err(error) => {
                            tally.failed += 1;
                            if tally.failed <= TOLD {
                                let line = format!("left as it is: {}: {error:#}", stored.key);
                                output.line(line).await?;
                            }
                        }
                    }
                    tally.looked_at += 1;
                }
            }
            tally.after = after;
            self.note(stores, &id, Some(&tally)).await?;
            output
                .progress(tally.looked_at, total.max(tally.looked_at))
                .await?;
        }
        self.note(stores, &id, None).await?;
        let Tally {
            looked_at,
            moved,
            failed,
            ..
        } = tally;
        output
            .line(format!(
                "{looked_at} objects looked at, {moved} moved, {failed} left as they are"
            ))
            .await?;
        if failed > 0 {
            bail!("{failed} objects are not under the newest key");
        }
        Ok(())
    }

    /// Whether the envelope of a version was replaced.
    async fn move_one(
        &self,
        stores: &Stores,
        buckets: &Buckets,
        stored: &StoredEnvelope,
    ) -> anyhow::Result<bool> {
        let envelope = Envelope::from_bytes(&stored.envelope)?;
        if let Some(wanted) = &self.key
            && envelope.kms_key() != Some(wanted.as_str())
        {
            return Ok(false);
        }
        // Deleted meanwhile, and the version with it.
        let Some(bucket) = buckets.get(&stored.bucket_id) else {
            return Ok(false);
        };
        let place = Place {
            account: &bucket.account_id,
            bucket: &bucket.name,
            key: &stored.key,
        };
        let moved: Result<_, SseError> = stores
            .sse
            .rewrap(place, &envelope, self.to_key.as_deref())
            .await;
        let Some(moved) = moved? else {
            return Ok(false);
        };
        let to = moved.to_bytes()?.into();
        let from = stored.envelope.clone();
        match stores.index.replace_envelope(stored.seq, from, to).await {
            Ok(()) => Ok(true),
            Err(IndexError::Conflict) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// One record per choice of objects and target.
    fn progress_id(&self) -> String {
        let choice = (&self.bucket, &self.prefix, &self.key, &self.to_key);
        hex::encode(Sha256::digest(format!("{choice:?}")))
    }

    async fn resume(&self, stores: &Stores, id: &str) -> anyhow::Result<Tally> {
        if self.restart {
            return Ok(Tally::default());
        }
        Ok(match stores.index.record(PROGRESS, id).await? {
            Some(record) => serde_json::from_slice(&record.body)
                .context("how far an earlier run came cannot be read; use --restart")?,
            None => Tally::default(),
        })
    }

    async fn note(&self, stores: &Stores, id: &str, tally: Option<&Tally>) -> anyhow::Result<()> {
        let body = tally.map(serde_json::to_vec).transpose()?;
        let write = RecordWrite {
            ns: PROGRESS.to_owned(),
            id: id.to_owned(),
            expect: Expect::Any,
            body: body.map(Into::into),
        };
        Ok(stores.index.write_records(vec![write]).await?)
    }
}

async fn find_bucket(stores: &Stores, buckets: &mut Buckets, id: i64) -> anyhow::Result<()> {
    if let Entry::Vacant(place) = buckets.entry(id) {
        match stores.index.bucket_by_id(id).await {
            Ok(bucket) => {
                place.insert(bucket);
            }
            Err(IndexError::NoSuchBucket) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Keeps a rate: steps are spread over time, and time that was missed is not made up for.
struct Pace {
    step: Option<Duration>,
    next: Instant,
}

impl Pace {
    fn new(rate: Option<u32>) -> Pace {
        Pace {
            step: rate.map(|rate| Duration::from_secs(1) / rate.max(1)),
            next: Instant::now(),
        }
    }

    async fn wait(&mut self) {
        let Some(step) = self.step else { return };
        sleep_until(self.next).await;
        self.next = self.next.max(Instant::now()) + step;
    }
}
