//! The body of a request: read by one operation, or by nobody.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::request::Parts;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Either;
use http_body_util::combinators::UnsyncBoxBody;
use sealgate_iam::Authenticated;
use sealgate_wire::payload::{PayloadReader, PayloadSpec};
use sealgate_wire::sigv4::{ChunkVerifier, Payload};

use crate::S3;
use crate::error::{Code, Result};
use crate::request::Request;

/// The body of a request: from a client's connection, or from this process.
pub type Source = Either<hyper::body::Incoming, UnsyncBoxBody<Bytes, BoxError>>;

/// What a body can fail with.
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A body, which forgets whether it came to its end.
pub(crate) struct Watched {
    incoming: Source,
    ended: bool,
}

impl Body for Watched {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, BoxError>>> {
        let polled = Pin::new(&mut self.incoming).poll_frame(cx);
        if matches!(polled, Poll::Ready(None)) || self.incoming.is_end_stream() {
            self.ended = true;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

/// The body of a request, which nobody has read yet.
pub(crate) struct RequestBody {
    incoming: Watched,
    payload: Payload,
    chunks: Option<ChunkVerifier>,
}

impl RequestBody {
    pub(crate) fn new(incoming: Source, auth: &mut Authenticated) -> Self {
        Self {
            payload: std::mem::replace(&mut auth.payload, Payload::Unsigned),
            chunks: auth.chunks.take(),
            ..Self::refused(incoming)
        }
    }

    /// The body of a request that is refused as it stands.
    pub(crate) fn refused(incoming: Source) -> Self {
        Self {
            incoming: Watched {
                ended: incoming.is_end_stream(),
                incoming,
            },
            payload: Payload::Unsigned,
            chunks: None,
        }
    }

    /// What the headers say of the body. Nothing is read yet.
    pub(crate) fn spec(&mut self, request: &Request, s3: &S3) -> Result<PayloadSpec> {
        let payload = std::mem::replace(&mut self.payload, Payload::Unsigned);
        let mut spec = PayloadSpec::from_headers(&request.parts, payload, self.chunks.take())?;
        spec.idle_timeout = s3.config.idle_timeout;
        Ok(spec)
    }

    /// Start reading. With `Expect: 100-continue` this is what makes the client send.
    pub(crate) fn reader(&mut self, spec: PayloadSpec) -> PayloadReader<&mut Watched> {
        PayloadReader::new(&mut self.incoming, spec)
    }

    /// The whole body of a request that carries a document, of at most `limit` bytes.
    pub(crate) async fn document(
        &mut self,
        request: &Request,
        s3: &S3,
        limit: usize,
    ) -> Result<Vec<u8>> {
        let spec = self.spec(request, s3)?;
        self.read_document(spec, limit).await
    }

    /// As [`document`](Self::document), where checksum headers are about an object and not about
    /// this body.
    pub(crate) async fn unsummed_document(
        &mut self,
        request: &Request,
        s3: &S3,
        limit: usize,
    ) -> Result<Vec<u8>> {
        let payload = std::mem::replace(&mut self.payload, Payload::Unsigned);
        let chunks = self.chunks.take();
        let mut spec = PayloadSpec::without_checksums(&request.parts, payload, chunks)?;
        spec.idle_timeout = s3.config.idle_timeout;
        self.read_document(spec, limit).await
    }

    async fn read_document(&mut self, spec: PayloadSpec, limit: usize) -> Result<Vec<u8>> {
        if spec
            .decoded_length
            .is_some_and(|length| length > limit as u64)
        {
            return Err(Code::MalformedXml.into());
        }
        let mut reader = self.reader(spec);
        let mut document = Vec::new();
        while let Some(chunk) = reader.next().await? {
            if document.len() + chunk.len() > limit {
                return Err(Code::MalformedXml.into());
            }
            document.extend_from_slice(&chunk);
        }
        reader.finish().await?;
        Ok(document)
    }

    /// Whether the body was read to its end. If not, its rest is still on the connection, where the
    /// next request would be looked for.
    pub(crate) fn is_read(&self) -> bool {
        self.incoming.ended
    }

    /// Read away a small rest after a refusal, so that the client gets to read the answer rather
    /// than a reset connection. A client that waits for `100 Continue` has sent nothing.
    pub(crate) async fn drain(&mut self, request: &Parts) {
        use http_body_util::BodyExt as _;
        if request.headers.contains_key(http::header::EXPECT) {
            return;
        }
        let drain = async {
            let mut left: usize = 1 << 20;
            while let Some(Ok(frame)) = self.incoming.frame().await {
                let length = frame.data_ref().map_or(0, Bytes::len);
                match left.checked_sub(length) {
                    Some(rest) => left = rest,
                    None => break,
                }
            }
        };
        let _ = tokio::time::timeout(std::time::Duration::from_secs(2), drain).await;
    }
}
