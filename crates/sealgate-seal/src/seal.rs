//! Sealing: plaintext in, sealed bytes out.

use bytes::BytesMut;

use crate::{
    SealError,
    header::{self, Salt},
    key::BodyKeys,
    layout::{Layers, MAX_PLAIN_LEN, SEGMENT_SIZE},
    nonce::Sequence,
    random,
    segment::SegmentCipher,
};

/// The most room that is kept ready beyond what a push needs.
const MAX_SPARE: usize = 4 * SEGMENT_SIZE;

/// Seals a body that arrives in pieces of any size. The header comes out before the first segment.
///
/// The plaintext is copied once, to where its segment is then encrypted in place and handed out
/// without another copy: `sealed` and `open` are neighbours in one allocation.
pub struct SealStream {
    layers: Layers,
    cipher: SegmentCipher,
    sequence: Sequence,
    /// The header, until it is in the output.
    header: Vec<u8>,
    /// What may be handed out.
    sealed: BytesMut,
    /// Plaintext of the segment that is being filled. A full one stays until more comes, for only
    /// then is it known not to be the last.
    open: BytesMut,
    plain_len: u64,
}

impl SealStream {
    /// Begins a body under these keys, with salts of its own. `part` is the number of the part in
    /// a multipart upload, 0 for a body in one piece; a blob opens only as the part it was.
    ///
    /// # Panics
    /// If the operating system has no randomness to give.
    #[must_use]
    pub fn new(keys: &BodyKeys, part: u32) -> Self {
        Self::with_salts(keys, part, random::bytes)
    }

    /// Salts are chosen by nobody but [`SealStream::new`] and the test vectors.
    pub(crate) fn with_salts(keys: &BodyKeys, part: u32, salts: impl FnMut() -> Salt) -> Self {
        let (header, cipher) = header::create(keys, part, salts);
        Self {
            layers: keys.layers(),
            cipher,
            sequence: Sequence::new(),
            header,
            sealed: BytesMut::new(),
            open: BytesMut::new(),
            plain_len: 0,
        }
    }

    /// Takes the next bytes of the body. The segments that they complete are sealed and appended
    /// to the output.
    ///
    /// # Errors
    /// If the body is finished already or becomes too long.
    pub fn push(&mut self, mut plaintext: &[u8]) -> Result<(), SealError> {
        if self.sequence.finished() {
            return Err(SealError::Finished);
        }
        let plain_len = self.plain_len.saturating_add(plaintext.len() as u64);
        if plain_len > MAX_PLAIN_LEN {
            return Err(SealError::TooLong);
        }
        if plaintext.is_empty() {
            return Ok(());
        }
        self.make_room(plaintext.len());
        self.plain_len = plain_len;
        while !plaintext.is_empty() {
            if self.open.len() == SEGMENT_SIZE {
                self.seal_segment(false)?;
            }
            let fits = plaintext.len().min(SEGMENT_SIZE - self.open.len());
            let (now, later) = plaintext.split_at(fits);
            self.open.extend_from_slice(now);
            plaintext = later;
        }
        Ok(())
    }

    /// Ends the body: seals the last segment, even if it is empty.
    ///
    /// # Errors
    /// If the body is finished already.
    pub fn finish(&mut self) -> Result<(), SealError> {
        if self.sequence.finished() {
            return Err(SealError::Finished);
        }
        self.make_room(0);
        self.seal_segment(true)
    }

    /// Sealed bytes that are ready to be written; the caller splits them off (`split()`).
    pub fn output(&mut self) -> &mut BytesMut {
        &mut self.sealed
    }

    /// Plaintext bytes taken so far.
    #[must_use]
    pub fn plain_len(&self) -> u64 {
        self.plain_len
    }

    /// The [`header_hash`](crate::header_hash) of this blob, known from the beginning on. Whoever
    /// keeps it apart from the blob notices when another one is put into its place.
    #[must_use]
    pub fn header_hash(&self) -> [u8; 32] {
        self.cipher.header_hash()
    }

    fn seal_segment(&mut self, last: bool) -> Result<(), SealError> {
        let nonce = self.sequence.next(last).ok_or(SealError::TooLong)?;
        self.cipher
            .seal(&nonce, &mut self.open)
            .map_err(|_| SealError::Cipher)?;
        self.sealed.unsplit(self.open.split());
        Ok(())
    }

    /// Makes room for `len` more bytes of plaintext and all that sealing adds to them, in one
    /// allocation, and puts the header into it where it is still owed.
    fn make_room(&mut self, len: usize) {
        let segments = (self.open.len() + len) / SEGMENT_SIZE + 1;
        let mut needed = len + segments * self.layers.overhead() + self.header.len();
        if self.open.capacity() - self.open.len() < needed {
            // A body that comes in small pieces: the more it had, the more it will have.
            needed = needed.max((2 * self.plain_len).min(MAX_SPARE as u64) as usize);
            self.reserve(needed);
        }
        if !self.header.is_empty() {
            self.open
                .extend_from_slice(&std::mem::take(&mut self.header));
            self.sealed.unsplit(self.open.split());
        }
    }

    fn reserve(&mut self, needed: usize) {
        if self.sealed.is_empty() {
            // The usual case, all was taken. If it is written and dropped already, its buffer is
            // used again, else there is a new one. Only the plaintext that waits moves.
            self.sealed = BytesMut::new();
            if !self.open.try_reclaim(needed) {
                let mut open = BytesMut::with_capacity(self.open.len() + needed);
                open.extend_from_slice(&self.open);
                self.open = open;
            }
        } else {
            // Someone gathers the output: let it grow in one piece.
            let ready = self.sealed.len();
            self.sealed.unsplit(std::mem::take(&mut self.open));
            self.sealed.reserve(needed);
            self.open = self.sealed.split_off(ready);
        }
    }
}

/// Seals a body that is all there.
///
/// # Errors
/// If the body is too long.
///
/// # Panics
/// If the operating system has no randomness to give.
pub fn seal_all(keys: &BodyKeys, part: u32, plaintext: &[u8]) -> Result<Vec<u8>, SealError> {
    let mut stream = SealStream::new(keys, part);
    stream.push(plaintext)?;
    stream.finish()?;
    let sealed = stream.output().split();
    drop(stream);
    Ok(sealed.into())
}
