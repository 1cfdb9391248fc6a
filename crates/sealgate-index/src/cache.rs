//! What is read at every request and seldom changes: buckets and records, kept in memory.
//!
//! An acknowledged write is never followed by a stale read: the writer drops what it changed after the commit and
//! before it answers, and a reader that looked into the file before that cannot put its older value back, because
//! the generation it noted has passed.

use std::{num::NonZeroUsize, sync::Arc};

use lru::LruCache;
use parking_lot::Mutex;

use crate::model::{Bucket, Record};

const BUCKETS_KEPT: NonZeroUsize = NonZeroUsize::new(4096).unwrap();
const RECORDS_KEPT: NonZeroUsize = NonZeroUsize::new(16_384).unwrap();

/// A bounded map from names to values.
pub(crate) struct Cache<V>(Mutex<Inner<V>>);

struct Inner<V> {
    generation: u64,
    values: LruCache<String, V>,
}

/// What [`Cache::get`] found.
pub(crate) enum Looked<V> {
    Found(V),
    /// Nothing; a value read after this may be filled in with this ticket.
    Missing(u64),
}

impl<V: Clone> Cache<V> {
    fn new(bound: NonZeroUsize) -> Self {
        Cache(Mutex::new(Inner {
            generation: 0,
            values: LruCache::new(bound),
        }))
    }

    pub fn get(&self, name: &str) -> Looked<V> {
        let mut inner = self.0.lock();
        match inner.values.get(name) {
            Some(value) => Looked::Found(value.clone()),
            None => Looked::Missing(inner.generation),
        }
    }

    /// Keeps what was read since `ticket`, unless something was written meanwhile.
    pub fn fill(&self, ticket: u64, name: &str, value: V) {
        let mut inner = self.0.lock();
        if inner.generation == ticket {
            inner.values.put(name.to_owned(), value);
        }
    }

    fn drop_changed(&self, name: &str) {
        let mut inner = self.0.lock();
        inner.generation += 1;
        inner.values.pop(name);
    }
}

/// Something that a transaction changed.
pub(crate) enum Change {
    Bucket(String),
    Record(String),
}

impl Change {
    pub fn record(ns: &str, id: &str) -> Self {
        Change::Record(record_name(ns, id))
    }
}

/// Name of a record in the cache. Namespaces are names in our code and hold no zero byte.
pub(crate) fn record_name(ns: &str, id: &str) -> String {
    [ns, "\0", id].concat()
}

/// Both caches.
pub(crate) struct Caches {
    pub buckets: Cache<Arc<Bucket>>,
    pub records: Cache<Record>,
}

impl Caches {
    pub fn new() -> Self {
        Caches {
            buckets: Cache::new(BUCKETS_KEPT),
            records: Cache::new(RECORDS_KEPT),
        }
    }

    /// Called by the writer after a commit and before it answers.
    pub fn forget(&self, changes: &[Change]) {
        for change in changes {
            match change {
                Change::Bucket(name) => self.buckets.drop_changed(name),
                Change::Record(name) => self.records.drop_changed(name),
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn ticket(cache: &Cache<u32>) -> u64 {
        match cache.get("a") {
            Looked::Missing(ticket) => ticket,
            Looked::Found(value) => panic!("found {value}"),
        }
    }

    #[test]
    fn a_value_read_before_a_write_is_not_kept_after_it() {
        let cache = Cache::new(BUCKETS_KEPT);
        let before = ticket(&cache);
        cache.drop_changed("a");
        cache.fill(before, "a", 1);
        let after = ticket(&cache);
        cache.fill(after, "a", 2);
        assert!(matches!(cache.get("a"), Looked::Found(2)));
    }
}
