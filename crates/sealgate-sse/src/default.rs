//! What a bucket encrypts with when a request asks for nothing.

use serde::{Deserialize, Serialize};

/// The algorithm of a bucket's default encryption.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DefaultAlgorithm {
    /// SSE-S3.
    #[serde(rename = "AES256")]
    S3,
    /// SSE-KMS.
    #[serde(rename = "aws:kms")]
    Kms,
    /// DSSE-KMS.
    #[serde(rename = "aws:kms:dsse")]
    Dsse,
}

impl DefaultAlgorithm {
    /// As written in `SSEAlgorithm`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::S3 => "AES256",
            Self::Kms => "aws:kms",
            Self::Dsse => "aws:kms:dsse",
        }
    }

    /// From `SSEAlgorithm`.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::S3, Self::Kms, Self::Dsse]
            .into_iter()
            .find(|a| a.as_str() == text)
    }
}

/// A bucket's encryption settings, as `PutBucketEncryption` sets them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketEncryption {
    /// What is applied where a request names no mode.
    pub algorithm: DefaultAlgorithm,
    /// The KMS key as it was given; `None` is `aws/s3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<String>,
    /// Whether SSE-KMS objects are wrapped under a Bucket Key.
    #[serde(default)]
    pub bucket_key_enabled: bool,
    /// Whether writes with SSE-C are refused
    /// (`BlockedEncryptionTypes`, [blocking SSE-C](https://docs.aws.amazon.com/AmazonS3/latest/userguide/blocking-unblocking-s3-c-encryption-gpb.html)).
    #[serde(default)]
    pub blocks_customer_keys: bool,
}

impl BucketEncryption {
    /// What an unset bucket does: SSE-S3, no Bucket Key.
    pub fn unset(blocks_customer_keys: bool) -> Self {
        Self {
            algorithm: DefaultAlgorithm::S3,
            kms_key_id: None,
            bucket_key_enabled: false,
            blocks_customer_keys,
        }
    }
}
