//! Why an encryption request was refused. The S3 front maps each to its code and status.

use sealgate_kms::KmsError;

/// A refusal of server-side encryption.
#[derive(Debug, thiserror::Error)]
pub enum SseError {
    /// A header has a value that cannot be honoured (`InvalidArgument`, 400).
    #[error("{message}")]
    InvalidArgument {
        /// AWS's words.
        message: String,
        /// The header (or element) that is wrong: `ArgumentName` in the answer.
        name: &'static str,
        /// The value that was sent, unless it is secret.
        value: Option<String>,
    },
    /// The request does not fit the object or upload (`InvalidRequest`, 400).
    #[error("{0}")]
    InvalidRequest(&'static str),
    /// The SSE-C algorithm is not AES256 (`InvalidEncryptionAlgorithmError`, 400).
    #[error("The Encryption request you specified is not valid. Supported value: AES256.")]
    InvalidEncryptionAlgorithm {
        /// What was sent.
        value: String,
    },
    /// The customer key is not the object's, or the bucket blocks SSE-C (`AccessDenied`, 403).
    #[error("Access Denied")]
    AccessDenied,
    /// The bucket blocks writes with SSE-C (`AccessDenied`, 403).
    #[error("Access Denied: the bucket blocks server-side encryption with customer-provided keys")]
    CustomerKeysBlocked,
    /// The KMS refused.
    #[error(transparent)]
    Kms(#[from] KmsError),
    /// A stored envelope does not open: the index or the platform keys are damaged.
    #[error("the envelope of the object is damaged")]
    Damaged,
}

impl SseError {
    pub(crate) fn argument(
        name: &'static str,
        value: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self::InvalidArgument {
            message: message.into(),
            name,
            value: Some(value.into()),
        }
    }

    pub(crate) fn secret_argument(name: &'static str, message: impl Into<String>) -> Self {
        Self::InvalidArgument {
            message: message.into(),
            name,
            value: None,
        }
    }
}
