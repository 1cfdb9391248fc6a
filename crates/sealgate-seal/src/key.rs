//! Secrets: 256-bit keys, the keys of a body, and derivation. Nothing here can be printed,
//! serialized or copied by accident, and all of it is wiped when dropped.

use sealgate_crypto::hkdf;
use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{layout::Layers, random, stack::leaving_nothing};

/// Bytes of a key.
pub(crate) const KEY_SIZE: usize = 32;

/// A 256-bit secret. Wiped on drop; compared in constant time; no `Debug`, `Clone` or `Serialize`.
///
/// The bytes are on the heap, so that moving a key leaves no copies of it on the stack.
pub struct Key256(Box<[u8; KEY_SIZE]>);

impl Key256 {
    /// A new random key.
    ///
    /// # Panics
    /// If the operating system has no randomness to give.
    #[must_use]
    pub fn generate() -> Self {
        let mut key = Self(Box::default());
        random::fill(&mut *key.0);
        key
    }

    /// The key with these bytes.
    #[must_use]
    pub fn from_bytes(mut bytes: [u8; KEY_SIZE]) -> Self {
        let key = Self::copy_of(&bytes);
        bytes.zeroize();
        key
    }

    /// The key with these bytes, if they are 32.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::copy_of)
    }

    /// The bytes of the key, for a cipher or for wrapping.
    #[must_use]
    pub fn expose(&self) -> &[u8; KEY_SIZE] {
        &self.0
    }

    /// A second copy of the key: never by accident, so not `Clone`.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self::copy_of(&self.0)
    }

    /// Copies straight to the heap, with no other copy on the way.
    pub(crate) fn copy_of(bytes: &[u8; KEY_SIZE]) -> Self {
        let mut key = Self(Box::default());
        key.0.copy_from_slice(bytes);
        key
    }

    /// The key that HKDF-SHA256 derives from this one; the parts of `info` are concatenated, so
    /// the caller sees to it that they cannot run into each other.
    #[must_use]
    pub fn derive(&self, salt: &[u8], info: &[&[u8]]) -> Self {
        let okm = self.expand::<1>(salt, info);
        let [key] = &*okm;
        Self::copy_of(key)
    }

    /// HKDF-SHA256 of this key to `N` times 32 bytes.
    pub(crate) fn expand<const N: usize>(
        &self,
        salt: &[u8],
        info: &[&[u8]],
    ) -> Zeroizing<[[u8; KEY_SIZE]; N]> {
        const { assert!(N <= 255, "the most blocks that HKDF-SHA256 gives") };
        let mut okm = Zeroizing::new([[0; KEY_SIZE]; N]);
        // The hash moves, and each place that it was in keeps the key.
        #[expect(clippy::expect_used, reason = "the length is checked when compiling")]
        leaving_nothing(|| {
            hkdf::sha256(salt, self.expose(), info, okm.as_flattened_mut())
                .expect("a length that HKDF-SHA256 can give");
        });
        okm
    }
}

impl ConstantTimeEq for Key256 {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.as_slice().ct_eq(other.0.as_slice())
    }
}

impl Drop for Key256 {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl ZeroizeOnDrop for Key256 {}

/// The data key of a body, or the two independent ones of a body with two layers (DSSE).
pub enum BodyKeys {
    /// One layer of encryption.
    Single(Key256),
    /// Two layers: each has its own key and its own implementation of the cipher.
    Double {
        /// Key of the layer next to the plaintext.
        inner: Key256,
        /// Key of the layer that storage sees.
        outer: Key256,
    },
}

impl BodyKeys {
    /// New random keys for that many layers.
    ///
    /// # Panics
    /// If the operating system has no randomness to give.
    #[must_use]
    pub fn generate(layers: Layers) -> Self {
        match layers {
            Layers::One => Self::Single(Key256::generate()),
            Layers::Two => Self::Double {
                inner: Key256::generate(),
                outer: Key256::generate(),
            },
        }
    }

    /// How many layers these keys are for.
    #[must_use]
    pub fn layers(&self) -> Layers {
        match self {
            Self::Single(_) => Layers::One,
            Self::Double { .. } => Layers::Two,
        }
    }

    /// A second copy of the keys: never by accident, so not `Clone`.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        match self {
            Self::Single(key) => Self::Single(key.duplicate()),
            Self::Double { inner, outer } => Self::Double {
                inner: inner.duplicate(),
                outer: outer.duplicate(),
            },
        }
    }
}
