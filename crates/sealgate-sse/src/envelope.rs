//! The envelope of a body: how its data keys are wrapped. It lives in the index beside the
//! object's version, so that a rewrap really retires the old wrapping.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

use crate::{CustomerKey, SseError};

/// The mode of server-side encryption.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// SSE-S3.
    S3,
    /// SSE-KMS.
    Kms,
    /// DSSE-KMS.
    Dsse,
    /// SSE-C.
    Customer,
}

impl Mode {
    /// Every mode, in the order of the metrics.
    pub const ALL: [Self; 4] = [Self::S3, Self::Kms, Self::Dsse, Self::Customer];

    /// The name by which logs, metrics and the audit trail call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::S3 => "SSE_S3",
            Self::Kms => "SSE_KMS",
            Self::Dsse => "DSSE_KMS",
            Self::Customer => "SSE_C",
        }
    }
}

/// Bytes that JSON carries as base64.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Blob(pub(crate) Vec<u8>);

impl Serialize for Blob {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        STANDARD
            .decode(&*text)
            .map(Self)
            .map_err(serde::de::Error::custom)
    }
}

/// How the data keys of one body are wrapped. Specified in `docs/format.md`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mode")]
pub enum Envelope {
    /// The DEK under a platform key.
    #[serde(rename = "AES256")]
    S3 {
        /// The wrapped DEK.
        #[serde(rename = "dek")]
        dek: WrappedKey,
    },
    /// The DEK under a key-encryption key (KEK) that the KMS made for this object, or for the
    /// bucket.
    #[serde(rename = "aws:kms")]
    Kms(KmsWrap),
    /// The inner DEK as under SSE-KMS, the outer one under a platform key.
    #[serde(rename = "aws:kms:dsse")]
    Dsse {
        /// Wrapping of the inner DEK.
        #[serde(flatten)]
        inner: KmsWrap,
        /// The outer DEK.
        outer: WrappedKey,
    },
    /// The DEK under a key derived from the customer's.
    #[serde(rename = "SSE-C")]
    Customer {
        /// Salt of the derivations.
        salt: WrappedKey,
        /// Recognises the customer's key: HKDF output, which says nothing about the key.
        check: WrappedKey,
        /// The wrapped DEK.
        dek: WrappedKey,
        /// Of a replica: the object whose place the keys are derived for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        origin: Option<CustomerOrigin>,
    },
}

/// The object that an object under SSE-C is a replica of. Nobody but who has the customer's key can wrap the data key
/// for another place, so the wrapping stays that of the original, and the gateway vouches for where it came from.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerOrigin {
    /// Account of its bucket.
    pub(crate) account: String,
    /// Its bucket.
    pub(crate) bucket: String,
    /// Its key.
    pub(crate) key: String,
    /// These three, wrapped by the gateway for the place of the replica.
    pub(crate) seal: WrappedKey,
}

/// Opaque bytes of an envelope.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrappedKey(pub(crate) Blob);

impl WrappedKey {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self(Blob(bytes))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0.0
    }
}

/// A DEK under a KEK, and the KEK under a KMS key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KmsWrap {
    /// ARN of the KMS key.
    pub key: String,
    /// The caller's own context pairs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub context: BTreeMap<String, String>,
    /// Whether the KEK is the bucket's (a Bucket Key).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bucket_key: bool,
    /// KMS ciphertext of the KEK.
    pub kek: WrappedKey,
    /// The DEK under the KEK.
    pub dek: WrappedKey,
}

impl Envelope {
    /// As stored in the index.
    pub fn to_bytes(&self) -> Result<Vec<u8>, SseError> {
        serde_json::to_vec(self).map_err(|_| SseError::Damaged)
    }

    /// As read from the index.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SseError> {
        serde_json::from_slice(bytes).map_err(|_| SseError::Damaged)
    }

    /// The mode of the body.
    pub fn mode(&self) -> Mode {
        match self {
            Self::S3 { .. } => Mode::S3,
            Self::Kms(_) => Mode::Kms,
            Self::Dsse { .. } => Mode::Dsse,
            Self::Customer { .. } => Mode::Customer,
        }
    }

    /// Whether two layers seal the body.
    pub fn is_double(&self) -> bool {
        matches!(self, Self::Dsse { .. })
    }

    /// The KMS part, for the modes that have one.
    pub fn kms(&self) -> Option<&KmsWrap> {
        match self {
            Self::Kms(wrap) | Self::Dsse { inner: wrap, .. } => Some(wrap),
            Self::S3 { .. } | Self::Customer { .. } => None,
        }
    }

    /// ARN of the KMS key that wraps it, under the modes of the KMS.
    pub fn kms_key(&self) -> Option<&str> {
        self.kms().map(|wrap| wrap.key.as_str())
    }

    /// The version of that key's material which the wrapping was made with, as far as the wrapping says it.
    pub fn kms_material(&self) -> Option<u32> {
        sealgate_kms::material_version(self.kms()?.kek.bytes())
    }

    /// The headers with which an answer tells how the object is encrypted. `customer` is the key
    /// of the request, whose MD5 is echoed; `with_context` is set in the answers to writes.
    pub fn response_headers(
        &self,
        customer: Option<&CustomerKey>,
        with_context: bool,
    ) -> Vec<(HeaderName, HeaderValue)> {
        let mut headers = Vec::with_capacity(4);
        let mut put = |name: &'static str, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.push((HeaderName::from_static(name), value));
            }
        };
        let sse = "x-amz-server-side-encryption";
        match self {
            Self::S3 { .. } => put(sse, "AES256"),
            Self::Kms(_) => put(sse, "aws:kms"),
            Self::Dsse { .. } => put(sse, "aws:kms:dsse"),
            Self::Customer { .. } => {
                put("x-amz-server-side-encryption-customer-algorithm", "AES256");
                if let Some(customer) = customer {
                    put(
                        "x-amz-server-side-encryption-customer-key-md5",
                        customer.md5(),
                    );
                }
            }
        }
        if let Some(wrap) = self.kms() {
            put("x-amz-server-side-encryption-aws-kms-key-id", &wrap.key);
            if wrap.bucket_key {
                put("x-amz-server-side-encryption-bucket-key-enabled", "true");
            }
            if with_context
                && !wrap.context.is_empty()
                && let Ok(json) = serde_json::to_vec(&wrap.context)
            {
                put(
                    "x-amz-server-side-encryption-context",
                    &STANDARD.encode(json),
                );
            }
        }
        headers
    }
}
