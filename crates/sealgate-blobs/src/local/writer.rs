//! Writes a blob durably: data to a temporary file, data to the device, rename, folder to the
//! device.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use tokio::task::JoinHandle;

use super::{LocalStore, blocking, remove_if_present, sync_dir};
use crate::{BlobError, BlobName, Result};

/// Data is collected until this much is there, then written with one call.
const STEP: usize = 128 * 1024;
/// No single call writes more: it would keep the async worker from its other work.
const MAX_STEP: usize = 256 * 1024;
/// Pieces that one call may write; the system allows 1024.
const MAX_PIECES: usize = 256;

pub(crate) struct LocalWriter {
    store: Arc<LocalStore>,
    name: BlobName,
    /// Made when there is something to write.
    temp: Option<TempFile>,
    queue: VecDeque<Bytes>,
    queued: usize,
    written: u64,
    /// Bytes written when the last early sync began.
    synced: u64,
    /// The early sync that is on its way; at most one.
    sync: Option<JoinHandle<io::Result<()>>>,
}

impl LocalWriter {
    pub(crate) fn new(store: Arc<LocalStore>, name: BlobName) -> LocalWriter {
        LocalWriter {
            store,
            name,
            temp: None,
            queue: VecDeque::new(),
            queued: 0,
            written: 0,
            synced: 0,
            sync: None,
        }
    }

    pub(crate) async fn write(&mut self, mut data: Bytes) -> Result<()> {
        while !data.is_empty() {
            let take = data.len().min(MAX_STEP.saturating_sub(self.queued).max(1));
            self.queued += take;
            self.queue.push_back(data.split_to(take));
            if self.queued >= STEP || self.queue.len() >= MAX_PIECES {
                self.flush()?;
                self.sync_early().await?;
                tokio::task::consume_budget().await;
            }
        }
        Ok(())
    }

    pub(crate) async fn finish(mut self) -> Result<u64> {
        self.flush()?;
        self.join_sync().await?;
        let (written, store, name) = (self.written, self.store.clone(), self.name.clone());
        let temp = match self.temp.take() {
            Some(temp) => temp,
            None => TempFile::create(store.clone(), &name)?,
        };
        // The guard travels through the blocking step and back: if this future is dropped while
        // the step runs, the guard is dropped with the step's result and removes the file.
        let placed = blocking(move || place(temp, &store, &name)).await?;
        placed.keep();
        Ok(written)
    }

    /// Syncs what was written and removes it.
    pub(crate) async fn discard(mut self) -> Result<()> {
        self.flush()?;
        let temp = self.temp.take();
        blocking(move || temp.map_or(Ok(()), |temp| temp.file.sync_data())).await
    }

    fn flush(&mut self) -> Result<()> {
        if self.queue.is_empty() {
            return Ok(());
        }
        let temp = match &mut self.temp {
            Some(temp) => temp,
            none => none.insert(TempFile::create(self.store.clone(), &self.name)?),
        };
        while !self.queue.is_empty() {
            let slices: Vec<IoSlice<'_>> = self.queue.iter().map(|b| IoSlice::new(b)).collect();
            let written = match (&*temp.file).write_vectored(&slices) {
                Ok(0) => return Err(BlobError::Io(io::ErrorKind::WriteZero.into())),
                Ok(n) => n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            self.written += written as u64;
            self.queued = self.queued.saturating_sub(written);
            advance(&mut self.queue, written);
        }
        Ok(())
    }

    /// Starts to bring what was written to the device, beside the writing. If the device has
    /// fallen behind by a whole interval, waits for it here, where waiting costs no worker.
    async fn sync_early(&mut self) -> Result<()> {
        if self.written - self.synced < self.store.options.sync_every {
            return Ok(());
        }
        self.join_sync().await?;
        if let Some(temp) = &self.temp {
            let file = temp.file.clone();
            self.sync = Some(tokio::task::spawn_blocking(move || file.sync_data()));
            self.synced = self.written;
        }
        Ok(())
    }

    async fn join_sync(&mut self) -> Result<()> {
        match self.sync.take() {
            None => Ok(()),
            Some(task) => match task.await {
                // An error of write-back is reported once: it must not get lost.
                Ok(result) => result.map_err(BlobError::from),
                Err(error) => Err(BlobError::Io(io::Error::other(error))),
            },
        }
    }
}

/// Drops the first `n` bytes of the queue.
fn advance(queue: &mut VecDeque<Bytes>, mut n: usize) {
    while let Some(front) = queue.front_mut() {
        if front.len() > n {
            front.advance(n);
            return;
        }
        n -= front.len();
        queue.pop_front();
    }
}

/// Makes the file durable under its own name. Waits for the device.
fn place(mut temp: TempFile, store: &LocalStore, name: &BlobName) -> io::Result<TempFile> {
    store.prepare_shard(name)?;
    temp.file.sync_data()?;
    temp.rename(store.path(name))?;
    sync_dir(&store.shard_dir(name))?;
    Ok(temp)
}

/// A file that goes away unless it is kept.
struct TempFile {
    store: Arc<LocalStore>,
    file: Arc<File>,
    /// Where it is now; `None` once it is kept.
    path: Option<PathBuf>,
}

impl TempFile {
    fn create(store: Arc<LocalStore>, name: &BlobName) -> Result<TempFile> {
        let path = store.temp_path(name);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        Ok(TempFile {
            store,
            file: Arc::new(file),
            path: Some(path),
        })
    }

    fn rename(&mut self, to: PathBuf) -> io::Result<()> {
        if let Some(from) = &self.path {
            fs::rename(from, &to)?;
            self.path = Some(to);
        }
        Ok(())
    }

    fn keep(mut self) {
        self.path = None;
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        if let Some(path) = self.path.take() {
            self.store.background.spawn_blocking(move || {
                if let Err(error) = remove_if_present(&path) {
                    // Swept at the next start, or as an orphan.
                    tracing::warn!(path = %path.display(), %error, "unfinished blob not removed");
                }
            });
        }
    }
}
