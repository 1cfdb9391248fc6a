//! The trail.

use std::sync::{Arc, OnceLock};

use sealgate_index::Index;

use crate::error::AuditError;
use crate::event::Event;
use crate::queue::Queue;
use crate::record::render;

/// The audit trail of the gateway. Cheap to clone.
#[derive(Clone)]
pub struct Trail {
    inner: Arc<Inner>,
}

struct Inner {
    index: Index,
    region: String,
    /// Started with the first batched record, because only then a runtime is sure to be there.
    queue: OnceLock<Queue>,
}

impl Trail {
    /// The trail that is kept in `index`.
    #[must_use]
    pub fn new(index: Index, region: impl Into<String>) -> Trail {
        Trail {
            inner: Arc::new(Inner {
                index,
                region: region.into(),
                queue: OnceLock::new(),
            }),
        }
    }

    /// The region of the gateway, for events that have no caller to take it from.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.inner.region
    }

    pub(crate) fn index(&self) -> &Index {
        &self.inner.index
    }

    /// Records an event; it is durable when this returns.
    ///
    /// # Errors
    /// If it could not be made durable. The call it belongs to must then fail.
    pub async fn record(&self, event: Event) -> Result<(), AuditError> {
        Ok(self.inner.index.trail_append(vec![render(event)]).await?)
    }

    /// Accepts an event that will be durable within a second. Where that cannot be promised (the queue is
    /// full, or the index did not take the last batch) it waits until the event is durable.
    ///
    /// # Errors
    /// If it was neither accepted nor made durable. The call it belongs to must then fail.
    pub async fn record_batched(&self, event: Event) -> Result<(), AuditError> {
        let queue = self
            .inner
            .queue
            .get_or_init(|| Queue::start(self.inner.index.clone()));
        match queue.offer(Box::new(render(event))) {
            Ok(()) => Ok(()),
            Err(entry) => Ok(self.inner.index.trail_append(vec![*entry]).await?),
        }
    }

    /// Waits until every event accepted before is durable; for shutdown.
    ///
    /// # Errors
    /// If the index did not take them. They stay queued and are tried again while the process lives.
    pub async fn flush(&self) -> Result<(), AuditError> {
        match self.inner.queue.get() {
            Some(queue) => queue.flush().await,
            None => Ok(()),
        }
    }
}
