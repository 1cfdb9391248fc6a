//! DeleteObject and DeleteObjects. Deleting needs no key of the KMS and no customer key.

use http::StatusCode;
use sealgate_index::IndexError;
use sealgate_wire::checksum::ChecksumAlgorithm;

use crate::body::RequestBody;
use crate::conditions::unquote;
use crate::error::{Code, Result, S3Error};
use crate::request::Authorized;
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
    let if_match = cx
        .request
        .header("if-match")?
        .map(|tag| unquote(tag).to_owned());
    delete(cx, cx.key()?, if_match).await?;
    Ok(response::empty(StatusCode::NO_CONTENT))
}

/// Delete an object, under a condition
/// ([conditional deletes](https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html)):
/// then there must be one.
async fn delete(cx: &Authorized<'_>, key: &str, if_match: Option<String>) -> Result<()> {
    let (index, bucket) = (&cx.s3.index, cx.bucket()?.id);
    if let Some(wanted) = &if_match {
        // The outcome tells the entity tag, which only readers may know.
        if wanted != "*" {
            let arn = format!("arn:aws:s3:::{}/{key}", cx.bucket()?.name);
            cx.may("s3:GetObject", &arn)?;
        }
        match index.get_version(bucket, key).await? {
            Some(_) => {}
            None if wanted == "*" => return Err(crate::conditions::failed("If-Match")),
            None => return Err(S3Error::from(Code::NoSuchKey).with("Key", key)),
        }
    }
    match index.delete_version(bucket, key, if_match).await {
        Ok(_) => Ok(()),
        Err(IndexError::PreconditionFailed) => Err(crate::conditions::failed("If-Match")),
        Err(error) => Err(error.into()),
    }
}

/// A key of DeleteObjects and what became of it.
struct Entry {
    key: String,
    /// As the client named it, which the answer repeats.
    version_id: Option<String>,
    if_match: Option<String>,
    error: Option<S3Error>,
}

/// [DeleteObjects](https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html):
/// each key is authorized and answered by itself.
pub(crate) async fn many(cx: &Authorized<'_>, body: &mut RequestBody) -> Result<Response> {
    let headers = &cx.request.parts.headers;
    let checked = headers.keys().any(|name| {
        let name = name.as_str();
        name == "content-md5"
            || name == "x-amz-trailer"
            || ChecksumAlgorithm::from_header(name).is_some()
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
    let mut entries = Vec::with_capacity(objects.len());
    for object in objects {
        entries.push(parse_entry(cx, object, &bucket.name)?);
    }
    let plain: Vec<String> = entries
        .iter()
        .filter(|entry| entry.error.is_none() && entry.if_match.is_none())
        .map(|entry| entry.key.clone())
        .collect();
    if !plain.is_empty() {
        cx.s3.index.delete_versions(bucket.id, plain).await?;
    }
    for entry in &mut entries {
        if let (None, Some(tag)) = (&entry.error, entry.if_match.take()) {
            entry.error = delete(cx, &entry.key, Some(tag)).await.err();
        }
    }
    Ok(response::xml(Writer::document("DeleteResult", |w| {
        for entry in &entries {
            let named = |w: &mut Writer| {
                w.text("Key", &entry.key);
                w.optional("VersionId", entry.version_id.as_deref());
            };
            match &entry.error {
                None if quiet => {}
                None => w.element("Deleted", named),
                Some(error) => w.element("Error", |w| {
                    named(w);
                    w.text("Code", error.code());
                    w.text("Message", &error.message);
                }),
            }
        }
    })))
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
    let if_match = text("ETag")?.map(|tag| unquote(&tag).to_owned());
    let for_directories = text("LastModifiedTime")?.is_some() || text("Size")?.is_some();
    let check = || -> Result<()> {
        crate::names::ObjectKey::parse(&key)?;
        cx.may("s3:DeleteObject", &format!("arn:aws:s3:::{bucket}/{key}"))?;
        // Only the null version exists.
        if version_id.as_deref().is_some_and(|id| id != "null") {
            return Err(Code::NoSuchVersion.into());
        }
        if for_directories {
            return Err(S3Error::not_implemented(
                "A condition on time or size in DeleteObjects",
            ));
        }
        Ok(())
    };
    let error = check().err();
    Ok(Entry {
        key,
        version_id,
        if_match,
        error,
    })
}
