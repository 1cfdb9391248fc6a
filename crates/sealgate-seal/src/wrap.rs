//! Wrapping: a short secret (a data key, key material, a record) under a key. Each wrapping has a
//! derived key of its own, so there is no ceiling of random nonces per key.

use sealgate_crypto::aead::BulkAead;
use zeroize::Zeroizing;

use crate::{OpenError, key::Key256, layout::TAG_SIZE, nonce::NONCE_SIZE, random};

const VERSION: u8 = 1;
const SALT_SIZE: usize = 32;
const INFO: &[u8] = b"sealgate v1 wrap ";
/// Each derived key seals one message, so its nonce need not vary.
const NONCE: [u8; NONCE_SIZE] = [0; NONCE_SIZE];

/// Bytes that wrapping adds to a secret.
pub const OVERHEAD: usize = 1 + SALT_SIZE + TAG_SIZE;

/// Wraps `secret` under `key`. It unwraps only for the same purpose and the same `aad`.
///
/// # Panics
/// If the operating system has no randomness to give.
#[must_use]
pub fn wrap(key: &Key256, purpose: &str, aad: &[u8], secret: &[u8]) -> Vec<u8> {
    wrap_with_salt(key, purpose, aad, secret, &random::bytes())
}

/// Salts are chosen by nobody but [`wrap`] and the test vectors.
pub(crate) fn wrap_with_salt(
    key: &Key256,
    purpose: &str,
    aad: &[u8],
    secret: &[u8],
    salt: &[u8; SALT_SIZE],
) -> Vec<u8> {
    // The capacity is exact: a buffer that grew would leave a copy of the secret behind.
    let mut wrapped = Vec::with_capacity(secret.len() + OVERHEAD);
    wrapped.push(VERSION);
    wrapped.extend_from_slice(salt);
    let (text_start, cipher) = (wrapped.len(), cipher(key, purpose, salt));
    wrapped.extend_from_slice(secret);
    let text = wrapped.get_mut(text_start..).unwrap_or_default();
    #[expect(
        clippy::expect_used,
        reason = "the cipher takes up to 64 GiB, which no secret has"
    )]
    let tag = cipher
        .seal(&NONCE, aad, text)
        .expect("a secret of a length that the cipher takes");
    wrapped.extend_from_slice(&tag);
    wrapped
}

/// The secret that was wrapped under `key` for this purpose and `aad`.
///
/// # Errors
/// [`OpenError::WrongKey`] if key, purpose, `aad` or the bytes are not those of the wrapping (the
/// cipher cannot tell which); another error if the bytes are not a wrapping at all.
pub fn unwrap(
    key: &Key256,
    purpose: &str,
    aad: &[u8],
    wrapped: &[u8],
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let (&version, rest) = wrapped.split_first().ok_or(OpenError::Truncated)?;
    if version != VERSION {
        return Err(OpenError::UnknownVersion);
    }
    let (salt, sealed) = rest.split_first_chunk().ok_or(OpenError::Truncated)?;
    if sealed.len() < TAG_SIZE {
        return Err(OpenError::Truncated);
    }
    let mut secret = Zeroizing::new(sealed.to_vec());
    let length = cipher(key, purpose, salt)
        .open(&NONCE, aad, &mut secret)
        .map_err(|_| OpenError::WrongKey)?
        .len();
    secret.truncate(length);
    Ok(secret)
}

fn cipher(key: &Key256, purpose: &str, salt: &[u8; SALT_SIZE]) -> BulkAead {
    BulkAead::new(key.derive(salt, &[INFO, purpose.as_bytes()]).expose())
}
