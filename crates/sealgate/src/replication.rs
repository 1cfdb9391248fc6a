//! Replication carried out: what writes left in the outbox goes to its destination, at least once.
//!
//! Buckets of this gateway and each other endpoint have a task of their own, so that one that does not answer keeps no
//! other waiting.

use sealgate_index::{Index, IndexError};
use sealgate_s3::S3;
use sealgate_s3::replication::Turn as Carried;
use tokio::task::JoinSet;

use crate::outbox::{OutboxMetrics, Reader, Turn, Words};

/// What it is called.
pub const WORDS: Words = Words {
    pending: (
        "replications_pending",
        "Versions and delete markers that wait to be replicated, by target",
    ),
    outcomes: (
        "replications",
        "Replications of versions and delete markers, by target and outcome",
    ),
    waits: "replication waits for its target",
    failed: "the outbox of replication failed",
};

/// Starts the task of each target.
pub fn start(jobs: &mut JoinSet<()>, index: &Index, s3: &S3, metrics: &OutboxMetrics) {
    for (name, kind) in s3.replication_kinds() {
        let reader = Reader {
            name,
            kind,
            index: index.clone(),
            metrics: metrics.clone(),
            words: &WORDS,
        };
        let s3 = s3.clone();
        jobs.spawn(async move { reader.run(|| turn(&reader, &s3)).await });
    }
}

/// Carries what is due to a target.
async fn turn(reader: &Reader, s3: &S3) -> Result<Turn, IndexError> {
    let Carried::Worked {
        unreachable,
        completed,
        failed,
        deferred,
    } = s3.replicate(&reader.kind).await?
    else {
        return Ok(Turn::Idle);
    };
    for (outcome, count) in [
        ("completed", completed),
        ("failed", failed),
        ("deferred", deferred),
    ] {
        reader.metrics.count(&reader.name, outcome, count);
    }
    let Some(why) = unreachable else {
        return Ok(Turn::Worked);
    };
    reader.metrics.count(&reader.name, "unreachable", 1);
    Ok(Turn::Unavailable(why))
}
