//! What these APIs put into the trail. (The KMS records its own calls; here are the rest.)

use sealgate_audit::{AuditError, Event};
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
        let mut event = Event::new(call.source, call.operation, caller, request_id);
        event.read_only = call.read_only;
        event.request_parameters = call.request_parameters;
        event.response_elements = call.response_elements;
        event.error = call.error;
        self.trail.record(event).await.inspect_err(|error| {
            tracing::error!(%error, request_id, "a call could not be recorded in the audit trail");
        })
    }
}
