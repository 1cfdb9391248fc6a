//! Rendering of an event as a CloudTrail record.
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html>

use sealgate_index::TrailEntry;
use serde_json::{Map, Value, json};
use time::{OffsetDateTime, UtcOffset, macros::format_description};
use uuid::Uuid;

use crate::event::{Category, Event, EventType};
use crate::identity;

const EVENT_VERSION: &str = "1.11";
/// A client chooses its user agent, and the trail keeps it for good.
const MAX_USER_AGENT: usize = 1024;
/// The most bytes of a message: it may repeat what the client sent.
const MAX_MESSAGE: usize = 1024;
/// The most bytes of parameters and of what was answered. The client chooses them, too, and a call
/// that was refused is recorded like any other.
const MAX_DETAILS: usize = 100 * 1024;

/// The records of an event, ready for the index: one for each account that receives it.
pub(crate) fn render(event: Event) -> Vec<TrailEntry> {
    let shared_id = (!event.shared_with.is_empty()).then(|| Uuid::new_v4().to_string());
    let mut entries = Vec::with_capacity(1 + event.shared_with.len());
    for account in std::iter::once(&event.recipient_account_id).chain(&event.shared_with) {
        entries.push(entry(&event, account, shared_id.as_deref()));
    }
    entries
}

fn entry(event: &Event, recipient: &str, shared_id: Option<&str>) -> TrailEntry {
    let event_id = event.id_for(recipient).to_string();
    let record = record(event, recipient, &event_id, shared_id);
    let identity = record.get("userIdentity").unwrap_or(&Value::Null);
    TrailEntry {
        time: event.time,
        event_name: event.event_name.clone(),
        event_source: event.event_source.to_owned(),
        username: identity::username(identity),
        access_key_id: identity::access_key_id(identity),
        event_id,
        read_only: event.read_only,
        account_id: recipient.to_owned(),
        resources: event
            .resources
            .iter()
            .map(|resource| (resource.kind.clone(), resource.arn.clone()))
            .collect(),
        listed: event.category == Category::Management,
        event: record.to_string().into_bytes().into(),
    }
}

fn record(event: &Event, recipient: &str, event_id: &str, shared_id: Option<&str>) -> Value {
    let mut record = Map::new();
    let mut put = |name: &str, value: Value| {
        record.insert(name.to_owned(), value);
    };
    put("eventVersion", EVENT_VERSION.into());
    put("userIdentity", identity::identity(event, recipient));
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
    put("recipientAccountId", recipient.into());
    if let Some(id) = shared_id {
        put("sharedEventID", id.into());
    }
    if !event.service_details.is_null() {
        put("serviceEventDetails", bounded(&event.service_details));
    }
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

/// A time as records and digests write it.
pub(crate) fn timestamp(time: OffsetDateTime) -> String {
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
