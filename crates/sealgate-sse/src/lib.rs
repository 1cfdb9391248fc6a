//! Server-side encryption: which mode a request asks for, and how the data keys of a body are
//! wrapped and unwrapped under it.
//!
//! Every body has its own random data key (two for DSSE). A mode is only a way to wrap that key,
//! so a change of mode, key or name never rewrites a body. What lives here knows headers and keys;
//! it knows neither the index nor the blobs.

mod bucket_key;
mod customer_key;
mod default;
mod envelope;
mod error;
mod replica;
mod request;
mod rewrap;
mod service;
#[cfg(test)]
mod tests;

pub use customer_key::CustomerKey;
pub use default::{BucketEncryption, DefaultAlgorithm};
pub use envelope::{Envelope, Mode};
pub use error::SseError;
pub use replica::ReplicaKey;
pub use request::{
    Accepts, Requested, SSE_HEADERS, check_headers, has_customer_key, parse_copy_source,
    parse_read, parse_write,
};
pub use service::{Place, Sse, WriteMode};
