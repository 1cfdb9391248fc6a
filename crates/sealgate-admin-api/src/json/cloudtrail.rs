//! CloudTrail over JSON 1.1: LookupEvents over the audit trail.
//! <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html>

use http::request::Parts;
use sealgate_audit::{AuditError, LookupRequest, lookup_json, parse_attribute};
use sealgate_iam::Authenticated;
use sealgate_policy::{Access, Authority, Context, Decision, authorize};
use serde_json::{Map, Value, json};

use super::input::Input;
use super::{Failure, failure, operation, success, timestamp};
use crate::AdminApi;
use crate::audit::CallRecord;
use crate::operations::{CLOUDTRAIL, Known};
use crate::reply::Reply;

const SOURCE: &str = "cloudtrail.amazonaws.com";
/// SDKs send the first; the second is the older, shorter form.
const TARGETS: [&str; 2] = [
    "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101",
    "CloudTrail_20131101",
];

impl From<AuditError> for Failure {
    fn from(error: AuditError) -> Failure {
        if let AuditError::Storage(cause) = &error {
            tracing::error!(%cause, "the audit trail cannot be read");
        }
        Failure {
            status: error.status(),
            code: error.code(),
            message: error.message(),
        }
    }
}

/// Answers a request of CloudTrail.
pub async fn handle(
    api: &AdminApi,
    parts: &Parts,
    body: &[u8],
    auth: &Authenticated,
    request_id: &str,
) -> Reply {
    match run(api, parts, body, auth, request_id).await {
        Ok(output) => success(Some(&output), request_id),
        Err(refused) => failure(refused.status, refused.code, &refused.message, request_id),
    }
}

async fn run(
    api: &AdminApi,
    parts: &Parts,
    body: &[u8],
    auth: &Authenticated,
    request_id: &str,
) -> Result<Value, Failure> {
    let (name, implemented) = match operation(parts, &CLOUDTRAIL, &TARGETS)? {
        Known::Implemented(name) => (name, true),
        Known::NotImplemented(name) => (name, false),
        Known::Unknown => return Err(Failure::refused("UnknownOperationException", "")),
    };
    let mut record = CallRecord::new(SOURCE, name);
    record.read_only = ["Describe", "Get", "List", "Lookup", "Search"]
        .iter()
        .any(|verb| name.starts_with(verb));
    let outcome = if implemented {
        lookup_events(api, body, auth, &mut record).await
    } else {
        Err(Failure::not_implemented("CloudTrail", name))
    };
    if let Err(refused) = &outcome {
        record.error = Some((refused.code.to_owned(), refused.message.clone()));
    }
    api.record(record, &auth.caller, request_id).await?;
    outcome
}

async fn lookup_events(
    api: &AdminApi,
    body: &[u8],
    auth: &Authenticated,
    record: &mut CallRecord,
) -> Result<Value, Failure> {
    let mut input = Input::parse(body)?;
    let attributes = input
        .pairs("LookupAttributes", "AttributeKey", "AttributeValue")?
        .unwrap_or_default();
    let category = input.string("EventCategory")?;
    let mut request = LookupRequest {
        account_id: auth.caller.principal.account_id.clone(),
        attribute: None,
        start: input.time("StartTime")?,
        end: input.time("EndTime")?,
        max_results: input.integer("MaxResults")?,
        next_token: input.string("NextToken")?,
    };
    input.finish()?;
    record.request_parameters = recorded(&request, &attributes);
    permit(auth)?;
    match attributes.as_slice() {
        [] => {}
        [(key, value)] => request.attribute = Some((parse_attribute(key)?, value.clone())),
        _ => {
            return Err(Failure::refused(
                "InvalidLookupAttributesException",
                "You can specify only one lookup attribute.",
            ));
        }
    }
    match category.as_deref() {
        None => {}
        // There is no anomaly detection here, so there are no such events.
        Some("insight") => return Ok(json!({ "Events": [] })),
        Some(other) => {
            return Err(Failure::refused(
                "InvalidEventCategoryException",
                format!("The event category {other} is not valid."),
            ));
        }
    }
    let page = api.trail.lookup(request).await?;
    let mut output = Map::new();
    output.insert(
        "Events".into(),
        page.events.iter().map(lookup_json).collect(),
    );
    if let Some(token) = page.next_token {
        output.insert("NextToken".into(), token.into());
    }
    Ok(Value::Object(output))
}

fn permit(auth: &Authenticated) -> Result<(), Failure> {
    let decision = authorize(&Access {
        caller: &auth.caller,
        action: "cloudtrail:LookupEvents",
        resource: "*",
        resource_account: &auth.caller.principal.account_id,
        context: &Context::new(),
        resource_policy: None,
        authority: Authority::Account,
    });
    match decision {
        Decision::Allowed => Ok(()),
        Decision::Denied(denial) => {
            Err(Failure::refused("AccessDeniedException", denial.message()))
        }
    }
}

fn recorded(request: &LookupRequest, attributes: &[(String, String)]) -> Value {
    let mut map = Map::new();
    if !attributes.is_empty() {
        let list = attributes
            .iter()
            .map(|(key, value)| json!({ "attributeKey": key, "attributeValue": value }))
            .collect();
        map.insert("lookupAttributes".into(), list);
    }
    for (name, time) in [("startTime", request.start), ("endTime", request.end)] {
        if let Some(time) = time {
            map.insert(name.into(), timestamp(time));
        }
    }
    if let Some(number) = request.max_results {
        map.insert("maxResults".into(), number.into());
    }
    if let Some(token) = &request.next_token {
        map.insert("nextToken".into(), token.as_str().into());
    }
    if map.is_empty() {
        Value::Null
    } else {
        Value::Object(map)
    }
}
