//! The handle to the index: opening, closing, and the two ways to it, reading and writing. Its operations are in
//! the modules named after what they work on.

use std::{path::PathBuf, sync::Arc};

use parking_lot::RwLock;
use rusqlite::Connection;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::{
    Clock,
    cache::Caches,
    readers::Readers,
    sql::Result,
    store::Store,
    traffic::Traffic,
    writer::{Tx, Writer},
};

/// Where the index is and how it opens.
pub struct IndexConfig {
    /// The index file; made if there is none. Two more files beside it hold what is not yet moved into it.
    pub path: PathBuf,
    /// Key that the file is encrypted with, or `None` for a plain SQLite file.
    pub key: Option<Zeroizing<[u8; 32]>>,
}

/// The index. Clones are handles to the same one; dropping the last one waits for the writer to end.
/// The process must not exit while there are handles: [`close`](Index::close) comes first.
///
/// Reads never wait for anything but the disk. A write is durable when it returns. **A write that is dropped while
/// it waits may or may not happen**: a caller whose own clean-up depends on the outcome (a blob that is deleted when
/// its row was refused) has to see the call through, e.g. in a task of its own.
#[derive(Clone)]
pub struct Index {
    inner: Arc<Inner>,
}

struct Inner {
    readers: Readers,
    writer: Writer,
    caches: Arc<Caches>,
    clock: Arc<RwLock<Clock>>,
    traffic: Traffic,
}

impl Index {
    /// Opens the index, makes it if there is none, and brings one of an older format to the current one after a copy
    /// was put aside.
    pub async fn open(config: IndexConfig) -> Result<Index> {
        Self::start(Store::new(config.path, config.key)).await
    }

    /// Opens an index that was made before. A file that is missing or empty is `IndexError::Damaged`: taken for a
    /// new index, it would make every blob an orphan.
    pub async fn open_existing(config: IndexConfig) -> Result<Index> {
        Self::start(Store::existing(config.path, config.key)).await
    }

    async fn start(store: Store) -> Result<Index> {
        let store = Arc::new(store);
        let caches = Arc::new(Caches::new());
        let clock = Arc::new(RwLock::new(Clock::system()));
        let writer = Writer::start(store.clone(), caches.clone(), clock.clone()).await?;
        let readers = Readers::new(store);
        Ok(Index {
            inner: Arc::new(Inner {
                readers,
                writer,
                caches,
                clock,
                traffic: Traffic::new(),
            }),
        })
    }

    /// Finishes the writes that wait, moves everything into the one file and closes it. Later calls fail.
    pub async fn close(&self) {
        self.inner.readers.close();
        self.inner.writer.close().await;
    }

    /// Goes by another clock from now on.
    pub fn set_clock(&self, clock: Clock) {
        *self.inner.clock.write() = clock;
    }

    /// The time by the clock that writes and locks are judged by.
    pub fn now(&self) -> OffsetDateTime {
        self.inner.clock.read().now()
    }

    /// What is known of the requests that come, by which work that nobody waits for goes.
    pub fn traffic(&self) -> &Traffic {
        &self.inner.traffic
    }

    pub(crate) fn caches(&self) -> &Caches {
        &self.inner.caches
    }

    pub(crate) fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        self.inner.readers.read(work)
    }

    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        self.inner.writer.write(work).await
    }
}
