//! Delivery of notifications: what writes left in the outbox goes to its target, at least once.
//!
//! Each target has a task of its own, so that one that does not answer keeps no other waiting. Its events go in the
//! order of the writes. While the target is not to be had nothing overtakes; a message that the target refuses is
//! put off, and those after it go on. An event is struck from the outbox only after the target has it.

use std::collections::BTreeMap;

use sealgate_index::{Index, IndexError, OutboxEntry};
use sealgate_notify::{Message, Outcome, TargetConfig, Targets};
use tokio::task::JoinSet;

use crate::outbox::{OutboxMetrics, Reader, Turn, Words};

/// Events in memory at a time, for each target.
const BATCH: usize = 100;

/// What it is called.
pub const WORDS: Words = Words {
    pending: (
        "notifications_pending",
        "Events that wait to be delivered, by target",
    ),
    outcomes: (
        "notifications",
        "Deliveries of events, by target and outcome",
    ),
    waits: "notifications wait for their target",
    failed: "the outbox of notifications failed",
};

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
pub fn start(jobs: &mut JoinSet<()>, index: &Index, targets: &Targets, metrics: &OutboxMetrics) {
    for name in targets.names() {
        let courier = Courier {
            reader: Reader {
                kind: sealgate_s3::outbox_kind(name),
                name: name.to_owned(),
                index: index.clone(),
                metrics: metrics.clone(),
                words: &WORDS,
            },
            targets: targets.clone(),
        };
        jobs.spawn(async move { courier.reader.run(|| courier.turn()).await });
    }
}

/// Brings events to one target.
struct Courier {
    reader: Reader,
    targets: Targets,
}

impl Courier {
    async fn turn(&self) -> Result<Turn, IndexError> {
        let now = self.reader.index.now();
        let entries = self
            .reader
            .index
            .outbox_read(&self.reader.kind, now, BATCH)
            .await?;
        let Some(target) = self.targets.get(&self.reader.name) else {
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
                    self.reader
                        .metrics
                        .count(&self.reader.name, "unreadable", 1);
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
                    self.reader.metrics.count(&self.reader.name, "failed", 1);
                    unavailable.get_or_insert(why);
                }
            }
        }
        let delivered = (done.len() - delivered_before) as u64;
        if !done.is_empty() {
            self.reader.index.outbox_delete(done).await?;
        }
        self.reader
            .metrics
            .count(&self.reader.name, "delivered", delivered);
        for (entry, why) in refused {
            self.defer(&entry, &why).await?;
        }
        Ok(unavailable.map_or(Turn::Worked, Turn::Unavailable))
    }

    async fn defer(&self, entry: &OutboxEntry, why: &str) -> Result<(), IndexError> {
        let (target, seq) = (&self.reader.name, entry.seq);
        tracing::warn!(
            target_name = target,
            seq,
            why,
            "a notification was refused and is put off"
        );
        self.reader.metrics.count(&self.reader.name, "refused", 1);
        let until = self.reader.index.now() + entry.deferral();
        self.reader.index.outbox_defer(vec![seq], until).await
    }
}
