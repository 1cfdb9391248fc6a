//! Signature Version 4, on the server's side.
//!
//! A request is first parsed ([`parse`]: whose key, for which service, what the signature covers), then
//! the caller looks up the secret, then the signature is checked ([`Verifier::verify`]). What is
//! signed is put together here, from the request as it was sent; the tests compare with the signer of
//! `aws-sigv4`.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>

mod canonical;
mod chunks;
mod error;
mod hoisted;
mod keys;
mod parse;
mod timestamps;
mod verify;

#[cfg(test)]
mod tests;

pub use chunks::ChunkVerifier;
pub use error::AuthError;
pub use hoisted::hoisted_headers;
pub use parse::parse;
pub use verify::Verifier;

pub(crate) use parse::parse_scope;
pub(crate) use timestamps::{extended, parse_basic};

use sealgate_crypto::hash::{Digest as _, Sha256};
use time::OffsetDateTime;
use zeroize::Zeroizing;

/// What the signature covers of the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// A body with this SHA-256.
    Sha256([u8; 32]),
    /// Nothing: whoever carries the request could change the body (TLS keeps others from it).
    Unsigned,
    /// aws-chunked: each chunk carries a signature, and so does the trailer.
    ChunkedSigned {
        /// Whether a signed trailer follows.
        trailer: bool,
    },
    /// aws-chunked without signatures, with a trailer.
    ChunkedUnsignedTrailer,
    /// All of the body, which was read before the signature was checked (every service but S3).
    Whole,
}

impl Payload {
    /// Whether the body is in aws-chunked framing.
    pub fn is_chunked(&self) -> bool {
        matches!(
            self,
            Payload::ChunkedSigned { .. } | Payload::ChunkedUnsignedTrailer
        )
    }
}

/// The credential scope: whose key, for which day, region and service. It is kept as it was sent, because that is how
/// it is signed and how its signing key is found again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// `AKID/YYYYMMDD/REGION/SERVICE/aws4_request`
    credential: String,
    /// Where the first four parts end.
    ends: [usize; 4],
}

impl Scope {
    /// The access key id.
    pub fn access_key_id(&self) -> &str {
        let [end, ..] = self.ends;
        self.credential.get(..end).unwrap_or_default()
    }

    /// The day, `YYYYMMDD`.
    pub fn date(&self) -> &str {
        let [start, end, ..] = self.ends;
        self.part(start, end)
    }

    /// The region.
    pub fn region(&self) -> &str {
        let [_, start, end, _] = self.ends;
        self.part(start, end)
    }

    /// The service, such as `s3`.
    pub fn service(&self) -> &str {
        let [.., start, end] = self.ends;
        self.part(start, end)
    }

    /// The scope as it stands in the string to sign.
    fn text(&self) -> &str {
        let [end, ..] = self.ends;
        self.part(end, self.credential.len())
    }

    /// What lies between the slash at `start` and the one at `end`.
    fn part(&self, start: usize, end: usize) -> &str {
        self.credential.get(start + 1..end).unwrap_or_default()
    }
}

/// What a request presents as its authentication; nothing of it is verified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presented {
    /// The credential scope.
    pub scope: Scope,
    /// Whether the signature is in the query string.
    pub presigned: bool,
    /// `x-amz-security-token`, of the header or the query.
    pub security_token: Option<String>,
    /// What the signature covers of the body.
    pub payload: Payload,
    /// When it was signed.
    pub signed_at: OffsetDateTime,
    /// How long a presigned request is valid, in seconds.
    pub expires: Option<u32>,
    /// The signed headers exactly as sent, `;`-separated.
    signed_headers: String,
    /// The hash as it stands in the canonical request; empty for [`Payload::Whole`].
    payload_hash: String,
    /// The signature as sent.
    signature: String,
}

impl Presented {
    /// Whether [`Verifier::verify`] needs the SHA-256 of the body: true for every service but S3.
    pub fn needs_body_hash(&self) -> bool {
        self.payload == Payload::Whole
    }
}

/// The SHA-256 of a body, as [`Verifier::verify`] takes it.
pub fn body_hash(body: &[u8]) -> HexHash {
    HexHash::of(&Sha256::digest(body).into())
}

/// A hash in lower-case hex.
#[derive(Clone, Copy)]
pub struct HexHash([u8; 64]);

impl HexHash {
    fn of(hash: &[u8; 32]) -> HexHash {
        let mut text = [0; 64];
        // The lengths fit.
        let _ = hex::encode_to_slice(hash, &mut text);
        HexHash(text)
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// A secret access key. It is wiped when dropped and cannot be printed.
pub struct SecretKey {
    secret: Zeroizing<String>,
    /// Its SHA-256, which tells it from another one of the same access key id.
    fingerprint: Zeroizing<[u8; 32]>,
}

impl SecretKey {
    /// Takes the secret.
    pub fn new(secret: String) -> SecretKey {
        SecretKey {
            fingerprint: Zeroizing::new(Sha256::digest(&secret).into()),
            secret: Zeroizing::new(secret),
        }
    }

    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.secret
    }
}
