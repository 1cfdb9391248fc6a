//! Writes a blob to the backend: one request for a small one, a multipart upload for a large one.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStoreExt};
use tokio::task::{JoinError, JoinHandle, JoinSet};

use super::RemoteStore;
use super::error::from_write;
use super::pool::PartBuffer;
use crate::{BlobError, BlobName, Result};

/// A blob up to this size needs no part buffer: many small writes do not wait for large ones.
const SMALL: usize = 256 * 1024;
/// Parts of one blob that are on their way at once.
const IN_FLIGHT: usize = 2;

type Begun = object_store::Result<Box<dyn MultipartUpload>>;

pub(crate) struct RemoteWriter {
    store: Arc<RemoteStore>,
    path: Path,
    /// The beginning, until it outgrows `SMALL`.
    small: BytesMut,
    /// The part that is being filled. A writer holds at most one such, and waits for it before it
    /// takes in more; parts on their way need nothing further to arrive. So a pool of one buffer
    /// serves any number of writers.
    part: Option<PartBuffer>,
    upload: Option<Box<dyn MultipartUpload>>,
    /// The request for an upload. A task of its own: if it were dropped under way, the backend
    /// might begin an upload whose id nobody knows, and nobody could abort it.
    beginning: Option<JoinHandle<Begun>>,
    on_the_way: JoinSet<object_store::Result<()>>,
    size: u64,
    /// Something may exist in the backend that has to be removed if this is dropped.
    dirty: bool,
}

impl RemoteWriter {
    pub(crate) fn new(store: Arc<RemoteStore>, name: BlobName) -> RemoteWriter {
        let path = store.path(&name);
        RemoteWriter {
            store,
            path,
            small: BytesMut::new(),
            part: None,
            upload: None,
            beginning: None,
            on_the_way: JoinSet::new(),
            size: 0,
            dirty: false,
        }
    }

    pub(crate) async fn write(&mut self, mut data: Bytes) -> Result<()> {
        self.size += data.len() as u64;
        while !data.is_empty() {
            if self.part.as_ref().is_some_and(|part| part.room() == 0) {
                self.ship().await?;
            }
            let part = match &mut self.part {
                Some(part) => part,
                none => {
                    let small = SMALL.min(self.store.pool.part_size());
                    if self.upload.is_none() && self.small.len() + data.len() <= small {
                        self.small.extend_from_slice(&data);
                        return Ok(());
                    }
                    let mut part = self.store.pool.take().await?;
                    part.extend(&self.small);
                    self.small = BytesMut::new();
                    none.insert(part)
                }
            };
            let fits = data.split_to(part.room().min(data.len()));
            part.extend(&fits);
            // Copying large pieces never waits by itself.
            tokio::task::consume_budget().await;
        }
        Ok(())
    }

    /// Sends the full part on its way, waiting if too many are.
    async fn ship(&mut self) -> Result<()> {
        if self.upload.is_none() {
            self.upload = Some(self.begin().await?);
        }
        while self.on_the_way.len() >= IN_FLIGHT {
            arrived(self.on_the_way.join_next().await)?;
        }
        if let (Some(upload), Some(part)) = (&mut self.upload, self.part.take()) {
            let body = self.store.payload(part.freeze());
            self.on_the_way.spawn(upload.put_part(body));
        }
        Ok(())
    }

    async fn begin(&mut self) -> Result<Box<dyn MultipartUpload>> {
        self.dirty = true;
        let (backend, path) = (self.store.backend.clone(), self.path.clone());
        let request = tokio::spawn(async move { backend.put_multipart(&path).await });
        let begun = self.beginning.insert(request).await;
        self.beginning = None;
        begun.map_err(stopped)?.map_err(from_write)
    }

    pub(crate) async fn finish(mut self) -> Result<u64> {
        self.dirty = true;
        // A task of its own: a last request that was dropped under way might be carried out after
        // the clean-up. If this future is dropped, the task ends all the same, and its result,
        // still marked as dirty, is dropped and cleans up.
        let mut finished = tokio::spawn(self.send_rest()).await.map_err(stopped)??;
        finished.dirty = false;
        Ok(finished.size)
    }

    async fn send_rest(mut self) -> Result<RemoteWriter> {
        if self.upload.is_some() {
            self.ship().await?;
            while !self.on_the_way.is_empty() {
                arrived(self.on_the_way.join_next().await)?;
            }
            if let Some(upload) = &mut self.upload {
                upload.complete().await.map_err(from_write)?;
            }
        } else {
            let body = match self.part.take() {
                Some(part) => part.freeze(),
                None => std::mem::take(&mut self.small).freeze(),
            };
            let body = self.store.payload(body);
            self.store
                .backend
                .put(&self.path, body)
                .await
                .map_err(from_write)?;
        }
        Ok(self)
    }
}

/// The task of a request did not end by itself: the process is going down.
fn stopped(error: JoinError) -> BlobError {
    BlobError::Unavailable(error.to_string())
}

fn arrived(result: Option<std::result::Result<object_store::Result<()>, JoinError>>) -> Result<()> {
    match result {
        None => Ok(()),
        Some(Ok(result)) => result.map_err(from_write),
        Some(Err(error)) => Err(stopped(error)),
    }
}

impl Drop for RemoteWriter {
    fn drop(&mut self) {
        if !self.dirty {
            return;
        }
        let left = Left {
            store: self.store.clone(),
            path: self.path.clone(),
            beginning: self.beginning.take(),
            upload: self.upload.take(),
            on_the_way: std::mem::take(&mut self.on_the_way),
        };
        self.store.background.spawn(left.remove());
    }
}

/// What an unfinished write left in the backend, or may yet leave.
struct Left {
    store: Arc<RemoteStore>,
    path: Path,
    beginning: Option<JoinHandle<Begun>>,
    upload: Option<Box<dyn MultipartUpload>>,
    on_the_way: JoinSet<object_store::Result<()>>,
}

impl Left {
    async fn remove(mut self) {
        if let Some(beginning) = self.beginning
            && let Ok(Ok(upload)) = beginning.await
        {
            self.upload = Some(upload);
        }
        // A part that arrives after the abort would stay: parts under way are waited for.
        while self.on_the_way.join_next().await.is_some() {}
        if let Some(mut upload) = self.upload
            && let Err(error) = upload.abort().await
        {
            // Also the answer where the upload was completed.
            tracing::debug!(path = %self.path, %error, "multipart upload not aborted");
        }
        match self.store.backend.delete(&self.path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => tracing::warn!(path = %self.path, %error, "unfinished blob not deleted"),
        }
    }
}
