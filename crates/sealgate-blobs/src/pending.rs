//! Names that were handed out and are not committed yet.
//!
//! The orphan sweep deletes blobs that no row refers to. Between the first byte of a blob and the
//! commit of its row nothing refers to it either; this registry is what tells the two apart.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::BlobName;

/// The registry; clones share it.
#[derive(Clone, Default)]
pub(crate) struct Pending(Arc<Mutex<HashSet<BlobName>>>);

impl Pending {
    pub(crate) fn register(&self, name: BlobName) -> PendingName {
        self.0.lock().insert(name.clone());
        PendingName {
            name,
            registry: self.clone(),
        }
    }

    pub(crate) fn contains(&self, name: &BlobName) -> bool {
        self.0.lock().contains(name)
    }
}

/// One registered name; it leaves the registry when this is dropped.
pub(crate) struct PendingName {
    name: BlobName,
    registry: Pending,
}

impl PendingName {
    pub(crate) fn name(&self) -> &BlobName {
        &self.name
    }
}

impl Drop for PendingName {
    fn drop(&mut self) {
        self.registry.0.lock().remove(&self.name);
    }
}
