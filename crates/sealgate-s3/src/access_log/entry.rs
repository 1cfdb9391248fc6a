//! A line of the log: what is known of a request, in the order and the spelling of
//! [AWS's format](https://docs.aws.amazon.com/AmazonS3/latest/userguide/LogFormat.html).

use std::fmt::Write as _;
use std::time::Instant;

use http::header::{CONTENT_LENGTH, CONTENT_RANGE, HOST, HeaderName, REFERER, USER_AGENT};
use http::request::Parts;
use http_body_util::BodyExt as _;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use sealgate_iam::{Authenticated, SignatureVersion};
use sealgate_policy::PrincipalKind;
use sealgate_wire::Connection;
use sealgate_wire::encoding::encode_path;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use super::body::LoggedBody;
use super::{AccessLog, Line, Logging, names};
use crate::S3;
use crate::document::Document as _;
use crate::names::percent_decode;
use crate::operation::Operation as Op;
use crate::response::{Outcome, Response};
use crate::router::{self, Target};

/// `06/Feb/2026:00:00:38 +0000`.
const TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[day]/[month repr:short]/[year]:[hour]:[minute]:[second] +0000");
/// What would end a quoted field or the line.
const QUOTED: &AsciiSet = &CONTROLS.add(b'"').add(b'\\');
/// What would end a field.
const BARE: &AsciiSet = &QUOTED.add(b' ');
/// Longest text of a client's in a line.
const MAX_TEXT: usize = 4096;
/// Values in a query that are good for a request of somebody else's.
const SECRETS: [&str; 3] = ["x-amz-signature", "x-amz-security-token", "signature"];

/// A line that becomes complete with the answer.
pub(crate) struct Entry {
    log: AccessLog,
    bucket: String,
    time: OffsetDateTime,
    begin: Instant,
    remote_ip: String,
    requester: Option<String>,
    request_id: String,
    operation: String,
    has_key: bool,
    key: Option<String>,
    uri: String,
    status: u16,
    error: Option<&'static str>,
    bytes_sent: u64,
    received: Option<u64>,
    object_size: Option<u64>,
    turn_around: u128,
    referer: Option<String>,
    user_agent: Option<String>,
    version: Option<String>,
    host_id: String,
    signature: Option<&'static str>,
    authentication: Option<&'static str>,
    host: Option<String>,
    /// The version of TLS, where it is known.
    tls: Option<String>,
}

/// What a request is known by.
#[derive(Clone, Copy)]
pub(crate) struct Ids<'a> {
    pub(crate) request: &'a str,
    pub(crate) host: &'a str,
}

impl Entry {
    /// Begin the line of a request, if the bucket that it names has its requests logged. Of a visit to a website
    /// the bucket is known already.
    pub(crate) async fn begin(
        s3: &S3,
        parts: &Parts,
        conn: &Connection,
        auth: Option<&Authenticated>,
        ids: Ids<'_>,
        website: Option<&str>,
    ) -> Option<Self> {
        let authority = parts.uri.authority().map(|authority| authority.as_str());
        let host = header(parts, &HOST).or(authority);
        let path = parts.uri.path();
        let target = match website {
            None => router::target(host, path, &s3.config.domains).ok()?,
            Some(bucket) => Target {
                bucket: Some(bucket.to_owned()),
                key: percent_decode(path.strip_prefix('/').unwrap_or(path))
                    .ok()
                    .filter(|key| !key.is_empty()),
            },
        };
        let bucket = s3.index.bucket(&target.bucket?).await.ok()?;
        Logging::of(&bucket).ok().flatten()?.target?;
        let signature = auth.and_then(|auth| match auth.signature {
            SignatureVersion::V4 => Some("SigV4"),
            SignatureVersion::V2 => Some("SigV2"),
            SignatureVersion::Console | SignatureVersion::None => None,
        });
        let presigned = auth.is_some_and(|auth| auth.presigned);
        let query = sealgate_wire::Query::of(&parts.uri);
        Some(Self {
            log: s3.access_log.clone(),
            bucket: bucket.name.clone(),
            time: OffsetDateTime::now_utc(),
            begin: Instant::now(),
            remote_ip: conn.client_ip.to_string(),
            requester: auth.and_then(requester),
            request_id: ids.request.to_owned(),
            operation: match website {
                Some(_) => format!("WEBSITE.{}.OBJECT", parts.method),
                None => names::of_request(&parts.method, target.key.is_some()),
            },
            has_key: target.key.is_some(),
            key: target.key.map(|key| encode_path(clipped(&key))),
            uri: request_uri(parts),
            status: 0,
            error: None,
            bytes_sent: 0,
            received: crate::trail::body_length(parts),
            object_size: None,
            turn_around: 0,
            referer: header(parts, &REFERER).map(quotable),
            user_agent: header(parts, &USER_AGENT).map(quotable),
            version: query.get("versionId").map(bare),
            host_id: ids.host.to_owned(),
            signature,
            authentication: signature.map(|_| match presigned {
                true => "QueryString",
                false => "AuthHeader",
            }),
            tls: conn.tls_version.map(|version| format!("TLSv{version}")),
            host: host.map(bare),
        })
    }

    /// The answer is known; the line is complete when its body has gone.
    pub(crate) fn answered(mut self, op: Option<Op>, response: Response) -> Response {
        if let Some(op) = op {
            self.operation = names::of_operation(op);
        }
        let headers = response.headers();
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let number = |text: &str| text.parse::<u64>().ok();
        self.status = response.status().as_u16();
        let outcome = response.extensions().get::<Outcome>();
        self.error = outcome.and_then(|outcome| outcome.error);
        if self.status < 300 {
            self.object_size = match op {
                Some(Op::GetObject | Op::HeadObject) => text(CONTENT_RANGE.as_str())
                    .and_then(|range| range.rsplit_once('/'))
                    .and_then(|(_, size)| number(size))
                    .or_else(|| text(CONTENT_LENGTH.as_str()).and_then(number)),
                Some(Op::PutObject | Op::UploadPart | Op::PostObject) => self.received,
                _ => None,
            };
        }
        if self.has_key
            && let Some(version) = text("x-amz-version-id")
        {
            self.version = Some(bare(version));
        }
        self.turn_around = self.begin.elapsed().as_millis();
        response.map(|body| LoggedBody::new(body, self).boxed_unsync())
    }

    /// Bytes of the body have gone.
    pub(super) fn sent(&mut self, bytes: usize) {
        self.bytes_sent += bytes as u64;
    }

    /// Put the line to the others.
    pub(super) fn write(&mut self) {
        let line = Line {
            time: self.time,
            text: self.line(self.begin.elapsed().as_millis()),
        };
        self.log.push(&self.bucket, line);
    }

    /// The line from its time on.
    fn line(&self, total: u128) -> String {
        let mut line = format!("[{}]", self.time.format(TIME).unwrap_or_default());
        let dash = || "-".to_owned();
        let or_dash = |text: Option<&str>| text.map_or_else(dash, str::to_owned);
        let number = |number: Option<u64>| number.map_or_else(dash, |n| n.to_string());
        let quoted = |text: Option<&str>| format!("\"{}\"", text.unwrap_or("-"));
        let positive = |n: u64| (n > 0).then_some(n);
        for field in [
            self.remote_ip.clone(),
            or_dash(self.requester.as_deref()),
            self.request_id.clone(),
            self.operation.clone(),
            or_dash(self.key.as_deref()),
            quoted(Some(self.uri.as_str())),
            self.status.to_string(),
            or_dash(self.error),
            number(positive(self.bytes_sent)),
            number(self.object_size),
            total.to_string(),
            self.turn_around.to_string(),
            quoted(self.referer.as_deref()),
            quoted(self.user_agent.as_deref()),
            or_dash(self.version.as_deref()),
            self.host_id.clone(),
            or_dash(self.signature),
            // The cipher suite: not known here.
            dash(),
            or_dash(self.authentication),
            or_dash(self.host.as_deref()),
            self.tls.clone().unwrap_or_else(dash),
            // Access points: there are none.
            dash(),
            // Whether a list was needed: not told.
            dash(),
        ] {
            let _ = write!(line, " {field}");
        }
        line
    }
}

fn header<'p>(parts: &'p Parts, name: &HeaderName) -> Option<&'p str> {
    parts.headers.get(name)?.to_str().ok()
}

/// Who asks: an account by its canonical id, anybody else by ARN.
fn requester(auth: &Authenticated) -> Option<String> {
    let principal = &auth.caller.principal;
    if auth.anonymous {
        return None;
    }
    Some(match principal.kind {
        PrincipalKind::Root => auth.canonical_id.clone(),
        _ => bare(&principal.arn),
    })
}

fn clipped(text: &str) -> &str {
    let end = text.floor_char_boundary(MAX_TEXT.min(text.len()));
    text.get(..end).unwrap_or_default()
}

fn quotable(text: &str) -> String {
    utf8_percent_encode(clipped(text), QUOTED).to_string()
}

fn bare(text: &str) -> String {
    utf8_percent_encode(clipped(text), BARE).to_string()
}

/// The first line of the request, without what in its query somebody else could use.
fn request_uri(parts: &Parts) -> String {
    let mut uri = quotable(parts.uri.path());
    if let Some(query) = parts.uri.query() {
        let shown: Vec<String> = query
            .split('&')
            .map(|pair| match pair.split_once('=') {
                Some((name, _)) if is_secret(name) => format!("{name}=REDACTED"),
                _ => pair.to_owned(),
            })
            .collect();
        uri = format!("{uri}?{}", quotable(&shown.join("&")));
    }
    format!("{} {uri} {:?}", parts.method, parts.version)
}

fn is_secret(name: &str) -> bool {
    let name = String::from_utf8_lossy(&sealgate_wire::encoding::decode_query(name)).to_lowercase();
    SECRETS.contains(&name.as_str()) || name.contains("customer-key")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use proptest::prelude::*;
    use time::macros::datetime;

    use super::*;

    fn parts(uri: &str) -> Parts {
        let request = http::Request::builder().uri(uri).body(()).unwrap();
        request.into_parts().0
    }

    fn entry() -> Entry {
        Entry {
            log: AccessLog::default(),
            bucket: "b".to_owned(),
            time: datetime!(2026-02-06 00:00:38 UTC),
            begin: Instant::now(),
            remote_ip: "192.0.2.3".to_owned(),
            requester: None,
            request_id: "3E57427F3EXAMPLE".to_owned(),
            operation: names::of_operation(Op::GetObject),
            has_key: true,
            key: Some(encode_path("a b/ü")),
            uri: request_uri(&parts("/b/a%20b/%C3%BC?versionId=v")),
            status: 200,
            error: None,
            bytes_sent: 0,
            received: None,
            object_size: Some(113),
            turn_around: 5,
            referer: None,
            user_agent: Some(quotable("say \"S3\"")),
            version: Some("v".to_owned()),
            host_id: "s9lz".to_owned(),
            signature: Some("SigV4"),
            authentication: Some("AuthHeader"),
            host: Some(bare("b.s3 x")),
            tls: Some("TLSv1.3".to_owned()),
        }
    }

    #[test]
    fn the_fields_stand_in_their_order_and_what_is_missing_is_a_dash() {
        assert_eq!(
            entry().line(7),
            "[06/Feb/2026:00:00:38 +0000] 192.0.2.3 - 3E57427F3EXAMPLE REST.GET.OBJECT a%20b/%C3%BC \
             \"GET /b/a%20b/%C3%BC?versionId=v HTTP/1.1\" 200 - - 113 7 5 \"-\" \"say %22S3%22\" v s9lz \
             SigV4 - AuthHeader b.s3%20x TLSv1.3 - -"
        );
    }

    #[test]
    fn what_signs_a_url_is_not_logged() {
        let uri = request_uri(&parts(
            "/b/k?X-Amz-Signature=abc&x=1&X-Amz-Security%2DToken=t&Signature=s",
        ));
        assert_eq!(
            uri,
            "GET /b/k?X-Amz-Signature=REDACTED&x=1&X-Amz-Security%2DToken=REDACTED&Signature=REDACTED HTTP/1.1"
        );
    }

    proptest! {
        #[test]
        fn no_text_of_a_client_ends_its_field_or_the_line(text in ".{0,80}") {
            let quoted = quotable(&text);
            prop_assert!(!quoted.contains(['"', '\n', '\r', '\\']));
            let bare = bare(&text);
            prop_assert!(!bare.contains([' ', '"', '\n', '\r']));
        }
    }
}
