//! What can go wrong with an identity, in IAM's words.
//! Codes and statuses: <https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html>.

use sealgate_index::IndexError;
use thiserror::Error;

/// A refusal or failure of an identity operation.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IamError {
    /// The named user, role, key, policy, … is not there.
    #[error("{0}")]
    NoSuchEntity(String),
    /// The name is taken.
    #[error("{0}")]
    EntityAlreadyExists(String),
    /// A quota is reached.
    #[error("{0}")]
    LimitExceeded(String),
    /// What is to be deleted still has dependants.
    #[error("{0}")]
    DeleteConflict(String),
    /// The policy document does not parse; the words are the parser's.
    #[error("{0}")]
    MalformedPolicyDocument(String),
    /// A parameter breaks its constraint.
    #[error("{0}")]
    Validation(String),
    /// A parameter is well formed but makes no sense here.
    #[error("{0}")]
    InvalidInput(String),
    /// The policy exists, and yet cannot be attached or be a boundary.
    #[error("{0}")]
    PolicyNotAttachable(String),
    /// The account's policy does not allow the password.
    #[error("{0}")]
    PasswordPolicyViolation(String),
    /// Only a user can do it.
    #[error("{0}")]
    InvalidUserType(String),
    /// The password that was to be changed is another one.
    #[error("The old password was incorrect.")]
    WrongPassword,
    /// The device does not show these codes.
    #[error("Authentication code for device is not valid.")]
    InvalidAuthenticationCode,
    /// No credential report was made yet.
    #[error("No report exists. Use GenerateCredentialReport to generate a new report.")]
    ReportNotPresent,
    /// The credential report is too old to be shown.
    #[error(
        "The most recent credential report has expired. Use GenerateCredentialReport to generate a new report."
    )]
    ReportExpired,
    /// Another writer changed the same entity again and again.
    #[error(
        "The request was rejected because multiple requests to change this object were submitted simultaneously. Wait a few minutes and submit your request again."
    )]
    ConcurrentModification,
    /// The store failed or holds what cannot be read; the detail is for the log only.
    #[error("The request processing has failed because of an unknown error, exception or failure.")]
    Internal(String),
}

impl IamError {
    /// The code of the Query protocol.
    pub fn code(&self) -> &'static str {
        match self {
            IamError::NoSuchEntity(_) => "NoSuchEntity",
            IamError::EntityAlreadyExists(_) => "EntityAlreadyExists",
            IamError::LimitExceeded(_) => "LimitExceeded",
            IamError::DeleteConflict(_) => "DeleteConflict",
            IamError::MalformedPolicyDocument(_) => "MalformedPolicyDocument",
            IamError::Validation(_) => "ValidationError",
            IamError::InvalidInput(_) => "InvalidInput",
            IamError::PolicyNotAttachable(_) => "PolicyNotAttachable",
            IamError::PasswordPolicyViolation(_) => "PasswordPolicyViolation",
            IamError::InvalidUserType(_) => "InvalidUserType",
            IamError::WrongPassword => "AccessDenied",
            IamError::InvalidAuthenticationCode => "InvalidAuthenticationCode",
            IamError::ReportNotPresent => "ReportNotPresent",
            IamError::ReportExpired => "ReportExpired",
            IamError::ConcurrentModification => "ConcurrentModification",
            IamError::Internal(_) => "ServiceFailure",
        }
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            IamError::NoSuchEntity(_) => 404,
            IamError::EntityAlreadyExists(_)
            | IamError::LimitExceeded(_)
            | IamError::DeleteConflict(_)
            | IamError::ConcurrentModification => 409,
            IamError::MalformedPolicyDocument(_)
            | IamError::Validation(_)
            | IamError::PolicyNotAttachable(_)
            | IamError::PasswordPolicyViolation(_)
            | IamError::InvalidUserType(_)
            | IamError::InvalidInput(_) => 400,
            IamError::WrongPassword | IamError::InvalidAuthenticationCode => 403,
            IamError::ReportNotPresent | IamError::ReportExpired => 410,
            IamError::Internal(_) => 500,
        }
    }

    /// The message a caller may see (never the detail of an internal failure).
    pub fn message(&self) -> String {
        self.to_string()
    }

    /// The detail of an internal failure, for the log.
    pub fn detail(&self) -> Option<&str> {
        match self {
            IamError::Internal(detail) => Some(detail),
            _ => None,
        }
    }
}

impl From<IndexError> for IamError {
    fn from(error: IndexError) -> IamError {
        match error {
            IndexError::Conflict => IamError::ConcurrentModification,
            other => IamError::Internal(other.to_string()),
        }
    }
}

impl From<serde_json::Error> for IamError {
    fn from(error: serde_json::Error) -> IamError {
        IamError::Internal(format!(
            "an identity record is not what this version writes: {error}"
        ))
    }
}
