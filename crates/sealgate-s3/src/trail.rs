//! What S3 leaves in the audit trail: management calls on buckets, before they are answered; and where a
//! trail selects them, calls on objects (data events), which are durable within a second.

use http::request::Parts;
use http_body::Body as _;
use sealgate_audit::{Category, Event, Resource, Trail};
use sealgate_iam::SignatureVersion;
use sealgate_policy::PrincipalKind;
use sealgate_sse::Mode;
use serde_json::{Map, Value, json};

use crate::S3;
use crate::error::{Code, Result, S3Error};
use crate::operation::{Class, Operation as Op};
use crate::request::Request;
use crate::response::Response;

/// The event that a management call leaves; calls on objects are data events.
pub(crate) fn event(s3: &S3, request: &Request) -> Option<Event> {
    let read_only = match request.op.class() {
        Class::Read => true,
        Class::Write => false,
        Class::DataRead | Class::DataWrite => return None,
    };
    let caller = &request.caller;
    // Anonymous requests belong to no account's trail; the log has them.
    if matches!(caller.principal.kind, PrincipalKind::Anonymous) {
        return None;
    }
    let bucket = request.bucket.as_ref().map(|b| b.as_str());
    let mut event = begin(s3, request, request.op.event_name());
    event.read_only = read_only;
    event.request_parameters = bucket.map_or(Value::Null, |b| json!({ "bucketName": b }));
    event.additional = Value::Object(authentication(request));
    event.resources = bucket
        .map(|b| bucket_resource(&caller.principal.account_id, b))
        .into_iter()
        .collect();
    Some(event)
}

/// An event of this request, without what it was about.
fn begin(s3: &S3, request: &Request, name: &str) -> Event {
    let caller = &request.caller;
    let mut event = Event::new(
        "s3.amazonaws.com",
        name,
        caller,
        request.request_id.as_str(),
    );
    event.source_ip = request.conn.client_ip.to_string();
    event.region = s3.config.region.clone();
    event
}

fn authentication(request: &Request) -> Map<String, Value> {
    let mut facts = Map::new();
    let version = match request.signature {
        SignatureVersion::V4 => Some("SigV4"),
        SignatureVersion::V2 => Some("SigV2"),
        SignatureVersion::Console | SignatureVersion::None => None,
    };
    if let Some(version) = version {
        let method = match request.op {
            Op::PostObject => "HtmlForm",
            _ if request.presigned => "QueryString",
            _ => "AuthHeader",
        };
        facts.insert("SignatureVersion".to_owned(), version.into());
        facts.insert("AuthenticationMethod".to_owned(), method.into());
    }
    facts
}

fn bucket_resource(account: &str, bucket: &str) -> Resource {
    Resource {
        account_id: account.to_owned(),
        kind: "AWS::S3::Bucket".to_owned(),
        arn: format!("arn:aws:s3:::{bucket}"),
    }
}

/// Write the event with the outcome of its call, durably.
pub(crate) async fn write(trail: &Trail, mut event: Event, error: Option<&S3Error>) -> Result<()> {
    event.error = error.map(|e| (e.code().to_owned(), e.message.clone()));
    trail.record(event).await.map_err(|error| {
        tracing::error!(%error, "the audit trail cannot be written");
        Code::InternalError.into()
    })
}

/// Query parameters and headers that data events show. None of them is a secret.
const SHOWN_QUERY: [&str; 6] = [
    "delimiter",
    "list-type",
    "partNumber",
    "prefix",
    "uploadId",
    "versionId",
];
const SHOWN_HEADERS: [&str; 4] = [
    "range",
    "x-amz-copy-source",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
];

/// Record a data event, if a trail of the caller's or of the bucket's account selects it. Where it cannot be
/// recorded the answer is an error.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/cloudtrail-logging-understanding-s3-entries.html>
pub(crate) async fn data(
    s3: &S3,
    request: &Request,
    host_id: &str,
    result: Result<Response>,
) -> Result<Response> {
    if !s3.trail.selects_data() {
        return result;
    }
    let owner = match &request.bucket {
        Some(bucket) => s3.index.bucket(bucket.as_str()).await.ok(),
        None => None,
    };
    let owner = owner.as_ref().map_or("", |bucket| &bucket.account_id);
    let Some(event) = data_event(s3, request, host_id, owner, &result) else {
        return result;
    };
    match s3.trail.record_batched(event).await {
        Ok(()) => result,
        Err(error) => {
            tracing::error!(%error, "the audit trail cannot be written");
            Err(Code::InternalError.into())
        }
    }
}

fn data_event(
    s3: &S3,
    request: &Request,
    host_id: &str,
    owner: &str,
    result: &Result<Response>,
) -> Option<Event> {
    let read_only = match request.op.class() {
        Class::DataRead => true,
        Class::DataWrite => false,
        Class::Read | Class::Write => return None,
    };
    let bucket = request.bucket.as_ref()?.as_str();
    let key = request.key.as_ref().map(|key| key.as_str());
    let place = format!("{bucket}/{}", key.unwrap_or_default());
    let accounts = [request.caller.principal.account_id.as_str(), owner];
    let mut recipients = s3
        .trail
        .data_recipients(&accounts, &place, read_only)
        .into_iter();
    let recipient = recipients.next()?;

    let mut event = begin(s3, request, request.op.event_name());
    event.category = Category::Data;
    event.read_only = read_only;
    event.recipient_account_id = recipient;
    event.shared_with = recipients.collect();
    event.request_parameters = parameters(request, bucket, key);
    event.resources = key
        .map(|_| Resource {
            account_id: owner.to_owned(),
            kind: "AWS::S3::Object".to_owned(),
            arn: format!("arn:aws:s3:::{place}"),
        })
        .into_iter()
        .chain([bucket_resource(owner, bucket)])
        .collect();
    let mut facts = authentication(request);
    facts.insert("x-amz-id-2".to_owned(), host_id.into());
    let (mut received, mut sent) = (0, 0);
    match result {
        Ok(response) => {
            received = body_length(&request.parts).unwrap_or(0);
            sent = response.body().size_hint().exact().unwrap_or(0);
            if let Some(mode) = response.extensions().get::<Mode>() {
                facts.insert("SSEApplied".to_owned(), applied(request, *mode).into());
            }
        }
        Err(error) => event.error = Some((error.code().to_owned(), error.message.clone())),
    }
    facts.insert("bytesTransferredIn".to_owned(), received.into());
    facts.insert("bytesTransferredOut".to_owned(), sent.into());
    event.additional = Value::Object(facts);
    Some(event)
}

fn parameters(request: &Request, bucket: &str, key: Option<&str>) -> Value {
    let mut shown = Map::new();
    let headers = &request.parts.headers;
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    for name in SHOWN_QUERY {
        if let Some(value) = request.query.get(name) {
            shown.insert(name.to_owned(), value.into());
        }
    }
    for name in SHOWN_HEADERS {
        if let Some(value) = text(name) {
            shown.insert(name.to_owned(), value.into());
        }
    }
    let authority = request.parts.uri.authority().map(|a| a.as_str());
    if let Some(host) = text("host").or(authority) {
        shown.insert("Host".to_owned(), host.into());
    }
    shown.insert("bucketName".to_owned(), bucket.into());
    if let Some(key) = key {
        shown.insert("key".to_owned(), key.into());
    }
    Value::Object(shown)
}

/// Bytes of the body, without the framing of chunks.
pub(crate) fn body_length(parts: &Parts) -> Option<u64> {
    ["x-amz-decoded-content-length", "content-length"]
        .iter()
        .find_map(|name| {
            let value = parts.headers.get(*name)?;
            value.to_str().ok()?.parse().ok()
        })
}

/// `SSEApplied`: by default where the request for a new object named no mode.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-encryption-tracking.html>
fn applied(request: &Request, mode: Mode) -> String {
    let name = match mode {
        Mode::S3 => "SSE_S3",
        Mode::Kms => "SSE_KMS",
        Mode::Dsse => "DSSE_KMS",
        Mode::Customer => return "SSE_C".to_owned(),
    };
    let makes = matches!(
        request.op,
        Op::PutObject | Op::PostObject | Op::CopyObject | Op::CreateMultipartUpload
    );
    let named = request
        .parts
        .headers
        .contains_key("x-amz-server-side-encryption");
    if makes && !named {
        format!("Default_{name}")
    } else {
        name.to_owned()
    }
}
