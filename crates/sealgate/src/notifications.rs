//! Delivery of notifications: what writes left in the outbox goes to its target, at least once.
//!
//! Each target has a task of its own, so that one that does not answer keeps no other waiting. Its events go in the
//! order of the writes. While the target is not to be had nothing overtakes; a message that the target refuses is
//! put off, and those after it go on. An event is struck from the outbox only after the target has it.

use std::collections::BTreeMap;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use sealgate_index::{Index, IndexError, OutboxEntry};
use sealgate_notify::{Message, Outcome, TargetConfig, Targets};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// Events in memory at a time, for each target.
const BATCH: usize = 100;
/// How often an empty outbox is looked at again.
const IDLE: Duration = Duration::from_millis(250);
const SHORTEST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// A message that was refused comes again at the latest after this.
const LONGEST_DEFERRAL: Duration = Duration::from_secs(60 * 60);
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

/// What became of notifications. Targets are the operator's, so that labels are bounded.
#[derive(Clone, Default)]
pub struct NotificationMetrics {
    pending: Family<TargetLabels, Gauge>,
    outcomes: Family<OutcomeLabels, Counter>,
}

impl NotificationMetrics {
    /// Registers the counters.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "notifications_pending",
            "Events that wait to be delivered, by target",
            self.pending.clone(),
        );
        registry.register(
            "notifications",
            "Deliveries of events, by target and outcome",
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

/// Sets the targets up.
///
/// # Errors
/// Says which cannot be, and why.
pub fn open(configs: BTreeMap<String, TargetConfig>) -> anyhow::Result<Targets> {
    Targets::open(configs).map_err(|(name, error)| {
        anyhow::anyhow!("the target of notifications {name} cannot be used: {error}")
    })
}

/// Starts the task of each target.
pub fn start(
    jobs: &mut JoinSet<()>,
    index: &Index,
    targets: &Targets,
    metrics: &NotificationMetrics,
) {
    for name in targets.names() {
        let courier = Courier {
            kind: sealgate_s3::outbox_kind(name),
            name: name.to_owned(),
            index: index.clone(),
            targets: targets.clone(),
            metrics: metrics.clone(),
        };
        jobs.spawn(courier.run());
    }
}

/// Brings events to one target.
struct Courier {
    name: String,
    kind: String,
    index: Index,
    targets: Targets,
    metrics: NotificationMetrics,
}

/// How a turn went.
enum Turn {
    Idle,
    Delivered,
    Unavailable(String),
}

impl Courier {
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
            match self.turn().await {
                Ok(Turn::Delivered) => wait = SHORTEST_WAIT,
                Ok(Turn::Idle) => {
                    wait = SHORTEST_WAIT;
                    sleep(IDLE).await;
                }
                Ok(Turn::Unavailable(why)) => {
                    let target = &self.name;
                    tracing::warn!(
                        target_name = target,
                        why,
                        "notifications wait for their target"
                    );
                    sleep(wait).await;
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
                Err(error) => {
                    tracing::error!(%error, "the outbox of notifications failed");
                    sleep(wait).await;
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
            }
        }
    }

    async fn turn(&self) -> Result<Turn, IndexError> {
        let now = self.index.now();
        let entries = self.index.outbox_read(&self.kind, now, BATCH).await?;
        let Some(target) = self.targets.get(&self.name) else {
            return Ok(Turn::Idle);
        };
        if entries.is_empty() {
            return Ok(Turn::Idle);
        }
        let (mut carried, mut messages) = (Vec::new(), Vec::new());
        let mut done = Vec::new();
        for entry in entries {
            match sealgate_s3::message(&entry) {
                Some(body) => {
                    let group = format!("{}/{}", entry.bucket_id, entry.key);
                    messages.push(Message { group, body });
                    carried.push(entry);
                }
                None => {
                    tracing::error!(
                        seq = entry.seq,
                        "an event in the outbox cannot be read, and is dropped"
                    );
                    self.metrics.count(&self.name, "unreadable", 1);
                    done.push(entry.seq);
                }
            }
        }
        let outcomes = target.deliver(&messages).await;
        let delivered_before = done.len();
        let (mut unavailable, mut refused) = (None, Vec::new());
        for (entry, outcome) in carried.into_iter().zip(outcomes) {
            match outcome {
                Outcome::Delivered => done.push(entry.seq),
                Outcome::Refused(why) => refused.push((entry, why)),
                // The first says why; the others waited for it.
                Outcome::Unavailable(why) => {
                    self.metrics.count(&self.name, "failed", 1);
                    unavailable.get_or_insert(why);
                }
            }
        }
        let delivered = (done.len() - delivered_before) as u64;
        if !done.is_empty() {
            self.index.outbox_delete(done).await?;
        }
        self.metrics.count(&self.name, "delivered", delivered);
        for (entry, why) in refused {
            self.defer(&entry, &why).await?;
        }
        Ok(unavailable.map_or(Turn::Delivered, Turn::Unavailable))
    }

    async fn defer(&self, entry: &OutboxEntry, why: &str) -> Result<(), IndexError> {
        let (target, seq) = (&self.name, entry.seq);
        tracing::warn!(
            target_name = target,
            seq,
            why,
            "a notification was refused and is put off"
        );
        self.metrics.count(&self.name, "refused", 1);
        let until = self.index.now() + deferral(entry.attempts);
        self.index.outbox_defer(vec![seq], until).await
    }
}

/// A second, and twice as long each time.
fn deferral(attempts: u32) -> Duration {
    Duration::from_secs(1)
        .saturating_mul(1u32.checked_shl(attempts).unwrap_or(u32::MAX))
        .min(LONGEST_DEFERRAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_messages_come_again_ever_later_but_do_come() {
        assert_eq!(deferral(0), Duration::from_secs(1));
        assert_eq!(deferral(3), Duration::from_secs(8));
        for attempts in [12, 31, 32, u32::MAX] {
            assert_eq!(deferral(attempts), LONGEST_DEFERRAL, "{attempts}");
        }
    }
}
