//! Names that somebody in this process is reading.
//!
//! A replaced blob is deleted after a grace time, but never under a reader: a slow client may take
//! longer than any grace time, and opens the later blobs of a large object late.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

/// The registry; clones share it.
#[derive(Clone, Default)]
pub(crate) struct Held(Arc<Mutex<HashMap<String, usize>>>);

impl Held {
    pub(crate) fn hold(&self, names: Vec<String>) -> Hold {
        let mut held = self.0.lock();
        for name in &names {
            *held.entry(name.clone()).or_default() += 1;
        }
        Hold {
            names,
            registry: self.clone(),
        }
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.0.lock().contains_key(name)
    }
}

/// Keeps blobs from being removed as garbage until it is dropped.
pub struct Hold {
    names: Vec<String>,
    registry: Held,
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut held = self.registry.0.lock();
        for name in &self.names {
            if let Some(readers) = held.get_mut(name) {
                *readers -= 1;
                if *readers == 0 {
                    held.remove(name);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_is_held_until_its_last_reader_is_gone() {
        let held = Held::default();
        let first = held.hold(vec!["a".into(), "b".into()]);
        let second = held.hold(vec!["a".into()]);
        drop(first);
        assert!(held.contains("a") && !held.contains("b"));
        drop(second);
        assert!(!held.contains("a"));
    }
}
