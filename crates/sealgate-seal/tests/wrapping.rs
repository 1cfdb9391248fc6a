//! Wrapped secrets come back for the same key, purpose and context, and for no other.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use proptest::prelude::*;
use sealgate_seal::{Key256, OpenError, wrap};
use subtle::ConstantTimeEq;

fn key(byte: u8) -> Key256 {
    Key256::from_bytes([byte; 32])
}

#[test]
fn another_key_purpose_or_context_does_not_unwrap() {
    let wrapped = wrap::wrap(&key(1), "data key", b"context", b"secret");
    assert_eq!(wrapped.len(), b"secret".len() + wrap::OVERHEAD);
    let unwrap = |key, purpose, aad| wrap::unwrap(&key, purpose, aad, &wrapped);
    assert_eq!(
        &unwrap(key(1), "data key", b"context").unwrap()[..],
        b"secret"
    );
    for (wrong_key, purpose, aad) in [
        (key(2), "data key", &b"context"[..]),
        (key(1), "data keys", b"context"),
        (key(1), "data", b"context"),
        (key(1), "data key", b"contexts"),
        (key(1), "data key", b""),
    ] {
        assert_eq!(unwrap(wrong_key, purpose, aad), Err(OpenError::WrongKey));
    }
}

#[test]
fn what_is_no_wrapping_is_named_so() {
    let wrapped = wrap::wrap(&key(1), "p", b"", b"");
    assert_eq!(wrapped.len(), wrap::OVERHEAD);
    for len in 0..wrap::OVERHEAD {
        let result = wrap::unwrap(&key(1), "p", b"", &wrapped[..len]);
        assert_eq!(result, Err(OpenError::Truncated));
    }
    let mut newer = wrapped;
    newer[0] = 2;
    assert_eq!(
        wrap::unwrap(&key(1), "p", b"", &newer),
        Err(OpenError::UnknownVersion)
    );
}

#[test]
fn a_secret_wrapped_twice_looks_different() {
    let wrap = || wrap::wrap(&key(1), "p", b"", b"secret");
    assert_ne!(wrap(), wrap());
}

#[test]
fn derived_keys_depend_on_salt_and_info() {
    let derived = key(1).derive(b"salt", &[b"in", b"fo"]);
    let equal = |other: &Key256| bool::from(derived.ct_eq(other));
    assert!(equal(&key(1).derive(b"salt", &[b"info"])));
    assert!(!equal(&key(1).derive(b"salt", &[b"inf"])));
    assert!(!equal(&key(1).derive(b"tlas", &[b"info"])));
    assert!(!equal(&key(2).derive(b"salt", &[b"info"])));
    assert!(Key256::from_slice(&[0; 31]).is_none());
    assert!(Key256::from_slice(&[0; 33]).is_none());
}

#[test]
fn derivation_is_hkdf_sha256_of_rfc_5869() {
    // Inputs of another length than a key's are in the RFC's first case, so an own value, computed
    // with Python's `cryptography`: HKDF(SHA256, 32, salt=b"salt", info=b"info") of 32 × 0x0b.
    let derived = key(0x0b).derive(b"salt", &[b"info"]);
    assert_eq!(
        hex::encode(derived.expose()),
        "20818451610896c07e77bc9ea5f06a4db922b2c726adda1af6c0a779dfe0446a"
    );
}

proptest! {
    #[test]
    fn any_secret_comes_back(
        purpose: String, aad: Vec<u8>, secret in prop::collection::vec(any::<u8>(), 0..2000),
    ) {
        let wrapped = wrap::wrap(&key(1), &purpose, &aad, &secret);
        let unwrapped = wrap::unwrap(&key(1), &purpose, &aad, &wrapped).unwrap();
        prop_assert_eq!(&*unwrapped, &secret);
    }

    #[test]
    fn any_flipped_bit_is_refused(at in 0..81_usize, bit in 0..8_u8) {
        let mut wrapped = wrap::wrap(&key(1), "p", b"aad", &[7; 32]);
        wrapped[at] ^= 1 << bit;
        prop_assert!(wrap::unwrap(&key(1), "p", b"aad", &wrapped).is_err());
    }

    #[test]
    fn arbitrary_bytes_never_panic(purpose: String, aad: Vec<u8>, mut bytes: Vec<u8>) {
        prop_assert!(wrap::unwrap(&key(1), &purpose, &aad, &bytes).is_err());
        if let Some(version) = bytes.first_mut() {
            *version = 1;
        }
        prop_assert!(wrap::unwrap(&key(1), &purpose, &aad, &bytes).is_err());
    }
}
