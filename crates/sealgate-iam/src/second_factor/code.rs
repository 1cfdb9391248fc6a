//! The codes of a device: TOTP, six digits, thirty seconds, SHA-1, which every authenticator app speaks.
//! <https://www.rfc-editor.org/rfc/rfc6238>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealgate_seal::{Key256, wrap};
use time::OffsetDateTime;
use totp_rs::{Builder, Secret, Totp};
use zeroize::Zeroizing;

use crate::error::IamError;

/// What the wrapping key is derived for; part of the stored form.
const PURPOSE: &str = "iam mfa seed";
/// As long as AWS's: 64 characters in base 32.
const SEED_SIZE: usize = 40;
const SECONDS: u64 = 30;
/// A code is good one step before and after its own.
const SKEW: i64 = 1;
/// How far the second of two codes may be from now, when a device is enabled.
pub(super) const NEAR: i64 = SKEW;
/// And when its clock is set right: ten minutes.
pub(super) const FAR: i64 = 20;

/// What a device's codes are made of.
pub(super) struct Seed(Zeroizing<Vec<u8>>);

/// Six digits.
pub(super) fn is_well_formed(code: &str) -> bool {
    code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit())
}

fn step_at(now: OffsetDateTime) -> i64 {
    now.unix_timestamp().div_euclid(SECONDS.cast_signed())
}

/// How many steps a device is ahead, if it shows the code of `step` now.
pub(super) fn distance(step: u64, now: OffsetDateTime) -> i64 {
    step.cast_signed() - step_at(now)
}

impl Seed {
    pub(super) fn new() -> Result<Seed, IamError> {
        let mut bytes = Zeroizing::new(vec![0; SEED_SIZE]);
        sealgate_crypto::random::fill(&mut bytes).map_err(|error| {
            IamError::Internal(format!("no randomness from the system: {error}"))
        })?;
        Ok(Seed(bytes))
    }

    /// As it is typed into an app.
    pub(super) fn base32(&self) -> Zeroizing<String> {
        Zeroizing::new(Secret::from(self.0.as_slice()).to_base32())
    }

    /// The serial number is authenticated with the seed.
    pub(super) fn seal(&self, key: &Key256, serial: &str) -> String {
        STANDARD.encode(wrap::wrap(key, PURPOSE, serial.as_bytes(), &self.0))
    }

    pub(super) fn open(key: &Key256, serial: &str, sealed: &str) -> Result<Seed, IamError> {
        let damaged =
            |why: String| IamError::Internal(format!("the seed of {serial} does not open: {why}"));
        let sealed = STANDARD
            .decode(sealed)
            .map_err(|error| damaged(error.to_string()))?;
        wrap::unwrap(key, PURPOSE, serial.as_bytes(), &sealed)
            .map(Seed)
            .map_err(|error| damaged(error.to_string()))
    }

    fn totp(&self) -> Result<Totp, IamError> {
        Builder::new()
            .with_secret(self.0.as_slice())
            .with_skew(0)
            .with_step_duration(SECONDS)
            .build()
            .map_err(|error| IamError::Internal(format!("TOTP: {error}")))
    }

    /// The step whose code this is, of those that are good now for a device that is so far ahead.
    pub(super) fn step_of(
        &self,
        code: &str,
        now: OffsetDateTime,
        drift: i64,
    ) -> Result<Option<u64>, IamError> {
        let totp = self.totp()?;
        let middle = step_at(now) + drift;
        // Each is compared, whichever it is.
        let found = (middle - SKEW..=middle + SKEW)
            .filter_map(|step| u64::try_from(step).ok())
            .filter(|step| totp.check(code, step * SECONDS).is_some())
            .max();
        Ok(found)
    }

    /// The step of the second of two codes in a row, if it is at most so far from now.
    pub(super) fn two_in_a_row(
        &self,
        [first, second]: [&str; 2],
        now: OffsetDateTime,
        far: i64,
    ) -> Result<Option<u64>, IamError> {
        let totp = self.totp()?;
        let middle = step_at(now);
        let found = (middle - far..=middle + far)
            .filter_map(|step| u64::try_from(step).ok())
            .filter(|step| *step > 0)
            .filter(|step| {
                let one = totp.check(first, (step - 1) * SECONDS).is_some();
                let two = totp.check(second, step * SECONDS).is_some();
                one && two
            })
            .max();
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(seconds).unwrap()
    }

    fn rfc() -> Seed {
        Seed(Zeroizing::new(b"12345678901234567890".to_vec()))
    }

    #[test]
    fn the_codes_are_those_of_rfc_6238() {
        // Appendix B has eight digits; these are the last six.
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            let step = rfc().step_of(code, at(seconds), 0).unwrap();
            assert_eq!(step, Some(seconds.cast_unsigned() / 30), "{code}");
        }
    }

    #[test]
    fn a_code_is_good_one_step_before_and_after_its_own() {
        let own = 1_234_567_890;
        for (seconds, good) in [
            (-60, false),
            (-30, true),
            (0, true),
            (30, true),
            (60, false),
        ] {
            let step = rfc().step_of("005924", at(own + seconds), 0).unwrap();
            assert_eq!(step.is_some(), good, "{seconds}");
        }
        assert!(
            rfc()
                .step_of("005924", at(own - 300), 10)
                .unwrap()
                .is_some()
        );
    }

    #[test]
    fn two_codes_are_in_a_row_or_nothing() {
        let totp = rfc().totp().unwrap();
        let code = |step: u64| totp.generate(step * SECONDS).to_string();
        let (now, step) = (at(3_000_000), 100_000);
        let two = |a: u64, b: u64, far| rfc().two_in_a_row([&code(a), &code(b)], now, far).unwrap();
        assert_eq!(two(step - 1, step, NEAR), Some(step));
        assert_eq!(two(step, step + 1, NEAR), Some(step + 1));
        assert_eq!(two(step, step, NEAR), None);
        assert_eq!(two(step, step - 1, NEAR), None);
        assert_eq!(two(step - 5, step - 4, NEAR), None);
        assert_eq!(two(step - 5, step - 4, FAR), Some(step - 4));
        assert_eq!(distance(step - 4, now), -4);
    }

    #[test]
    fn a_seed_opens_only_as_that_of_its_device() {
        let key = Key256::from_bytes([3; 32]);
        let sealed = rfc().seal(&key, "arn:aws:iam::1:mfa/a");
        assert!(Seed::open(&key, "arn:aws:iam::1:mfa/a", &sealed).is_ok());
        assert!(Seed::open(&key, "arn:aws:iam::1:mfa/b", &sealed).is_err());
        assert_eq!(Seed::new().unwrap().base32().len(), 64);
        assert!(is_well_formed("012345"));
        for bad in ["", "12345", "1234567", "12345a", "１２３４５６"] {
            assert!(!is_well_formed(bad), "{bad}");
        }
    }
}
