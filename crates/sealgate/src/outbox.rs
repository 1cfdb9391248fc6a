//! A reader of the outbox: turns without end over what is due of a kind, slower while its target is not to be had, and
//! what became of it in the metrics. Targets are the operator's, so that labels are bounded.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use sealgate_index::{Index, IndexError};
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

/// What one use of the outbox calls its metrics and says in the log.
pub struct Words {
    /// Name and meaning of the number that waits.
    pub pending: (&'static str, &'static str),
    /// Name and meaning of the counter of outcomes.
    pub outcomes: (&'static str, &'static str),
    /// That a target is not to be had.
    pub waits: &'static str,
    /// That the index failed.
    pub failed: &'static str,
}

/// What became of the entries of one use of the outbox. Clones share it.
#[derive(Clone, Default)]
pub struct OutboxMetrics {
    pending: Family<TargetLabels, Gauge>,
    outcomes: Family<OutcomeLabels, Counter>,
}

impl OutboxMetrics {
    /// Registers them.
    pub fn register(&self, words: &Words, registry: &mut Registry) {
        let (name, help) = words.pending;
        registry.register(name, help, self.pending.clone());
        let (name, help) = words.outcomes;
        registry.register(name, help, self.outcomes.clone());
    }

    /// Counts entries of a target that came to this.
    pub fn count(&self, target: &str, outcome: &'static str, count: u64) {
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

/// How a turn went.
pub enum Turn {
    /// Nothing was due.
    Idle,
    /// Something was done, and there may be more.
    Worked,
    /// The target is not to be had, and why.
    Unavailable(String),
}

/// What is read for one target.
pub struct Reader {
    /// The target's name.
    pub name: String,
    /// The outbox's word for what goes there.
    pub kind: String,
    /// Where the outbox is.
    pub index: Index,
    /// What becomes of it.
    pub metrics: OutboxMetrics,
    /// What it is called.
    pub words: &'static Words,
}

impl Reader {
    /// Takes turns for ever.
    pub async fn run<T>(&self, turn: impl Fn() -> T)
    where
        T: Future<Output = Result<Turn, IndexError>>,
    {
        let mut wait = SHORTEST_WAIT;
        let mut counted: Option<Instant> = None;
        loop {
            if counted.is_none_or(|at| at.elapsed() >= COUNTING) {
                counted = Some(Instant::now());
                if let Ok(count) = self.index.outbox_len(&self.kind).await {
                    self.metrics.waiting(&self.name, count);
                }
            }
            match turn().await {
                Ok(Turn::Worked) => {
                    wait = SHORTEST_WAIT;
                    continue;
                }
                Ok(Turn::Idle) => {
                    wait = SHORTEST_WAIT;
                    sleep(IDLE).await;
                    continue;
                }
                Ok(Turn::Unavailable(why)) => {
                    tracing::warn!(target_name = self.name, why, "{}", self.words.waits);
                }
                Err(error) => tracing::error!(%error, "{}", self.words.failed),
            }
            sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }
}
