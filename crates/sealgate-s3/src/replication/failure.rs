//! Why a version is not replicated, in the words of S3's
//! [failure reasons](https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-failure-codes.html).

use sealgate_sse::SseError;

use crate::error::{Code, S3Error};

/// What ends a try to carry a version to its destination.
#[derive(Debug)]
pub(super) enum Stop {
    /// It cannot be, and is not tried again: the status is `FAILED`.
    Failed(&'static str),
    /// It may be possible later.
    Later(String),
    /// The destination is not to be had for anything.
    Unreachable(String),
}

/// What S3 calls it where no other word fits.
pub(super) const NOT_ELIGIBLE: &str = "SrcObjectNotEligible";

impl Stop {
    /// Of a refused question whether the role may do something.
    pub(super) fn unless_allowed(error: &S3Error, reason: &'static str) -> Self {
        match error.kind() {
            Code::AccessDenied => Self::Failed(reason),
            _ => Self::Later(error.message.clone()),
        }
    }

    /// Of data keys of the original that cannot be unwrapped.
    pub(super) fn of_source_keys(error: SseError) -> Self {
        Self::of_keys(
            error,
            "SrcGetObjectNotPermitted",
            "SrcKmsKeyInvalidState",
            "SrcKmsKeyInvalidState",
        )
    }

    /// Of data keys that cannot be wrapped for the replica.
    pub(super) fn of_destination_keys(error: SseError) -> Self {
        Self::of_keys(
            error,
            "DstPutObjectNotPermitted",
            "DstKmsKeyNotFound",
            "DstKmsKeyInvalidState",
        )
    }

    fn of_keys(
        error: SseError,
        denied: &'static str,
        missing: &'static str,
        state: &'static str,
    ) -> Self {
        let error = S3Error::from(error);
        match error.kind() {
            Code::InternalError | Code::ServiceUnavailable | Code::SlowDown => {
                Self::Later(error.message)
            }
            Code::AccessDenied => Self::Failed(denied),
            Code::KmsNotFound => Self::Failed(missing),
            _ => Self::Failed(state),
        }
    }
}

impl From<S3Error> for Stop {
    fn from(error: S3Error) -> Self {
        Self::Later(error.message)
    }
}
