//! Signing keys already derived. Deriving costs five HMACs; a client uses one key all day.

use std::num::NonZeroUsize;

use lru::LruCache;
use parking_lot::Mutex;
use sealgate_crypto::hash::{Digest as _, Sha256};
use sealgate_crypto::hmac;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::{Scope, SecretKey, lower_hex};

/// Keys kept: about 200 bytes each.
const CAPACITY: NonZeroUsize = NonZeroUsize::new(4096).unwrap();

struct Derived {
    /// SHA-256 of the secret that the key was derived from: an access key id may get another secret,
    /// and no key may outlive its own.
    of: Zeroizing<[u8; 32]>,
    key: Zeroizing<[u8; 32]>,
}

/// A bounded cache of signing keys; dropped ones are wiped.
pub(super) struct SigningKeys {
    derived: Mutex<LruCache<String, Derived>>,
}

impl SigningKeys {
    pub(super) fn new() -> Self {
        SigningKeys {
            derived: Mutex::new(LruCache::new(CAPACITY)),
        }
    }

    /// The signing key of a scope.
    pub(super) fn get(&self, scope: &Scope, secret: &SecretKey) -> Zeroizing<[u8; 32]> {
        let of = Zeroizing::new(<[u8; 32]>::from(Sha256::digest(secret.expose())));
        // An access key id has no slash (it is cut at the first), so the name is unambiguous.
        let name = [&*scope.access_key_id, "/", &scope.text()].concat();
        if let Some(derived) = self.derived.lock().get(&name)
            && bool::from(derived.of.ct_eq(&*of))
        {
            return derived.key.clone();
        }
        let key = derive(scope, secret);
        let derived = Derived {
            of,
            key: key.clone(),
        };
        self.derived.lock().put(name, derived);
        key
    }
}

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html#derive-signing-key>
fn derive(scope: &Scope, secret: &SecretKey) -> Zeroizing<[u8; 32]> {
    let secret = Zeroizing::new(["AWS4", secret.expose()].concat());
    let mut key = Zeroizing::new(hmac::sha256(secret.as_bytes(), scope.date.as_bytes()));
    for part in [&*scope.region, &*scope.service, "aws4_request"] {
        *key = hmac::sha256(key.as_slice(), part.as_bytes());
    }
    key
}

/// The signature of a string to sign, in hex.
pub(super) fn signature(key: &[u8; 32], string_to_sign: &str) -> String {
    lower_hex(&hmac::sha256(key, string_to_sign.as_bytes()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn scope(date: &str) -> Scope {
        Scope {
            access_key_id: "AKIA".to_owned(),
            date: date.to_owned(),
            region: "us-east-1".to_owned(),
            service: "s3".to_owned(),
        }
    }

    #[test]
    fn a_cached_key_is_never_served_for_another_secret() {
        let keys = SigningKeys::new();
        let (a, b) = (
            SecretKey::new("a".to_owned()),
            SecretKey::new("b".to_owned()),
        );
        let first = keys.get(&scope("19700101"), &a);
        assert_eq!(*first, *keys.get(&scope("19700101"), &a));
        let other = keys.get(&scope("19700101"), &b);
        assert_ne!(*first, *other);
        assert_eq!(*first, *keys.get(&scope("19700101"), &a));
    }

    #[test]
    fn the_cache_is_bounded() {
        let keys = SigningKeys::new();
        let secret = SecretKey::new("a".to_owned());
        for i in 0..CAPACITY.get() + 10 {
            keys.get(&scope(&i.to_string()), &secret);
        }
        assert_eq!(keys.derived.lock().len(), CAPACITY.get());
    }
}
