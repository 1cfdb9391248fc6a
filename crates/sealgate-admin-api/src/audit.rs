//! What these APIs put into the trail. (The KMS records its own calls; here are the rest.)

use sealgate_audit::{AuditError, Event, Resource};
use sealgate_policy::Caller;
use serde_json::Value;

use crate::AdminApi;

/// A call, as it will stand in the trail.
pub struct CallRecord {
    source: &'static str,
    operation: String,
    /// True if the call changes nothing.
    pub read_only: bool,
    /// What was asked for, without secrets.
    pub request_parameters: Value,
    /// What a change made, without secrets.
    pub response_elements: Value,
    /// Code and message of a refusal.
    pub error: Option<(String, String)>,
    /// The resources used.
    pub resources: Vec<Resource>,
    /// Who called, where only the operation found that out.
    pub caller: Option<Caller>,
    /// The account whose trail receives the call, if it is not the caller's.
    pub recipient: Option<String>,
    /// Further accounts that receive it.
    pub shared_with: Vec<String>,
}

impl CallRecord {
    /// A call of this operation.
    pub fn new(source: &'static str, operation: &str) -> CallRecord {
        CallRecord {
            source,
            operation: operation.to_owned(),
            read_only: false,
            request_parameters: Value::Null,
            response_elements: Value::Null,
            error: None,
            resources: Vec::new(),
            caller: None,
            recipient: None,
            shared_with: Vec::new(),
        }
    }
}

impl AdminApi {
    /// Makes a call durable in the trail. A failure is logged here; the caller of this must answer
    /// with an error.
    pub(crate) async fn record(
        &self,
        call: CallRecord,
        caller: &Caller,
        request_id: &str,
    ) -> Result<(), AuditError> {
        let caller = call.caller.as_ref().unwrap_or(caller);
        let mut event = Event::new(call.source, call.operation, caller, request_id);
        if let Some(account_id) = call.recipient {
            event.recipient_account_id = account_id;
        }
        event.shared_with = call.shared_with;
        event.resources = call.resources;
        event.read_only = call.read_only;
        event.request_parameters = call.request_parameters;
        event.response_elements = call.response_elements;
        event.error = call.error;
        self.trail.record(event).await.inspect_err(|error| {
            tracing::error!(%error, request_id, "a call could not be recorded in the audit trail");
        })
    }
}
