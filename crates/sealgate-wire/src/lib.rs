//! The wire: everything about a request that is the same for every AWS API.
//!
//! * [`sigv4`]: who signed this request, and is the signature right.
//! * [`sigv2`]: the same for the presigned URLs of Version 2.
//! * [`form_signature`]: the same for HTML forms (POST Object).
//! * [`payload`]: the one way a request body is read: aws-chunked, lengths, digests, checksums.
//! * [`checksum`]: the algorithms of `x-amz-checksum-*`.
//! * [`encoding`], [`query`]: percent-encoding as AWS does it, and query strings.
//! * [`Connection`], [`request_id`], [`host_id`]: what a request carries besides its head.
//!
//! Nothing here knows an operation, a bucket, a key or a policy.
//!
//! # Authenticating a request
//! ```text
//! let Some(presented) = sigv4::parse(&parts)? else { /* anonymous */ };
//! let secret = /* of presented.scope.access_key_id(), else AuthError::InvalidAccessKeyId */;
//! let body_hash = if presented.needs_body_hash() { /* see below */ } else { None };
//! let chunks = verifier.verify(&parts, &presented, &secret, now, body_hash)?;
//! ```
//! S3 says in `x-amz-content-sha256` what its signature covers, so its requests are authenticated from
//! the head alone and the body is checked while it streams ([`payload::PayloadReader`]). Every other
//! service signs the SHA-256 of the body itself: [`sigv4::Presented::needs_body_hash`] is true, the
//! caller reads the (small, bounded) body first and gives its hash, [`sigv4::body_hash`], to
//! [`sigv4::Verifier::verify`]. Such a request is never accepted without it, and its body needs no
//! check afterwards.

pub mod checksum;
mod connection;
pub mod encoding;
pub mod form_signature;
mod ids;
pub mod payload;
pub mod query;
pub mod sigv2;
pub mod sigv4;

pub use connection::Connection;
pub use encoding::{encode, encode_path};
pub use ids::{host_id, request_id};
pub use query::Query;
