//! What can go wrong with a blob, in words that are the same for every store.

use std::io;

/// Why a blob operation failed.
///
/// The texts name files and backends: they are for logs, not for clients.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// No blob of that name.
    #[error("no such blob")]
    NotFound,
    /// No space (or quota) left in the store.
    #[error("the blob store is full")]
    Full,
    /// The store cannot be reached, refuses us, or answers with errors; trying later may help.
    #[error("the blob store is unavailable: {0}")]
    Unavailable(String),
    /// The store did not answer in time.
    #[error("the blob store did not answer in time")]
    Timeout,
    /// The disk failed.
    #[error("disk error: {0}")]
    Io(io::Error),
    /// The blob is shorter than the range asked for: it is damaged.
    #[error("the blob is shorter than the range asked for")]
    ShortRead,
    /// The store is configured wrongly.
    #[error("blob store configuration: {0}")]
    Config(String),
}

impl From<io::Error> for BlobError {
    fn from(error: io::Error) -> BlobError {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => BlobError::Full,
            _ => BlobError::Io(error),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn no_space_and_no_quota_are_full() {
        for errno in [rustix::io::Errno::NOSPC, rustix::io::Errno::DQUOT] {
            let error = io::Error::from_raw_os_error(errno.raw_os_error());
            assert!(matches!(BlobError::from(error), BlobError::Full), "{errno}");
        }
        let error = io::Error::from_raw_os_error(rustix::io::Errno::IO.raw_os_error());
        assert!(matches!(BlobError::from(error), BlobError::Io(_)));
    }
}
