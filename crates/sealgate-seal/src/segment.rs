//! One segment: its layers of encryption, in place.

use bytes::BytesMut;

use sealgate_crypto::aead::{BulkAead, OuterAead, Refused};

use crate::{key::Key256, nonce::SegmentNonce};

/// Seals and opens the segments of one blob: holds the derived keys of its layers, and the hash of
/// its header, which each segment authenticates.
pub(crate) struct SegmentCipher {
    inner: BulkAead,
    outer: Option<OuterAead>,
    header_hash: [u8; 32],
}

impl SegmentCipher {
    pub(crate) fn new(inner: &Key256, outer: Option<&Key256>, header_hash: [u8; 32]) -> Self {
        Self {
            inner: BulkAead::new(inner.expose()),
            outer: outer.map(|key| OuterAead::new(key.expose())),
            header_hash,
        }
    }

    pub(crate) fn header_hash(&self) -> [u8; 32] {
        self.header_hash
    }

    /// Turns the plaintext in `segment` into the sealed segment; no allocation if there is room.
    pub(crate) fn seal(&self, nonce: &SegmentNonce, segment: &mut BytesMut) -> Result<(), Refused> {
        let tag = self.inner.seal(nonce.bytes(), &self.header_hash, segment)?;
        segment.extend_from_slice(&tag);
        if let Some(outer) = &self.outer {
            let tag = outer.seal(nonce.bytes(), &self.header_hash, segment)?;
            segment.extend_from_slice(&tag);
        }
        Ok(())
    }

    /// Appends to `plain` what the sealed segment `head ‖ tail` holds. Nothing is appended, and no
    /// rubbish left behind the end, if it is not authentic.
    ///
    /// The segment comes in two pieces because it may have arrived so: they are joined where the
    /// plaintext is to stand, and decrypted there.
    pub(crate) fn open(
        &self,
        nonce: &SegmentNonce,
        head: &[u8],
        tail: &[u8],
        plain: &mut BytesMut,
    ) -> Result<(), Refused> {
        let start = plain.len();
        plain.extend_from_slice(head);
        plain.extend_from_slice(tail);
        let segment = plain.get_mut(start..).ok_or(Refused)?;
        match self.open_in_place(nonce, segment) {
            Ok(len) => {
                plain.truncate(start + len);
                Ok(())
            }
            Err(Refused) => {
                segment.fill(0);
                plain.truncate(start);
                Err(Refused)
            }
        }
    }

    /// Gives the length of the plaintext, which then stands at the beginning of `segment`.
    fn open_in_place(&self, nonce: &SegmentNonce, segment: &mut [u8]) -> Result<usize, Refused> {
        let mut text = segment;
        if let Some(outer) = &self.outer {
            text = outer.open(nonce.bytes(), &self.header_hash, text)?;
        }
        let plain = self.inner.open(nonce.bytes(), &self.header_hash, text)?;
        Ok(plain.len())
    }
}
