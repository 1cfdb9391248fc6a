//! PutBucketLogging and GetBucketLogging.

use http::StatusCode;
use time::OffsetDateTime;

use crate::access_log::{Logging, Target, invalid_target};
use crate::body::RequestBody;
use crate::document::{self, Document};
use crate::error::{Code, Result, S3Error};
use crate::ops::bucket_settings::Payer;
use crate::request::Authorized;
use crate::response::{self, Response};
use crate::xml::Writer;

/// [PutBucketLogging](https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketLogging.html). The target must
/// let the log in already: a log that nobody gets is found out too late.
pub(crate) async fn put(cx: &Authorized<'_>, body: &mut RequestBody) -> Result<Response> {
    let logging: Logging = document::receive(cx, body).await?;
    match &logging.target {
        Some(target) => {
            check(cx, target).await?;
            document::store(cx, Some(&logging)).await?;
        }
        None => document::store::<Logging>(cx, None).await?,
    }
    Ok(response::empty(StatusCode::OK))
}

/// [GetBucketLogging](https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLogging.html): a bucket that is
/// not logged says nothing.
pub(crate) fn get(cx: &Authorized<'_>) -> Result<Response> {
    Ok(match Logging::of(cx.bucket()?)? {
        Some(logging) => document::answer(&logging),
        None => response::xml(Writer::document(Logging::ROOT, |_| ())),
    })
}

async fn check(cx: &Authorized<'_>, target: &Target) -> Result<()> {
    let refused = |message: &str| {
        S3Error::new(Code::InvalidTargetBucketForLogging, message)
            .with("TargetBucket", target.bucket.as_str())
    };
    let source = cx.bucket()?;
    let bucket = match cx.s3.bucket(&target.bucket).await {
        Err(error) if error.kind() == Code::NoSuchBucket => {
            return Err(refused("The target bucket for logging does not exist"));
        }
        found => found?,
    };
    if bucket.account_id != source.account_id {
        return Err(refused(
            "The owner for the bucket to be logged and the target bucket must be the same.",
        ));
    }
    if bucket.region != source.region || Payer::of(&bucket)? == Some(Payer::Requester) {
        return Err(invalid_target(&target.bucket));
    }
    if target.has_grants {
        let has_acls = cx.s3.sharing(&bucket).await?.ownership.has_acls();
        return Err(if has_acls {
            S3Error::not_implemented("TargetGrants")
        } else {
            Code::AccessControlListNotSupported.into()
        });
    }
    let now = OffsetDateTime::now_utc();
    let key = cx.s3.access_log_key(source, target, now, now)?;
    match cx.s3.may_deliver_access_log(source, target, &key).await {
        Err(error) if error.kind() == Code::AccessDenied => Err(refused(
            "The target bucket must let logging.s3.amazonaws.com put objects by its policy, or give the log-delivery group WRITE and READ_ACP permissions",
        )),
        answer => answer,
    }
}
