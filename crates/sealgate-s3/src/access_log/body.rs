//! The body of an answer whose request is logged: its end is the end of the line.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::entry::Entry;
use crate::response::{BrokenBody, ResponseBody};

pub(super) struct LoggedBody {
    inner: ResponseBody,
    entry: Entry,
}

impl LoggedBody {
    pub(super) fn new(inner: ResponseBody, entry: Entry) -> Self {
        Self { inner, entry }
    }
}

impl Body for LoggedBody {
    type Data = Bytes;
    type Error = BrokenBody;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenBody>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        if let Some(Ok(frame)) = &frame {
            self.entry.sent(frame.data_ref().map_or(0, Bytes::len));
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

/// Also where the client has gone.
impl Drop for LoggedBody {
    fn drop(&mut self) {
        self.entry.write();
    }
}
