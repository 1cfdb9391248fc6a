//! The way in: a request body is checked, sealed and written in one pass, with a few segments in
//! memory, and becomes visible when its row is committed.

use bytes::Bytes;
use sealgate_blobs::FinishedBlob;
use sealgate_index::{Body, IndexError, Part};
use sealgate_seal::{BodyKeys, SealStream};
use sealgate_wire::checksum::{Checksum, Hasher};
use sealgate_wire::payload::{Digests, PayloadReader, PayloadSpec};

use crate::S3;
use crate::error::{Code, Result, S3Error};

/// Largest body of one PUT or part: 5 GiB
/// ([limits](https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html)).
pub(crate) const MAX_BODY: u64 = 5 << 30;

/// Sealed bytes are handed to the store in pieces of about this size.
const WRITE_SIZE: usize = 256 * 1024;

/// Seals plaintext into the index or a blob.
pub(crate) struct BodyWriter {
    seal: SealStream,
    blob: Option<sealgate_blobs::BlobWriter>,
}

/// A sealed body that is stored but that nothing refers to yet. Dropped, it is removed again.
pub(crate) struct Stored {
    pub(crate) size: u64,
    sealed_size: u64,
    header_hash: [u8; 32],
    place: StoredPlace,
}

enum StoredPlace {
    Inline(Bytes),
    Blob(FinishedBlob),
}

impl BodyWriter {
    /// For a body of this length, if it is known, in this storage class. A small one goes into the index, whatever
    /// its class.
    pub(crate) fn new(
        s3: &S3,
        keys: &BodyKeys,
        length: Option<u64>,
        class: Option<&str>,
    ) -> Result<Self> {
        let inline = length.is_some_and(|n| keys.layers().sealed_len(n) <= s3.config.inline_limit);
        if inline {
            return Ok(Self {
                seal: SealStream::new(keys, 1),
                blob: None,
            });
        }
        Self::blob(s3, keys, 1, class)
    }

    /// For a part of an upload, which is always a blob.
    pub(crate) fn blob(s3: &S3, keys: &BodyKeys, part: u32, class: Option<&str>) -> Result<Self> {
        let blob = match class {
            None => s3.blobs.create(),
            Some(class) => s3.blobs.create_in(class)?,
        };
        Ok(Self {
            seal: SealStream::new(keys, part),
            blob: Some(blob),
        })
    }

    pub(crate) async fn push(&mut self, plaintext: &[u8]) -> Result<()> {
        // A frame of any size becomes at most one write-size of sealed bytes at a time.
        for piece in plaintext.chunks(WRITE_SIZE) {
            self.seal.push(piece).map_err(too_long)?;
            if self.seal.output().len() >= WRITE_SIZE {
                self.flush().await?;
            }
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<()> {
        if let Some(blob) = &mut self.blob {
            let sealed = self.seal.output().split().freeze();
            if !sealed.is_empty() {
                blob.write(sealed).await?;
            }
        }
        Ok(())
    }

    /// Seal the last segment and make the body durable.
    pub(crate) async fn finish(mut self) -> Result<Stored> {
        self.seal.finish().map_err(too_long)?;
        self.flush().await?;
        let size = self.seal.plain_len();
        let header_hash = self.seal.header_hash();
        match self.blob {
            Some(blob) => {
                let blob = blob.finish().await?;
                Ok(Stored {
                    size,
                    sealed_size: blob.size(),
                    header_hash,
                    place: StoredPlace::Blob(blob),
                })
            }
            None => {
                let sealed = self.seal.output().split().freeze();
                Ok(Stored {
                    size,
                    sealed_size: sealed.len() as u64,
                    header_hash,
                    place: StoredPlace::Inline(sealed),
                })
            }
        }
    }
}

fn too_long(_: sealgate_seal::SealError) -> S3Error {
    Code::EntityTooLarge.into()
}

impl Stored {
    /// As the body of a version of its own.
    pub(crate) fn body(&self, etag: &str) -> Body {
        match &self.place {
            StoredPlace::Inline(sealed) => Body::Inline(sealed.clone()),
            StoredPlace::Blob(_) => Body::Parts(self.part(1, etag, None).into_iter().collect()),
        }
    }

    /// As a part of an upload; `None` if it is not a blob.
    pub(crate) fn part(&self, number: u32, etag: &str, checksum: Option<Vec<u8>>) -> Option<Part> {
        match &self.place {
            StoredPlace::Inline(_) => None,
            StoredPlace::Blob(blob) => Some(Part {
                number,
                size: self.size,
                sealed_size: self.sealed_size,
                blob: blob.name().to_owned(),
                header_hash: self.header_hash,
                etag: etag.to_owned(),
                checksum,
            }),
        }
    }

    /// Settle the blob by the outcome of the row that refers to it: kept if the row is there,
    /// removed if the row was refused. Where the index failed in another way the row may or may
    /// not be there, so the blob is left for the orphan sweep to judge.
    pub(crate) fn settle<T>(self, outcome: &Result<T, IndexError>) {
        let StoredPlace::Blob(blob) = self.place else {
            return;
        };
        match outcome {
            Err(
                IndexError::PreconditionFailed
                | IndexError::NoSuchKey
                | IndexError::NoSuchBucket
                | IndexError::NoSuchUpload
                | IndexError::QuotaExceeded
                | IndexError::Conflict,
            ) => drop(blob),
            Ok(_) | Err(_) => blob.commit(),
        }
    }
}

/// A body that was read to its end and found right.
pub(crate) struct Ingested {
    pub(crate) stored: Stored,
    pub(crate) digests: Digests,
    /// Checksum that was computed beside the client's, if one was asked for.
    pub(crate) extra: Option<Checksum>,
}

/// Read, check, seal and store a body.
pub(crate) async fn ingest<B: http_body::Body<Data = Bytes> + Unpin>(
    mut reader: PayloadReader<B>,
    mut writer: BodyWriter,
    mut extra: Option<Hasher>,
) -> Result<Ingested> {
    while let Some(chunk) = reader.next().await? {
        if let Some(extra) = &mut extra {
            extra.update(&chunk);
        }
        writer.push(&chunk).await?;
    }
    let digests = reader.finish().await?;
    let stored = writer.finish().await?;
    Ok(Ingested {
        stored,
        digests,
        extra: extra.map(Hasher::finish),
    })
}

/// The length that a request declares for its body, within S3's limit.
pub(crate) fn declared_length(spec: &PayloadSpec) -> Result<u64> {
    let length = spec.decoded_length.ok_or(Code::MissingContentLength)?;
    if length > MAX_BODY {
        return Err(S3Error::from(Code::EntityTooLarge)
            .with("ProposedSize", length.to_string())
            .with("MaxSizeAllowed", MAX_BODY.to_string()));
    }
    Ok(length)
}

/// Carry out the commit of a row even if the client goes away meanwhile: from here on the outcome
/// decides what becomes of the blob, so it must be seen.
pub(crate) async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    tokio::spawn(work).await.unwrap_or_else(|error| {
        tracing::error!(%error, "a commit did not finish");
        Err(Code::InternalError.into())
    })
}

/// An entity tag that says nothing about the content, as objects under KMS and customer keys have.
pub(crate) fn opaque_etag() -> Result<String> {
    let mut random = [0; 16];
    sealgate_crypto::random::fill(&mut random).map_err(|_| Code::InternalError)?;
    Ok(hex::encode(random))
}
