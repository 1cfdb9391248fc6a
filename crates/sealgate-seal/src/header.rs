//! The header of a blob: what it is, and for each layer the salt and the commitment to its key.
//! It holds nothing secret. The keys of the segments are derived here and nowhere else, so that
//! there is no such key whose commitment was not written or compared.

use sealgate_crypto::hash::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{
    OpenError,
    key::{BodyKeys, Key256},
    layout::Layers,
    segment::SegmentCipher,
};

const MAGIC: [u8; 8] = *b"SEALGATE";
const VERSION: u8 = 1;
const RESERVED: [u8; 2] = [0; 2];
/// Magic, version, suite and reserved bytes.
pub(crate) const PREFIX_LEN: usize = MAGIC.len() + 2 + RESERVED.len();
/// Salt and commitment of a layer.
pub(crate) const LAYER_LEN: usize = SALT_SIZE + COMMITMENT_SIZE;

const SALT_SIZE: usize = 32;
const COMMITMENT_SIZE: usize = 32;

const INFO_INNER: &[u8] = b"sealgate v1 body";
const INFO_OUTER: &[u8] = b"sealgate v1 body outer";

pub(crate) type Salt = [u8; SALT_SIZE];

impl Layers {
    const fn suite(self) -> u8 {
        match self {
            Self::One => 1,
            Self::Two => 2,
        }
    }

    const fn from_suite(suite: u8) -> Option<Self> {
        match suite {
            1 => Some(Self::One),
            2 => Some(Self::Two),
            _ => None,
        }
    }
}

/// The SHA-256 of a blob's header, which is its first [`Layers::header_len`] bytes. Every segment
/// authenticates it, and the salts make it another one for each blob: it tells one blob from all
/// others, those that the same keys open included, and gives away nothing.
#[must_use]
pub fn hash(header: &[u8]) -> [u8; 32] {
    Sha256::digest(header).into()
}

/// What HKDF gives for one layer of one blob.
struct LayerKey {
    key: Key256,
    commitment: [u8; COMMITMENT_SIZE],
}

impl LayerKey {
    fn derive(data_key: &Key256, salt: &Salt, info: &[u8], part: u32) -> Self {
        let okm = data_key.expand::<2>(salt, &[info, &part.to_be_bytes()]);
        let [key, commitment] = &*okm;
        Self {
            key: Key256::copy_of(key),
            commitment: *commitment,
        }
    }
}

/// The header of a new blob, and the cipher of its segments. Each layer takes a salt.
pub(crate) fn create(
    keys: &BodyKeys,
    part: u32,
    mut salts: impl FnMut() -> Salt,
) -> (Vec<u8>, SegmentCipher) {
    let layers = keys.layers();
    let mut header = Vec::with_capacity(layers.header_len());
    header.extend_from_slice(&MAGIC);
    header.extend_from_slice(&[VERSION, layers.suite()]);
    header.extend_from_slice(&RESERVED);
    let mut add_layer = |data_key: &Key256, info: &[u8]| {
        let salt = salts();
        let layer = LayerKey::derive(data_key, &salt, info, part);
        header.extend_from_slice(&salt);
        header.extend_from_slice(&layer.commitment);
        layer.key
    };
    let (inner, outer) = match keys {
        BodyKeys::Single(key) => (add_layer(key, INFO_INNER), None),
        BodyKeys::Double { inner, outer } => {
            let inner = add_layer(inner, INFO_INNER);
            (inner, Some(add_layer(outer, INFO_OUTER)))
        }
    };
    let cipher = SegmentCipher::new(&inner, outer.as_ref(), hash(&header));
    (header, cipher)
}

/// Checks a header, and that these are the keys that it commits to, before anything is decrypted.
/// Gives the cipher of the segments.
pub(crate) fn open(keys: &BodyKeys, part: u32, header: &[u8]) -> Result<SegmentCipher, OpenError> {
    let (magic, rest) = header
        .split_first_chunk::<8>()
        .ok_or(OpenError::NotSealed)?;
    if *magic != MAGIC {
        return Err(OpenError::NotSealed);
    }
    let (&[version, suite, reserved @ ..], rest) =
        rest.split_first_chunk::<4>().ok_or(OpenError::Truncated)?;
    if version != VERSION || reserved != RESERVED {
        return Err(OpenError::UnknownVersion);
    }
    let layers = Layers::from_suite(suite).ok_or(OpenError::UnknownVersion)?;
    // Keys for another number of layers: never a reason to read the blob in another way.
    if layers != keys.layers() {
        return Err(OpenError::WrongKey);
    }
    if header.len() > layers.header_len() {
        return Err(OpenError::BadLength);
    }
    let (inner_fields, rest) = LayerFields::split_from(rest)?;
    let (inner, outer) = match keys {
        BodyKeys::Single(key) => (inner_fields.unlock(key, INFO_INNER, part)?, None),
        BodyKeys::Double { inner, outer } => {
            let (outer_fields, _) = LayerFields::split_from(rest)?;
            let inner = inner_fields.unlock(inner, INFO_INNER, part)?;
            (inner, Some(outer_fields.unlock(outer, INFO_OUTER, part)?))
        }
    };
    Ok(SegmentCipher::new(&inner, outer.as_ref(), hash(header)))
}

/// A layer's part of a header that is being read.
struct LayerFields<'a> {
    salt: &'a Salt,
    commitment: &'a [u8; COMMITMENT_SIZE],
}

impl<'a> LayerFields<'a> {
    fn split_from(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), OpenError> {
        let (salt, rest) = bytes.split_first_chunk().ok_or(OpenError::Truncated)?;
        let (commitment, rest) = rest.split_first_chunk().ok_or(OpenError::Truncated)?;
        Ok((Self { salt, commitment }, rest))
    }

    fn unlock(&self, data_key: &Key256, info: &[u8], part: u32) -> Result<Key256, OpenError> {
        let layer = LayerKey::derive(data_key, self.salt, info, part);
        if bool::from(layer.commitment.ct_eq(self.commitment)) {
            Ok(layer.key)
        } else {
            Err(OpenError::WrongKey)
        }
    }
}
