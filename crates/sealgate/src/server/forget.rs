//! What a connection keeps of requests that carried a secret, and how it forgets it.
//!
//! HTTP reads requests into a buffer that it keeps for the next one, and so does TLS. A connection that waits
//! for its next request would hold the customer's key of the last one for as long as its client likes. So
//! after such a request HTTP begins anew on the same connection, with new buffers (what is freed is wiped by
//! the allocator), and the buffer of TLS is overwritten whenever there is nothing to read into it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How far a connection is. Only its own task touches it.
#[derive(Default)]
pub struct Progress {
    /// A request is being answered.
    busy: AtomicBool,
    /// A request carried a secret.
    secret: AtomicBool,
    /// Something was written that is not sent yet.
    unsent: AtomicBool,
    /// HTTP ends, the connection does not.
    renewing: AtomicBool,
    /// An answer ends the connection, as where its request was not read to its end.
    closing: AtomicBool,
}

impl Progress {
    /// A request has come.
    pub fn begin(&self) {
        self.busy.store(true, Ordering::Relaxed);
    }

    /// It carried a secret.
    pub fn carried_secret(&self) {
        self.secret.store(true, Ordering::Relaxed);
    }

    /// An answer says that the connection ends. What is still to come on it belongs to a request that was not read to
    /// its end, and must never be taken for another one.
    pub fn closes(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }

    /// If the buffers hold a secret and nothing is under way: from now on the end of HTTP is not the end of
    /// the connection.
    pub fn renew(&self) -> bool {
        let due = self.secret.load(Ordering::Relaxed)
            && !self.busy.load(Ordering::Relaxed)
            && !self.unsent.load(Ordering::Relaxed)
            && !self.closing.load(Ordering::Relaxed);
        if due {
            self.renewing.store(true, Ordering::Relaxed);
        }
        due
    }

    /// Whether HTTP has ended in order to begin anew.
    pub fn renewed(&self) -> bool {
        let renewed = self.renewing.swap(false, Ordering::Relaxed);
        if renewed {
            self.secret.store(false, Ordering::Relaxed);
        }
        renewed
    }
}

/// The body of an answer: when it is dropped, the request is over.
pub struct LastOf<B> {
    body: B,
    progress: Arc<Progress>,
}

impl<B> LastOf<B> {
    /// The body of the answer to the request under way.
    pub fn new(body: B, progress: Arc<Progress>) -> LastOf<B> {
        LastOf { body, progress }
    }
}

impl<B> Drop for LastOf<B> {
    fn drop(&mut self) {
        self.progress.busy.store(false, Ordering::Relaxed);
    }
}

impl<B: Body + Unpin> Body for LastOf<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The stream under HTTP, which outlives it where HTTP begins anew.
pub struct Lasting<T> {
    inner: T,
    /// What an earlier HTTP had read ahead.
    ahead: Bytes,
    progress: Arc<Progress>,
}

impl<T> Lasting<T> {
    /// The stream of a new connection.
    pub fn new(inner: T, progress: Arc<Progress>) -> Lasting<T> {
        Lasting {
            inner,
            ahead: Bytes::new(),
            progress,
        }
    }

    /// Takes back what was read ahead. Copied, so that the buffer that it was read into goes.
    pub fn put_back(&mut self, ahead: &[u8]) {
        self.ahead = Bytes::copy_from_slice(ahead);
    }

    fn written<R>(&self, outcome: Poll<io::Result<R>>) -> Poll<io::Result<R>> {
        self.progress.unsent.store(true, Ordering::Relaxed);
        outcome
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Lasting<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.ahead.has_remaining() {
            let length = self.ahead.len().min(buf.remaining());
            buf.put_slice(&self.ahead.split_to(length));
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Lasting<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.written(outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.written(outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.inner).poll_flush(cx))?;
        self.progress.unsent.store(false, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.progress.renewing.load(Ordering::Relaxed) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// A stream whose reader keeps one buffer for all that it reads, as rustls does: where there is nothing to
/// read, the buffer is overwritten.
pub struct WipedReads<T>(pub T);

impl<T: AsyncRead + Unpin> AsyncRead for WipedReads<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.0).poll_read(cx, buf);
        if outcome.is_pending() {
            buf.initialize_unfilled().fill(0);
        }
        outcome
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for WipedReads<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::task::Waker;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn what_was_read_ahead_comes_first() {
        let (ours, mut theirs) = duplex(64);
        theirs.write_all(b"later").await.unwrap();
        drop(theirs);
        let mut stream = Lasting::new(ours, Arc::default());
        stream.put_back(b"first ");
        let mut got = String::new();
        stream.read_to_string(&mut got).await.unwrap();
        assert_eq!(got, "first later");
    }

    #[tokio::test]
    async fn http_begins_anew_only_when_all_is_sent() {
        let (ours, mut theirs) = duplex(4);
        let progress = Arc::<Progress>::default();
        let mut stream = Lasting::new(ours, progress.clone());
        progress.begin();
        progress.carried_secret();
        assert!(!progress.renew(), "a request is being answered");
        drop(LastOf::new((), progress.clone()));
        assert_eq!(stream.write(b"all").await.unwrap(), 3);
        assert!(!progress.renew(), "something is not sent");
        stream.flush().await.unwrap();
        assert!(progress.renew());
        stream.shutdown().await.unwrap();
        assert!(progress.renewed());
        assert!(!progress.renew(), "nothing is left to forget");

        let mut got = [0; 3];
        theirs.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"all");
        // The connection is open still; now it is closed indeed.
        stream.shutdown().await.unwrap();
        assert_eq!(theirs.read(&mut got).await.unwrap(), 0);
    }

    #[test]
    fn nothing_begins_anew_where_an_answer_ends_the_connection() {
        let progress = Arc::<Progress>::default();
        progress.begin();
        progress.carried_secret();
        progress.closes();
        drop(LastOf::new((), progress.clone()));
        assert!(!progress.renew() && !progress.renewed());
    }

    #[tokio::test]
    async fn a_buffer_is_overwritten_where_nothing_is_read_into_it() {
        let (ours, mut theirs) = duplex(64);
        let mut stream = WipedReads(ours);
        let mut memory = *b"remains of a secret";
        let mut cx = Context::from_waker(Waker::noop());
        let pending = Pin::new(&mut stream).poll_read(&mut cx, &mut ReadBuf::new(&mut memory));
        assert!(pending.is_pending());
        assert_eq!(memory, [0; 19]);
        theirs.write_all(b"new").await.unwrap();
        assert_eq!(stream.read(&mut memory).await.unwrap(), 3);
        assert_eq!(&memory[..3], b"new");
    }
}
