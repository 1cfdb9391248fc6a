//! An upload from a form. It streams: what is small becomes an object at once, what is larger goes in parts, so that
//! no more than one part is in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode};
use http_body_util::BodyStream;
use hyper::body::Incoming;
use multer::{Constraints, Field, Multipart, SizeLimit};
use zeroize::Zeroizing;

use futures_util::{StreamExt as _, stream};

use super::bucket_place;
use super::sealing::{Headers, Sealing};
use crate::BoxError;
use crate::actor::{Actor, S3Request};
use crate::fault::Fault;
use crate::response::{Page, see_other, whole};
use crate::visit::Visit;
use crate::xml::Element;

/// A part; S3 wants at least 5 MiB.
const PART: usize = 8 << 20;
/// S3 takes no more parts than these.
const MOST_PARTS: usize = 10_000;
/// How long the rest of an upload that was refused is read away.
const PATIENCE: Duration = Duration::from_secs(30);
/// The fields before the file.
const LARGEST_FIELD: u64 = 16 * 1024;
/// All that comes before the file, and what is read ahead of it: until the file begins, it is held in memory.
const LARGEST_HEAD: usize = 1 << 20;
/// A client that sends nothing for so long is given up.
const SILENCE: Duration = Duration::from_secs(60);
const X_REQUESTED_WITH: HeaderName = HeaderName::from_static("x-requested-with");
const X_PLACE: HeaderName = HeaderName::from_static("x-place");

/// The fields that come before the file.
#[derive(Default)]
struct Fields {
    form_token: String,
    key: String,
    sealing: Sealing,
    /// How many files were sent together, if this is the last of them.
    together: u32,
}

/// Tells the form that its file has begun: from then on it is as long as it likes.
#[derive(Clone, Default)]
pub(super) struct FileBegan(Arc<AtomicBool>);

impl FileBegan {
    pub(super) fn tell(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A form of fields, and then a file.
pub(super) fn form_with_file(
    visit: &Visit,
    body: Incoming,
) -> Result<(Multipart<'static>, FileBegan), Fault> {
    let content_type = visit
        .headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let boundary = multer::parse_boundary(content_type)
        .map_err(|_| Fault::Form("It is not sent as a form with a file."))?;
    let began = FileBegan::default();
    let start = (BodyStream::new(body), began.clone(), 0_usize);
    let bytes = stream::unfold(start, |(mut body, began, mut head)| async move {
        loop {
            let frame = match tokio::time::timeout(SILENCE, body.next()).await {
                Ok(frame) => frame?,
                Err(_) => {
                    let silent: BoxError = "nothing came for too long".into();
                    return Some((Err(silent), (body, began, head)));
                }
            };
            let data = match frame.map(|frame| frame.into_data()) {
                Ok(Ok(data)) => data,
                Ok(Err(_trailers)) => continue,
                Err(error) => return Some((Err(error.into()), (body, began, head))),
            };
            if !began.0.load(Ordering::Relaxed) {
                head = head.saturating_add(data.len());
                if head > LARGEST_HEAD {
                    let large: BoxError = "the fields are too large".into();
                    return Some((Err(large), (body, began, head)));
                }
            }
            return Some((Ok(data), (body, began, head)));
        }
    });
    let limits = SizeLimit::new()
        .per_field(LARGEST_FIELD)
        .for_field("file", u64::MAX);
    let constraints = Constraints::new().size_limit(limits);
    let form = Multipart::with_constraints(Box::pin(bytes), boundary, constraints);
    Ok((form, began))
}

/// A browser that is still sending does not read the answer: what is left comes to its end first, for a while.
pub(super) async fn read_away(mut form: Multipart<'static>) {
    let rest = async { while let Ok(Some(_)) = form.next_field().await {} };
    let _ = tokio::time::timeout(PATIENCE, rest).await;
}

pub(crate) async fn receive(visit: &Visit, bucket: &str, body: Incoming) -> Result<Page, Fault> {
    let session = visit.session()?;
    let (mut form, began) = form_with_file(visit, body)?;
    let mut fields = Fields::default();
    for _ in 0..16 {
        let Some(field) = form.next_field().await.map_err(broken)? else {
            break;
        };
        let name = field.name().unwrap_or_default().to_owned();
        if name == "file" {
            if !session.owns_form(&fields.form_token) {
                return Err(Fault::Forged);
            }
            began.tell();
            let actor = visit.actor()?;
            let key = match store(visit, &actor, bucket, &fields, field).await {
                Ok(key) => key,
                Err(fault) => {
                    read_away(form).await;
                    return Err(fault);
                }
            };
            return Ok(arrived(visit, bucket, &key, fields.together));
        }
        let value = field.text().await.map_err(broken)?;
        match name.as_str() {
            "form_token" => fields.form_token = value,
            "key" => fields.key = value,
            "mode" => fields.sealing.mode = value,
            "kms_key" => fields.sealing.kms_key = value.trim().to_owned(),
            "customer_key" => fields.sealing.customer_key = Zeroizing::new(value),
            "together" => fields.together = value.parse().unwrap_or_default(),
            _ => {}
        }
    }
    Err(Fault::Form("There is no file in it."))
}

pub(super) fn broken(error: multer::Error) -> Fault {
    match error {
        multer::Error::FieldSizeExceeded { .. } | multer::Error::StreamSizeExceeded { .. } => {
            Fault::TooLarge
        }
        _ => Fault::Form("It broke off, or is not encoded as forms are."),
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
