//! Replication of objects ([how it is set up](https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication.html)):
//! what a bucket's rules have carried to other buckets, of this gateway or behind another endpoint.
//!
//! - `rules`, `parse`: the configuration, and what of it is taken
//! - `queue`: what a write leaves in the outbox
//! - `deliver`: an entry of the outbox carried out, and what becomes of it
//! - `permit`: what the role of the configuration may
//! - `local`, `remote`: the two kinds of destinations
//! - `existing`: what was there before the rules
//! - `failure`: why something is not replicated

mod deliver;
mod existing;
mod failure;
mod local;
mod parse;
mod permit;
mod queue;
mod remote;
mod rules;
#[cfg(test)]
mod tests;

use sealgate_index::Replication;

pub use deliver::Turn;
pub use existing::{Pass, Progress, ReplicateError};
pub(crate) use queue::Queue;
pub use remote::{Remote, RemoteConfig, Remotes};
pub(crate) use rules::{About, Rules};

/// The header that tells how far the replication of a version has come.
pub(crate) const STATUS: &str = "x-amz-replication-status";

/// Its value.
pub(crate) fn status_name(status: Replication) -> &'static str {
    match status {
        Replication::Pending => "PENDING",
        Replication::Completed => "COMPLETED",
        Replication::Failed => "FAILED",
        Replication::Replica => "REPLICA",
    }
}
