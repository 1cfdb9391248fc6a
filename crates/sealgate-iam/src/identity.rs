//! What an access key stands for, ready to use: its secret opened, its user's policies at hand.
//!
//! An entry is used only while the key's record and the generation of its account (see `change.rs`)
//! have the revisions that the index holds (revisions never repeat), so a key set inactive, a policy
//! changed, a user deleted or taken out of a group counts for the next request.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use lru::LruCache;
use parking_lot::Mutex;
use sealgate_index::Record;
use sealgate_policy::{AttachedPolicy, Caller, Environment, Principal};
use sealgate_wire::sigv4::SecretKey;
use time::OffsetDateTime;

use crate::Iam;
use crate::error::IamError;
use crate::model::{KeyStatus, LastUsed, root_principal};
use crate::records::{KEYS, KeyRecord, Tags};

/// Opened secrets kept at most. An evicted one is zeroized.
const CAPACITY: usize = 4096;
/// A use is noted again after so many seconds.
pub(crate) const NOTE_EVERY: i64 = 60;

pub(crate) struct Identity {
    pub active: bool,
    pub secret: SecretKey,
    pub principal: Principal,
    pub policies: Arc<[AttachedPolicy]>,
    pub boundary: Option<AttachedPolicy>,
    pub tags: Arc<Tags>,
    pub canonical_id: String,
    key_revision: i64,
    /// The account's generation before the records were read.
    generation: i64,
    noted: AtomicI64,
}

impl Identity {
    /// The principal as the caller of a request.
    pub fn caller(&self, environment: Environment) -> Caller {
        Caller {
            principal: self.principal.clone(),
            identity_policies: Arc::clone(&self.policies),
            boundary: self.boundary.clone(),
            session: None,
            tags: Arc::clone(&self.tags),
            environment,
            source: None,
        }
    }
}

pub(crate) struct IdentityCache {
    entries: Mutex<LruCache<String, Arc<Identity>>>,
}

impl IdentityCache {
    pub fn new() -> IdentityCache {
        const SIZE: NonZeroUsize = match NonZeroUsize::new(CAPACITY) {
            Some(size) => size,
            None => NonZeroUsize::MIN,
        };
        IdentityCache {
            entries: Mutex::new(LruCache::new(SIZE)),
        }
    }
}

impl Iam {
    /// The identity behind an access key; `None` if no such key exists.
    pub(crate) async fn identity(
        &self,
        access_key_id: &str,
    ) -> Result<Option<Arc<Identity>>, IamError> {
        let Some(key) = self.index().record(KEYS, access_key_id).await? else {
            self.inner.identities.entries.lock().pop(access_key_id);
            return Ok(None);
        };
        let cached = self
            .inner
            .identities
            .entries
            .lock()
            .get(access_key_id)
            .cloned();
        if let Some(identity) = cached
            && identity.key_revision == key.revision
            && identity.generation == self.generation(&identity.principal.account_id).await?
        {
            return Ok(Some(identity));
        }
        let Some(identity) = self.build(access_key_id, key).await? else {
            return Ok(None);
        };
        let identity = Arc::new(identity);
        self.inner
            .identities
            .entries
            .lock()
            .put(access_key_id.to_owned(), Arc::clone(&identity));
        Ok(Some(identity))
    }

    async fn build(
        &self,
        access_key_id: &str,
        stored: Record,
    ) -> Result<Option<Identity>, IamError> {
        let key: KeyRecord = serde_json::from_slice(&stored.body)?;
        let secret = self.open_secret(access_key_id, &key)?;
        let generation = self.generation(&key.account_id).await?;
        let key_id = Some(access_key_id.to_owned());
        let identity = Identity {
            active: key.status == KeyStatus::Active,
            secret,
            principal: root_principal(&key.account_id, key_id.clone()),
            policies: Vec::new().into(),
            boundary: None,
            tags: Arc::default(),
            canonical_id: String::new(),
            key_revision: stored.revision,
            generation,
            noted: AtomicI64::new(i64::MIN),
        };
        match &key.user {
            None => {
                let account = self.account(&key.account_id).await?;
                Ok(account.map(|account| Identity {
                    canonical_id: account.canonical_id,
                    ..identity
                }))
            }
            Some(folded) => {
                let user = self.user_permissions(&key.account_id, folded).await?;
                Ok(user.map(|user| Identity {
                    principal: user.user.principal(key_id),
                    policies: Arc::clone(&user.policies),
                    boundary: user.boundary.clone(),
                    tags: Arc::clone(&user.tags),
                    canonical_id: user.canonical_id.clone(),
                    ..identity
                }))
            }
        }
    }

    /// Notes the use of a key, at most once a minute.
    pub(crate) fn note_use(
        &self,
        identity: &Identity,
        service: &str,
        region: &str,
        now: OffsetDateTime,
    ) {
        let seconds = now.unix_timestamp();
        let noted = identity.noted.load(Ordering::Relaxed);
        if seconds.saturating_sub(noted) < NOTE_EVERY {
            return;
        }
        identity.noted.store(seconds, Ordering::Relaxed);
        if let Some(id) = &identity.principal.access_key_id {
            let time = now.replace_nanosecond(0).unwrap_or(now);
            self.inner.uses.note(
                id,
                LastUsed {
                    time,
                    service: service.to_owned(),
                    region: region.to_owned(),
                },
            );
        }
    }
}
