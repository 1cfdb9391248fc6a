//! Signature Version 2, on the server's side, for presigned URLs only: `aws s3 presign` of the AWS CLI v1
//! and boto3's `generate_presigned_url` still make them by default in `us-east-1`.
//!
//! The signature is an HMAC-SHA1 over method, `Content-MD5`, `Content-Type`, `Expires`, every `x-amz-*`
//! header, and the resource. Unlike Version 4 it covers neither the host nor the whole query, so this
//! module is stricter than a signer:
//!
//! * The bucket of a virtual host is always part of the resource, else a URL for one bucket could be sent
//!   to another. Only the front knows which hosts name buckets; it says so with a [`VirtualHostBucket`].
//! * A parameter that is not signed is refused unless it is known to choose no operation and no object.
//! * No header comes from the query ([`crate::sigv4::hoisted_headers`] is for Version 4 only).
//!
//! As at AWS, the paging parameters of a listing (`prefix` too) are not covered.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/RESTAuthentication.html>

#[cfg(test)]
mod tests;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::request::Parts;
use sealgate_crypto::hmac;
use subtle::ConstantTimeEq as _;
use time::{Duration, OffsetDateTime};

use crate::encoding::decode_query;
use crate::query::Query;
use crate::sigv4::{AuthError, SecretKey, extended};

/// The header, or query parameter, of temporary credentials.
const SECURITY_TOKEN: &str = "x-amz-security-token";
/// The parameters of the signature, in the order in which AWS names them.
const PARAMETERS: [&str; 3] = ["AWSAccessKeyId", "Signature", "Expires"];
/// The longest that a presigned URL may be valid, as for Version 4, and how far clocks may be apart.
const LONGEST: Duration = Duration::minutes(7 * 24 * 60 + 15);

/// The parameters that are part of the resource, sorted.
const SIGNED: [&str; 35] = [
    "accelerate",
    "acl",
    "analytics",
    "cors",
    "defaultObjectAcl",
    "delete",
    "inventory",
    "lifecycle",
    "location",
    "logging",
    "metrics",
    "notification",
    "object-lock",
    "partNumber",
    "policy",
    "replication",
    "requestPayment",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "restore",
    "select",
    "select-type",
    "storageClass",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "website",
];

/// The parameters that may be there unsigned: the paging of listings, and what signers repeat of the
/// headers (which are signed as headers).
const UNSIGNED: [&str; 20] = [
    "bucket-region",
    "content-md5",
    "content-type",
    "continuation-token",
    "delimiter",
    "encoding-type",
    "fetch-owner",
    "key-marker",
    "list-type",
    "marker",
    "max-buckets",
    "max-keys",
    "max-parts",
    "max-uploads",
    "part-number-marker",
    "prefix",
    "start-after",
    "upload-id-marker",
    "version-id-marker",
    "x-id",
];

/// Put into a request's extensions by whoever knows which hosts name buckets, before the request is
/// authenticated: the bucket that this one's host names. Without it the path names the bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VirtualHostBucket(pub String);

/// What a presigned URL presents; nothing of it is verified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presented {
    /// The access key id.
    pub access_key_id: String,
    /// `x-amz-security-token`, of the header or the query.
    pub security_token: Option<String>,
    /// `Expires` as sent: digits, the seconds since the epoch.
    expires_text: String,
    expires: OffsetDateTime,
    /// The signature as sent.
    signature: String,
}

/// Parses what a presigned URL of Version 2 presents. `None` is a request of another kind: without both
/// of `AWSAccessKeyId` and `Signature` in the query. ([`crate::sigv4::parse`] refuses what this accepts.)
pub fn parse(parts: &Parts) -> Result<Option<Presented>, AuthError> {
    let query = Query::of(&parts.uri);
    if !(query.has("AWSAccessKeyId") && query.has("Signature")) {
        return Ok(None);
    }
    let token = SECURITY_TOKEN;
    let (mut query_token, mut version_4) = (None, false);
    for (name, value) in query.iter() {
        let name = name.to_ascii_lowercase();
        if name == token {
            query_token = Some(value.to_owned());
        }
        version_4 |= [
            "x-amz-algorithm",
            "x-amz-credential",
            "x-amz-date",
            "x-amz-expires",
            "x-amz-signature",
            "x-amz-signedheaders",
        ]
        .contains(&&*name);
    }
    if version_4 || parts.headers.contains_key(AUTHORIZATION) {
        return Err(AuthError::SeveralMechanisms);
    }
    if PARAMETERS
        .iter()
        .any(|name| query.get_all(name).count() != 1)
    {
        return Err(malformed(
            "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters",
        ));
    }
    let value = |name| query.get(name).unwrap_or_default().to_owned();
    let expires_text = value("Expires");
    let expires = Some(&expires_text)
        .filter(|text| text.bytes().all(|c| c.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .ok_or_else(|| {
            malformed(&format!(
                "Invalid date (should be seconds since epoch): {expires_text}"
            ))
        })?;
    let header_token = parts
        .headers
        .get(token)
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    Ok(Some(Presented {
        access_key_id: value("AWSAccessKeyId"),
        security_token: header_token.or(query_token),
        expires_text,
        expires,
        signature: value("Signature"),
    }))
}

/// Verifies the signature of a presigned URL and its time. `virtual_bucket` is the bucket that the host
/// names, if it names one ([`VirtualHostBucket`]); without it the path names the bucket.
pub fn verify(
    parts: &Parts,
    presented: &Presented,
    secret: &SecretKey,
    now: OffsetDateTime,
    virtual_bucket: Option<&str>,
) -> Result<(), AuthError> {
    if now > presented.expires {
        return Err(AuthError::LinkExpired {
            expires: extended(presented.expires),
            server_time: extended(now),
        });
    }
    if presented.expires - now > LONGEST {
        return Err(malformed(
            "Expires must be less than a week (in seconds) from now",
        ));
    }
    let resource = resource(parts, virtual_bucket)?;
    let text = string_to_sign(parts, presented, &resource, true);
    let expected = hmac::sha1(secret.expose().as_bytes(), &text);
    let matches = STANDARD
        .decode(&presented.signature)
        .is_ok_and(|signature| expected.ct_eq(signature.as_slice()).into());
    if matches {
        return Ok(());
    }
    let shown = string_to_sign(parts, presented, &resource, false);
    Err(AuthError::SignatureDoesNotMatch {
        access_key_id: presented.access_key_id.clone(),
        string_to_sign: String::from_utf8_lossy(&shown).into_owned(),
        provided: presented.signature.clone(),
    })
}

fn malformed(reason: &str) -> AuthError {
    AuthError::QueryAuthMalformed {
        reason: reason.to_owned(),
    }
}

/// The string to sign. `values` is false for an error answer, which does not repeat
/// the values of headers: among them may be a customer's key.
fn string_to_sign(parts: &Parts, presented: &Presented, resource: &[u8], values: bool) -> Vec<u8> {
    let mut text = Vec::with_capacity(256);
    for value in [
        parts.method.as_str().as_bytes(),
        &joined(parts, "content-md5"),
        &joined(parts, CONTENT_TYPE.as_str()),
        presented.expires_text.as_bytes(),
    ] {
        text.extend_from_slice(value);
        text.push(b'\n');
    }
    let mut names: Vec<&str> = parts.headers.keys().map(|name| name.as_str()).collect();
    names.retain(|name| name.starts_with("x-amz-"));
    // A session token in the query is signed as the header that it stands for.
    let query_token = presented
        .security_token
        .as_deref()
        .filter(|_| !parts.headers.contains_key(SECURITY_TOKEN));
    if query_token.is_some() {
        names.push(SECURITY_TOKEN);
    }
    names.sort_unstable();
    for name in names {
        text.extend_from_slice(name.as_bytes());
        text.push(b':');
        match query_token {
            _ if !values => {}
            Some(token) if name == SECURITY_TOKEN => text.extend_from_slice(token.as_bytes()),
            _ => text.extend_from_slice(&joined(parts, name)),
        }
        text.push(b'\n');
    }
    text.extend_from_slice(resource);
    text
}

/// The values of a header, trimmed, joined by commas; nothing if it is not there.
fn joined(parts: &Parts, name: &str) -> Vec<u8> {
    let values = parts.headers.get_all(name).iter();
    let values: Vec<&[u8]> = values.map(|value| value.as_bytes().trim_ascii()).collect();
    values.join(&b',')
}

/// The path as sent, behind the bucket of a virtual host, and the parameters that are part of the
/// resource, decoded and sorted by name.
fn resource(parts: &Parts, virtual_bucket: Option<&str>) -> Result<Vec<u8>, AuthError> {
    let mut signed: Vec<(String, Option<Vec<u8>>)> = Vec::new();
    let pairs = parts.uri.query().unwrap_or_default().split('&');
    for pair in pairs.filter(|pair| !pair.is_empty()) {
        let (name, value) = match pair.split_once('=') {
            Some((name, value)) => (name, Some(decode_query(value))),
            None => (pair, None),
        };
        // Decoded as for the router, so that no spelling of a name is one for it and none for us.
        let name = String::from_utf8_lossy(&decode_query(name)).into_owned();
        if SIGNED.contains(&&*name) {
            signed.push((name, value));
        } else if !PARAMETERS.contains(&&*name)
            && !UNSIGNED.contains(&&*name)
            && !name.to_ascii_lowercase().starts_with("x-amz-")
        {
            return Err(malformed(&format!(
                "The query parameter {name} is not covered by Signature Version 2. Please use AWS4-HMAC-SHA256."
            )));
        }
    }
    signed.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut resource = Vec::new();
    if let Some(bucket) = virtual_bucket {
        resource.push(b'/');
        resource.extend_from_slice(bucket.as_bytes());
    }
    resource.extend_from_slice(parts.uri.path().as_bytes());
    for (at, (name, value)) in signed.into_iter().enumerate() {
        resource.push(if at == 0 { b'?' } else { b'&' });
        resource.extend_from_slice(name.as_bytes());
        if let Some(value) = value {
            resource.push(b'=');
            resource.extend_from_slice(&value);
        }
    }
    Ok(resource)
}
