//! Platform keys: the gateway's own keys, under which SSE-S3 wraps data keys. No policy governs them and no
//! API shows them. They stay in memory, because every object needs one, until the root of trust is lost.
//!
//! A wrapping is: version (1 byte, 1) ‖ platform key version (u32, big-endian) ‖ wrapping under that key,
//! whose associated data is the five bytes before it and then the caller's.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use parking_lot::RwLock;
use sealgate_index::{Expect, Index, IndexError, RecordWrite};
use sealgate_seal::{Key256, wrap};
use sealgate_trust::Root;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::error::KmsError;
use crate::key::millis;

const NAMESPACE: &str = "kms/platform";
const PURPOSE: &str = "platform key";
/// What the key that seals them is derived for.
const ROOT_PURPOSE: &str = "platform keys";
const VERSION: u8 = 1;
/// Versions read at once when the keys are loaded.
const PAGE: usize = 1000;

/// Record `kms/platform`, id the version in ten digits.
#[derive(Serialize, Deserialize)]
struct PlatformRecord {
    version: u32,
    #[serde(with = "millis")]
    created: OffsetDateTime,
    /// `wrap` of the key, in base64.
    wrapped: String,
}

/// The platform keys.
pub(crate) struct Platform {
    index: Index,
    root: Root,
    keys: RwLock<BTreeMap<u32, PlatformKey>>,
}

/// One version.
struct PlatformKey {
    created: OffsetDateTime,
    wrapped: Vec<u8>,
    /// Opened at its first use, and after the root came back again.
    open: Option<Arc<Key256>>,
}

impl Platform {
    /// Loads the keys, and makes the first where there is none.
    pub(crate) async fn open(index: Index, root: Root) -> Result<Platform, KmsError> {
        let platform = Platform {
            index,
            root,
            keys: RwLock::new(BTreeMap::new()),
        };
        platform.load().await?;
        if platform.keys.read().is_empty() {
            platform.add(1).await?;
        }
        Ok(platform)
    }

    /// Makes a new version, which wraps from now on; the old ones go on unwrapping.
    pub(crate) async fn rotate(&self) -> Result<u32, KmsError> {
        let next = self
            .keys
            .read()
            .keys()
            .last()
            .map_or(Some(1), |last| last.checked_add(1));
        let next = next.ok_or_else(|| {
            KmsError::Internal("there are no more versions of platform keys".to_owned())
        })?;
        self.add(next).await?;
        Ok(next)
    }

    /// When the newest version was made.
    pub(crate) fn newest(&self) -> Option<OffsetDateTime> {
        let keys = self.keys.read();
        keys.last_key_value().map(|(_, key)| key.created)
    }

    pub(crate) fn wrap(
        &self,
        purpose: &str,
        aad: &[u8],
        secret: &[u8],
    ) -> Result<Vec<u8>, KmsError> {
        let version = self.current()?;
        let key = self.key(version)?;
        let mut wrapped = header(version).to_vec();
        wrapped.extend(wrap::wrap(
            &key,
            purpose,
            &bound(&header(version), aad),
            secret,
        ));
        Ok(wrapped)
    }

    pub(crate) fn unwrap(
        &self,
        purpose: &str,
        aad: &[u8],
        wrapped: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, KmsError> {
        let (head, rest) = wrapped
            .split_first_chunk::<5>()
            .ok_or(KmsError::InvalidCiphertext)?;
        let [VERSION, version @ ..] = *head else {
            return Err(KmsError::InvalidCiphertext);
        };
        let key = self.key(u32::from_be_bytes(version))?;
        wrap::unwrap(&key, purpose, &bound(head, aad), rest)
            .map_err(|_| KmsError::InvalidCiphertext)
    }

    /// The same secret under the newest key; `None` if that is what it is under. It is opened in any case, so
    /// that damage is told.
    pub(crate) fn rewrap(
        &self,
        purpose: &str,
        aad: &[u8],
        wrapped: &[u8],
    ) -> Result<Option<Vec<u8>>, KmsError> {
        let secret = self.unwrap(purpose, aad, wrapped)?;
        if wrapped.starts_with(&header(self.current()?)) {
            return Ok(None);
        }
        self.wrap(purpose, aad, &secret).map(Some)
    }

    /// The version that wraps.
    fn current(&self) -> Result<u32, KmsError> {
        let newest = self.keys.read().keys().last().copied();
        newest.ok_or_else(|| KmsError::Internal("there is no platform key".to_owned()))
    }

    /// The key of a version; [`KmsError::InvalidCiphertext`] if there is none.
    fn key(&self, version: u32) -> Result<Arc<Key256>, KmsError> {
        if let Some(key) = self.keys.read().get(&version)
            && let Some(open) = &key.open
        {
            return Ok(Arc::clone(open));
        }
        let mut keys = self.keys.write();
        let key = keys.get_mut(&version).ok_or(KmsError::InvalidCiphertext)?;
        // Asked under the lock that `forget` takes: what is opened now is forgotten later.
        let sealing = self.root.derive(ROOT_PURPOSE)?;
        let open = Arc::new(unseal(&sealing, version, &key.wrapped)?);
        key.open = Some(Arc::clone(&open));
        Ok(open)
    }

    /// Forgets all plaintext: the root of trust is gone.
    pub(crate) fn forget(&self) {
        for key in self.keys.write().values_mut() {
            key.open = None;
        }
    }

    async fn load(&self) -> Result<(), KmsError> {
        let mut after = None;
        loop {
            let page = self
                .index
                .records(NAMESPACE, "", after.as_deref(), PAGE)
                .await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = Some(last.id.clone());
            for record in &page {
                let (version, created, wrapped) = parse(&record.body).ok_or_else(|| {
                    KmsError::Internal(format!(
                        "the record of the platform key {} is damaged",
                        record.id
                    ))
                })?;
                let key = PlatformKey {
                    created,
                    wrapped,
                    open: None,
                };
                self.keys.write().insert(version, key);
                // A wrong root is found out now, not at the first object.
                self.key(version)?;
            }
        }
    }

    async fn add(&self, version: u32) -> Result<(), KmsError> {
        let key = Key256::generate();
        let sealing = self.root.derive(ROOT_PURPOSE)?;
        let wrapped = wrap::wrap(&sealing, PURPOSE, &version.to_be_bytes(), key.expose());
        let record = PlatformRecord {
            version,
            created: OffsetDateTime::now_utc(),
            wrapped: BASE64.encode(&wrapped),
        };
        let body =
            serde_json::to_vec(&record).map_err(|error| KmsError::Internal(error.to_string()))?;
        let write = RecordWrite {
            ns: NAMESPACE.to_owned(),
            id: format!("{version:010}"),
            expect: Expect::Absent,
            body: Some(body.into()),
        };
        match self.index.write_records(vec![write]).await {
            Ok(()) => {
                let key = PlatformKey {
                    created: record.created,
                    wrapped,
                    open: None,
                };
                self.keys.write().insert(version, key);
                Ok(())
            }
            // Another process made this version: take it as it is.
            Err(IndexError::Conflict) => self.load().await,
            Err(error) => Err(error.into()),
        }
    }
}

/// Version, time and wrapping in a record.
fn parse(body: &[u8]) -> Option<(u32, OffsetDateTime, Vec<u8>)> {
    let record: PlatformRecord = serde_json::from_slice(body).ok()?;
    let wrapped = BASE64.decode(&record.wrapped).ok()?;
    Some((record.version, record.created, wrapped))
}

fn unseal(sealing: &Key256, version: u32, wrapped: &[u8]) -> Result<Key256, KmsError> {
    wrap::unwrap(sealing, PURPOSE, &version.to_be_bytes(), wrapped)
        .ok()
        .and_then(|key| Key256::from_slice(&key))
        .ok_or_else(|| {
            KmsError::Internal(format!(
                "the platform key {version} does not open under this root key"
            ))
        })
}

fn header(version: u32) -> [u8; 5] {
    let [a, b, c, d] = version.to_be_bytes();
    [VERSION, a, b, c, d]
}

fn bound(header: &[u8; 5], aad: &[u8]) -> Vec<u8> {
    [header.as_slice(), aad].concat()
}
