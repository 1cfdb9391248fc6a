//! Walks the folders of the store.

use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};

use futures_util::stream::{self, BoxStream, StreamExt};
use time::OffsetDateTime;
use tokio::sync::mpsc;

use super::TMP;
use crate::{BlobInfo, BlobName, Result};

/// Entries the walker may be ahead of its reader.
const AHEAD: usize = 256;

/// All blobs below `dir`. The walk runs on a blocking thread and stops when the stream is dropped.
pub(super) fn list(dir: PathBuf) -> BoxStream<'static, Result<BlobInfo>> {
    // Nothing happens before the stream is polled, so nothing needs a runtime before.
    stream::once(async move {
        let (found, receiver) = mpsc::channel(AHEAD);
        tokio::task::spawn_blocking(move || {
            if let Err(Stop::Failed(error)) = walk(&dir, &found) {
                // Fails if nobody listens any more.
                let _ = found.blocking_send(Err(error.into()));
            }
        });
        stream::unfold(receiver, |mut receiver| async move {
            receiver.recv().await.map(|item| (item, receiver))
        })
    })
    .flatten()
    .boxed()
}

enum Stop {
    Failed(io::Error),
    NobodyListens,
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Stop {
        Stop::Failed(error)
    }
}

fn walk(dir: &Path, found: &mpsc::Sender<Result<BlobInfo>>) -> std::result::Result<(), Stop> {
    for first in folders(dir)? {
        for second in folders(&first)? {
            for entry in fs::read_dir(&second)? {
                if let Some(info) = blob(&entry?)? {
                    found
                        .blocking_send(Ok(info))
                        .map_err(|_| Stop::NobodyListens)?;
                }
            }
        }
    }
    Ok(())
}

/// The folders in `dir`, that of unfinished blobs excepted.
fn folders(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() && entry.file_name() != TMP {
            folders.push(entry.path());
        }
    }
    Ok(folders)
}

/// The blob of a folder entry; `None` for what is no blob or was deleted meanwhile.
fn blob(entry: &DirEntry) -> io::Result<Option<BlobInfo>> {
    let Some(name) = entry
        .file_name()
        .to_str()
        .and_then(|n| n.parse::<BlobName>().ok())
    else {
        return Ok(None);
    };
    match entry.metadata() {
        Ok(metadata) => Ok(Some(BlobInfo {
            name: name.to_string(),
            size: metadata.len(),
            modified: OffsetDateTime::from(metadata.modified()?),
        })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
