//! What can go wrong when sealing and opening, in the format's own words.

use thiserror::Error;

/// Why a body could not be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SealError {
    /// The body is longer than [`MAX_PLAIN_LEN`](crate::MAX_PLAIN_LEN).
    #[error("the body is longer than the sealed format can number")]
    TooLong,
    /// More was pushed after the last segment had been sealed.
    #[error("the sealed body is already finished")]
    Finished,
    /// The cipher refused a segment. It does so only for lengths that no segment has.
    #[error("the cipher refused the segment")]
    Cipher,
}

/// Why a blob or a wrapped secret was refused. Nothing that failed a check is ever handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The bytes do not begin as a sealed blob does.
    #[error("not a sealed blob")]
    NotSealed,
    /// A version, suite or reserved field that this reader does not know.
    #[error("sealed in a version or suite that this reader does not know")]
    UnknownVersion,
    /// The key is not the one that the blob or the wrapped secret commits to.
    #[error("the key does not belong to this data")]
    WrongKey,
    /// The header is not the one that was written. Said by whoever keeps the hash of the header
    /// ([`header_hash`](crate::header_hash)) and compares it before the blob is opened.
    #[error("the blob is another one than was written")]
    WrongBlob,
    /// A segment is not the one that was sealed at this place.
    #[error("segment {segment} is damaged or out of place")]
    Damaged {
        /// Number of the segment, from 0.
        segment: u64,
    },
    /// The bytes ended before the sealed range did.
    #[error("the sealed bytes end too early")]
    Truncated,
    /// Lengths contradict each other: a range outside the body, a length that no sealed body has,
    /// or more bytes than belong to the range.
    #[error("the length is not that of the sealed body")]
    BadLength,
}
