//! GiB/s of sealing and opening, one thread:
//! `cargo run --release -p sealgate-seal --example throughput`.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::time::Instant;

use sealgate_crypto::aead::BulkAead;
use sealgate_seal::{BodyKeys, Layers, OpenStream, SEGMENT_SIZE, SealStream, seal_all};

const BODY: usize = 64 << 20;
const ROUNDS: usize = 5;

fn main() {
    let body = vec![0x5a; BODY];
    let mut segments = body.clone();
    let cipher = BulkAead::new(&[7; 32]);
    report("cipher alone, in place", || {
        for segment in segments.chunks_mut(SEGMENT_SIZE) {
            assert!(cipher.seal(&[0; 12], &[0; 32], segment).is_ok());
        }
    });
    for layers in [Layers::One, Layers::Two] {
        let keys = BodyKeys::generate(layers);
        for step in [
            8 << 10,
            16 << 10,
            32 << 10,
            48 << 10,
            64 << 10,
            256 << 10,
            1 << 20,
        ] {
            report(&format!("{layers:?}: seal by {:4} KiB", step >> 10), || {
                let mut stream = SealStream::new(&keys, 0);
                for piece in body.chunks(step) {
                    stream.push(piece).unwrap();
                    drop(stream.output().split());
                }
                stream.finish().unwrap();
                drop(stream.output().split());
            });
        }
        report(&format!("{layers:?}: seal_all"), || {
            drop(seal_all(&keys, 0, &body).unwrap())
        });
        let sealed = seal_all(&keys, 0, &body).unwrap();
        let (header, segments) = sealed.split_at(layers.header_len());
        let sealed_segment = segments.len() / (BODY / SEGMENT_SIZE);
        for step in [16 << 10, 64 << 10, sealed_segment, 256 << 10, 1 << 20] {
            report(&format!("{layers:?}: open by {step:7} bytes"), || {
                let len = BODY as u64;
                let mut stream = OpenStream::new(&keys, 0, header, len, 0..len).unwrap();
                for piece in segments.chunks(step) {
                    stream.push(piece).unwrap();
                    drop(stream.output().split());
                }
                stream.finish().unwrap();
            });
        }
    }
    small_bodies();
}

fn small_bodies() {
    let keys = BodyKeys::generate(Layers::One);
    let body = [1; 1024];
    let start = Instant::now();
    for _ in 0..100_000 {
        drop(seal_all(&keys, 0, &body).unwrap());
    }
    println!(
        "{:28} {:6.2} µs",
        "One: seal_all of 1 KiB",
        start.elapsed().as_secs_f64() * 10.0
    );
}

/// The best of some rounds: the machine may be busy with other things.
fn report(name: &str, mut run: impl FnMut()) {
    let best = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed().as_secs_f64()
        })
        .fold(f64::INFINITY, f64::min);
    println!(
        "{name:28} {:6.2} GiB/s",
        BODY as f64 / best / f64::from(1 << 30)
    );
}
