//! Whether requests come, and how work that nobody waits for makes way for them.
//!
//! A request that meets such work waits for a piece of it at most: for the transaction that the writer is in, or for
//! a processor. So pieces are small while requests come, and few of the requests meet one because the work rests for
//! most of the time. Requests that come seldom find the same: the last one is remembered for a while.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::time::{Instant, sleep};

/// Requests come as long as the last one is no older.
const REMEMBERED: Duration = Duration::from_secs(1);
/// A piece that took long, because the disk was slow or the machine busy, is not made up for without end.
const LONGEST_REST: Duration = Duration::from_secs(1);

/// What is known of the requests that come.
#[derive(Debug)]
pub struct Traffic {
    began: Instant,
    /// Milliseconds from the beginning to the last request; 0 before the first.
    last: AtomicU64,
}

impl Traffic {
    pub(crate) fn new() -> Self {
        Traffic {
            began: Instant::now(),
            last: AtomicU64::new(0),
        }
    }

    /// A request has come.
    pub fn request(&self) {
        self.last.store(self.now().max(1), Ordering::Relaxed);
    }

    /// Whether requests come.
    pub fn flows(&self) -> bool {
        match self.last.load(Ordering::Relaxed) {
            0 => false,
            last => u128::from(self.now().saturating_sub(last)) <= REMEMBERED.as_millis(),
        }
    }

    /// Of two sizes of a piece of work the one for now.
    pub fn piece(&self, alone: usize, beside_requests: usize) -> usize {
        if self.flows() { beside_requests } else { alone }
    }

    /// Rests after a piece of work that took so long. While requests come, one of so many parts of the time is
    /// worked, else half of it.
    pub async fn rest(&self, took: Duration, parts: u32) {
        let parts = if self.flows() { parts } else { 2 };
        let rest = took.saturating_mul(parts.saturating_sub(1));
        sleep(rest.min(LONGEST_REST)).await;
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIECE: Duration = Duration::from_millis(2);

    #[tokio::test(start_paused = true)]
    async fn without_requests_half_of_the_time_is_worked() {
        let traffic = Traffic::new();
        assert!(!traffic.flows());
        assert_eq!(traffic.piece(32, 8), 32);
        let before = Instant::now();
        traffic.rest(PIECE, 10).await;
        assert_eq!(before.elapsed(), PIECE);
    }

    #[tokio::test(start_paused = true)]
    async fn beside_requests_pieces_are_small_and_only_a_part_of_the_time_is_worked() {
        let traffic = Traffic::new();
        traffic.request();
        assert_eq!(traffic.piece(32, 8), 8);
        let before = Instant::now();
        traffic.rest(PIECE, 10).await;
        assert_eq!(before.elapsed(), 9 * PIECE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_after_the_last_request_there_are_none() {
        let traffic = Traffic::new();
        for _ in 0..5 {
            traffic.request();
            tokio::time::advance(REMEMBERED).await;
            assert!(traffic.flows());
        }
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(!traffic.flows());
        traffic.request();
        assert!(traffic.flows());
    }

    #[tokio::test(start_paused = true)]
    async fn what_took_long_is_not_followed_by_a_longer_rest() {
        let traffic = Traffic::new();
        traffic.request();
        let before = Instant::now();
        traffic.rest(Duration::from_secs(3600), 10).await;
        assert_eq!(before.elapsed(), LONGEST_REST);
    }
}
