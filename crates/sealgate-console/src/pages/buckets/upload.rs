//! An upload from a form. It streams: what is small becomes an object at once, what is larger goes in parts, so that
//! no more than one part is in memory.

use bytes::{Bytes, BytesMut};
use http::{HeaderName, HeaderValue, Method, Response, StatusCode};
use hyper::body::Incoming;
use multer::Field;
use zeroize::Zeroizing;

use super::bucket_place;
use super::file_form::{broken, fields_then_file, read_away};
use super::sealing::{Headers, Sealing};
use crate::actor::{Actor, S3Request};
use crate::fault::Fault;
use crate::response::{Page, see_other, whole};
use crate::visit::Visit;
use crate::xml::Element;

/// A part; S3 wants at least 5 MiB.
const PART: usize = 8 << 20;
/// S3 takes no more parts than these.
const MOST_PARTS: usize = 10_000;
const X_REQUESTED_WITH: HeaderName = HeaderName::from_static("x-requested-with");
const X_PLACE: HeaderName = HeaderName::from_static("x-place");

/// The fields that come before the file.
#[derive(Default)]
struct Fields {
    key: String,
    sealing: Sealing,
    /// How many files were sent together, if this is the last of them.
    together: u32,
}

pub(crate) async fn receive(visit: &Visit, bucket: &str, body: Incoming) -> Result<Page, Fault> {
    let mut fields = Fields::default();
    let (file, rest) = fields_then_file(visit, body, |name, value| {
        match name {
            "key" => fields.key = value,
            "mode" => fields.sealing.mode = value,
            "kms_key" => fields.sealing.kms_key = value.trim().to_owned(),
            "customer_key" => fields.sealing.customer_key = Zeroizing::new(value),
            "together" => fields.together = value.parse().unwrap_or_default(),
            _ => {}
        }
        Ok(())
    })
    .await?;
    let actor = visit.actor()?;
    match store(visit, &actor, bucket, &fields, file).await {
        Ok(key) => Ok(arrived(visit, bucket, &key, fields.together)),
        Err(fault) => {
            read_away(rest).await;
            Err(fault)
        }
    }
}

/// On to the folder. A script is told where, and goes there itself, so that the word about it is for the person.
pub(super) fn arrived(visit: &Visit, bucket: &str, key: &str, together: u32) -> Page {
    visit.tell(
        true,
        match together {
            0 | 1 => format!("{key} is stored, sealed."),
            many => format!("{many} files are stored, sealed."),
        },
    );
    let folder = key.rfind('/').map_or("", |at| key.split_at(at + 1).0);
    let place = bucket_place(bucket, folder);
    if !visit.headers.contains_key(X_REQUESTED_WITH) {
        return see_other(&place);
    }
    let mut response = Response::new(whole(Bytes::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    if let Ok(place) = HeaderValue::try_from(place) {
        response.headers_mut().insert(X_PLACE, place);
    }
    response
}

/// The key is the name that was typed, or else the file's own.
fn key_of(fields: &Fields, field: &Field<'_>) -> Result<String, Fault> {
    let file = field.file_name().unwrap_or_default();
    let file = file.rsplit(['/', '\\']).next().unwrap_or_default();
    match fields.key.as_str() {
        "" if file.is_empty() => Err(Fault::Form("No file was chosen.")),
        "" => Ok(file.to_owned()),
        // A folder was typed.
        folder if folder.ends_with('/') => Ok(format!("{folder}{file}")),
        key => Ok(key.to_owned()),
    }
}

async fn store(
    visit: &Visit,
    actor: &Actor<'_>,
    bucket: &str,
    fields: &Fields,
    mut field: Field<'_>,
) -> Result<String, Fault> {
    let key = key_of(fields, &field)?;
    let kind = field.content_type().map(ToString::to_string);
    let headers = fields.sealing.of_new(visit, kind.as_deref())?;
    let key_headers = fields.sealing.of_customer(visit)?;
    // Parts in memory are for a few at a time; others wait with their bytes still at the client.
    let _turn = visit
        .console
        .uploads
        .acquire()
        .await
        .map_err(|_| Fault::Internal)?;
    let (first, more) = part(&mut field).await?;
    if !more {
        let mut request = S3Request::new(Method::PUT, bucket).key(&key).body(first);
        request.headers = headers;
        actor.s3(request).await?;
        return Ok(key);
    }
    let mut request = S3Request::new(Method::POST, bucket)
        .key(&key)
        .query("uploads", "");
    request.headers = headers;
    let begun = actor.s3(request).await?;
    let upload = begun.text("UploadId").to_owned();
    match parts(
        actor,
        bucket,
        &key,
        &upload,
        &key_headers,
        first,
        &mut field,
    )
    .await
    {
        Ok(()) => Ok(key),
        Err(fault) => {
            let request = S3Request::new(Method::DELETE, bucket)
                .key(&key)
                .query("uploadId", &upload);
            // What came so far goes; if that fails, too, the first reason is the one to tell.
            let _ = actor.s3(request).await;
            Err(fault)
        }
    }
}

async fn parts(
    actor: &Actor<'_>,
    bucket: &str,
    key: &str,
    upload: &str,
    key_headers: &Headers,
    first: Bytes,
    field: &mut Field<'_>,
) -> Result<(), Fault> {
    let mut document = String::from("<CompleteMultipartUpload>");
    let (mut bytes, mut more) = (first, true);
    for number in 1..=MOST_PARTS {
        let text = number.to_string();
        let mut request = S3Request::new(Method::PUT, bucket)
            .key(key)
            .query("partNumber", &text)
            .query("uploadId", upload)
            .body(bytes);
        request.headers.clone_from(key_headers);
        let head = actor.s3_head(request).await?;
        let etag = super::xml_text(crate::actor::header(&head, "etag"));
        document.push_str(&format!(
            "<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"
        ));
        if !more {
            document.push_str("</CompleteMultipartUpload>");
            let request = S3Request::new(Method::POST, bucket)
                .key(key)
                .query("uploadId", upload)
                .body(document);
            return completed(&actor.s3(request).await?);
        }
        (bytes, more) = part(field).await?;
        if bytes.is_empty() && !more {
            // The file ended with the part before.
            document.push_str("</CompleteMultipartUpload>");
            let request = S3Request::new(Method::POST, bucket)
                .key(key)
                .query("uploadId", upload)
                .body(document);
            return completed(&actor.s3(request).await?);
        }
    }
    Err(Fault::TooLarge)
}

/// S3 may say 200 before it knows.
pub(super) fn completed(answer: &Element) -> Result<(), Fault> {
    match answer.text("Code") {
        "" => Ok(()),
        code => Err(crate::fault::Refusal {
            status: 500,
            code: code.to_owned(),
            message: answer.text("Message").to_owned(),
        }
        .into()),
    }
}

/// The next part of the file, and whether there is more after it.
async fn part(field: &mut Field<'_>) -> Result<(Bytes, bool), Fault> {
    let mut bytes = BytesMut::new();
    while let Some(chunk) = field.chunk().await.map_err(broken)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() >= PART {
            return Ok((bytes.freeze(), true));
        }
    }
    Ok((bytes.freeze(), false))
}
