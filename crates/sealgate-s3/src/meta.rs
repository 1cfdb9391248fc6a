//! What a client says about an object and gets back with it: system headers, user metadata,
//! checksum. Kept in the index beside the version.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use sealgate_wire::checksum::{Checksum, ChecksumAlgorithm, ChecksumType};
use serde::{Deserialize, Serialize};

use crate::error::{Code, Result, S3Error};

/// Most bytes of names and values of user metadata
/// ([metadata](https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html)).
const MAX_USER_METADATA: usize = 2048;
/// Most bytes of one system header.
const MAX_SYSTEM_HEADER: usize = 4096;

/// What S3 calls the type of an object that nobody gave a type.
const DEFAULT_CONTENT_TYPE: &str = "binary/octet-stream";

/// An object's metadata.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ObjectMeta {
    /// System headers by lower-case name.
    #[serde(rename = "h", skip_serializing_if = "BTreeMap::is_empty")]
    pub system: BTreeMap<String, String>,
    /// `x-amz-meta-*` without the prefix.
    #[serde(rename = "u", skip_serializing_if = "BTreeMap::is_empty")]
    pub user: BTreeMap<String, String>,
    /// Base64 of the object's checksum, in the algorithm of its version.
    #[serde(rename = "c", skip_serializing_if = "Option::is_none")]
    pub checksum: Option<String>,
    /// Number of parts, if the object was uploaded in parts.
    #[serde(rename = "p", skip_serializing_if = "Option::is_none")]
    pub parts: Option<u32>,
    /// Whether the ETag is the MD5 of the content.
    #[serde(rename = "m", skip_serializing_if = "std::ops::Not::not")]
    pub etag_is_md5: bool,
}

/// System headers that are stored and returned.
const SYSTEM: [&str; 6] = [
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
];
const REDIRECT: &str = "x-amz-website-redirect-location";

impl ObjectMeta {
    /// The metadata that a request's headers carry.
    pub fn from_headers(headers: &HeaderMap) -> Result<Self> {
        let mut meta = Self::default();
        for name in SYSTEM.into_iter().chain([REDIRECT]) {
            let Some(value) = text(headers, name)? else {
                continue;
            };
            if value.len() > MAX_SYSTEM_HEADER {
                return Err(Code::MetadataTooLarge.into());
            }
            let value = if name == "content-encoding" {
                // How the request was framed is not how the object is encoded.
                value
                    .split(',')
                    .map(str::trim)
                    .filter(|coding| !coding.is_empty() && *coding != "aws-chunked")
                    .collect::<Vec<_>>()
                    .join(",")
            } else {
                value
            };
            if !value.is_empty() {
                if name == REDIRECT {
                    check_redirect(&value)?;
                }
                meta.system.insert(name.to_owned(), value);
            }
        }
        meta.system
            .entry("content-type".to_owned())
            .or_insert_with(|| DEFAULT_CONTENT_TYPE.to_owned());
        let mut size = 0;
        for name in headers.keys() {
            let Some(short) = name.as_str().strip_prefix("x-amz-meta-") else {
                continue;
            };
            let value = text(headers, name.as_str())?.unwrap_or_default();
            size += short.len() + value.len();
            meta.user.insert(short.to_owned(), value);
        }
        if size > MAX_USER_METADATA {
            return Err(S3Error::from(Code::MetadataTooLarge)
                .with("Size", size.to_string())
                .with("MaxSizeAllowed", MAX_USER_METADATA.to_string()));
        }
        Ok(meta)
    }

    /// What a copy takes over of it: all but the redirect, which is each object's own and comes
    /// from the headers of the copy.
    pub fn copied(&self, headers: &HeaderMap) -> Result<Self> {
        let mut copy = self.clone();
        copy.system.remove(REDIRECT);
        if let Some(redirect) = text(headers, REDIRECT)? {
            check_redirect(&redirect)?;
            copy.system.insert(REDIRECT.to_owned(), redirect);
        }
        Ok(copy)
    }

    /// As stored in the index.
    pub fn to_bytes(&self) -> Result<bytes::Bytes> {
        serde_json::to_vec(self)
            .map(Into::into)
            .map_err(|_| Code::InternalError.into())
    }

    /// As read from the index.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        serde_json::from_slice(bytes).map_err(|error| {
            tracing::error!(%error, "an object's metadata is damaged");
            Code::InternalError.into()
        })
    }

    /// Put the metadata into an answer.
    pub fn write_headers(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.system {
            insert(headers, name, value);
        }
        for (name, value) in &self.user {
            insert(headers, &format!("x-amz-meta-{name}"), value);
        }
    }

    /// The checksum, with its algorithm taken from the version.
    pub fn checksum(&self, algorithm: Option<&str>) -> Option<Checksum> {
        let algorithm = ChecksumAlgorithm::parse(algorithm?)?;
        let value = STANDARD.decode(self.checksum.as_ref()?).ok()?;
        Some(Checksum { algorithm, value })
    }

    /// The checksum as headers and XML show it: a composite one ends with the number of parts.
    pub fn checksum_text(&self, checksum_type: Option<ChecksumType>) -> Option<String> {
        let value = self.checksum.clone()?;
        Some(match (checksum_type, self.parts) {
            (Some(ChecksumType::Composite), Some(parts)) => format!("{value}-{parts}"),
            _ => value,
        })
    }
}

fn check_redirect(location: &str) -> Result<()> {
    const MAX: usize = 2048;
    let known = ["/", "http://", "https://"];
    if location.len() <= MAX && known.iter().any(|prefix| location.starts_with(prefix)) {
        Ok(())
    } else {
        Err(Code::InvalidRedirectLocation.into())
    }
}

/// All values of a header as one UTF-8 text.
fn text(headers: &HeaderMap, name: &str) -> Result<Option<String>> {
    let mut joined: Option<String> = None;
    for value in headers.get_all(name) {
        let value = std::str::from_utf8(value.as_bytes())
            .map_err(|_| S3Error::argument(name, "", "The header value is not UTF-8."))?
            .trim();
        match &mut joined {
            None => joined = Some(value.to_owned()),
            Some(joined) => {
                joined.push(',');
                joined.push_str(value);
            }
        }
    }
    Ok(joined)
}

/// Set a header, if name and value can be one.
pub(crate) fn insert(headers: &mut HeaderMap, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (
        HeaderName::try_from(name),
        HeaderValue::from_bytes(value.as_bytes()),
    ) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn metadata_survives_the_index() {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("text/plain"));
        headers.insert(
            "content-encoding",
            HeaderValue::from_static("aws-chunked,gzip"),
        );
        headers.insert(
            "x-amz-meta-colour",
            HeaderValue::from_bytes("grün".as_bytes()).unwrap(),
        );
        let meta = ObjectMeta::from_headers(&headers).unwrap();
        assert_eq!(meta.system["content-encoding"], "gzip");
        let read = ObjectMeta::from_bytes(&meta.to_bytes().unwrap()).unwrap();
        assert_eq!(read, meta);
        let mut answer = HeaderMap::new();
        read.write_headers(&mut answer);
        assert_eq!(answer["x-amz-meta-colour"].as_bytes(), "grün".as_bytes());
    }

    #[test]
    fn a_redirect_is_not_copied_but_may_be_given() {
        let mut headers = HeaderMap::new();
        headers.insert(REDIRECT, HeaderValue::from_static("/there"));
        headers.insert("cache-control", HeaderValue::from_static("no-store"));
        let meta = ObjectMeta::from_headers(&headers).unwrap();
        assert_eq!(meta.system[REDIRECT], "/there");
        let copy = meta.copied(&HeaderMap::new()).unwrap();
        assert!(!copy.system.contains_key(REDIRECT));
        assert_eq!(copy.system["cache-control"], "no-store");
        assert_eq!(meta.copied(&headers).unwrap().system[REDIRECT], "/there");
        headers.insert(REDIRECT, HeaderValue::from_static("ftp://x"));
        for refused in [ObjectMeta::from_headers(&headers), meta.copied(&headers)] {
            assert_eq!(refused.unwrap_err().kind(), Code::InvalidRedirectLocation);
        }
    }

    #[test]
    fn two_kibibytes_of_user_metadata_are_the_limit() {
        let mut headers = HeaderMap::new();
        let value = |n: usize| HeaderValue::from_str(&"v".repeat(n)).unwrap();
        headers.insert("x-amz-meta-k", value(2047));
        assert!(ObjectMeta::from_headers(&headers).is_ok());
        headers.insert("x-amz-meta-k", value(2048));
        assert_eq!(
            ObjectMeta::from_headers(&headers).unwrap_err().kind(),
            Code::MetadataTooLarge
        );
    }
}
