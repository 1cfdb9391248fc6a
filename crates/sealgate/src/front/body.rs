//! Bodies of answers, with a watch on them: how much went, and whether it was all.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};

use super::observation::Observation;

/// What a body can fail with.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
/// The body of an answer, from whichever service.
pub type AnswerBody = UnsyncBoxBody<Bytes, BoxError>;

/// A body that is in hand.
pub fn whole(bytes: impl Into<Bytes>) -> AnswerBody {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// The body of an answer; its end is the end of the request's observation.
pub struct ResponseBody {
    inner: AnswerBody,
    observation: Observation,
    expected: Option<u64>,
}

impl ResponseBody {
    /// Watches `inner`, which by its header has `declared` bytes.
    pub fn new(inner: AnswerBody, declared: Option<u64>, observation: Observation) -> ResponseBody {
        let expected = declared.or(inner.size_hint().exact());
        ResponseBody {
            inner,
            observation,
            expected,
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                let size = frame.data_ref().map_or(0, |data| data.len() as u64);
                self.observation.sent(size);
                // Who knows the length does not ask for the end.
                if self.inner.is_end_stream() || self.expected == Some(self.observation.bytes_out())
                {
                    self.observation.completed();
                }
            }
            Some(Err(_)) => self.observation.failed(),
            None => self.observation.completed(),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
