//! Between the body of a request and the parser of `multipart/form-data`, which takes whatever its
//! stream has ready and keeps all of it until it finds the end of what it looks for. It asks at each of
//! its steps, also where it has enough. So it gets a piece only when it came to nothing with what it has,
//! one at a time, and no more than it is allowed.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::Stream;
use sealgate_wire::payload::PayloadError;

/// The largest piece where bytes are counted.
const PIECE: usize = 8 * 1024;

/// Why the parser got no more.
#[derive(Debug, thiserror::Error)]
pub(super) enum Stopped {
    /// The body is broken.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// What is read here is longer than it may be.
    #[error("more than may be read")]
    TooMuch,
}

/// How many bytes may still pass; shared with whoever follows what the parser finds.
#[derive(Clone)]
pub(super) struct Allowance(Arc<Shared>);

struct Shared {
    bytes: AtomicU64,
    progress: AtomicBool,
}

impl Allowance {
    pub(super) fn of(bytes: u64) -> Self {
        Self(Arc::new(Shared {
            bytes: AtomicU64::new(bytes),
            progress: AtomicBool::new(false),
        }))
    }

    pub(super) fn set(&self, bytes: u64) {
        self.0.bytes.store(bytes, Ordering::Relaxed);
    }

    /// The parser found something, and may find more in what it has: it gets nothing at first.
    pub(super) fn progress(&self) {
        self.0.progress.store(true, Ordering::Relaxed);
    }

    /// Whatever comes: it is passed on at once, and does not stay.
    pub(super) fn lift(&self) {
        self.set(u64::MAX);
    }

    fn counts(&self) -> bool {
        self.0.bytes.load(Ordering::Relaxed) != u64::MAX
    }

    fn take(&self, bytes: usize) -> bool {
        let take = |left: u64| match left {
            u64::MAX => Some(u64::MAX),
            left => left.checked_sub(bytes as u64),
        };
        self.0
            .bytes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .is_ok()
    }
}

/// A stream in pieces with a pause behind each.
pub(super) struct Paced<S> {
    inner: S,
    rest: Bytes,
    pause: bool,
    allowance: Allowance,
}

impl<S> Paced<S> {
    pub(super) fn new(inner: S, allowance: Allowance) -> Self {
        Self {
            inner,
            rest: Bytes::new(),
            pause: false,
            allowance,
        }
    }
}

impl<S: Stream<Item = Result<Bytes, PayloadError>> + Unpin> Stream for Paced<S> {
    type Item = Result<Bytes, Stopped>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let progress = self.allowance.0.progress.swap(false, Ordering::Relaxed);
        if std::mem::take(&mut self.pause) || progress {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.inner).poll_next(cx)) {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                Some(Ok(bytes)) => self.rest = bytes,
            }
        }
        let length = if self.allowance.counts() {
            self.rest.len().min(PIECE)
        } else {
            self.rest.len()
        };
        let piece = self.rest.split_to(length);
        self.pause = true;
        Poll::Ready(Some(if self.allowance.take(length) {
            Ok(piece)
        } else {
            Err(Stopped::TooMuch)
        }))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use futures_util::{StreamExt as _, stream};

    fn paced(
        pieces: &[usize],
        allowance: &Allowance,
    ) -> Paced<impl Stream<Item = Result<Bytes, PayloadError>> + Unpin> {
        let pieces: Vec<_> = pieces
            .iter()
            .map(|length| Ok(Bytes::from(vec![7; *length])))
            .collect();
        Paced::new(stream::iter(pieces), allowance.clone())
    }

    #[tokio::test]
    async fn no_more_passes_than_is_allowed() {
        let allowance = Allowance::of(20_000);
        let mut stream = paced(&[15_000, 5_000, 1], &allowance);
        let mut passed = 0;
        let error = loop {
            match stream.next().await.unwrap() {
                Ok(piece) => {
                    assert!(piece.len() <= PIECE);
                    passed += piece.len();
                }
                Err(error) => break error,
            }
        };
        assert_eq!(passed, 20_000);
        assert!(matches!(error, Stopped::TooMuch));
    }

    #[tokio::test]
    async fn who_made_progress_looks_first_at_what_it_has() {
        let allowance = Allowance::of(100);
        let mut stream = paced(&[1, 1], &allowance);
        let mut context = Context::from_waker(std::task::Waker::noop());
        let mut poll = || Pin::new(&mut stream).poll_next(&mut context);
        for _ in 0..2 {
            allowance.progress();
            assert!(poll().is_pending());
            assert!(matches!(poll(), Poll::Ready(Some(Ok(_)))));
        }
    }

    #[tokio::test]
    async fn what_is_not_counted_passes_in_its_own_pieces_and_one_at_a_time() {
        let allowance = Allowance::of(1);
        allowance.lift();
        let mut stream = paced(&[100_000, 3], &allowance);
        let mut context = Context::from_waker(std::task::Waker::noop());
        let mut poll = || Pin::new(&mut stream).poll_next(&mut context);
        assert!(matches!(poll(), Poll::Ready(Some(Ok(piece))) if piece.len() == 100_000));
        assert!(poll().is_pending());
        assert!(matches!(poll(), Poll::Ready(Some(Ok(piece))) if piece.len() == 3));
        assert!(poll().is_pending());
        assert!(matches!(poll(), Poll::Ready(None)));
    }
}
