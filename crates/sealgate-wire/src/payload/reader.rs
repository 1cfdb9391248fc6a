//! Reading a body: frames, idle time, decoding, lengths, digests.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt as _;
use tokio::time::Instant;

use super::chunked::{ChunkedDecoder, Framing};
use super::hashing::Hashes;
use super::{PayloadError, PayloadSpec};
use crate::checksum::Checksum;
use crate::sigv4::Payload;

/// What was computed of a body that kept every promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digests {
    /// The number of plain bytes.
    pub length: u64,
    /// The MD5, if it was wanted or promised.
    pub md5: Option<[u8; 16]>,
    /// The checksum that the client promised, else the one wanted.
    pub checksum: Option<Checksum>,
}

/// Reads a body. [`next`](Self::next) gives its plain bytes as they come, those of signed chunks only
/// after their signature was checked; whether the *whole* is what the client meant is known only after
/// [`finish`](Self::finish), so nothing may become visible before it.
///
/// A call of `next` that is dropped before it is done may lose bytes; drop the reader with it.
pub struct PayloadReader<B> {
    body: B,
    source: Source,
    hashes: Hashes,
    expectations: Expectations,
    declared: Option<u64>,
    limit: Option<u64>,
    idle_timeout: Duration,
    /// How long the client let us wait, less what it sent for it ([`MIN_RATE`]).
    lag: Duration,
    length: u64,
    state: State,
}

/// Bytes in a millisecond that a client has to send on average. A limit on silence alone would let it
/// keep a body open for good, a byte at a time, and with it a part buffer that others wait for. Pauses
/// up to the idle timeout are fine, and so is any rate of a real network.
const MIN_RATE: u64 = 1;

/// Where plain bytes come from.
enum Source {
    /// From the frames themselves.
    Plain,
    Chunked(Box<ChunkedDecoder>),
}

/// The digests to compare with.
struct Expectations {
    sha256: Option<[u8; 32]>,
    md5: Option<[u8; 16]>,
    checksum: Option<Checksum>,
}

enum State {
    Reading,
    Ended,
    Failed(PayloadError),
}

impl<B: Body<Data = Bytes> + Unpin> PayloadReader<B> {
    /// Takes a body. It is polled (and with it, `100 Continue` sent) not before [`next`](Self::next).
    pub fn new(body: B, spec: PayloadSpec) -> Self {
        let hashes = Hashes::new(&spec);
        let sha256 = match spec.payload {
            Payload::Sha256(hash) => Some(hash),
            _ => None,
        };
        let length = spec.decoded_length.unwrap_or_default();
        let chunked = |framing| {
            let decoder = ChunkedDecoder::new(framing, spec.trailer, length);
            Source::Chunked(Box::new(decoder))
        };
        let mut state = State::Reading;
        let source = match (spec.payload, spec.chunks) {
            (Payload::ChunkedUnsignedTrailer, _) => chunked(Framing::Unsigned),
            (Payload::ChunkedSigned { trailer }, Some(verifier)) => {
                chunked(Framing::Signed { verifier, trailer })
            }
            (Payload::ChunkedSigned { .. }, None) => {
                // Signed chunks without the means to check them: never read as if they were checked.
                state = State::Failed(PayloadError::Internal);
                Source::Plain
            }
            (Payload::Sha256(_) | Payload::Unsigned | Payload::Whole, _) => Source::Plain,
        };
        PayloadReader {
            body,
            source,
            hashes,
            expectations: Expectations {
                sha256,
                md5: spec.content_md5,
                checksum: spec.expected,
            },
            declared: spec.decoded_length,
            limit: spec.limit,
            idle_timeout: spec.idle_timeout,
            lag: Duration::ZERO,
            length: 0,
            state,
        }
    }

    /// The next plain bytes, never empty; `None` at the end. After an error, the same error.
    pub async fn next(&mut self) -> Result<Option<Bytes>, PayloadError> {
        match &self.state {
            State::Reading => {}
            State::Ended => return Ok(None),
            State::Failed(error) => return Err(error.clone()),
        }
        let result = self.read().await;
        match &result {
            Ok(Some(_)) => {}
            Ok(None) => self.state = State::Ended,
            Err(error) => self.state = State::Failed(error.clone()),
        }
        result
    }

    /// Reads what is left, then checks every promise and gives what was computed.
    pub async fn finish(mut self) -> Result<Digests, PayloadError> {
        while self.next().await?.is_some() {}
        let computed = self.hashes.finish().await?;
        if let (Some(client), Some(computed)) = (self.expectations.sha256, &computed.sha256)
            && client[..] != computed[..]
        {
            return Err(PayloadError::Sha256Mismatch {
                client: hex::encode(client),
                computed: hex::encode(computed),
            });
        }
        if let (Some(expected), Some(calculated)) = (self.expectations.md5, computed.md5)
            && expected != calculated
        {
            return Err(PayloadError::Md5Mismatch {
                expected: STANDARD.encode(expected),
                calculated: STANDARD.encode(calculated),
            });
        }
        if let Some(expected) = self.expectations.checksum
            && computed.checksum.as_ref() != Some(&expected)
        {
            return Err(PayloadError::ChecksumMismatch {
                algorithm: expected.algorithm,
            });
        }
        Ok(Digests {
            length: self.length,
            md5: computed.md5,
            checksum: computed.checksum,
        })
    }

    /// Reads all of a small body, such as a document; `EntityTooLarge` beyond `limit` bytes.
    pub async fn collect(mut self, limit: u64) -> Result<(Bytes, Digests), PayloadError> {
        self.limit = Some(self.limit.map_or(limit, |own| own.min(limit)));
        let mut all = BytesMut::new();
        while let Some(data) = self.next().await? {
            all.extend_from_slice(&data);
        }
        Ok((all.freeze(), self.finish().await?))
    }

    async fn read(&mut self) -> Result<Option<Bytes>, PayloadError> {
        // A declared length is refused before the first byte is asked for.
        if let Some(limit) = self.limit
            && self.declared.is_some_and(|declared| declared > limit)
        {
            return Err(PayloadError::EntityTooLarge { limit });
        }
        loop {
            if let Source::Chunked(decoder) = &mut self.source
                && let Some(data) = decoder.next()?
            {
                return self.take(data).await.map(Some);
            }
            let Some(frame) = self.frame().await? else {
                break;
            };
            match &mut self.source {
                Source::Plain => return self.take(frame).await.map(Some),
                Source::Chunked(decoder) => decoder.push(frame),
            }
        }
        if let Source::Chunked(decoder) = &mut self.source
            && let Some(checksum) = decoder.finish()?
        {
            self.expectations.checksum = Some(checksum);
        }
        if self
            .declared
            .is_some_and(|declared| declared != self.length)
        {
            return Err(PayloadError::IncompleteBody);
        }
        Ok(None)
    }

    /// Counts and hashes plain bytes.
    async fn take(&mut self, data: Bytes) -> Result<Bytes, PayloadError> {
        self.length += data.len() as u64;
        if self.declared.is_some_and(|declared| self.length > declared) {
            return Err(PayloadError::IncompleteBody);
        }
        if let Some(limit) = self.limit
            && self.length > limit
        {
            return Err(PayloadError::EntityTooLarge { limit });
        }
        self.hashes.update(&data).await?;
        Ok(data)
    }

    /// The next data of the body that is not empty.
    async fn frame(&mut self) -> Result<Option<Bytes>, PayloadError> {
        loop {
            let patience = self.idle_timeout.saturating_sub(self.lag);
            let asked = Instant::now();
            let frame = tokio::time::timeout(patience, self.body.frame())
                .await
                .map_err(|_| PayloadError::RequestTimeout)?;
            self.lag = self.lag.saturating_add(asked.elapsed());
            match frame {
                None => return Ok(None),
                // The client went away, or HTTP's own framing broke.
                Some(Err(_)) => return Err(PayloadError::IncompleteBody),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if !data.is_empty() => {
                        let worth = Duration::from_millis(data.len() as u64 / MIN_RATE);
                        self.lag = self.lag.saturating_sub(worth);
                        return Ok(Some(data));
                    }
                    // HTTP trailers are not those of aws-chunked, and mean nothing to S3.
                    _ => {}
                },
            }
        }
    }
}
