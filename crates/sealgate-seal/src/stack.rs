//! The stack after work with secrets: functions leave copies of what they worked with there, and in the
//! vector registers, and a worker that waits for its next task keeps them.

use std::future::poll_fn;
use std::hint::black_box;
use std::pin::pin;
use std::sync::LazyLock;

use sealgate_crypto::aead::BulkAead;

/// Deeper than anything that handles a request reaches.
const DEPTH: usize = 64 * 1024;

/// Deeper than the derivation of a key reaches.
const SHALLOW: usize = 16 * 1024;

/// Computes something from a key, and leaves nothing of it on the stack.
pub(crate) fn leaving_nothing<T>(work: impl FnOnce() -> T) -> T {
    let outcome = apart(work);
    wipe::<SHALLOW>();
    outcome
}

/// In a frame of its own, below that of the caller.
#[inline(never)]
fn apart<T>(work: impl FnOnce() -> T) -> T {
    work()
}

/// Overwrites the stack below the caller: what the functions that it called before have left.
pub fn wipe_stack() {
    overwrite_registers();
    wipe::<DEPTH>();
}

/// Overwrites the vector registers. No instruction of the language does, but a cipher works in sixteen of
/// them, here with a key and a text that are no secret; and the C library copies through the others.
#[inline(never)]
fn overwrite_registers() {
    static PUBLIC: LazyLock<BulkAead> = LazyLock::new(|| BulkAead::new(&[0; 32]));
    let mut text = [0; 512];
    let sealed = PUBLIC.seal(&[0; 12], b"", &mut text);
    black_box((sealed.is_ok(), &mut text));
    // Lengths that are not known when this is compiled, so that the library is called: each takes other
    // registers, 256 bytes the most.
    let (source, mut target) = ([0_u8; 256], [1_u8; 256]);
    for length in [32, 64, 128, 256] {
        let length = black_box(length);
        if let (Some(target), Some(source)) = (target.get_mut(..length), source.get(..length)) {
            target.copy_from_slice(source);
        }
        black_box(&mut target);
    }
}

#[inline(never)]
fn wipe<const LENGTH: usize>() {
    let mut stack = [0_u8; LENGTH];
    // The compiler has to believe that somebody looks at it.
    black_box(&mut stack);
}

/// Does `work`, which handles secrets; whenever it pauses, the stack of the thread is wiped, because it may
/// go on on another one.
pub async fn wiping_stack<F: Future>(work: F) -> F::Output {
    let mut work = pin!(work);
    poll_fn(|cx| {
        let outcome = work.as_mut().poll(cx);
        wipe_stack();
        outcome
    })
    .await
}
