//! Which library does which primitive, decided here and nowhere else: callers name the primitive.
//!
//! | | by default | with the feature `fips` |
//! |---|---|---|
//! | [`aead`]: bulk AES-256-GCM | ring | AWS-LC FIPS |
//! | [`aead`]: second layer of DSSE | RustCrypto | AWS-LC FIPS |
//! | [`hash`], [`hkdf`], [`hmac`] | RustCrypto | AWS-LC FIPS |
//! | [`random`] | the operating system | AWS-LC FIPS |
//! | [`tls`] | rustls over ring | rustls over AWS-LC FIPS |
//!
//! RSA, elliptic curves, ML-DSA and key wrapping are aws-lc-rs in both builds, and its users name it
//! themselves: the feature changes the library under it. Checksums that are no cryptography (MD5 of ETags,
//! SHA-1 and CRC as checksums) are no matter of this crate.

#![forbid(unsafe_code)]

pub mod aead;
pub mod hash;
pub mod hkdf;
pub mod hmac;
pub mod module;
pub mod random;
pub mod tls;

pub use module::APPROVED_ONLY;
