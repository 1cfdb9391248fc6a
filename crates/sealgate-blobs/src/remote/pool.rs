//! The one bounded pool of part buffers.
//!
//! The bound is on memory, not on requests: a buffer counts until the last handle to its bytes is
//! gone (retries of the HTTP client included), and only then goes to the next who waits. Waiters
//! are served in order.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{BlobError, Result};

#[derive(Clone)]
pub(crate) struct PartPool(Arc<Shared>);

struct Shared {
    permits: Arc<Semaphore>,
    buffers: usize,
    part_size: usize,
    /// Memory that was used before: allocated once, used again, never more than `buffers`.
    free: Mutex<Vec<Vec<u8>>>,
}

impl PartPool {
    pub(crate) fn new(part_size: usize, buffers: usize) -> PartPool {
        PartPool(Arc::new(Shared {
            permits: Arc::new(Semaphore::new(buffers)),
            buffers,
            part_size,
            free: Mutex::new(Vec::new()),
        }))
    }

    pub(crate) fn part_size(&self) -> usize {
        self.0.part_size
    }

    /// Buffers in use, and their bound.
    pub(crate) fn usage(&self) -> (usize, usize) {
        (
            self.0.buffers - self.0.permits.available_permits(),
            self.0.buffers,
        )
    }

    /// An empty buffer, as soon as there is one.
    pub(crate) async fn take(&self) -> Result<PartBuffer> {
        let permit = Semaphore::acquire_owned(self.0.permits.clone())
            .await
            .map_err(|_| BlobError::Unavailable("shutting down".to_owned()))?;
        let memory = self.0.free.lock().pop();
        let memory = memory.unwrap_or_else(|| Vec::with_capacity(self.0.part_size));
        Ok(PartBuffer {
            memory,
            pool: self.0.clone(),
            _permit: permit,
        })
    }
}

/// A buffer of the pool; goes back to it when dropped.
pub(crate) struct PartBuffer {
    memory: Vec<u8>,
    pool: Arc<Shared>,
    _permit: OwnedSemaphorePermit,
}

impl PartBuffer {
    /// Bytes that still fit.
    pub(crate) fn room(&self) -> usize {
        self.pool.part_size.saturating_sub(self.memory.len())
    }

    /// Appends `data`, which the caller has made sure fits: the buffer never grows.
    pub(crate) fn extend(&mut self, data: &[u8]) {
        self.memory.extend_from_slice(data);
    }

    /// The contents. The buffer returns to the pool with the last handle.
    pub(crate) fn freeze(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for PartBuffer {
    fn as_ref(&self) -> &[u8] {
        &self.memory
    }
}

impl Drop for PartBuffer {
    fn drop(&mut self) {
        let mut memory = std::mem::take(&mut self.memory);
        memory.clear();
        // Fields are dropped after this body: the memory is back before the permit is.
        self.pool.free.lock().push(memory);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[tokio::test]
    async fn a_buffer_counts_until_the_last_handle_is_gone_and_its_memory_is_used_again() {
        let pool = PartPool::new(1024, 1);
        let mut buffer = pool.take().await.unwrap();
        buffer.extend(&[7; 1000]);
        assert_eq!(buffer.room(), 24);
        let at = buffer.as_ref().as_ptr();
        let bytes = buffer.freeze();
        let slice = bytes.slice(10..20);
        drop(bytes);
        assert_eq!(pool.usage(), (1, 1));
        let waiting = tokio::spawn({
            let pool = pool.clone();
            async move { pool.take().await.unwrap() }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(slice);
        let mut buffer = waiting.await.unwrap();
        buffer.extend(&[1]);
        assert_eq!((buffer.as_ref(), buffer.as_ref().as_ptr()), (&[1][..], at));
    }
}
