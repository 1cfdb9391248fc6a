//! What can go wrong with the trail, with the codes that CloudTrail gives.

use sealgate_index::IndexError;

/// Why the trail refused or failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuditError {
    /// More results per page asked for than there can be, or fewer than one.
    #[error("The maximum number of results must be between 1 and 50.")]
    InvalidMaxResults,
    /// A token that this trail did not give for this query.
    #[error("The NextToken is not valid for this request.")]
    InvalidNextToken,
    /// The start lies behind the end.
    #[error("The start time of the lookup must not be later than its end time.")]
    InvalidTimeRange,
    /// An attribute that events are not looked up by.
    #[error("{0} is not an attribute that events can be looked up by.")]
    InvalidLookupAttribute(String),
    /// The record could not be made durable, or not be read.
    #[error("the audit trail failed: {0}")]
    Storage(#[from] IndexError),
}

impl AuditError {
    /// The error code of the CloudTrail API.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            AuditError::InvalidMaxResults => "InvalidMaxResultsException",
            AuditError::InvalidNextToken => "InvalidNextTokenException",
            AuditError::InvalidTimeRange => "InvalidTimeRangeException",
            AuditError::InvalidLookupAttribute(_) => "InvalidLookupAttributesException",
            AuditError::Storage(_) => "InternalFailure",
        }
    }

    /// The HTTP status that goes with the code.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            AuditError::Storage(_) => 500,
            _ => 400,
        }
    }

    /// The sentence for the client; the inner cause of a failure is for the log alone.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            AuditError::Storage(_) => "The audit trail is not available.".to_owned(),
            other => other.to_string(),
        }
    }
}
