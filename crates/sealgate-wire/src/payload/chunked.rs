//! aws-chunked: `SIZE[;chunk-signature=HEX]\r\n DATA \r\n … 0[;chunk-signature=HEX]\r\n` and a trailer.
//!
//! The decoder takes the body in whatever pieces it comes, and keeps little: a line, and where chunks
//! are signed one chunk, because none of its bytes may be used before its signature is checked. Unsigned
//! chunks pass through. The body ends where HTTP says so; what stands after the last chunk must be the
//! trailer.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html>. More lenient
//! than AWS: the last line ends may be missing.

use bytes::{Bytes, BytesMut};
use sealgate_crypto::hash::{Digest as _, Sha256};

use super::PayloadError;
use crate::checksum::{Checksum, ChecksumAlgorithm};
use crate::sigv4::ChunkVerifier;

/// The longest head of a chunk: a size and a signature need about 100 bytes.
const HEAD_LIMIT: usize = 1024;
/// The largest signed chunk; SDKs send 64 KiB to 1 MiB.
const SIGNED_CHUNK_LIMIT: u64 = 16 * 1024 * 1024;
/// The smallest signed chunk that another one may follow.
const SIGNED_CHUNK_MINIMUM: u64 = 8192;
/// The longest trailer.
const TRAILER_LIMIT: usize = 16 * 1024;
const TRAILER_SIGNATURE: &str = "x-amz-trailer-signature";

/// How a body is chunked.
pub(super) enum Framing {
    /// Every chunk is signed, and the trailer if there is one.
    Signed {
        verifier: ChunkVerifier,
        trailer: bool,
    },
    /// Nothing is signed.
    Unsigned,
}

enum State {
    /// Before or within the head of a chunk.
    Head,
    /// Within the data of a chunk.
    Data { left: u64 },
    /// Before or within the line end after the data.
    DataEnd,
    /// After the last chunk.
    Trailer,
}

/// A body being decoded.
pub(super) struct ChunkedDecoder {
    framing: Framing,
    /// The algorithm that `x-amz-trailer` announced.
    announced: Option<ChecksumAlgorithm>,
    state: State,
    /// What came and is not looked at yet.
    input: Bytes,
    /// The part of a line that came.
    line: Vec<u8>,
    /// Plain bytes still to come, by `x-amz-decoded-content-length`.
    expected: u64,
    /// Signed chunks whose heads were read, and the size of the last one.
    chunks: u64,
    last_size: u64,
    /// The signed chunk so far, and the signature in its head.
    chunk: BytesMut,
    hasher: Sha256,
    signature: String,
    trailer_len: usize,
    trailers: Vec<(String, String)>,
}

impl ChunkedDecoder {
    pub(super) fn new(
        framing: Framing,
        announced: Option<ChecksumAlgorithm>,
        decoded_length: u64,
    ) -> Self {
        ChunkedDecoder {
            framing,
            announced,
            state: State::Head,
            input: Bytes::new(),
            line: Vec::new(),
            expected: decoded_length,
            chunks: 0,
            last_size: SIGNED_CHUNK_MINIMUM,
            chunk: BytesMut::new(),
            hasher: Sha256::new(),
            signature: String::new(),
            trailer_len: 0,
            trailers: Vec::new(),
        }
    }

    /// Gives the next piece of the body, when [`next`](Self::next) had no more.
    pub(super) fn push(&mut self, piece: Bytes) {
        debug_assert!(self.input.is_empty());
        self.input = piece;
    }

    /// The next plain bytes of what was pushed.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, PayloadError> {
        loop {
            match self.state {
                State::Head => {
                    let Some(line) = self.take_line(HEAD_LIMIT, malformed)? else {
                        return Ok(None);
                    };
                    self.head(&line)?;
                }
                State::Data { left } => {
                    if self.input.is_empty() {
                        return Ok(None);
                    }
                    let len = usize::try_from(left)
                        .map_or(self.input.len(), |left| left.min(self.input.len()));
                    let data = self.input.split_to(len);
                    let left = left - len as u64;
                    self.state = if left == 0 {
                        State::DataEnd
                    } else {
                        State::Data { left }
                    };
                    if let Framing::Signed { verifier, .. } = &mut self.framing {
                        self.hasher.update(&data);
                        self.chunk.extend_from_slice(&data);
                        if left == 0 {
                            let hash = self.hasher.finalize_reset().into();
                            if !verifier.chunk(&hash, &self.signature) {
                                return Err(PayloadError::ChunkSignature);
                            }
                            return Ok(Some(self.chunk.split().freeze()));
                        }
                    } else {
                        return Ok(Some(data));
                    }
                }
                State::DataEnd => {
                    let Some(line) = self.take_line(2, malformed)? else {
                        return Ok(None);
                    };
                    if line != b"\r\n" {
                        return Err(malformed());
                    }
                    self.state = State::Head;
                }
                State::Trailer => {
                    let limit = TRAILER_LIMIT - self.trailer_len;
                    let Some(line) = self.take_line(limit, || PayloadError::MalformedTrailer)?
                    else {
                        return Ok(None);
                    };
                    self.trailer_len += line.len();
                    self.trailer_line(&line)?;
                }
            }
        }
    }

    /// At the end of the body: checks that it was complete, and gives the checksum of the trailer.
    pub(super) fn finish(&mut self) -> Result<Option<Checksum>, PayloadError> {
        if !matches!(self.state, State::Trailer) {
            return Err(PayloadError::IncompleteBody);
        }
        let rest = std::mem::take(&mut self.line);
        self.trailer_line(&rest)?;
        let mut trailers = std::mem::take(&mut self.trailers);
        if let Framing::Signed {
            verifier,
            trailer: true,
        } = &mut self.framing
        {
            let at = trailers
                .iter()
                .position(|(name, _)| name == TRAILER_SIGNATURE);
            let (_, signature) = trailers.swap_remove(at.ok_or(PayloadError::MalformedTrailer)?);
            trailers.sort();
            let mut lines = Sha256::new();
            for (name, value) in &trailers {
                lines.update(format!("{name}:{value}\n"));
            }
            if !verifier.trailer(&lines.finalize().into(), &signature) {
                return Err(PayloadError::ChunkSignature);
            }
        }
        // What was announced, in the signed head, must come; what was not must not.
        match (self.announced, &trailers[..]) {
            (None, []) => Ok(None),
            (Some(algorithm), [(name, value)]) if name == algorithm.header() => {
                match Checksum::from_base64(algorithm, value) {
                    Some(checksum) => Ok(Some(checksum)),
                    None => Err(PayloadError::InvalidRequest(format!(
                        "Value for {name} trailing header is invalid."
                    ))),
                }
            }
            _ => Err(PayloadError::MalformedTrailer),
        }
    }

    /// Takes a line with its end off the input, or what there is of it.
    fn take_line(
        &mut self,
        limit: usize,
        too_long: fn() -> PayloadError,
    ) -> Result<Option<Vec<u8>>, PayloadError> {
        let end = memchr::memchr(b'\n', &self.input);
        let len = end.map_or(self.input.len(), |at| at + 1);
        if self.line.len() + len > limit {
            return Err(too_long());
        }
        self.line.extend_from_slice(&self.input.split_to(len));
        Ok(end.map(|_| std::mem::take(&mut self.line)))
    }

    fn head(&mut self, line: &[u8]) -> Result<(), PayloadError> {
        let line = line
            .strip_suffix(b"\r\n")
            .and_then(|line| std::str::from_utf8(line).ok())
            .ok_or_else(malformed)?;
        let (size, extensions) = line.split_once(';').unwrap_or((line, ""));
        // The number parser alone would take a sign.
        if !size.bytes().all(|c| c.is_ascii_hexdigit()) {
            return Err(malformed());
        }
        let size = u64::from_str_radix(size, 16).map_err(|_| malformed())?;
        if size > self.expected {
            return Err(PayloadError::IncompleteBody);
        }
        self.expected -= size;
        if let Framing::Signed { verifier, .. } = &mut self.framing {
            if size > SIGNED_CHUNK_LIMIT {
                return Err(PayloadError::InvalidRequest(
                    "A signed chunk may have at most 16 MiB.".to_owned(),
                ));
            }
            self.chunks += 1;
            if size > 0 && self.last_size < SIGNED_CHUNK_MINIMUM {
                return Err(PayloadError::ChunkSize {
                    chunk: self.chunks,
                    size: self.last_size,
                });
            }
            self.last_size = size;
            self.signature = extensions
                .split(';')
                .find_map(|e| e.trim().strip_prefix("chunk-signature="))
                .ok_or_else(malformed)?
                .to_owned();
            if size == 0 && !verifier.chunk(&Sha256::digest(b"").into(), &self.signature) {
                return Err(PayloadError::ChunkSignature);
            }
        }
        self.state = match size {
            0 if self.expected > 0 => return Err(PayloadError::IncompleteBody),
            0 => State::Trailer,
            left => State::Data { left },
        };
        Ok(())
    }

    fn trailer_line(&mut self, line: &[u8]) -> Result<(), PayloadError> {
        let line = std::str::from_utf8(line)
            .map_err(|_| PayloadError::MalformedTrailer)?
            .trim();
        if line.is_empty() {
            return Ok(());
        }
        let (name, value) = line.split_once(':').ok_or(PayloadError::MalformedTrailer)?;
        let name = name.trim().to_ascii_lowercase();
        if self.trailers.iter().any(|(seen, _)| *seen == name) {
            return Err(PayloadError::MalformedTrailer);
        }
        self.trailers.push((name, value.trim().to_owned()));
        Ok(())
    }
}

fn malformed() -> PayloadError {
    PayloadError::InvalidRequest("The aws-chunked body is malformed.".to_owned())
}
