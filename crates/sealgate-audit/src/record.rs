//! Rendering of an event as a CloudTrail record. It is written member by member, because every use of a key makes one.
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html>

use sealgate_index::TrailEntry;
use serde::Serialize;
use serde_json::{Value, json};
use time::{OffsetDateTime, UtcOffset, macros::format_description};
use uuid::Uuid;

use crate::event::{Category, Event, EventType};
use crate::identity::Identity;

const EVENT_VERSION: &str = "1.11";
/// A client chooses its user agent, and the trail keeps it for good.
const MAX_USER_AGENT: usize = 1024;
/// The most bytes of a message: it may repeat what the client sent.
const MAX_MESSAGE: usize = 1024;
/// The most bytes of parameters and of what was answered. The client chooses them, too, and a call
/// that was refused is recorded like any other.
const MAX_DETAILS: usize = 100 * 1024;
/// What most records fit in.
const USUAL_SIZE: usize = 1536;

/// The records of an event, ready for the index: one for each account that receives it.
pub(crate) fn render(event: &Event) -> Vec<TrailEntry> {
    let shared_id = (!event.shared_with.is_empty()).then(Uuid::new_v4);
    let mut entries = Vec::with_capacity(1 + event.shared_with.len());
    for account in std::iter::once(&event.recipient_account_id).chain(&event.shared_with) {
        entries.push(entry(event, account, shared_id));
    }
    entries
}

fn entry(event: &Event, recipient: &str, shared_id: Option<Uuid>) -> TrailEntry {
    let event_id = event.id_for(recipient).to_string();
    let identity = Identity::of(event, recipient);
    let mut record = Record(Vec::with_capacity(USUAL_SIZE));
    record.write(event, recipient, &event_id, &identity, shared_id);
    TrailEntry {
        time: event.time,
        event_name: event.event_name.clone(),
        event_source: event.event_source.to_owned(),
        username: identity.username().map(str::to_owned),
        access_key_id: identity.access_key_id.as_deref().map(str::to_owned),
        event_id,
        read_only: event.read_only,
        account_id: recipient.to_owned(),
        resources: event
            .resources
            .iter()
            .map(|resource| (resource.kind.clone(), resource.arn.clone()))
            .collect(),
        listed: event.category == Category::Management,
        event: record.0.into(),
    }
}

/// A record being written.
struct Record(Vec<u8>);

impl Record {
    fn write(
        &mut self,
        event: &Event,
        recipient: &str,
        event_id: &str,
        identity: &Identity<'_>,
        shared_id: Option<Uuid>,
    ) {
        self.0.push(b'{');
        self.put("eventVersion", EVENT_VERSION);
        self.put("userIdentity", identity);
        self.put("eventTime", &timestamp(event.time));
        self.put("eventSource", event.event_source);
        self.put("eventName", &event.event_name);
        self.put("awsRegion", &event.region);
        self.put("sourceIPAddress", &event.source_ip);
        let agent = event.user_agent.as_deref();
        self.put("userAgent", &agent.map(|agent| cut(agent, MAX_USER_AGENT)));
        if let Some((code, message)) = &event.error {
            self.put("errorCode", code);
            if !message.is_empty() {
                self.put("errorMessage", cut(message, MAX_MESSAGE));
            }
        }
        self.details("requestParameters", &event.request_parameters);
        self.details("responseElements", &event.response_elements);
        if !event.additional.is_null() {
            self.details("additionalEventData", &event.additional);
        }
        self.put("requestID", &event.request_id);
        self.put("eventID", event_id);
        self.put("readOnly", &event.read_only);
        if !event.resources.is_empty() {
            let resources: Vec<ResourceElement<'_>> = event
                .resources
                .iter()
                .map(|resource| ResourceElement {
                    account_id: &resource.account_id,
                    kind: &resource.kind,
                    arn: &resource.arn,
                })
                .collect();
            self.put("resources", &resources);
        }
        let event_type = match event.event_type {
            EventType::ApiCall => "AwsApiCall",
            EventType::ConsoleSignIn => "AwsConsoleSignIn",
            EventType::ServiceEvent => "AwsServiceEvent",
        };
        self.put("eventType", event_type);
        let management = event.category == Category::Management;
        self.put("managementEvent", &management);
        self.put("recipientAccountId", recipient);
        if let Some(id) = shared_id {
            self.put("sharedEventID", &id.to_string());
        }
        if !event.service_details.is_null() {
            self.details("serviceEventDetails", &event.service_details);
        }
        let category = match event.category {
            Category::Management => "Management",
            Category::Data => "Data",
        };
        self.put("eventCategory", category);
        if let Some(tls) = &event.tls {
            let details = TlsElement {
                tls_version: &tls.version,
                cipher_suite: &tls.cipher_suite,
                client_provided_host_header: tls.host.as_deref(),
            };
            self.put("tlsDetails", &details);
        }
        self.0.push(b'}');
    }

    /// Writes a member.
    fn put(&mut self, name: &str, value: &(impl Serialize + ?Sized)) {
        if self.0.len() > 1 {
            self.0.push(b',');
        }
        self.0.push(b'"');
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b"\":");
        let before = self.0.len();
        if serde_json::to_writer(&mut self.0, value).is_err() {
            // Texts and maps of texts do not fail; a record without a member beats none.
            self.0.truncate(before);
            self.0.extend_from_slice(b"null");
        }
    }

    /// Writes a member whose size the client chose. CloudTrail leaves a field out that is larger than its limit,
    /// and says so.
    fn details(&mut self, name: &str, details: &Value) {
        let before = self.0.len();
        self.put(name, details);
        // With the member's name and its signs.
        let size = (self.0.len() - before).saturating_sub(name.len() + 4);
        if size > MAX_DETAILS {
            self.0.truncate(before);
            let omitted = json!({
                "omitted": true,
                "originalSize": size,
                "reason": "The field is larger than 100 KB.",
            });
            self.put(name, &omitted);
        }
    }
}

#[derive(Serialize)]
struct ResourceElement<'e> {
    #[serde(rename = "accountId")]
    account_id: &'e str,
    #[serde(rename = "type")]
    kind: &'e str,
    #[serde(rename = "ARN")]
    arn: &'e str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TlsElement<'e> {
    tls_version: &'e str,
    cipher_suite: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_provided_host_header: Option<&'e str>,
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
