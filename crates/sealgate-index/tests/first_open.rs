//! Many indexes opened at once, as the very first thing that a process does with SQLite.
//!
//! SQLite calls itself set up before its cipher is, and another thread that opens a file in between cannot set a
//! key. The moment is short, so a debugger (`gdb`) holds the thread that is in it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::env;
use std::process::Command;
use std::sync::Barrier;
use std::thread;

use sealgate_index::{Index, IndexConfig};
use zeroize::Zeroizing;

const OPENERS: usize = 8;

#[test]
#[ignore = "is run by the other test, under a debugger"]
fn open_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let barrier = Barrier::new(OPENERS);
    thread::scope(|scope| {
        for number in 0..OPENERS {
            let (folder, barrier) = (folder.path(), &barrier);
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap();
                let config = IndexConfig {
                    path: folder.join(format!("{number}.db")),
                    key: Some(Zeroizing::new([42; 32])),
                };
                barrier.wait();
                runtime.block_on(Index::open(config)).unwrap();
            });
        }
    });
}

#[test]
fn indexes_opened_first_and_at_once_are_all_keyed() {
    let mut gdb = Command::new("gdb");
    gdb.args(["-q", "-nx", "-batch"]);
    for command in [
        "set debuginfod enabled off",
        // The thread at the breakpoint stops, and the others go on.
        "set non-stop on",
        "break sqlcipher_extra_init",
        "run",
        "shell sleep 1",
        "continue -a",
    ] {
        gdb.args(["-ex", command]);
    }
    gdb.arg("--args").arg(env::current_exe().unwrap());
    gdb.args(["--ignored", "--exact", "open_at_once"]);
    let output = gdb.output().expect("this test needs gdb");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    // What the program says and what the debugger says come in any order.
    assert!(said.contains("hit Breakpoint 1"), "{said}");
    assert!(said.contains("exited normally"), "{said}");
}
