//! Rendering of an event as a CloudTrail record.
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html>

use sealgate_index::TrailEntry;
use sealgate_policy::{Principal, PrincipalKind};
use serde_json::{Map, Value, json};
use time::{OffsetDateTime, UtcOffset, macros::format_description};
use uuid::Uuid;

use crate::event::{Category, Event, EventType};

const EVENT_VERSION: &str = "1.11";
/// A client chooses its user agent, and the trail keeps it for good.
const MAX_USER_AGENT: usize = 1024;
/// The most bytes of a message: it may repeat what the client sent.
const MAX_MESSAGE: usize = 1024;
/// The most bytes of parameters and of what was answered. The client chooses them, too, and a call
/// that was refused is recorded like any other.
const MAX_DETAILS: usize = 100 * 1024;

/// The record of an event, ready for the index.
pub(crate) fn render(event: Event) -> TrailEntry {
    let event_id = Uuid::new_v4().to_string();
    let record = record(&event, &event_id);
    TrailEntry {
        event_id,
        time: event.time,
        event_name: event.event_name,
        event_source: event.event_source.to_owned(),
        username: username(&event.principal),
        access_key_id: event.principal.access_key_id,
        read_only: event.read_only,
        account_id: event.recipient_account_id,
        resources: event
            .resources
            .into_iter()
            .map(|resource| (resource.kind, resource.arn))
            .collect(),
        event: record.to_string().into_bytes().into(),
    }
}

fn record(event: &Event, event_id: &str) -> Value {
    let mut record = Map::new();
    let mut put = |name: &str, value: Value| {
        record.insert(name.to_owned(), value);
    };
    put("eventVersion", EVENT_VERSION.into());
    put("userIdentity", identity(event));
    put("eventTime", timestamp(event.time).into());
    put("eventSource", event.event_source.into());
    put("eventName", event.event_name.as_str().into());
    put("awsRegion", event.region.as_str().into());
    put("sourceIPAddress", event.source_ip.as_str().into());
    put(
        "userAgent",
        event
            .user_agent
            .as_deref()
            .map(|agent| cut(agent, MAX_USER_AGENT))
            .into(),
    );
    if let Some((code, message)) = &event.error {
        put("errorCode", code.as_str().into());
        if !message.is_empty() {
            put("errorMessage", cut(message, MAX_MESSAGE).into());
        }
    }
    put("requestParameters", bounded(&event.request_parameters));
    put("responseElements", bounded(&event.response_elements));
    if !event.additional.is_null() {
        put("additionalEventData", bounded(&event.additional));
    }
    put("requestID", event.request_id.as_str().into());
    put("eventID", event_id.into());
    put("readOnly", event.read_only.into());
    if !event.resources.is_empty() {
        let resources = event.resources.iter().map(|resource| {
            json!({
                "accountId": resource.account_id,
                "type": resource.kind,
                "ARN": resource.arn,
            })
        });
        put("resources", resources.collect());
    }
    put(
        "eventType",
        match event.event_type {
            EventType::ApiCall => "AwsApiCall",
            EventType::ServiceEvent => "AwsServiceEvent",
        }
        .into(),
    );
    put(
        "managementEvent",
        (event.category == Category::Management).into(),
    );
    put(
        "recipientAccountId",
        event.recipient_account_id.as_str().into(),
    );
    put(
        "eventCategory",
        match event.category {
            Category::Management => "Management",
            Category::Data => "Data",
        }
        .into(),
    );
    if let Some(tls) = &event.tls {
        let mut details = json!({ "tlsVersion": tls.version, "cipherSuite": tls.cipher_suite });
        if let (Some(host), Some(details)) = (&tls.host, details.as_object_mut()) {
            details.insert("clientProvidedHostHeader".to_owned(), host.as_str().into());
        }
        put("tlsDetails", details);
    }
    Value::Object(record)
}

/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html>
fn identity(event: &Event) -> Value {
    let principal = &event.principal;
    let mut identity = match &principal.kind {
        PrincipalKind::Root => json!({
            "type": "Root",
            "principalId": principal.id,
            "arn": principal.arn,
            "accountId": principal.account_id,
        }),
        PrincipalKind::User { name } => json!({
            "type": "IAMUser",
            "principalId": principal.id,
            "arn": principal.arn,
            "accountId": principal.account_id,
            "userName": name,
        }),
        PrincipalKind::Anonymous => json!({
            "type": "AWSAccount",
            "principalId": "",
            "accountId": "ANONYMOUS_PRINCIPAL",
        }),
        PrincipalKind::Service { name } => json!({
            "type": "AWSService",
            "invokedBy": name,
        }),
    };
    if let Some(fields) = identity.as_object_mut() {
        if let Some(key) = &principal.access_key_id {
            fields.insert("accessKeyId".to_owned(), key.as_str().into());
        }
        if let Some(service) = &event.invoked_by {
            fields.insert("invokedBy".to_owned(), service.as_str().into());
        }
    }
    identity
}

/// The name that LookupEvents finds the event by.
fn username(principal: &Principal) -> Option<String> {
    match &principal.kind {
        PrincipalKind::Root => Some("root".to_owned()),
        PrincipalKind::User { name } | PrincipalKind::Service { name } => Some(name.clone()),
        PrincipalKind::Anonymous => None,
    }
}

fn timestamp(time: OffsetDateTime) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
    time.to_offset(UtcOffset::UTC)
        .format(&format)
        // Only a year that the format cannot print gets here; a record without time beats none.
        .unwrap_or_default()
}

fn cut(text: &str, length: usize) -> &str {
    text.get(..text.floor_char_boundary(length)).unwrap_or(text)
}

/// CloudTrail leaves a field out that is larger than its limit, and says so.
fn bounded(details: &Value) -> Value {
    if details.is_null() {
        return Value::Null;
    }
    let size = details.to_string().len();
    if size <= MAX_DETAILS {
        return details.clone();
    }
    json!({
        "omitted": true,
        "originalSize": size,
        "reason": "The field is larger than 100 KB.",
    })
}
