//! CloudTrail over JSON 1.1: lookups in the audit trail, and trails that deliver it into buckets.
//! <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_Operations.html>

mod lookup;
mod selectors;
mod tags;
mod trails;

use http::request::Parts;
use sealgate_audit::AuditError;
use sealgate_iam::Authenticated;
use sealgate_policy::{Access, Authority, Context, Decision, authorize};
use serde_json::{Map, Value};

use super::input::Input;
use super::{Failure, failure, operation, success};
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
        if error.status() == 500 {
            tracing::error!(%error, "an operation of CloudTrail failed");
        }
        Failure {
            status: error.status(),
            code: error.code(),
            message: error.message(),
        }
    }
}

/// What was asked, and by whom.
struct Asked<'a> {
    api: &'a AdminApi,
    auth: &'a Authenticated,
    operation: &'a str,
}

impl Asked<'_> {
    fn account(&self) -> &str {
        &self.auth.caller.principal.account_id
    }

    /// The ARN of a trail that is named by name or ARN.
    fn trail_arn(&self, name_or_arn: &str) -> String {
        if name_or_arn.starts_with("arn:") {
            return name_or_arn.to_owned();
        }
        let (region, account) = (self.api.region(), self.account());
        format!("arn:aws:cloudtrail:{region}:{account}:trail/{name_or_arn}")
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
    let asked = Asked {
        api,
        auth,
        operation: name,
    };
    let outcome = if implemented {
        dispatch(&asked, body, &mut record).await
    } else {
        Err(Failure::not_implemented("CloudTrail", name))
    };
    match &outcome {
        Ok(output) if !record.read_only => record.response_elements = shown(output),
        Ok(_) => {}
        Err(refused) => record.error = Some((refused.code.to_owned(), refused.message.clone())),
    }
    api.record(record, &auth.caller, request_id).await?;
    outcome
}

async fn dispatch(
    asked: &Asked<'_>,
    body: &[u8],
    record: &mut CallRecord,
) -> Result<Value, Failure> {
    let input = Input::parse(body)?;
    if asked.operation == "LookupEvents" {
        return lookup::run(asked, input, record).await;
    }
    // Nothing that these operations take is a secret; members that they do not know are not shown.
    if let Ok(Value::Object(mut members)) = serde_json::from_slice(body) {
        members.retain(|name, _| PARAMETERS.contains(&name.as_str()));
        record.request_parameters = shown(&Value::Object(members));
    }
    match asked.operation {
        "CreateTrail" => trails::create(asked, input).await,
        "UpdateTrail" => trails::update(asked, input).await,
        "DeleteTrail" => trails::delete(asked, input).await,
        "DescribeTrails" => trails::describe(asked, input).await,
        "GetTrail" => trails::get(asked, input).await,
        "ListTrails" => trails::list(asked).await,
        "GetTrailStatus" => trails::status(asked, input).await,
        "StartLogging" => trails::set_logging(asked, input, true).await,
        "StopLogging" => trails::set_logging(asked, input, false).await,
        "PutEventSelectors" => selectors::put(asked, input).await,
        "GetEventSelectors" => selectors::get(asked, input).await,
        "AddTags" => tags::add(asked, input).await,
        "RemoveTags" => tags::remove(asked, input).await,
        "ListTags" => tags::list(asked, input).await,
        "ListPublicKeys" => trails::public_keys(asked, input).await,
        other => Err(Failure::not_implemented("CloudTrail", other)),
    }
}

/// Members that the trail shows of requests.
const PARAMETERS: [&str; 22] = [
    "AdvancedEventSelectors",
    "CloudWatchLogsLogGroupArn",
    "CloudWatchLogsRoleArn",
    "EnableLogFileValidation",
    "EndTime",
    "EventSelectors",
    "IncludeGlobalServiceEvents",
    "IsMultiRegionTrail",
    "IsOrganizationTrail",
    "KmsKeyId",
    "Name",
    "NextToken",
    "ResourceId",
    "ResourceIdList",
    "S3BucketName",
    "S3KeyPrefix",
    "SnsTopicName",
    "StartTime",
    "TagsList",
    "TrailName",
    "includeShadowTrails",
    "trailNameList",
];

/// A structure as CloudTrail shows it in records: names begin with a small letter.
fn shown(value: &Value) -> Value {
    match value {
        Value::Object(members) if members.is_empty() => Value::Null,
        Value::Object(members) => Value::Object(
            members
                .iter()
                .map(|(name, value)| (small(name), shown(value)))
                .collect::<Map<_, _>>(),
        ),
        Value::Array(list) => list.iter().map(shown).collect(),
        other => other.clone(),
    }
}

fn small(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(letters).collect()
    })
}

/// Whether the caller may do the operation that is asked for.
fn permit(asked: &Asked<'_>, resource: &str) -> Result<(), Failure> {
    permit_action(asked, asked.operation, resource)
}

fn permit_action(asked: &Asked<'_>, operation: &str, resource: &str) -> Result<(), Failure> {
    let decision = authorize(&Access {
        caller: &asked.auth.caller,
        action: &format!("cloudtrail:{operation}"),
        resource,
        resource_account: asked.account(),
        context: &Context::new(),
        resource_policy: None,
        authority: Authority::Account,
        grant: None,
    });
    match decision {
        Decision::Allowed => Ok(()),
        Decision::Denied(denial) => {
            Err(Failure::refused("AccessDeniedException", denial.message()))
        }
    }
}
