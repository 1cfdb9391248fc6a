//! Read-only connections, used on the caller's thread: for lookups of microseconds, handing over to another thread
//! costs more than the lookup.

use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::Connection;

use crate::{
    error::IndexError,
    sql::{Result, run},
    store::Store,
};

pub(crate) struct Readers {
    store: Arc<Store>,
    /// Idle connections; `None` once closed.
    idle: Mutex<Option<Vec<Connection>>>,
    kept: usize,
}

impl Readers {
    pub fn new(store: Arc<Store>) -> Self {
        let cores = std::thread::available_parallelism().map_or(4, usize::from);
        let kept = cores * 2;
        Readers {
            store,
            idle: Mutex::new(Some(Vec::with_capacity(kept))),
            kept,
        }
    }

    /// Runs `work` on one snapshot of the index.
    pub fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let idle = self
            .idle
            .lock()
            .as_mut()
            .ok_or_else(IndexError::closed)?
            .pop();
        let conn = match idle {
            Some(conn) => conn,
            None => self.store.open_reader()?,
        };
        run(&conn, "BEGIN", [])?;
        let outcome = work(&conn);
        // A connection that fails to end its snapshot is dropped, not reused.
        if run(&conn, "COMMIT", []).is_ok()
            && let Some(idle) = self.idle.lock().as_mut()
            && idle.len() < self.kept
        {
            idle.push(conn);
        }
        outcome
    }

    pub fn close(&self) {
        *self.idle.lock() = None;
    }
}
