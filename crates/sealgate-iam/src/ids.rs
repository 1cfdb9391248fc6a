//! Random identifiers, in the forms AWS gives them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealgate_wire::sigv4::SecretKey;
use zeroize::{Zeroize, Zeroizing};

use crate::error::IamError;

/// AWS's unique ids use upper-case base 32.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, IamError> {
    let mut bytes = Zeroizing::new([0u8; N]);
    sealgate_crypto::random::fill(bytes.as_mut_slice())
        .map_err(|error| IamError::Internal(format!("no randomness from the system: {error}")))?;
    Ok(bytes)
}

fn prefixed_id(prefix: &str) -> Result<String, IamError> {
    let bytes = random::<16>()?;
    let mut id = String::with_capacity(prefix.len() + bytes.len());
    id.push_str(prefix);
    id.extend(
        bytes
            .iter()
            .map(|b| char::from(BASE32[usize::from(b & 31)])),
    );
    Ok(id)
}

/// `AKIA` and 16 characters.
pub fn access_key_id() -> Result<String, IamError> {
    prefixed_id("AKIA")
}

/// `AGPA` and 16 characters.
pub fn group_id() -> Result<String, IamError> {
    prefixed_id("AGPA")
}

/// `AROA` and 16 characters.
pub fn role_id() -> Result<String, IamError> {
    prefixed_id("AROA")
}

/// `ANPA` and 16 characters.
pub fn policy_id() -> Result<String, IamError> {
    prefixed_id("ANPA")
}

/// 22 characters, the shortest that the model knows for a SAML provider.
pub fn saml_provider_id() -> Result<String, IamError> {
    prefixed_id("SAMLID")
}

/// 16 characters.
pub fn password_id() -> Result<String, IamError> {
    prefixed_id("")
}

/// `AIDA` and 16 characters.
pub fn user_id() -> Result<String, IamError> {
    prefixed_id("AIDA")
}

/// 40 characters from 30 random bytes.
pub fn secret_key() -> Result<SecretKey, IamError> {
    let bytes = random::<30>()?;
    Ok(SecretKey::new(STANDARD.encode(bytes.as_slice())))
}

/// 64 hexadecimal digits.
pub fn canonical_id() -> Result<String, IamError> {
    let bytes = random::<32>()?;
    Ok(hex::encode(bytes.as_slice()))
}

/// 12 digits, the first not zero (spreadsheets and shells eat leading zeros).
pub fn account_id() -> Result<String, IamError> {
    let mut bytes = random::<8>()?;
    let number = u64::from_be_bytes(*bytes);
    bytes.zeroize();
    Ok((100_000_000_000 + number % 900_000_000_000).to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn ids_have_the_forms_of_aws() {
        let key = access_key_id().unwrap();
        assert!(key.starts_with("AKIA") && key.len() == 20);
        assert!(user_id().unwrap().starts_with("AIDA"));
        assert_eq!(secret_key().unwrap().expose().len(), 40);
        assert_eq!(canonical_id().unwrap().len(), 64);
        let account = account_id().unwrap();
        assert!(account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit()));
        assert_ne!(access_key_id().unwrap(), key);
    }
}
