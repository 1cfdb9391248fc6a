//! Blobs as files on local disk.
//!
//! ```text
//! DIR/ab/cd/abcd…   a blob, complete and immutable
//! DIR/tmp/abcd…     a blob that is being written; emptied at start
//! ```
//!
//! Calls to the disk that end in the page cache (open, read, write, rename) run in place on the
//! async worker, in steps of at most 256 KiB: handing them to another thread costs more than they
//! do. Calls that wait for the device (fsync) run on blocking threads.

mod list;
mod reader;
mod writer;

use std::fs::{self, DirBuilder, File};
use std::io;
use std::ops::Range;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::stream::BoxStream;

use crate::background::Background;
use crate::{BlobError, BlobInfo, BlobName, Result};

pub(crate) use reader::LocalReader;
pub(crate) use writer::LocalWriter;

/// Name of the folder of unfinished blobs.
const TMP: &str = "tmp";
/// Folders of the second level: one per two bytes of the name.
const SHARDS: usize = 1 << 16;

/// How the local store writes.
#[derive(Clone, Debug)]
pub struct LocalOptions {
    /// A stream starts to be written back to the device each time it has grown by this much,
    /// while it goes on, so that the end does not wait for all of it at once.
    pub sync_every: u64,
}

impl Default for LocalOptions {
    fn default() -> LocalOptions {
        // A first, noisy measurement with 64 MiB streams favoured this over 8 MiB and over one
        // sync at the end; the bare pipeline's --sync-every repeats it.
        LocalOptions {
            sync_every: 16 * 1024 * 1024,
        }
    }
}

/// The store.
pub(crate) struct LocalStore {
    dir: PathBuf,
    options: LocalOptions,
    background: Background,
    /// Shards whose folders are known to exist and to be durable in their parents.
    shards: Box<[AtomicBool]>,
}

impl LocalStore {
    pub(crate) fn open(
        dir: &Path,
        options: LocalOptions,
        background: Background,
    ) -> Result<LocalStore> {
        let mut builder = private_dirs();
        builder.recursive(true).create(dir)?;
        let tmp = dir.join(TMP);
        builder.create(&tmp)?;
        sweep(&tmp)?;
        sync_dir(dir)?;
        let shards = (0..SHARDS).map(|_| AtomicBool::new(false)).collect();
        Ok(LocalStore {
            dir: dir.to_owned(),
            options,
            background,
            shards,
        })
    }

    fn temp_path(&self, name: &BlobName) -> PathBuf {
        self.dir.join(TMP).join(name.as_str())
    }

    fn path(&self, name: &BlobName) -> PathBuf {
        self.dir.join(name.path())
    }

    fn shard_dir(&self, name: &BlobName) -> PathBuf {
        let (first, second) = name.shards();
        self.dir.join(first).join(second)
    }

    fn shard_known(&self, name: &BlobName) -> Option<&AtomicBool> {
        self.shards.get(usize::from(name.shard_number()))
    }

    /// Makes the folder of the blob, if this process has not seen it durable yet. Waits for the
    /// device.
    fn prepare_shard(&self, name: &BlobName) -> io::Result<()> {
        if self
            .shard_known(name)
            .is_some_and(|known| known.load(Ordering::Acquire))
        {
            return Ok(());
        }
        let shard = self.shard_dir(name);
        private_dirs().recursive(true).create(&shard)?;
        // A folder that was there may come from a process that died before it was durable: the
        // parents are synced on the first use in any case.
        if let Some(first) = shard.parent() {
            sync_dir(first)?;
        }
        sync_dir(&self.dir)?;
        if let Some(known) = self.shard_known(name) {
            known.store(true, Ordering::Release);
        }
        Ok(())
    }

    pub(crate) fn read(&self, name: &BlobName, range: Range<u64>) -> Result<LocalReader> {
        LocalReader::open(&self.path(name), range)
    }

    pub(crate) async fn delete(&self, name: &BlobName) -> Result<()> {
        let path = self.path(name);
        // Freeing the pages of a large file takes milliseconds.
        blocking(move || remove_if_present(&path)).await
    }

    pub(crate) fn list(&self) -> BoxStream<'static, Result<BlobInfo>> {
        list::list(self.dir.clone())
    }

    /// Writes, syncs and removes a file of a few bytes: a full or read-only disk shows.
    pub(crate) async fn check(self: &Arc<Self>) -> Result<()> {
        let mut probe = LocalWriter::new(self.clone(), BlobName::new());
        probe.write(bytes::Bytes::from_static(b"probe")).await?;
        probe.discard().await
    }
}

fn private_dirs() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.mode(0o700);
    builder
}

/// Removes what interrupted writes left in `tmp`.
fn sweep(tmp: &Path) -> io::Result<()> {
    let mut removed = 0_usize;
    for entry in fs::read_dir(tmp)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::remove_file(entry.path())?;
            removed += 1;
        }
    }
    if removed > 0 {
        tracing::info!(removed, "unfinished blobs of an earlier run removed");
    }
    Ok(())
}

fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

fn remove_if_present(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Runs a step that waits for the device on a blocking thread.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(BlobError::from),
        Err(error) => Err(BlobError::Io(io::Error::other(error))),
    }
}
