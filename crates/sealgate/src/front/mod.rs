//! The way of a request: who sends it, which service it is for, and what is written down of it.
//!
//! Nothing here knows an operation. A panic of a service ends its request with 500, not the
//! process, and not without a line in the log.

mod answer;
mod body;
mod client;
mod observation;
mod operation;
mod probes;

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, EXPECT, HOST, SERVER,
    USER_AGENT,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body::Body;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use ipnet::IpNet;
use sealgate_admin_api::{AdminApi, collect};
use sealgate_console::Console;
use sealgate_iam::{
    AuthFailure, AuthFault, Authenticated, Iam, Presentation, Service, SignatureVersion,
};
use sealgate_index::Index;
use sealgate_s3::{S3, Source};
use sealgate_seal::wiping_stack;
use sealgate_wire::Connection;
use sealgate_wire::sigv2::VirtualHostBucket;
use sealgate_wire::sigv4::hoisted_headers;
use time::OffsetDateTime;

use crate::metrics::Metrics;
use body::{AnswerBody, ResponseBody};
pub use client::Peer;
use observation::Observation;
pub use probes::Probes;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-request-id");
const HOST_ID: HeaderName = HeaderName::from_static("x-amz-id-2");
const DECODED_LENGTH: HeaderName = HeaderName::from_static("x-amz-decoded-content-length");

/// No request has a larger body.
const LARGEST_BODY: u64 = 5 << 30;

/// Everything a request may need.
pub struct Front {
    /// Who is who.
    pub iam: Iam,
    /// Objects and buckets.
    pub s3: S3,
    /// KMS, IAM, STS, CloudTrail.
    pub admin: AdminApi,
    /// The console, if there is one.
    pub console: Option<Console>,
    /// Whether it shares the addresses of the APIs.
    pub console_beside: bool,
    /// Health and metrics.
    pub probes: Probes,
    /// Counters.
    pub metrics: Metrics,
    /// The index, where what makes way for requests hears of them.
    pub index: Index,
    /// Domains under which buckets are names.
    pub domains: Vec<String>,
    /// Domains under which buckets are websites.
    pub website_domains: Vec<String>,
    /// Proxies whose word counts.
    pub trusted_proxies: Vec<IpNet>,
}

/// Among the extensions of an answer: the request carried a key or a plaintext, and buffers that it came
/// through are not to keep it.
#[derive(Clone, Copy)]
pub struct CarriedSecret;

/// What every answer is made with.
struct Ids {
    request: String,
    host: String,
}

impl Front {
    /// The counters.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Answers a request, whatever happens.
    pub async fn handle(&self, request: Request<Incoming>, peer: &Peer) -> Response<ResponseBody> {
        let (parts, body) = request.into_parts();
        let conn = client::connection(peer, &parts.headers, &self.trusted_proxies);
        let ids = Ids {
            request: sealgate_wire::request_id(),
            host: sealgate_wire::host_id(),
        };
        let mut observation = Observation::new(
            &self.metrics,
            ids.request.clone(),
            parts.method.clone(),
            conn.client_ip,
        );
        let unsent_continue = waits_for_continue_in_vain(&parts);
        let declared = declared_length(&parts.headers, body.is_end_stream());
        let secret = carries_secret(&parts);

        let routed = AssertUnwindSafe(self.route(parts, body, peer, &conn, &ids, &mut observation));
        let routed = routed.catch_unwind();
        let outcome = match secret {
            true => wiping_stack(routed).await,
            false => routed.await,
        };
        let mut response = match outcome {
            Ok(response) => response,
            Err(_) => closing(answer::internal_error(&ids.request, &ids.host)),
        };
        if secret {
            response.extensions_mut().insert(CarriedSecret);
        }

        let headers = response.headers_mut();
        headers.insert(SERVER, HeaderValue::from_static("Sealgate"));
        for (name, id) in [(REQUEST_ID, &ids.request), (HOST_ID, &ids.host)] {
            if let Ok(value) = HeaderValue::from_str(id) {
                headers.insert(name, value);
            }
        }
        if unsent_continue {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        // A refused body was not read; an accepted one was read to its end.
        if response.status().as_u16() < 400 {
            observation.received(declared);
        }
        observation.answered(response.status(), response.body().is_end_stream());
        let length = number(response.headers(), &CONTENT_LENGTH);
        response.map(|body| ResponseBody::new(body, length, observation))
    }

    /// What is large is boxed: the future of every request would be as large as that of the largest, and moves.
    async fn route(
        &self,
        mut parts: Parts,
        body: Incoming,
        peer: &Peer,
        conn: &Connection,
        ids: &Ids,
        observation: &mut Observation,
    ) -> Response<AnswerBody> {
        if peer.console {
            return Box::pin(self.console(parts, body, conn, ids, observation)).await;
        }
        let host = parts
            .headers
            .get(HOST)
            .and_then(|value| value.to_str().ok())
            .or(parts.uri.host());
        let website =
            host.and_then(|host| sealgate_s3::virtual_host_bucket(host, &self.website_domains));
        if let Some(bucket) = website {
            let visit = self.website(parts, body, conn, ids, observation, bucket);
            return Box::pin(visit).await;
        }
        let virtual_bucket =
            host.and_then(|host| sealgate_s3::virtual_host_bucket(host, &self.domains));
        if let Some(bucket) = &virtual_bucket {
            parts.extensions.insert(VirtualHostBucket(bucket.clone()));
        }
        // No bucket may have its name, and what is signed is none of its business: nothing of S3 is hidden by it.
        if virtual_bucket.is_none()
            && self.console_beside
            && is_console(parts.uri.path())
            && !is_signed(&parts)
        {
            return Box::pin(self.console(parts, body, conn, ids, observation)).await;
        }
        if virtual_bucket.is_none()
            && let Some((name, response)) = self
                .probes
                .answer(&parts.method, parts.uri.path(), conn)
                .await
        {
            observation.operation(name);
            return response;
        }

        self.index.traffic().request();
        let presented = Presentation::of(&parts);
        observation.service(presented.service().name());
        if presented.service().signs_body() {
            return self
                .admin(parts, body, presented, conn, ids, observation)
                .await;
        }
        let bucket = virtual_bucket
            .as_deref()
            .or_else(|| parts.uri.path().split('/').nth(1));
        if let Some(bucket) = bucket.filter(|name| looks_like_a_bucket(name)) {
            observation.bucket(bucket.to_owned());
        }
        let s3 = self.s3(parts, body, presented, conn, ids, observation);
        let mut response = Box::pin(s3).await;
        if self.console_beside && virtual_bucket.is_none() {
            sandbox(&mut response);
        }
        response
    }

    /// A page of the console.
    async fn console(
        &self,
        parts: Parts,
        body: Incoming,
        conn: &Connection,
        ids: &Ids,
        observation: &mut Observation,
    ) -> Response<AnswerBody> {
        self.index.traffic().request();
        observation.service("console");
        let Some(console) = &self.console else {
            return closing(answer::text(
                http::StatusCode::NOT_FOUND,
                "There is nothing here.\n",
            ));
        };
        let answer = console.handle(parts, body, conn, &ids.request).await;
        observation.operation(answer.page);
        if let Some(principal) = &answer.principal {
            observation.principal(principal);
        }
        answer.response
    }

    /// Objects and buckets: who sends it is known from the head, the body streams.
    async fn s3(
        &self,
        mut parts: Parts,
        body: Incoming,
        presented: Presentation,
        conn: &Connection,
        ids: &Ids,
        observation: &mut Observation,
    ) -> Response<AnswerBody> {
        let authenticated = self
            .iam
            .authenticate(&parts, presented, conn, OffsetDateTime::now_utc(), None)
            .await
            .and_then(|auth| {
                // From here on nobody has to know that a presigned URL may carry headers.
                if auth.presigned && auth.signature == SignatureVersion::V4 {
                    hoisted_headers(&mut parts).map_err(|error| AuthFailure {
                        service: Service::S3,
                        error: AuthFault::Refused(error),
                    })?;
                }
                Ok(auth)
            });
        let response = match authenticated {
            Ok(auth) => {
                note_principal(observation, &auth);
                let incoming = sealgate_s3::Incoming {
                    parts,
                    body: Source::Left(body),
                    auth,
                    conn: conn.clone(),
                    request_id: ids.request.clone(),
                    host_id: ids.host.clone(),
                };
                self.s3.handle(incoming).await
            }
            Err(AuthFailure {
                error: AuthFault::Refused(error),
                ..
            }) => {
                self.s3
                    .auth_error(&error, &parts, body, conn, &ids.request, &ids.host)
                    .await
            }
            // Identities could not be read; why is in the log.
            Err(_) => return closing(answer::internal_error(&ids.request, &ids.host)),
        };
        if let Some(outcome) = response.extensions().get::<sealgate_s3::Outcome>() {
            observation.operation(outcome.operation);
            observation.outcome(outcome.error, outcome.mode);
        }
        response.map(|body| body.map_err(Into::into).boxed_unsync())
    }

    /// A bucket's website. Visitors are nobody known, whatever else they send.
    async fn website(
        &self,
        parts: Parts,
        body: Incoming,
        conn: &Connection,
        ids: &Ids,
        observation: &mut Observation,
        bucket: String,
    ) -> Response<AnswerBody> {
        self.index.traffic().request();
        observation.service(Service::S3.name());
        let (mut unsigned, ()) = Request::new(()).into_parts();
        if let Some(agent) = parts.headers.get(USER_AGENT) {
            unsigned.headers.insert(USER_AGENT, agent.clone());
        }
        let now = OffsetDateTime::now_utc();
        let presented = Presentation::of(&unsigned);
        let authenticated = self.iam.authenticate(&unsigned, presented, conn, now, None);
        let Ok(auth) = authenticated.await else {
            return closing(answer::internal_error(&ids.request, &ids.host));
        };
        let incoming = sealgate_s3::Incoming {
            parts,
            body: Source::Left(body),
            auth,
            conn: conn.clone(),
            request_id: ids.request.clone(),
            host_id: ids.host.clone(),
        };
        let response = self.s3.visit(incoming, &bucket).await;
        if looks_like_a_bucket(&bucket) {
            observation.bucket(bucket);
        }
        if let Some(outcome) = response.extensions().get::<sealgate_s3::Outcome>() {
            observation.operation(outcome.operation);
            observation.outcome(outcome.error, outcome.mode);
        }
        response.map(|body| body.map_err(Into::into).boxed_unsync())
    }

    /// A service whose signature covers the body itself: first the body, then who sends it.
    async fn admin(
        &self,
        parts: Parts,
        body: Incoming,
        presented: Presentation,
        conn: &Connection,
        ids: &Ids,
        observation: &mut Observation,
    ) -> Response<AnswerBody> {
        let service = presented.service();
        let response = match collect(body).await {
            Err(fault) => closing(self.admin.body_error(service, fault, &ids.request)),
            Ok(document) => {
                observation.operation(operation::name(service, &parts.headers, &document));
                let now = OffsetDateTime::now_utc();
                match self
                    .iam
                    .authenticate(&parts, presented, conn, now, Some(&document))
                    .await
                {
                    Ok(auth) => {
                        note_principal(observation, &auth);
                        self.admin
                            .handle(parts, document, auth, conn, &ids.request)
                            .await
                    }
                    Err(failure) => self.admin.auth_error(&failure, &ids.request),
                }
            }
        };
        response.map(|body| body.map_err(|never| match never {}).boxed_unsync())
    }
}

fn is_console(path: &str) -> bool {
    path == "/console" || path.starts_with("/console/")
}

/// Whether a request carries a signature, of whatever kind.
fn is_signed(parts: &Parts) -> bool {
    let in_query = |query: &str| {
        query.split('&').any(|pair| {
            let name = pair.split('=').next().unwrap_or_default();
            ["X-Amz-Algorithm", "X-Amz-Signature", "AWSAccessKeyId"].contains(&name)
        })
    };
    parts.headers.contains_key(AUTHORIZATION) || parts.uri.query().is_some_and(in_query)
}

/// Objects share an origin with the console. What a browser shows of one is to have an origin of its own, so that
/// a page somebody uploaded cannot act as whoever is signed in there.
fn sandbox(response: &mut Response<AnswerBody>) {
    const SANDBOX: HeaderValue =
        HeaderValue::from_static("sandbox allow-downloads allow-forms allow-popups allow-scripts");
    response
        .headers_mut()
        .insert(CONTENT_SECURITY_POLICY, SANDBOX);
}

/// A header that is a number.
fn number(headers: &HeaderMap, name: &HeaderName) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}

/// The length of a body that will be read to its end. Of an aws-chunked body it is that of the bytes
/// that are meant, not of their framing; but anybody can write a number into that header, also where
/// there is no such body, and what is counted must not be theirs to choose. So it counts for no more
/// than was really sent.
fn declared_length(headers: &HeaderMap, no_body: bool) -> u64 {
    let decoded = number(headers, &DECODED_LENGTH);
    match (number(headers, &CONTENT_LENGTH), decoded) {
        _ if no_body => 0,
        (Some(sent), decoded) => decoded.map_or(sent, |decoded| decoded.min(sent)),
        (None, decoded) => decoded.map_or(0, |decoded| decoded.min(LARGEST_BODY)),
    }
}

/// The answer to a request whose body was not read to its end: what is left of it must not meet the
/// next request.
fn closing<B>(mut response: Response<B>) -> Response<B> {
    response
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

fn note_principal(observation: &mut Observation, auth: &Authenticated) {
    if !auth.anonymous {
        observation.principal(&auth.caller.principal.arn);
    }
}

/// A request that expects `100 Continue` for an empty body, which is never asked for. botocore
/// mixes up its next request on the same connection if it gets a final answer instead, and waits
/// until the connection is closed; so it is closed at once.
fn waits_for_continue_in_vain(parts: &Parts) -> bool {
    let empty = parts
        .headers
        .get(CONTENT_LENGTH)
        .is_some_and(|length| length == "0");
    empty && parts.headers.contains_key(EXPECT)
}

/// A request with a customer's key (which a presigned URL may carry in its query), with a plaintext for the KMS, or
/// with the secret of somebody who signs in.
fn carries_secret(parts: &Parts) -> bool {
    const CUSTOMER_KEYS: [&str; 2] = [
        "x-amz-server-side-encryption-customer-key",
        "x-amz-copy-source-server-side-encryption-customer-key",
    ];
    let in_query = |query: &str| {
        let query = query.to_ascii_lowercase();
        CUSTOMER_KEYS.iter().any(|name| query.contains(name))
    };
    CUSTOMER_KEYS
        .iter()
        .any(|name| parts.headers.contains_key(*name))
        || parts.uri.query().is_some_and(in_query)
        || parts
            .headers
            .get("x-amz-target")
            .is_some_and(|target| target == "TrentService.Encrypt")
        // Passwords, seeds and customers' keys come in the forms of many pages.
        || parts.method == http::Method::POST && is_console(parts.uri.path())
}

/// What cannot be the name of a bucket is not written to the log: it may be anything.
fn looks_like_a_bucket(name: &str) -> bool {
    (3..=63).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn a_client_cannot_make_up_the_bytes_that_are_counted() {
        let length = |sent: Option<&str>, decoded: Option<&str>, no_body| {
            let mut headers = HeaderMap::new();
            for (name, value) in [(CONTENT_LENGTH, sent), (DECODED_LENGTH, decoded)] {
                if let Some(value) = value {
                    headers.insert(name, value.parse().unwrap());
                }
            }
            declared_length(&headers, no_body)
        };
        let huge = Some("18446744073709551615");
        assert_eq!(length(Some("100"), None, false), 100);
        assert_eq!(length(Some("100"), Some("80"), false), 80);
        assert_eq!(length(Some("100"), huge, false), 100);
        assert_eq!(length(None, Some("80"), false), 80);
        assert_eq!(length(None, huge, false), LARGEST_BODY);
        assert_eq!(length(None, huge, true), 0);
        assert_eq!(length(None, None, false), 0);
    }
}
