//! What is sealed under which KMS key: counted over all versions, in the background and not for each question.
//!
//! Envelopes are small and name their key, but there may be millions. So there is one count at a time for all keys
//! together, gentle to whoever else reads the index; its outcome serves the questions of a while that grows with how
//! long it took. A question waits a moment for it. After that, it is answered from the last count, or, where there is
//! none, from what has been counted by then.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use sealgate_index::{EnvelopeScope, Index, IndexError};
use sealgate_sse::Envelope;
use time::OffsetDateTime;
use tokio::sync::watch;

use crate::S3;

/// Versions that are read at a time.
const BATCH: usize = 512;
/// Between two reads.
const PAUSE: Duration = Duration::from_millis(2);
/// How long a question waits.
const PATIENCE: Duration = Duration::from_millis(250);
/// A count that took no longer is made anew for each question.
const CHEAP: Duration = Duration::from_millis(500);
/// Any other is good for so many times as long as it took.
const WORTH: u32 = 50;
/// Keys, materials and buckets that are told apart. What is beyond them is not counted, and that is said.
const MOST: usize = 100_000;

/// What is under one version of a key's material in one bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// The bucket.
    pub bucket: String,
    /// The version of the material; 0 if the wrapping does not say it.
    pub material: u32,
    /// Versions of objects.
    pub versions: u64,
    /// Bytes of plaintext.
    pub bytes: u64,
}

/// What is under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holdings {
    /// By bucket and material.
    pub all: Vec<Holding>,
    /// When the count began.
    pub at: OffsetDateTime,
    /// Whether every version was looked at. If not, there is at least what is said here.
    pub complete: bool,
    /// How many were.
    pub looked_at: u64,
}

#[derive(Default, Clone, Copy)]
struct Sum {
    versions: u64,
    bytes: u64,
}

struct Tally {
    began: OffsetDateTime,
    complete: bool,
    looked_at: u64,
    places: usize,
    /// By the ARN of the key; then by bucket and material.
    keys: HashMap<String, HashMap<(i64, u32), Sum>>,
}

impl Tally {
    fn new() -> Tally {
        Tally {
            began: OffsetDateTime::now_utc(),
            complete: false,
            looked_at: 0,
            places: 0,
            keys: HashMap::new(),
        }
    }

    fn add(&mut self, bucket: i64, envelope: &Envelope, size: u64) {
        let Some(key) = envelope.kms_key() else {
            return;
        };
        let place = (bucket, envelope.kms_material().unwrap_or_default());
        let known = self
            .keys
            .get_mut(key)
            .and_then(|places| places.get_mut(&place));
        let sum = match known {
            Some(sum) => sum,
            None if self.places < MOST => {
                self.places += 1;
                let places = self.keys.entry(key.to_owned()).or_default();
                places.entry(place).or_default()
            }
            None => return,
        };
        sum.versions += 1;
        sum.bytes = sum.bytes.saturating_add(size);
    }
}

/// A count that is over.
struct Counted {
    tally: Arc<Mutex<Tally>>,
    ended: Instant,
    took: Duration,
}

/// A count that is going on; the receiver learns that it is over when the sender is gone.
#[derive(Clone)]
struct Running {
    tally: Arc<Mutex<Tally>>,
    over: watch::Receiver<()>,
}

#[derive(Default)]
struct State {
    counted: Option<Counted>,
    running: Option<Running>,
}

/// The counts of a process.
#[derive(Clone, Default)]
pub(crate) struct Census(Arc<Mutex<State>>);

impl Census {
    /// A tally that is good enough, or the best there is after a moment.
    async fn tally(&self, index: &Index) -> Arc<Mutex<Tally>> {
        let mut running = match self.fresh_or_running(index) {
            Ok(counted) => return counted,
            Err(running) => running,
        };
        let _ = tokio::time::timeout(PATIENCE, running.over.changed()).await;
        match &self.0.lock().counted {
            Some(counted) => counted.tally.clone(),
            None => running.tally,
        }
    }

    fn fresh_or_running(&self, index: &Index) -> Result<Arc<Mutex<Tally>>, Running> {
        let mut state = self.0.lock();
        if let Some(counted) = &state.counted
            && counted.took > CHEAP
            && counted.ended.elapsed() < counted.took * WORTH
        {
            return Ok(counted.tally.clone());
        }
        if let Some(running) = &state.running {
            return Err(running.clone());
        }
        let (sender, over) = watch::channel(());
        let running = Running {
            tally: Arc::new(Mutex::new(Tally::new())),
            over,
        };
        state.running = Some(running.clone());
        drop(state);
        let (census, index, tally) = (self.clone(), index.clone(), running.tally.clone());
        tokio::spawn(async move {
            let began = Instant::now();
            let outcome = count(&index, &tally).await;
            let mut state = census.0.lock();
            state.running = None;
            match outcome {
                Ok(()) => {
                    state.counted = Some(Counted {
                        tally,
                        ended: Instant::now(),
                        took: began.elapsed(),
                    });
                }
                Err(error) => {
                    tracing::error!(%error, "what is under which key could not be counted")
                }
            }
            drop(state);
            drop(sender);
        });
        Err(running)
    }
}

async fn count(index: &Index, tally: &Mutex<Tally>) -> Result<(), IndexError> {
    let everything = EnvelopeScope::default();
    let (mut after, mut unread) = (0, 0_u64);
    loop {
        let batch = index.envelopes(&everything, after, BATCH).await?;
        {
            let mut tally = tally.lock();
            for stored in &batch {
                match Envelope::from_bytes(&stored.envelope) {
                    Ok(envelope) => tally.add(stored.bucket_id, &envelope, stored.size),
                    Err(_) => unread += 1,
                }
            }
            tally.looked_at += u64::try_from(batch.len()).unwrap_or_default();
            if batch.len() < BATCH {
                tally.complete = tally.places < MOST && unread == 0;
                return Ok(());
            }
        }
        after = batch.last().map_or(after, |last| last.seq);
        tokio::time::sleep(PAUSE).await;
    }
}

impl S3 {
    /// What is sealed under a KMS key, by its ARN, in all buckets of all accounts. Asked by services: whom an answer
    /// is shown to, and how much of it, is theirs to decide.
    ///
    /// # Errors
    /// If the index fails.
    pub async fn holdings(&self, key: &str) -> Result<Holdings, IndexError> {
        let tally = self.census.tally(&self.index).await;
        let (places, mut holdings) = {
            let tally = tally.lock();
            let places: Vec<((i64, u32), Sum)> = tally
                .keys
                .get(key)
                .into_iter()
                .flatten()
                .map(|(place, sum)| (*place, *sum))
                .collect();
            let holdings = Holdings {
                all: Vec::with_capacity(places.len()),
                at: tally.began,
                complete: tally.complete,
                looked_at: tally.looked_at,
            };
            (places, holdings)
        };
        let mut names: HashMap<i64, Option<String>> = HashMap::new();
        for ((bucket_id, material), sum) in places {
            let name = match names.get(&bucket_id) {
                Some(name) => name.clone(),
                None => {
                    let name = match self.index.bucket_by_id(bucket_id).await {
                        Ok(bucket) => Some(bucket.name.clone()),
                        // Deleted meanwhile, and empty then.
                        Err(IndexError::NoSuchBucket) => None,
                        Err(error) => return Err(error),
                    };
                    names.insert(bucket_id, name.clone());
                    name
                }
            };
            if let Some(bucket) = name {
                holdings.all.push(Holding {
                    bucket,
                    material,
                    versions: sum.versions,
                    bytes: sum.bytes,
                });
            }
        }
        holdings.all.sort_by(|one, other| {
            (&one.bucket, one.material).cmp(&(&other.bucket, other.material))
        });
        Ok(holdings)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use bytes::Bytes;
    use futures_util::future::join_all;
    use sealgate_index::{Attributes, Body, IndexConfig, NewVersion, WriteCondition};

    use super::*;

    fn envelope(key: &str) -> Envelope {
        let text = format!(r#"{{"mode":"aws:kms","key":"{key}","kek":"AAAA","dek":"AAAA"}}"#);
        Envelope::from_bytes(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_tally_tells_keys_and_buckets_apart_and_adds_up_what_is_alike() {
        let mut tally = Tally::new();
        for (bucket, key, size) in [(1, "a", 10), (1, "a", 5), (2, "a", 1), (1, "b", 7)] {
            tally.add(bucket, &envelope(key), size);
        }
        let of = |key: &str, bucket: i64| {
            let sum = tally.keys[key][&(bucket, 0)];
            (sum.versions, sum.bytes)
        };
        assert_eq!(
            (of("a", 1), of("a", 2), of("b", 1)),
            ((2, 15), (1, 1), (1, 7))
        );
        assert_eq!(tally.places, 3);
    }

    #[test]
    fn what_is_under_no_key_of_the_kms_is_not_counted() {
        let mut tally = Tally::new();
        let own = Envelope::from_bytes(br#"{"mode":"AES256","dek":"AAAA"}"#).unwrap();
        tally.add(1, &own, 10);
        assert!(tally.keys.is_empty());
    }

    async fn put(index: &Index, bucket: i64, key: String) {
        let envelope = envelope("arn").to_bytes().unwrap().into();
        let version = NewVersion {
            key,
            size: 3,
            etag: String::new(),
            checksum_algorithm: None,
            checksum_type: None,
            body: Body::Inline(Bytes::new()),
            meta: Bytes::new(),
            envelope,
            attributes: Attributes::default(),
        };
        index
            .put_version(bucket, version, WriteCondition::None, None, Vec::new())
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn every_version_is_counted_over_several_reads_and_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index");
        let index = Index::open(IndexConfig { path, key: None }).await.unwrap();
        let bucket = index.create_bucket("b", "1", "r").await.unwrap().id;
        let many = BATCH + 1;
        join_all((0..many).map(|number| put(&index, bucket, number.to_string()))).await;
        let tally = Mutex::new(Tally::new());
        count(&index, &tally).await.unwrap();
        let tally = tally.into_inner();
        let sum = tally.keys["arn"][&(bucket, 0)];
        let many = u64::try_from(many).unwrap();
        assert!(tally.complete);
        assert_eq!(
            (tally.looked_at, sum.versions, sum.bytes),
            (many, many, 3 * many)
        );
    }

    #[tokio::test]
    async fn an_envelope_that_cannot_be_read_makes_a_count_a_lower_bound() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index");
        let index = Index::open(IndexConfig { path, key: None }).await.unwrap();
        let bucket = index.create_bucket("b", "1", "r").await.unwrap().id;
        put(&index, bucket, "k".to_owned()).await;
        let found = index
            .envelopes(&EnvelopeScope::default(), 0, 1)
            .await
            .unwrap()
            .remove(0);
        index
            .replace_envelope(found.seq, found.envelope, Bytes::from_static(b"damaged"))
            .await
            .unwrap();
        let tally = Mutex::new(Tally::new());
        count(&index, &tally).await.unwrap();
        assert!(!tally.into_inner().complete);
    }
}
