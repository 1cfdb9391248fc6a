//! Bucket Keys: key-encryption keys that the KMS makes for a bucket, kept for a short time so
//! that not every object costs a call.
//!
//! A kept key saves the cryptography of the KMS, never its judgement: before each use the KMS is
//! asked whether this caller may still use the KMS key, so a disabled key or a withdrawn
//! permission takes effect at once.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lru::LruCache;
use parking_lot::Mutex;
use sealgate_kms::Root;
use sealgate_seal::Key256;

/// What a kept key is looked up by.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum Slot {
    /// For a write: the principal, the KMS key and the encryption context.
    Write {
        principal: String,
        key_arn: String,
        context: Vec<u8>,
    },
    /// For a read: the KMS ciphertext and the context it was made with.
    Read {
        ciphertext: Vec<u8>,
        context: Vec<u8>,
    },
}

struct Kept {
    kek: Key256,
    ciphertext: Vec<u8>,
    key_arn: String,
    since: Instant,
}

/// A key-encryption key with its KMS ciphertext.
pub(crate) struct Kek {
    pub(crate) kek: Key256,
    pub(crate) ciphertext: Vec<u8>,
    pub(crate) key_arn: String,
}

/// The kept Bucket Keys. Zeroized as they leave, and all at once when the root of trust is lost.
pub(crate) struct BucketKeys {
    root: Root,
    /// How long a Bucket Key is used for new objects, and kept after it was decrypted.
    lifetime: Duration,
    kept: Arc<Mutex<LruCache<Slot, Kept>>>,
}

impl BucketKeys {
    pub(crate) fn new(root: &Root, lifetime: Duration, capacity: NonZeroUsize) -> Self {
        let kept = Arc::new(Mutex::new(LruCache::new(capacity)));
        let keys = Self {
            root: root.clone(),
            lifetime,
            kept: Arc::clone(&kept),
        };
        root.on_loss(move || kept.lock().clear());
        keys
    }

    pub(crate) fn get(&self, slot: &Slot) -> Option<Kek> {
        let mut keys = self.kept.lock();
        let kept = keys.get(slot)?;
        if kept.since.elapsed() > self.lifetime {
            keys.pop(slot);
            return None;
        }
        Some(Kek {
            kek: kept.kek.duplicate(),
            ciphertext: kept.ciphertext.clone(),
            key_arn: kept.key_arn.clone(),
        })
    }

    pub(crate) fn put(&self, slot: Slot, key: &Kek) {
        let mut keys = self.kept.lock();
        // Asked under the lock: what is put now is cleared when the root is lost later.
        if self.root.key().is_err() {
            return;
        }
        keys.put(
            slot,
            Kept {
                kek: key.kek.duplicate(),
                ciphertext: key.ciphertext.clone(),
                key_arn: key.key_arn.clone(),
                since: Instant::now(),
            },
        );
    }

    /// Drop what has outlived its time, also where nobody asks for it again.
    pub(crate) fn sweep(&self) {
        let mut keys = self.kept.lock();
        let stale: Vec<Slot> = keys
            .iter()
            .filter(|(_, kept)| kept.since.elapsed() > self.lifetime)
            .map(|(slot, _)| slot.clone())
            .collect();
        for slot in stale {
            keys.pop(&slot);
        }
    }
}
