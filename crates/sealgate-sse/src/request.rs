//! From headers to the encryption that a request asks for. No encryption header is ever ignored:
//! each operation says which it takes, and any other is refused.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use sealgate_kms::EncryptionContext;

use crate::customer_key::{self, CustomerKey};
use crate::error::SSE;
use crate::{BucketEncryption, DefaultAlgorithm, SseError, WriteMode};

const KEY_ID: &str = "x-amz-server-side-encryption-aws-kms-key-id";
const CONTEXT: &str = "x-amz-server-side-encryption-context";
const BUCKET_KEY: &str = "x-amz-server-side-encryption-bucket-key-enabled";
const SOURCE_PREFIX: &str = "x-amz-copy-source-server-side-encryption";

/// Every encryption header that S3 knows.
pub const SSE_HEADERS: [&str; 10] = [
    SSE,
    KEY_ID,
    CONTEXT,
    BUCKET_KEY,
    customer_key::TARGET.algorithm,
    customer_key::TARGET.key,
    customer_key::TARGET.md5,
    customer_key::SOURCE.algorithm,
    customer_key::SOURCE.key,
    customer_key::SOURCE.md5,
];

/// The largest encryption context taken, in bytes of JSON.
const MAX_CONTEXT: usize = 8192;

/// Which encryption headers an operation takes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Accepts {
    /// Mode, KMS key, context, Bucket Key.
    pub mode: bool,
    /// SSE-C of the object itself.
    pub customer: bool,
    /// SSE-C of a copy's source.
    pub source: bool,
}

/// What S3 says of a KMS header without the mode that it belongs to.
const NEEDS_KMS: &str = "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms";

/// Refuse an encryption header that the operation does not take, one that was sent twice, and any
/// that S3 does not know.
pub fn check_headers(headers: &HeaderMap, accepts: Accepts) -> Result<(), SseError> {
    for name in SSE_HEADERS {
        let Some(value) = headers.get(name) else {
            continue;
        };
        if headers.get_all(name).iter().count() > 1 {
            return Err(SseError::argument(
                name,
                "null",
                format!("The header {name} was sent more than once."),
            ));
        }
        let accepted = match name {
            SSE | KEY_ID | CONTEXT | BUCKET_KEY => accepts.mode,
            name if name.starts_with(SOURCE_PREFIX) => accepts.source,
            _ => accepts.customer,
        };
        if accepted {
            continue;
        }
        return Err(match name {
            SSE => SseError::argument(
                SSE,
                value.to_str().unwrap_or("null"),
                unsupported_header(SSE),
            ),
            KEY_ID => SseError::argument(SSE, "null", NEEDS_KMS),
            name => SseError::argument(name, "null", unsupported_header(name)),
        });
    }
    // Whatever S3 may add to the family later changes what is stored, so it is not passed over.
    let unknown = headers.keys().map(http::HeaderName::as_str).find(|name| {
        (name.starts_with(SSE) || name.starts_with(SOURCE_PREFIX)) && !SSE_HEADERS.contains(name)
    });
    match unknown {
        None => Ok(()),
        Some(name) => Err(SseError::argument(SSE, "null", unsupported_header(name))),
    }
}

fn unsupported_header(name: &str) -> String {
    format!("{name} header is not supported for this operation.")
}

/// What a write asks for.
pub enum Requested {
    /// Nothing: the bucket's default applies, with this choice about the Bucket Key.
    Default {
        /// `x-amz-server-side-encryption-bucket-key-enabled`, if sent.
        bucket_key: Option<bool>,
    },
    /// SSE-S3.
    S3,
    /// SSE-KMS.
    Kms {
        /// Key id, ARN or alias as sent.
        key_id: Option<String>,
        /// The caller's own pairs.
        context: EncryptionContext,
        /// Bucket Key, if the request says.
        bucket_key: Option<bool>,
    },
    /// DSSE-KMS.
    Dsse {
        /// Key id, ARN or alias as sent.
        key_id: Option<String>,
        /// The caller's own pairs.
        context: EncryptionContext,
    },
    /// SSE-C.
    Customer(CustomerKey),
}

/// The encryption that a write's headers ask for, in a bucket that may block SSE-C: then the key
/// is not even looked at.
pub fn parse_write(headers: &HeaderMap, blocks_customer_keys: bool) -> Result<Requested, SseError> {
    let get = |name: &'static str| -> Result<Option<&str>, SseError> {
        headers
            .get(name)
            .map(|value| {
                value
                    .to_str()
                    .map_err(|_| SseError::argument(name, "null", "The header value is not text."))
            })
            .transpose()
    };
    let sse = get(SSE)?;
    let customer = has_customer_key(headers);
    if let (Some(sse), true) = (sse, customer) {
        return Err(SseError::argument(
            SSE,
            sse,
            "Server Side Encryption with Customer provided key is incompatible with the encryption method specified",
        ));
    }
    let bucket_key = match get(BUCKET_KEY)? {
        None => None,
        Some(value) if value.eq_ignore_ascii_case("true") => Some(true),
        Some(value) if value.eq_ignore_ascii_case("false") => Some(false),
        Some(value) => {
            return Err(SseError::argument(
                BUCKET_KEY,
                value,
                "The x-amz-server-side-encryption-bucket-key-enabled header must be true or false.",
            ));
        }
    };
    let key_id = get(KEY_ID)?;
    let context = get(CONTEXT)?;
    let needs_kms = || -> Result<(), SseError> {
        if key_id.is_none() && context.is_none() {
            return Ok(());
        }
        Err(SseError::argument(SSE, sse.unwrap_or("null"), NEEDS_KMS))
    };
    if customer && blocks_customer_keys {
        return Err(SseError::CustomerKeysBlocked);
    }
    if customer {
        needs_kms()?;
        if bucket_key.is_some() {
            return Err(SseError::argument(
                BUCKET_KEY,
                "null",
                "A Bucket Key cannot be used with a customer-provided key.",
            ));
        }
        let key = CustomerKey::from_headers(headers, &customer_key::TARGET)?
            .ok_or(SseError::Damaged)?
            .for_write()?;
        return Ok(Requested::Customer(key));
    }
    let Some(sse) = sse else {
        needs_kms()?;
        return Ok(Requested::Default { bucket_key });
    };
    match sse {
        "AES256" => {
            needs_kms()?;
            if bucket_key.is_some() {
                return Err(SseError::argument(
                    BUCKET_KEY,
                    sse,
                    "A Bucket Key can be used only with x-amz-server-side-encryption : aws:kms",
                ));
            }
            Ok(Requested::S3)
        }
        "aws:kms" => Ok(Requested::Kms {
            key_id: parse_key_id(key_id)?,
            context: parse_context(context)?,
            bucket_key,
        }),
        "aws:kms:dsse" => {
            if bucket_key == Some(true) {
                return Err(SseError::argument(
                    BUCKET_KEY,
                    "true",
                    "Bucket Keys are not supported for dual-layer server-side encryption with AWS KMS keys.",
                ));
            }
            Ok(Requested::Dsse {
                key_id: parse_key_id(key_id)?,
                context: parse_context(context)?,
            })
        }
        other => Err(SseError::argument(
            SSE,
            other,
            "The encryption method specified is not supported",
        )),
    }
}

fn parse_key_id(key_id: Option<&str>) -> Result<Option<String>, SseError> {
    match key_id {
        None => Ok(None),
        Some("") => Err(SseError::argument(
            KEY_ID,
            "",
            "The KMS key id must not be empty.",
        )),
        Some(id) => Ok(Some(id.to_owned())),
    }
}

/// Base64 of a JSON object of strings.
fn parse_context(header: Option<&str>) -> Result<EncryptionContext, SseError> {
    let Some(header) = header else {
        return Ok(EncryptionContext::default());
    };
    let bad = || {
        SseError::argument(
            CONTEXT,
            header.chars().take(256).collect::<String>(),
            "The header 'x-amz-server-side-encryption-context' shall be Base64-encoded UTF-8 string holding JSON which represents a string-string map",
        )
    };
    if header.len() > MAX_CONTEXT {
        return Err(bad());
    }
    let json = STANDARD.decode(header).map_err(|_| bad())?;
    let pairs: Pairs = serde_json::from_slice(&json).map_err(|_| bad())?;
    if pairs.0.iter().any(|(name, _)| name == "aws:s3:arn") {
        // S3 sets this pair itself; a caller's would change what a key policy sees.
        return Err(bad());
    }
    Ok(EncryptionContext::from_pairs(pairs.0))
}

/// A JSON object of strings in which no name stands twice.
struct Pairs(Vec<(String, String)>);

impl<'de> serde::Deserialize<'de> for Pairs {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Pairs;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of strings")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Pairs, A::Error> {
                let mut pairs: Vec<(String, String)> = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, String>()? {
                    if pairs.iter().any(|(seen, _)| *seen == name) {
                        return Err(serde::de::Error::custom("duplicate name"));
                    }
                    pairs.push((name, value));
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

/// Whether the request carries any header of an SSE-C key for the object itself.
pub fn has_customer_key(headers: &HeaderMap) -> bool {
    [
        customer_key::TARGET.algorithm,
        customer_key::TARGET.key,
        customer_key::TARGET.md5,
    ]
    .iter()
    .any(|name| headers.contains_key(*name))
}

/// The customer key of a read (`None`: no SSE-C headers).
pub fn parse_read(headers: &HeaderMap) -> Result<Option<CustomerKey>, SseError> {
    CustomerKey::from_headers(headers, &customer_key::TARGET)
}

/// The customer key of a copy's source.
pub fn parse_copy_source(headers: &HeaderMap) -> Result<Option<CustomerKey>, SseError> {
    CustomerKey::from_headers(headers, &customer_key::SOURCE)
}

impl Requested {
    /// The mode that takes effect in a bucket with these settings.
    pub fn effective(self, bucket: &BucketEncryption) -> Result<WriteMode, SseError> {
        Ok(match self {
            Self::S3 => WriteMode::S3,
            Self::Kms {
                key_id,
                context,
                bucket_key,
            } => WriteMode::Kms {
                key_id,
                context,
                bucket_key: bucket_key.unwrap_or(bucket.bucket_key_enabled),
            },
            Self::Dsse { key_id, context } => WriteMode::Dsse { key_id, context },
            Self::Customer(key) => WriteMode::Customer(key),
            Self::Default { bucket_key } => {
                if bucket_key == Some(true) && bucket.algorithm != DefaultAlgorithm::Kms {
                    return Err(SseError::argument(
                        BUCKET_KEY,
                        "true",
                        "A Bucket Key can be used only with x-amz-server-side-encryption : aws:kms",
                    ));
                }
                let key_id = bucket.kms_key_id.clone();
                let context = EncryptionContext::default();
                match bucket.algorithm {
                    DefaultAlgorithm::S3 => WriteMode::S3,
                    DefaultAlgorithm::Kms => WriteMode::Kms {
                        key_id,
                        context,
                        bucket_key: bucket_key.unwrap_or(bucket.bucket_key_enabled),
                    },
                    DefaultAlgorithm::Dsse => WriteMode::Dsse { key_id, context },
                }
            }
        })
    }
}
