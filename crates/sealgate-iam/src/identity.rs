//! What an access key stands for, ready to use: its secret opened, its user's policies parsed.
//!
//! An entry is used only while the records it was made from have the revisions that the index holds
//! (revisions never repeat), so a key set inactive, a policy changed or a user deleted counts for
//! the next request.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use lru::LruCache;
use parking_lot::Mutex;
use sealgate_index::Record;
use sealgate_policy::{Policy, Principal};
use sealgate_wire::sigv4::SecretKey;
use time::OffsetDateTime;

use crate::Iam;
use crate::error::IamError;
use crate::model::{KeyStatus, LastUsed, root_principal};
use crate::records::{self, ACCOUNTS, AccountRecord, KEYS, KeyRecord, USERS, UserRecord};

/// Opened secrets kept at most. An evicted one is zeroized.
const CAPACITY: usize = 4096;
/// A use is noted again after so many seconds.
const NOTE_EVERY: i64 = 60;

pub(crate) struct Identity {
    pub active: bool,
    pub secret: SecretKey,
    pub principal: Principal,
    pub policies: Arc<[Arc<Policy>]>,
    pub canonical_id: String,
    key_revision: i64,
    /// The record id and revision of the user; `None` for the root.
    user: Option<(String, i64)>,
    noted: AtomicI64,
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
        {
            match &identity.user {
                None => return Ok(Some(identity)),
                Some((id, revision)) => {
                    let current = self.index().record(USERS, id).await?;
                    if current.is_some_and(|record| record.revision == *revision) {
                        return Ok(Some(identity));
                    }
                }
            }
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
        let Some(account) =
            records::load::<AccountRecord>(self.index(), ACCOUNTS, &key.account_id).await?
        else {
            return Ok(None);
        };
        let (principal, policies, user) = match &key.user {
            None => (
                root_principal(&key.account_id, Some(access_key_id.to_owned())),
                Vec::new(),
                None,
            ),
            Some(folded) => {
                let id = records::user_id(&key.account_id, folded);
                let Some(record) = self.index().record(USERS, &id).await? else {
                    return Ok(None);
                };
                let user: UserRecord = serde_json::from_slice(&record.body)?;
                let policies = user
                    .policies
                    .iter()
                    .map(|policy| {
                        // A policy was parsed before it was stored. One that does not parse now may
                        // hold a Deny: leaving it out could allow too much, so the user stops here.
                        Policy::parse_identity(&policy.document)
                            .map(Arc::new)
                            .map_err(|error| {
                                IamError::Internal(format!(
                                    "stored policy {} of {} does not parse: {error}",
                                    policy.name, id
                                ))
                            })
                    })
                    .collect::<Result<Vec<_>, _>>()?;
                let principal = user.user().principal(Some(access_key_id.to_owned()));
                (principal, policies, Some((id, record.revision)))
            }
        };
        Ok(Some(Identity {
            active: key.status == KeyStatus::Active,
            secret,
            principal,
            policies: policies.into(),
            canonical_id: account.value.canonical_id,
            key_revision: stored.revision,
            user,
            noted: AtomicI64::new(i64::MIN),
        }))
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
