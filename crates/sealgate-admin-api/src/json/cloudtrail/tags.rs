//! Tags of trails.
//! <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_AddTags.html>

use serde_json::{Value, json};

use super::{Asked, permit};
use crate::json::Failure;
use crate::json::input::Input;

pub(super) async fn add(asked: &Asked<'_>, input: Input) -> Result<Value, Failure> {
    let (arn, tags) = read_change(asked, input)?;
    let trail = &asked.api.trail;
    trail.tag_trail(asked.account(), &arn, tags, &[]).await?;
    Ok(json!({}))
}

/// Tags go by their keys, whatever values the request has for them.
pub(super) async fn remove(asked: &Asked<'_>, input: Input) -> Result<Value, Failure> {
    let (arn, tags) = read_change(asked, input)?;
    let keys: Vec<String> = tags.into_iter().map(|(key, _)| key).collect();
    let trail = &asked.api.trail;
    trail
        .tag_trail(asked.account(), &arn, Vec::new(), &keys)
        .await?;
    Ok(json!({}))
}

pub(super) async fn list(asked: &Asked<'_>, mut input: Input) -> Result<Value, Failure> {
    let arns = input.required_strings("ResourceIdList")?;
    input.finish()?;
    let mut found = Vec::new();
    for arn in &arns {
        permit(asked, arn)?;
        check_arn(arn)?;
        let trail = asked.api.trail.named_trail(asked.account(), arn).await?;
        let tags: Vec<Value> = trail
            .tags
            .iter()
            .map(|(key, value)| json!({ "Key": key, "Value": value }))
            .collect();
        found.push(json!({ "ResourceId": arn, "TagsList": tags }));
    }
    Ok(json!({ "ResourceTagList": found }))
}

fn read_change(
    asked: &Asked<'_>,
    mut input: Input,
) -> Result<(String, Vec<(String, String)>), Failure> {
    let arn = input.required("ResourceId")?;
    let tags = read(&mut input)?;
    input.finish()?;
    permit(asked, &arn)?;
    check_arn(&arn)?;
    Ok((arn, tags))
}

/// Only trails are tagged, and only by their ARN.
fn check_arn(arn: &str) -> Result<(), Failure> {
    if arn.starts_with("arn:aws:cloudtrail:") && arn.contains(":trail/") {
        return Ok(());
    }
    Err(Failure::refused(
        "CloudTrailARNInvalidException",
        format!("Invalid trail ARN: {arn}"),
    ))
}

/// `TagsList`. A tag may be without value.
pub(super) fn read(input: &mut Input) -> Result<Vec<(String, String)>, Failure> {
    let mut tags = Vec::new();
    for mut tag in input.structures("TagsList")?.unwrap_or_default() {
        let key = tag.required("Key")?;
        tag.finish()?;
        tags.push((key, tag.string("Value")?.unwrap_or_default()));
    }
    Ok(tags)
}
