//! Management calls on buckets leave a record in the audit trail before they are answered.

use sealgate_audit::{Category, Event, EventType, Resource, Trail};
use sealgate_iam::SignatureVersion;
use sealgate_policy::PrincipalKind;
use serde_json::{Value, json};

use crate::S3;
use crate::error::{Code, Result, S3Error};
use crate::request::Request;
use crate::router::Operation as Op;

/// The event that a management call leaves; calls on objects are data events, and leave none.
pub(crate) fn event(s3: &S3, request: &Request) -> Option<Event> {
    let read_only = match request.op {
        Op::CreateBucket
        | Op::DeleteBucket
        | Op::PutBucketEncryption
        | Op::DeleteBucketEncryption => false,
        Op::ListBuckets | Op::GetBucketLocation | Op::GetBucketEncryption => true,
        _ => return None,
    };
    let caller = &request.caller;
    // Anonymous requests belong to no account's trail; the log has them.
    if matches!(caller.principal.kind, PrincipalKind::Anonymous) {
        return None;
    }
    let bucket = request.bucket.as_ref().map(|b| b.as_str().to_owned());
    Some(Event {
        event_source: "s3.amazonaws.com",
        event_name: request.op.name().to_owned(),
        principal: caller.principal.clone(),
        time: caller.environment.now,
        source_ip: request.conn.client_ip.to_string(),
        user_agent: caller.environment.user_agent.clone(),
        region: s3.config.region.clone(),
        request_id: request.request_id.clone(),
        request_parameters: bucket
            .as_ref()
            .map_or(Value::Null, |b| json!({ "bucketName": b })),
        response_elements: Value::Null,
        additional: json!({
            "SignatureVersion": match request.signature {
                SignatureVersion::V2 => "SigV2",
                _ => "SigV4",
            },
            "AuthenticationMethod": if request.presigned { "QueryString" } else { "AuthHeader" },
        }),
        resources: bucket
            .iter()
            .map(|b| Resource {
                account_id: caller.principal.account_id.clone(),
                kind: "AWS::S3::Bucket".to_owned(),
                arn: format!("arn:aws:s3:::{b}"),
            })
            .collect(),
        read_only,
        error: None,
        invoked_by: None,
        recipient_account_id: caller.principal.account_id.clone(),
        category: Category::Management,
        event_type: EventType::ApiCall,
        tls: None,
    })
}

/// Write the event with the outcome of its call, durably.
pub(crate) async fn write(trail: &Trail, mut event: Event, error: Option<&S3Error>) -> Result<()> {
    event.error = error.map(|e| (e.code().to_owned(), e.message.clone()));
    trail.record(event).await.map_err(|error| {
        tracing::error!(%error, "the audit trail cannot be written");
        Code::InternalError.into()
    })
}
