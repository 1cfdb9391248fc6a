//! The trail.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use sealgate_index::{Index, TrailEntry};
use sealgate_seal::Key256;
use time::{Duration, OffsetDateTime};
use tokio::sync::{Mutex, MutexGuard};

use crate::error::AuditError;
use crate::event::Event;
use crate::heads::{Head, Heads};
use crate::keys::{DigestPublicKey, HeadPublicKey, Keys, digest_public_key};
use crate::queue::Queue;
use crate::record::render;
use crate::trails::Selected;
use crate::verify::{Report, VerifyRequest, verify};

/// How often files are delivered, as at AWS.
const DELIVERY_PERIOD: Duration = Duration::minutes(5);
/// How often digests are, as at AWS.
const DIGEST_PERIOD: Duration = Duration::hours(1);

/// What the trail is opened with.
pub struct TrailConfig {
    /// Region of the gateway.
    pub region: String,
    /// What the signing keys are sealed under.
    pub sealing_key: Key256,
    /// The append-only file of signed heads.
    pub heads_file: Option<PathBuf>,
    /// A head is signed so long after the last.
    pub head_period: Duration,
    /// A head is signed after so many records.
    pub head_records: i64,
    /// Files are delivered into buckets so often.
    pub delivery_period: Duration,
    /// Digests of them are delivered so often.
    pub digest_period: Duration,
}

impl TrailConfig {
    /// The usual settings: a head every hour or 100,000 records, files every five minutes, digests every
    /// hour.
    #[must_use]
    pub fn new(region: impl Into<String>, sealing_key: Key256) -> TrailConfig {
        TrailConfig {
            region: region.into(),
            sealing_key,
            heads_file: None,
            head_period: Duration::HOUR,
            head_records: 100_000,
            delivery_period: DELIVERY_PERIOD,
            digest_period: DIGEST_PERIOD,
        }
    }
}

/// The audit trail of the gateway. Cheap to clone.
#[derive(Clone)]
pub struct Trail {
    inner: Arc<Inner>,
}

struct Inner {
    index: Index,
    region: String,
    /// Started with the first batched record, because only then a runtime is sure to be there.
    queue: OnceLock<Queue>,
    signing: Option<Signing>,
    selected: Selected,
    /// One change of trails or of their status at a time.
    trails: Mutex<()>,
    delivery_period: Duration,
    digest_period: Duration,
}

struct Signing {
    keys: Keys,
    heads: Heads,
}

impl Trail {
    /// The trail that is kept in `index`, without keys: it records, and signs nothing.
    #[must_use]
    pub fn new(index: Index, region: impl Into<String>) -> Trail {
        Trail {
            inner: Arc::new(Inner {
                index,
                region: region.into(),
                queue: OnceLock::new(),
                signing: None,
                selected: Selected::default(),
                trails: Mutex::new(()),
                delivery_period: DELIVERY_PERIOD,
                digest_period: DIGEST_PERIOD,
            }),
        }
    }

    /// The trail that is kept in `index`.
    ///
    /// # Errors
    /// If the index or the file of heads cannot be read, or the signing key cannot be opened.
    pub async fn open(index: Index, config: TrailConfig) -> Result<Trail, AuditError> {
        let keys = Keys::new(index.clone(), config.sealing_key);
        keys.head().await?;
        let heads = Heads::open(
            index.clone(),
            config.heads_file,
            config.head_period,
            config.head_records,
        )
        .await?;
        let trail = Trail {
            inner: Arc::new(Inner {
                index,
                region: config.region,
                queue: OnceLock::new(),
                signing: Some(Signing { keys, heads }),
                selected: Selected::default(),
                trails: Mutex::new(()),
                delivery_period: config.delivery_period,
                digest_period: config.digest_period,
            }),
        };
        trail.load_selected().await?;
        Ok(trail)
    }

    /// The region of the gateway, for events that have no caller to take it from.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.inner.region
    }

    pub(crate) fn index(&self) -> &Index {
        &self.inner.index
    }

    pub(crate) fn delivery_period(&self) -> Duration {
        self.inner.delivery_period
    }

    pub(crate) fn digest_period(&self) -> Duration {
        self.inner.digest_period
    }

    pub(crate) fn selected(&self) -> &Selected {
        &self.inner.selected
    }

    pub(crate) async fn trails_lock(&self) -> MutexGuard<'_, ()> {
        self.inner.trails.lock().await
    }

    pub(crate) fn keys(&self) -> Result<&Keys, AuditError> {
        match &self.inner.signing {
            Some(signing) => Ok(&signing.keys),
            None => Err(AuditError::Signing),
        }
    }

    /// The key that heads are verified with.
    ///
    /// # Errors
    /// If the trail was opened without keys.
    pub async fn head_public_key(&self) -> Result<HeadPublicKey, AuditError> {
        self.keys()?.head_public().await
    }

    /// The key that digest files are verified with, if any was signed.
    ///
    /// # Errors
    /// If the index fails.
    pub async fn digest_public_key(&self) -> Result<Option<DigestPublicKey>, AuditError> {
        digest_public_key(self.index()).await
    }

    /// Signs a head if one is due; for a job that runs now and then.
    ///
    /// # Errors
    /// If the index or the file of heads fails.
    pub async fn sign_head_if_due(&self, now: OffsetDateTime) -> Result<Option<Head>, AuditError> {
        match &self.inner.signing {
            Some(signing) => signing.heads.sign_due(&signing.keys, now).await,
            None => Ok(None),
        }
    }

    /// Signs the end of the trail, unless that is signed already; for shutdown, after
    /// [`flush`](Trail::flush).
    ///
    /// # Errors
    /// If the index or the file of heads fails.
    pub async fn sign_head(&self, now: OffsetDateTime) -> Result<Option<Head>, AuditError> {
        match &self.inner.signing {
            Some(signing) => signing.heads.sign(&signing.keys, now).await,
            None => Ok(None),
        }
    }

    /// The newest signed head, if there is one.
    pub async fn newest_head(&self) -> Option<Head> {
        match &self.inner.signing {
            Some(signing) => signing.heads.newest().await,
            None => None,
        }
    }

    /// The sequence of the newest record.
    ///
    /// # Errors
    /// If the index fails.
    pub async fn newest_record(&self) -> Result<i64, AuditError> {
        Ok(self.inner.index.trail_state().await?.last)
    }

    /// Verifies the newest records, at most `most` of them, and the signed heads among them.
    ///
    /// # Errors
    /// As [`verify`](crate::verify).
    pub async fn verify_newest(&self, most: i64) -> Result<Report, AuditError> {
        self.flush().await?;
        let last = self.newest_record().await?;
        let request = VerifyRequest {
            public_key: self.head_public_key().await?,
            heads_file: self.inner.signing.as_ref().and_then(|it| it.heads.file()),
            first: Some((last - most + 1).max(1)),
            last: Some(last),
        };
        verify(&self.inner.index, &request, |_, _| ()).await
    }

    /// Whether any trail has selected data events. Costs one load; asked at every call of S3.
    #[must_use]
    pub fn selects_data(&self) -> bool {
        self.inner.selected.any()
    }

    /// Those of `accounts` that have a trail which covers a data event on `place` (`bucket/key`, or
    /// `bucket/` where it is about a bucket).
    #[must_use]
    pub fn data_recipients(&self, accounts: &[&str], place: &str, read_only: bool) -> Vec<String> {
        let mut recipients: Vec<String> = Vec::new();
        for account in accounts {
            if !recipients.iter().any(|known| known == account)
                && self.inner.selected.covers(account, place, read_only)
            {
                recipients.push((*account).to_owned());
            }
        }
        recipients
    }

    /// Records an event; it is durable when this returns.
    ///
    /// # Errors
    /// If it could not be made durable. The call it belongs to must then fail.
    pub async fn record(&self, event: Event) -> Result<(), AuditError> {
        Ok(self.inner.index.trail_append(render(&event)).await?)
    }

    /// Accepts an event that will be durable within a second; where the queue is full it waits for a place. Where
    /// that cannot be promised (the index did not take the last batch) it waits until the event is durable.
    ///
    /// # Errors
    /// If it was neither accepted nor made durable. The call it belongs to must then fail.
    pub async fn record_batched(&self, event: Event) -> Result<(), AuditError> {
        let queue = self
            .inner
            .queue
            .get_or_init(|| Queue::start(self.inner.index.clone()));
        let refused: Result<(), Vec<TrailEntry>> = queue.offer(render(&event)).await;
        match refused {
            Ok(()) => Ok(()),
            Err(entries) => Ok(self.inner.index.trail_append(entries).await?),
        }
    }

    /// Waits until every event accepted before is durable; for shutdown.
    ///
    /// # Errors
    /// If the index did not take them. They stay queued and are tried again while the process lives.
    pub async fn flush(&self) -> Result<(), AuditError> {
        match self.inner.queue.get() {
            Some(queue) => queue.flush().await,
            None => Ok(()),
        }
    }
}
