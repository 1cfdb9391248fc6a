//! Guessing is slow: after some failures for an access key, or from an address, sign-ins wait.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use lru::LruCache;
use parking_lot::Mutex;
use sealgate_crypto::hash::{Digest as _, Sha256};

/// Failures that are nobody's business.
const FREE: u32 = 5;
/// The first wait; each further failure doubles it.
const FIRST_WAIT: Duration = Duration::from_secs(2);
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);
/// Failures are forgotten after this.
const FORGOTTEN: Duration = Duration::from_secs(60 * 60);
/// An address may stand for many people.
const FREE_OF_ADDRESS: u32 = 20;
const REMEMBERED: NonZeroUsize = match NonZeroUsize::new(16 * 1024) {
    Some(size) => size,
    None => NonZeroUsize::MIN,
};

#[derive(Clone, PartialEq, Eq, Hash)]
enum Subject {
    /// A hash: what is typed may be long.
    Key([u8; 32]),
    Address(IpAddr),
}

impl Subject {
    fn free(&self) -> u32 {
        match self {
            Subject::Key(_) => FREE,
            Subject::Address(_) => FREE_OF_ADDRESS,
        }
    }
}

struct Failures {
    count: u32,
    last: Instant,
}

/// Failed sign-ins of late.
pub(crate) struct Throttle {
    failures: Mutex<LruCache<Subject, Failures>>,
}

impl Default for Throttle {
    fn default() -> Throttle {
        Throttle {
            failures: Mutex::new(LruCache::new(REMEMBERED)),
        }
    }
}

fn subjects(access_key_id: &str, address: IpAddr) -> [Subject; 2] {
    // A customer has a whole /64 of IPv6.
    let network = match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address => address,
    };
    let key = Sha256::digest(access_key_id.as_bytes()).into();
    [Subject::Key(key), Subject::Address(network)]
}

impl Throttle {
    /// How long a sign-in has to wait, if it has to. An attempt that goes on counts as failed until
    /// [`succeeded`](Self::succeeded) says otherwise, so that many at once are no way around.
    pub(crate) fn attempt(
        &self,
        access_key_id: &str,
        address: IpAddr,
        now: Instant,
    ) -> Result<(), Duration> {
        let mut failures = self.failures.lock();
        let subjects = subjects(access_key_id, address);
        for subject in &subjects {
            if let Some(wait) = failures
                .get(subject)
                .and_then(|known| known.wait(subject, now))
            {
                return Err(wait);
            }
        }
        for subject in subjects {
            let count = match failures.get(&subject) {
                Some(known) if now.duration_since(known.last) < FORGOTTEN => known.count,
                _ => 0,
            };
            let count = count.saturating_add(1);
            failures.put(subject, Failures { count, last: now });
        }
        Ok(())
    }

    /// The attempt was no guess.
    pub(crate) fn succeeded(&self, access_key_id: &str, address: IpAddr) {
        let mut failures = self.failures.lock();
        let [key, address] = subjects(access_key_id, address);
        failures.pop(&key);
        // Whoever has one good key must not get to guess others with it.
        if let Some(known) = failures.get_mut(&address) {
            known.count = known.count.saturating_sub(1);
        }
    }
}

impl Failures {
    fn wait(&self, subject: &Subject, now: Instant) -> Option<Duration> {
        let beyond = self.count.checked_sub(subject.free())?;
        let wait = FIRST_WAIT
            .checked_mul(1 << beyond.min(16))
            .map_or(LONGEST_WAIT, |wait| wait.min(LONGEST_WAIT));
        let passed = now.duration_since(self.last);
        wait.checked_sub(passed).filter(|left| !left.is_zero())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    #[test]
    fn the_waits_for_a_key_double_and_are_the_same_from_anywhere() {
        let (throttle, start) = (Throttle::default(), Instant::now());
        for _ in 0..FREE {
            assert!(throttle.attempt("AKIA", HERE, start).is_ok());
        }
        assert_eq!(throttle.attempt("AKIA", HERE, start), Err(FIRST_WAIT));
        assert_eq!(throttle.attempt("AKIA", THERE, start), Err(FIRST_WAIT));
        assert!(throttle.attempt("AKIB", HERE, start).is_ok());
        let later = start + FIRST_WAIT;
        assert!(throttle.attempt("AKIA", HERE, later).is_ok());
        assert_eq!(throttle.attempt("AKIA", HERE, later), Err(FIRST_WAIT * 2));
        let mut now = later;
        for _ in 0..30 {
            now += LONGEST_WAIT;
            assert!(throttle.attempt("AKIA", HERE, now).is_ok());
        }
        assert_eq!(throttle.attempt("AKIA", HERE, now), Err(LONGEST_WAIT));
        assert!(throttle.attempt("AKIA", HERE, now + FORGOTTEN).is_ok());
        assert!(throttle.attempt("AKIA", HERE, now + FORGOTTEN).is_ok());
    }

    #[test]
    fn an_address_that_tries_many_keys_waits_and_a_good_key_does_not_free_it() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        for number in 0..FREE_OF_ADDRESS {
            let key = format!("AKIA{number}");
            assert!(throttle.attempt(&key, HERE, now).is_ok());
        }
        assert!(throttle.attempt("GOOD", HERE, now).is_err());
        assert!(throttle.attempt("GOOD", THERE, now).is_ok());
        throttle.succeeded("GOOD", THERE);
        assert!(throttle.attempt("OTHER", HERE, now).is_err());
    }

    #[test]
    fn success_forgets_the_failures_of_its_key() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        for _ in 0..3 {
            for _ in 0..FREE {
                assert!(throttle.attempt("AKIA", HERE, now).is_ok());
            }
            throttle.succeeded("AKIA", HERE);
        }
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        for number in 0..FREE_OF_ADDRESS {
            let address: IpAddr = format!("2001:db8::{number:x}").parse().unwrap();
            assert!(throttle.attempt(&number.to_string(), address, now).is_ok());
        }
        let next: IpAddr = "2001:db8::ffff".parse().unwrap();
        assert!(throttle.attempt("x", next, now).is_err());
        let other: IpAddr = "2001:db8:1::1".parse().unwrap();
        assert!(throttle.attempt("x", other, now).is_ok());
    }
}
