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

/// The credential scope: whose key, for which day, region and service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The access key id.
    pub access_key_id: String,
    /// The day, `YYYYMMDD`.
    pub date: String,
    /// The region.
    pub region: String,
    /// The service, such as `s3`.
    pub service: String,
}

impl Scope {
    /// The scope as it stands in the string to sign.
    fn text(&self) -> String {
        [&*self.date, &*self.region, &*self.service, "aws4_request"].join("/")
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
pub fn body_hash(body: &[u8]) -> String {
    lower_hex(&Sha256::digest(body).into())
}

/// Written at once: `hex::encode` does it sign by sign, and every request has three.
fn lower_hex(hash: &[u8; 32]) -> String {
    let mut text = [0; 64];
    // The lengths fit, and the digits are ASCII.
    let _ = hex::encode_to_slice(hash, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// A secret access key. It is wiped when dropped and cannot be printed.
pub struct SecretKey(Zeroizing<String>);

impl SecretKey {
    /// Takes the secret.
    pub fn new(secret: String) -> SecretKey {
        SecretKey(Zeroizing::new(secret))
    }

    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}
