//! PutBucketReplication. To read and to delete the configuration needs no more than any document.

use http::StatusCode;
use sealgate_index::{IndexError, Versioning};
use sealgate_policy::{Access, Authority, Context, Decision, authorize};

use crate::body::RequestBody;
use crate::document;
use crate::error::{Code, Result, S3Error};
use crate::replication::Rules;
use crate::request::Authorized;
use crate::response::{self, Response};

/// [PutBucketReplication](https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketReplication.html). The role is
/// not looked at before it is used, as at AWS; that the caller may pass it is asked now.
pub(crate) async fn put(cx: &Authorized<'_>, body: &mut RequestBody) -> Result<Response> {
    let rules: Rules = document::receive(cx, body).await?;
    let bucket = cx.bucket()?;
    if bucket.versioning != Versioning::Enabled {
        return Err(S3Error::invalid_request(
            "Versioning must be 'Enabled' on the bucket to apply a replication configuration",
        ));
    }
    may_pass(cx, &rules.role)?;
    let mut seen = Vec::new();
    for destination in rules.destinations() {
        if !seen.contains(&destination) {
            check(cx, &destination.bucket, destination.account.as_deref()).await?;
            seen.push(destination);
        }
    }
    document::store(cx, Some(&rules)).await?;
    Ok(response::empty(StatusCode::OK))
}

/// Who has a role used needs `iam:PassRole` for it
/// ([passing roles](https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html)).
fn may_pass(cx: &Authorized<'_>, role: &str) -> Result<()> {
    let owner = &cx.bucket()?.account_id;
    if role.split(':').nth(4) != Some(owner) {
        return Err(S3Error::new(
            Code::AccessDenied,
            "Cross-account pass role is not allowed.",
        ));
    }
    let mut context = Context::new();
    context.insert("iam:PassedToService", "s3.amazonaws.com");
    let decision = authorize(&Access {
        caller: &cx.request.caller,
        action: "iam:PassRole",
        resource: role,
        resource_account: owner,
        context: &context,
        resource_policy: None,
        authority: Authority::Account,
        grant: None,
    });
    match decision {
        Decision::Allowed => Ok(()),
        Decision::Denied(denial) => Err(S3Error::new(Code::AccessDenied, denial.message())),
    }
}

/// A destination must be there and keep versions; what does not reach it would wait or fail one by one.
async fn check(cx: &Authorized<'_>, name: &str, account: Option<&str>) -> Result<()> {
    const UNVERSIONED: &str = "Destination bucket must have versioning enabled.";
    let source = cx.bucket()?;
    if name == source.name {
        return Err(S3Error::invalid_request(
            "Destination bucket cannot be the same as the source bucket.",
        ));
    }
    let elsewhere = cx
        .s3
        .replication
        .keeps_versions_elsewhere(name, &source.account_id);
    if let Some(keeps) = elsewhere.await {
        return match keeps {
            Ok(true) => Ok(()),
            Ok(false) => Err(S3Error::invalid_request(UNVERSIONED)),
            Err(why) => {
                tracing::warn!(destination = name, why, "a destination does not answer");
                Err(S3Error::invalid_request("Destination bucket must exist."))
            }
        };
    }
    let bucket = match cx.s3.index.bucket(name).await {
        Ok(bucket) => bucket,
        Err(IndexError::NoSuchBucket) => {
            return Err(S3Error::invalid_request("Destination bucket must exist."));
        }
        Err(error) => return Err(error.into()),
    };
    if bucket.versioning != Versioning::Enabled {
        return Err(S3Error::invalid_request(UNVERSIONED));
    }
    if account.is_some_and(|account| account != bucket.account_id) {
        return Err(S3Error::invalid_request(
            "Account must be the account of the destination bucket's owner.",
        ));
    }
    if source.object_lock && !bucket.object_lock {
        return Err(S3Error::invalid_request(
            "Object Lock must be enabled on the destination bucket if it is enabled on the source bucket.",
        ));
    }
    Ok(())
}
