//! The checksums of `x-amz-checksum-*`: names, values, computation, and combination over parts.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html>

mod combine;
mod hasher;

pub use combine::{combine_crc, composite, composite_text};
pub use hasher::Hasher;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// An algorithm that objects can be checked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ChecksumAlgorithm {
    /// CRC-32 (ISO-HDLC).
    Crc32,
    /// CRC-32C (Castagnoli).
    Crc32c,
    /// CRC-64/NVME: what S3 computes when a client asks for nothing.
    Crc64Nvme,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
    /// MD5, beside the older `Content-MD5`.
    Md5,
    /// XXH64, seed 0.
    Xxhash64,
    /// XXH3 with 64 bits, seed 0.
    Xxhash3,
    /// XXH3 with 128 bits, seed 0.
    Xxhash128,
}

impl ChecksumAlgorithm {
    /// Every algorithm.
    pub const ALL: [ChecksumAlgorithm; 10] = [
        ChecksumAlgorithm::Crc32,
        ChecksumAlgorithm::Crc32c,
        ChecksumAlgorithm::Crc64Nvme,
        ChecksumAlgorithm::Sha1,
        ChecksumAlgorithm::Sha256,
        ChecksumAlgorithm::Sha512,
        ChecksumAlgorithm::Md5,
        ChecksumAlgorithm::Xxhash64,
        ChecksumAlgorithm::Xxhash3,
        ChecksumAlgorithm::Xxhash128,
    ];

    /// The name in `x-amz-checksum-algorithm` and in XML, e.g. `CRC32`.
    pub fn name(self) -> &'static str {
        match self {
            ChecksumAlgorithm::Crc32 => "CRC32",
            ChecksumAlgorithm::Crc32c => "CRC32C",
            ChecksumAlgorithm::Crc64Nvme => "CRC64NVME",
            ChecksumAlgorithm::Sha1 => "SHA1",
            ChecksumAlgorithm::Sha256 => "SHA256",
            ChecksumAlgorithm::Sha512 => "SHA512",
            ChecksumAlgorithm::Md5 => "MD5",
            ChecksumAlgorithm::Xxhash64 => "XXHASH64",
            ChecksumAlgorithm::Xxhash3 => "XXHASH3",
            ChecksumAlgorithm::Xxhash128 => "XXHASH128",
        }
    }

    /// The header that carries a value, e.g. `x-amz-checksum-crc32`.
    pub fn header(self) -> &'static str {
        match self {
            ChecksumAlgorithm::Crc32 => "x-amz-checksum-crc32",
            ChecksumAlgorithm::Crc32c => "x-amz-checksum-crc32c",
            ChecksumAlgorithm::Crc64Nvme => "x-amz-checksum-crc64nvme",
            ChecksumAlgorithm::Sha1 => "x-amz-checksum-sha1",
            ChecksumAlgorithm::Sha256 => "x-amz-checksum-sha256",
            ChecksumAlgorithm::Sha512 => "x-amz-checksum-sha512",
            ChecksumAlgorithm::Md5 => "x-amz-checksum-md5",
            ChecksumAlgorithm::Xxhash64 => "x-amz-checksum-xxhash64",
            ChecksumAlgorithm::Xxhash3 => "x-amz-checksum-xxhash3",
            ChecksumAlgorithm::Xxhash128 => "x-amz-checksum-xxhash128",
        }
    }

    /// The XML element that carries a value, e.g. `ChecksumCRC32`.
    pub fn element(self) -> &'static str {
        match self {
            ChecksumAlgorithm::Crc32 => "ChecksumCRC32",
            ChecksumAlgorithm::Crc32c => "ChecksumCRC32C",
            ChecksumAlgorithm::Crc64Nvme => "ChecksumCRC64NVME",
            ChecksumAlgorithm::Sha1 => "ChecksumSHA1",
            ChecksumAlgorithm::Sha256 => "ChecksumSHA256",
            ChecksumAlgorithm::Sha512 => "ChecksumSHA512",
            ChecksumAlgorithm::Md5 => "ChecksumMD5",
            ChecksumAlgorithm::Xxhash64 => "ChecksumXXHASH64",
            ChecksumAlgorithm::Xxhash3 => "ChecksumXXHASH3",
            ChecksumAlgorithm::Xxhash128 => "ChecksumXXHASH128",
        }
    }

    /// The number of bytes of a value.
    pub fn digest_len(self) -> usize {
        match self {
            ChecksumAlgorithm::Crc32 | ChecksumAlgorithm::Crc32c => 4,
            ChecksumAlgorithm::Crc64Nvme
            | ChecksumAlgorithm::Xxhash64
            | ChecksumAlgorithm::Xxhash3 => 8,
            ChecksumAlgorithm::Md5 | ChecksumAlgorithm::Xxhash128 => 16,
            ChecksumAlgorithm::Sha1 => 20,
            ChecksumAlgorithm::Sha256 => 32,
            ChecksumAlgorithm::Sha512 => 64,
        }
    }

    /// Whether it is a CRC, so that values of parts combine to that of the whole.
    pub fn is_crc(self) -> bool {
        matches!(
            self,
            ChecksumAlgorithm::Crc32 | ChecksumAlgorithm::Crc32c | ChecksumAlgorithm::Crc64Nvme
        )
    }

    /// Whether it is so fast that a hop to another thread costs more than it does.
    pub fn is_fast(self) -> bool {
        self.is_crc()
            || matches!(
                self,
                ChecksumAlgorithm::Xxhash64
                    | ChecksumAlgorithm::Xxhash3
                    | ChecksumAlgorithm::Xxhash128
            )
    }

    /// Whether the checksum of a multipart object may be of this type: only CRCs of parts combine
    /// to one of the whole, and CRC64NVME is always of the whole
    /// ([checksum types](https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html)).
    pub fn permits(self, kind: ChecksumType) -> bool {
        match kind {
            ChecksumType::Composite => self != ChecksumAlgorithm::Crc64Nvme,
            ChecksumType::FullObject => self.is_crc(),
        }
    }

    /// The type of the checksum of a multipart object that names none.
    pub fn default_type(self) -> ChecksumType {
        if self == ChecksumAlgorithm::Crc64Nvme {
            ChecksumType::FullObject
        } else {
            ChecksumType::Composite
        }
    }

    /// The algorithm of a name, in any case.
    pub fn parse(name: &str) -> Option<ChecksumAlgorithm> {
        Self::ALL
            .into_iter()
            .find(|a| a.name().eq_ignore_ascii_case(name))
    }

    /// The algorithm of a header name.
    pub fn from_header(name: &str) -> Option<ChecksumAlgorithm> {
        Self::ALL
            .into_iter()
            .find(|a| a.header().eq_ignore_ascii_case(name))
    }
}

impl std::fmt::Display for ChecksumAlgorithm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// What the checksum of a multipart object is computed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChecksumType {
    /// Over the checksums of the parts.
    Composite,
    /// Over the bytes of the whole object.
    FullObject,
}

impl ChecksumType {
    /// The name in headers and XML.
    pub fn name(self) -> &'static str {
        match self {
            ChecksumType::Composite => "COMPOSITE",
            ChecksumType::FullObject => "FULL_OBJECT",
        }
    }

    /// The type of a name.
    pub fn parse(name: &str) -> Option<ChecksumType> {
        match name {
            "COMPOSITE" => Some(ChecksumType::Composite),
            "FULL_OBJECT" => Some(ChecksumType::FullObject),
            _ => None,
        }
    }
}

/// A checksum value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checksum {
    /// What computed it.
    pub algorithm: ChecksumAlgorithm,
    /// The bytes of the value, `digest_len` of them.
    pub value: Vec<u8>,
}

impl Checksum {
    /// The value as headers and XML carry it.
    pub fn to_base64(&self) -> String {
        STANDARD.encode(&self.value)
    }

    /// Parses a value; `None` unless it is base64 of exactly the algorithm's length.
    pub fn from_base64(algorithm: ChecksumAlgorithm, text: &str) -> Option<Checksum> {
        let value = STANDARD.decode(text.trim()).ok()?;
        (value.len() == algorithm.digest_len()).then_some(Checksum { algorithm, value })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn names_headers_and_elements_lead_back_to_the_algorithm() {
        for algorithm in ChecksumAlgorithm::ALL {
            assert_eq!(ChecksumAlgorithm::parse(algorithm.name()), Some(algorithm));
            assert_eq!(
                ChecksumAlgorithm::from_header(algorithm.header()),
                Some(algorithm)
            );
            assert_eq!(algorithm.element(), format!("Checksum{}", algorithm.name()));
            assert_eq!(
                algorithm.header(),
                format!("x-amz-checksum-{}", algorithm.name().to_lowercase())
            );
        }
        assert_eq!(ChecksumAlgorithm::parse("MD4"), None);
    }

    #[test]
    fn each_algorithm_permits_its_default_type_and_only_crcs_cover_whole_uploads() {
        for algorithm in ChecksumAlgorithm::ALL {
            assert!(algorithm.permits(algorithm.default_type()), "{algorithm}");
            let whole = algorithm.name().starts_with("CRC");
            assert_eq!(algorithm.permits(ChecksumType::FullObject), whole);
            let composite = algorithm != ChecksumAlgorithm::Crc64Nvme;
            assert_eq!(algorithm.permits(ChecksumType::Composite), composite);
        }
    }

    #[test]
    fn a_value_of_the_wrong_length_or_alphabet_is_refused() {
        let crc = ChecksumAlgorithm::Crc32;
        assert!(Checksum::from_base64(crc, "AAAAAA==").is_some());
        assert!(Checksum::from_base64(crc, "AAAA").is_none());
        assert!(Checksum::from_base64(crc, "not base64").is_none());
        assert!(Checksum::from_base64(crc, "AAAAAA==-3").is_none());
    }
}
