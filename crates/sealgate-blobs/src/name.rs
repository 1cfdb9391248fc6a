//! Names of blobs: random, so that they say nothing and never meet.

use std::fmt;
use std::str::FromStr;

/// Bytes of randomness in a name.
const NAME_BYTES: usize = 16;

/// Name of a blob: 128 random bits as 32 lower-case hex digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlobName(String);

impl BlobName {
    /// A fresh random name.
    #[expect(
        clippy::new_without_default,
        reason = "each one differs: that is no default"
    )]
    #[expect(
        clippy::expect_used,
        reason = "a system without randomness can seal nothing either"
    )]
    pub fn new() -> BlobName {
        let mut bytes = [0; NAME_BYTES];
        sealgate_crypto::random::fill(&mut bytes).expect("the system has randomness to give");
        BlobName(hex::encode(bytes))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where the blob lives below the root of its store: `ab/cd/abcd…`. Two levels of folders
    /// keep each of them small; creating a file in a folder of many is what is slow on disk.
    pub fn path(&self) -> String {
        let (first, second) = self.shards();
        format!("{first}/{second}/{}", self.0)
    }

    /// The two folder names of the path.
    pub(crate) fn shards(&self) -> (&str, &str) {
        // A name is 32 ASCII characters by construction.
        (
            self.0.get(..2).unwrap_or(""),
            self.0.get(2..4).unwrap_or(""),
        )
    }

    /// The shard as a number below 65536.
    pub(crate) fn shard_number(&self) -> u16 {
        self.0
            .get(..4)
            .and_then(|digits| u16::from_str_radix(digits, 16).ok())
            .unwrap_or(0)
    }
}

impl fmt::Display for BlobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is not the name of a blob.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a blob")]
pub struct InvalidBlobName;

impl FromStr for BlobName {
    type Err = InvalidBlobName;

    fn from_str(text: &str) -> Result<BlobName, InvalidBlobName> {
        let lower_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() == 2 * NAME_BYTES && text.bytes().all(lower_hex) {
            Ok(BlobName(text.to_owned()))
        } else {
            Err(InvalidBlobName)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn a_name_round_trips_and_carries_its_shards() {
        let name = BlobName::new();
        assert_eq!(name, name.to_string().parse().unwrap());
        assert_eq!(
            name.path(),
            format!("{}/{}/{name}", &name.as_str()[..2], &name.as_str()[2..4])
        );
    }

    #[test]
    fn what_is_not_a_name_is_refused() {
        for text in [
            "",
            "ab",
            "../../etc/passwd",
            &"A".repeat(32),
            &"g".repeat(32),
            &"a".repeat(33),
        ] {
            assert_eq!(text.parse::<BlobName>(), Err(InvalidBlobName), "{text}");
        }
    }
}
