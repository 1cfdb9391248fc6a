//! The arithmetic of the format: plaintext length ↔ sealed length, offset ↔ segment. No keys here.

use std::ops::Range;

/// Plaintext bytes of every segment but the last.
pub const SEGMENT_SIZE: usize = 65536;
/// Bytes of an authentication tag; each layer adds one to a segment.
pub const TAG_SIZE: usize = sealgate_crypto::aead::TAG_SIZE;
/// The most segments that a body has. Far below what the nonce could count: it keeps the data
/// under one derived key (2⁴⁴ cipher blocks) well inside the bounds of AES-GCM.
pub(crate) const MAX_SEGMENTS: u64 = 1 << 32;
/// The longest body that can be sealed: 256 TiB.
pub const MAX_PLAIN_LEN: u64 = MAX_SEGMENTS * SEGMENT;

const SEGMENT: u64 = SEGMENT_SIZE as u64;

/// Layers of encryption of a body; each suite of the format has its own number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layers {
    /// Suite 1.
    One,
    /// Suite 2, for dual-layer encryption (DSSE).
    Two,
}

impl Layers {
    pub(crate) const fn count(self) -> usize {
        match self {
            Self::One => 1,
            Self::Two => 2,
        }
    }

    /// Bytes that sealing adds to a segment.
    pub(crate) const fn overhead(self) -> usize {
        self.count() * TAG_SIZE
    }

    /// Bytes of a sealed segment that is not the last.
    pub(crate) const fn sealed_segment(self) -> usize {
        SEGMENT_SIZE + self.overhead()
    }

    /// Bytes of the header.
    #[must_use]
    pub const fn header_len(self) -> usize {
        crate::header::PREFIX_LEN + self.count() * crate::header::LAYER_LEN
    }

    /// Bytes of the blob of a body of `plain` bytes. Saturates for lengths beyond
    /// [`MAX_PLAIN_LEN`], which cannot be sealed.
    #[must_use]
    pub const fn sealed_len(self, plain: u64) -> u64 {
        let tags = segment_count(plain).saturating_mul(self.overhead() as u64);
        plain
            .saturating_add(tags)
            .saturating_add(self.header_len() as u64)
    }

    /// Bytes of the body in a blob of `sealed` bytes; `None` if no body has such a blob.
    #[must_use]
    pub const fn plain_len(self, sealed: u64) -> Option<u64> {
        let Some(segments_len) = sealed.checked_sub(self.header_len() as u64) else {
            return None;
        };
        let count = segments_len.div_ceil(self.sealed_segment() as u64);
        let Some(plain) = segments_len.checked_sub(count * self.overhead() as u64) else {
            return None;
        };
        // Refuses an empty last segment after full ones, and a blob without segments.
        if plain <= MAX_PLAIN_LEN && self.sealed_len(plain) == sealed {
            Some(plain)
        } else {
            None
        }
    }
}

/// Segments of a body; an empty body has one, empty.
pub(crate) const fn segment_count(plain_len: u64) -> u64 {
    if plain_len == 0 {
        1
    } else {
        plain_len.div_ceil(SEGMENT)
    }
}

/// Plaintext bytes of a segment of a body of `plain_len`.
pub(crate) const fn segment_plain_len(plain_len: u64, segment: u64) -> usize {
    let rest = plain_len.saturating_sub(segment.saturating_mul(SEGMENT));
    if rest < SEGMENT {
        rest as usize
    } else {
        SEGMENT_SIZE
    }
}

/// The segments that hold the plaintext range: first and last, both included. At least one, also
/// for an empty range. What lies outside the body is left out.
pub(crate) fn segments_of(plain_len: u64, range: &Range<u64>) -> (u64, u64) {
    let final_segment = segment_count(plain_len) - 1;
    let first = (range.start / SEGMENT).min(final_segment);
    let last = if range.end > range.start {
        (range.end - 1) / SEGMENT
    } else {
        first
    };
    (first, last.clamp(first, final_segment))
}

/// The bytes of a blob that must be read to open a plaintext range of its body: whole segments,
/// never empty (an empty range costs the one segment that proves the body is there). What lies
/// outside the body is left out.
#[must_use]
pub fn sealed_range(layers: Layers, plain_len: u64, range: Range<u64>) -> Range<u64> {
    let (first, last) = segments_of(plain_len, &range);
    let at = |segment: u64| {
        segment
            .saturating_mul(layers.sealed_segment() as u64)
            .saturating_add(layers.header_len() as u64)
    };
    at(first)..at(last.saturating_add(1)).min(layers.sealed_len(plain_len))
}

/// Offset in the plaintext at which a segment begins.
pub(crate) const fn segment_start(segment: u64) -> u64 {
    segment.saturating_mul(SEGMENT)
}
