//! What happened, before it is rendered as a CloudTrail record.

use std::sync::Arc;

use sealgate_policy::{Caller, Principal, Session};
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

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
    /// Somebody signed in at the console, or tried to.
    ConsoleSignIn,
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
    /// Its id, in the trail of the account that it is first of all for; see [`Event::id_for`].
    pub id: Uuid,
    /// Service, such as `kms.amazonaws.com`.
    pub event_source: &'static str,
    /// Operation, such as `Decrypt`.
    pub event_name: String,
    /// Who called.
    pub principal: Principal,
    /// The session of temporary credentials.
    pub session: Option<Arc<Session>>,
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
    /// What the service did, of a [service event](EventType::ServiceEvent); left out when `null`.
    pub service_details: Value,
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
    /// Further accounts that receive the event: those whose resources were used. Each gets a record of
    /// its own, which shows of a foreign caller no more than its account and unique id.
    pub shared_with: Vec<String>,
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
        Event::of(event_source, event_name, caller.clone(), request_id)
    }

    /// The same where the caller is not needed any more.
    #[must_use]
    pub fn of(
        event_source: &'static str,
        event_name: impl Into<String>,
        caller: Caller,
        request_id: impl Into<String>,
    ) -> Event {
        let environment = caller.environment;
        Event {
            // Ids of this kind ascend, which the index makes use of.
            id: Uuid::now_v7(),
            event_source,
            event_name: event_name.into(),
            recipient_account_id: caller.principal.account_id.clone(),
            principal: caller.principal,
            session: caller.session,
            time: environment.now,
            source_ip: environment.source_ip.map_or_else(
                // What CloudTrail shows where no client is behind a call.
                || "AWS Internal".to_owned(),
                |address| address.to_string(),
            ),
            user_agent: environment.user_agent,
            region: environment.region,
            request_id: request_id.into(),
            request_parameters: Value::Null,
            response_elements: Value::Null,
            additional: Value::Null,
            service_details: Value::Null,
            resources: Vec::new(),
            read_only: false,
            error: None,
            invoked_by: None,
            shared_with: Vec::new(),
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

    /// The id of the record that an account receives: each has one of its own.
    #[must_use]
    pub fn id_for(&self, account: &str) -> Uuid {
        if account == self.recipient_account_id {
            return self.id;
        }
        // The account's number goes into the random part, which stays random.
        let number: u64 = account.parse().unwrap_or(u64::MAX);
        Uuid::from_u128(self.id.as_u128() ^ u128::from(number & 0xff_ffff_ffff))
    }

    /// Lets the accounts whose resources were used receive the event, too.
    pub fn share_with_owners(&mut self) {
        for resource in &self.resources {
            let owner = &resource.account_id;
            if !owner.is_empty()
                && *owner != self.recipient_account_id
                && !self.shared_with.contains(owner)
            {
                self.shared_with.push(owner.clone());
            }
        }
        // Who is of no account has no trail: then the first owner's is the event's own.
        if self.recipient_account_id.is_empty() && !self.shared_with.is_empty() {
            self.recipient_account_id = self.shared_with.remove(0);
        }
    }
}
