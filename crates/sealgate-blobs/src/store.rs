//! The store as the rest of the gateway sees it; which kind it is stays inside.
//!
//! There may be further stores for blobs of other storage classes. A blob there is known as `CLASS/NAME`, so that
//! whoever has a name need not know where it leads.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use time::OffsetDateTime;

use crate::background::Background;
use crate::held::{Held, Hold};
use crate::local::{LocalOptions, LocalReader, LocalStore, LocalWriter};
use crate::pending::{Pending, PendingName};
use crate::remote::{RemoteConfig, RemoteReader, RemoteStore, RemoteWriter};
use crate::{BlobError, BlobName, Result};

/// A store of immutable blobs. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct BlobStore {
    backend: Backend,
    pending: Pending,
    held: Held,
    background: Background,
    /// The stores of other storage classes.
    classes: Arc<BTreeMap<String, BlobStore>>,
}

/// What stands between the class and the name of a blob.
const SEPARATOR: char = '/';

#[derive(Clone)]
enum Backend {
    Local(Arc<LocalStore>),
    Remote(Arc<RemoteStore>),
}

/// A blob as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobInfo {
    /// Its name.
    pub name: String,
    /// Its sealed size.
    pub size: u64,
    /// When it was written.
    pub modified: OffsetDateTime,
}

impl BlobStore {
    /// Opens the local store in `dir`, making the folder if it is missing, and removes what
    /// interrupted writes left. One process at a time may use a folder.
    pub fn local(dir: &Path, options: LocalOptions) -> Result<BlobStore> {
        let background = Background::new();
        let local = LocalStore::open(dir, options, background.clone())?;
        Ok(BlobStore::new(Backend::Local(Arc::new(local)), background))
    }

    /// Opens a remote store. Nothing is sent yet; [`BlobStore::check`] says whether it answers.
    ///
    /// The process must have installed a default crypto provider for rustls.
    pub fn remote(config: RemoteConfig) -> Result<BlobStore> {
        let background = Background::new();
        let remote = RemoteStore::open(config, background.clone())?;
        Ok(BlobStore::new(
            Backend::Remote(Arc::new(remote)),
            background,
        ))
    }

    /// A remote store over memory, for tests: the way to the backend is the real one.
    pub fn in_memory(part_size: usize, buffers: usize) -> BlobStore {
        let background = Background::new();
        let remote = RemoteStore::in_memory(part_size, buffers, background.clone());
        BlobStore::new(Backend::Remote(Arc::new(remote)), background)
    }

    fn new(backend: Backend, background: Background) -> BlobStore {
        BlobStore {
            backend,
            pending: Pending::default(),
            held: Held::default(),
            background,
            classes: Arc::default(),
        }
    }

    /// The same store, with others for blobs of other storage classes.
    #[must_use]
    pub fn with_classes(mut self, classes: BTreeMap<String, BlobStore>) -> BlobStore {
        self.classes = Arc::new(classes);
        self
    }

    /// Whether there is a store for a storage class.
    pub fn has_class(&self, class: &str) -> bool {
        self.classes.contains_key(class)
    }

    /// The store that a name leads to, and the name there.
    fn place<'n>(&self, name: &'n str) -> Result<(&BlobStore, &'n str)> {
        match name.split_once(SEPARATOR) {
            Some((class, name)) if parse(name).is_ok() => Ok((self.class(class)?, name)),
            // What is no name leads nowhere.
            _ => Ok((self, name)),
        }
    }

    fn class(&self, class: &str) -> Result<&BlobStore> {
        self.classes.get(class).ok_or_else(|| {
            BlobError::Config(format!("there is no store for the storage class {class}"))
        })
    }

    /// Whether bodies share the fate of this machine's disk.
    pub fn is_local(&self) -> bool {
        matches!(self.backend, Backend::Local(_)) && self.classes.values().all(Self::is_local)
    }

    /// Starts a blob. The name is chosen and pending from now on; nothing is written yet.
    pub fn create(&self) -> BlobWriter {
        let pending = self.pending.register(BlobName::new());
        let name = pending.name().clone();
        let inner = match &self.backend {
            Backend::Local(store) => Writer::Local(LocalWriter::new(store.clone(), name)),
            Backend::Remote(store) => Writer::Remote(RemoteWriter::new(store.clone(), name)),
        };
        BlobWriter {
            inner,
            name: pending.name().as_str().to_owned(),
            pending,
            store: self.clone(),
        }
    }

    /// Starts a blob in the store of a storage class.
    pub fn create_in(&self, class: &str) -> Result<BlobWriter> {
        let mut writer = self.class(class)?.create();
        writer.name = format!("{class}{SEPARATOR}{}", writer.name);
        Ok(writer)
    }

    /// Opens the blob for reading exactly `range` of its bytes.
    pub async fn read(&self, name: &str, range: Range<u64>) -> Result<BlobReader> {
        let (store, name) = self.place(name)?;
        let name = parse(name)?;
        Ok(BlobReader(match &store.backend {
            Backend::Local(store) => Reader::Local(store.read(&name, range)?),
            Backend::Remote(store) => Reader::Remote(store.read(&name, range).await?),
        }))
    }

    /// Deletes the blob. That it is gone already is no error.
    pub async fn delete(&self, name: &str) -> Result<()> {
        let (store, name) = self.place(name)?;
        let Ok(name) = parse(name) else { return Ok(()) };
        match &store.backend {
            Backend::Local(store) => store.delete(&name).await,
            Backend::Remote(store) => store.delete(&name).await,
        }
    }

    /// All blobs, in no order, for the orphan sweep. Unfinished writes are not among them.
    ///
    /// A sweep asks [`BlobStore::pending`] before it asks the index whether a row refers to the
    /// blob; in the other order a blob that is committed in between would look like an orphan.
    pub fn list(&self) -> BoxStream<'static, Result<BlobInfo>> {
        let own = match &self.backend {
            Backend::Local(store) => store.list(),
            Backend::Remote(store) => store.list(),
        };
        let classes: Vec<_> = self
            .classes
            .iter()
            .map(|(class, store)| {
                let class = class.clone();
                store.list().map(move |blob| {
                    let mut blob = blob?;
                    blob.name = format!("{class}{SEPARATOR}{}", blob.name);
                    Ok(blob)
                })
            })
            .collect();
        own.chain(stream::iter(classes).flatten()).boxed()
    }

    /// Whether the name was handed out and its blob is neither committed nor removed.
    pub fn pending(&self, name: &str) -> bool {
        self.place(name)
            .is_ok_and(|(store, name)| parse(name).is_ok_and(|name| store.pending.contains(&name)))
    }

    /// Keeps these blobs from being removed as garbage while they are read.
    pub fn hold(&self, names: Vec<String>) -> Hold {
        self.held.hold(names)
    }

    /// Whether somebody in this process is reading the blob. Garbage is asked this before it is
    /// deleted.
    pub fn held(&self, name: &str) -> bool {
        self.held.contains(name)
    }

    /// Whether the store can be written (local) or answers (remote), now.
    pub async fn check(&self) -> Result<()> {
        for store in std::iter::once(self).chain(self.classes.values()) {
            match &store.backend {
                Backend::Local(store) => store.check().await?,
                Backend::Remote(store) => store.check().await?,
            }
        }
        Ok(())
    }

    /// Part buffers in use and in total; `None` for a local store, which has none.
    pub fn part_buffers(&self) -> Option<(usize, usize)> {
        std::iter::once(self)
            .chain(self.classes.values())
            .filter_map(|store| match &store.backend {
                Backend::Local(_) => None,
                Backend::Remote(store) => Some(store.pool().usage()),
            })
            .reduce(|one, other| (one.0 + other.0, one.1 + other.1))
    }

    /// Waits for the removal of what aborted writes left. For the end of a shutdown.
    pub async fn settle(&self) {
        for store in std::iter::once(self).chain(self.classes.values()) {
            store.background.settle().await;
        }
    }
}

/// A name that is none cannot be that of a blob.
fn parse(name: &str) -> Result<BlobName> {
    name.parse().map_err(|_| BlobError::NotFound)
}

/// Writes one blob. Dropping it before [`BlobWriter::finish`] returned removes all of it, in the
/// background.
pub struct BlobWriter {
    inner: Writer,
    /// With the class in front, where it has one.
    name: String,
    pending: PendingName,
    store: BlobStore,
}

enum Writer {
    Local(LocalWriter),
    Remote(RemoteWriter),
}

impl BlobWriter {
    /// The name of the blob to be.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Appends `data`. Waits where the store is slower than the caller.
    pub async fn write(&mut self, data: Bytes) -> Result<()> {
        match &mut self.inner {
            Writer::Local(writer) => writer.write(data).await,
            Writer::Remote(writer) => writer.write(data).await,
        }
    }

    /// Makes the blob durable.
    pub async fn finish(self) -> Result<FinishedBlob> {
        let size = match self.inner {
            Writer::Local(writer) => writer.finish().await?,
            Writer::Remote(writer) => writer.finish().await?,
        };
        Ok(FinishedBlob {
            size,
            name: self.name,
            pending: Some(self.pending),
            store: self.store,
        })
    }
}

/// A durable blob that no row refers to yet. Dropping it without [`FinishedBlob::commit`] deletes
/// the blob, in the background.
pub struct FinishedBlob {
    size: u64,
    name: String,
    /// Taken by `commit`.
    pending: Option<PendingName>,
    store: BlobStore,
}

impl FinishedBlob {
    /// The name of the blob.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its size in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The row that refers to the blob is durable: it stays.
    pub fn commit(mut self) {
        self.pending = None;
    }
}

impl Drop for FinishedBlob {
    fn drop(&mut self) {
        let Some(pending) = self.pending.take() else {
            return;
        };
        let store = self.store.clone();
        self.store.background.spawn(async move {
            if let Err(error) = store.delete(pending.name().as_str()).await {
                // The orphan sweep will find it.
                tracing::warn!(blob = %pending.name(), %error, "uncommitted blob not deleted");
            }
        });
    }
}

/// Reads a range of a blob.
pub struct BlobReader(Reader);

enum Reader {
    Local(LocalReader),
    Remote(RemoteReader),
}

impl BlobReader {
    /// Size of the whole blob (0 where the range is empty and nothing was opened), by which a reader knows that nothing was put behind it.
    pub fn blob_size(&self) -> u64 {
        match &self.0 {
            Reader::Local(reader) => reader.size(),
            Reader::Remote(reader) => reader.size(),
        }
    }

    /// The next piece, at most [`crate::READ_PIECE`] bytes and never empty; `None` after the last
    /// byte of the range. A blob that ends before the range does is [`BlobError::ShortRead`].
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        match &mut self.0 {
            Reader::Local(reader) => reader.next().await,
            Reader::Remote(reader) => reader.next().await,
        }
    }
}
