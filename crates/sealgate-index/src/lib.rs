//! The index: buckets, object versions, uploads, records and the trail, in one encrypted SQLite file.
//!
//! Writes go through one thread that commits what waits as one group; reads run on the caller's thread over a pool
//! of read-only connections. Nothing here knows HTTP, keys or policies: metadata and envelopes are opaque bytes.

mod buckets;
mod cache;
mod envelopes;
mod error;
mod index;
mod listing;
mod migrate;
mod model;
mod readers;
mod records;
mod references;
mod sql;
mod store;
mod trail;
mod upload_listing;
mod uploads;
mod versions;
mod writer;

pub use envelopes::{EnvelopeScope, StoredEnvelope};
pub use error::IndexError;
pub use index::{Index, IndexConfig};
pub use model::*;
