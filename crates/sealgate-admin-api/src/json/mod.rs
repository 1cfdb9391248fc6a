//! The JSON 1.1 protocol of KMS and CloudTrail: the operation in `X-Amz-Target`, JSON in and out.

pub mod cloudtrail;
pub mod input;
pub mod kms;

use http::Method;
use http::request::Parts;
use sealgate_iam::AuthFault;
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::operations::{Known, Operations};
use crate::reply::{Reply, reply};
use crate::words;

const JSON: &str = "application/x-amz-json-1.1";

/// Why an operation failed, in the words of the protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The HTTP status.
    pub status: u16,
    /// `__type`.
    pub code: &'static str,
    /// The sentence for the client; empty where AWS gives none.
    pub message: String,
}

impl Failure {
    /// A refusal with status 400, as nearly all are.
    pub fn refused(code: &'static str, message: impl Into<String>) -> Failure {
        Failure {
            status: 400,
            code,
            message: message.into(),
        }
    }

    /// The body is not what the operation takes.
    pub fn serialization(message: impl Into<String>) -> Failure {
        Failure::refused("SerializationException", message)
    }

    /// An operation of AWS that is not implemented.
    pub fn not_implemented(api: &str, operation: &str) -> Failure {
        Failure {
            status: 501,
            code: "NotImplementedException",
            message: words::not_implemented(api, operation),
        }
    }
}

/// An answer with a JSON body; an operation without output has an empty one.
pub fn success(output: Option<&Value>, request_id: &str) -> Reply {
    // A value is written without error.
    let body = output.map(|output| serde_json::to_vec(output).unwrap_or_default());
    let body = body.unwrap_or_default();
    reply(200, JSON, body, request_id)
}

/// An error.
pub fn failure(status: u16, code: &str, message: &str, request_id: &str) -> Reply {
    let body = if message.is_empty() {
        json!({ "__type": code })
    } else {
        // SDKs read either spelling, by service; AWS uses this one in KMS.
        json!({ "__type": code, "message": message })
    };
    reply(status, JSON, body.to_string(), request_id)
}

/// Answers a request whose sender is not known.
pub fn auth_error(fault: &AuthFault, request_id: &str) -> Reply {
    let words = words::auth(fault);
    failure(
        words.json_status,
        words.json_code,
        &words.message,
        request_id,
    )
}

/// The operation that a request names, if the API knows it.
pub fn operation(
    parts: &Parts,
    operations: &Operations,
    prefixes: &[&str],
) -> Result<Known, Failure> {
    let unknown = |message: String| Failure::refused("UnknownOperationException", message);
    if parts.method != Method::POST {
        return Err(unknown(format!(
            "The method {} is not allowed: use POST.",
            parts.method
        )));
    }
    let target = parts
        .headers
        .get("x-amz-target")
        .and_then(|value| value.to_str().ok())
        .ok_or_else(|| unknown("The request has no X-Amz-Target header.".into()))?;
    let name = prefixes
        .iter()
        .find_map(|prefix| target.strip_prefix(prefix)?.strip_prefix('.'))
        .ok_or_else(|| unknown(format!("The target {target} is not one of this service.")))?;
    match operations.find(name) {
        Known::Unknown => Err(unknown(format!("There is no operation {name}."))),
        known => Ok(known),
    }
}

/// A time as the protocol writes it: seconds since 1970, to the millisecond.
pub fn timestamp(time: OffsetDateTime) -> Value {
    let milliseconds = time.unix_timestamp_nanos() / 1_000_000;
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds of our era fit in 53 bits"
    )]
    let seconds = milliseconds as f64 / 1000.0;
    json!(seconds)
}
