//! The ciphertext of a symmetric key: opaque to the client, and it names the key that opens it.
//!
//! version (1 byte, 1) ‖ account (u64) ‖ key id (16 bytes) ‖ material version (u32) ‖ wrapping of the
//! plaintext under the material; integers are big-endian. The wrapping authenticates all before it and the
//! canonical encryption context. Version 2 is that of keys in external key stores: what follows the header is the
//! wrapping as the external key sealed it.

use sealgate_seal::{Key256, wrap};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::arn::AccountId;
use crate::context::EncryptionContext;

const VERSION: u8 = 1;
const EXTERNAL: u8 = 2;
const PURPOSE: &str = "kms ciphertext";
const HEADER_SIZE: usize = 1 + 8 + 16 + 4;

/// The most plaintext that Encrypt takes.
pub(crate) const MAX_PLAINTEXT: usize = 4096;
/// The longest ciphertext that is looked at.
pub(crate) const MAX_CIPHERTEXT: usize = 6144;

/// Which material a ciphertext was made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MadeWith {
    pub account: AccountId,
    pub key: Uuid,
    pub version: u32,
    /// And with an external key besides.
    pub external: bool,
}

impl MadeWith {
    fn header(self) -> Vec<u8> {
        let mut header = Vec::with_capacity(HEADER_SIZE);
        header.push(match self.external {
            false => VERSION,
            true => EXTERNAL,
        });
        header.extend_from_slice(&self.account.number().to_be_bytes());
        header.extend_from_slice(self.key.as_bytes());
        header.extend_from_slice(&self.version.to_be_bytes());
        header
    }

    /// What a ciphertext authenticates besides the plaintext.
    pub(crate) fn aad(self, context: &EncryptionContext) -> Vec<u8> {
        let mut aad = self.header();
        aad.extend_from_slice(&context.canonical());
        aad
    }

    /// The ciphertext with this body.
    pub(crate) fn with_header(self, body: &[u8]) -> Vec<u8> {
        let mut ciphertext = self.header();
        ciphertext.extend_from_slice(body);
        ciphertext
    }
}

/// Wraps a plaintext under the material of the key.
pub(crate) fn wrap_own(
    material: &Key256,
    made_with: MadeWith,
    context: &EncryptionContext,
    plaintext: &[u8],
) -> Vec<u8> {
    wrap::wrap(material, PURPOSE, &made_with.aad(context), plaintext)
}

/// Reads which material a ciphertext was made with, and its body; `None` if it is no ciphertext.
pub(crate) fn parse(ciphertext: &[u8]) -> Option<(MadeWith, &[u8])> {
    let (version, rest) = ciphertext.split_first()?;
    let external = match *version {
        VERSION => false,
        EXTERNAL => true,
        _ => return None,
    };
    let (account, rest) = rest.split_first_chunk()?;
    let (key, rest) = rest.split_first_chunk()?;
    let (version, wrapped) = rest.split_first_chunk()?;
    let made_with = MadeWith {
        account: AccountId::from_number(u64::from_be_bytes(*account))?,
        key: Uuid::from_bytes(*key),
        version: u32::from_be_bytes(*version),
        external,
    };
    Some((made_with, wrapped))
}

/// The version of the material that a ciphertext was made with; `None` if it is no ciphertext. It is what the
/// ciphertext says of itself, of which nothing is verified.
pub fn material_version(ciphertext: &[u8]) -> Option<u32> {
    parse(ciphertext).map(|(made_with, _)| made_with.version)
}

/// Unwraps what [`wrap_own`] wrapped; `None` if anything is not as it was then.
pub(crate) fn unwrap_own(
    material: &Key256,
    made_with: MadeWith,
    context: &EncryptionContext,
    wrapped: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    wrap::unwrap(material, PURPOSE, &made_with.aad(context), wrapped).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use proptest::prelude::*;

    use super::*;

    fn made_with() -> MadeWith {
        MadeWith {
            account: "111122223333".parse().unwrap(),
            key: Uuid::from_u128(0x1234_abcd),
            version: 2,
            external: false,
        }
    }

    fn seal(
        material: &Key256,
        made_with: MadeWith,
        context: &EncryptionContext,
        plaintext: &[u8],
    ) -> Vec<u8> {
        made_with.with_header(&wrap_own(material, made_with, context, plaintext))
    }

    #[test]
    fn the_header_is_that_of_the_specification() {
        let sealed = seal(
            &Key256::generate(),
            made_with(),
            &EncryptionContext::new(),
            b"x",
        );
        let header =
            "01000000".to_owned() + "19df6690e5" + "0000000000000000000000001234abcd" + "00000002";
        assert_eq!(hex::encode(&sealed[..HEADER_SIZE]), header);
        assert_eq!(sealed.len(), HEADER_SIZE + wrap::OVERHEAD + 1);
    }

    #[test]
    fn header_and_context_are_authenticated() {
        let (key, context) = (
            Key256::generate(),
            EncryptionContext::from_pairs([("a", "b")]),
        );
        let sealed = seal(&key, made_with(), &context, b"x");
        let (parsed, wrapped) = parse(&sealed).unwrap();
        assert_eq!(parsed, made_with());
        assert_eq!(
            unwrap_own(&key, parsed, &context, wrapped)
                .unwrap()
                .as_slice(),
            b"x"
        );
        assert!(unwrap_own(&key, parsed, &EncryptionContext::new(), wrapped).is_none());
        let version = MadeWith {
            version: 3,
            ..parsed
        };
        let external = MadeWith {
            external: true,
            ..parsed
        };
        for other in [version, external] {
            assert!(unwrap_own(&key, other, &context, wrapped).is_none());
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            if let Some((made_with, wrapped)) = parse(&bytes) {
                let key = Key256::from_bytes([1; 32]);
                prop_assert!(unwrap_own(&key, made_with, &EncryptionContext::new(), wrapped).is_none());
            }
        }
    }
}
