//! Event selectors of trails. Advanced ones are refused.
//! <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_PutEventSelectors.html>

use sealgate_audit::{DataResource, EventSelector, ReadWriteType, TrailSettings};
use serde_json::{Value, json};

use super::{Asked, permit};
use crate::json::Failure;
use crate::json::input::Input;

pub(super) async fn put(asked: &Asked<'_>, mut input: Input) -> Result<Value, Failure> {
    let name = input.string("TrailName")?.unwrap_or_default();
    permit(asked, &asked.trail_arn(&name))?;
    if input.has("AdvancedEventSelectors") {
        return Err(Failure::refused(
            "InvalidEventSelectorsException",
            "Advanced event selectors are not supported by Sealgate. Use event selectors.",
        ));
    }
    let mut selectors = Vec::new();
    for selector in input.structures("EventSelectors")?.unwrap_or_default() {
        selectors.push(read(selector)?);
    }
    input.finish()?;
    let trail = asked
        .api
        .trail
        .put_event_selectors(asked.account(), &name, selectors)
        .await?;
    Ok(shown(&trail))
}

pub(super) async fn get(asked: &Asked<'_>, mut input: Input) -> Result<Value, Failure> {
    let name = input.string("TrailName")?.unwrap_or_default();
    input.finish()?;
    permit(asked, &asked.trail_arn(&name))?;
    let trail = asked.api.trail.named_trail(asked.account(), &name).await?;
    Ok(shown(&trail))
}

fn read(mut input: Input) -> Result<EventSelector, Failure> {
    let read_write = match input.string("ReadWriteType")?.as_deref() {
        None | Some("All") => ReadWriteType::All,
        Some("ReadOnly") => ReadWriteType::ReadOnly,
        Some("WriteOnly") => ReadWriteType::WriteOnly,
        Some(other) => {
            return Err(Failure::refused(
                "InvalidEventSelectorsException",
                format!("The ReadWriteType {other} is not valid."),
            ));
        }
    };
    let management =
        !input.has("IncludeManagementEvents") || input.boolean("IncludeManagementEvents")?;
    let mut data = Vec::new();
    for mut resource in input.structures("DataResources")?.unwrap_or_default() {
        data.push(DataResource {
            kind: resource.string("Type")?.unwrap_or_default(),
            values: resource.strings("Values")?.unwrap_or_default(),
        });
    }
    Ok(EventSelector {
        read_write,
        management,
        data,
        excluded: input
            .strings("ExcludeManagementEventSources")?
            .unwrap_or_default(),
    })
}

fn shown(trail: &TrailSettings) -> Value {
    let selectors: Vec<Value> = trail
        .effective_selectors()
        .iter()
        .map(|selector| {
            let data: Vec<Value> = selector
                .data
                .iter()
                .map(|data| json!({ "Type": data.kind, "Values": data.values }))
                .collect();
            json!({
                "ReadWriteType": match selector.read_write {
                    ReadWriteType::All => "All",
                    ReadWriteType::ReadOnly => "ReadOnly",
                    ReadWriteType::WriteOnly => "WriteOnly",
                },
                "IncludeManagementEvents": selector.management,
                "DataResources": data,
                "ExcludeManagementEventSources": selector.excluded,
            })
        })
        .collect();
    json!({ "TrailARN": trail.arn(), "EventSelectors": selectors })
}
