//! HKDF over SHA-256 (RFC 5869).

/// More than 255 times 32 bytes were asked for.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("HKDF-SHA256 gives no key of this length")]
pub struct InvalidLength;

/// Fills `okm` with what is derived from `ikm`; the parts of `info` are concatenated.
///
/// # Errors
/// If `okm` is longer than HKDF-SHA256 gives.
#[cfg(not(feature = "fips"))]
pub fn sha256(
    salt: &[u8],
    ikm: &[u8],
    info: &[&[u8]],
    okm: &mut [u8],
) -> Result<(), InvalidLength> {
    hkdf::Hkdf::<sha2::Sha256>::new(Some(salt), ikm)
        .expand_multi_info(info, okm)
        .map_err(|_| InvalidLength)
}

/// Fills `okm` with what is derived from `ikm`; the parts of `info` are concatenated.
///
/// # Errors
/// If `okm` is longer than HKDF-SHA256 gives.
#[cfg(feature = "fips")]
pub fn sha256(
    salt: &[u8],
    ikm: &[u8],
    info: &[&[u8]],
    okm: &mut [u8],
) -> Result<(), InvalidLength> {
    use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};

    struct Length(usize);
    impl KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }
    let prk = Salt::new(HKDF_SHA256, salt).extract(ikm);
    prk.expand(info, Length(okm.len()))
        .and_then(|derived| derived.fill(okm))
        .map_err(|_| InvalidLength)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// <https://www.rfc-editor.org/rfc/rfc5869#appendix-A.1>
    #[test]
    fn the_first_test_case_of_the_rfc_comes_out() {
        let salt: Vec<u8> = (0..=0x0c).collect();
        let info: Vec<u8> = (0xf0..=0xf9).collect();
        let expected =
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865";
        for cut in 0..=info.len() {
            let (head, tail) = info.split_at(cut);
            let mut okm = [0; 42];
            sha256(&salt, &[0x0b; 22], &[head, tail], &mut okm).unwrap();
            assert_eq!(hex::encode(okm), expected);
        }
    }

    /// <https://www.rfc-editor.org/rfc/rfc5869#appendix-A.3>
    #[test]
    fn an_empty_salt_is_that_of_the_rfc() {
        let mut okm = [0; 42];
        sha256(b"", &[0x0b; 22], &[], &mut okm).unwrap();
        assert_eq!(
            hex::encode(okm),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
        );
    }

    #[test]
    fn more_than_255_blocks_are_refused() {
        let mut okm = vec![0; 255 * 32 + 1];
        assert_eq!(
            sha256(b"salt", b"key", &[b"info"], &mut okm),
            Err(InvalidLength)
        );
        assert_eq!(sha256(b"salt", b"key", &[b"info"], &mut okm[1..]), Ok(()));
    }
}
