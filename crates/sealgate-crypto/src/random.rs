//! Random bytes, for keys, nonces, salts and names: the operating system's, or those of the FIPS module's DRBG,
//! which the operating system seeds.

#[cfg(not(feature = "fips"))]
pub use getrandom::{Error, fill};

/// The module has no random bytes to give.
#[cfg(feature = "fips")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the random number generator of the FIPS module failed")]
pub struct Error;

/// Fills `bytes` with random bytes.
///
/// # Errors
/// If the generator fails.
#[cfg(feature = "fips")]
pub fn fill(bytes: &mut [u8]) -> Result<(), Error> {
    aws_lc_rs::rand::fill(bytes).map_err(|_| Error)
}
