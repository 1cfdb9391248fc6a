//! Clean-up that outlives the request that caused it: removing what an aborted write left.

use std::future::Future;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::watch;

/// Spawns clean-up tasks and knows when all of them are done.
#[derive(Clone)]
pub(crate) struct Background {
    /// The runtime the store was opened in: a value may be dropped on a thread outside of it.
    home: Option<Handle>,
    running: Arc<watch::Sender<usize>>,
}

/// Counts one running task for as long as it lives.
struct Running(Arc<watch::Sender<usize>>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.send_modify(|n| *n = n.saturating_sub(1));
    }
}

impl Background {
    pub(crate) fn new() -> Background {
        Background {
            home: Handle::try_current().ok(),
            running: Arc::new(watch::Sender::new(0)),
        }
    }

    fn handle(&self) -> Option<Handle> {
        Handle::try_current().ok().or_else(|| self.home.clone())
    }

    fn start(&self) -> Running {
        self.running.send_modify(|n| *n += 1);
        Running(self.running.clone())
    }

    /// Runs `task` to its end. Without a runtime it is dropped: a restart cleans up as after a
    /// crash.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        if let Some(handle) = self.handle() {
            let running = self.start();
            handle.spawn(async move {
                task.await;
                drop(running);
            });
        }
    }

    /// Runs `work`, which waits for the disk, off the async workers; in place without a runtime.
    pub(crate) fn spawn_blocking(&self, work: impl FnOnce() + Send + 'static) {
        match self.handle() {
            Some(handle) => {
                let running = self.start();
                handle.spawn_blocking(move || {
                    work();
                    drop(running);
                });
            }
            None => work(),
        }
    }

    /// Returns when nothing is running.
    pub(crate) async fn settle(&self) {
        // The sender lives as long as `self`: this cannot fail.
        let _ = self.running.subscribe().wait_for(|n| *n == 0).await;
    }
}
