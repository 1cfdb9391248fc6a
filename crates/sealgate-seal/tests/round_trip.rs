//! What was sealed comes back: whole, by ranges, in pieces of any size.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use common::{BOTH, body, keys, open_by, seal_by};
use proptest::prelude::*;
use sealgate_seal::{
    BodyKeys, Layers, MAX_PLAIN_LEN, OpenStream, SEGMENT_SIZE, SealError, SealStream, open_all,
    seal_all, sealed_range,
};

const BORDER_SIZES: [usize; 12] = [
    0,
    1,
    15,
    16,
    17,
    SEGMENT_SIZE - 1,
    SEGMENT_SIZE,
    SEGMENT_SIZE + 1,
    2 * SEGMENT_SIZE - 1,
    2 * SEGMENT_SIZE,
    2 * SEGMENT_SIZE + 1,
    3 * SEGMENT_SIZE + 1000,
];

#[test]
fn bodies_around_segment_borders_come_back() {
    for layers in BOTH {
        let keys = keys(layers, 1);
        for len in BORDER_SIZES {
            let body = body(len);
            let sealed = seal_all(&keys, 3, &body).unwrap();
            assert_eq!(sealed.len() as u64, layers.sealed_len(len as u64));
            assert_eq!(layers.plain_len(sealed.len() as u64), Some(len as u64));
            assert!(
                open_all(&keys, 3, &sealed).unwrap() == body,
                "{layers:?}, {len} bytes"
            );
        }
    }
}

#[test]
fn ranges_at_segment_borders_come_back() {
    let len = 3 * SEGMENT_SIZE as u64 + 5;
    let body = body(len as usize);
    let segment = SEGMENT_SIZE as u64;
    let mut cuts = vec![0, 1, len / 2, len - 1, len];
    cuts.extend((1..=3).flat_map(|n| [n * segment - 1, n * segment, n * segment + 1]));
    for layers in BOTH {
        let keys = keys(layers, 2);
        let sealed = seal_all(&keys, 0, &body).unwrap();
        for &start in &cuts {
            for &end in cuts.iter().filter(|&&end| end >= start) {
                let (plain, result) = open_by(&keys, 0, &sealed, len, start..end, usize::MAX);
                assert_eq!(result, Ok(()));
                assert!(
                    plain == body[start as usize..end as usize],
                    "{start}..{end}"
                );
            }
        }
    }
}

#[test]
fn an_empty_range_reads_one_segment_and_gives_nothing() {
    for layers in BOTH {
        let keys = keys(layers, 3);
        for (len, range) in [(0, 0..0), (10, 10..10), (70_000, 66_000..66_000)] {
            let sealed = seal_all(&keys, 0, &body(len)).unwrap();
            let (plain, result) = open_by(&keys, 0, &sealed, len as u64, range, 1000);
            assert_eq!((plain.len(), result), (0, Ok(())));
        }
    }
}

#[test]
fn a_range_of_one_segment_reads_no_other() {
    let segment = SEGMENT_SIZE as u64;
    let range = sealed_range(Layers::One, 10 * segment, 4 * segment..5 * segment);
    assert_eq!(range, 76 + 4 * 65552..76 + 5 * 65552);
    let range = sealed_range(Layers::Two, 10 * segment, 4 * segment - 1..4 * segment + 1);
    assert_eq!(range, 140 + 3 * 65568..140 + 5 * 65568);
}

#[test]
fn an_empty_body_is_a_header_and_one_segment_of_tags() {
    for layers in BOTH {
        let sealed = seal_by(&keys(layers, 4), 0, b"", 1);
        let tags = if layers == Layers::One { 16 } else { 32 };
        assert_eq!(sealed.len(), layers.header_len() + tags);
        assert_eq!(sealed_range(layers, 0, 0..0).count(), tags);
    }
}

#[test]
fn two_blobs_of_one_body_under_one_key_have_nothing_in_common() {
    let keys = keys(Layers::One, 5);
    let (one, other) = (
        seal_all(&keys, 0, b"same body").unwrap(),
        seal_all(&keys, 0, b"same body").unwrap(),
    );
    assert_eq!(one[..12], other[..12]);
    assert_ne!(one[12..44], other[12..44], "salts");
    assert_ne!(one[44..76], other[44..76], "commitments");
    assert_ne!(one[76..], other[76..]);
}

#[test]
fn output_that_is_gathered_is_the_same_as_output_that_is_taken() {
    for layers in BOTH {
        let keys = keys(layers, 6);
        let body = body(400_000);
        let mut stream = SealStream::new(&keys, 0);
        for piece in body.chunks(10_000) {
            stream.push(piece).unwrap();
        }
        stream.finish().unwrap();
        let sealed = stream.output().split();
        assert!(open_all(&keys, 0, &sealed).unwrap() == body);

        let len = body.len() as u64;
        let (header, segments) = sealed.split_at(layers.header_len());
        let mut stream = OpenStream::new(&keys, 0, header, len, 5..len).unwrap();
        for piece in segments.chunks(10_000) {
            stream.push(piece).unwrap();
        }
        stream.finish().unwrap();
        assert!(stream.output()[..] == body[5..]);
    }
}

#[test]
fn streams_and_keys_can_move_between_threads() {
    fn is_send_and_sync<T: Send + Sync>() {}
    is_send_and_sync::<SealStream>();
    is_send_and_sync::<OpenStream>();
    is_send_and_sync::<BodyKeys>();
}

#[test]
fn generated_keys_differ_and_copies_do_not() {
    for layers in BOTH {
        let (one, other) = (BodyKeys::generate(layers), BodyKeys::generate(layers));
        assert_eq!(one.layers(), layers);
        let sealed = seal_all(&one, 0, b"body").unwrap();
        assert_eq!(open_all(&one.duplicate(), 0, &sealed).unwrap(), b"body");
        assert!(open_all(&other, 0, &sealed).is_err());
    }
}

#[test]
fn nothing_is_sealed_after_the_end() {
    let mut stream = SealStream::new(&keys(Layers::One, 7), 0);
    stream.finish().unwrap();
    assert_eq!(stream.push(b"more"), Err(SealError::Finished));
    assert_eq!(stream.finish(), Err(SealError::Finished));
}

#[test]
fn lengths_that_no_blob_has_are_recognised() {
    for layers in BOTH {
        let (header, segment) = (layers.header_len() as u64, layers.sealed_len(65536));
        let tags = segment - header - 65536;
        for sealed in [
            0,
            header - 1,
            header,
            header + tags - 1,
            segment + 1,
            segment + tags,
        ] {
            assert_eq!(layers.plain_len(sealed), None, "{layers:?} {sealed}");
        }
        assert_eq!(layers.plain_len(u64::MAX), None);
        assert_eq!(layers.sealed_len(u64::MAX), u64::MAX);
        assert_eq!(
            layers.plain_len(layers.sealed_len(MAX_PLAIN_LEN)),
            Some(MAX_PLAIN_LEN)
        );
        assert_eq!(layers.plain_len(layers.sealed_len(MAX_PLAIN_LEN + 1)), None);
    }
}

fn any_layers() -> impl Strategy<Value = Layers> {
    prop::sample::select(BOTH.to_vec())
}

/// Lengths of 0 to 4 segments, often close to a border.
fn any_len() -> impl Strategy<Value = usize> {
    prop_oneof![
        0..4 * SEGMENT_SIZE,
        (0..4 * SEGMENT_SIZE).prop_map(|n| n.div_ceil(SEGMENT_SIZE) * SEGMENT_SIZE),
        (0..4_usize, 0..40_usize).prop_map(|(n, off)| (n * SEGMENT_SIZE + off).saturating_sub(20)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_range_of_any_body_comes_back_by_any_pieces(
        layers in any_layers(), len in any_len(), part: u32,
        from: prop::sample::Index, to: prop::sample::Index,
        seal_step in 500..200_000_usize, open_step in 500..200_000_usize,
    ) {
        let keys = keys(layers, 8);
        let body = body(len);
        let sealed = seal_by(&keys, part, &body, seal_step);
        prop_assert_eq!(sealed.len() as u64, layers.sealed_len(len as u64));
        let start = from.index(len + 1);
        let end = start + to.index(len - start + 1);
        let range = start as u64..end as u64;
        let (plain, result) = open_by(&keys, part, &sealed, len as u64, range, open_step);
        prop_assert_eq!(result, Ok(()));
        prop_assert!(plain == body[start..end]);
    }

    #[test]
    fn lengths_convert_both_ways(layers in any_layers(), len in 0..=MAX_PLAIN_LEN) {
        prop_assert_eq!(layers.plain_len(layers.sealed_len(len)), Some(len));
    }

    #[test]
    fn a_length_is_either_of_one_body_or_of_none(layers in any_layers(), sealed: u64) {
        if let Some(plain) = layers.plain_len(sealed) {
            prop_assert_eq!(layers.sealed_len(plain), sealed);
        }
    }

    #[test]
    fn sealed_ranges_never_leave_the_blob_and_are_never_empty(
        layers in any_layers(), len in 0..=MAX_PLAIN_LEN, start: u64, end: u64,
    ) {
        let range = sealed_range(layers, len, start..end);
        prop_assert!(range.start >= layers.header_len() as u64);
        prop_assert!(range.start < range.end);
        prop_assert!(range.end <= layers.sealed_len(len));
    }
}
