//! The audit trail: one CloudTrail record for each KMS and management call, hash-chained by the index.
//!
//! A call is [recorded](Trail::record) before it is answered. Successful uses of keys by S3 may be
//! [batched](Trail::record_batched); refusals and management calls never are. Nothing here decides
//! anything, and nothing secret may be put into an [`Event`].

mod error;
mod event;
mod lookup;
mod queue;
mod record;
mod trail;

pub use error::AuditError;
pub use event::{Category, Event, EventType, Resource, TlsDetails};
pub use lookup::{LookupPage, LookupRequest, MAX_RESULTS, lookup_json, parse_attribute};
pub use sealgate_index::{TrailAttribute, TrailEntry};
pub use trail::Trail;
