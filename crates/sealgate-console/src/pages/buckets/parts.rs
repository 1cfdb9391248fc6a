//! An upload in parts, which a script of the page sends one by one: it may be broken off, and goes on with what is not
//! there yet. A part streams through to S3; none is held here.

use futures_util::StreamExt as _;
use http::Method;
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Incoming;
use multer::Field;
use serde_json::json;
use zeroize::Zeroizing;

use super::file_form::{fields_then_file, read_away};
use super::sealing::Sealing;
use super::upload::{arrived, completed};
use crate::actor::{Actor, S3Request};
use crate::fault::{Fault, Refusal};
use crate::forms::Form;
use crate::response::{Page, json as answer};
use crate::visit::Visit;
use crate::{AnswerBody, BoxError};

/// A part that S3 has.
struct Part {
    number: u32,
    etag: String,
    size: u64,
}

/// One step of an upload: `begin`, `part`, `complete` or `abort`.
pub(crate) async fn step(
    visit: &Visit,
    bucket: &str,
    step: &str,
    body: Incoming,
) -> Result<Page, Fault> {
    if step == "part" {
        return part(visit, bucket, body).await;
    }
    let form = Form::of_session(visit, body).await?;
    match step {
        "begin" => begin(visit, bucket, &form).await,
        "complete" => complete(visit, bucket, &form).await,
        "abort" => {
            let request = S3Request::new(Method::DELETE, bucket)
                .key(form.raw("key"))
                .query("uploadId", form.get("upload"));
            visit.actor()?.s3(request).await?;
            Ok(answer(&json!({})))
        }
        _ => Err(Fault::NotFound),
    }
}

async fn begin(visit: &Visit, bucket: &str, form: &Form) -> Result<Page, Fault> {
    let sealing = Sealing {
        mode: form.get("mode").to_owned(),
        kms_key: form.get("kms_key").to_owned(),
        customer_key: Zeroizing::new(form.get("customer_key").to_owned()),
    };
    let mut request = S3Request::new(Method::POST, bucket)
        .key(form.raw("key"))
        .query("uploads", "");
    request.headers = sealing.of_new(visit, Some(form.get("type")))?;
    let begun = visit.actor()?.s3(request).await?;
    Ok(answer(&json!({ "upload": begun.text("UploadId") })))
}

/// The fields before the bytes of a part.
#[derive(Default)]
struct Fields {
    key: String,
    upload: String,
    number: String,
    length: u64,
    sealing: Sealing,
}

async fn part(visit: &Visit, bucket: &str, body: Incoming) -> Result<Page, Fault> {
    let mut fields = Fields::default();
    let (file, rest) = fields_then_file(visit, body, |name, value| {
        match name {
            "key" => fields.key = value,
            "upload" => fields.upload = value,
            "number" => fields.number = value,
            "length" => {
                fields.length = value
                    .parse()
                    .map_err(|_| Fault::Form("The length of the part is no number."))?;
            }
            "mode" => fields.sealing.mode = value,
            "customer_key" => fields.sealing.customer_key = Zeroizing::new(value),
            _ => {}
        }
        Ok(())
    })
    .await?;
    let stored = store(visit, bucket, &fields, file).await;
    if stored.is_err() {
        read_away(rest).await;
    }
    stored.map(|()| answer(&json!({})))
}

async fn store(
    visit: &Visit,
    bucket: &str,
    fields: &Fields,
    field: Field<'static>,
) -> Result<(), Fault> {
    let mut request = S3Request::new(Method::PUT, bucket)
        .key(&fields.key)
        .query("partNumber", &fields.number)
        .query("uploadId", &fields.upload);
    request.headers = fields.sealing.of_customer(visit)?;
    let bytes = field.map(|chunk| {
        chunk
            .map(Frame::data)
            .map_err(|broken| -> BoxError { Box::new(broken) })
    });
    let body: AnswerBody = StreamBody::new(bytes).boxed_unsync();
    visit
        .actor()?
        .s3_send(request, fields.length, body)
        .await
        .map(drop)
}

/// The parts that S3 has, in their order.
async fn listed(
    actor: &Actor<'_>,
    bucket: &str,
    key: &str,
    upload: &str,
) -> Result<Vec<Part>, Fault> {
    let mut parts = Vec::new();
    let mut after = String::from("0");
    loop {
        let request = S3Request::new(Method::GET, bucket)
            .key(key)
            .query("uploadId", upload)
            .query("part-number-marker", &after);
        let page = actor.s3(request).await?;
        for part in page.all("Part") {
            let number = |name| part.text(name).parse().map_err(|_| Fault::Internal);
            parts.push(Part {
                number: part
                    .text("PartNumber")
                    .parse()
                    .map_err(|_| Fault::Internal)?,
                etag: part.text("ETag").to_owned(),
                size: number("Size")?,
            });
        }
        let next = page.text("NextPartNumberMarker").to_owned();
        if page.text("IsTruncated") != "true" || next == after {
            return Ok(parts);
        }
        after = next;
    }
}

/// Which parts are there, for a script that goes on.
pub(crate) async fn there(visit: &Visit, bucket: &str) -> Result<Page, Fault> {
    let (key, upload) = (visit.parameter("key"), visit.parameter("upload"));
    if key.is_empty() || upload.is_empty() {
        return Err(Fault::NotFound);
    }
    let parts: Vec<(u32, u64)> = listed(&visit.actor()?, bucket, key, upload)
        .await?
        .iter()
        .map(|part| (part.number, part.size))
        .collect();
    Ok(answer(&json!({ "parts": parts })))
}

/// Puts the parts together, if they are the whole file.
async fn complete(visit: &Visit, bucket: &str, form: &Form) -> Result<Page, Fault> {
    let (key, upload) = (form.raw("key"), form.get("upload"));
    let size: u64 = form
        .get("size")
        .parse()
        .map_err(|_| Fault::Form("The size of the file is no number."))?;
    let together = form.get("together").parse().unwrap_or_default();
    // A script that did not hear the answer asks again.
    match form.begin(visit) {
        Err(Some(_)) => return Ok(arrived(visit, bucket, key, together)),
        Err(None) => {
            return Err(Fault::Form("It is being put together already."));
        }
        Ok(()) => {}
    }
    let outcome = async {
        let actor = visit.actor()?;
        let parts = listed(&actor, bucket, key, upload).await?;
        let document = whole_of(&parts, size).ok_or_else(|| Refusal {
            status: 409,
            code: "InvalidPart".to_owned(),
            message: "Parts of the file are missing.".to_owned(),
        })?;
        let request = S3Request::new(Method::POST, bucket)
            .key(key)
            .query("uploadId", upload)
            .body(document);
        completed(&actor.s3(request).await?)
    }
    .await;
    form.end(visit, outcome.as_ref().ok().map(|()| "there"));
    outcome.map(|()| arrived(visit, bucket, key, together))
}

/// The document that names the parts; `None` if they are not the whole of a file of this size.
fn whole_of(parts: &[Part], size: u64) -> Option<String> {
    let total: u64 = parts.iter().map(|part| part.size).sum();
    let in_order = (1..).zip(parts).all(|(number, part)| part.number == number);
    if total != size || !in_order {
        return None;
    }
    let mut document = String::from("<CompleteMultipartUpload>");
    for Part { number, etag, .. } in parts {
        let etag = super::xml_text(etag);
        document.push_str(&format!(
            "<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"
        ));
    }
    document.push_str("</CompleteMultipartUpload>");
    Some(document)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn only_the_whole_file_is_put_together() {
        let parts = |list: &[(u32, u64)]| -> Vec<Part> {
            let part = |(number, size): &(u32, u64)| Part {
                number: *number,
                etag: format!("\"e{number}\""),
                size: *size,
            };
            list.iter().map(part).collect()
        };
        assert!(
            whole_of(&parts(&[(1, 5), (2, 3)]), 8).is_some_and(|document| {
                document.contains("<PartNumber>2</PartNumber><ETag>\"e2\"</ETag>")
            })
        );
        for (list, size) in [
            (&[(1, 5), (2, 3)][..], 9),
            (&[(1, 5), (3, 3)], 8),
            (&[(2, 8)], 8),
            (&[], 8),
        ] {
            assert!(whole_of(&parts(list), size).is_none());
        }
    }
}
