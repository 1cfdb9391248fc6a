//! What the tests of the streams share: bodies, and driving a stream piece by piece.
#![allow(dead_code, clippy::unwrap_used, clippy::indexing_slicing)]

use std::ops::Range;

use sealgate_seal::{BodyKeys, Key256, Layers, OpenError, OpenStream, SealStream};

pub const BOTH: [Layers; 2] = [Layers::One, Layers::Two];

/// A body whose every segment differs from the others.
pub fn body(len: usize) -> Vec<u8> {
    (0..len)
        .map(|i| (i ^ (i >> 8) ^ (i >> 16).wrapping_mul(31)) as u8)
        .collect()
}

pub fn keys(layers: Layers, seed: u8) -> BodyKeys {
    match layers {
        Layers::One => BodyKeys::Single(Key256::from_bytes([seed; 32])),
        Layers::Two => BodyKeys::Double {
            inner: Key256::from_bytes([seed; 32]),
            outer: Key256::from_bytes([seed ^ 0xff; 32]),
        },
    }
}

/// Seals by pieces of `step` bytes, taking the output after each.
pub fn seal_by(keys: &BodyKeys, part: u32, body: &[u8], step: usize) -> Vec<u8> {
    let mut stream = SealStream::new(keys, part);
    let mut sealed = Vec::new();
    for piece in body.chunks(step) {
        stream.push(piece).unwrap();
        sealed.extend_from_slice(&stream.output().split());
    }
    stream.finish().unwrap();
    sealed.extend_from_slice(&stream.output().split());
    assert_eq!(stream.plain_len(), body.len() as u64);
    sealed
}

/// Opens a range as a reader of a store would: the header, then what the blob has of the sealed
/// range, by pieces of `step`. Gives what was handed out, also before a refusal.
pub fn open_by(
    keys: &BodyKeys,
    part: u32,
    blob: &[u8],
    plain_len: u64,
    range: Range<u64>,
    step: usize,
) -> (Vec<u8>, Result<(), OpenError>) {
    let header = &blob[..blob.len().min(keys.layers().header_len())];
    let mut stream = match OpenStream::new(keys, part, header, plain_len, range) {
        Ok(stream) => stream,
        Err(error) => return (Vec::new(), Err(error)),
    };
    let wanted = stream.sealed_range();
    assert!(!wanted.is_empty());
    let end = blob.len().min(wanted.end as usize);
    let start = end.min(wanted.start as usize);
    let mut plain = Vec::new();
    for piece in blob[start..end].chunks(step) {
        let pushed = stream.push(piece);
        plain.extend_from_slice(&stream.output().split());
        if pushed.is_err() {
            assert_eq!(
                stream.push(piece),
                pushed,
                "a stream that failed stays failed"
            );
            assert_eq!(stream.finish(), pushed);
            assert!(stream.output().is_empty());
            return (plain, pushed);
        }
    }
    let finished = stream.finish();
    (plain, finished)
}
