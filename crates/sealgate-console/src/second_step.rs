//! Between password and code: who has shown the first factor and has to show the second. It is no session.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use lru::LruCache;
use parking_lot::Mutex;
use sealgate_crypto::hash::{Digest as _, Sha256};
use sealgate_crypto::random;
use sealgate_iam::ConsoleCredential;
use sealgate_policy::Caller;

use crate::sessions::token;

/// Then the first factor has to be shown again.
const PATIENCE: Duration = Duration::from_secs(5 * 60);
const MOST: NonZeroUsize = match NonZeroUsize::new(1024) {
    Some(size) => size,
    None => NonZeroUsize::MIN,
};

/// Somebody whose first factor was right.
#[derive(Clone)]
pub(crate) struct Halfway {
    pub(crate) caller: Box<Caller>,
    pub(crate) credential: ConsoleCredential,
    pub(crate) must_change: bool,
}

/// Those who are halfway, by the hash of what their form carries.
pub(crate) struct SecondSteps(Mutex<LruCache<[u8; 32], (Instant, Halfway)>>);

impl Default for SecondSteps {
    fn default() -> SecondSteps {
        SecondSteps(Mutex::new(LruCache::new(MOST)))
    }
}

fn name(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

impl SecondSteps {
    /// What the form of the second step carries.
    pub(crate) fn begin(&self, halfway: Halfway, now: Instant) -> Result<String, random::Error> {
        let token = token()?;
        self.0.lock().put(name(&token), (now, halfway));
        Ok(token)
    }

    /// Whose form it is, if there is still time.
    pub(crate) fn find(&self, token: &str, now: Instant) -> Option<Halfway> {
        let mut kept = self.0.lock();
        let (since, halfway) = kept.get(&name(token))?;
        let in_time = now.duration_since(*since) <= PATIENCE;
        in_time.then(|| halfway.clone())
    }

    /// It was shown, or will not be.
    pub(crate) fn end(&self, token: &str) {
        self.0.lock().pop(&name(token));
    }
}
