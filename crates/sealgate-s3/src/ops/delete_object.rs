//! DeleteObject and DeleteObjects. Deleting needs no key of the KMS and no customer key.

use http::StatusCode;
use sealgate_index::IndexError;

use crate::conditions::unquote;
use crate::error::{Code, Result, S3Error};
use crate::request::{Authorized, RequestBody};
use crate::response::{self, Response};
use crate::xml::{Element, Writer};

/// Most keys of one DeleteObjects.
const MAX_KEYS: usize = 1000;
/// A thousand of the longest keys, escaped, with their elements.
const MAX_DOCUMENT: usize = 8 << 20;

/// [DeleteObject](https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html):
/// 204 also where there was nothing.
pub(crate) async fn one(cx: &Authorized<'_>) -> Result<Response> {
    cx.check_version_id()?;
    for header in ["x-amz-if-match-last-modified-time", "x-amz-if-match-size"] {
        if cx.request.parts.headers.contains_key(header) {
            return Err(S3Error::not_implemented(header));
        }
    }
    let if_match = cx
        .request
        .header("if-match")?
        .map(|tag| unquote(tag).to_owned());
    cx.s3
        .index
        .delete_version(cx.bucket()?.id, cx.key()?, if_match)
        .await
        .map_err(|error| match error {
            IndexError::PreconditionFailed => crate::conditions::failed("If-Match"),
            error => error.into(),
        })?;
    Ok(response::empty(StatusCode::NO_CONTENT))
}

/// [DeleteObjects](https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html):
/// each key is authorized and answered by itself.
pub(crate) async fn many(cx: &Authorized<'_>, body: &mut RequestBody) -> Result<Response> {
    let headers = &cx.request.parts.headers;
    let checked = headers.keys().any(|name| {
        name == "content-md5"
            || name == "x-amz-trailer"
            || name.as_str().starts_with("x-amz-checksum-")
    });
    if !checked {
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
    let mut outcomes: Vec<(String, Option<S3Error>)> = Vec::with_capacity(objects.len());
    for object in objects {
        object.only(&["Key", "VersionId", "ETag", "LastModifiedTime", "Size"])?;
        let key = object.required_text("Key")?.to_owned();
        let outcome = check_entry(cx, object, &bucket.name, &key).err();
        outcomes.push((key, outcome));
    }
    let plain: Vec<String> = outcomes
        .iter()
        .filter(|(_, error)| error.is_none())
        .map(|(key, _)| key.clone())
        .collect();
    if !plain.is_empty() {
        cx.s3.index.delete_versions(bucket.id, plain).await?;
    }
    Ok(response::xml(Writer::document("DeleteResult", |w| {
        for (key, error) in &outcomes {
            match error {
                None if quiet => {}
                None => w.element("Deleted", |w| w.text("Key", key)),
                Some(error) => w.element("Error", |w| {
                    w.text("Key", key);
                    w.text("Code", error.code());
                    w.text("Message", &error.message);
                }),
            }
        }
    })))
}

fn check_entry(cx: &Authorized<'_>, object: &Element, bucket: &str, key: &str) -> Result<()> {
    crate::names::ObjectKey::parse(key)?;
    cx.may("s3:DeleteObject", &format!("arn:aws:s3:::{bucket}/{key}"))?;
    if object
        .optional_text("VersionId")?
        .is_some_and(|v| !v.is_empty() && v != "null")
    {
        return Err(S3Error::new(
            Code::NoSuchVersion,
            "The specified version does not exist.",
        ));
    }
    for condition in ["ETag", "LastModifiedTime", "Size"] {
        if object.optional(condition)?.is_some() {
            return Err(S3Error::not_implemented("A condition in DeleteObjects"));
        }
    }
    Ok(())
}
