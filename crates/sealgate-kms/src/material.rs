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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use crate::key::{KeyManager, KeyState};

    fn materials() -> Materials {
        Materials::new(&RootKey::from_bytes([1; 32]))
    }

    fn key(materials: &Materials) -> KeyRecord {
        let (account, id, now) = (
            "111122223333".parse().unwrap(),
            Uuid::new_v4(),
            OffsetDateTime::UNIX_EPOCH,
        );
        KeyRecord {
            account,
            id,
            created: now,
            description: String::new(),
            manager: KeyManager::Customer,
            state: KeyState::Enabled,
            deletion: None,
            policy: String::new(),
            tags: Default::default(),
            aliases: Vec::new(),
            material: vec![materials.generate(account, id, 1, now).unwrap()],
        }
    }

    fn open(
        materials: &Materials,
        key: &KeyRecord,
        moment: Moment,
    ) -> Result<Arc<Key256>, KmsError> {
        materials.open(key, &key.material[0], moment)
    }

    #[test]
    fn plaintext_is_kept_for_a_while_and_forgotten_at_once() {
        let materials = materials();
        let (one, two) = (key(&materials), key(&materials));
        let moment = materials.moment();
        let first = open(&materials, &one, moment).unwrap();
        assert!(Arc::ptr_eq(
            &first,
            &open(&materials, &one, moment).unwrap()
        ));
        open(&materials, &two, moment).unwrap();
        assert_eq!(materials.held(), 2);
        materials.forget(one.account, one.id);
        assert_eq!(materials.held(), 1);
        materials.expire();
        assert_eq!(materials.held(), 1);
    }

    #[test]
    fn who_looked_before_it_was_forgotten_does_not_put_it_back() {
        let materials = materials();
        let key = key(&materials);
        let before = materials.moment();
        materials.forget(key.account, key.id);
        open(&materials, &key, before).unwrap();
        assert_eq!(materials.held(), 0);
        open(&materials, &key, materials.moment()).unwrap();
        assert_eq!(materials.held(), 1);
    }

    #[test]
    fn the_number_kept_is_bounded() {
        let materials = materials();
        for _ in 0..CAPACITY.get() + 10 {
            let key = key(&materials);
            open(&materials, &key, materials.moment()).unwrap();
        }
        assert_eq!(materials.held(), CAPACITY.get());
    }

    #[test]
    fn sealed_material_is_bound_to_its_key_its_version_and_the_root() {
        let materials = materials();
        let (mut one, two) = (key(&materials), key(&materials));
        let moment = materials.moment();
        let other_root = Materials::new(&RootKey::from_bytes([2; 32]));
        assert!(open(&other_root, &one, moment).is_err());
        let own = one.material.clone();
        one.material = two.material.clone();
        assert!(open(&materials, &one, moment).is_err());
        one.material = own;
        one.material[0].version = 2;
        assert!(open(&materials, &one, moment).is_err());
    }
}
