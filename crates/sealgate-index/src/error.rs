//! What can go wrong in the index, in the words of the domain. Messages name no object, no secret and no path
//! but that of the index file itself.

use rusqlite::ErrorCode;

/// Why the index refused or failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    /// There is no bucket of that name or id.
    #[error("there is no such bucket")]
    NoSuchBucket,
    /// The bucket name is taken.
    #[error("the bucket exists already")]
    BucketExists {
        /// Account that owns the existing bucket.
        owner: String,
    },
    /// The bucket still holds objects.
    #[error("the bucket is not empty")]
    BucketNotEmpty,
    /// There is no current version of that key.
    #[error("there is no such key")]
    NoSuchKey,
    /// There are versions of that key, but not the one that was named.
    #[error("there is no such version")]
    NoSuchVersion,
    /// The version that was named is a delete marker.
    #[error("the version is a delete marker")]
    DeleteMarker,
    /// The version is under a retention or a legal hold.
    #[error("the version is locked")]
    Locked,
    /// The write would put the bucket or its account over its quota.
    #[error("the quota does not allow for it")]
    QuotaExceeded,
    /// The bucket's versioning or object lock do not allow for it.
    #[error("the state of the bucket does not allow for it")]
    InvalidBucketState,
    /// The bucket has as many configurations of that kind as it may have.
    #[error("there are too many configurations of that kind")]
    TooManyConfigurations,
    /// There is no upload of that id (any more).
    #[error("there is no such upload")]
    NoSuchUpload,
    /// The condition of a write does not hold.
    #[error("a precondition does not hold")]
    PreconditionFailed,
    /// What the write builds on was changed or removed meanwhile.
    #[error("changed or removed by another request meanwhile")]
    Conflict,
    /// A part named at completion is not the stored one.
    #[error("part {number} is not the part that was uploaded")]
    InvalidPart {
        /// Part number as named by the client.
        number: u32,
    },
    /// The parts named at completion are not in ascending order.
    #[error("the parts are not in ascending order")]
    InvalidPartOrder,
    /// A part that is not the last one is smaller than [`MINIMUM_PART_SIZE`](crate::MINIMUM_PART_SIZE).
    #[error(
        "part {number} has {size} bytes, fewer than the {minimum} that all parts but the last must have"
    )]
    EntityTooSmall {
        /// Part number.
        number: u32,
        /// Its size.
        size: u64,
        /// The least size.
        minimum: u64,
    },
    /// The index file does not open with this key.
    #[error("the index file does not open with this key")]
    WrongKey,
    /// The index file was written by a newer Sealgate.
    #[error("the index file has format {found}; this program knows formats up to {known}")]
    Newer {
        /// Format of the file.
        found: i64,
        /// Newest format known here.
        known: i64,
    },
    /// The file is not an index of Sealgate.
    #[error("the file is not an index of Sealgate, or not encrypted as the configuration says")]
    Foreign,
    /// The index file is damaged.
    #[error("the index is damaged: {0}")]
    Damaged(String),
    /// The disk is full.
    #[error("the disk of the index is full")]
    Full,
    /// Any other failure of the storage below the index.
    #[error("the index failed: {0}")]
    Storage(String),
}

impl IndexError {
    pub(crate) fn closed() -> Self {
        IndexError::Storage("it is closed".into())
    }

    pub(crate) fn damaged(what: &str) -> Self {
        IndexError::Damaged(what.into())
    }
}

impl From<rusqlite::Error> for IndexError {
    fn from(error: rusqlite::Error) -> Self {
        match error {
            rusqlite::Error::SqliteFailure(failure, message) => match failure.code {
                ErrorCode::DiskFull => IndexError::Full,
                // Past opening, a page that does not authenticate is reported as "not a database".
                ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => {
                    IndexError::Damaged(failure.to_string())
                }
                _ => IndexError::Storage(message.unwrap_or_else(|| failure.to_string())),
            },
            // A column of another type than the schema says; the value itself is not repeated.
            rusqlite::Error::FromSqlConversionFailure(column, found, _)
            | rusqlite::Error::InvalidColumnType(column, _, found) => {
                IndexError::Damaged(format!("column {column} holds a value of type {found}"))
            }
            rusqlite::Error::IntegralValueOutOfRange(column, _) => {
                IndexError::Damaged(format!("column {column} holds a number out of range"))
            }
            other => IndexError::Storage(other.to_string()),
        }
    }
}
