//! Blob stores: immutable sealed blobs with opaque names, on local disk or in an object store.
//!
//! A store needs only four things: write a blob once, read a range of it, delete it, list all.
//! It never learns names, sizes of objects, metadata or plaintext; what it is given is sealed.
//!
//! A blob lives in three steps. [`BlobStore::create`] chooses its name and registers it as
//! *pending*, so that the orphan sweep leaves it alone. [`BlobWriter::finish`] makes it durable.
//! [`FinishedBlob::commit`] says that the index row which refers to it is durable too. Whoever
//! drops a writer or a finished blob before that step leaves nothing behind.

mod background;
mod error;
mod held;
mod local;
mod name;
mod pending;
mod remote;
mod store;

pub use error::BlobError;
pub use held::Hold;
pub use local::LocalOptions;
pub use name::BlobName;
pub use remote::RemoteConfig;
pub use store::{BlobInfo, BlobReader, BlobStore, BlobWriter, FinishedBlob};

/// Result of a blob operation.
pub type Result<T> = std::result::Result<T, BlobError>;

/// A reader hands out pieces of at most this many bytes, whatever the store delivers.
pub const READ_PIECE: usize = 256 * 1024;
