//! HMAC (FIPS 198-1) of the signatures of requests.

/// HMAC-SHA256.
#[cfg(not(feature = "fips"))]
#[must_use]
pub fn sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    of_rust_crypto::<hmac::Hmac<sha2::Sha256>>(key, message).into()
}

/// HMAC-SHA1, for Signature Version 2 alone.
#[cfg(not(feature = "fips"))]
#[must_use]
pub fn sha1(key: &[u8], message: &[u8]) -> [u8; 20] {
    of_rust_crypto::<hmac::Hmac<sha1::Sha1>>(key, message).into()
}

/// A key of HMAC-SHA256 that signs many messages. What is derived from it is wiped when it is dropped.
#[cfg(not(feature = "fips"))]
pub struct Sha256Key(hmac::Hmac<sha2::Sha256>);

#[cfg(not(feature = "fips"))]
impl Sha256Key {
    /// The key with these bytes.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        use hmac::KeyInit as _;
        #[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
        Self(hmac::Hmac::new_from_slice(key).expect("a key of 32 bytes"))
    }

    /// The tag of a message, whose parts are concatenated.
    #[must_use]
    pub fn sign(&self, message: &[&str]) -> [u8; 32] {
        use hmac::Mac as _;
        let mut mac = self.0.clone();
        for part in message {
            mac.update(part.as_bytes());
        }
        mac.finalize().into_bytes().into()
    }
}

/// A key of HMAC-SHA256 that signs many messages.
#[cfg(feature = "fips")]
pub struct Sha256Key(aws_lc_rs::hmac::Key);

#[cfg(feature = "fips")]
impl Sha256Key {
    /// The key with these bytes.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        Self(aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, key))
    }

    /// The tag of a message, whose parts are concatenated.
    #[must_use]
    pub fn sign(&self, message: &[&str]) -> [u8; 32] {
        let mut context = aws_lc_rs::hmac::Context::with_key(&self.0);
        for part in message {
            context.update(part.as_bytes());
        }
        #[expect(clippy::expect_used, reason = "the algorithm has tags of this size")]
        let tag = context.sign().as_ref().try_into().expect("32 bytes");
        tag
    }
}

#[cfg(not(feature = "fips"))]
fn of_rust_crypto<M: hmac::Mac + hmac::KeyInit>(
    key: &[u8],
    message: &[u8],
) -> hmac::digest::Output<M> {
    #[expect(clippy::expect_used, reason = "HMAC has no other length of key")]
    let mut mac = <M as hmac::KeyInit>::new_from_slice(key).expect("a key of any length");
    mac.update(message);
    mac.finalize().into_bytes()
}

/// HMAC-SHA256.
#[cfg(feature = "fips")]
#[must_use]
pub fn sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    of_aws_lc(aws_lc_rs::hmac::HMAC_SHA256, key, message)
}

/// HMAC-SHA1, for Signature Version 2 alone.
#[cfg(feature = "fips")]
#[must_use]
pub fn sha1(key: &[u8], message: &[u8]) -> [u8; 20] {
    of_aws_lc(aws_lc_rs::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key, message)
}

#[cfg(feature = "fips")]
fn of_aws_lc<const N: usize>(
    algorithm: aws_lc_rs::hmac::Algorithm,
    key: &[u8],
    message: &[u8],
) -> [u8; N] {
    let key = aws_lc_rs::hmac::Key::new(algorithm, key);
    let tag = aws_lc_rs::hmac::sign(&key, message);
    #[expect(clippy::expect_used, reason = "the algorithm has tags of this size")]
    tag.as_ref().try_into().expect("a tag of the hash's size")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_kept_signs_as_one_that_is_not() {
        let key = Sha256Key::new(&[7; 32]);
        for parts in [["", ""], ["a", "bc"], ["abc", ""]] {
            let text = parts.concat();
            assert_eq!(key.sign(&parts), sha256(&[7; 32], text.as_bytes()));
        }
    }

    /// <https://www.rfc-editor.org/rfc/rfc4231#section-4> and <https://www.rfc-editor.org/rfc/rfc2202#section-3>
    #[test]
    fn the_test_cases_of_the_rfcs_come_out() {
        assert_eq!(
            hex::encode(sha256(b"Jefe", b"what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(
            hex::encode(sha256(
                &[0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First"
            )),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
        assert_eq!(
            hex::encode(sha1(b"Jefe", b"what do ya want for nothing?")),
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"
        );
    }
}
