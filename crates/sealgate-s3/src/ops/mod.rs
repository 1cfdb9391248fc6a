//! The operations of S3, a file for each family.

pub(crate) mod bucket;
pub(crate) mod bucket_encryption;
mod complete_upload;
mod copy_object;
mod delete_object;
mod digest;
mod get_object;
mod get_object_attributes;
mod list_objects;
mod list_uploads;
mod put_object;
mod upload;
mod upload_part;

use http::HeaderMap;

use crate::error::{Code, Result, S3Error};
use crate::request::{Authorized, RequestBody};
use crate::response::Response;
use crate::router::Operation as Op;

/// Carry out an authorized request.
pub(crate) async fn run(cx: &Authorized<'_>, body: &mut RequestBody) -> Result<Response> {
    match cx.request.op {
        Op::ListBuckets => bucket::list(cx).await,
        Op::CreateBucket => bucket::create(cx, body).await,
        Op::HeadBucket => bucket::head(cx),
        Op::DeleteBucket => bucket::delete(cx).await,
        Op::GetBucketLocation => bucket::location(cx),
        Op::PutBucketEncryption => bucket_encryption::put(cx, body).await,
        Op::GetBucketEncryption => bucket_encryption::get(cx),
        Op::DeleteBucketEncryption => bucket_encryption::delete(cx).await,
        Op::ListObjects => list_objects::v1(cx).await,
        Op::ListObjectsV2 => list_objects::v2(cx).await,
        Op::ListMultipartUploads => list_uploads::run(cx).await,
        Op::DeleteObjects => delete_object::many(cx, body).await,
        Op::PutObject => put_object::run(cx, body).await,
        Op::CopyObject => copy_object::run(cx).await,
        Op::GetObject => get_object::get(cx).await,
        Op::HeadObject => get_object::head(cx).await,
        Op::GetObjectAttributes => get_object_attributes::run(cx).await,
        Op::DeleteObject => delete_object::one(cx).await,
        Op::CreateMultipartUpload => upload::create(cx).await,
        Op::UploadPart => upload_part::run(cx, body).await,
        Op::UploadPartCopy => upload_part::copy(cx).await,
        Op::CompleteMultipartUpload => complete_upload::run(cx, body).await,
        Op::AbortMultipartUpload => upload::abort(cx).await,
        Op::ListParts => upload::list_parts(cx).await,
    }
}

/// Refuse headers that would change what is stored or who may read it, where they cannot be
/// honoured. The answers are those of a bucket with AWS's defaults: owner enforced, no locks.
pub(crate) fn refuse_unsupported_headers(headers: &HeaderMap, op: Op) -> Result<()> {
    let writes = matches!(
        op,
        Op::PutObject | Op::CopyObject | Op::CreateMultipartUpload | Op::CreateBucket
    );
    for (name, value) in headers {
        let name = name.as_str();
        let value = value.to_str().unwrap_or("");
        match name {
            "x-amz-acl" if !writes => return Err(S3Error::not_implemented("x-amz-acl here")),
            "x-amz-acl" if !matches!(value, "private" | "bucket-owner-full-control") => {
                return Err(Code::AccessControlListNotSupported.into());
            }
            "x-amz-tagging" | "x-amz-tagging-directive" => {
                return Err(S3Error::not_implemented("Object tagging"));
            }
            "x-amz-storage-class" if writes && value != "STANDARD" => {
                return Err(Code::InvalidStorageClass.into());
            }
            "x-amz-bucket-object-lock-enabled" if !value.eq_ignore_ascii_case("false") => {
                return Err(S3Error::not_implemented("Object Lock"));
            }
            "x-amz-write-offset-bytes" => {
                return Err(S3Error::not_implemented("Appending to objects"));
            }
            "x-amz-mfa" => return Err(S3Error::not_implemented("MFA delete")),
            _ if name.starts_with("x-amz-grant-") => {
                return Err(Code::AccessControlListNotSupported.into());
            }
            _ if name.starts_with("x-amz-object-lock-") => {
                return Err(S3Error::invalid_request(
                    "Bucket is missing Object Lock Configuration",
                ));
            }
            _ => {}
        }
    }
    Ok(())
}
