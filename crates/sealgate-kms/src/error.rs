//! Why the KMS refused, in the words of AWS. The front ends map nothing: code, message and status are here.
//! <https://docs.aws.amazon.com/kms/latest/APIReference/CommonErrors.html>

use sealgate_audit::AuditError;
use sealgate_index::IndexError;
use sealgate_policy::Denial;
use sealgate_trust::RootUnavailable;

use crate::key_store::KeyStoreFault;

/// A refusal or failure of the KMS.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KmsError {
    /// No such key, alias or policy.
    #[error("{0}")]
    NotFound(String),
    /// The key is disabled.
    #[error("{arn} is disabled.")]
    Disabled {
        /// ARN of the key.
        arn: String,
    },
    /// The state of the key does not permit the operation.
    #[error("{0}")]
    InvalidState(String),
    /// The caller may not do this.
    #[error("{0}")]
    AccessDenied(String),
    /// The ciphertext is damaged, or the encryption context is not the one it was made with. AWS says
    /// nothing more, so that nobody learns which.
    #[error("")]
    InvalidCiphertext,
    /// The ciphertext was made under another key than the request names.
    #[error("The key ID in the request does not identify a CMK that can perform this operation.")]
    IncorrectKey,
    /// The signature is not that of this message, key and algorithm. AWS says nothing more.
    #[error("")]
    InvalidSignature,
    /// The authentication code is not that of this message, key and algorithm. AWS says nothing more.
    #[error("")]
    InvalidMac,
    /// The key is not made for this operation.
    #[error("{0}")]
    InvalidKeyUsage(String),
    /// A parameter is not valid.
    #[error("{0}")]
    Validation(String),
    /// An alias of that name exists.
    #[error("{0}")]
    AlreadyExists(String),
    /// An ARN that is not one.
    #[error("{0}")]
    InvalidArn(String),
    /// An alias name that is not one.
    #[error("{0}")]
    InvalidAliasName(String),
    /// A marker that no page gave.
    #[error("Could not deserialize marker '{0}'")]
    InvalidMarker(String),
    /// A custom key store or an external key is not what the operation needs.
    #[error("{1}")]
    KeyStore(KeyStoreFault, String),
    /// What the KMS depends on did not answer in time.
    #[error("{0}")]
    DependencyTimeout(String),
    /// A quota is reached.
    #[error("{0}")]
    LimitExceeded(String),
    /// A key policy that is not acceptable.
    #[error("{0}")]
    MalformedPolicyDocument(String),
    /// Something that AWS's KMS has and this one has not, or that the key does not support.
    #[error("{0}")]
    Unsupported(String),
    /// The name is reserved.
    #[error("{0}")]
    NotAuthorized(String),
    /// A tag that is not acceptable.
    #[error("{0}")]
    Tag(String),
    /// A grant token that no grant gave.
    #[error("{0}")]
    InvalidGrantToken(String),
    /// A grant id that is not one.
    #[error("{0}")]
    InvalidGrantId(String),
    /// Imported material that is not what it should be.
    #[error("{0}")]
    IncorrectKeyMaterial(String),
    /// An import token that is none of this key's.
    #[error("The import token is invalid or is associated with a different KMS key.")]
    InvalidImportToken,
    /// An import token whose time is over.
    #[error(
        "The import token has expired. Use GetParametersForImport to get a new import token and public key."
    )]
    ExpiredImportToken,
    /// Something else is going on with the key.
    #[error("{0}")]
    Conflict(String),
    /// The dry run would have succeeded.
    #[error("The request would have succeeded, but the DryRun option is set.")]
    DryRun,
    /// The root of trust is gone for now, and every key with it; the text is for the log alone.
    #[error("{0}")]
    KeyUnavailable(RootUnavailable),
    /// The KMS itself failed; the text is for the log alone.
    #[error("the KMS failed: {0}")]
    Internal(String),
}

impl KmsError {
    /// The error code, such as `NotFoundException`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            KmsError::NotFound(_) => "NotFoundException",
            KmsError::Disabled { .. } => "DisabledException",
            KmsError::InvalidState(_) => "KMSInvalidStateException",
            KmsError::AccessDenied(_) => "AccessDeniedException",
            KmsError::InvalidCiphertext => "InvalidCiphertextException",
            KmsError::IncorrectKey => "IncorrectKeyException",
            KmsError::InvalidSignature => "KMSInvalidSignatureException",
            KmsError::InvalidMac => "KMSInvalidMacException",
            KmsError::InvalidKeyUsage(_) => "InvalidKeyUsageException",
            KmsError::Validation(_) => "ValidationException",
            KmsError::AlreadyExists(_) => "AlreadyExistsException",
            KmsError::InvalidArn(_) => "InvalidArnException",
            KmsError::InvalidAliasName(_) => "InvalidAliasNameException",
            KmsError::InvalidMarker(_) => "InvalidMarkerException",
            KmsError::KeyStore(fault, _) => fault.code(),
            KmsError::DependencyTimeout(_) => "DependencyTimeoutException",
            KmsError::LimitExceeded(_) => "LimitExceededException",
            KmsError::MalformedPolicyDocument(_) => "MalformedPolicyDocumentException",
            KmsError::Unsupported(_) => "UnsupportedOperationException",
            KmsError::NotAuthorized(_) => "NotAuthorizedException",
            KmsError::Tag(_) => "TagException",
            KmsError::InvalidGrantToken(_) => "InvalidGrantTokenException",
            KmsError::InvalidGrantId(_) => "InvalidGrantIdException",
            KmsError::IncorrectKeyMaterial(_) => "IncorrectKeyMaterialException",
            KmsError::InvalidImportToken => "InvalidImportTokenException",
            KmsError::ExpiredImportToken => "ExpiredImportTokenException",
            KmsError::Conflict(_) => "ConflictException",
            KmsError::DryRun => "DryRunOperationException",
            KmsError::KeyUnavailable(_) => "KeyUnavailableException",
            KmsError::Internal(_) => "KMSInternalException",
        }
    }

    /// The sentence for the client; empty where AWS gives none.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            KmsError::Internal(_) => {
                "The request was rejected because an internal exception occurred.".to_owned()
            }
            KmsError::KeyUnavailable(_) => {
                "The request was rejected because the specified KMS key was not available: the root of trust does \
                 not answer. You can retry the request."
                    .to_owned()
            }
            other => other.to_string(),
        }
    }

    /// The HTTP status: 400 for every refusal, 500 for a failure.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            KmsError::Internal(_)
            | KmsError::KeyUnavailable(_)
            | KmsError::DependencyTimeout(_) => 500,
            _ => 400,
        }
    }
}

impl From<Denial> for KmsError {
    fn from(denial: Denial) -> KmsError {
        KmsError::AccessDenied(denial.message())
    }
}

impl From<RootUnavailable> for KmsError {
    fn from(error: RootUnavailable) -> KmsError {
        KmsError::KeyUnavailable(error)
    }
}

impl From<IndexError> for KmsError {
    fn from(error: IndexError) -> KmsError {
        KmsError::Internal(error.to_string())
    }
}

impl From<AuditError> for KmsError {
    fn from(error: AuditError) -> KmsError {
        KmsError::Internal(error.to_string())
    }
}
