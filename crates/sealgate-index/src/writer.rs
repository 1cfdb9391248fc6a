//! The one writer: a thread that takes what waits, runs it in one transaction, commits, and only then answers.
//!
//! Each operation has a savepoint of its own, so that one that is refused undoes nothing but itself. The queue is
//! bounded: who finds it full waits.

use std::{collections::HashMap, sync::Arc, thread};

use parking_lot::RwLock;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::{
    Clock,
    buckets::BucketState,
    cache::{Caches, Change},
    error::IndexError,
    migrate::MIGRATIONS,
    sql::{Result, run, to_millis},
    store::Store,
    trail::TrailEnd,
    usage::{Delta, Tally},
};

const QUEUE: usize = 1024;
/// Most operations in one transaction.
const GROUP: usize = 512;
/// Most buckets whose state the writer remembers.
const KNOWN_BUCKETS: usize = 4096;

/// What an operation works with inside the writer's transaction.
pub(crate) struct Tx<'a> {
    pub conn: &'a Connection,
    /// Time of the operation in milliseconds.
    pub now: i64,
    changes: &'a mut Vec<Change>,
    /// What is known of the trail's end. Forgotten when anything is rolled back.
    pub trail: &'a mut TrailEnd,
    /// What the group has added and removed so far.
    pub usage: &'a mut Tally,
    /// States of buckets as they are now. Forgotten when one changes or anything is rolled back.
    buckets: &'a mut HashMap<i64, BucketState>,
}

impl Tx<'_> {
    /// Notes what has to leave the caches after the commit.
    pub fn changed(&mut self, change: Change) {
        if matches!(change, Change::Bucket(_)) {
            self.forget_buckets();
        }
        self.changes.push(change);
    }

    /// The state of a bucket. Writes into it fail once it is gone, whatever the caller read before.
    pub fn bucket(&mut self, bucket_id: i64) -> Result<BucketState> {
        if let Some(known) = self.buckets.get(&bucket_id) {
            return Ok(*known);
        }
        let state = BucketState::read(self.conn, bucket_id)?;
        if self.buckets.len() >= KNOWN_BUCKETS {
            self.buckets.clear();
        }
        self.buckets.insert(bucket_id, state);
        Ok(state)
    }

    /// Has the states of buckets read again.
    pub fn forget_buckets(&mut self) {
        self.buckets.clear();
    }

    /// Notes by how much a bucket's content changes.
    pub fn count(&mut self, bucket_id: i64, delta: Delta) {
        self.usage.note(bucket_id, delta);
    }
}

/// An operation in the queue.
trait Job: Send {
    /// Runs it; the error, if any, is also its answer.
    fn run(&mut self, tx: &mut Tx<'_>) -> Result<()>;
    /// Answers the caller, once it is known how the commit went.
    fn answer(self: Box<Self>, commit: &Result<()>);
}

struct Operation<T, F> {
    work: Option<F>,
    outcome: Option<Result<T>>,
    caller: oneshot::Sender<Result<T>>,
}

impl<T: Send, F: FnOnce(&mut Tx<'_>) -> Result<T> + Send> Job for Operation<T, F> {
    fn run(&mut self, tx: &mut Tx<'_>) -> Result<()> {
        // Who has gone away while waiting gets nothing done.
        let Some(work) = self.work.take().filter(|_| !self.caller.is_closed()) else {
            return Ok(());
        };
        let outcome = work(tx);
        let told = outcome.as_ref().map(|_| ()).map_err(Clone::clone);
        self.outcome = Some(outcome);
        told
    }

    fn answer(self: Box<Self>, commit: &Result<()>) {
        let outcome = match (self.outcome, commit) {
            (Some(Err(refused)), _) => Err(refused),
            (_, Err(failed)) => Err(failed.clone()),
            (Some(done), Ok(())) => done,
            (None, Ok(())) => return,
        };
        // The caller may be gone; what is committed stays.
        let _ = self.caller.send(outcome);
    }
}

enum Message {
    Run(Box<dyn Job>),
    Close(oneshot::Sender<()>),
}

/// Handle to the writer thread, which ends when this is dropped or told to close.
pub(crate) struct Writer {
    queue: Option<mpsc::Sender<Message>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Drop for Writer {
    /// Waits for the thread: were the process to end before it, the cipher's library would be torn down under it.
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("index: the writer has panicked");
        }
    }
}

impl Writer {
    /// Opens the index on a thread of its own, which then serves the queue.
    pub async fn start(
        store: Arc<Store>,
        caches: Arc<Caches>,
        clock: Arc<RwLock<Clock>>,
    ) -> Result<Writer> {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let (opened, opening) = oneshot::channel();
        let thread = thread::Builder::new()
            .name("index-writer".into())
            .spawn(move || match store.open_writer(MIGRATIONS) {
                Ok(conn) => {
                    if opened.send(Ok(())).is_ok() {
                        Thread::new(conn, caches, clock).serve(waiting);
                    }
                }
                Err(error) => {
                    let _ = opened.send(Err(error));
                }
            })
            .map_err(|error| IndexError::Storage(format!("its thread cannot start: {error}")))?;
        let writer = Writer {
            queue: Some(queue),
            thread: Some(thread),
        };
        opening.await.map_err(|_| IndexError::closed())??;
        Ok(writer)
    }

    /// Runs `work` inside the writer's next transaction and returns when that is committed.
    pub async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        let (caller, answer) = oneshot::channel();
        let job = Box::new(Operation {
            work: Some(work),
            outcome: None,
            caller,
        });
        let queue = self.queue.as_ref().ok_or_else(IndexError::closed)?;
        queue
            .send(Message::Run(job))
            .await
            .map_err(|_| IndexError::closed())?;
        answer.await.map_err(|_| IndexError::closed())?
    }

    /// Lets the writer finish what waits and end.
    pub async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if let Some(queue) = &self.queue
            && queue.send(Message::Close(done)).await.is_ok()
        {
            let _ = closed.await;
        }
    }
}

struct Thread {
    conn: Connection,
    caches: Arc<Caches>,
    clock: Arc<RwLock<Clock>>,
    changes: Vec<Change>,
    trail: TrailEnd,
    usage: Tally,
    buckets: HashMap<i64, BucketState>,
}

impl Thread {
    fn new(conn: Connection, caches: Arc<Caches>, clock: Arc<RwLock<Clock>>) -> Self {
        Thread {
            conn,
            caches,
            clock,
            changes: Vec::new(),
            trail: TrailEnd::default(),
            usage: Tally::default(),
            buckets: HashMap::new(),
        }
    }

    fn serve(mut self, mut waiting: mpsc::Receiver<Message>) {
        let mut closers = Vec::new();
        while let Some(message) = waiting.blocking_recv() {
            let mut group = Vec::new();
            let mut next = Some(message);
            while let Some(message) = next {
                match message {
                    Message::Run(job) => group.push(job),
                    Message::Close(done) => {
                        // Takes nothing new; what is in the queue still comes out of it.
                        waiting.close();
                        closers.push(done);
                    }
                }
                next = if group.len() < GROUP {
                    waiting.try_recv().ok()
                } else {
                    None
                };
            }
            if !group.is_empty() {
                self.commit(group);
            }
        }
        self.end();
        for done in closers {
            let _ = done.send(());
        }
    }

    fn commit(&mut self, mut group: Vec<Box<dyn Job>>) {
        self.changes.clear();
        self.usage.rewind(0);
        let outcome = self.run_group(&mut group);
        match &outcome {
            Ok(()) => self.caches.forget(&self.changes),
            Err(error) => {
                self.trail = TrailEnd::default();
                self.buckets.clear();
                if !self.conn.is_autocommit()
                    && let Err(error) = run(&self.conn, "ROLLBACK", [])
                {
                    tracing::error!(%error, "index: a failed transaction could not be rolled back");
                }
                tracing::error!(%error, operations = group.len(), "index: a group of writes failed");
            }
        }
        for job in group {
            job.answer(&outcome);
        }
    }

    fn run_group(&mut self, group: &mut [Box<dyn Job>]) -> Result<()> {
        let conn = &self.conn;
        run(conn, "BEGIN IMMEDIATE", [])?;
        for job in group {
            run(conn, "SAVEPOINT operation", [])?;
            let changes_before = self.changes.len();
            let usage_before = self.usage.mark();
            let now = to_millis(self.clock.read().now());
            let mut tx = Tx {
                conn,
                now,
                changes: &mut self.changes,
                trail: &mut self.trail,
                usage: &mut self.usage,
                buckets: &mut self.buckets,
            };
            if let Err(error) = job.run(&mut tx) {
                // A full disk or a failed read can make SQLite roll back everything.
                if conn.is_autocommit() {
                    return Err(error);
                }
                run(conn, "ROLLBACK TO operation", [])?;
                self.changes.truncate(changes_before);
                self.trail = TrailEnd::default();
                self.usage.rewind(usage_before);
                self.buckets.clear();
            }
            run(conn, "RELEASE operation", [])?;
        }
        self.usage.flush(conn)?;
        run(conn, "COMMIT", [])?;
        Ok(())
    }

    /// Moves the WAL into the file, so that the file alone is the index.
    fn end(self) {
        let moved = self
            .conn
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        if let Err(error) = moved {
            tracing::warn!(%error, "index: the last checkpoint failed; the next start makes up for it");
        }
        if let Err((_, error)) = self.conn.close() {
            tracing::warn!(%error, "index: could not be closed");
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    struct Bench {
        thread: Thread,
        _folder: tempfile::TempDir,
    }

    /// A writer without its thread and a table to write to.
    fn bench() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(
            folder.path().join("index.db"),
            Some(zeroize::Zeroizing::new([1; 32])),
        );
        let conn = store.open_writer(MIGRATIONS).unwrap();
        conn.execute_batch(
            "PRAGMA foreign_keys = ON;
             CREATE TABLE parent (id INTEGER PRIMARY KEY);
             CREATE TABLE child (id INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED, fill BLOB);",
        )
        .unwrap();
        let caches = Arc::new(Caches::new());
        Bench {
            thread: Thread::new(conn, caches, Arc::new(RwLock::new(Clock::system()))),
            _folder: folder,
        }
    }

    type Answer = oneshot::Receiver<Result<usize>>;

    fn job(sql: &'static str) -> (Box<dyn Job>, Answer) {
        let (caller, answer) = oneshot::channel();
        let work = move |tx: &mut Tx<'_>| run(tx.conn, sql, []);
        (
            Box::new(Operation {
                work: Some(work),
                outcome: None,
                caller,
            }),
            answer,
        )
    }

    impl Bench {
        fn group(&mut self, statements: &[&'static str]) -> Vec<Result<usize>> {
            let (jobs, answers): (Vec<_>, Vec<_>) = statements.iter().map(|sql| job(sql)).unzip();
            self.thread.commit(jobs);
            answers
                .into_iter()
                .map(|mut answer| answer.try_recv().unwrap())
                .collect()
        }

        fn rows(&self, table: &str) -> i64 {
            let sql = format!("SELECT count(*) FROM {table}");
            self.thread
                .conn
                .query_row(&sql, [], |row| row.get(0))
                .unwrap()
        }
    }

    #[test]
    fn a_failed_commit_is_the_answer_to_all_of_the_group() {
        let mut bench = bench();
        let answers = bench.group(&[
            "INSERT INTO parent VALUES (1)",
            "INSERT INTO child VALUES (77, NULL)",
            "INSERT INTO nowhere VALUES (1)",
        ]);
        assert!(matches!(answers[..], [Err(_), Err(_), Err(_)]));
        assert_eq!(answers[0], answers[1]);
        assert_ne!(answers[1], answers[2]);
        assert_eq!((bench.rows("parent"), bench.rows("child")), (0, 0));
        assert_eq!(bench.group(&["INSERT INTO parent VALUES (1)"]), [Ok(1)]);
    }

    #[test]
    fn a_full_disk_is_told_as_such_and_the_writer_goes_on() {
        let mut bench = bench();
        let pages: i64 = bench
            .thread
            .conn
            .query_row("PRAGMA page_count", [], |row| row.get(0))
            .unwrap();
        bench
            .thread
            .conn
            .execute_batch(&format!("PRAGMA max_page_count = {}", pages + 2))
            .unwrap();
        let big = "INSERT INTO child VALUES (NULL, zeroblob(1000000))";
        let answers = bench.group(&[
            "INSERT INTO parent VALUES (1)",
            big,
            "INSERT INTO parent VALUES (2)",
        ]);
        // SQLite rolls back the whole transaction.
        assert_eq!(
            answers,
            [
                Err(IndexError::Full),
                Err(IndexError::Full),
                Err(IndexError::Full)
            ]
        );
        assert_eq!((bench.rows("parent"), bench.rows("child")), (0, 0));
        assert_eq!(bench.group(&["INSERT INTO parent VALUES (1)"]), [Ok(1)]);
        bench
            .thread
            .conn
            .execute_batch("PRAGMA max_page_count = 100000")
            .unwrap();
        assert_eq!(bench.group(&[big]), [Ok(1)]);
    }

    #[test]
    fn when_everything_was_rolled_back_nobody_is_told_otherwise() {
        let mut bench = bench();
        let answers = bench.group(&[
            "INSERT INTO parent VALUES (1)",
            "INSERT OR ROLLBACK INTO parent VALUES (1)",
            "INSERT INTO parent VALUES (2)",
        ]);
        assert!(
            matches!(answers[..], [Err(_), Err(_), Err(_)]),
            "{answers:?}"
        );
        assert_eq!(bench.rows("parent"), 0);
        assert_eq!(bench.group(&["INSERT INTO parent VALUES (1)"]), [Ok(1)]);
    }

    #[test]
    fn who_has_gone_away_gets_nothing_done() {
        let mut bench = bench();
        let (job, answer) = job("INSERT INTO parent VALUES (1)");
        drop(answer);
        bench.thread.commit(vec![job]);
        assert_eq!(bench.rows("parent"), 0);
    }
}
