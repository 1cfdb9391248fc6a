//! The index: buckets, object versions, uploads, records, the trail and the outbox, in one encrypted SQLite file.
//!
//! Writes go through one thread that commits what waits as one group; reads run on the caller's thread over a pool
//! of read-only connections. Nothing here knows HTTP, keys or policies: metadata and envelopes are opaque bytes.

mod attributes;
mod buckets;
mod cache;
mod clock;
mod configurations;
mod deletes;
mod details;
mod envelopes;
mod error;
mod history;
mod index;
mod listing;
mod locks;
mod migrate;
mod model;
mod outbox;
mod readers;
mod records;
mod references;
mod replicas;
mod scan;
mod sql;
mod store;
mod traffic;
mod trail;
mod trail_batch;
mod upload_listing;
mod uploads;
mod usage;
mod version_listing;
mod versioning;
mod versions;
mod writer;

pub use attributes::{BodyMove, EnvelopeChange, Touched};
pub use clock::Clock;
pub use configurations::StoredConfiguration;
pub use deletes::{Delete, DeleteCondition, DeleteOutcome, Deleted};
pub use details::VersionDetails;
pub use envelopes::{EnvelopeScope, StoredEnvelope};
pub use error::IndexError;
pub use index::{Index, IndexConfig};
pub use locks::{Lock, LockChange, Retention, RetentionMode};
pub use model::*;
pub use outbox::{Carries, Effect, NewEvent, OutboxEntry};
pub use replicas::{NewReplica, Original, Queued, Replicated, Replication};
pub use scan::{ScanPlace, ScannedVersion};
pub use traffic::Traffic;
pub use usage::{Quota, Usage};
pub use version_listing::{ListedVersion, VersionEntry, VersionListQuery, VersionPage};
pub use versioning::{VersionRef, Versioning};
