//! Names that S3 gives things, parsed once at the edge.

use std::fmt;

use crate::error::{Code, Result, S3Error};

/// The longest object key, in bytes of UTF-8
/// ([object keys](https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html)).
const MAX_KEY: usize = 1024;

/// Names that the gateway answers itself, so no bucket may have them.
const RESERVED: [&str; 3] = ["console", "health", "metrics"];

/// A valid bucket name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketName(String);

impl BucketName {
    /// By the [naming rules](https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html)
    /// of general purpose buckets.
    pub fn parse(name: &str) -> Result<Self> {
        let bytes = name.as_bytes();
        let alphanumeric = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let valid = (3..=63).contains(&bytes.len())
            && bytes
                .iter()
                .all(|b| alphanumeric(b) || matches!(b, b'-' | b'.'))
            && bytes.first().is_some_and(alphanumeric)
            && bytes.last().is_some_and(alphanumeric)
            && !name.contains("..")
            && name.parse::<std::net::Ipv4Addr>().is_err()
            && !["xn--", "sthree-", "amzn-s3-demo-"]
                .iter()
                .any(|p| name.starts_with(p))
            && !["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"]
                .iter()
                .any(|s| name.ends_with(s))
            && !RESERVED.contains(&name);
        if valid {
            Ok(Self(name.to_owned()))
        } else {
            Err(S3Error::from(Code::InvalidBucketName).with("BucketName", name))
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BucketName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A valid object key: 1 to 1024 bytes of UTF-8, kept exactly as sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectKey(String);

impl ObjectKey {
    /// From the decoded path.
    pub fn parse(key: &str) -> Result<Self> {
        if key.len() > MAX_KEY {
            return Err(S3Error::from(Code::KeyTooLong)
                .with("Size", key.len().to_string())
                .with("MaxSizeAllowed", MAX_KEY.to_string()));
        }
        if key.is_empty() || key.contains('\0') {
            return Err(S3Error::argument(
                "Key",
                key,
                "The object key is not valid.",
            ));
        }
        Ok(Self(key.to_owned()))
    }

    /// The key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Percent-decoded text of a path or header; S3 takes only UTF-8.
pub(crate) fn percent_decode(text: &str) -> Result<String> {
    percent_encoding::percent_decode_str(text)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| Code::InvalidUri.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn bucket_names_are_those_of_s3() {
        let longest = "a".repeat(63);
        for name in ["abc", "a-b.c", "0a9", "a--b", "1.2.3", "xn-", &longest] {
            let valid = name != "xn-";
            assert_eq!(BucketName::parse(name).is_ok(), valid, "{name}");
        }
        let too_long = "a".repeat(64);
        for name in [
            "",
            "ab",
            "Abc",
            "a_b",
            "-ab",
            "ab-",
            ".ab",
            "ab.",
            "a..b",
            "192.168.5.4",
            "a/b",
            "bücher",
            "xn--abc",
            "sthree-abc",
            "abc-s3alias",
            "abc--x-s3",
            "abc--ol-s3",
            "health",
            "metrics",
            &too_long,
        ] {
            let refused = BucketName::parse(name).unwrap_err();
            assert_eq!(refused.kind(), Code::InvalidBucketName, "{name}");
        }
    }

    #[test]
    fn keys_have_a_length_and_are_kept_as_sent() {
        for key in ["k", "/", "a//b/../c", "grün", &"k".repeat(MAX_KEY)] {
            assert_eq!(ObjectKey::parse(key).unwrap().as_str(), key);
        }
        // The limit counts bytes.
        for key in ["k".repeat(MAX_KEY + 1), "ü".repeat(MAX_KEY / 2 + 1)] {
            let refused = ObjectKey::parse(&key).unwrap_err();
            assert_eq!(refused.kind(), Code::KeyTooLong);
        }
        assert!(ObjectKey::parse("").is_err() && ObjectKey::parse("a\0b").is_err());
    }

    #[test]
    fn paths_are_utf8() {
        assert_eq!(percent_decode("a%20b+c%2Fd").unwrap(), "a b+c/d");
        assert_eq!(percent_decode("%ff").unwrap_err().kind(), Code::InvalidUri);
    }
}
