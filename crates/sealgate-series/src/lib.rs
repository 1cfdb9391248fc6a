//! The figures of a gateway over time: read from the text of its metrics, and kept for a week in a ring of a fixed
//! size in the data folder. There is nothing in it but counts: no name of a bucket, a key or a person.

#![forbid(unsafe_code)]

mod exposition;
mod ring;
mod sample;

pub use exposition::{Metric, parse};
pub use ring::{Ring, Tier};
pub use sample::{Column, LATENCY_BUCKETS, Sample, Totals};
