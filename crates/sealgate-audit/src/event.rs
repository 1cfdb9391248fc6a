//! What happened, before it is rendered as a CloudTrail record.

use sealgate_policy::{Caller, Principal};
use serde_json::Value;
use time::OffsetDateTime;

/// A resource that a call used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// The account that owns it.
    pub account_id: String,
    /// The type, such as `AWS::KMS::Key`.
    pub kind: String,
    /// The ARN.
    pub arn: String,
}

/// The category of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Category {
    /// A call that manages something; all calls of the KMS are, the cryptographic ones too.
    #[default]
    Management,
    /// A call on the data of S3.
    Data,
}

/// Whether a client called or the gateway acted for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EventType {
    /// A call of an API.
    #[default]
    ApiCall,
    /// Something the service did unasked: a key made on first use, a key whose deletion was due.
    ServiceEvent,
}

/// The TLS connection of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsDetails {
    /// Protocol version, such as `TLSv1.3`.
    pub version: String,
    /// Cipher suite.
    pub cipher_suite: String,
    /// The host name the client used.
    pub host: Option<String>,
}

/// One event. Parameters hold what the client asked for, never plaintext, ciphertext or key material.
#[derive(Debug, Clone)]
pub struct Event {
    /// Service, such as `kms.amazonaws.com`.
    pub event_source: &'static str,
    /// Operation, such as `Decrypt`.
    pub event_name: String,
    /// Who called.
    pub principal: Principal,
    /// When.
    pub time: OffsetDateTime,
    /// The client's address, or the service that called on the client's behalf.
    pub source_ip: String,
    /// The client's `User-Agent`, or the service.
    pub user_agent: Option<String>,
    /// Region.
    pub region: String,
    /// Request id, the same as in the answer.
    pub request_id: String,
    /// What was asked for.
    pub request_parameters: Value,
    /// What a change made; `null` for calls that only read or use.
    pub response_elements: Value,
    /// Further facts; left out when `null`.
    pub additional: Value,
    /// The resources used.
    pub resources: Vec<Resource>,
    /// True if the call changes nothing.
    pub read_only: bool,
    /// Code and message of a refusal.
    pub error: Option<(String, String)>,
    /// The service that called on the principal's behalf, such as `s3.amazonaws.com`.
    pub invoked_by: Option<String>,
    /// The account whose trail receives the event.
    pub recipient_account_id: String,
    /// Category.
    pub category: Category,
    /// Type.
    pub event_type: EventType,
    /// The TLS connection, if known.
    pub tls: Option<TlsDetails>,
}

impl Event {
    /// An event of a call that succeeds, in the trail of the caller's account; the rest is filled in by
    /// whoever makes it.
    #[must_use]
    pub fn new(
        event_source: &'static str,
        event_name: impl Into<String>,
        caller: &Caller,
        request_id: impl Into<String>,
    ) -> Event {
        let environment = &caller.environment;
        Event {
            event_source,
            event_name: event_name.into(),
            principal: caller.principal.clone(),
            time: environment.now,
            source_ip: environment.source_ip.map_or_else(
                // What CloudTrail shows where no client is behind a call.
                || "AWS Internal".to_owned(),
                |address| address.to_string(),
            ),
            user_agent: environment.user_agent.clone(),
            region: environment.region.clone(),
            request_id: request_id.into(),
            request_parameters: Value::Null,
            response_elements: Value::Null,
            additional: Value::Null,
            resources: Vec::new(),
            read_only: false,
            error: None,
            invoked_by: None,
            recipient_account_id: caller.principal.account_id.clone(),
            category: Category::Management,
            event_type: EventType::ApiCall,
            tls: None,
        }
    }

    /// Marks the event as made by `service` on the caller's behalf: CloudTrail then shows the service
    /// in place of address and user agent.
    pub fn set_invoked_by(&mut self, service: &str) {
        self.source_ip = service.to_owned();
        self.user_agent = Some(service.to_owned());
        self.invoked_by = Some(service.to_owned());
    }
}
