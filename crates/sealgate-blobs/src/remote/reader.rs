//! Reads a range of a remote blob as it arrives.

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};

use super::error::from_backend;
use crate::{BlobError, READ_PIECE, Result};

pub(crate) struct RemoteReader {
    stream: BoxStream<'static, object_store::Result<Bytes>>,
    /// What arrived and was not handed out yet.
    piece: Bytes,
    /// What is still to be handed out.
    left: u64,
    /// Size of the whole blob.
    size: u64,
}

impl RemoteReader {
    pub(super) fn new(
        stream: BoxStream<'static, object_store::Result<Bytes>>,
        length: u64,
        size: u64,
    ) -> RemoteReader {
        RemoteReader {
            stream,
            piece: Bytes::new(),
            left: length,
            size,
        }
    }

    /// For an empty range, which no backend is asked for.
    pub(super) fn empty() -> RemoteReader {
        RemoteReader::new(stream::empty().boxed(), 0, 0)
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>> {
        if self.left == 0 {
            return Ok(None);
        }
        while self.piece.is_empty() {
            match self.stream.next().await {
                Some(piece) => self.piece = piece.map_err(from_backend)?,
                None => return Err(BlobError::ShortRead),
            }
        }
        let most = usize::try_from(self.left).map_or(READ_PIECE, |left| left.min(READ_PIECE));
        let piece = self.piece.split_to(self.piece.len().min(most));
        self.left -= piece.len() as u64;
        Ok(Some(piece))
    }
}
