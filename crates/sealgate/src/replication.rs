//! Replication carried out: what writes left in the outbox goes to its destination, at least once.
//!
//! Buckets of this gateway and each other endpoint have a task of their own, so that one that does not answer keeps no
//! other waiting.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use sealgate_index::Index;
use sealgate_s3::S3;
use sealgate_s3::replication::Turn;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// How often an empty outbox is looked at again.
const IDLE: Duration = Duration::from_millis(250);
const SHORTEST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// How often it is counted what waits.
const COUNTING: Duration = Duration::from_secs(5);

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct TargetLabels {
    target: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OutcomeLabels {
    target: String,
    outcome: &'static str,
}

/// What became of replications. Endpoints are the operator's, so that labels are bounded.
#[derive(Clone, Default)]
pub struct ReplicationMetrics {
    pending: Family<TargetLabels, Gauge>,
    outcomes: Family<OutcomeLabels, Counter>,
}

impl ReplicationMetrics {
    /// Registers the counters.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "replications_pending",
            "Versions and delete markers that wait to be replicated, by target",
            self.pending.clone(),
        );
        registry.register(
            "replications",
            "Replications of versions and delete markers, by target and outcome",
            self.outcomes.clone(),
        );
    }

    fn count(&self, target: &str, outcome: &'static str, count: u64) {
        let labels = OutcomeLabels {
            target: target.to_owned(),
            outcome,
        };
        self.outcomes.get_or_create(&labels).inc_by(count);
    }

    fn waiting(&self, target: &str, count: u64) {
        let labels = TargetLabels {
            target: target.to_owned(),
        };
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.pending.get_or_create(&labels).set(count);
    }
}

/// Starts the task of each target.
pub fn start(jobs: &mut JoinSet<()>, index: &Index, s3: &S3, metrics: &ReplicationMetrics) {
    for (name, kind) in s3.replication_kinds() {
        let carrier = Carrier {
            name,
            kind,
            index: index.clone(),
            s3: s3.clone(),
            metrics: metrics.clone(),
        };
        jobs.spawn(carrier.run());
    }
}

/// Carries versions to one target.
struct Carrier {
    name: String,
    kind: String,
    index: Index,
    s3: S3,
    metrics: ReplicationMetrics,
}

impl Carrier {
    async fn run(self) {
        let mut wait = SHORTEST_WAIT;
        let mut counted: Option<Instant> = None;
        loop {
            if counted.is_none_or(|at| at.elapsed() >= COUNTING) {
                counted = Some(Instant::now());
                if let Ok(count) = self.index.outbox_len(&self.kind).await {
                    self.metrics.waiting(&self.name, count);
                }
            }
            let target = &self.name;
            match self.s3.replicate(&self.kind).await {
                Ok(Turn::Worked {
                    unreachable,
                    completed,
                    failed,
                    deferred,
                }) => {
                    for (outcome, count) in [
                        ("completed", completed),
                        ("failed", failed),
                        ("deferred", deferred),
                    ] {
                        self.metrics.count(target, outcome, count);
                    }
                    let Some(why) = unreachable else {
                        wait = SHORTEST_WAIT;
                        continue;
                    };
                    tracing::warn!(
                        target_name = target,
                        why,
                        "replication waits for its target"
                    );
                    self.metrics.count(target, "unreachable", 1);
                    sleep(wait).await;
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
                Ok(Turn::Idle) => {
                    wait = SHORTEST_WAIT;
                    sleep(IDLE).await;
                }
                Err(error) => {
                    tracing::error!(%error, "the outbox of replication failed");
                    sleep(wait).await;
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
            }
        }
    }
}
