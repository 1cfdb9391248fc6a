//! Request ids in the shapes that S3 gives them; tools print and parse them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::Rng as _;

/// 32 symbols, so that five random bits choose one without bias.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A new `x-amz-request-id`: 16 upper-case letters and digits.
pub fn request_id() -> String {
    random::<16>()
        .iter()
        .map(|byte| char::from(ALPHABET[usize::from(byte & 31)]))
        .collect()
}

/// A new `x-amz-id-2`: 56 random bytes in base64.
pub fn host_id() -> String {
    STANDARD.encode(random::<56>())
}

/// Ids are names, not secrets: a generator of this thread gives them, without a call of the system for each.
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::rng().fill_bytes(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ids_look_like_those_of_s3_and_differ() {
        let (a, b) = (request_id(), request_id());
        assert_eq!(a.len(), 16);
        assert!(
            a.bytes()
                .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
        );
        assert_ne!(a, b);
    }

    #[test]
    fn host_ids_are_base64_of_the_length_of_s3() {
        assert_eq!(host_id().len(), 76);
        assert_ne!(host_id(), host_id());
    }
}
