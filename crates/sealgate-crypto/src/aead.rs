//! AES-256-GCM in place: [`BulkAead`] is the one that everything passes through, [`OuterAead`] the second
//! layer of DSSE. By default they are two independent implementations, so that a fault of one does not undo
//! the other. With the feature `fips` both are the validated module's, and only their keys are independent.

// One has the interface of the other.
#[cfg(feature = "fips")]
use aws_lc_rs::aead as library;
#[cfg(not(feature = "fips"))]
use ring::aead as library;

use library::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

/// Bytes of a key.
pub const KEY_SIZE: usize = 32;
/// Bytes of a nonce.
pub const NONCE_SIZE: usize = 12;
/// Bytes of an authentication tag.
pub const TAG_SIZE: usize = 16;

/// The cipher refused: a tag does not fit, or a length is out of bounds.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused;

#[cfg(not(feature = "fips"))]
pub use of_rust_crypto::OuterAead;

/// The second layer of DSSE.
#[cfg(feature = "fips")]
pub type OuterAead = BulkAead;

/// AES-256-GCM of the bulk library.
///
/// The FIPS module counts opening as an approved service. Sealing counts as one only with a nonce that the
/// module has drawn itself; those of the sealed format come from outside (`docs/security.md`).
pub struct BulkAead(LessSafeKey);

impl BulkAead {
    /// The cipher under this key.
    #[must_use]
    pub fn new(key: &[u8; KEY_SIZE]) -> Self {
        #[expect(
            clippy::expect_used,
            reason = "the type of the key has the cipher's key size"
        )]
        let key = UnboundKey::new(&AES_256_GCM, key).expect("a key of 32 bytes");
        Self(LessSafeKey::new(key))
    }

    /// Encrypts in place, and gives the tag. The caller never uses a nonce twice under one key.
    ///
    /// # Errors
    /// If the text is too long.
    pub fn seal(
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

    /// Opens ciphertext ‖ tag in place, and gives the plaintext, which stands at its beginning. Leaves
    /// rubbish there when it refuses.
    ///
    /// # Errors
    /// If the tag does not fit.
    pub fn open<'a>(
        &self,
        nonce: &[u8; NONCE_SIZE],
        aad: &[u8],
        sealed: &'a mut [u8],
    ) -> Result<&'a mut [u8], Refused> {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        self.0
            .open_in_place(nonce, Aad::from(aad), sealed)
            .map_err(|_| Refused)
    }
}

#[cfg(not(feature = "fips"))]
mod of_rust_crypto {
    use aes_gcm::{AeadInOut, Aes256Gcm, KeyInit};

    use super::{KEY_SIZE, NONCE_SIZE, Refused, TAG_SIZE};

    /// AES-256-GCM of RustCrypto.
    pub struct OuterAead(Aes256Gcm);

    impl OuterAead {
        /// The cipher under this key.
        #[must_use]
        pub fn new(key: &[u8; KEY_SIZE]) -> Self {
            Self(Aes256Gcm::new(key.into()))
        }

        /// Encrypts in place, and gives the tag. The caller never uses a nonce twice under one key.
        ///
        /// # Errors
        /// If the text is too long.
        pub fn seal(
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

        /// Opens ciphertext ‖ tag in place, and gives the plaintext, which stands at its beginning. Leaves
        /// rubbish there when it refuses.
        ///
        /// # Errors
        /// If the tag does not fit.
        pub fn open<'a>(
            &self,
            nonce: &[u8; NONCE_SIZE],
            aad: &[u8],
            sealed: &'a mut [u8],
        ) -> Result<&'a mut [u8], Refused> {
            let (text, tag) = sealed.split_last_chunk_mut::<TAG_SIZE>().ok_or(Refused)?;
            self.0
                .decrypt_inout_detached(nonce.into(), aad, (&mut *text).into(), (&*tag).into())
                .map_err(|_| Refused)?;
            Ok(text)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    const SEGMENT_SIZE: usize = 65536;

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
        fn both_layers_give_the_same_bytes(
            key: [u8; 32], nonce: [u8; 12], aad: Vec<u8>, text in any_text(),
        ) {
            let (bulk, outer) = (BulkAead::new(&key), OuterAead::new(&key));
            let (mut one, mut other) = (text.clone(), text.clone());
            let tag = bulk.seal(&nonce, &aad, &mut one).unwrap();
            prop_assert_eq!(tag, outer.seal(&nonce, &aad, &mut other).unwrap());
            prop_assert!(one == other);
            one.extend_from_slice(&tag);
            other.extend_from_slice(&tag);
            prop_assert!(outer.open(&nonce, &aad, &mut one).unwrap() == text);
            prop_assert!(bulk.open(&nonce, &aad, &mut other).unwrap() == text);
        }

        #[test]
        fn both_layers_refuse_the_same(
            key: [u8; 32], nonce: [u8; 12], text in any_text(), at: prop::sample::Index, bit in 0..8_u8,
        ) {
            let (bulk, outer) = (BulkAead::new(&key), OuterAead::new(&key));
            let mut sealed = text;
            let tag = bulk.seal(&nonce, b"aad", &mut sealed).unwrap();
            sealed.extend_from_slice(&tag);
            *at.get_mut(&mut sealed) ^= 1 << bit;
            let mut other = sealed.clone();
            prop_assert_eq!(bulk.open(&nonce, b"aad", &mut sealed), Err(Refused));
            prop_assert_eq!(outer.open(&nonce, b"aad", &mut other), Err(Refused));
        }

        #[test]
        fn what_is_shorter_than_a_tag_is_refused(key: [u8; 32], len in 0..TAG_SIZE) {
            let mut text = vec![0; len];
            prop_assert_eq!(BulkAead::new(&key).open(&[0; 12], b"", &mut text), Err(Refused));
            let mut text = vec![0; len];
            prop_assert_eq!(OuterAead::new(&key).open(&[0; 12], b"", &mut text), Err(Refused));
        }
    }

    /// Test case 15 of "The Galois/Counter Mode of Operation" (McGrew and Viega): a value from outside, so that
    /// the two layers are not wrong together.
    #[test]
    fn the_published_vector_comes_out() {
        let key = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";
        let mut text = hex::decode(
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72\
             1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
        )
        .unwrap();
        let sealed = "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa\
                      8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad";
        let key: [u8; 32] = hex::decode(key).unwrap().try_into().unwrap();
        let nonce: [u8; 12] = hex::decode("cafebabefacedbaddecaf888")
            .unwrap()
            .try_into()
            .unwrap();
        let tag = BulkAead::new(&key).seal(&nonce, b"", &mut text).unwrap();
        assert_eq!(hex::encode(text), sealed);
        assert_eq!(hex::encode(tag), "b094dac5d93471bdec1a502270e3cc6c");
    }
}
