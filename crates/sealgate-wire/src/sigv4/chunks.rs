//! The chain of chunk signatures: each signs the one before it, the first signs the seed, which is the
//! signature of the head. So chunks cannot be changed, moved, dropped or taken from another upload.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html>

use std::sync::Arc;

use subtle::ConstantTimeEq as _;

use super::keys::SigningKey;

/// SHA-256 of nothing: chunk signatures carry the hash of no headers.
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Verifies the signatures of chunks and of the trailer, in order.
pub struct ChunkVerifier {
    key: Arc<SigningKey>,
    timestamp: String,
    scope: String,
    previous: String,
}

/// Shows no key.
impl std::fmt::Debug for ChunkVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChunkVerifier")
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

impl ChunkVerifier {
    /// Starts the chain at the signature of the head.
    pub(super) fn new(
        key: Arc<SigningKey>,
        timestamp: String,
        scope: String,
        seed: String,
    ) -> Self {
        ChunkVerifier {
            key,
            timestamp,
            scope,
            previous: seed,
        }
    }

    /// Whether `signature` is that of the next chunk, whose data has the SHA-256 `data`. After a wrong
    /// one the chain stays where it was.
    #[must_use]
    pub fn chunk(&mut self, data: &[u8; 32], signature: &str) -> bool {
        let signed = format!(
            "AWS4-HMAC-SHA256-PAYLOAD\n{}\n{}\n{}\n{EMPTY}\n{}",
            self.timestamp,
            self.scope,
            self.previous,
            hex::encode(data)
        );
        self.advance(&signed, signature)
    }

    /// Whether `signature` is that of the trailer, whose canonical lines (`name:value\n`) have the
    /// SHA-256 `lines`.
    #[must_use]
    pub fn trailer(&mut self, lines: &[u8; 32], signature: &str) -> bool {
        let signed = format!(
            "AWS4-HMAC-SHA256-TRAILER\n{}\n{}\n{}\n{}",
            self.timestamp,
            self.scope,
            self.previous,
            hex::encode(lines)
        );
        self.advance(&signed, signature)
    }

    fn advance(&mut self, signed: &str, signature: &str) -> bool {
        let expected = self.key.sign(&[signed]);
        let matches = bool::from(expected.as_str().as_bytes().ct_eq(signature.as_bytes()));
        if matches {
            self.previous = expected.as_str().to_owned();
        }
        matches
    }
}
