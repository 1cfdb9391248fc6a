//! From method, path and query to an operation of S3.
//!
//! What an operation looks like is in the table of [`Operation`]; nothing falls through to an
//! operation that it was not meant for.

use http::Method;
use http::request::Parts;
use sealgate_wire::Query;

use crate::error::{Code, Result, S3Error};
use crate::names::percent_decode;
use crate::operation::{Level, Operation};

use Operation as Op;

/// The header that names the account to the control plane.
pub const ACCOUNT_ID: &str = "x-amz-account-id";

/// Query parameters that stand for operations which the API has, or had, but its model does not.
const UNSUPPORTED: [&str; 4] = [
    "annotation",
    "append",
    "metadataAnnotationTable",
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

/// The operation of a request to the control plane (`s3control`), which shares the endpoint: its path begins with
/// the version of that API and its header names an account.
pub fn control(parts: &Parts) -> Option<Result<Operation>> {
    let path = control_path(parts)?;
    let op = match path {
        "configuration/publicAccessBlock" => Op::ALL
            .iter()
            .copied()
            .find(|op| op.level() == Level::Account && op.method() == parts.method)
            .ok_or_else(|| not_allowed(&parts.method, Level::Account)),
        _ => Err(S3Error::not_implemented("This operation of S3 Control")),
    };
    Some(op)
}

/// What a request to the control plane asks for there.
pub fn control_path(parts: &Parts) -> Option<&str> {
    let path = parts.uri.path().strip_prefix("/v20180820/")?;
    parts.headers.contains_key(ACCOUNT_ID).then_some(path)
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

/// The query parameters that choose an operation.
fn subresources() -> impl Iterator<Item = &'static str> {
    Op::ALL
        .iter()
        .map(|op| op.subresource())
        .filter(|name| !name.is_empty())
}

/// The one sub-resource that a query names, or an empty text.
fn subresource(query: &Query) -> Result<&'static str> {
    let mut found = "";
    for name in subresources().filter(|name| query.has(name)) {
        if !found.is_empty() && found != name {
            return Err(S3Error::argument(
                "ResourceType",
                found,
                format!("Conflicting query string parameters: {found}, {name}"),
            ));
        }
        found = name;
    }
    Ok(found)
}

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
    let level = match (&target.bucket, &target.key) {
        (None, _) => Level::Service,
        (Some(_), None) => Level::Bucket,
        (Some(_), Some(_)) => Level::Object,
    };
    let sub = subresource(query)?;
    let candidates = || {
        Op::ALL
            .iter()
            .copied()
            .filter(|op| op.method() == *method && op.level() == level && op.subresource() == sub)
    };
    let Some(first) = candidates().next() else {
        return Err(not_allowed(method, level));
    };
    let op = told_apart(first, target, query, copies)?;
    debug_assert!(candidates().any(|candidate| candidate == op));
    if matches!(*method, Method::PUT | Method::POST)
        && !op.takes_version()
        && level == Level::Object
        && let Some(version) = query.get("versionId")
    {
        return Err(S3Error::argument(
            "versionId",
            version,
            "This operation does not accept a version-id.",
        ));
    }
    Ok(op)
}

fn not_allowed(method: &Method, level: Level) -> S3Error {
    let resource = match level {
        Level::Service => "SERVICE",
        Level::Account => "ACCOUNT",
        Level::Bucket => "BUCKET",
        Level::Object => "OBJECT",
    };
    S3Error::from(Code::MethodNotAllowed)
        .with("Method", method.as_str())
        .with("ResourceType", resource)
}

/// The operation meant, of those whose requests share method, level and sub-resource.
fn told_apart(first: Operation, target: &Target, query: &Query, copies: bool) -> Result<Operation> {
    let by_id = |one, list| if query.has("id") { one } else { list };
    Ok(match first {
        // The endpoint of directory buckets has a request of the same form.
        Op::ListBuckets
            if query.has("max-directory-buckets")
                || query.get("x-id") == Some("ListDirectoryBuckets") =>
        {
            Op::ListDirectoryBuckets
        }
        Op::ListObjects => match query.get("list-type") {
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
        Op::GetBucketAnalyticsConfiguration => by_id(first, Op::ListBucketAnalyticsConfigurations),
        Op::GetBucketIntelligentTieringConfiguration => {
            by_id(first, Op::ListBucketIntelligentTieringConfigurations)
        }
        Op::GetBucketInventoryConfiguration => by_id(first, Op::ListBucketInventoryConfigurations),
        Op::GetBucketMetricsConfiguration => by_id(first, Op::ListBucketMetricsConfigurations),
        // The endpoint of Object Lambda has a path of its own, which is no bucket's name.
        Op::PostObject if target.bucket.as_deref() == Some("WriteGetObjectResponse") => {
            Op::WriteGetObjectResponse
        }
        // A part that lost its upload must not become the object.
        Op::CopyObject | Op::PutObject if query.has("partNumber") => {
            return Err(S3Error::argument(
                "partNumber",
                "partNumber",
                "This operation does not accept partNumber without uploadId",
            ));
        }
        Op::CopyObject | Op::PutObject if copies => Op::CopyObject,
        Op::CopyObject | Op::PutObject => Op::PutObject,
        Op::UploadPart | Op::UploadPartCopy if !query.has("partNumber") => {
            return Err(not_allowed(&Method::PUT, Level::Object));
        }
        Op::UploadPart | Op::UploadPartCopy if copies => Op::UploadPartCopy,
        Op::UploadPart | Op::UploadPartCopy => Op::UploadPart,
        op => op,
    })
}

#[cfg(test)]
mod tests;
