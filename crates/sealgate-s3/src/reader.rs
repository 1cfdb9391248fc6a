//! The way out: from sealed blobs to verified plaintext, a few segments at a time.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Frame;
use sealgate_blobs::{BlobError, BlobReader, BlobStore, Hold};
use sealgate_index::{Body, Version};
use sealgate_seal::{BodyKeys, OpenError, OpenStream, header_hash, sealed_range};

use crate::error::{Code, S3Error};
use crate::response::{BrokenBody, ResponseBody};

/// Counts bodies that did not verify; the metric `sealgate_integrity_failures_total`.
#[derive(Clone, Default)]
pub struct IntegrityFailures(Arc<AtomicU64>);

impl IntegrityFailures {
    /// How many so far.
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Why a read stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error(transparent)]
    Store(#[from] BlobError),
    #[error(transparent)]
    Open(#[from] OpenError),
}

impl From<ReadError> for S3Error {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Store(BlobError::NotFound | BlobError::ShortRead) | ReadError::Open(_) => {
                // Already in the log, with the blob's name; the client learns only that it failed.
                Code::InternalError.into()
            }
            ReadError::Store(error) => error.into(),
        }
    }
}

/// A range of one blob (or of the bytes in the index) that is still to be read.
struct Piece {
    source: Source,
    part: u32,
    size: u64,
    range: Range<u64>,
}

enum Source {
    Inline(Bytes),
    Blob { name: String, header_hash: [u8; 32] },
}

/// The piece that is being read.
struct Open {
    blob: Option<BlobReader>,
    stream: OpenStream,
    name: String,
}

/// Reads a plaintext range of an object version.
pub(crate) struct ObjectReader {
    blobs: BlobStore,
    keys: BodyKeys,
    pieces: VecDeque<Piece>,
    open: Option<Open>,
    failures: IntegrityFailures,
    /// Names the object in the log.
    seq: i64,
    /// The object may be replaced meanwhile; its blobs stay until this reader is gone.
    _hold: Hold,
}

impl ObjectReader {
    /// For the bytes of `range`, which lies inside the body.
    pub(crate) fn new(
        blobs: &BlobStore,
        version: &Version,
        keys: BodyKeys,
        range: Range<u64>,
        failures: &IntegrityFailures,
    ) -> Self {
        let mut pieces = VecDeque::new();
        match &version.body {
            Body::Inline(sealed) => pieces.push_back(Piece {
                source: Source::Inline(sealed.clone()),
                part: 1,
                size: version.size,
                range,
            }),
            Body::Parts(parts) => {
                let mut start = 0;
                for part in parts {
                    let end = start + part.size;
                    let (from, to) = (range.start.max(start), range.end.min(end));
                    // An empty body is read too: its one empty segment carries a tag.
                    if from < to || version.size == 0 {
                        pieces.push_back(Piece {
                            source: Source::Blob {
                                name: part.blob.clone(),
                                header_hash: part.header_hash,
                            },
                            part: part.number,
                            size: part.size,
                            range: from.saturating_sub(start)..to.saturating_sub(start),
                        });
                    }
                    start = end;
                }
            }
        }
        let names = pieces.iter().filter_map(|piece| match &piece.source {
            Source::Blob { name, .. } => Some(name.clone()),
            Source::Inline(_) => None,
        });
        Self {
            _hold: blobs.hold(names.collect()),
            blobs: blobs.clone(),
            keys,
            pieces,
            open: None,
            failures: failures.clone(),
            seq: version.seq,
        }
    }

    /// The next verified bytes; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, ReadError> {
        loop {
            if let Some(open) = &mut self.open {
                let step = Self::step(open).await;
                match step {
                    Ok(Some(bytes)) => return Ok(Some(bytes)),
                    Ok(None) => self.open = None,
                    Err(error) => {
                        let name = std::mem::take(&mut open.name);
                        return Err(self.failed(&name, error));
                    }
                }
            }
            let Some(piece) = self.pieces.pop_front() else {
                return Ok(None);
            };
            let name = match &piece.source {
                Source::Inline(_) => "(in the index)".to_owned(),
                Source::Blob { name, .. } => name.clone(),
            };
            match Self::begin(&self.blobs, &self.keys, piece, name.clone()).await {
                Ok(open) => self.open = Some(open),
                Err(error) => return Err(self.failed(&name, error)),
            }
        }
    }

    fn failed(&mut self, blob: &str, error: ReadError) -> ReadError {
        self.pieces.clear();
        self.open = None;
        match &error {
            ReadError::Open(reason) => {
                self.failures.0.fetch_add(1, Ordering::Relaxed);
                tracing::error!(blob, version = self.seq, %reason, "a blob does not verify");
            }
            ReadError::Store(BlobError::NotFound | BlobError::ShortRead) => {
                self.failures.0.fetch_add(1, Ordering::Relaxed);
                tracing::error!(blob, version = self.seq, "a blob is missing or too short");
            }
            ReadError::Store(reason) => {
                tracing::error!(blob, version = self.seq, %reason, "a blob cannot be read");
            }
        }
        error
    }

    async fn begin(
        blobs: &BlobStore,
        keys: &BodyKeys,
        piece: Piece,
        name: String,
    ) -> Result<Open, ReadError> {
        let layers = keys.layers();
        let header_len = layers.header_len();
        let wanted = sealed_range(layers, piece.size, piece.range.clone());
        match piece.source {
            Source::Inline(sealed) => {
                let bytes = |range: Range<usize>| sealed.get(range).ok_or(OpenError::Truncated);
                let mut stream = OpenStream::new(
                    keys,
                    piece.part,
                    bytes(0..header_len)?,
                    piece.size,
                    piece.range,
                )?;
                let (start, end) = (wanted.start as usize, wanted.end as usize);
                if sealed.len() as u64 != layers.sealed_len(piece.size) {
                    return Err(OpenError::BadLength.into());
                }
                stream.push(bytes(start..end)?)?;
                Ok(Open {
                    blob: None,
                    stream,
                    name,
                })
            }
            Source::Blob {
                name: blob,
                header_hash,
            } => {
                // A read from the start takes header and segments in one request.
                if wanted.start == header_len as u64 {
                    let mut reader = blobs.read(&blob, 0..wanted.end).await?;
                    must_be_whole(&reader, layers.sealed_len(piece.size))?;
                    let (header, rest) = take(&mut reader, header_len).await?;
                    must_be(&header, &header_hash)?;
                    let mut stream =
                        OpenStream::new(keys, piece.part, &header, piece.size, piece.range)?;
                    stream.push(&rest)?;
                    return Ok(Open {
                        blob: Some(reader),
                        stream,
                        name,
                    });
                }
                let mut reader = blobs.read(&blob, 0..header_len as u64).await?;
                must_be_whole(&reader, layers.sealed_len(piece.size))?;
                let (header, _) = take(&mut reader, header_len).await?;
                must_be(&header, &header_hash)?;
                let stream = OpenStream::new(keys, piece.part, &header, piece.size, piece.range)?;
                let reader = blobs.read(&blob, wanted).await?;
                Ok(Open {
                    blob: Some(reader),
                    stream,
                    name,
                })
            }
        }
    }

    async fn step(open: &mut Open) -> Result<Option<Bytes>, ReadError> {
        loop {
            if !open.stream.output().is_empty() {
                return Ok(Some(open.stream.output().split().freeze()));
            }
            let Some(reader) = &mut open.blob else {
                open.stream.finish()?;
                return Ok(None);
            };
            match reader.next().await? {
                Some(sealed) => open.stream.push(&sealed)?,
                None => open.blob = None,
            }
        }
    }

    /// An HTTP body. The first bytes are verified before this returns, so that a damaged object
    /// is an error and not a broken answer wherever that can be known.
    pub(crate) async fn into_body(mut self) -> Result<ResponseBody, ReadError> {
        let first = self.next().await?;
        let state = (self, first, false);
        let stream = futures_util::stream::unfold(state, |(mut reader, first, over)| async move {
            if over {
                return None;
            }
            if let Some(bytes) = first {
                return Some((Ok(Frame::data(bytes)), (reader, None, false)));
            }
            match reader.next().await {
                Ok(Some(bytes)) => Some((Ok(Frame::data(bytes)), (reader, None, false))),
                Ok(None) => None,
                Err(_) => Some((Err(BrokenBody), (reader, None, true))),
            }
        });
        Ok(http_body_util::StreamBody::new(stream).boxed_unsync())
    }
}

/// That this is the header of the blob that was written, and not of another one that the keys would
/// open as well: an earlier upload of the part, put back by the store. The hash is no secret.
fn must_be(header: &[u8], hash: &[u8; 32]) -> Result<(), OpenError> {
    if header_hash(header) == *hash {
        Ok(())
    } else {
        Err(OpenError::WrongBlob)
    }
}

/// Nothing may be missing from a blob or stand behind it, even where that is not read.
fn must_be_whole(reader: &BlobReader, sealed_len: u64) -> Result<(), OpenError> {
    if reader.blob_size() == sealed_len {
        Ok(())
    } else {
        Err(OpenError::BadLength)
    }
}

/// The first `length` bytes of a blob, and what came with them.
async fn take(reader: &mut BlobReader, length: usize) -> Result<(Bytes, Bytes), ReadError> {
    let mut first = match reader.next().await? {
        Some(bytes) if bytes.len() >= length => bytes,
        first => {
            let mut joined = first.map(|b| b.to_vec()).unwrap_or_default();
            while joined.len() < length {
                let more = reader.next().await?.ok_or(OpenError::Truncated)?;
                joined.extend_from_slice(&more);
            }
            joined.into()
        }
    };
    let rest = first.split_off(length);
    Ok((first, rest))
}
