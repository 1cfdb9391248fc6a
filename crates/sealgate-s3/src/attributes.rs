//! What a new version is given besides its content and metadata: tags, lock, storage class, access
//! control list. Each is read from the headers of the request that makes it.

use http::HeaderMap;
use sealgate_index::{Attributes, Bucket, Lock, Retention, RetentionMode, Version};
use time::OffsetDateTime;
use time::format_description::well_known::Iso8601;

use crate::error::{Code, Result, S3Error};
use crate::meta::insert;
use crate::ops::object_lock::LockConfiguration;
use crate::request::Authorized;
use crate::response::iso;
use crate::tags::Tags;

const MODE: &str = "x-amz-object-lock-mode";
const UNTIL: &str = "x-amz-object-lock-retain-until-date";
const HOLD: &str = "x-amz-object-lock-legal-hold";

/// The attributes that a request gives the object it makes. What needs a permission of its own is
/// checked here.
pub(crate) fn of_new_object(cx: &Authorized<'_>) -> Result<Attributes> {
    let access = cx.new_object();
    Ok(Attributes {
        owner: access.owner.clone(),
        acl: access.acl.clone(),
        tags: tags(cx)?.to_bytes()?,
        lock: lock(cx)?,
        storage_class: storage_class(cx)?,
    })
}

/// The storage class that is meant where none is named.
pub(crate) const STANDARD: &str = "STANDARD";

/// The storage class that the request asks for, if it is not the common one. There are those that have a store.
fn storage_class(cx: &Authorized<'_>) -> Result<Option<String>> {
    match cx.request.header("x-amz-storage-class")? {
        None | Some(STANDARD) => Ok(None),
        Some(class) if cx.s3.blobs.has_class(class) => Ok(Some(class.to_owned())),
        Some(class) => {
            Err(S3Error::from(Code::InvalidStorageClass).with("StorageClassRequested", class))
        }
    }
}

/// Tell in an answer the storage class, if it is not the common one.
pub(crate) fn write_class(headers: &mut HeaderMap, attributes: &Attributes) {
    if let Some(class) = &attributes.storage_class {
        insert(headers, "x-amz-storage-class", class);
    }
}

/// The attributes of an object that the gateway itself puts into a bucket.
pub(crate) fn of_delivery(bucket: &Bucket, now: OffsetDateTime) -> Result<Attributes> {
    let default = LockConfiguration::default_retention(bucket)?;
    Ok(Attributes {
        lock: Lock {
            retention: default.map(|default| default.from(now)).transpose()?,
            legal_hold: None,
        },
        ..Attributes::default()
    })
}

/// The tags in the request's header.
pub(crate) fn tags(cx: &Authorized<'_>) -> Result<Tags> {
    let tags = Tags::from_header(cx.request.header("x-amz-tagging")?.unwrap_or_default())?;
    if tags.len() > 0 {
        cx.may("s3:PutObjectTagging", &cx.place()?.arn())?;
    }
    Ok(tags)
}

/// The lock that the request asks for, else the bucket's default retention
/// ([Object Lock](https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html)).
fn lock(cx: &Authorized<'_>) -> Result<Lock> {
    let (mode, until, hold) = (
        cx.request.header(MODE)?,
        cx.request.header(UNTIL)?,
        cx.request.header(HOLD)?,
    );
    let bucket = cx.bucket()?;
    let asked = mode.is_some() || until.is_some() || hold.is_some();
    if asked && !bucket.object_lock {
        return Err(no_configuration());
    }
    let arn = || cx.place().map(|place| place.arn());
    let retention = match (mode, until) {
        (None, None) => match LockConfiguration::default_retention(bucket)? {
            Some(default) => Some(default.from(cx.s3.index.now())?),
            None => None,
        },
        (Some(mode), Some(until)) => {
            cx.may("s3:PutObjectRetention", &arn()?)?;
            let until = parse_date(until).ok_or_else(|| {
                S3Error::argument(
                    UNTIL,
                    until,
                    "The retain until date must be provided in ISO 8601 format",
                )
            })?;
            check_future(until, cx.s3.index.now())?;
            Some(Retention {
                mode: parse_mode(mode)
                    .ok_or_else(|| S3Error::argument(MODE, mode, "Unknown wormMode directive."))?,
                until,
            })
        }
        _ => {
            return Err(S3Error::new(
                Code::InvalidArgument,
                format!("{UNTIL} and {MODE} must both be supplied"),
            ));
        }
    };
    let legal_hold = match hold {
        None => None,
        Some(text) => {
            cx.may("s3:PutObjectLegalHold", &arn()?)?;
            let hold = parse_hold(text).ok_or_else(|| {
                S3Error::argument(HOLD, text, "Legal Hold must be either of 'ON' or 'OFF'")
            })?;
            Some(hold)
        }
    };
    Ok(Lock {
        retention,
        legal_hold,
    })
}

/// A locked object cannot be put right later, so S3 wants a digest of its body with it.
pub(crate) fn check_digest(cx: &Authorized<'_>) -> Result<()> {
    let headers = &cx.request.parts.headers;
    let locks = [MODE, UNTIL, HOLD]
        .iter()
        .any(|name| headers.contains_key(*name));
    if locks && !cx.request.has_digest() {
        return Err(S3Error::invalid_request(
            "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock parameters",
        ));
    }
    Ok(())
}

/// S3's words for a lock in a bucket that has none.
pub(crate) fn no_configuration() -> S3Error {
    S3Error::invalid_request("Bucket is missing Object Lock Configuration")
}

/// A retention of the past locks nothing.
pub(crate) fn check_future(until: OffsetDateTime, now: OffsetDateTime) -> Result<()> {
    if until > now {
        Ok(())
    } else {
        Err(S3Error::new(
            Code::InvalidArgument,
            "The retain until date must be in the future!",
        ))
    }
}

/// A retention mode in S3's words.
pub(crate) fn parse_mode(text: &str) -> Option<RetentionMode> {
    match text {
        "GOVERNANCE" => Some(RetentionMode::Governance),
        "COMPLIANCE" => Some(RetentionMode::Compliance),
        _ => None,
    }
}

/// A retention mode in S3's words.
pub(crate) fn mode_name(mode: RetentionMode) -> &'static str {
    match mode {
        RetentionMode::Governance => "GOVERNANCE",
        RetentionMode::Compliance => "COMPLIANCE",
    }
}

/// A legal hold in S3's words.
pub(crate) fn parse_hold(text: &str) -> Option<bool> {
    match text {
        "ON" => Some(true),
        "OFF" => Some(false),
        _ => None,
    }
}

/// A legal hold in S3's words.
pub(crate) fn hold_name(hold: bool) -> &'static str {
    if hold { "ON" } else { "OFF" }
}

/// A time in ISO 8601.
pub(crate) fn parse_date(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Iso8601::DEFAULT).ok()
}

/// Show in an answer what of the attributes the caller may see: each has its own permission.
pub(crate) fn write_headers(
    cx: &Authorized<'_>,
    version: &Version,
    headers: &mut HeaderMap,
) -> Result<()> {
    let attributes = &version.attributes;
    let arn = cx.place()?.arn();
    let tags = Tags::from_bytes(attributes.tags.as_ref())?;
    let tagging = if version.version_id.is_some() && cx.request.query.has("versionId") {
        "s3:GetObjectVersionTagging"
    } else {
        "s3:GetObjectTagging"
    };
    if tags.len() > 0 && cx.may(tagging, &arn).is_ok() {
        insert(headers, "x-amz-tagging-count", &tags.len().to_string());
    }
    if let Some(retention) = attributes.lock.retention
        && cx.may("s3:GetObjectRetention", &arn).is_ok()
    {
        insert(headers, MODE, mode_name(retention.mode));
        insert(headers, UNTIL, &iso(retention.until));
    }
    if let Some(hold) = attributes.lock.legal_hold
        && cx.may("s3:GetObjectLegalHold", &arn).is_ok()
    {
        insert(headers, HOLD, hold_name(hold));
    }
    write_class(headers, attributes);
    Ok(())
}
