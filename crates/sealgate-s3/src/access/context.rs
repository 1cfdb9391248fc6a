//! The condition keys that S3 supplies to policies.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/amazon-s3-policy-keys.html>

use sealgate_iam::SignatureVersion;
use sealgate_policy::{Context, S3_HEADER_KEYS};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Sharing;
use crate::operation::Operation as Op;
use crate::request::Request;
use crate::tags::Tags;

/// The header that names a KMS key.
pub(crate) const KMS_KEY_ID: &str = "x-amz-server-side-encryption-aws-kms-key-id";

/// Headers of Object Lock and their keys.
const LOCK_HEADERS: [(&str, &str); 3] = [
    ("x-amz-object-lock-legal-hold", "s3:object-lock-legal-hold"),
    ("x-amz-object-lock-mode", "s3:object-lock-mode"),
    (LOCK_UNTIL, "s3:object-lock-retain-until-date"),
];
const LOCK_UNTIL: &str = "x-amz-object-lock-retain-until-date";

/// The keys that the request itself gives.
///
/// `kms_key` is the ARN of the KMS key that the request names by whatever name: a policy that asks for a key
/// must not be evaded by an alias.
pub(crate) fn of_request(request: &Request, owner: &str, kms_key: Option<&str>) -> Context {
    let mut context = Context::new();
    context.insert("s3:ResourceAccount", owner);
    write_signature(&mut context, request);
    if matches!(
        request.op,
        Op::ListObjects | Op::ListObjectsV2 | Op::ListMultipartUploads | Op::ListObjectVersions
    ) {
        for name in ["prefix", "delimiter", "max-keys"] {
            if let Some(value) = request.query.get(name) {
                context.insert(&format!("s3:{name}"), value);
            }
        }
    }
    if let Some(version) = request.conn.tls_version {
        context.insert("s3:TlsVersion", version);
    }
    if let Some(version) = request.query.get("versionId") {
        context.insert("s3:VersionId", version);
    }
    let header = |name: &str| {
        let value = request.parts.headers.get(name)?;
        value.to_str().ok()
    };
    for name in S3_HEADER_KEYS {
        if let Some(value) = header(name) {
            context.insert(&format!("s3:{name}"), value);
        }
    }
    if let Some(arn) = kms_key {
        context.insert(&format!("s3:{KMS_KEY_ID}"), arn);
    }
    if let Some(referer) = header("referer") {
        context.insert("aws:Referer", referer);
    }
    for (name, key) in LOCK_HEADERS {
        if let Some(value) = header(name) {
            context.insert(key, value);
        }
    }
    if let Some(until) = header(LOCK_UNTIL).and_then(|t| OffsetDateTime::parse(t, &Rfc3339).ok()) {
        let days = (until - request.caller.environment.now).whole_days();
        context.insert("s3:object-lock-remaining-retention-days", days.to_string());
    }
    if let Some(tags) = header("x-amz-tagging") {
        let tags = url::form_urlencoded::parse(tags.as_bytes()).into_owned();
        insert_request_tags(&mut context, tags);
    }
    context
}

fn write_signature(context: &mut Context, request: &Request) {
    let version = match request.signature {
        SignatureVersion::V4 => "AWS4-HMAC-SHA256",
        SignatureVersion::V2 => "AWS",
        // Nothing was signed: a policy that asks for a kind of signature is not met.
        SignatureVersion::Console | SignatureVersion::None => return,
    };
    context.insert("s3:signatureversion", version);
    let auth = match request.op {
        Op::PostObject => "POST",
        _ if request.presigned => "REST-QUERY-STRING",
        _ => "REST-HEADER",
    };
    context.insert("s3:authType", auth);
    if let Some(signed_at) = request.signed_at {
        let age = request.caller.environment.now - signed_at;
        let age = age.whole_milliseconds().max(0);
        context.insert("s3:signatureAge", age.to_string());
    }
}

/// The tags that a request puts on an object.
pub(crate) fn insert_request_tags(
    context: &mut Context,
    tags: impl IntoIterator<Item = (String, String)>,
) {
    let mut keys = Vec::new();
    for (key, value) in tags {
        context.insert(&format!("s3:RequestObjectTag/{key}"), value);
        keys.push(key);
    }
    context.insert_all("s3:RequestObjectTagKeys", keys);
}

/// The tags of the bucket that a request is about, where they decide about access
/// ([ABAC](https://docs.aws.amazon.com/AmazonS3/latest/userguide/buckets-tagging.html)).
pub(crate) fn insert_bucket_tags(context: &mut Context, sharing: &Sharing) {
    for family in ["aws:ResourceTag", "s3:BucketTag"] {
        for (key, value) in sharing.tags.iter().flat_map(Tags::iter) {
            context.insert(&format!("{family}/{key}"), value);
        }
    }
}

/// The tags of the object that a request is about.
pub(crate) fn insert_existing_tags(context: &mut Context, tags: &[(String, String)]) {
    for (key, value) in tags {
        context.insert(&format!("s3:ExistingObjectTag/{key}"), value.as_str());
    }
}
