//! The KMS as a whole: what it holds, how it opens, and how each operation comes to its end.

use std::future::Future;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use sealgate_audit::Trail;
use sealgate_index::Index;
use sealgate_trust::Root;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::arn::{AccountId, KeyName, Target, alias_arn};
use crate::attempt::Attempt;
use crate::error::KmsError;
use crate::grants::GrantStore;
use crate::key_store::ExternalKeyStores;
use crate::key_store::proxy::Proxies;
use crate::key_store::record::KeyStores;
use crate::material::{DEFAULT_CAPACITY, Materials};
use crate::ops::managed::S3_ALIAS;
use crate::outcomes::Outcomes;
use crate::platform::Platform;
use crate::store::Store;
use crate::types::KeyArnInfo;
use crate::usage::{KeyUse, Usage, UsageRecord};

/// The KMS. Cheap to clone.
#[derive(Clone)]
pub struct Kms {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub store: Store,
    pub grants: GrantStore,
    pub materials: Materials,
    pub trail: Trail,
    pub region: String,
    pub usage: Usage,
    pub key_stores: KeyStores,
    pub proxies: Proxies,
    /// Whether the list of times was compared with the keys yet.
    pub timers_checked: AtomicBool,
    platform: Platform,
    options: KmsOptions,
    outcomes: Outcomes,
}

/// How long things last, and how others are talked to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KmsOptions {
    /// How long the plaintext of key material stays in memory, at the longest until the
    /// [next wipe](Kms::expire_cache) after it.
    pub material_lifetime: Duration,
    /// How many plaintext materials are in memory at once.
    pub material_capacity: NonZeroUsize,
    /// After how long the platform key is rotated.
    pub platform_key_lifetime: Duration,
    /// How the proxies of external key stores are talked to.
    pub external_key_stores: ExternalKeyStores,
}

impl Default for KmsOptions {
    fn default() -> KmsOptions {
        KmsOptions {
            material_lifetime: Duration::from_secs(300),
            material_capacity: DEFAULT_CAPACITY,
            platform_key_lifetime: Duration::from_secs(365 * 24 * 60 * 60),
            external_key_stores: ExternalKeyStores::default(),
        }
    }
}

impl Kms {
    /// Opens the KMS whose keys are in `index`, sealed under `root`. Makes the first platform key where there
    /// is none.
    ///
    /// # Errors
    /// If the index fails, or its platform keys do not open under this root key.
    pub async fn open(
        index: Index,
        trail: Trail,
        root: &Root,
        region: String,
    ) -> Result<Kms, KmsError> {
        Kms::with_options(index, trail, root, region, KmsOptions::default()).await
    }

    /// As [`Kms::open`], with other options.
    ///
    /// # Errors
    /// As [`Kms::open`].
    pub async fn with_options(
        index: Index,
        trail: Trail,
        root: &Root,
        region: String,
        options: KmsOptions,
    ) -> Result<Kms, KmsError> {
        let platform = Platform::open(index.clone(), root.clone()).await?;
        let inner = Arc::new(Inner {
            grants: GrantStore::new(index.clone()),
            key_stores: KeyStores::new(index.clone()),
            proxies: Proxies::new(
                root.clone(),
                region.clone(),
                options.external_key_stores.clone(),
            ),
            usage: Usage::open(index.clone()).await?,
            timers_checked: AtomicBool::new(false),
            store: Store::new(index, region.clone()),
            materials: Materials::new(
                root.clone(),
                options.material_lifetime,
                options.material_capacity,
            ),
            trail,
            region,
            platform,
            options,
            outcomes: Outcomes::default(),
        });
        let weak = Arc::downgrade(&inner);
        root.on_loss(move || {
            if let Some(inner) = weak.upgrade() {
                inner.materials.forget_all();
                inner.platform.forget();
                inner.proxies.forget_all();
            }
        });
        Ok(Kms { inner })
    }

    /// Finds what a key id, key ARN, alias name or alias ARN stands for, without asking who wants to know;
    /// bare ids and names are those of `account_id`.
    ///
    /// # Errors
    /// [`KmsError::NotFound`] if it stands for nothing.
    pub async fn resolve(&self, account_id: &str, key_id: &str) -> Result<KeyArnInfo, KmsError> {
        let region = &self.inner.region;
        let name = KeyName::parse(key_id, region, "keyId")?;
        let account = match name.account {
            Some(account) => account,
            None => account_id.parse().map_err(|()| {
                KmsError::Internal("the account id does not have 12 digits".to_owned())
            })?,
        };
        if name.target == Target::Alias(S3_ALIAS.to_owned()) && name.account.is_none() {
            self.managed_s3_key(account).await?;
        }
        let key = self
            .look_up(account, &name.target, OffsetDateTime::now_utc())
            .await?;
        let key = key.ok_or_else(|| not_found(region, account, &name.target))?;
        Ok(KeyArnInfo {
            arn: key.arn.clone(),
            key_id: key.record.key_id().to_string(),
            account_id: account.to_string(),
            state: key.record.state,
            manager: key.record.manager,
        })
    }

    /// Wraps a secret of the gateway under the current platform key. It unwraps only for the same purpose
    /// and the same `aad`.
    ///
    /// # Errors
    /// [`KmsError::KeyUnavailable`] while the root of trust is gone.
    pub fn platform_wrap(
        &self,
        purpose: &str,
        aad: &[u8],
        secret: &[u8],
    ) -> Result<Vec<u8>, KmsError> {
        self.inner.platform.wrap(purpose, aad, secret)
    }

    /// Unwraps what [`Kms::platform_wrap`] wrapped, under whichever version of the platform key.
    ///
    /// # Errors
    /// [`KmsError::InvalidCiphertext`] if anything is not as it was.
    pub fn platform_unwrap(
        &self,
        purpose: &str,
        aad: &[u8],
        wrapped: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, KmsError> {
        self.inner.platform.unwrap(purpose, aad, wrapped)
    }

    /// The same secret under the current platform key; `None` if that is what it is under.
    ///
    /// # Errors
    /// As [`Kms::platform_unwrap`].
    pub fn platform_rewrap(
        &self,
        purpose: &str,
        aad: &[u8],
        wrapped: &[u8],
    ) -> Result<Option<Vec<u8>>, KmsError> {
        self.inner.platform.rewrap(purpose, aad, wrapped)
    }

    /// Makes a new version of the platform key for what is wrapped from now on; returns its number.
    ///
    /// # Errors
    /// If the index fails.
    pub async fn rotate_platform_key(&self) -> Result<u32, KmsError> {
        self.inner.platform.rotate().await
    }

    /// Makes a new version of the platform key if the newest is old enough; returns its number. Several
    /// processes that find it so make one new version together.
    ///
    /// # Errors
    /// If the index fails, or the root of trust is gone.
    pub async fn rotate_platform_if_due(
        &self,
        now: OffsetDateTime,
    ) -> Result<Option<u32>, KmsError> {
        let platform = &self.inner.platform;
        match platform.newest() {
            Some(created) if now - created < self.inner.options.platform_key_lifetime => Ok(None),
            _ => platform.rotate().await.map(Some),
        }
    }

    /// How long things last here; other caches of plaintext keys keep to it.
    #[must_use]
    pub fn options(&self) -> &KmsOptions {
        &self.inner.options
    }

    /// The root of trust, for what else must forget its plaintext keys when the root is lost.
    #[must_use]
    pub fn root(&self) -> &Root {
        self.inner.materials.root()
    }

    /// How often each operation ended with which code (`OK` for success) since the start.
    #[must_use]
    pub fn outcomes(&self) -> Vec<(&'static str, &'static str, u64)> {
        self.inner.outcomes.read()
    }

    /// Ends an attempt: records it, durably unless it may be batched, counts it, and only then lets the
    /// result go. What cannot be recorded fails.
    pub(crate) async fn conclude<T>(
        &self,
        attempt: Attempt,
        result: Result<T, KmsError>,
    ) -> Result<T, KmsError> {
        let operation = attempt.operation;
        let error = result.as_ref().err();
        if let Some(KmsError::Internal(cause)) = error {
            tracing::error!(
                operation = operation.name(),
                request_id = attempt.request_id(),
                cause,
                "a KMS operation failed"
            );
        }
        let batch = error.is_none() && attempt.may_batch();
        let uses = match error {
            None if operation.is_crypto() => attempt.uses(),
            _ => Vec::new(),
        };
        let event = attempt.into_event(error);
        let notes: Vec<(KeyUse, UsageRecord)> = uses
            .into_iter()
            .map(|used| {
                let last = UsageRecord {
                    operation: operation.name().to_owned(),
                    at: event.time,
                    event_id: event.id_for(&used.account.to_string()),
                    request_id: event.request_id.clone(),
                    uses: Default::default(),
                };
                (used, last)
            })
            .collect();
        let trail = &self.inner.trail;
        let recorded = if batch {
            trail.record_batched(event).await
        } else {
            trail.record(event).await
        };
        let result = recorded.map_err(KmsError::from).and(result);
        if result.is_ok() {
            for (used, last) in notes {
                self.inner.usage.note(used, last);
            }
        }
        self.inner
            .outcomes
            .count(operation, result.as_ref().err().map(KmsError::code));
        result
    }
}

/// Runs a change to its end, its record included, even if the client goes away meanwhile: nothing changes
/// without a trace.
pub(crate) async fn to_the_end<T: Send + 'static>(
    change: impl Future<Output = Result<T, KmsError>> + Send + 'static,
) -> Result<T, KmsError> {
    tokio::spawn(change).await.unwrap_or_else(|_| {
        Err(KmsError::Internal(
            "the operation did not come to its end".to_owned(),
        ))
    })
}

/// The refusal of a name that stands for nothing in the caller's own account.
pub(crate) fn not_found(region: &str, account: AccountId, target: &Target) -> KmsError {
    KmsError::NotFound(match target {
        Target::Key(id) => format!(
            "Key '{}' does not exist",
            crate::arn::key_arn(region, account, id)
        ),
        Target::Alias(name) => format!("Alias {} is not found.", alias_arn(region, account, name)),
    })
}
