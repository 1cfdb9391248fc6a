//! PutPublicAccessBlock, GetPublicAccessBlock, DeletePublicAccessBlock, of buckets and of accounts, and the same of the ownership controls,
//! which together decide whether lists count and what they may say.

use http::StatusCode;

use crate::access::ownership::{Controls, Ownership};
use crate::access::public_access_block::{PublicAccessBlock, Setting};
use crate::body::RequestBody;
use crate::document::{self, Document};
use crate::error::{Code, Result, S3Error};
use crate::request::Authorized;
use crate::response::{self, Response};

/// [GetPublicAccessBlock](https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetPublicAccessBlock.html).
pub(crate) fn get_block(cx: &Authorized<'_>) -> Result<Response> {
    match Setting::shown(cx.bucket()?)? {
        Some(block) => Ok(document::answer(&Setting(Some(block)))),
        None => Err(missing::<Setting>(cx)),
    }
}

/// [DeletePublicAccessBlock](https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeletePublicAccessBlock.html).
pub(crate) async fn delete_block(cx: &Authorized<'_>) -> Result<Response> {
    document::store(cx, Some(&Setting(None))).await?;
    Ok(response::empty(StatusCode::NO_CONTENT))
}

/// [PutPublicAccessBlock](https://docs.aws.amazon.com/AmazonS3/latest/API/API_control_PutPublicAccessBlock.html) of an
/// account.
pub(crate) async fn put_account_block(
    cx: &Authorized<'_>,
    body: &mut RequestBody,
) -> Result<Response> {
    let setting: Setting = document::receive(cx, body).await?;
    set_account_block(cx, setting.0).await?;
    Ok(response::empty(StatusCode::OK))
}

/// [GetPublicAccessBlock](https://docs.aws.amazon.com/AmazonS3/latest/API/API_control_GetPublicAccessBlock.html) of an
/// account.
pub(crate) async fn get_account_block(cx: &Authorized<'_>) -> Result<Response> {
    let account = &cx.request.caller.principal.account_id;
    match cx.s3.account_blocks.get(&cx.s3.index, account).await? {
        Some(block) => Ok(document::answer(&Setting(Some(block)))),
        None => Err(S3Error::from(Setting::MISSING).with("AccountId", account.as_str())),
    }
}

/// [DeletePublicAccessBlock](https://docs.aws.amazon.com/AmazonS3/latest/API/API_control_DeletePublicAccessBlock.html)
/// of an account.
pub(crate) async fn delete_account_block(cx: &Authorized<'_>) -> Result<Response> {
    set_account_block(cx, None).await?;
    Ok(response::empty(StatusCode::NO_CONTENT))
}

async fn set_account_block(cx: &Authorized<'_>, block: Option<PublicAccessBlock>) -> Result<()> {
    let account = cx.request.caller.principal.account_id.clone();
    let (index, blocks) = (cx.s3.index.clone(), cx.s3.account_blocks.clone());
    cx.recorded(async move { blocks.set(&index, account, block).await })
        .await
}

/// [PutBucketOwnershipControls](https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketOwnershipControls.html).
/// Lists cannot be turned off while the bucket's own gives something to others.
pub(crate) async fn put_ownership(cx: &Authorized<'_>, body: &mut RequestBody) -> Result<Response> {
    let controls: Controls = document::receive(cx, body).await?;
    let shares = cx.sharing()?.acl().is_some_and(|acl| !acl.is_private());
    if controls.0 == Some(Ownership::BucketOwnerEnforced) && shares {
        return Err(Code::InvalidBucketAcl.into());
    }
    document::store(cx, Some(&controls)).await?;
    Ok(response::empty(StatusCode::OK))
}

/// [GetBucketOwnershipControls](https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketOwnershipControls.html).
pub(crate) fn get_ownership(cx: &Authorized<'_>) -> Result<Response> {
    match Controls::shown(cx.bucket()?)? {
        Some(ownership) => Ok(document::answer(&Controls(Some(ownership)))),
        None => Err(missing::<Controls>(cx)),
    }
}

/// [DeleteBucketOwnershipControls](https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucketOwnershipControls.html).
pub(crate) async fn delete_ownership(cx: &Authorized<'_>) -> Result<Response> {
    document::store(cx, Some(&Controls(None))).await?;
    Ok(response::empty(StatusCode::NO_CONTENT))
}

fn missing<D: Document>(cx: &Authorized<'_>) -> S3Error {
    let name = cx.bucket().map_or("", |bucket| bucket.name.as_str());
    S3Error::from(D::MISSING).with("BucketName", name)
}
