//! DeleteObject and DeleteObjects. Deleting needs no key of the KMS and no customer key.
//!
//! What a deletion does (remove, mark, nothing) and whether a condition or a lock forbids it is decided
//! by the index, in the transaction of the deletion.

use http::StatusCode;
use sealgate_index::{
    Delete, DeleteCondition, DeleteOutcome, Deleted, IndexError, NewEvent, VersionRef, Versioning,
};
use time::OffsetDateTime;

use super::object_lock::bypasses_governance;
use crate::body::RequestBody;
use crate::conditions::{self, unquote};
use crate::error::{Code, Result, S3Error};
use crate::meta::insert;
use crate::names::ObjectKey;
use crate::notification::names::Happening;
use crate::replication::About;
use crate::request::Authorized;
use crate::response::{self, Response};
use crate::version;
use crate::xml::{Element, Writer};

/// Most keys of one DeleteObjects.
const MAX_KEYS: usize = 1000;
/// A thousand of the longest keys, escaped, with their elements.
const MAX_DOCUMENT: usize = 8 << 20;

/// What a deletion may be: the index knows which.
const REMOVALS: [Happening; 2] = [Happening::Delete, Happening::Mark];

/// [DeleteObject](https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html):
/// 204 also where there was nothing.
pub(crate) async fn one(cx: &Authorized<'_>) -> Result<Response> {
    let arn = cx.place()?.arn();
    let condition = condition_of_headers(cx)?;
    may_learn(cx, &condition, &arn)?;
    let delete = Delete {
        version: cx.request.version.clone(),
        bypass_governance: bypasses_governance(cx, &arn)?,
        condition,
        events: told(cx, cx.key()?).await?,
        ..Delete::current(cx.key()?)
    };
    let failed = failed_condition(&delete.condition);
    let deleted = cx.s3.index.delete_version(cx.bucket()?.id, delete).await;
    let deleted =
        deleted.map_err(|error| refused(cx, cx.key().unwrap_or_default(), error, failed))?;
    let mut response = response::empty(StatusCode::NO_CONTENT);
    let headers = response.headers_mut();
    match &deleted.outcome {
        DeleteOutcome::Nothing => {
            if let VersionRef::Id(id) = &cx.request.version {
                version::write_id(headers, deleted.versioning, Some(id));
            }
        }
        DeleteOutcome::Removed {
            version_id,
            delete_marker,
        } => {
            // The null version of a bucket without versions has no id that anybody asked for.
            version::write_id(headers, deleted.versioning, version_id.as_deref());
            if *delete_marker {
                insert(headers, "x-amz-delete-marker", "true");
            }
        }
        DeleteOutcome::Marked { version_id } => {
            version::write_id(headers, deleted.versioning, version_id.as_deref());
            insert(headers, "x-amz-delete-marker", "true");
        }
    }
    Ok(response)
}

/// What a deletion leaves in the outbox. Of the deletion of a version nothing is replicated.
async fn told(cx: &Authorized<'_>, key: &str) -> Result<Vec<NewEvent>> {
    let mut events = cx.events(key, &REMOVALS).await?;
    events.extend(cx.replicates(key, About::Marked)?);
    Ok(events)
}

/// The conditions in a request's headers
/// ([conditional deletes](https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html)).
fn condition_of_headers(cx: &Authorized<'_>) -> Result<DeleteCondition> {
    const SIZE: &str = "x-amz-if-match-size";
    const TIME: &str = "x-amz-if-match-last-modified-time";
    let request = cx.request;
    let size =
        match request.header(SIZE)? {
            None => None,
            Some(text) => Some(text.parse().map_err(|_| {
                S3Error::argument(SIZE, text, "The header must be a size in bytes.")
            })?),
        };
    let modified =
        match request.header(TIME)? {
            None => None,
            Some(text) => Some(http_time(text).ok_or_else(|| {
                S3Error::argument(TIME, text, "The header must be a date of HTTP.")
            })?),
        };
    Ok(DeleteCondition {
        etag: request
            .header("if-match")?
            .map(|tag| unquote(tag).to_owned()),
        size,
        modified,
        ..DeleteCondition::default()
    })
}

fn http_time(text: &str) -> Option<OffsetDateTime> {
    httpdate::parse_http_date(text).ok().map(Into::into)
}

/// The outcome of a condition tells of the object what only readers may know.
fn may_learn(cx: &Authorized<'_>, condition: &DeleteCondition, arn: &str) -> Result<()> {
    let tells = condition.etag.as_deref().is_some_and(|tag| tag != "*")
        || condition.size.is_some()
        || condition.modified.is_some();
    if tells {
        cx.may("s3:GetObject", arn)?;
    }
    Ok(())
}

/// The header to name where the condition fails.
fn failed_condition(condition: &DeleteCondition) -> &'static str {
    match condition {
        DeleteCondition { etag: Some(_), .. } => "If-Match",
        DeleteCondition { size: Some(_), .. } => "x-amz-if-match-size",
        _ => "x-amz-if-match-last-modified-time",
    }
}

fn refused(cx: &Authorized<'_>, key: &str, error: IndexError, condition: &'static str) -> S3Error {
    match error {
        IndexError::PreconditionFailed => conditions::failed(condition),
        IndexError::NoSuchKey => S3Error::from(Code::NoSuchKey).with("Key", key),
        IndexError::NoSuchVersion => version::missing(cx, IndexError::NoSuchVersion),
        error => error.into(),
    }
}

/// A key of DeleteObjects and what becomes of it.
struct Entry {
    key: String,
    /// As the client named it, which the answer repeats.
    version_id: Option<String>,
    /// What to do, or why not.
    delete: Result<Delete>,
}

/// [DeleteObjects](https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html):
/// each key is authorized and answered by itself.
pub(crate) async fn many(cx: &Authorized<'_>, body: &mut RequestBody) -> Result<Response> {
    if !cx.request.has_digest() {
        return Err(S3Error::invalid_request(
            "Missing required header for this request: Content-MD5 OR x-amz-checksum-*",
        ));
    }
    let document = body.document(cx.request, cx.s3, MAX_DOCUMENT).await?;
    let root = Element::parse(&document, "Delete")?;
    root.only(&["Object", "Quiet"])?;
    let quiet = root
        .optional_text("Quiet")?
        .is_some_and(|t| t.trim() == "true");
    let objects: Vec<&Element> = root.all("Object").collect();
    if objects.is_empty() || objects.len() > MAX_KEYS {
        return Err(Code::MalformedXml.into());
    }
    let bucket = cx.bucket()?;
    let mut entries = Vec::with_capacity(objects.len());
    for object in objects {
        let mut entry = parse_entry(cx, object, &bucket.name)?;
        if let Ok(delete) = &mut entry.delete {
            delete.events = told(cx, &entry.key).await?;
        }
        entries.push(entry);
    }
    let deletes: Vec<Delete> = entries
        .iter()
        .filter_map(|entry| entry.delete.as_ref().ok().cloned())
        .collect();
    let mut answers = if deletes.is_empty() {
        Vec::new()
    } else {
        cx.s3.index.delete_versions(bucket.id, deletes).await?
    }
    .into_iter();
    let mut outcomes = Vec::with_capacity(entries.len());
    for entry in &entries {
        outcomes.push(match &entry.delete {
            Err(error) => Err(error.clone()),
            Ok(delete) => {
                let answer = answers.next().ok_or(Code::InternalError)?;
                let failed = failed_condition(&delete.condition);
                answer.map_err(|error| refused(cx, &entry.key, error, failed))
            }
        });
    }
    Ok(response::xml(Writer::document("DeleteResult", |w| {
        for (entry, outcome) in entries.iter().zip(&outcomes) {
            match outcome {
                Ok(_) if quiet => {}
                Ok(deleted) => w.element("Deleted", |w| write_deleted(w, entry, deleted)),
                Err(error) => w.element("Error", |w| {
                    w.text("Key", &entry.key);
                    w.optional("VersionId", entry.version_id.as_deref());
                    w.text("Code", error.code());
                    w.text("Message", &error.message);
                }),
            }
        }
    })))
}

fn write_deleted(w: &mut Writer, entry: &Entry, deleted: &Deleted) {
    w.text("Key", &entry.key);
    w.optional("VersionId", entry.version_id.as_deref());
    let marker = match &deleted.outcome {
        DeleteOutcome::Marked { version_id } => version_id.as_deref(),
        DeleteOutcome::Removed {
            version_id,
            delete_marker: true,
        } => version_id.as_deref(),
        _ => return,
    };
    if deleted.versioning != Versioning::Off {
        w.value("DeleteMarker", true);
        w.text("DeleteMarkerVersionId", marker.unwrap_or("null"));
    }
}

/// An entry of the document. What is wrong with it alone is answered for it alone.
fn parse_entry(cx: &Authorized<'_>, object: &Element, bucket: &str) -> Result<Entry> {
    object.only(&["Key", "VersionId", "ETag", "LastModifiedTime", "Size"])?;
    let text = |name| -> Result<Option<String>> {
        let text = object.optional_text(name)?;
        Ok(text.filter(|t| !t.is_empty()).map(str::to_owned))
    };
    let key = object.required_text("Key")?.to_owned();
    let version_id = text("VersionId")?;
    let (etag, size, modified) = (text("ETag")?, text("Size")?, text("LastModifiedTime")?);
    let delete = || -> Result<Delete> {
        ObjectKey::parse(&key)?;
        let version = match &version_id {
            None => VersionRef::Current,
            // An id of the wrong form names no version; S3 says so for the entry alone.
            Some(id) => VersionRef::parse(id).ok_or(Code::NoSuchVersion)?,
        };
        let arn = format!("arn:aws:s3:::{bucket}/{key}");
        let action = match version {
            VersionRef::Current => "s3:DeleteObject",
            VersionRef::Null | VersionRef::Id(_) => "s3:DeleteObjectVersion",
        };
        cx.may_version(action, &arn, version_id.as_deref())?;
        let malformed = || S3Error::from(Code::MalformedXml);
        let condition = DeleteCondition {
            etag: etag.as_deref().map(|tag| unquote(tag).to_owned()),
            size: match &size {
                None => None,
                Some(text) => Some(text.trim().parse().map_err(|_| malformed())?),
            },
            modified: match &modified {
                None => None,
                Some(text) => Some(
                    http_time(text)
                        .or_else(|| crate::attributes::parse_date(text))
                        .ok_or_else(malformed)?,
                ),
            },
            ..DeleteCondition::default()
        };
        may_learn(cx, &condition, &arn)?;
        Ok(Delete {
            version,
            condition,
            bypass_governance: bypasses_governance(cx, &arn)?,
            ..Delete::current(&key)
        })
    };
    let delete = delete();
    Ok(Entry {
        key,
        version_id,
        delete,
    })
}
