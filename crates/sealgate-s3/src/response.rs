//! Answers: bodies, headers that many answers share, and errors as XML.

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt as _, Full, combinators::UnsyncBoxBody};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use crate::error::{Code, Result, S3Error};
use crate::meta::insert;
use crate::router;
use crate::xml::Writer;

/// Why a body broke off after its head was sent. The details are in the log.
#[derive(Debug, thiserror::Error)]
#[error("the body could not be read to its end")]
pub struct BrokenBody;

/// The body of an answer.
pub type ResponseBody = UnsyncBoxBody<Bytes, BrokenBody>;

/// An answer.
pub type Response = http::Response<ResponseBody>;

/// What metrics and logs want to know of an answer; an extension of it.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Name of the operation, or `Unknown`.
    pub operation: &'static str,
    /// Error code, if it was refused.
    pub error: Option<&'static str>,
    /// Encryption mode of the object, if one was touched.
    pub mode: Option<&'static str>,
}

/// `2009-10-12T17:50:30.000Z`.
const ISO: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// A time as S3's XML shows it.
pub(crate) fn iso(time: OffsetDateTime) -> String {
    time.format(ISO).unwrap_or_default()
}

/// A time as HTTP headers show it.
pub(crate) fn http_date(time: OffsetDateTime) -> String {
    httpdate::fmt_http_date(time.into())
}

/// An entity tag in quotes.
pub(crate) fn quoted(etag: &str) -> String {
    format!("\"{etag}\"")
}

/// A body of these bytes.
pub(crate) fn full(bytes: impl Into<Bytes>) -> ResponseBody {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// An answer without a body.
pub(crate) fn empty(status: StatusCode) -> Response {
    let mut response = http::Response::new(full(Bytes::new()));
    *response.status_mut() = status;
    response
}

/// Say that the connection ends with this answer. Where a body was not read, its rest would be
/// taken for the next request, or that request for the rest of the body.
pub(crate) fn close_connection(response: &mut Response) {
    response
        .headers_mut()
        .insert(header::CONNECTION, HeaderValue::from_static("close"));
}

/// An XML document with status 200.
pub(crate) fn xml(document: String) -> Response {
    let mut response = http::Response::new(full(document));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/xml"),
    );
    response
}

/// Set entity tag and time.
pub(crate) fn write_validators(headers: &mut HeaderMap, etag: &str, modified: OffsetDateTime) {
    insert(headers, "etag", &quoted(etag));
    insert(headers, "last-modified", &http_date(modified));
}

/// What an error has to know of its request.
pub(crate) struct Asked {
    method: Method,
    resource: String,
    of_control: bool,
}

impl Asked {
    pub(crate) fn of(parts: &Parts) -> Self {
        Self {
            method: parts.method.clone(),
            resource: parts.uri.path().to_owned(),
            of_control: router::control_path(parts).is_some(),
        }
    }
}

/// An error, as S3 writes it. The answer to a HEAD has a status and no body.
pub(crate) fn error(error: &S3Error, asked: &Asked, request_id: &str, host_id: &str) -> Response {
    let status = error.status();
    let mut response = empty(status);
    if asked.method != Method::HEAD && status != StatusCode::NOT_MODIFIED {
        let what = |w: &mut Writer| {
            w.text("Code", error.code());
            w.text("Message", &error.message);
            for (name, value) in &error.details {
                w.text(name, value);
            }
        };
        let which = |w: &mut Writer| {
            w.text("RequestId", request_id);
            w.text("HostId", host_id);
        };
        // The control plane wraps its errors, and its SDKs look for them there.
        let document = if asked.of_control {
            Writer::bare_document("ErrorResponse", |w| {
                w.element("Error", what);
                which(w);
            })
        } else {
            Writer::bare_document("Error", |w| {
                what(w);
                w.text("Resource", &asked.resource);
                which(w);
            })
        };
        response = xml(document);
        *response.status_mut() = status;
    }
    for (name, value) in &error.headers {
        insert(response.headers_mut(), name, value);
    }
    if error.kind() == Code::InvalidRange
        && let Some((_, size)) = error
            .details
            .iter()
            .find(|(name, _)| *name == "ActualObjectSize")
    {
        insert(
            response.headers_mut(),
            "content-range",
            &format!("bytes */{size}"),
        );
    }
    response
}

/// Overrides of the answer's headers that the request asks for (`response-*`). Only a signed
/// request may, so that nobody can make a public object claim to be a page.
pub(crate) fn write_overrides(
    headers: &mut HeaderMap,
    query: &sealgate_wire::Query,
    anonymous: bool,
) -> Result<()> {
    for (parameter, name) in [
        ("response-cache-control", header::CACHE_CONTROL),
        ("response-content-disposition", header::CONTENT_DISPOSITION),
        ("response-content-encoding", header::CONTENT_ENCODING),
        ("response-content-language", header::CONTENT_LANGUAGE),
        ("response-content-type", header::CONTENT_TYPE),
        ("response-expires", header::EXPIRES),
    ] {
        let Some(value) = query.get(parameter) else {
            continue;
        };
        if anonymous {
            return Err(S3Error::invalid_request(
                "Request specific response headers cannot be used for anonymous GET requests.",
            ));
        }
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| {
            S3Error::argument(parameter, value, "The value cannot be a header value.")
        })?;
        headers.insert(name, value);
    }
    Ok(())
}
