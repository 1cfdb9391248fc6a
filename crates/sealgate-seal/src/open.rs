//! Opening: sealed bytes in, verified plaintext of a range out.

use std::ops::Range;

use bytes::{Buf, BytesMut};

use crate::{
    OpenError, header,
    key::BodyKeys,
    layout::{self, Layers, MAX_PLAIN_LEN},
    nonce::SegmentNonce,
    segment::SegmentCipher,
};

/// Opens a plaintext range of a sealed body. Only whole segments whose tags fit are handed out,
/// cut to the range.
pub struct OpenStream {
    layers: Layers,
    cipher: SegmentCipher,
    plain_len: u64,
    range: Range<u64>,
    sealed_range: Range<u64>,
    /// The segment that is expected, and the last of the range.
    segment: u64,
    last_of_range: u64,
    /// The beginning of a segment that has not come whole.
    pending: Vec<u8>,
    plain: BytesMut,
    state: State,
}

#[derive(Clone, Copy)]
enum State {
    Reading,
    Done,
    /// Once a check failed, the stream stays failed: nothing behind a damage is handed out.
    Failed(OpenError),
}

impl OpenStream {
    /// Opens `range` of the body of `plain_len` bytes. `header` is the first
    /// [`Layers::header_len`] bytes of the blob: what it says of itself, and that these keys are
    /// its keys, is checked before anything else.
    ///
    /// The length comes from whoever keeps the index. A wrong one is refused at the last segment;
    /// a range that does not touch the last segment holds only true bytes of the body all the same.
    ///
    /// # Errors
    /// If the header is not that of a blob under these keys, or the range is not within the body.
    pub fn new(
        keys: &BodyKeys,
        part: u32,
        header: &[u8],
        plain_len: u64,
        range: Range<u64>,
    ) -> Result<Self, OpenError> {
        let cipher = header::open(keys, part, header)?;
        if plain_len > MAX_PLAIN_LEN || range.start > range.end || range.end > plain_len {
            return Err(OpenError::BadLength);
        }
        let layers = keys.layers();
        let (segment, last_of_range) = layout::segments_of(plain_len, &range);
        Ok(Self {
            layers,
            cipher,
            plain_len,
            sealed_range: layout::sealed_range(layers, plain_len, range.clone()),
            range,
            segment,
            last_of_range,
            pending: Vec::new(),
            plain: BytesMut::new(),
            state: State::Reading,
        })
    }

    /// The bytes of the blob to push, in order: whole segments, never empty.
    #[must_use]
    pub fn sealed_range(&self) -> Range<u64> {
        self.sealed_range.clone()
    }

    /// Takes the next bytes of the sealed range, in pieces of any size. The plaintext of the
    /// segments that they complete is verified and appended to the output; nothing else ever is.
    ///
    /// # Errors
    /// If a segment is damaged, or more is pushed than the sealed range has. The stream then
    /// stays failed; what was handed out before is true.
    pub fn push(&mut self, sealed: &[u8]) -> Result<(), OpenError> {
        if let State::Failed(error) = self.state {
            return Err(error);
        }
        let pushed = self.push_segments(sealed);
        if let Err(error) = pushed {
            self.state = State::Failed(error);
        }
        pushed
    }

    /// Verified plaintext; the caller splits it off (`split()`).
    pub fn output(&mut self) -> &mut BytesMut {
        &mut self.plain
    }

    /// Says that all has been pushed.
    ///
    /// # Errors
    /// If it was less than the sealed range, or a check failed before.
    pub fn finish(&mut self) -> Result<(), OpenError> {
        match self.state {
            State::Done => Ok(()),
            State::Reading => Err(OpenError::Truncated),
            State::Failed(error) => Err(error),
        }
    }

    fn push_segments(&mut self, mut sealed: &[u8]) -> Result<(), OpenError> {
        // One allocation for all that this push can give.
        let whole = self.pending.len() + sealed.len();
        if whole >= self.sealed_segment_len() {
            self.plain.reserve(whole);
        }
        while !sealed.is_empty() {
            if matches!(self.state, State::Done) {
                return Err(OpenError::BadLength);
            }
            let missing = self.sealed_segment_len() - self.pending.len();
            let Some((now, later)) = sealed.split_at_checked(missing) else {
                self.pending.reserve_exact(missing);
                self.pending.extend_from_slice(sealed);
                return Ok(());
            };
            self.open_segment(now)?;
            self.pending.clear();
            sealed = later;
        }
        Ok(())
    }

    /// Bytes of the expected segment in the blob.
    fn sealed_segment_len(&self) -> usize {
        layout::segment_plain_len(self.plain_len, self.segment) + self.layers.overhead()
    }

    /// Opens the segment that `pending` begins and `tail` ends.
    fn open_segment(&mut self, tail: &[u8]) -> Result<(), OpenError> {
        let segment = self.segment;
        let last = segment + 1 == layout::segment_count(self.plain_len);
        let nonce = SegmentNonce::at(segment, last).ok_or(OpenError::BadLength)?;
        let before = self.plain.len();
        self.cipher
            .open(&nonce, &self.pending, tail, &mut self.plain)
            .map_err(|_| OpenError::Damaged { segment })?;
        self.cut_to_range(before);
        if segment == self.last_of_range {
            self.state = State::Done;
        } else {
            self.segment += 1;
        }
        Ok(())
    }

    /// Cuts the segment that begins at `before` in the output to the range. Whole segments stay
    /// where they are.
    fn cut_to_range(&mut self, before: usize) {
        let start = layout::segment_start(self.segment);
        let len = (self.plain.len() - before) as u64;
        // Both fit a usize: they are at most the length of a segment.
        let skip = self.range.start.saturating_sub(start).min(len) as usize;
        let end = self.range.end.saturating_sub(start).min(len) as usize;
        self.plain.truncate(before + end.max(skip));
        if skip > 0 {
            // Only the first segment of a range: nothing stands before it, so nothing is moved.
            let mut segment = self.plain.split_off(before);
            segment.advance(skip);
            self.plain.unsplit(segment);
        }
    }
}

/// Opens a body that is all there: header and segments.
///
/// # Errors
/// If anything of it is not as it was sealed.
pub fn open_all(keys: &BodyKeys, part: u32, sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
    let layers = keys.layers();
    let (header, segments) = sealed
        .split_at_checked(layers.header_len())
        .unwrap_or((sealed, &[]));
    let Some(plain_len) = layers.plain_len(sealed.len() as u64) else {
        // A wrong key or a foreign file is named as such, whatever its length.
        header::open(keys, part, header)?;
        return Err(OpenError::BadLength);
    };
    let mut stream = OpenStream::new(keys, part, header, plain_len, 0..plain_len)?;
    stream.push(segments)?;
    stream.finish()?;
    let plain = stream.output().split();
    drop(stream);
    Ok(plain.into())
}
