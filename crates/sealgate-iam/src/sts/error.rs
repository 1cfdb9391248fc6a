//! What STS refuses, in its words.
//! <https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html>

use thiserror::Error;

use crate::error::IamError;
use crate::oidc_token::TokenFault;

/// A refusal or failure of an operation of STS.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StsError {
    /// No policy allows it, or one forbids it, or credentials of this kind cannot.
    #[error("{0}")]
    AccessDenied(String),
    /// Session policies and tags together are too large.
    #[error("{0}")]
    PackedPolicyTooLarge(String),
    /// The token of an identity provider is not accepted.
    #[error(transparent)]
    Token(#[from] TokenFault),
    /// A part of the operation that is not there.
    #[error("{0}")]
    NotImplemented(String),
    /// A parameter or policy is not acceptable, or identities could not be read.
    #[error(transparent)]
    Iam(#[from] IamError),
}

impl StsError {
    /// The code of the Query protocol.
    pub fn code(&self) -> &'static str {
        match self {
            StsError::AccessDenied(_) => "AccessDenied",
            StsError::PackedPolicyTooLarge(_) => "PackedPolicyTooLarge",
            StsError::Token(TokenFault::Invalid(_)) => "InvalidIdentityToken",
            StsError::Token(TokenFault::Expired(_)) => "ExpiredTokenException",
            StsError::Token(TokenFault::RejectedClaim(_)) => "IDPRejectedClaim",
            StsError::Token(TokenFault::Unreachable) => "IDPCommunicationError",
            StsError::NotImplemented(_) => "NotImplemented",
            StsError::Token(TokenFault::Internal(error)) | StsError::Iam(error) => match error {
                IamError::MalformedPolicyDocument(_) => "MalformedPolicyDocument",
                IamError::Internal(_) | IamError::ConcurrentModification => "InternalFailure",
                _ => "ValidationError",
            },
        }
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match self.code() {
            "AccessDenied" | "IDPRejectedClaim" => 403,
            "InternalFailure" => 500,
            "NotImplemented" => 501,
            _ => 400,
        }
    }

    /// The message a caller may see.
    pub fn message(&self) -> String {
        self.to_string()
    }

    /// The detail of an internal failure, for the log.
    pub fn detail(&self) -> Option<&str> {
        match self {
            StsError::Token(TokenFault::Internal(error)) | StsError::Iam(error) => error.detail(),
            _ => None,
        }
    }
}

impl StsError {
    pub(super) fn validation(message: impl Into<String>) -> StsError {
        StsError::Iam(IamError::Validation(message.into()))
    }
}
