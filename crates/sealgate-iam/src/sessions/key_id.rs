//! Access key ids of temporary credentials: `ASIA`, then the account and random bits in base 32.
//!
//! Nothing is stored of a session, so its key id itself says whose it is, in the place where AWS's
//! key ids have the account: 40 bits after the first of the 80 that base 32 spells.

use crate::error::IamError;

const PREFIX: &str = "ASIA";
/// RFC 4648.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// Characters after the prefix, of five bits each.
const CHARACTERS: usize = 16;
const ACCOUNT_SHIFT: u32 = 39;
const ACCOUNT_MASK: u128 = (1 << 40) - 1;
/// The bits that are not the account.
const RANDOM: u128 = !(ACCOUNT_MASK << ACCOUNT_SHIFT);

/// True for key ids that only mean something together with a session token.
pub(crate) fn is_temporary(access_key_id: &str) -> bool {
    access_key_id.starts_with(PREFIX)
}

/// A new key id for a session of this account.
pub(super) fn generate(account_id: &str) -> Result<String, IamError> {
    let account: u128 = account_id
        .parse()
        .map_err(|_| IamError::Internal(format!("{account_id} is not the id of an account")))?;
    let mut random = [0; 16];
    sealgate_crypto::random::fill(&mut random)
        .map_err(|error| IamError::Internal(format!("no randomness from the system: {error}")))?;
    let bits = (u128::from_be_bytes(random) & RANDOM) | ((account & ACCOUNT_MASK) << ACCOUNT_SHIFT);
    let mut id = String::with_capacity(PREFIX.len() + CHARACTERS);
    id.push_str(PREFIX);
    for place in (0..CHARACTERS).rev() {
        let digit = (bits >> (5 * place)) & 31;
        id.extend(BASE32.get(digit as usize).map(|byte| char::from(*byte)));
    }
    Ok(id)
}

/// The account that a temporary key id is of; `None` for every other text.
pub(crate) fn account_of(access_key_id: &str) -> Option<String> {
    let digits = access_key_id.strip_prefix(PREFIX)?;
    if digits.len() != CHARACTERS {
        return None;
    }
    let mut bits = 0u128;
    for byte in digits.bytes() {
        let digit = BASE32.iter().position(|known| *known == byte)?;
        bits = (bits << 5) | digit as u128;
    }
    let account = (bits >> ACCOUNT_SHIFT) & ACCOUNT_MASK;
    (account < 1_000_000_000_000).then(|| format!("{account:012}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn a_temporary_key_id_names_its_account() {
        for account in ["000000000001", "111111111111", "999999999999"] {
            let id = generate(account).unwrap();
            assert!(is_temporary(&id) && id.len() == 20);
            assert_eq!(account_of(&id).unwrap(), account);
            assert_ne!(generate(account).unwrap(), id);
        }
        // An id of AWS, whose account is known: the bits are in the same place.
        assert_eq!(
            account_of("ASIAQNZGKIQY56JQ7WML").as_deref(),
            Some("029608264753")
        );
    }

    #[test]
    fn what_is_no_temporary_key_id_names_nobody() {
        for other in [
            "",
            "ASIA",
            "AKIAQNZGKIQY56JQ7WML",
            "ASIAQNZGKIQY56JQ7WM",
            "ASIA1NZGKIQY56JQ7WML",
            "ASIAüüüüüüüü",
        ] {
            assert_eq!(account_of(other), None, "{other}");
        }
    }
}
