//! Blobs in any object store: S3 and what speaks its protocol, Google Cloud Storage, Azure.
//!
//! Small blobs are sent with one request, larger ones as multipart uploads whose parts wait in
//! buffers of one bounded pool. A crash may leave a multipart upload unfinished in the backend;
//! a lifecycle rule that aborts old uploads is what removes it there.

mod config;
mod error;
mod pool;
mod reader;
mod writer;

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutPayload};
use time::OffsetDateTime;

use crate::background::Background;
use crate::{BlobError, BlobInfo, BlobName, Result};

pub use config::RemoteConfig;
pub(crate) use pool::PartPool;
pub(crate) use reader::RemoteReader;
pub(crate) use writer::RemoteWriter;

use error::from_backend;

/// The store.
pub(crate) struct RemoteStore {
    backend: Arc<dyn ObjectStore>,
    /// Everything lives below this path; may be empty.
    prefix: Path,
    pool: PartPool,
    background: Background,
    /// The backend keeps the memory that it is given, as only the one in memory does.
    keeps_payloads: bool,
}

impl RemoteStore {
    pub(crate) fn open(config: RemoteConfig, background: Background) -> Result<RemoteStore> {
        let (backend, prefix) = config.build()?;
        let pool = PartPool::new(config.part_size, config.buffers);
        Ok(RemoteStore {
            backend,
            prefix,
            pool,
            background,
            keeps_payloads: false,
        })
    }

    pub(crate) fn in_memory(
        part_size: usize,
        buffers: usize,
        background: Background,
    ) -> RemoteStore {
        RemoteStore {
            backend: Arc::new(InMemory::new()),
            prefix: Path::from("prefix"),
            pool: PartPool::new(part_size, buffers),
            background,
            keeps_payloads: true,
        }
    }

    /// The body of a request.
    fn payload(&self, body: Bytes) -> PutPayload {
        if self.keeps_payloads {
            // A buffer that is kept would never come back to the pool.
            return PutPayload::from(body.to_vec());
        }
        PutPayload::from_bytes(body)
    }

    pub(crate) fn pool(&self) -> &PartPool {
        &self.pool
    }

    fn path(&self, name: &BlobName) -> Path {
        Path::from(format!("{}/{}", self.prefix, name.path()))
    }

    pub(crate) async fn read(&self, name: &BlobName, range: Range<u64>) -> Result<RemoteReader> {
        let length = range.end.saturating_sub(range.start);
        if length == 0 {
            return Ok(RemoteReader::empty());
        }
        let options = GetOptions {
            range: Some(GetRange::Bounded(range)),
            ..Default::default()
        };
        let answer = self
            .backend
            .get_opts(&self.path(name), options)
            .await
            .map_err(from_backend)?;
        if answer.range.end - answer.range.start != length {
            return Err(BlobError::ShortRead);
        }
        let size = answer.meta.size;
        Ok(RemoteReader::new(answer.into_stream(), length, size))
    }

    pub(crate) async fn delete(&self, name: &BlobName) -> Result<()> {
        match self
            .backend
            .delete(&self.path(name))
            .await
            .map_err(from_backend)
        {
            Err(BlobError::NotFound) => Ok(()),
            other => other,
        }
    }

    pub(crate) fn list(&self) -> BoxStream<'static, Result<BlobInfo>> {
        let prefix = (!self.prefix.as_ref().is_empty()).then_some(&self.prefix);
        self.backend
            .list(prefix)
            .filter_map(|item| async move {
                match item {
                    Ok(meta) => {
                        // What is no blob is not ours to judge.
                        let name: BlobName = meta.location.filename()?.parse().ok()?;
                        let modified = meta.last_modified.timestamp();
                        Some(Ok(BlobInfo {
                            name: name.to_string(),
                            size: meta.size,
                            modified: OffsetDateTime::from_unix_timestamp(modified).ok()?,
                        }))
                    }
                    Err(error) => Some(Err(from_backend(error))),
                }
            })
            .boxed()
    }

    /// Lists a folder that does not exist: an answer means that the bucket is there and that we
    /// may use it, at a cost that does not grow with the store.
    pub(crate) async fn check(&self) -> Result<()> {
        let nowhere = Path::from(format!("{}/{}", self.prefix, "probe"));
        match self
            .backend
            .list(Some(&nowhere))
            .next()
            .await
            .transpose()
            .map_err(from_backend)
        {
            Ok(_) => Ok(()),
            Err(BlobError::NotFound) => Err(BlobError::Unavailable(
                "the bucket does not exist".to_owned(),
            )),
            Err(error) => Err(error),
        }
    }
}
