//! Why an encryption request was refused. The S3 front maps each to its code and status.

use sealgate_kms::KmsError;

/// The header of the mode, which S3 names as the argument also where a header beside it is wrong.
pub(crate) const SSE: &str = "x-amz-server-side-encryption";

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
        /// The value that was sent, or `null` where S3 shows none: nothing of a key is repeated.
        value: String,
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
    /// The customer key is not the object's (`AccessDenied`, 403).
    #[error(
        "Requests specifying Server Side Encryption with Customer provided keys must provide the correct secret key."
    )]
    WrongCustomerKey,
    /// The bucket blocks writes with SSE-C (`AccessDenied`, 403).
    #[error(
        "This bucket has blocked upload requests that specify Server Side Encryption with Customer provided keys (SSE-C). Please specify a different server-side encryption type"
    )]
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
            value: value.into(),
        }
    }

    /// A fault of one of the customer key's headers. S3 names the header of the mode and shows
    /// no value, so that nothing of a key is repeated.
    pub(crate) fn customer_key(message: impl Into<String>) -> Self {
        Self::argument(SSE, "null", message)
    }
}
