//! PutBucketPolicy, GetBucketPolicy, DeleteBucketPolicy, GetBucketPolicyStatus.

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};

use crate::access::bucket_policy::{BucketPolicy, KIND};
use crate::body::RequestBody;
use crate::error::{Code, Result, S3Error};
use crate::request::Authorized;
use crate::response::{self, Response};
use crate::xml::Writer;

/// Longest body that is read, so that a policy which is too long is called so.
const MAX_BODY: usize = 1 << 20;

/// [PutBucketPolicy](https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketPolicy.html).
pub(crate) async fn put(cx: &Authorized<'_>, body: &mut RequestBody) -> Result<Response> {
    check_account(cx)?;
    let bucket = cx.bucket()?;
    let document = body.document(cx.request, cx.s3, MAX_BODY).await?;
    let (stored, policy) = BucketPolicy::accept(cx.s3, &bucket.name, &document).await?;
    if policy.is_public && cx.sharing()?.block.block_public_policy {
        return Err(cx.blocked("public policies", "BlockPublicPolicy"));
    }
    store(cx, Some(stored)).await?;
    Ok(response::empty(StatusCode::NO_CONTENT))
}

/// [GetBucketPolicy](https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketPolicy.html): the text as it
/// was put.
pub(crate) fn get(cx: &Authorized<'_>) -> Result<Response> {
    check_account(cx)?;
    let policy = in_force(cx)?;
    let mut response = http::Response::new(response::full(policy.policy.source().to_owned()));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    Ok(response)
}

/// [DeleteBucketPolicy](https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucketPolicy.html).
pub(crate) async fn delete(cx: &Authorized<'_>) -> Result<Response> {
    check_account(cx)?;
    store(cx, None).await?;
    Ok(response::empty(StatusCode::NO_CONTENT))
}

/// [GetBucketPolicyStatus](https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketPolicyStatus.html).
pub(crate) fn status(cx: &Authorized<'_>) -> Result<Response> {
    let policy = in_force(cx)?;
    Ok(response::xml(Writer::document("PolicyStatus", |w| {
        w.value("IsPublic", policy.is_public);
    })))
}

fn in_force<'a>(cx: &'a Authorized<'_>) -> Result<&'a BucketPolicy> {
    cx.sharing()?.policy.as_ref().ok_or_else(|| {
        let name = cx.bucket().map_or("", |bucket| bucket.name.as_str());
        S3Error::from(Code::NoSuchBucketPolicy).with("BucketName", name)
    })
}

/// A policy is only for the bucket's own account, whatever it allows to others.
fn check_account(cx: &Authorized<'_>) -> Result<()> {
    if cx.request.caller.principal.account_id == cx.bucket()?.account_id {
        Ok(())
    } else {
        Err(Code::MethodNotAllowed.into())
    }
}

async fn store(cx: &Authorized<'_>, policy: Option<Bytes>) -> Result<()> {
    let (index, bucket_id) = (cx.s3.index.clone(), cx.bucket()?.id);
    cx.recorded(async move { Ok(index.put_bucket_config(bucket_id, KIND, policy).await?) })
        .await
}
