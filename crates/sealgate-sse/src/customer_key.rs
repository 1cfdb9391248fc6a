//! The key that a customer sends with an SSE-C request: checked, used, forgotten.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use md5::{Digest, Md5};
use sealgate_seal::Key256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::SseError;

/// The three header names of one SSE-C key.
pub(crate) struct Names {
    pub(crate) algorithm: &'static str,
    pub(crate) key: &'static str,
    pub(crate) md5: &'static str,
}

/// `x-amz-server-side-encryption-customer-*`: the key of the object that is read or written.
pub(crate) const TARGET: Names = Names {
    algorithm: "x-amz-server-side-encryption-customer-algorithm",
    key: "x-amz-server-side-encryption-customer-key",
    md5: "x-amz-server-side-encryption-customer-key-md5",
};

/// `x-amz-copy-source-server-side-encryption-customer-*`: the key of the source of a copy.
pub(crate) const SOURCE: Names = Names {
    algorithm: "x-amz-copy-source-server-side-encryption-customer-algorithm",
    key: "x-amz-copy-source-server-side-encryption-customer-key",
    md5: "x-amz-copy-source-server-side-encryption-customer-key-md5",
};

/// A customer-provided key. Zeroized when dropped; neither it nor its MD5 is ever stored.
pub struct CustomerKey {
    /// `None`: well formed and with the right MD5, but not 32 bytes long. S3 tells a write so,
    /// and answers a read like any other wrong key.
    key: Option<Key256>,
    md5: String,
}

impl CustomerKey {
    /// The key of these headers, if they name one.
    ///
    /// The order of the checks is S3's: algorithm, key, MD5 present, MD5 right, and only then
    /// the length ([SSE-C](https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerSideEncryptionCustomerKeys.html)).
    pub(crate) fn from_headers(
        headers: &HeaderMap,
        names: &Names,
    ) -> Result<Option<Self>, SseError> {
        let text = |name: &'static str| match headers.get(name) {
            None => Ok(None),
            Some(value) => value
                .to_str()
                .map(Some)
                .map_err(|_| SseError::customer_key(format!("The value of {name} is not text."))),
        };
        let (algorithm, key, md5) = (text(names.algorithm)?, text(names.key)?, text(names.md5)?);
        if algorithm.is_none() && key.is_none() && md5.is_none() {
            return Ok(None);
        }
        let Some(algorithm) = algorithm else {
            return Err(SseError::customer_key(
                "Requests specifying Server Side Encryption with Customer provided keys must provide a valid encryption algorithm.",
            ));
        };
        if algorithm != "AES256" {
            return Err(SseError::InvalidEncryptionAlgorithm {
                value: algorithm.to_owned(),
            });
        }
        let Some(key) = key else {
            return Err(SseError::customer_key(
                "Requests specifying Server Side Encryption with Customer provided keys must provide an appropriate secret key.",
            ));
        };
        let Some(md5) = md5 else {
            return Err(SseError::customer_key(
                "Requests specifying Server Side Encryption with Customer provided keys must provide the client calculated MD5 of the secret key.",
            ));
        };
        let invalid =
            || SseError::customer_key("The secret key was invalid for the specified algorithm.");
        let raw = Zeroizing::new(STANDARD.decode(key).map_err(|_| invalid())?);
        let calculated = Md5::digest(&*raw);
        let claimed = STANDARD.decode(md5).unwrap_or_default();
        if !bool::from(calculated.as_slice().ct_eq(&claimed)) {
            return Err(SseError::customer_key(
                "The calculated MD5 hash of the key did not match the hash that was provided.",
            ));
        }
        Ok(Some(Self {
            key: Key256::from_slice(&raw),
            md5: md5.to_owned(),
        }))
    }

    /// The key, for a write: a wrong length is refused in S3's words.
    pub(crate) fn for_write(self) -> Result<Self, SseError> {
        if self.key.is_none() {
            return Err(SseError::customer_key(
                "The secret key was invalid for the specified algorithm.",
            ));
        }
        Ok(self)
    }

    pub(crate) fn key(&self) -> Option<&Key256> {
        self.key.as_ref()
    }

    /// The base64 MD5 that the client sent, to be echoed in the answer and nowhere else.
    pub fn md5(&self) -> &str {
        &self.md5
    }
}
