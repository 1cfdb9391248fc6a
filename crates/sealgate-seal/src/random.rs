//! The one source of randomness.

/// Fills `bytes` with randomness of the operating system.
///
/// # Panics
/// If the operating system has no randomness to give. A salt or key that is not random would be a
/// silent catastrophe; there is nothing sensible to do but to stop.
pub(crate) fn fill(bytes: &mut [u8]) {
    #[expect(clippy::expect_used, reason = "see Panics: no key without randomness")]
    sealgate_crypto::random::fill(bytes).expect("the operating system gives random bytes");
}

/// `N` random bytes that are no secret.
///
/// # Panics
/// As [`fill`].
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    fill(&mut bytes);
    bytes
}
