//! When access keys and roles were last used: noted in memory, written to the index once a minute.
//!
//! A note is worth little and requests are many: so nothing here makes a request wait, and a crash
//! may lose the last minute.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use sealgate_index::Expect;

use crate::error::IamError;
use crate::model::LastUsed;
use crate::records::{self, KEYS, LAST_USED, ROLES, USERS};
use crate::{Iam, Inner};

const FLUSH_EVERY: Duration = Duration::from_secs(60);
/// Rows in one transaction.
const BATCH: usize = 256;

/// What begins the ids of notes about roles; the ids of keys have no slash.
const ROLE: &str = "role/";
/// And of those about passwords, the record id of the user.
pub(crate) const PASSWORD: &str = "password/";

/// The id of the note about the role with this record id.
pub(crate) fn role_use(record_id: &str) -> String {
    format!("{ROLE}{record_id}")
}

/// Uses not yet written. Only keys and roles that exist get here, each at most once.
#[derive(Default)]
pub(crate) struct Uses {
    pending: Mutex<HashMap<String, LastUsed>>,
}

impl Uses {
    pub fn note(&self, id: &str, used: LastUsed) {
        self.pending.lock().insert(id.to_owned(), used);
    }
}

impl Iam {
    /// Writes what was noted since the last time. The gateway calls it once more when it stops.
    pub async fn flush_last_used(&self) -> Result<(), IamError> {
        let pending: Vec<(String, LastUsed)> = self.inner.uses.pending.lock().drain().collect();
        for batch in pending.chunks(BATCH) {
            let mut writes = Vec::with_capacity(batch.len());
            for (id, used) in batch {
                // What was deleted in the meantime leaves no trace behind.
                let (ns, of) = match (id.strip_prefix(ROLE), id.strip_prefix(PASSWORD)) {
                    (Some(role), _) => (ROLES, role),
                    (None, Some(user)) => (USERS, user),
                    (None, None) => (KEYS, id.as_str()),
                };
                if self.index().record(ns, of).await?.is_some() {
                    writes.push(records::write(LAST_USED, id, Expect::Any, used)?);
                }
            }
            if !writes.is_empty() {
                self.index().write_records(writes).await?;
            }
        }
        Ok(())
    }

    pub(crate) async fn last_used(&self, id: &str) -> Result<Option<LastUsed>, IamError> {
        if let Some(used) = self.inner.uses.pending.lock().get(id) {
            return Ok(Some(used.clone()));
        }
        records::load::<LastUsed>(self.index(), LAST_USED, id).await
    }

    pub(crate) fn forget_use(&self, id: &str) {
        self.inner.uses.pending.lock().remove(id);
    }
}

/// Flushes every minute for as long as anybody holds the identities.
pub(crate) fn spawn_flusher(inner: &Arc<Inner>) {
    let Ok(runtime) = tokio::runtime::Handle::try_current() else {
        return;
    };
    let weak: Weak<Inner> = Arc::downgrade(inner);
    runtime.spawn(async move {
        loop {
            tokio::time::sleep(FLUSH_EVERY).await;
            let Some(inner) = weak.upgrade() else { return };
            if let Err(error) = (Iam { inner }).flush_last_used().await {
                tracing::warn!(detail = error.detail(), "last use of access keys not noted");
            }
        }
    });
}
