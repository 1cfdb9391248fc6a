//! Reads a range of a file in pieces.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::Path;

use bytes::Bytes;
use rustix::buffer::spare_capacity;
use rustix::io::{Errno, pread};

use crate::{BlobError, READ_PIECE, Result};

pub(crate) struct LocalReader {
    file: File,
    rest: Range<u64>,
    size: u64,
}

impl LocalReader {
    pub(crate) fn open(path: &Path, range: Range<u64>) -> Result<LocalReader> {
        let file = File::open(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => BlobError::NotFound,
            _ => error.into(),
        })?;
        // Better now than after the head of the answer has left.
        let size = file.metadata()?.len();
        if size < range.end {
            return Err(BlobError::ShortRead);
        }
        Ok(LocalReader {
            file,
            rest: range,
            size,
        })
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>> {
        let left = self.rest.end.saturating_sub(self.rest.start);
        if left == 0 {
            return Ok(None);
        }
        // A long read from the page cache never waits by itself; let others have their turn.
        tokio::task::consume_budget().await;
        let want = usize::try_from(left).map_or(READ_PIECE, |left| left.min(READ_PIECE));
        let mut piece = Vec::with_capacity(want);
        while piece.len() < want {
            let offset = self.rest.start + piece.len() as u64;
            // The capacity may exceed what was asked for; the excess is cut below.
            match pread(&self.file, spare_capacity(&mut piece), offset) {
                Ok(0) => return Err(BlobError::ShortRead),
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(io::Error::from(errno).into()),
            }
        }
        piece.truncate(want);
        self.rest.start += want as u64;
        Ok(Some(piece.into()))
    }
}
