//! From method, path and query to an operation of S3.
//!
//! Every operation that S3 has is either in [`Operation`] or in the table of sub-resources that
//! answer 501; nothing falls through to an operation that it was not meant for.

use http::Method;
use sealgate_sse::Accepts;
use sealgate_wire::Query;

use crate::error::{Code, Result, S3Error};
use crate::names::percent_decode;

/// An operation that is implemented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are those of the S3 API")]
pub enum Operation {
    ListBuckets,
    CreateBucket,
    HeadBucket,
    DeleteBucket,
    GetBucketLocation,
    PutBucketEncryption,
    GetBucketEncryption,
    DeleteBucketEncryption,
    ListObjects,
    ListObjectsV2,
    ListMultipartUploads,
    DeleteObjects,
    PutObject,
    CopyObject,
    GetObject,
    HeadObject,
    GetObjectAttributes,
    DeleteObject,
    CreateMultipartUpload,
    UploadPart,
    UploadPartCopy,
    CompleteMultipartUpload,
    AbortMultipartUpload,
    ListParts,
}

use Operation as Op;

impl Operation {
    /// The name in the S3 API.
    pub fn name(self) -> &'static str {
        match self {
            Op::ListBuckets => "ListBuckets",
            Op::CreateBucket => "CreateBucket",
            Op::HeadBucket => "HeadBucket",
            Op::DeleteBucket => "DeleteBucket",
            Op::GetBucketLocation => "GetBucketLocation",
            Op::PutBucketEncryption => "PutBucketEncryption",
            Op::GetBucketEncryption => "GetBucketEncryption",
            Op::DeleteBucketEncryption => "DeleteBucketEncryption",
            Op::ListObjects => "ListObjects",
            Op::ListObjectsV2 => "ListObjectsV2",
            Op::ListMultipartUploads => "ListMultipartUploads",
            Op::DeleteObjects => "DeleteObjects",
            Op::PutObject => "PutObject",
            Op::CopyObject => "CopyObject",
            Op::GetObject => "GetObject",
            Op::HeadObject => "HeadObject",
            Op::GetObjectAttributes => "GetObjectAttributes",
            Op::DeleteObject => "DeleteObject",
            Op::CreateMultipartUpload => "CreateMultipartUpload",
            Op::UploadPart => "UploadPart",
            Op::UploadPartCopy => "UploadPartCopy",
            Op::CompleteMultipartUpload => "CompleteMultipartUpload",
            Op::AbortMultipartUpload => "AbortMultipartUpload",
            Op::ListParts => "ListParts",
        }
    }

    /// The permission it needs
    /// ([actions of S3](https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html)).
    pub fn action(self) -> &'static str {
        match self {
            Op::ListBuckets => "s3:ListAllMyBuckets",
            Op::CreateBucket => "s3:CreateBucket",
            Op::DeleteBucket => "s3:DeleteBucket",
            Op::GetBucketLocation => "s3:GetBucketLocation",
            Op::PutBucketEncryption | Op::DeleteBucketEncryption => "s3:PutEncryptionConfiguration",
            Op::GetBucketEncryption => "s3:GetEncryptionConfiguration",
            Op::HeadBucket | Op::ListObjects | Op::ListObjectsV2 => "s3:ListBucket",
            Op::ListMultipartUploads => "s3:ListBucketMultipartUploads",
            Op::GetObject | Op::HeadObject => "s3:GetObject",
            Op::GetObjectAttributes => "s3:GetObjectAttributes",
            Op::DeleteObject | Op::DeleteObjects => "s3:DeleteObject",
            Op::PutObject
            | Op::CopyObject
            | Op::CreateMultipartUpload
            | Op::UploadPart
            | Op::UploadPartCopy
            | Op::CompleteMultipartUpload => "s3:PutObject",
            Op::AbortMultipartUpload => "s3:AbortMultipartUpload",
            Op::ListParts => "s3:ListMultipartUploadParts",
        }
    }

    /// The encryption headers it takes; any other is refused.
    pub fn accepts(self) -> Accepts {
        match self {
            Op::PutObject | Op::CreateMultipartUpload => Accepts {
                mode: true,
                customer: true,
                source: false,
            },
            Op::CopyObject => Accepts {
                mode: true,
                customer: true,
                source: true,
            },
            Op::UploadPartCopy => Accepts {
                mode: false,
                customer: true,
                source: true,
            },
            Op::GetObject
            | Op::HeadObject
            | Op::GetObjectAttributes
            | Op::UploadPart
            | Op::CompleteMultipartUpload
            | Op::ListParts => Accepts {
                mode: false,
                customer: true,
                source: false,
            },
            Op::ListBuckets
            | Op::CreateBucket
            | Op::HeadBucket
            | Op::DeleteBucket
            | Op::GetBucketLocation
            | Op::PutBucketEncryption
            | Op::GetBucketEncryption
            | Op::DeleteBucketEncryption
            | Op::ListObjects
            | Op::ListObjectsV2
            | Op::ListMultipartUploads
            | Op::DeleteObjects
            | Op::DeleteObject
            | Op::AbortMultipartUpload => Accepts::default(),
        }
    }
}

/// Query parameters that choose a sub-resource which is not implemented, with what to call it.
const UNSUPPORTED: [&str; 38] = [
    "abac",
    "accelerate",
    "acl",
    "analytics",
    "annotation",
    "cors",
    "intelligent-tiering",
    "inventory",
    "legal-hold",
    "lifecycle",
    "logging",
    "metadataAnnotationTable",
    "metadataConfiguration",
    "metadataInventoryTable",
    "metadataJournalTable",
    "metadataTable",
    "metrics",
    "notification",
    "object-lock",
    "ownershipControls",
    "policy",
    "policyStatus",
    "publicAccessBlock",
    "renameObject",
    "replication",
    "requestPayment",
    "restore",
    "retention",
    "select",
    "select-type",
    "session",
    "tagging",
    "torrent",
    "append",
    "versioning",
    "versions",
    "website",
    "x-amz-write-offset-bytes",
];

/// Bucket and key of a request, decoded but not yet checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Target {
    /// Bucket, if the request names one.
    pub bucket: Option<String>,
    /// Key, if the request names one.
    pub key: Option<String>,
}

/// Bucket and key, from the host (`bucket.domain`) or from the path.
pub fn target(host: Option<&str>, path: &str, domains: &[String]) -> Result<Target> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let non_empty = |text: String| (!text.is_empty()).then_some(text);
    if let Some(bucket) = host.and_then(|host| virtual_host_bucket(host, domains)) {
        return Ok(Target {
            bucket: Some(bucket),
            key: non_empty(percent_decode(path)?),
        });
    }
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    Ok(Target {
        bucket: non_empty(percent_decode(bucket)?),
        key: non_empty(percent_decode(key)?),
    })
}

/// The bucket that the host names in front of one of the domains. A domain that is itself below
/// another one is no bucket, and of several domains the longest counts.
pub fn virtual_host_bucket(host: &str, domains: &[String]) -> Option<String> {
    // An IPv6 literal has colons of its own but never a bucket before it.
    let host = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
    .to_ascii_lowercase();
    if domains.contains(&host) {
        return None;
    }
    domains
        .iter()
        .filter_map(|domain| host.strip_suffix(domain.as_str())?.strip_suffix('.'))
        .filter(|bucket| !bucket.is_empty())
        .min_by_key(|bucket| bucket.len())
        .map(str::to_owned)
}

/// Query parameters that choose among the operations that are implemented.
const SUBRESOURCES: [&str; 6] = [
    "attributes",
    "delete",
    "encryption",
    "location",
    "uploadId",
    "uploads",
];

/// The operation of a request.
///
/// A sub-resource that the method or level does not have is refused: `DELETE /bucket?location`
/// must not delete the bucket.
pub fn route(method: &Method, target: &Target, query: &Query, copies: bool) -> Result<Operation> {
    if let Some(name) = UNSUPPORTED.iter().find(|name| query.has(name)) {
        return Err(S3Error::not_implemented(&format!(
            "The sub-resource '{name}'"
        )));
    }
    if *method == Method::OPTIONS {
        return Err(S3Error::new(
            Code::AccessForbidden,
            "CORSResponse: CORS is not enabled for this bucket.",
        ));
    }
    let mut named = SUBRESOURCES.into_iter().filter(|name| query.has(name));
    let sub = named.next();
    if let (Some(first), Some(second)) = (sub, named.next()) {
        return Err(S3Error::argument(
            "ResourceType",
            first,
            format!("Conflicting query string parameters: {first}, {second}"),
        ));
    }
    match (&target.bucket, &target.key) {
        (None, _) => service_operation(method, query, sub),
        (Some(_), None) => bucket_operation(method, query, sub),
        (Some(_), Some(_)) => object_operation(method, query, sub, copies),
    }
}

fn not_allowed(method: &Method, resource: &str) -> S3Error {
    S3Error::from(Code::MethodNotAllowed)
        .with("Method", method.as_str())
        .with("ResourceType", resource)
}

fn service_operation(method: &Method, query: &Query, sub: Option<&str>) -> Result<Operation> {
    if *method != Method::GET || sub.is_some() {
        return Err(not_allowed(method, "SERVICE"));
    }
    // The endpoint of directory buckets has a request of the same form.
    if query.has("max-directory-buckets") || query.get("x-id") == Some("ListDirectoryBuckets") {
        return Err(S3Error::not_implemented("ListDirectoryBuckets"));
    }
    Ok(Op::ListBuckets)
}

fn bucket_operation(method: &Method, query: &Query, sub: Option<&str>) -> Result<Operation> {
    Ok(match (method, sub) {
        (&Method::GET, None) => match query.get("list-type") {
            None => Op::ListObjects,
            Some("2") => Op::ListObjectsV2,
            Some(other) => {
                return Err(S3Error::argument(
                    "list-type",
                    other,
                    "Invalid List Type specified in Request",
                ));
            }
        },
        (&Method::GET, Some("location")) => Op::GetBucketLocation,
        (&Method::GET, Some("encryption")) => Op::GetBucketEncryption,
        (&Method::GET, Some("uploads")) => Op::ListMultipartUploads,
        (&Method::HEAD, None) => Op::HeadBucket,
        (&Method::PUT, None) => Op::CreateBucket,
        (&Method::PUT, Some("encryption")) => Op::PutBucketEncryption,
        (&Method::DELETE, None) => Op::DeleteBucket,
        (&Method::DELETE, Some("encryption")) => Op::DeleteBucketEncryption,
        (&Method::POST, Some("delete")) => Op::DeleteObjects,
        (&Method::POST, None) => {
            return Err(S3Error::not_implemented(
                "POST on a bucket (browser-based uploads)",
            ));
        }
        _ => return Err(not_allowed(method, "BUCKET")),
    })
}

fn object_operation(
    method: &Method,
    query: &Query,
    sub: Option<&str>,
    copies: bool,
) -> Result<Operation> {
    if sub == Some("encryption") {
        return Err(S3Error::not_implemented("UpdateObjectEncryption"));
    }
    let operation = match (method, sub) {
        (&Method::GET, None) => Op::GetObject,
        (&Method::GET, Some("attributes")) => Op::GetObjectAttributes,
        (&Method::GET, Some("uploadId")) => Op::ListParts,
        (&Method::HEAD, None) => Op::HeadObject,
        // A part that lost its upload must not become the object.
        (&Method::PUT, None) if query.has("partNumber") => {
            return Err(S3Error::argument(
                "partNumber",
                "partNumber",
                "This operation does not accept partNumber without uploadId",
            ));
        }
        (&Method::PUT, None) if copies => Op::CopyObject,
        (&Method::PUT, None) => Op::PutObject,
        (&Method::PUT, Some("uploadId")) if !query.has("partNumber") => {
            return Err(not_allowed(method, "OBJECT"));
        }
        (&Method::PUT, Some("uploadId")) if copies => Op::UploadPartCopy,
        (&Method::PUT, Some("uploadId")) => Op::UploadPart,
        (&Method::DELETE, None) => Op::DeleteObject,
        (&Method::DELETE, Some("uploadId")) => Op::AbortMultipartUpload,
        (&Method::POST, Some("uploads")) => Op::CreateMultipartUpload,
        (&Method::POST, Some("uploadId")) => Op::CompleteMultipartUpload,
        _ => return Err(not_allowed(method, "OBJECT")),
    };
    if matches!(*method, Method::PUT | Method::POST)
        && let Some(version) = query.get("versionId")
    {
        return Err(S3Error::argument(
            "versionId",
            version,
            "This operation does not accept a version-id.",
        ));
    }
    Ok(operation)
}

#[cfg(test)]
mod tests;
