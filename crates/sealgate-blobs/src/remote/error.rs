//! The backend's errors in our words.

use std::error::Error as _;

use object_store::Error;
use object_store::client::{HttpError, HttpErrorKind};

use crate::BlobError;

/// Maps an error of a request that names one blob (or none).
pub(super) fn from_backend(error: Error) -> BlobError {
    match error {
        Error::NotFound { source, .. } if source.to_string().contains("NoSuchBucket") => {
            BlobError::Unavailable("the bucket does not exist".to_owned())
        }
        Error::NotFound { .. } => BlobError::NotFound,
        other => from_failure(&other),
    }
}

/// Maps an error of a write. There "not found" cannot mean the blob.
pub(super) fn from_write(error: Error) -> BlobError {
    match from_backend(error) {
        BlobError::NotFound => BlobError::Unavailable("the bucket or upload has gone".to_owned()),
        other => other,
    }
}

fn from_failure(error: &Error) -> BlobError {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(http) = cause.downcast_ref::<HttpError>()
            && http.kind() == HttpErrorKind::Timeout
        {
            return BlobError::Timeout;
        }
        source = cause.source();
    }
    // The type that carries the status is private to object_store; its text is not.
    let text = error.to_string();
    if text.contains("status code: 416") || text.contains("Wanted range starting at") {
        BlobError::ShortRead
    } else if text.contains("status code: 507") {
        BlobError::Full
    } else {
        BlobError::Unavailable(text)
    }
}
