//! LookupEvents: the newest events of the caller's account, by one attribute.
//! <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html>

use sealgate_audit::{LookupRequest, lookup_json, parse_attribute};
use serde_json::{Map, Value, json};

use super::{Asked, permit};
use crate::audit::CallRecord;
use crate::json::input::Input;
use crate::json::{Failure, timestamp};

/// Bytes of a value that is looked up.
const MAX_VALUE: usize = 2000;

pub(super) async fn run(
    asked: &Asked<'_>,
    mut input: Input,
    record: &mut CallRecord,
) -> Result<Value, Failure> {
    let attributes = input
        .pairs("LookupAttributes", "AttributeKey", "AttributeValue")?
        .unwrap_or_default();
    let category = input.string("EventCategory")?;
    let mut request = LookupRequest {
        account_id: asked.account().to_owned(),
        attribute: None,
        start: input.time("StartTime")?,
        end: input.time("EndTime")?,
        max_results: input.integer("MaxResults")?,
        next_token: input.string("NextToken")?,
    };
    input.finish()?;
    record.request_parameters = recorded(&request, &attributes);
    permit(asked, "*")?;
    match attributes.as_slice() {
        [] => {}
        [(_, value)] if value.is_empty() || value.len() > MAX_VALUE => {
            return Err(Failure::refused(
                "InvalidLookupAttributesException",
                "An attribute value has 1 to 2000 characters.",
            ));
        }
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
    let page = asked.api.trail.lookup(request).await?;
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
