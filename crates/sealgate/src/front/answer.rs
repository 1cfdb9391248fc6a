//! The answers that the front gives itself: health, metrics, and the last resort.

use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};

use super::body::{AnswerBody, whole};

/// An answer of plain text.
pub fn text(status: StatusCode, text: impl Into<String>) -> Response<AnswerBody> {
    answer(status, "text/plain; charset=utf-8", text.into())
}

/// An answer of JSON.
pub fn json(status: StatusCode, value: &serde_json::Value) -> Response<AnswerBody> {
    answer(status, "application/json", value.to_string())
}

/// An answer of this type. Nothing that the front says may be kept.
pub fn answer(
    status: StatusCode,
    content_type: &'static str,
    content: String,
) -> Response<AnswerBody> {
    let mut response = Response::new(whole(content));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The answer where a service panicked, in S3's words; clients of the others go by the status.
pub fn internal_error(request_id: &str, host_id: &str) -> Response<AnswerBody> {
    answer(
        StatusCode::INTERNAL_SERVER_ERROR,
        "application/xml",
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>InternalError</Code>\
             <Message>We encountered an internal error. Please try again.</Message>\
             <RequestId>{request_id}</RequestId><HostId>{host_id}</HostId></Error>"
        ),
    )
}
