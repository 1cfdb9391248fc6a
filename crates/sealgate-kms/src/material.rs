//! Key material: made, sealed under the root, and kept in plaintext for a short while where it is in use.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use lru::LruCache;
use parking_lot::Mutex;
use sealgate_seal::{Key256, wrap};
use sealgate_trust::Root;
use time::OffsetDateTime;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::arn::AccountId;
use crate::asymmetric::PrivateKey;
use crate::error::KmsError;
use crate::key::{KeyRecord, MaterialVersion};
use crate::kind::{KeySpec, KeyUsage};
use crate::ops::keys::whole_millis;

const PURPOSE: &str = "kms key material";
/// What the key that names imported materials is derived for.
const ID_PURPOSE: &str = "kms key material ids";
/// Plaintext materials in memory at once, unless it is set otherwise.
pub(crate) const DEFAULT_CAPACITY: NonZeroUsize = match NonZeroUsize::new(1024) {
    Some(capacity) => capacity,
    None => NonZeroUsize::MIN,
};

type Id = (AccountId, Uuid, u32);

/// Counts how often materials were forgotten. Who looked at a key before it was disabled holds an older
/// moment and may not put its material back afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment(u64);

/// Plaintext material; wiped on drop.
pub(crate) enum Material {
    /// Of a symmetric encryption key.
    Symmetric(Key256),
    /// Of an HMAC key.
    Mac(Zeroizing<Vec<u8>>),
    /// Of a key pair, parsed.
    Private(Box<PrivateKey>),
}

impl Material {
    fn new(spec: KeySpec, usage: KeyUsage, bytes: Zeroizing<Vec<u8>>) -> Option<Material> {
        match spec {
            KeySpec::SymmetricDefault => Key256::from_slice(&bytes).map(Material::Symmetric),
            spec if spec.is_asymmetric() => {
                PrivateKey::parse(spec, usage, &bytes).map(|key| Material::Private(Box::new(key)))
            }
            _ => Some(Material::Mac(bytes)),
        }
    }

    /// The key of a symmetric encryption key.
    pub(crate) fn symmetric(&self) -> Result<&Key256, KmsError> {
        match self {
            Material::Symmetric(key) => Ok(key),
            _ => Err(of_another_kind("a symmetric encryption key")),
        }
    }

    /// The bytes of an HMAC key.
    pub(crate) fn mac(&self) -> Result<&[u8], KmsError> {
        match self {
            Material::Mac(bytes) => Ok(bytes),
            _ => Err(of_another_kind("an HMAC key")),
        }
    }

    /// The private key of a key pair.
    pub(crate) fn private(&self) -> Result<&PrivateKey, KmsError> {
        match self {
            Material::Private(key) => Ok(key),
            _ => Err(of_another_kind("a key pair")),
        }
    }
}

fn of_another_kind(wanted: &str) -> KmsError {
    KmsError::Internal(format!("the material is not that of {wanted}"))
}

struct Cache {
    forgotten: u64,
    entries: LruCache<Id, Entry>,
}

struct Entry {
    /// Wiped when the cache and the last operation that uses it have let go.
    material: Arc<Material>,
    until: Instant,
}

/// The materials.
pub(crate) struct Materials {
    root: Root,
    /// How long a plaintext stays in the cache.
    lifetime: Duration,
    cache: Mutex<Cache>,
}

impl Materials {
    pub(crate) fn new(root: Root, lifetime: Duration, capacity: NonZeroUsize) -> Materials {
        Materials {
            root,
            lifetime,
            cache: Mutex::new(Cache {
                forgotten: 0,
                entries: LruCache::new(capacity),
            }),
        }
    }

    pub(crate) fn root(&self) -> &Root {
        &self.root
    }

    /// A new version of random material for a symmetric encryption key.
    pub(crate) fn generate(
        &self,
        account: AccountId,
        key: Uuid,
        version: u32,
        now: OffsetDateTime,
    ) -> Result<MaterialVersion, KmsError> {
        self.seal(account, key, version, now, Key256::generate().expose())
    }

    /// Seals the material of a new version: the 32 bytes of a symmetric key, the bytes of an HMAC key, or
    /// the PKCS #8 document of a private key.
    pub(crate) fn seal(
        &self,
        account: AccountId,
        key: Uuid,
        version: u32,
        now: OffsetDateTime,
        material: &[u8],
    ) -> Result<MaterialVersion, KmsError> {
        let mut id = [0; 32];
        sealgate_crypto::random::fill(&mut id).map_err(no_random)?;
        let aad = binding(account, key, version);
        let sealing = self.root.derive(PURPOSE)?;
        let wrapped = wrap::wrap(&sealing, PURPOSE, &aad, material);
        Ok(MaterialVersion {
            version,
            id: hex::encode(id),
            created: now,
            wrapped: Some(BASE64.encode(wrapped)),
            pending_rotation: false,
            rotated: None,
            valid_to: None,
            description: None,
        })
    }

    /// The next version of the material of a symmetric encryption key.
    pub(crate) fn next(
        &self,
        key: &KeyRecord,
        now: OffsetDateTime,
    ) -> Result<MaterialVersion, KmsError> {
        let version = key
            .next_version()
            .ok_or_else(|| KmsError::Internal("there are no more versions".to_owned()))?;
        self.generate(key.account, key.id, version, whole_millis(now))
    }

    /// The id of imported material: always the same for the same material and key, so that it is known again,
    /// and of no use to whoever tries materials out, who does not have the root key.
    pub(crate) fn imported_id(
        &self,
        account: AccountId,
        key: Uuid,
        material: &[u8],
    ) -> Result<String, KmsError> {
        let identifying = self.root.derive(ID_PURPOSE)?;
        let mut hmac =
            hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, identifying.expose()));
        hmac.update(&account.number().to_be_bytes());
        hmac.update(key.as_bytes());
        hmac.update(material);
        Ok(hex::encode(hmac.sign()))
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
    ) -> Result<Arc<Material>, KmsError> {
        let id = (key.account, key.id, material.version);
        let now = Instant::now();
        if let Some(entry) = self.cache.lock().entries.get(&id)
            && entry.until > now
        {
            return Ok(Arc::clone(&entry.material));
        }
        let sealing = self.root.derive(PURPOSE)?;
        let opened = Arc::new(unseal(&sealing, key, material).ok_or_else(|| {
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
                    until: now + self.lifetime,
                },
            );
        }
        Ok(opened)
    }

    /// Forgets the plaintext of all versions of a key at once.
    pub(crate) fn forget(&self, account: AccountId, key: Uuid) {
        let mut cache = self.cache.lock();
        cache.forgotten += 1;
        retain(&mut cache.entries, |&(of_account, of_key, _), _| {
            (of_account, of_key) != (account, key)
        });
    }

    /// Forgets everything: the root of trust is gone.
    pub(crate) fn forget_all(&self) {
        let mut cache = self.cache.lock();
        cache.forgotten += 1;
        cache.entries.clear();
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

fn unseal(sealing: &Key256, key: &KeyRecord, material: &MaterialVersion) -> Option<Material> {
    let wrapped = BASE64.decode(material.wrapped.as_ref()?).ok()?;
    let aad = binding(key.account, key.id, material.version);
    let opened = wrap::unwrap(sealing, PURPOSE, &aad, &wrapped).ok()?;
    Material::new(key.spec, key.usage, opened)
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

pub(crate) fn no_random(error: sealgate_crypto::random::Error) -> KmsError {
    KmsError::Internal(format!("the system gives no random numbers: {error}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use sealgate_trust::RootKey;

    use super::*;
    use crate::key::{KeyManager, KeyState};

    const LIFETIME: Duration = Duration::from_secs(300);
    const CAPACITY: NonZeroUsize = NonZeroUsize::MIN.saturating_add(15);

    fn materials() -> Materials {
        Materials::new(
            Root::fixed(RootKey::from_bytes([1; 32])),
            LIFETIME,
            CAPACITY,
        )
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
            spec: Default::default(),
            usage: Default::default(),
            origin: Default::default(),
            multi_region: false,
            external: None,
            public_key: None,
            deletion: None,
            policy: String::new(),
            tags: Default::default(),
            aliases: Vec::new(),
            grants: 0,
            material: vec![materials.generate(account, id, 1, now).unwrap()],
            rotation: Default::default(),
        }
    }

    fn open(
        materials: &Materials,
        key: &KeyRecord,
        moment: Moment,
    ) -> Result<Arc<Material>, KmsError> {
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
    fn plaintext_is_neither_used_nor_kept_after_its_lifetime() {
        let lifetime = Duration::from_millis(5);
        let materials = Materials::new(
            Root::fixed(RootKey::from_bytes([1; 32])),
            lifetime,
            CAPACITY,
        );
        let key = key(&materials);
        let moment = materials.moment();
        let first = open(&materials, &key, moment).unwrap();
        let wiped = Arc::downgrade(&first);
        drop(first);
        std::thread::sleep(lifetime);
        materials.expire();
        assert_eq!(materials.held(), 0);
        assert!(wiped.upgrade().is_none());
        assert!(open(&materials, &key, moment).is_ok());
    }

    #[test]
    fn imported_material_is_known_again_in_its_key_alone() {
        let materials = materials();
        let account: AccountId = "111122223333".parse().unwrap();
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let id = |key, bytes: &[u8]| materials.imported_id(account, key, bytes).unwrap();
        assert_eq!(id(one, b"material"), id(one, b"material"));
        assert_eq!(id(one, b"material").len(), 64);
        assert_ne!(id(one, b"material"), id(two, b"material"));
        assert_ne!(id(one, b"material"), id(one, b"other"));
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
    fn nothing_is_kept_or_opened_without_the_root() {
        let materials = materials();
        let key = key(&materials);
        let moment = materials.moment();
        open(&materials, &key, moment).unwrap();
        materials.root().lose("pulled");
        materials.forget_all();
        assert_eq!(materials.held(), 0);
        assert!(matches!(
            open(&materials, &key, materials.moment()),
            Err(KmsError::KeyUnavailable(_))
        ));
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
        let other_root = Materials::new(
            Root::fixed(RootKey::from_bytes([2; 32])),
            LIFETIME,
            CAPACITY,
        );
        assert!(open(&other_root, &one, moment).is_err());
        let own = one.material.clone();
        one.material = two.material.clone();
        assert!(open(&materials, &one, moment).is_err());
        one.material = own;
        one.material[0].version = 2;
        assert!(open(&materials, &one, moment).is_err());
    }
}
