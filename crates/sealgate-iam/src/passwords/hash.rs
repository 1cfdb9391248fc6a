//! Argon2id, a few at a time and off the threads that answer requests.
//! <https://www.rfc-editor.org/rfc/rfc9106>

use std::sync::Arc;

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::Password;
use crate::error::IamError;

/// OWASP's first recommendation: 19 MiB, two passes, one lane.
/// <https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html>
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const SALT_SIZE: usize = 16;
const HASH_SIZE: usize = 32;
/// So many at a time have their memory; others wait.
const AT_A_TIME: usize = 4;

/// A hash with what it was made with.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub(super) struct Hashed {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    /// Base 64.
    salt: String,
    /// Base 64.
    hash: String,
}

impl Hashed {
    /// A hash that no password has.
    pub(super) fn of_nobody() -> Hashed {
        Hashed {
            memory_kib: MEMORY_KIB,
            passes: PASSES,
            lanes: LANES,
            salt: STANDARD.encode([0; SALT_SIZE]),
            hash: STANDARD.encode([0; HASH_SIZE]),
        }
    }

    fn compute(
        password: &str,
        salt: &[u8],
        (memory, passes, lanes): (u32, u32, u32),
    ) -> Result<Zeroizing<[u8; HASH_SIZE]>, IamError> {
        let failed = |error: argon2::Error| IamError::Internal(format!("Argon2id: {error}"));
        let params = Params::new(memory, passes, lanes, Some(HASH_SIZE)).map_err(failed)?;
        let mut hash = Zeroizing::new([0; HASH_SIZE]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(password.as_bytes(), salt, hash.as_mut_slice())
            .map_err(failed)?;
        Ok(hash)
    }

    fn matches(&self, password: &str) -> Result<bool, IamError> {
        let damaged = |_| IamError::Internal("the hash of a password is not base 64".into());
        let salt = STANDARD.decode(&self.salt).map_err(damaged)?;
        let expected = Zeroizing::new(STANDARD.decode(&self.hash).map_err(damaged)?);
        let costs = (self.memory_kib, self.passes, self.lanes);
        let hash = Hashed::compute(password, &salt, costs)?;
        Ok(hash.ct_eq(&expected).into())
    }
}

/// Who may hash now.
pub(crate) struct Hasher {
    turns: Arc<Semaphore>,
}

impl Hasher {
    pub(crate) fn new() -> Hasher {
        Hasher {
            turns: Arc::new(Semaphore::new(AT_A_TIME)),
        }
    }

    /// A new hash of a password.
    pub(super) async fn hash(&self, password: &Password) -> Result<Hashed, IamError> {
        let password = password.clone();
        self.apart(move || {
            let mut salt = [0; SALT_SIZE];
            sealgate_crypto::random::fill(&mut salt).map_err(|error| {
                IamError::Internal(format!("no randomness from the system: {error}"))
            })?;
            let costs = (MEMORY_KIB, PASSES, LANES);
            let hash = Hashed::compute(password.expose(), &salt, costs)?;
            Ok(Hashed {
                memory_kib: MEMORY_KIB,
                passes: PASSES,
                lanes: LANES,
                salt: STANDARD.encode(salt),
                hash: STANDARD.encode(hash.as_slice()),
            })
        })
        .await
    }

    /// Whether a password has this hash.
    pub(super) async fn matches(
        &self,
        password: &Password,
        hashed: Hashed,
    ) -> Result<bool, IamError> {
        let password = password.clone();
        self.apart(move || hashed.matches(password.expose())).await
    }

    /// The turn ends with the work, also where nobody waits for it any more.
    async fn apart<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, IamError> + Send + 'static,
    ) -> Result<T, IamError> {
        let turn = Arc::clone(&self.turns)
            .acquire_owned()
            .await
            .map_err(|error| IamError::Internal(error.to_string()))?;
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        })
        .await
        .map_err(|error| IamError::Internal(error.to_string()))?
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[tokio::test]
    async fn a_password_has_its_hash_and_no_other_has() {
        let hasher = Hasher::new();
        let password = |text: &str| Password::parse(text, "password").unwrap();
        let right = password("Correct horse 1");
        let hashed = || hasher.hash(&right);
        assert!(
            hasher
                .matches(&password("Correct horse 1"), hashed().await.unwrap())
                .await
                .unwrap()
        );
        for wrong in ["Correct horse 2", "correct horse 1", "Correct horse 1 "] {
            let matches = hasher
                .matches(&password(wrong), hashed().await.unwrap())
                .await;
            assert!(!matches.unwrap(), "{wrong}");
        }
        assert_ne!(hashed().await.unwrap().salt, hashed().await.unwrap().salt);
        let nobody = hasher.matches(&password("x"), Hashed::of_nobody()).await;
        assert!(!nobody.unwrap());
    }
}
