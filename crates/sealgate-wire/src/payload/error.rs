//! Why a body was not accepted, in the words of S3.

use crate::checksum::ChecksumAlgorithm;

/// A refused body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// The body is not the one of `Content-MD5`.
    #[error("The Content-MD5 you specified did not match what we received.")]
    Md5Mismatch {
        /// What was declared, base64.
        expected: String,
        /// What came, base64.
        calculated: String,
    },
    /// The body has another checksum than the header or trailer said.
    #[error("The {algorithm} you specified did not match the calculated checksum.")]
    ChecksumMismatch {
        /// The algorithm.
        algorithm: ChecksumAlgorithm,
    },
    /// `Content-MD5` is not the base64 of 16 bytes.
    #[error("The Content-MD5 you specified was invalid.")]
    InvalidDigest {
        /// What came.
        value: String,
    },
    /// The body is not the one of `x-amz-content-sha256`.
    #[error("The provided 'x-amz-content-sha256' header does not match what was computed.")]
    Sha256Mismatch {
        /// What was signed, hex.
        client: String,
        /// What came, hex.
        computed: String,
    },
    /// A chunk or the trailer has a wrong signature.
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your key and signing method."
    )]
    ChunkSignature,
    /// A small chunk that is not the last.
    #[error("Only the last chunk is allowed to have a size less than 8192 bytes")]
    ChunkSize {
        /// The number of the chunk behind it, from 1 on.
        chunk: u64,
        /// Its size.
        size: u64,
    },
    /// Fewer bytes than declared, or more.
    #[error("You did not provide the number of bytes specified by the Content-Length HTTP header")]
    IncompleteBody,
    /// Nothing came for too long.
    #[error(
        "Your socket connection to the server was not read from or written to within the timeout period. Idle connections will be closed."
    )]
    RequestTimeout,
    /// The length must be declared.
    #[error("You must provide the Content-Length HTTP header.")]
    MissingContentLength,
    /// Headers that contradict each other, or framing that is none.
    #[error("{0}")]
    InvalidRequest(String),
    /// A header whose value does not parse.
    #[error("{message}")]
    InvalidArgument {
        /// What is wrong.
        message: String,
        /// The header.
        name: &'static str,
        /// Its value.
        value: String,
    },
    /// The trailer does not parse, or is not the one declared.
    #[error(
        "The request contained trailing data that was not well-formed or did not conform to our published schema."
    )]
    MalformedTrailer,
    /// More than may be sent.
    #[error("Your proposed upload exceeds the maximum allowed size")]
    EntityTooLarge {
        /// What may be sent, in bytes.
        limit: u64,
    },
    /// AWS has it, Sealgate does not yet.
    #[error("A header you provided implies functionality that is not implemented: {0}")]
    NotImplemented(String),
    /// A fault of ours.
    #[error("We encountered an internal error. Please try again.")]
    Internal,
}

impl PayloadError {
    /// The code of S3.
    pub fn code(&self) -> &'static str {
        match self {
            PayloadError::Md5Mismatch { .. } | PayloadError::ChecksumMismatch { .. } => "BadDigest",
            PayloadError::InvalidDigest { .. } => "InvalidDigest",
            PayloadError::Sha256Mismatch { .. } => "XAmzContentSHA256Mismatch",
            PayloadError::ChunkSignature => "SignatureDoesNotMatch",
            PayloadError::ChunkSize { .. } => "InvalidChunkSizeError",
            PayloadError::IncompleteBody => "IncompleteBody",
            PayloadError::RequestTimeout => "RequestTimeout",
            PayloadError::MissingContentLength => "MissingContentLength",
            PayloadError::InvalidRequest(_) => "InvalidRequest",
            PayloadError::InvalidArgument { .. } => "InvalidArgument",
            PayloadError::MalformedTrailer => "MalformedTrailerError",
            PayloadError::EntityTooLarge { .. } => "EntityTooLarge",
            PayloadError::NotImplemented(_) => "NotImplemented",
            PayloadError::Internal => "InternalError",
        }
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            PayloadError::ChunkSignature | PayloadError::ChunkSize { .. } => 403,
            PayloadError::MissingContentLength => 411,
            PayloadError::NotImplemented(_) => 501,
            PayloadError::Internal => 500,
            _ => 400,
        }
    }

    /// The sentence for the client.
    pub fn message(&self) -> String {
        self.to_string()
    }

    /// Further elements of the XML error, in order.
    pub fn details(&self) -> Vec<(&'static str, String)> {
        match self {
            PayloadError::Md5Mismatch {
                expected,
                calculated,
            } => vec![
                ("ExpectedDigest", expected.clone()),
                ("CalculatedDigest", calculated.clone()),
            ],
            PayloadError::InvalidDigest { value } => vec![("Content-MD5", value.clone())],
            PayloadError::Sha256Mismatch { client, computed } => vec![
                ("ClientComputedContentSHA256", client.clone()),
                ("S3ComputedContentSHA256", computed.clone()),
            ],
            PayloadError::InvalidArgument { name, value, .. } => vec![
                ("ArgumentName", (*name).to_owned()),
                ("ArgumentValue", value.clone()),
            ],
            PayloadError::ChunkSize { chunk, size } => vec![
                ("Chunk", chunk.to_string()),
                ("BadChunkSize", size.to_string()),
            ],
            PayloadError::EntityTooLarge { limit } => vec![("MaxSizeAllowed", limit.to_string())],
            _ => Vec::new(),
        }
    }
}
