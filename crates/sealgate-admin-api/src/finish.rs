//! Operations that come to their end, whether or not their client waits for it.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;

/// An operation panicked.
#[derive(Debug, PartialEq, Eq)]
pub struct Panicked;

/// An operation. It runs in the task of its client; if the client goes away while it waits for something, it goes on
/// in a task of its own: a change that was begun is also recorded.
pub struct ToItsEnd<T: Send + 'static>(Option<Operation<T>>);

type Operation<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl<T: Send + 'static> ToItsEnd<T> {
    /// Nothing happens before the first poll.
    pub fn new(operation: impl Future<Output = T> + Send + 'static) -> ToItsEnd<T> {
        ToItsEnd(Some(Box::pin(operation)))
    }
}

impl<T: Send + 'static> Future for ToItsEnd<T> {
    type Output = Result<T, Panicked>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(operation) = &mut self.0 else {
            return Poll::Ready(Err(Panicked));
        };
        // What panicked is dropped below, and looked at by nobody.
        let polled = catch_unwind(AssertUnwindSafe(|| operation.as_mut().poll(cx)));
        let outcome = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(outcome)) => Ok(outcome),
            Err(_) => Err(Panicked),
        };
        self.0 = None;
        Poll::Ready(outcome)
    }
}

impl<T: Send + 'static> Drop for ToItsEnd<T> {
    fn drop(&mut self) {
        if let Some(operation) = self.0.take()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(operation);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn an_operation_ends_also_when_nobody_waits() {
        let (go, gone) = oneshot::channel::<()>();
        let (done, end) = oneshot::channel();
        let mut operation = ToItsEnd::new(async move {
            let _ = gone.await;
            let _ = done.send("recorded");
        });
        tokio::select! {
            biased;
            _ = &mut operation => panic!("it has to wait"),
            () = async {} => {}
        }
        drop(operation);
        go.send(()).unwrap();
        assert_eq!(end.await.unwrap(), "recorded");
    }

    #[tokio::test]
    async fn a_panic_is_told() {
        assert_eq!(ToItsEnd::new(async { 1 }).await, Ok(1));
        assert_eq!(ToItsEnd::<()>::new(async { panic!() }).await, Err(Panicked));
    }
}
