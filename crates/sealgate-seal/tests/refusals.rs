//! What is not exactly as it was sealed is refused, and nothing false is handed out on the way.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use common::{BOTH, body, keys, open_by, seal_by};
use proptest::prelude::*;
use sealgate_seal::{
    BodyKeys, Key256, Layers, OpenError, OpenStream, SEGMENT_SIZE, SealStream, header_hash,
    open_all, seal_all,
};

const SEGMENTS: usize = 4;
const LEN: usize = (SEGMENTS - 1) * SEGMENT_SIZE + 777;

/// Opens a changed blob in every way, and checks that each refuses and hands out only truth.
fn assert_refused(keys: &BodyKeys, blob: &[u8], body: &[u8]) {
    assert!(open_all(keys, 0, blob).is_err());
    let len = body.len() as u64;
    for step in [usize::MAX, 50_000] {
        let (plain, result) = open_by(keys, 0, blob, len, 0..len, step);
        assert!(result.is_err());
        assert!(body.starts_with(&plain), "what was handed out is true");
    }
}

fn split(layers: Layers, blob: &[u8]) -> (&[u8], Vec<&[u8]>) {
    let (header, segments) = blob.split_at(layers.header_len());
    let sealed_segment = SEGMENT_SIZE + layers.sealed_len(0) as usize - layers.header_len();
    (header, segments.chunks(sealed_segment).collect())
}

fn join(header: &[u8], segments: &[&[u8]]) -> Vec<u8> {
    let mut blob = header.to_vec();
    segments
        .iter()
        .for_each(|segment| blob.extend_from_slice(segment));
    blob
}

#[test]
fn the_hash_of_the_header_tells_blobs_of_one_key_apart() {
    for layers in BOTH {
        let keys = keys(layers, 1);
        let mut seen = Vec::new();
        for _ in 0..2 {
            let mut stream = SealStream::new(&keys, 1);
            let early = stream.header_hash();
            stream.push(&body(LEN)).unwrap();
            let mut blob = stream.output().split();
            assert_eq!(stream.header_hash(), early);
            stream.finish().unwrap();
            blob.extend_from_slice(stream.output());
            assert_eq!(stream.header_hash(), early);
            assert_eq!(header_hash(&blob[..layers.header_len()]), early);
            seen.push(early);
        }
        assert_ne!(seen[0], seen[1]);
    }
}

#[test]
fn wrong_key_is_told_by_the_header_alone() {
    for layers in BOTH {
        let sealed = seal_all(&keys(layers, 1), 0, b"body").unwrap();
        let header = &sealed[..layers.header_len()];
        let opened = OpenStream::new(&keys(layers, 2), 0, header, 4, 0..4);
        assert_eq!(opened.err(), Some(OpenError::WrongKey));
    }
}

#[test]
fn either_wrong_key_of_two_is_refused() {
    let key = |byte| Key256::from_bytes([byte; 32]);
    let keys = BodyKeys::Double {
        inner: key(1),
        outer: key(2),
    };
    let sealed = seal_all(&keys, 0, b"body").unwrap();
    for (inner, outer) in [(1, 3), (3, 2), (2, 1)] {
        let wrong = BodyKeys::Double {
            inner: key(inner),
            outer: key(outer),
        };
        assert_eq!(
            open_all(&wrong, 0, &sealed).err(),
            Some(OpenError::WrongKey)
        );
    }
    assert_eq!(
        open_all(&BodyKeys::Single(key(1)), 0, &sealed).err(),
        Some(OpenError::WrongKey)
    );
    assert!(open_all(&keys, 0, &sealed).is_ok());
}

#[test]
fn a_part_opens_only_as_the_part_it_was() {
    for layers in BOTH {
        let keys = keys(layers, 1);
        let sealed = seal_all(&keys, 1, b"body").unwrap();
        assert_eq!(open_all(&keys, 2, &sealed).err(), Some(OpenError::WrongKey));
    }
}

#[test]
fn headers_are_refused_by_what_is_wrong_with_them() {
    let keys = keys(Layers::One, 1);
    let sealed = seal_all(&keys, 0, b"body").unwrap();
    for (at, error) in [
        (0, OpenError::NotSealed),
        (7, OpenError::NotSealed),
        (8, OpenError::UnknownVersion),
        (9, OpenError::UnknownVersion),
        (10, OpenError::UnknownVersion),
        (11, OpenError::UnknownVersion),
        (12, OpenError::WrongKey),
        (43, OpenError::WrongKey),
        (44, OpenError::WrongKey),
        (75, OpenError::WrongKey),
        (76, OpenError::Damaged { segment: 0 }),
    ] {
        let mut changed = sealed.clone();
        changed[at] ^= 0x80;
        assert_eq!(open_all(&keys, 0, &changed).err(), Some(error), "byte {at}");
    }
    let mut other_suite = sealed.clone();
    other_suite[9] = 2;
    assert_eq!(
        open_all(&keys, 0, &other_suite).err(),
        Some(OpenError::WrongKey)
    );
    for (len, error) in [
        (0, OpenError::NotSealed),
        (7, OpenError::NotSealed),
        (8, OpenError::Truncated),
        (75, OpenError::Truncated),
        (77, OpenError::BadLength),
    ] {
        let opened = OpenStream::new(&keys, 0, &sealed[..len], 4, 0..4);
        assert_eq!(opened.err(), Some(error), "{len} bytes of header");
    }
}

#[test]
fn removed_swapped_doubled_and_appended_segments_are_refused() {
    for layers in BOTH {
        let keys = keys(layers, 1);
        let body = body(LEN);
        let sealed = seal_all(&keys, 0, &body).unwrap();
        let (header, segments) = split(layers, &sealed);
        assert_eq!(segments.len(), SEGMENTS);
        for at in 0..SEGMENTS {
            let mut changed = segments.clone();
            changed.remove(at);
            assert_refused(&keys, &join(header, &changed), &body);
            let mut changed = segments.clone();
            changed.swap(at, (at + 1) % SEGMENTS);
            assert_refused(&keys, &join(header, &changed), &body);
        }
        for at in 0..SEGMENTS - 1 {
            let mut changed = segments.clone();
            changed.insert(at, segments[at]);
            assert_refused(&keys, &join(header, &changed), &body);
        }
        for extra in [segments[SEGMENTS - 1], segments[0], &[0; 16], &[0]] {
            let appended = join(&sealed, &[extra]);
            assert!(open_all(&keys, 0, &appended).is_err());
        }
    }
}

#[test]
fn more_than_the_sealed_range_is_refused() {
    let keys = keys(Layers::One, 1);
    let sealed = seal_all(&keys, 0, b"body").unwrap();
    let (header, segments) = sealed.split_at(76);
    let mut stream = OpenStream::new(&keys, 0, header, 4, 0..4).unwrap();
    stream.push(segments).unwrap();
    assert_eq!(stream.finish(), Ok(()));
    assert_eq!(stream.push(b""), Ok(()));
    assert_eq!(stream.push(b"x"), Err(OpenError::BadLength));
    assert_eq!(stream.finish(), Err(OpenError::BadLength));
}

#[test]
fn a_body_cut_at_a_segment_is_refused_although_each_segment_is_authentic() {
    for layers in BOTH {
        let keys = keys(layers, 1);
        let sealed = seal_all(&keys, 0, &body(2 * SEGMENT_SIZE)).unwrap();
        let (header, segments) = split(layers, &sealed);
        let cut = join(header, &segments[..1]);
        // With the length that the index knows, and with one that fits what is left.
        let (_, result) = open_by(&keys, 0, &cut, 131_072, 0..131_072, usize::MAX);
        assert_eq!(result, Err(OpenError::Truncated));
        let (plain, result) = open_by(&keys, 0, &cut, 65_536, 0..65_536, usize::MAX);
        assert_eq!(
            (plain.len(), result),
            (0, Err(OpenError::Damaged { segment: 0 }))
        );
    }
}

#[test]
fn header_and_segments_of_two_blobs_under_one_key_do_not_mix() {
    for layers in BOTH {
        let keys = keys(layers, 1);
        let body = body(LEN);
        let (one, other) = (
            seal_all(&keys, 0, &body).unwrap(),
            seal_all(&keys, 0, &body).unwrap(),
        );
        let ((header, segments), (other_header, other_segments)) =
            (split(layers, &one), split(layers, &other));
        let result = open_all(&keys, 0, &join(other_header, &segments));
        assert_eq!(result.err(), Some(OpenError::Damaged { segment: 0 }));
        let spliced = [segments[0], other_segments[1], segments[2], segments[3]];
        let result = open_all(&keys, 0, &join(header, &spliced));
        assert_eq!(result.err(), Some(OpenError::Damaged { segment: 1 }));
    }
}

#[test]
fn damage_outside_a_range_does_not_concern_it() {
    let keys = keys(Layers::One, 1);
    let body = body(LEN);
    let mut sealed = seal_all(&keys, 0, &body).unwrap();
    sealed[76 + 65552 + 5] ^= 1;
    let len = LEN as u64;
    let (plain, result) = open_by(&keys, 0, &sealed, len, 131_072..len, 999);
    assert_eq!(result, Ok(()));
    assert!(plain == body[131_072..]);
    let (plain, result) = open_by(&keys, 0, &sealed, len, 0..len, 999);
    assert_eq!(result, Err(OpenError::Damaged { segment: 1 }));
    assert!(
        plain == body[..65_536],
        "what stands before the damage is true"
    );
}

#[test]
fn ranges_outside_the_body_are_refused() {
    let keys = keys(Layers::One, 1);
    let sealed = seal_all(&keys, 0, b"body").unwrap();
    #[expect(
        clippy::reversed_empty_ranges,
        reason = "it is what a confused caller might pass"
    )]
    for range in [0..5, 5..5, 3..2, 0..u64::MAX] {
        let opened = OpenStream::new(&keys, 0, &sealed[..76], 4, range);
        assert_eq!(opened.err(), Some(OpenError::BadLength));
    }
    let opened = OpenStream::new(&keys, 0, &sealed[..76], u64::MAX, 0..4);
    assert_eq!(opened.err(), Some(OpenError::BadLength));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_flipped_bit_is_refused(
        two: bool, at: prop::sample::Index, bit in 0..8_u8, near_border: bool, offset in 0..80_usize,
    ) {
        let layers = if two { Layers::Two } else { Layers::One };
        let keys = keys(layers, 1);
        let body = body(LEN);
        let mut sealed = seal_all(&keys, 0, &body).unwrap();
        let at = if near_border {
            // Around the tags, where a mistake would hide.
            (layers.header_len() + 65536 + offset).min(sealed.len() - 1)
        } else {
            at.index(sealed.len())
        };
        sealed[at] ^= 1 << bit;
        assert_refused(&keys, &sealed, &body);
    }

    #[test]
    fn any_truncation_is_refused(two: bool, at: prop::sample::Index) {
        let layers = if two { Layers::Two } else { Layers::One };
        let keys = keys(layers, 1);
        let body = body(LEN);
        let sealed = seal_by(&keys, 0, &body, 100_000);
        assert_refused(&keys, &sealed[..at.index(sealed.len())], &body);
    }

    #[test]
    fn a_wrong_length_from_the_index_never_gives_false_bytes(
        claimed in 0..2 * LEN as u64, from: prop::sample::Index,
    ) {
        let keys = keys(Layers::One, 1);
        let body = body(LEN);
        let sealed = seal_all(&keys, 0, &body).unwrap();
        let start = from.index(claimed as usize + 1) as u64;
        let (plain, result) = open_by(&keys, 0, &sealed, claimed, start..claimed, 70_000);
        prop_assert!(body.get(start as usize..).unwrap_or_default().starts_with(&plain));
        prop_assert!(result.is_err() || claimed == LEN as u64);
    }

    #[test]
    fn arbitrary_bytes_never_panic(
        two: bool, bytes in prop::collection::vec(any::<u8>(), 0..400), keep in 0..200_usize,
        claimed: u64, start: u64, end: u64, step in 1..300_usize,
    ) {
        let layers = if two { Layers::Two } else { Layers::One };
        let keys = keys(layers, 1);
        // A true beginning, so that not all ends at the magic.
        let mut blob = seal_all(&keys, 0, b"body").unwrap();
        blob.truncate(keep);
        blob.extend_from_slice(&bytes);
        let _ = open_all(&keys, 0, &bytes);
        if let Ok(plain) = open_all(&keys, 0, &blob) {
            prop_assert_eq!(plain, b"body");
        }
        for claimed in [claimed, claimed % 500] {
            for range in [start..end, start % 500..end % 500] {
                let (plain, _) = open_by(&keys, 0, &blob, claimed, range.clone(), step);
                if !plain.is_empty() {
                    prop_assert_eq!(&plain[..], &b"body"[range.start as usize..range.end as usize]);
                }
            }
        }
    }
}
