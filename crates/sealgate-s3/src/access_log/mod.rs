//! Server access logs: a line for each request to a bucket that asks for it, kept in memory and delivered into
//! the target bucket now and then. They are best effort, as at AWS: what was not delivered when the process ends
//! without warning is lost, and what does not fit into memory is dropped and counted. The audit trail is the
//! record that nothing gets past.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerLogs.html>

mod body;
mod configuration;
mod deliver;
mod entry;
mod names;

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use time::OffsetDateTime;
use tokio::sync::Notify;

pub(crate) use configuration::{Logging, Target, invalid as invalid_target};
pub(crate) use entry::{Entry, Ids};

/// Most bytes of lines that wait.
const MOST_WAITING: usize = 16 << 20;
/// With so many there is a delivery before its time.
const MANY_WAITING: usize = MOST_WAITING / 4;

/// The canonical id of AWS's log delivery, which is the group of that name in access control lists.
pub(crate) const LOG_DELIVERY_ID: &str =
    "c4c1ede66af53448b93c283ce9448c4ba468c9432aa01d700d3878632f77d2d0";

/// A line that waits for its delivery, without the bucket's owner and name that it begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    time: OffsetDateTime,
    text: String,
}

#[derive(Debug, Default)]
struct Waiting {
    /// By the name of the bucket that they are about.
    lines: BTreeMap<String, Vec<Line>>,
    bytes: usize,
    dropped: u64,
}

/// The lines that wait. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct AccessLog {
    waiting: Arc<Mutex<Waiting>>,
    many: Arc<Notify>,
}

impl AccessLog {
    fn push(&self, bucket: &str, line: Line) {
        let mut waiting = self.waiting.lock();
        let size = line.text.len() + size_of::<Line>();
        if waiting.bytes + size > MOST_WAITING {
            waiting.dropped += 1;
            return;
        }
        waiting.bytes += size;
        match waiting.lines.get_mut(bucket) {
            Some(lines) => lines.push(line),
            None => {
                waiting.lines.insert(bucket.to_owned(), vec![line]);
            }
        }
        if waiting.bytes >= MANY_WAITING {
            self.many.notify_one();
        }
    }

    /// What waits, and how many lines were dropped since this was asked last.
    fn take(&self) -> (BTreeMap<String, Vec<Line>>, u64) {
        let waiting = std::mem::take(&mut *self.waiting.lock());
        (waiting.lines, waiting.dropped)
    }

    /// Waits until there is reason to deliver before the time.
    pub(crate) async fn many_wait(&self) {
        self.many.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_beyond_what_memory_is_for_are_dropped_and_counted() {
        let log = AccessLog::default();
        let line = Line {
            time: OffsetDateTime::UNIX_EPOCH,
            text: "x".repeat(1 << 20),
        };
        for _ in 0..20 {
            log.push("bucket", line.clone());
        }
        log.many_wait().await;
        let (lines, dropped) = log.take();
        assert_eq!(lines.get("bucket").map(Vec::len), Some(15));
        assert_eq!(dropped, 5);
        log.push("bucket", line);
        let (lines, dropped) = log.take();
        assert_eq!((lines.len(), dropped), (1, 0));
    }
}
