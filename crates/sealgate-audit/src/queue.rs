//! The queue of batched records and the task that makes them durable.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sealgate_index::{Index, TrailEntry};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout_at};

use crate::error::AuditError;

/// Records that may wait; whoever finds the queue full writes its record itself.
const QUEUE: usize = 4096;
/// Records that are written as one group.
const BATCH: usize = 256;
/// A record waits no longer than this before it is written.
const MAX_WAIT: Duration = Duration::from_millis(500);
/// Pause between attempts while the index fails.
const RETRY: Duration = Duration::from_millis(500);
/// Attempts at the end, when nobody is left to wait for them.
const LAST_ATTEMPTS: u32 = 3;

enum Message {
    Entries(Vec<TrailEntry>),
    Flush(oneshot::Sender<Result<(), AuditError>>),
}

/// The sending side.
pub(crate) struct Queue {
    sender: mpsc::Sender<Message>,
    failing: Arc<AtomicBool>,
}

impl Queue {
    /// Starts the task that writes. Needs a runtime.
    pub(crate) fn start(index: Index) -> Queue {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let failing = Arc::new(AtomicBool::new(false));
        tokio::spawn(run(index, receiver, Arc::clone(&failing)));
        Queue { sender, failing }
    }

    /// Accepts the records of an event, or gives them back if they could not be durable soon.
    pub(crate) fn offer(&self, entries: Vec<TrailEntry>) -> Result<(), Vec<TrailEntry>> {
        if self.failing.load(Ordering::Acquire) {
            return Err(entries);
        }
        match self.sender.try_reserve() {
            Ok(place) => {
                place.send(Message::Entries(entries));
                Ok(())
            }
            Err(_full_or_closed) => Err(entries),
        }
    }

    /// Waits until everything accepted before is durable.
    pub(crate) async fn flush(&self) -> Result<(), AuditError> {
        let (done, wait) = oneshot::channel();
        if self.sender.send(Message::Flush(done)).await.is_err() {
            // The task ends only after it has written everything.
            return Ok(());
        }
        wait.await.unwrap_or(Ok(()))
    }
}

async fn run(index: Index, mut receiver: mpsc::Receiver<Message>, failing: Arc<AtomicBool>) {
    let mut batch: Vec<TrailEntry> = Vec::new();
    let mut open = true;
    while open {
        let mut flush = None;
        let deadline = Instant::now() + MAX_WAIT;
        while batch.len() < BATCH {
            let next = if batch.is_empty() {
                Ok(receiver.recv().await)
            } else {
                timeout_at(deadline, receiver.recv()).await
            };
            match next {
                Ok(Some(Message::Entries(entries))) => batch.extend(entries),
                Ok(Some(Message::Flush(done))) => {
                    flush = Some(done);
                    break;
                }
                Ok(None) => {
                    open = false;
                    break;
                }
                Err(_elapsed) => break,
            }
        }
        let outcome = append(&index, &mut batch, &failing).await;
        let failed = outcome.is_err();
        if let Some(done) = flush {
            // Whoever asked may have gone.
            let _ = done.send(outcome);
        }
        if failed && open {
            sleep(RETRY).await;
        }
    }
    for _ in 0..LAST_ATTEMPTS {
        if append(&index, &mut batch, &failing).await.is_ok() {
            return;
        }
        sleep(RETRY).await;
    }
    tracing::error!(
        records = batch.len(),
        "audit records were lost at the end of the process"
    );
}

/// Writes the batch and empties it; keeps it if that fails.
async fn append(
    index: &Index,
    batch: &mut Vec<TrailEntry>,
    failing: &AtomicBool,
) -> Result<(), AuditError> {
    if batch.is_empty() {
        return Ok(());
    }
    match index.trail_append(batch.clone()).await {
        Ok(()) => {
            batch.clear();
            failing.store(false, Ordering::Release);
            Ok(())
        }
        Err(error) => {
            failing.store(true, Ordering::Release);
            tracing::error!(%error, records = batch.len(), "audit records wait: the index does not take them");
            Err(error.into())
        }
    }
}
