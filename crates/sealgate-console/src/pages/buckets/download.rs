//! A download. It streams, and whatever it is, the browser is told to save and not to show it.

use http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{HeaderValue, Method, Response};
use hyper::body::Incoming;
use sealgate_wire::encode;

use super::sealing::{Headers, customer_headers};
use crate::actor::S3Request;
use crate::fault::Fault;
use crate::forms::Form;
use crate::response::Page;
use crate::visit::Visit;

pub(crate) async fn send(visit: &Visit, bucket: &str) -> Result<Page, Fault> {
    let (key, version) = (visit.parameter("key"), visit.parameter("version"));
    object(visit, bucket, key, version, Headers::new()).await
}

/// The same of an object under a customer's key, which comes in the form and never in an address.
pub(crate) async fn send_opened(
    visit: &Visit,
    bucket: &str,
    body: Incoming,
) -> Result<Page, Fault> {
    let form = Form::of_session(visit, body).await?;
    let headers = customer_headers(visit, form.get("customer_key"))?;
    object(visit, bucket, form.raw("key"), form.get("version"), headers).await
}

async fn object(
    visit: &Visit,
    bucket: &str,
    key: &str,
    version: &str,
    headers: Headers,
) -> Result<Page, Fault> {
    let actor = visit.actor()?;
    let mut request = S3Request::new(visit.method.clone(), bucket).key(key);
    request.headers = headers;
    if visit.method != Method::HEAD {
        request.method = Method::GET;
    }
    if !version.is_empty() {
        request = request.query("versionId", version);
    }
    let (parts, body) = actor.s3_stream(request).await?.into_parts();
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    if let Some(length) = parts.headers.get(CONTENT_LENGTH) {
        headers.insert(CONTENT_LENGTH, length.clone());
    }
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/octet-stream"),
    );
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
    let name = key.trim_end_matches('/').rsplit('/').next().unwrap_or(key);
    let disposition = format!("attachment; filename*=UTF-8''{}", encode(name));
    if let Ok(value) = HeaderValue::try_from(disposition) {
        headers.insert(CONTENT_DISPOSITION, value);
    }
    Ok(response)
}
