//! Signing keys already derived. Deriving costs five HMACs; a client uses one key all day.

use std::num::NonZeroUsize;
use std::sync::Arc;

use lru::LruCache;
use parking_lot::Mutex;
use sealgate_crypto::hmac;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::{HexHash, Scope, SecretKey};

/// Keys kept: about 300 bytes each.
const CAPACITY: NonZeroUsize = NonZeroUsize::new(4096).unwrap();

/// The signing key of a scope.
pub(super) struct SigningKey(hmac::Sha256Key);

impl SigningKey {
    /// The signature of a string to sign.
    pub(super) fn sign(&self, string_to_sign: &[&str]) -> HexHash {
        HexHash::of(&self.0.sign(string_to_sign))
    }
}

struct Derived {
    /// SHA-256 of the secret that the key was derived from: an access key id may get another secret,
    /// and no key may outlive its own.
    of: Zeroizing<[u8; 32]>,
    key: Arc<SigningKey>,
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
    pub(super) fn get(&self, scope: &Scope, secret: &SecretKey) -> Arc<SigningKey> {
        // An access key id has no slash (it is cut at the first), so the name is unambiguous.
        let name = &scope.credential;
        if let Some(derived) = self.derived.lock().get(name)
            && bool::from(derived.of.ct_eq(&*secret.fingerprint))
        {
            return Arc::clone(&derived.key);
        }
        let key = Arc::new(derive(scope, secret));
        let derived = Derived {
            of: secret.fingerprint.clone(),
            key: Arc::clone(&key),
        };
        self.derived.lock().put(name.clone(), derived);
        key
    }
}

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html#derive-signing-key>
fn derive(scope: &Scope, secret: &SecretKey) -> SigningKey {
    let secret = Zeroizing::new(["AWS4", secret.expose()].concat());
    let mut key = Zeroizing::new(hmac::sha256(secret.as_bytes(), scope.date().as_bytes()));
    for part in [scope.region(), scope.service(), "aws4_request"] {
        *key = hmac::sha256(key.as_slice(), part.as_bytes());
    }
    SigningKey(hmac::Sha256Key::new(&key))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::super::parse_scope;
    use super::*;

    fn scope(date: &str) -> Scope {
        parse_scope(&format!("AKIA/{date}/us-east-1/s3/aws4_request")).unwrap()
    }

    fn signature(key: &SigningKey) -> String {
        key.sign(&["text"]).as_str().to_owned()
    }

    #[test]
    fn a_cached_key_is_never_served_for_another_secret() {
        let keys = SigningKeys::new();
        let (a, b) = (
            SecretKey::new("a".to_owned()),
            SecretKey::new("b".to_owned()),
        );
        let first = signature(&keys.get(&scope("20000101"), &a));
        assert_eq!(first, signature(&keys.get(&scope("20000101"), &a)));
        let other = signature(&keys.get(&scope("20000101"), &b));
        assert_ne!(first, other);
        assert_eq!(first, signature(&keys.get(&scope("20000101"), &a)));
        assert_ne!(first, signature(&keys.get(&scope("20000102"), &a)));
    }

    #[test]
    fn the_cache_is_bounded() {
        let keys = SigningKeys::new();
        let secret = SecretKey::new("a".to_owned());
        for year in 1000..1000 + CAPACITY.get() + 10 {
            keys.get(&scope(&format!("{year}0101")), &secret);
        }
        assert_eq!(keys.derived.lock().len(), CAPACITY.get());
    }
}
