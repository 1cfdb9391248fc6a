//! Trails: which bucket the events of an account are delivered into, and whether they are.
//! <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_CreateTrail.html>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealgate_audit::{TrailChange, TrailSettings, TrailStatus, check_name};
use sealgate_kms::{KeyState, KmsError};
use serde_json::{Map, Value, json};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use super::{Asked, permit, permit_action, tags};
use crate::json::input::Input;
use crate::json::{Failure, timestamp};

/// How long a key of digests is good for: it is not replaced, so longer than anyone looks back.
const KEY_VALIDITY: Duration = Duration::days(10 * 365);

pub(super) async fn create(asked: &Asked<'_>, mut input: Input) -> Result<Value, Failure> {
    let name = input.string("Name")?.unwrap_or_default();
    let arn = asked.trail_arn(&name);
    permit(asked, &arn)?;
    let change = read_change(asked, &mut input).await?;
    let tags = tags::read(&mut input)?;
    input.finish()?;
    if !tags.is_empty() {
        permit_action(asked, "AddTags", &arn)?;
    }
    check_name(&name).map_err(sealgate_audit::AuditError::from)?;
    let bucket = change
        .bucket
        .filter(|name| !name.is_empty())
        .ok_or_else(|| {
            Failure::refused(
                "InvalidS3BucketNameException",
                "Bucket name cannot be blank!",
            )
        })?;
    let some = |text: Option<String>| text.filter(|text| !text.is_empty());
    let trail = asked
        .api
        .trail
        .create_trail(TrailSettings {
            name,
            account_id: asked.account().to_owned(),
            region: asked.api.region().to_owned(),
            bucket,
            prefix: some(change.prefix),
            kms_key: some(change.kms_key),
            global_events: change.global_events.unwrap_or(true),
            multi_region: change.multi_region.unwrap_or(false),
            validation: change.validation.unwrap_or(false),
            selectors: None,
            tags: tags.into_iter().collect(),
        })
        .await?;
    Ok(Value::Object(described(&trail)))
}

pub(super) async fn update(asked: &Asked<'_>, mut input: Input) -> Result<Value, Failure> {
    let name = input.string("Name")?.unwrap_or_default();
    permit(asked, &asked.trail_arn(&name))?;
    let change = read_change(asked, &mut input).await?;
    input.finish()?;
    let trail = asked
        .api
        .trail
        .update_trail(asked.account(), &name, change)
        .await?;
    Ok(Value::Object(described(&trail)))
}

/// The settings of a request, as far as it has them.
async fn read_change(asked: &Asked<'_>, input: &mut Input) -> Result<TrailChange, Failure> {
    for (member, what) in [
        ("SnsTopicName", "Notifications over SNS"),
        ("CloudWatchLogsLogGroupArn", "Delivery to CloudWatch Logs"),
        ("CloudWatchLogsRoleArn", "Delivery to CloudWatch Logs"),
    ] {
        if input.string(member)?.is_some_and(|value| !value.is_empty()) {
            return Err(unsupported(what));
        }
    }
    if input.boolean("IsOrganizationTrail")? {
        return Err(unsupported("A trail of an organization"));
    }
    let kms_key = match input.string("KmsKeyId")? {
        Some(id) if !id.is_empty() => Some(key_arn(asked, &id).await?),
        other => other,
    };
    Ok(TrailChange {
        bucket: input.string("S3BucketName")?,
        prefix: input.string("S3KeyPrefix")?,
        kms_key,
        global_events: flag(input, "IncludeGlobalServiceEvents")?,
        multi_region: flag(input, "IsMultiRegionTrail")?,
        validation: flag(input, "EnableLogFileValidation")?,
    })
}

fn unsupported(what: &str) -> Failure {
    Failure::refused(
        "UnsupportedOperationException",
        format!("{what} is not supported by Sealgate."),
    )
}

fn flag(input: &mut Input, name: &str) -> Result<Option<bool>, Failure> {
    let given = input.has(name);
    let value = input.boolean(name)?;
    Ok(given.then_some(value))
}

/// The ARN of a key that is there and enabled. Whether its policy lets CloudTrail use it shows when files are
/// delivered.
async fn key_arn(asked: &Asked<'_>, id: &str) -> Result<String, Failure> {
    match asked.api.kms.resolve(asked.account(), id).await {
        Ok(key) if key.state == KeyState::Enabled => Ok(key.arn),
        Ok(key) => Err(Failure::refused(
            "KmsKeyDisabledException",
            format!("KMS key {} is not enabled.", key.arn),
        )),
        Err(error @ KmsError::Internal(_)) => Err(error.into()),
        Err(error) if error.code() == "NotFoundException" => Err(Failure::refused(
            "KmsKeyNotFoundException",
            format!("KMS key {id} does not exist."),
        )),
        Err(_) => Err(Failure::refused(
            "InvalidKmsKeyIdException",
            format!("{id} is not a KMS key id, ARN or alias."),
        )),
    }
}

pub(super) async fn delete(asked: &Asked<'_>, mut input: Input) -> Result<Value, Failure> {
    let name = named(asked, &mut input)?;
    asked.api.trail.delete_trail(asked.account(), &name).await?;
    Ok(json!({}))
}

pub(super) async fn set_logging(
    asked: &Asked<'_>,
    mut input: Input,
    logging: bool,
) -> Result<Value, Failure> {
    let name = named(asked, &mut input)?;
    let now = asked.auth.caller.environment.now;
    asked
        .api
        .trail
        .set_logging(asked.account(), &name, logging, now)
        .await?;
    Ok(json!({}))
}

pub(super) async fn get(asked: &Asked<'_>, mut input: Input) -> Result<Value, Failure> {
    let name = named(asked, &mut input)?;
    let trail = asked.api.trail.named_trail(asked.account(), &name).await?;
    Ok(json!({ "Trail": in_list(&trail) }))
}

/// Names that stand for nothing are left out, as at AWS.
pub(super) async fn describe(asked: &Asked<'_>, mut input: Input) -> Result<Value, Failure> {
    let names = input.strings("trailNameList")?.unwrap_or_default();
    input.finish()?;
    permit(asked, "*")?;
    let mut trails = asked.api.trail.trails(Some(asked.account())).await?;
    if !names.is_empty() {
        trails.retain(|trail| names.contains(&trail.name) || names.contains(&trail.arn()));
    }
    let list: Vec<Value> = trails.iter().map(in_list).collect();
    Ok(json!({ "trailList": list }))
}

/// An account has few trails: they are one page.
pub(super) async fn list(asked: &Asked<'_>) -> Result<Value, Failure> {
    permit(asked, "*")?;
    let trails = asked.api.trail.trails(Some(asked.account())).await?;
    let list: Vec<Value> = trails
        .iter()
        .map(|trail| {
            json!({ "TrailARN": trail.arn(), "Name": trail.name, "HomeRegion": trail.region })
        })
        .collect();
    Ok(json!({ "Trails": list }))
}

pub(super) async fn status(asked: &Asked<'_>, mut input: Input) -> Result<Value, Failure> {
    let name = named(asked, &mut input)?;
    let status = asked.api.trail.trail_status(asked.account(), &name).await?;
    Ok(status_json(&status))
}

fn status_json(status: &TrailStatus) -> Value {
    let mut members = Map::new();
    let mut put = |name: &str, value: Value| members.insert(name.to_owned(), value);
    put("IsLogging", status.is_logging().into());
    for (name, time) in [
        ("LatestDeliveryTime", status.delivered),
        ("LatestDigestDeliveryTime", status.digested),
        ("StartLoggingTime", status.started),
        ("StopLoggingTime", status.stopped),
    ] {
        if let Some(time) = time {
            put(name, timestamp(time));
        }
    }
    for (name, error) in [
        ("LatestDeliveryError", &status.error),
        ("LatestDigestDeliveryError", &status.digest_error),
    ] {
        if let Some(error) = error {
            put(name, error.as_str().into());
        }
    }
    let text = |time: Option<OffsetDateTime>| {
        time.and_then(|time| time.format(&Rfc3339).ok())
            .unwrap_or_default()
    };
    put("TimeLoggingStarted", text(status.started).into());
    put("TimeLoggingStopped", text(status.stopped).into());
    put("LatestDeliveryAttemptTime", text(status.attempted).into());
    let succeeded = status.delivered.filter(|_| status.error.is_none());
    put("LatestDeliveryAttemptSucceeded", text(succeeded).into());
    put("LatestNotificationAttemptTime", "".into());
    put("LatestNotificationAttemptSucceeded", "".into());
    Value::Object(members)
}

pub(super) async fn public_keys(asked: &Asked<'_>, mut input: Input) -> Result<Value, Failure> {
    let (start, end) = (input.time("StartTime")?, input.time("EndTime")?);
    input.finish()?;
    permit(asked, "*")?;
    if let (Some(start), Some(end)) = (start, end)
        && start > end
    {
        return Err(sealgate_audit::AuditError::InvalidTimeRange.into());
    }
    let key = asked.api.trail.digest_public_key().await?;
    let list: Vec<Value> = key
        .iter()
        .filter(|key| end.is_none_or(|end| key.created <= end))
        .map(|key| {
            json!({
                "Value": STANDARD.encode(&key.der),
                "ValidityStartTime": timestamp(key.created),
                "ValidityEndTime": timestamp(key.created + KEY_VALIDITY),
                "Fingerprint": key.fingerprint,
            })
        })
        .collect();
    Ok(json!({ "PublicKeyList": list }))
}

/// The trail that a request names, which the caller may use so.
fn named(asked: &Asked<'_>, input: &mut Input) -> Result<String, Failure> {
    let name = input.string("Name")?.unwrap_or_default();
    input.finish()?;
    permit(asked, &asked.trail_arn(&name))?;
    Ok(name)
}

/// A trail, as answers of changes show it.
fn described(trail: &TrailSettings) -> Map<String, Value> {
    let mut members = Map::new();
    let mut put = |name: &str, value: Value| members.insert(name.to_owned(), value);
    put("Name", trail.name.as_str().into());
    put("S3BucketName", trail.bucket.as_str().into());
    if let Some(prefix) = &trail.prefix {
        put("S3KeyPrefix", prefix.as_str().into());
    }
    put("IncludeGlobalServiceEvents", trail.global_events.into());
    put("IsMultiRegionTrail", trail.multi_region.into());
    put("TrailARN", trail.arn().into());
    put("LogFileValidationEnabled", trail.validation.into());
    if let Some(key) = &trail.kms_key {
        put("KmsKeyId", key.as_str().into());
    }
    put("IsOrganizationTrail", false.into());
    members
}

/// A trail, as answers of reads show it.
fn in_list(trail: &TrailSettings) -> Value {
    let mut members = described(trail);
    members.insert("HomeRegion".to_owned(), trail.region.as_str().into());
    let custom = trail.selectors.is_some();
    members.insert("HasCustomEventSelectors".to_owned(), custom.into());
    members.insert("HasInsightSelectors".to_owned(), false.into());
    Value::Object(members)
}
