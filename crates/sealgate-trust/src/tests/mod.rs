//! Roots of every kind, opened, lost, found again and moved.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr
)]

mod local;
mod remote;
mod token;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::{Lease, Root, RootConfig, RootError, Secrets, Source};

/// An environment that a test can change.
#[derive(Clone, Default)]
struct Env(Arc<Mutex<BTreeMap<String, String>>>);

impl Env {
    fn of(pairs: &[(&str, &str)]) -> Env {
        let env = Env::default();
        for (name, value) in pairs {
            env.set(name, value);
        }
        env
    }

    fn set(&self, name: &str, value: &str) {
        self.0.lock().insert(name.to_owned(), value.to_owned());
    }

    fn config(&self, source: &str) -> RootConfig {
        let Env(variables) = self.clone();
        let secrets = Secrets::new(move |name| variables.lock().get(name).cloned());
        RootConfig {
            source: (!source.is_empty()).then(|| Source::parse(source).unwrap()),
            secrets,
            lease: Lease {
                interval: Duration::from_millis(20),
                grace: Duration::ZERO,
            },
            make_wrapping_key: true,
        }
    }
}

async fn open(config: &RootConfig, data: &Path) -> Result<Root, RootError> {
    Root::open(config, data, false).await
}

fn id(root: &Root) -> String {
    root.key().unwrap().id()
}

async fn refusal(config: &RootConfig, data: &Path) -> String {
    let before = contents(data);
    let text = open(config, data).await.err().unwrap().to_string();
    assert_eq!(contents(data), before, "nothing is overwritten");
    assert!(!text.contains('\n'), "{text}");
    text
}

fn contents(data: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(data).unwrap().map(Result::unwrap);
    entries
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, std::fs::read(entry.path()).unwrap_or_default())
        })
        .collect()
}

fn names(data: &Path) -> Vec<String> {
    contents(data).into_keys().collect()
}

/// Counts how often the root was lost.
fn losses(root: &Root) -> Arc<AtomicU32> {
    let count = Arc::new(AtomicU32::new(0));
    let counting = Arc::clone(&count);
    root.on_loss(move || {
        counting.fetch_add(1, Ordering::Relaxed);
    });
    count
}
