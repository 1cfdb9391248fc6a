//! The audit trail: one CloudTrail record for each KMS and management call, and for calls on objects where a
//! trail selects them, hash-chained by the index.
//!
//! A call is [recorded](Trail::record) before it is answered. Successful uses of keys by S3 and calls on
//! objects may be [batched](Trail::record_batched); refusals and management calls never are. Nothing here
//! decides anything, and nothing secret may be put into an [`Event`].
//!
//! The chain's end is [signed](Head) now and then, and [`verify`] proves the whole. `trails` is about what
//! CloudTrail calls a trail: the delivery of events into a bucket.

mod error;
mod event;
mod export;
mod files;
mod heads;
mod identity;
mod keys;
mod lookup;
mod queue;
mod record;
mod trail;
mod trails;
mod verify;

pub use error::AuditError;
pub use event::{Category, Event, EventType, Resource, TlsDetails};
pub use export::{Export, ExportRequest, Exported};
pub use files::AuditFile;
pub use heads::Head;
pub use keys::{DigestPublicKey, HeadPublicKey};
pub use lookup::{LookupPage, LookupRequest, MAX_RESULTS, lookup_json, parse_attribute};
pub use sealgate_index::{TrailAttribute, TrailEntry};
pub use trail::{Trail, TrailConfig};
pub use trails::{
    DataResource, Delivery, DueTrail, EventSelector, MAX_TAGS, MAX_TRAILS, ReadWriteType,
    TrailChange, TrailFault, TrailSettings, TrailStatus, check_name, check_prefix, check_selectors,
};
pub use verify::{Break, Report, VerifyRequest, verify};
