//! The one way a request body is read.
//!
//! [`PayloadSpec`] is what the head says of the body; [`PayloadReader`] gives the plain bytes, and at the
//! end says that every promise was kept: lengths, signatures of chunks, `x-amz-content-sha256`,
//! `Content-MD5`, checksums of headers and trailers.

mod chunked;
mod error;
mod hashing;
mod reader;
mod spec;
#[cfg(test)]
mod tests;

pub use error::PayloadError;
pub use reader::{Digests, PayloadReader};
pub use spec::PayloadSpec;
