//! Answers: pages, ways elsewhere, and the headers that keep a browser from doing more than it was told.

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};

use crate::AnswerBody;

/// An answer on its way.
pub(crate) type Page = Response<AnswerBody>;

/// A body that is in hand.
pub(crate) fn whole(bytes: impl Into<Bytes>) -> AnswerBody {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// A page of this HTML.
pub(crate) fn html(status: StatusCode, text: String) -> Page {
    let mut response = Response::new(whole(text));
    *response.status_mut() = status;
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    response
}

/// An answer for a script of ours.
pub(crate) fn json(value: &serde_json::Value) -> Page {
    let mut response = Response::new(whole(value.to_string()));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// On to another page, which is fetched by GET.
pub(crate) fn see_other(place: &str) -> Page {
    let mut response = Response::new(whole(Bytes::new()));
    *response.status_mut() = StatusCode::SEE_OTHER;
    // Places are made here, percent-encoded; what cannot be a header leads to the front page.
    let place = HeaderValue::try_from(place).unwrap_or(HeaderValue::from_static("/console/"));
    response.headers_mut().insert(LOCATION, place);
    response
}

/// The headers of every answer of the console. Scripts and styles run only with the nonce of the very page; nothing
/// comes from elsewhere, and nothing may frame it.
pub(crate) fn protect(headers: &mut HeaderMap, nonce: &str, secure: bool, host: &str) {
    if !headers.contains_key(CONTENT_SECURITY_POLICY) {
        let policy = format!(
            "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src 'self'; \
             connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        );
        if let Ok(policy) = HeaderValue::try_from(policy) {
            headers.insert(CONTENT_SECURITY_POLICY, policy);
        }
    }
    for (name, value) in [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        // A form must be able to say where it comes from, to here and to nobody else.
        (REFERRER_POLICY, "same-origin"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    // Whole machines of developers are called localhost: it must not bind what else runs there.
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    if secure && name != "localhost" && !name.ends_with(".localhost") {
        headers.insert(
            STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static("max-age=31536000"),
        );
    }
}
