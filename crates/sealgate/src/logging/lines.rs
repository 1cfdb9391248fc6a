//! Where lines wait for a moment, so that many go out in one write: a request must not pay for a call of the system
//! to be written down.
//!
//! A warning or an error goes out at once, and what waits before it. What waits is bounded: who fills it writes it.

use std::io::{self, Write};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// The most bytes that wait.
const MOST: usize = 64 * 1024;
/// The longest that a line waits.
const PAUSE: Duration = Duration::from_millis(10);

/// Takes lines; cheap to clone.
pub struct Lines<W>(Arc<Shared<W>>);

struct Shared<W> {
    waiting: Mutex<Waiting<W>>,
    filled: Condvar,
}

struct Waiting<W> {
    bytes: Vec<u8>,
    out: W,
    ended: bool,
}

impl<W: Write> Waiting<W> {
    fn write_out(&mut self) {
        // Where a log cannot be written there is no place to say so.
        let _ = self.out.write_all(&self.bytes);
        let _ = self.out.flush();
        self.bytes.clear();
    }
}

/// Writes what waits when it is dropped, and from then on every line at once.
pub struct LastLines<W: Write>(Arc<Shared<W>>);

impl<W: Write> Drop for LastLines<W> {
    fn drop(&mut self) {
        let mut waiting = self.0.waiting.lock();
        waiting.ended = true;
        waiting.write_out();
        self.0.filled.notify_one();
    }
}

impl<W: Write + Send + 'static> Lines<W> {
    /// Lines for `out`, and what ends the waiting.
    ///
    /// # Errors
    /// If no thread can be started.
    pub fn to(out: W) -> io::Result<(Lines<W>, LastLines<W>)> {
        let shared = Arc::new(Shared {
            waiting: Mutex::new(Waiting {
                bytes: Vec::with_capacity(MOST),
                out,
                ended: false,
            }),
            filled: Condvar::new(),
        });
        let theirs = shared.clone();
        thread::Builder::new()
            .name("log".into())
            .spawn(move || theirs.write_now_and_then())?;
        Ok((Lines(shared.clone()), LastLines(shared)))
    }
}

impl<W: Write> Shared<W> {
    fn write_now_and_then(&self) {
        loop {
            let mut waiting = self.waiting.lock();
            while waiting.bytes.is_empty() && !waiting.ended {
                self.filled.wait(&mut waiting);
            }
            if waiting.ended {
                return;
            }
            drop(waiting);
            thread::sleep(PAUSE);
            self.waiting.lock().write_out();
        }
    }
}

impl<'l, W: Write + 'l> MakeWriter<'l> for Lines<W> {
    type Writer = Line<'l, W>;

    fn make_writer(&'l self) -> Line<'l, W> {
        Line {
            lines: &self.0,
            urgent: true,
        }
    }

    fn make_writer_for(&'l self, meta: &Metadata<'_>) -> Line<'l, W> {
        Line {
            lines: &self.0,
            urgent: *meta.level() <= Level::WARN,
        }
    }
}

/// Takes one line.
pub struct Line<'l, W> {
    lines: &'l Shared<W>,
    urgent: bool,
}

impl<W: Write> Write for Line<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut waiting = self.lines.waiting.lock();
        let first = waiting.bytes.is_empty();
        waiting.bytes.extend_from_slice(bytes);
        if self.urgent || waiting.ended || waiting.bytes.len() >= MOST {
            waiting.write_out();
        } else if first {
            self.lines.filled.notify_one();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::sync::mpsc::{Sender, channel};

    use super::*;

    struct Out(Sender<Vec<u8>>);

    impl Write for Out {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.send(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn line(lines: &Lines<Out>, text: &str, urgent: bool) {
        let lines = &lines.0;
        Line { lines, urgent }.write_all(text.as_bytes()).unwrap();
    }

    #[test]
    fn every_line_comes_out_in_its_order() {
        let (sender, out) = channel();
        let (lines, last) = Lines::to(Out(sender)).unwrap();
        line(&lines, "one,", false);
        assert_eq!(out.recv().unwrap(), b"one,");
        line(&lines, "two,", false);
        line(&lines, "urgent,", true);
        line(&lines, "three,", false);
        drop(last);
        line(&lines, "after", false);
        drop(lines);
        let rest: Vec<u8> = out.iter().flatten().collect();
        assert_eq!(rest, b"two,urgent,three,after");
    }

    #[test]
    fn what_waits_is_bounded() {
        let (sender, out) = channel();
        let (lines, last) = Lines::to(Out(sender)).unwrap();
        for _ in 0..10_000 {
            line(&lines, &"x".repeat(100), false);
            assert!(lines.0.waiting.lock().bytes.len() < MOST);
        }
        drop((last, lines));
        assert_eq!(
            out.iter().map(|bytes| bytes.len()).sum::<usize>(),
            1_000_000
        );
    }
}
