//! Answers.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::Full;

/// An answer with its whole body.
pub type Reply = Response<Full<Bytes>>;

/// Where the SDKs look for the request id of these APIs.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// Builds an answer.
pub fn reply(
    status: u16,
    content_type: &'static str,
    body: impl Into<Bytes>,
    request_id: &str,
) -> Reply {
    let mut reply = Response::new(Full::new(body.into()));
    *reply.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, id);
    }
    reply
}
