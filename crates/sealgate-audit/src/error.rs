//! What can go wrong with the trail, with the codes that CloudTrail gives.

use sealgate_index::IndexError;

use crate::trails::TrailFault;

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
    /// A text that is not a public key of heads.
    #[error("a public key of audit heads has 64 hexadecimal digits")]
    NotAPublicKey,
    /// A key of the trail is sealed under another key.
    #[error("a signing key of the audit trail cannot be opened with this root of trust")]
    KeyNotOpened,
    /// The cryptographic library refused.
    #[error("the audit trail cannot be signed")]
    Signing,
    /// Something of the trail in the index cannot be read.
    #[error("{0} of the audit trail is damaged")]
    Damaged(&'static str),
    /// The file of heads cannot be read or written.
    #[error("the file of audit heads: {0}")]
    HeadsFile(String),
    /// A file of an export cannot be written.
    #[error("the export cannot be written: {0}")]
    Export(String),
    /// What a request of a trail into a bucket has wrong.
    #[error(transparent)]
    Trail(#[from] TrailFault),
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
            AuditError::Trail(fault) => fault.code(),
            _ => "InternalFailure",
        }
    }

    /// The HTTP status that goes with the code.
    #[must_use]
    pub fn status(&self) -> u16 {
        if self.code() == "InternalFailure" {
            500
        } else {
            400
        }
    }

    /// The sentence for the client; the inner cause of a failure is for the log alone.
    #[must_use]
    pub fn message(&self) -> String {
        if self.code() == "InternalFailure" {
            "The audit trail is not available.".to_owned()
        } else {
            self.to_string()
        }
    }
}
