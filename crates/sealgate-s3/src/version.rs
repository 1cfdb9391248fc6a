//! Versions as requests name them and as answers tell of them.

use http::HeaderMap;
use sealgate_index::{Bucket, Found, IndexError, Version, VersionRef, Versioning, Written};

use crate::S3;
use crate::error::{Code, Result, S3Error};
use crate::meta::insert;
use crate::request::Authorized;
use crate::response::http_date;

/// The version that a `versionId` names.
pub(crate) fn parse(id: Option<&str>) -> Result<VersionRef> {
    let Some(id) = id else {
        return Ok(VersionRef::Current);
    };
    if id.is_empty() {
        return Err(S3Error::argument(
            "versionId",
            id,
            "Version id cannot be the empty string",
        ));
    }
    VersionRef::parse(id)
        .ok_or_else(|| S3Error::argument("versionId", id, "Invalid version id specified"))
}

/// The object version that the request is about. A delete marker is none: it is `NoSuchKey` where
/// it is the current version and `MethodNotAllowed` where it was named, and the answer says what
/// it is ([delete markers](https://docs.aws.amazon.com/AmazonS3/latest/userguide/DeleteMarker.html)).
pub(crate) async fn find(cx: &Authorized<'_>) -> Result<Version> {
    Ok(find_placed(cx).await?.version)
}

/// As [`find`], with what is known of its place among the versions.
pub(crate) async fn find_placed(cx: &Authorized<'_>) -> Result<Found> {
    let found = find_any(cx).await?;
    if !found.version.delete_marker {
        return Ok(found);
    }
    let version = found.version;
    let named = cx.request.version != VersionRef::Current;
    let error = if named {
        S3Error::from(Code::MethodNotAllowed)
            .with("Method", cx.request.parts.method.as_str())
            .with("ResourceType", "DeleteMarker")
            .with_header("allow", "DELETE")
            .with_header("last-modified", http_date(version.modified))
    } else {
        cx.no_such_key()
    };
    let id = version.version_id.as_deref().unwrap_or("null");
    Err(error
        .with_header("x-amz-delete-marker", "true")
        .with_header("x-amz-version-id", id))
}

/// The version that the request is about, object or delete marker.
pub(crate) async fn find_any(cx: &Authorized<'_>) -> Result<Found> {
    let found = look_up(cx.s3, cx.bucket()?, cx.key()?, &cx.request.version).await;
    found.map_err(|error| missing(cx, error))
}

/// A version of a bucket, object or delete marker.
pub(crate) async fn look_up(
    s3: &S3,
    bucket: &Bucket,
    key: &str,
    version: &VersionRef,
) -> Result<Found, IndexError> {
    if bucket.versioning == Versioning::Off && *version == VersionRef::Current {
        // Nothing but the current version can be there.
        let version = s3.index.get_version(bucket.id, key).await?;
        return Ok(Found {
            version: version.ok_or(IndexError::NoSuchKey)?,
            is_latest: true,
        });
    }
    s3.index.version(bucket.id, key, version).await
}

/// What the index says of a version that is not there, to who may know it.
pub(crate) fn missing(cx: &Authorized<'_>, error: IndexError) -> S3Error {
    let named = || cx.request.query.get("versionId").unwrap_or_default();
    match error {
        // A key without any version has none of that id, either.
        IndexError::NoSuchKey if cx.request.version == VersionRef::Current => cx.no_such_key(),
        IndexError::NoSuchKey | IndexError::NoSuchVersion => {
            let refused = cx.no_such_key();
            if refused.kind() == Code::NoSuchKey {
                S3Error::from(Code::NoSuchVersion)
                    .with("Key", cx.key().unwrap_or_default())
                    .with("VersionId", named())
            } else {
                refused
            }
        }
        IndexError::DeleteMarker => S3Error::from(Code::MethodNotAllowed)
            .with("Method", cx.request.parts.method.as_str())
            .with("ResourceType", "DeleteMarker")
            .with_header("allow", "DELETE")
            .with_header("x-amz-delete-marker", "true"),
        error => error.into(),
    }
}

/// Say in an answer which version it is about, where the bucket has, or had, versions.
pub(crate) fn write_id(headers: &mut HeaderMap, versioning: Versioning, id: Option<&str>) {
    if versioning != Versioning::Off {
        insert(headers, "x-amz-version-id", id.unwrap_or("null"));
    }
}

/// Say in the answer to a write which version it made.
pub(crate) fn write_written(headers: &mut HeaderMap, written: &Written) {
    if let Some(id) = written.version_name() {
        insert(headers, "x-amz-version-id", id);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn an_id_has_a_form() {
        assert_eq!(parse(None).unwrap(), VersionRef::Current);
        assert_eq!(parse(Some("null")).unwrap(), VersionRef::Null);
        for id in ["", "nonsense", "NULL", "a b", "../x"] {
            let refused = parse(Some(id)).unwrap_err();
            assert_eq!(refused.kind(), Code::InvalidArgument, "{id}");
        }
    }
}
