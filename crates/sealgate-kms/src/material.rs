//! Key material: made, sealed under the root, and kept in plaintext for a short while where it is in use.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use lru::LruCache;
use parking_lot::Mutex;
use sealgate_seal::{Key256, wrap};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::arn::AccountId;
use crate::error::KmsError;
use crate::key::{KeyRecord, MaterialVersion};
use crate::root::RootKey;

const PURPOSE: &str = "kms key material";
/// Plaintext materials in memory at once.
const CAPACITY: NonZeroUsize = match NonZeroUsize::new(1024) {
    Some(capacity) => capacity,
    None => NonZeroUsize::MIN,
};
/// How long one stays there.
const LIFETIME: Duration = Duration::from_secs(300);

type Id = (AccountId, Uuid, u32);

/// Counts how often materials were forgotten. Who looked at a key before it was disabled holds an older
/// moment and may not put its material back afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment(u64);

struct Cache {
    forgotten: u64,
    entries: LruCache<Id, Entry>,
}

struct Entry {
    /// Wiped when the cache and the last operation that uses it have let go.
    material: Arc<Key256>,
    until: Instant,
}

/// The materials.
pub(crate) struct Materials {
    sealing: Key256,
    cache: Mutex<Cache>,
}

impl Materials {
    pub(crate) fn new(root: &RootKey) -> Materials {
        Materials {
            sealing: root.derive(PURPOSE),
            cache: Mutex::new(Cache {
                forgotten: 0,
                entries: LruCache::new(CAPACITY),
            }),
        }
    }

    /// A new version of material for a key.
    pub(crate) fn generate(
        &self,
        account: AccountId,
        key: Uuid,
        version: u32,
        now: OffsetDateTime,
    ) -> Result<MaterialVersion, KmsError> {
        let mut id = [0; 32];
        getrandom::fill(&mut id).map_err(no_random)?;
        let material = Key256::generate();
        let aad = binding(account, key, version);
        let wrapped = wrap::wrap(&self.sealing, PURPOSE, &aad, material.expose());
        Ok(MaterialVersion {
            version,
            id: hex::encode(id),
            created: now,
            wrapped: BASE64.encode(wrapped),
        })
    }

    /// The moment to hand to [`Materials::open`]; take it before the key is looked at.
    pub(crate) fn moment(&self) -> Moment {
        Moment(self.cache.lock().forgotten)
    }

    /// The plaintext of a version of a key's material.
    pub(crate) fn open(
        &self,
        key: &KeyRecord,
        material: &MaterialVersion,
        moment: Moment,
    ) -> Result<Arc<Key256>, KmsError> {
        let id = (key.account, key.id, material.version);
        let now = Instant::now();
        if let Some(entry) = self.cache.lock().entries.get(&id)
            && entry.until > now
        {
            return Ok(Arc::clone(&entry.material));
        }
        let opened = Arc::new(self.unseal(key, material).ok_or_else(|| {
            KmsError::Internal(format!(
                "version {} of the material of key {} does not open under the root key",
                material.version, key.id
            ))
        })?);
        let mut cache = self.cache.lock();
        if cache.forgotten == moment.0 {
            cache.entries.put(
                id,
                Entry {
                    material: Arc::clone(&opened),
                    until: now + LIFETIME,
                },
            );
        }
        Ok(opened)
    }

    fn unseal(&self, key: &KeyRecord, material: &MaterialVersion) -> Option<Key256> {
        let wrapped = BASE64.decode(&material.wrapped).ok()?;
        let aad = binding(key.account, key.id, material.version);
        let opened = wrap::unwrap(&self.sealing, PURPOSE, &aad, &wrapped).ok()?;
        Key256::from_slice(&opened)
    }

    /// Forgets the plaintext of all versions of a key at once.
    pub(crate) fn forget(&self, account: AccountId, key: Uuid) {
        let mut cache = self.cache.lock();
        cache.forgotten += 1;
        retain(&mut cache.entries, |&(of_account, of_key, _), _| {
            (of_account, of_key) != (account, key)
        });
    }

    /// Forgets what has been there for long enough.
    pub(crate) fn expire(&self) {
        let now = Instant::now();
        retain(&mut self.cache.lock().entries, |_, entry| entry.until > now);
    }

    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        self.cache.lock().entries.len()
    }
}

fn retain(entries: &mut LruCache<Id, Entry>, keep: impl Fn(&Id, &Entry) -> bool) {
    let gone: Vec<Id> = entries
        .iter()
        .filter(|(id, entry)| !keep(id, entry))
        .map(|(id, _)| *id)
        .collect();
    for id in gone {
        entries.pop(&id);
    }
}

/// What sealed material is bound to: account, key and version, so that none can take another's place.
fn binding(account: AccountId, key: Uuid, version: u32) -> Vec<u8> {
    [
        &account.number().to_be_bytes()[..],
        key.as_bytes(),
        &version.to_be_bytes(),
    ]
    .concat()
}

pub(crate) fn no_random(error: getrandom::Error) -> KmsError {
    KmsError::Internal(format!("the system gives no random numbers: {error}"))
}
