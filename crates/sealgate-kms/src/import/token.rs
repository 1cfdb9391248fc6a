//! The import token: what the KMS has to remember between GetParametersForImport and ImportKeyMaterial, sealed
//! and handed to the client, so that nothing is kept here.
//!
//! version (1 byte, 1) ‖ wrapping, under a key derived from the root key, of: algorithm (1 byte) ‖ valid to
//! (i64, big-endian, milliseconds since 1970) ‖ private wrapping key (PKCS #8). The wrapping's associated data
//! is account and key id, so a token opens for its key alone.

use sealgate_seal::{Key256, wrap};
use time::OffsetDateTime;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::arn::AccountId;
use crate::key::millis;
use crate::kind::WrappingAlgorithm;

const VERSION: u8 = 1;
const PURPOSE: &str = "kms import token";
/// What the key that seals tokens is derived for.
pub(crate) const ROOT_PURPOSE: &str = "kms import tokens";
/// The longest token that is looked at.
pub(crate) const MAX_TOKEN: usize = 6144;

/// What a token holds.
pub(crate) struct Token {
    /// How the material is to be wrapped.
    pub algorithm: WrappingAlgorithm,
    /// Until when it counts.
    pub valid_to: OffsetDateTime,
    /// PKCS #8 of the private key that unwraps.
    pub private_key: Zeroizing<Vec<u8>>,
}

/// Seals a token for a key; `None` for an algorithm that nothing is imported with.
pub(crate) fn seal(
    sealing: &Key256,
    account: AccountId,
    key: Uuid,
    token: &Token,
) -> Option<Vec<u8>> {
    let head = [code(token.algorithm)?];
    let valid_to = millis::to_millis(token.valid_to).to_be_bytes();
    // The capacity is exact: a buffer that grew would leave a copy of the key behind.
    let size = head.len() + valid_to.len() + token.private_key.len();
    let mut text = Zeroizing::new(Vec::with_capacity(size));
    text.extend_from_slice(&head);
    text.extend_from_slice(&valid_to);
    text.extend_from_slice(&token.private_key);
    let mut sealed = vec![VERSION];
    sealed.extend(wrap::wrap(sealing, PURPOSE, &binding(account, key), &text));
    Some(sealed)
}

/// Opens a token; `None` if it is none of this key's.
pub(crate) fn open(sealing: &Key256, account: AccountId, key: Uuid, token: &[u8]) -> Option<Token> {
    let (&VERSION, wrapped) = token.split_first()? else {
        return None;
    };
    let text = wrap::unwrap(sealing, PURPOSE, &binding(account, key), wrapped).ok()?;
    let (&algorithm, rest) = text.split_first()?;
    let (valid_to, private_key) = rest.split_first_chunk()?;
    Some(Token {
        algorithm: WrappingAlgorithm::ALL
            .iter()
            .copied()
            .find(|candidate| code(*candidate) == Some(algorithm))?,
        valid_to: millis::from_millis(i64::from_be_bytes(*valid_to)).ok()?,
        private_key: Zeroizing::new(private_key.to_vec()),
    })
}

fn code(algorithm: WrappingAlgorithm) -> Option<u8> {
    match algorithm {
        WrappingAlgorithm::RsaesOaepSha1 => Some(1),
        WrappingAlgorithm::RsaesOaepSha256 => Some(2),
        WrappingAlgorithm::RsaAesKeyWrapSha1 => Some(3),
        WrappingAlgorithm::RsaAesKeyWrapSha256 => Some(4),
        WrappingAlgorithm::RsaesPkcs1V15 | WrappingAlgorithm::Sm2Pke => None,
    }
}

fn binding(account: AccountId, key: Uuid) -> Vec<u8> {
    [&account.number().to_be_bytes()[..], key.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use proptest::prelude::*;
    use time::macros::datetime;

    use super::*;

    fn account() -> AccountId {
        "111122223333".parse().unwrap()
    }

    fn sealing() -> Key256 {
        Key256::from_bytes([3; 32])
    }

    fn sealed(key: Uuid) -> Vec<u8> {
        let token = Token {
            algorithm: WrappingAlgorithm::RsaAesKeyWrapSha256,
            valid_to: datetime!(2026-11-25 12:00:00.125 UTC),
            private_key: Zeroizing::new(b"private".to_vec()),
        };
        seal(&sealing(), account(), key, &token).unwrap()
    }

    #[test]
    fn a_token_opens_for_its_key_and_account_alone() {
        let key = Uuid::from_u128(7);
        let token = sealed(key);
        let opened = open(&sealing(), account(), key, &token).unwrap();
        assert_eq!(opened.algorithm, WrappingAlgorithm::RsaAesKeyWrapSha256);
        assert_eq!(opened.valid_to, datetime!(2026-11-25 12:00:00.125 UTC));
        assert_eq!(opened.private_key.as_slice(), b"private");
        assert!(open(&sealing(), account(), Uuid::from_u128(8), &token).is_none());
        let other = "444455556666".parse().unwrap();
        assert!(open(&sealing(), other, key, &token).is_none());
        let other = Key256::from_bytes([4; 32]);
        assert!(open(&other, account(), key, &token).is_none());
    }

    #[test]
    fn no_token_is_made_for_algorithms_that_are_refused() {
        let token = Token {
            algorithm: WrappingAlgorithm::RsaesPkcs1V15,
            valid_to: datetime!(2026-11-25 12:00 UTC),
            private_key: Zeroizing::default(),
        };
        assert!(seal(&sealing(), account(), Uuid::nil(), &token).is_none());
    }

    proptest! {
        #[test]
        fn a_token_that_was_touched_does_not_open(at in 0_usize..65, bit in 0_u8..8) {
            let key = Uuid::from_u128(7);
            let mut token = sealed(key);
            let at = at % token.len();
            token[at] ^= 1 << bit;
            prop_assert!(open(&sealing(), account(), key, &token).is_none());
        }

        #[test]
        fn arbitrary_bytes_never_panic_and_never_open(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            prop_assert!(open(&sealing(), account(), Uuid::nil(), &bytes).is_none());
        }
    }
}
