//! Nonces of segments: an 11-byte big-endian counter and a byte that marks the last segment (the
//! STREAM construction). A nonce is only ever made from a place in a body, and while sealing only
//! by [`Sequence`], which never gives the same one twice.

use crate::layout::MAX_SEGMENTS;

/// Bytes of a nonce.
pub(crate) const NONCE_SIZE: usize = sealgate_crypto::aead::NONCE_SIZE;

/// The nonce of one segment. Not `Clone`: using one consumes it.
pub(crate) struct SegmentNonce([u8; NONCE_SIZE]);

impl SegmentNonce {
    /// The nonce at this place of a body; `None` past the last segment that a body can have.
    pub(crate) fn at(segment: u64, last: bool) -> Option<Self> {
        if segment >= MAX_SEGMENTS {
            return None;
        }
        let mut nonce = [0; NONCE_SIZE];
        nonce[3..11].copy_from_slice(&segment.to_be_bytes());
        nonce[11] = u8::from(last);
        Some(Self(nonce))
    }

    pub(crate) fn bytes(&self) -> &[u8; NONCE_SIZE] {
        &self.0
    }
}

/// The nonces of a body that is being sealed, each once and in order.
pub(crate) struct Sequence {
    next: u64,
    finished: bool,
}

impl Sequence {
    pub(crate) fn new() -> Self {
        Self {
            next: 0,
            finished: false,
        }
    }

    /// The nonce of the next segment. `None` after the last one, and where the counter would
    /// leave its bounds.
    pub(crate) fn next(&mut self, last: bool) -> Option<SegmentNonce> {
        if self.finished {
            return None;
        }
        let nonce = SegmentNonce::at(self.next, last)?;
        self.next += 1;
        self.finished = last;
        Some(nonce)
    }

    pub(crate) fn finished(&self) -> bool {
        self.finished
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn nonce_is_the_counter_and_the_last_flag() {
        let nonce = SegmentNonce::at(0x0102_0304, true).unwrap();
        assert_eq!(nonce.bytes(), &[0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 1]);
        let nonce = SegmentNonce::at(7, false).unwrap();
        assert_eq!(nonce.bytes(), &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0]);
    }

    #[test]
    fn counter_refuses_to_overflow() {
        assert!(SegmentNonce::at(MAX_SEGMENTS - 1, false).is_some());
        assert!(SegmentNonce::at(MAX_SEGMENTS, false).is_none());
        assert!(SegmentNonce::at(u64::MAX, true).is_none());
        let mut sequence = Sequence {
            next: MAX_SEGMENTS - 1,
            finished: false,
        };
        assert!(sequence.next(false).is_some());
        assert!(sequence.next(false).is_none());
        assert!(sequence.next(true).is_none());
    }

    #[test]
    fn nothing_follows_the_last_segment() {
        let mut sequence = Sequence::new();
        assert!(sequence.next(false).is_some());
        assert!(sequence.next(true).is_some());
        assert!(sequence.finished());
        assert!(sequence.next(false).is_none());
        assert!(sequence.next(true).is_none());
    }
}
