//! The cryptography of TLS: what rustls is given, here for all connections in and out.

use rustls::crypto::CryptoProvider;

/// The cipher suites, groups and signatures of every TLS connection. With the feature `fips`, those that rustls
/// counts as approved: no ChaCha20-Poly1305, no X25519 by itself.
#[must_use]
pub fn provider() -> CryptoProvider {
    #[cfg(not(feature = "fips"))]
    {
        rustls::crypto::ring::default_provider()
    }
    #[cfg(feature = "fips")]
    {
        rustls::crypto::default_fips_provider()
    }
}

/// Makes it what libraries take that are given none; false if there is one already.
#[must_use]
pub fn install() -> bool {
    provider().install_default().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_provider_is_one_of_fips_in_a_fips_build_only() {
        assert_eq!(provider().fips(), cfg!(feature = "fips"));
    }

    #[cfg(feature = "fips")]
    #[test]
    fn no_suite_has_chacha20() {
        for suite in provider().cipher_suites {
            assert!(!format!("{:?}", suite.suite()).contains("CHACHA"));
        }
    }
}
