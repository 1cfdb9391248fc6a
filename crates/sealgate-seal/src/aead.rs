//! The ciphers: AES-256-GCM in place with a detached tag, by two independent implementations.
//! [`BulkAead`] is the one that everything passes through, and the only place that names the
//! library behind it. [`OuterAead`] is the second layer of DSSE: a fault of one implementation
//! does not undo the other.

use aes_gcm::{AeadInOut, Aes256Gcm, KeyInit};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use crate::{key::KEY_SIZE, layout::TAG_SIZE, nonce::NONCE_SIZE};

/// The cipher refused: a tag does not fit, or a length is out of bounds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused;

/// AES-256-GCM of the bulk library.
pub(crate) struct BulkAead(LessSafeKey);

impl BulkAead {
    pub(crate) fn new(key: &[u8; KEY_SIZE]) -> Self {
        #[expect(
            clippy::expect_used,
            reason = "the type of the key has the cipher's key size"
        )]
        let key = UnboundKey::new(&AES_256_GCM, key).expect("a key of 32 bytes");
        Self(LessSafeKey::new(key))
    }

    pub(crate) fn seal(
        &self,
        nonce: &[u8; NONCE_SIZE],
        aad: &[u8],
        in_out: &mut [u8],
    ) -> Result<[u8; TAG_SIZE], Refused> {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let tag = self
            .0
            .seal_in_place_separate_tag(nonce, Aad::from(aad), in_out);
        tag.ok()
            .and_then(|tag| tag.as_ref().try_into().ok())
            .ok_or(Refused)
    }

    /// Leaves rubbish in `in_out` when it refuses.
    pub(crate) fn open(
        &self,
        nonce: &[u8; NONCE_SIZE],
        aad: &[u8],
        in_out: &mut [u8],
        tag: &[u8; TAG_SIZE],
    ) -> Result<(), Refused> {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        self.0
            .open_in_place_separate_tag(nonce, Aad::from(aad), (*tag).into(), in_out, 0..)
            .map(|_| ())
            .map_err(|_| Refused)
    }
}

/// AES-256-GCM of RustCrypto.
pub(crate) struct OuterAead(Aes256Gcm);

impl OuterAead {
    pub(crate) fn new(key: &[u8; KEY_SIZE]) -> Self {
        Self(Aes256Gcm::new(key.into()))
    }

    pub(crate) fn seal(
        &self,
        nonce: &[u8; NONCE_SIZE],
        aad: &[u8],
        in_out: &mut [u8],
    ) -> Result<[u8; TAG_SIZE], Refused> {
        self.0
            .encrypt_inout_detached(nonce.into(), aad, in_out.into())
            .map(Into::into)
            .map_err(|_| Refused)
    }

    /// Leaves rubbish in `in_out` when it refuses.
    pub(crate) fn open(
        &self,
        nonce: &[u8; NONCE_SIZE],
        aad: &[u8],
        in_out: &mut [u8],
        tag: &[u8; TAG_SIZE],
    ) -> Result<(), Refused> {
        self.0
            .decrypt_inout_detached(nonce.into(), aad, in_out.into(), tag.into())
            .map_err(|_| Refused)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;
    use crate::layout::SEGMENT_SIZE;

    /// Lengths of whole segments among small ones.
    fn any_text() -> impl Strategy<Value = Vec<u8>> {
        let small = prop::collection::vec(any::<u8>(), 0..300);
        let large = (any::<u8>(), 0..=SEGMENT_SIZE).prop_map(|(byte, len)| {
            (0..len)
                .map(|i| byte.wrapping_add(((i * i) >> 3) as u8))
                .collect()
        });
        prop_oneof![3 => small, 1 => large]
    }

    proptest! {
        #[test]
        fn both_implementations_give_the_same_bytes(
            key: [u8; 32], nonce: [u8; 12], aad: Vec<u8>, text in any_text(),
        ) {
            let (bulk, outer) = (BulkAead::new(&key), OuterAead::new(&key));
            let (mut one, mut other) = (text.clone(), text.clone());
            let tag = bulk.seal(&nonce, &aad, &mut one).unwrap();
            prop_assert_eq!(tag, outer.seal(&nonce, &aad, &mut other).unwrap());
            prop_assert!(one == other);
            prop_assert_eq!(outer.open(&nonce, &aad, &mut one, &tag), Ok(()));
            prop_assert_eq!(bulk.open(&nonce, &aad, &mut other, &tag), Ok(()));
            prop_assert!(one == text && other == text);
        }

        #[test]
        fn both_implementations_refuse_the_same(
            key: [u8; 32], nonce: [u8; 12], text in any_text(), at: prop::sample::Index, bit in 0..8_u8,
        ) {
            let (bulk, outer) = (BulkAead::new(&key), OuterAead::new(&key));
            let mut sealed = text;
            let mut tag = bulk.seal(&nonce, b"aad", &mut sealed).unwrap();
            let at = at.index(sealed.len() + TAG_SIZE);
            *sealed.iter_mut().chain(&mut tag).nth(at).unwrap() ^= 1 << bit;
            let mut other = sealed.clone();
            prop_assert_eq!(bulk.open(&nonce, b"aad", &mut sealed, &tag), Err(Refused));
            prop_assert_eq!(outer.open(&nonce, b"aad", &mut other, &tag), Err(Refused));
        }
    }
}
