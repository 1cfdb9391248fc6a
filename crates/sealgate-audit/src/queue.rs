//! The queue of batched records and the task that makes them durable.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sealgate_index::{Index, TrailEntry};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::error::AuditError;

/// Events that may wait; whoever finds the queue full waits for a place.
const QUEUE: usize = 4096;
/// Events that are written as one batch; with fewer it waits for more.
const BATCH: usize = 512;
/// A record waits no longer than this before it is written.
const MAX_WAIT: Duration = Duration::from_millis(500);
/// Nobody waits longer than this for a place.
const MAX_PATIENCE: Duration = Duration::from_secs(2);
/// Pause between attempts while the index fails.
const RETRY: Duration = Duration::from_millis(500);
/// Attempts at the end, when nobody is left to wait for them.
const LAST_ATTEMPTS: u32 = 3;

/// The records of an event.
type Records = Vec<TrailEntry>;
/// Tells who waits how it went.
type Done = oneshot::Sender<Result<(), AuditError>>;

enum Message {
    Records(Records),
    Flush(Done),
}

/// The sending side.
pub(crate) struct Queue {
    sender: mpsc::Sender<Message>,
    state: Arc<State>,
}

/// What both sides see.
#[derive(Default)]
struct State {
    /// The index did not take the last batch.
    failing: AtomicBool,
    /// Told when there is reason to write before the time is up. While a batch fills, its events wake nobody.
    hurry: Notify,
}

impl Queue {
    /// Starts the task that writes. Needs a runtime.
    pub(crate) fn start(index: Index) -> Queue {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let state = Arc::<State>::default();
        tokio::spawn(Task::new(index, receiver, Arc::clone(&state)).run());
        Queue { sender, state }
    }

    /// Accepts the records of an event, after a wait where the queue is full; gives them back if they could not
    /// be durable soon.
    pub(crate) async fn offer(&self, records: Records) -> Result<(), Records> {
        let place = match self.sender.try_reserve() {
            Ok(place) => place,
            Err(_full) => match timeout(MAX_PATIENCE, self.sender.reserve()).await {
                Ok(Ok(place)) => place,
                _ => return Err(records),
            },
        };
        if self.state.failing.load(Ordering::Acquire) {
            return Err(records);
        }
        place.send(Message::Records(records));
        if QUEUE - self.sender.capacity() >= BATCH {
            self.state.hurry.notify_one();
        }
        Ok(())
    }

    /// Waits until everything accepted before is durable.
    pub(crate) async fn flush(&self) -> Result<(), AuditError> {
        let (done, wait) = oneshot::channel();
        if self.sender.send(Message::Flush(done)).await.is_err() {
            // The task ends only after it has written everything.
            return Ok(());
        }
        self.state.hurry.notify_one();
        wait.await.unwrap_or(Ok(()))
    }
}

/// The receiving side.
struct Task {
    index: Index,
    receiver: mpsc::Receiver<Message>,
    state: Arc<State>,
    /// What is to be written, shared with the index's writer: it stays here if that fails.
    batch: Arc<[TrailEntry]>,
}

impl Task {
    fn new(index: Index, receiver: mpsc::Receiver<Message>, state: Arc<State>) -> Task {
        Task {
            index,
            receiver,
            state,
            batch: Arc::new([]),
        }
    }

    async fn run(mut self) {
        let mut open = true;
        while open {
            let mut flushes = Vec::new();
            open = self.fill(&mut flushes).await;
            let outcome = self.append().await;
            for done in flushes {
                // Whoever asked may have gone.
                let _ = done.send(outcome.clone());
            }
            if outcome.is_err() && open {
                sleep(RETRY).await;
            }
        }
        for _ in 0..LAST_ATTEMPTS {
            if self.append().await.is_ok() {
                return;
            }
            sleep(RETRY).await;
        }
        tracing::error!(
            records = self.batch.len(),
            "audit records were lost at the end of the process"
        );
    }

    /// Gathers a batch, and who waits for it to be durable. A batch that the index did not take is not waited
    /// for again. Returns false at the end of all events.
    async fn fill(&mut self, flushes: &mut Vec<Done>) -> bool {
        let mut records = self.batch.to_vec();
        let mut deadline = Instant::now();
        if records.is_empty() {
            match self.receiver.recv().await {
                Some(message) => take(message, &mut records, flushes),
                None => return false,
            }
            deadline += MAX_WAIT;
        }
        while records.len() < BATCH {
            if let Ok(message) = self.receiver.try_recv() {
                take(message, &mut records, flushes);
            } else if !flushes.is_empty()
                || timeout_at(deadline, self.state.hurry.notified())
                    .await
                    .is_err()
            {
                break;
            }
        }
        self.batch = records.into();
        true
    }

    /// Writes the batch and empties it; keeps it if that fails.
    async fn append(&mut self) -> Result<(), AuditError> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let failing = &self.state.failing;
        match self.index.trail_append_batch(Arc::clone(&self.batch)).await {
            Ok(()) => {
                self.batch = Arc::new([]);
                failing.store(false, Ordering::Release);
                Ok(())
            }
            Err(error) => {
                failing.store(true, Ordering::Release);
                tracing::error!(%error, records = self.batch.len(), "audit records wait: the index does not take them");
                Err(error.into())
            }
        }
    }
}

fn take(message: Message, records: &mut Vec<TrailEntry>, flushes: &mut Vec<Done>) {
    match message {
        Message::Records(more) => records.extend(more),
        Message::Flush(done) => flushes.push(done),
    }
}
