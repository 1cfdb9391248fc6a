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
use sealgate_wire::checksum::ChecksumAlgorithm;

use crate::body::RequestBody;
use crate::error::{Code, Result, S3Error};
use crate::request::Authorized;
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
    for (name, value) in headers {
        let name = name.as_str();
        if name.starts_with("x-amz-") {
            refuse_unsupported_header(name, value.to_str().unwrap_or("?"), op)?;
        }
    }
    Ok(())
}

fn refuse_unsupported_header(name: &str, value: &str, op: Op) -> Result<()> {
    let writes = matches!(
        op,
        Op::PutObject | Op::CopyObject | Op::CreateMultipartUpload
    );
    let creates_bucket = op == Op::CreateBucket;
    match name {
        "x-amz-acl" if creates_bucket && value != "private" => Err(Code::InvalidBucketAcl.into()),
        "x-amz-acl" if !writes && !creates_bucket => {
            Err(S3Error::not_implemented("x-amz-acl here"))
        }
        // AWS takes the second alone; clients that send the first ask for what holds anyway.
        "x-amz-acl" if !matches!(value, "private" | "bucket-owner-full-control") => {
            Err(Code::AccessControlListNotSupported.into())
        }
        _ if name.starts_with("x-amz-grant-") => Err(if creates_bucket {
            Code::InvalidBucketAcl.into()
        } else {
            Code::AccessControlListNotSupported.into()
        }),
        "x-amz-object-ownership" if creates_bucket => match value {
            "BucketOwnerEnforced" => Ok(()),
            "BucketOwnerPreferred" | "ObjectWriter" => {
                Err(S3Error::not_implemented("Object ownership with ACLs"))
            }
            _ => Err(S3Error::argument(
                name,
                value,
                "Invalid x-amz-object-ownership header",
            )),
        },
        "x-amz-expected-bucket-owner" | "x-amz-source-expected-bucket-owner"
            if value.len() != 12 || !value.bytes().all(|b| b.is_ascii_digit()) =>
        {
            let code = Code::InvalidBucketOwner;
            let message = format!("{}... [{value}]", code.message());
            Err(S3Error::new(code, message))
        }
        "x-amz-bucket-namespace" if value != "global" => {
            Err(S3Error::not_implemented("A bucket namespace of an account"))
        }
        "x-amz-bucket-object-lock-enabled" if !value.eq_ignore_ascii_case("false") => {
            Err(S3Error::not_implemented("Object Lock"))
        }
        _ if name.starts_with("x-amz-object-lock-") => Err(S3Error::invalid_request(
            "Bucket is missing Object Lock Configuration",
        )),
        "x-amz-tagging" if !value.is_empty() => Err(S3Error::not_implemented("Object tagging")),
        // No object has tags, so to copy them and to replace them by none are the same.
        "x-amz-tagging-directive" if !matches!(value, "COPY" | "REPLACE") => {
            Err(S3Error::argument(name, value, "Unknown tagging directive."))
        }
        "x-amz-storage-class" if writes && value != "STANDARD" => {
            Err(Code::InvalidStorageClass.into())
        }
        "x-amz-copy-source-range" if op != Op::UploadPartCopy => Err(S3Error::argument(
            name,
            value,
            "The x-amz-copy-source-range header is only valid for UploadPartCopy.",
        )),
        "x-amz-optional-object-attributes" if value != "RestoreStatus" => Err(S3Error::argument(
            name,
            value,
            "Invalid attribute name specified.",
        )),
        "x-amz-write-offset-bytes" => Err(S3Error::not_implemented("Appending to objects")),
        "x-amz-mfa" => Err(S3Error::not_implemented("MFA delete")),
        "x-amz-if-match-initiated-time"
        | "x-amz-if-match-last-modified-time"
        | "x-amz-if-match-size" => Err(S3Error::not_implemented(name)),
        _ => match name.strip_prefix("x-amz-checksum-") {
            Some(algorithm) if ChecksumAlgorithm::is_unsupported(algorithm) => {
                Err(S3Error::not_implemented(name))
            }
            _ => Ok(()),
        },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn a_header_is_honoured_or_refused() {
        use Code::*;
        let put = Op::PutObject;
        for (op, name, value, refused) in [
            (put, "x-amz-acl", "private", None),
            (put, "x-amz-acl", "bucket-owner-full-control", None),
            (
                put,
                "x-amz-acl",
                "public-read",
                Some(AccessControlListNotSupported),
            ),
            (
                put,
                "x-amz-grant-read",
                "id=x",
                Some(AccessControlListNotSupported),
            ),
            (Op::CreateBucket, "x-amz-acl", "private", None),
            (
                Op::CreateBucket,
                "x-amz-acl",
                "public-read",
                Some(InvalidBucketAcl),
            ),
            (
                Op::CreateBucket,
                "x-amz-grant-write",
                "id=x",
                Some(InvalidBucketAcl),
            ),
            (
                Op::CreateBucket,
                "x-amz-object-ownership",
                "BucketOwnerEnforced",
                None,
            ),
            (
                Op::CreateBucket,
                "x-amz-object-ownership",
                "ObjectWriter",
                Some(NotImplemented),
            ),
            (
                Op::CreateBucket,
                "x-amz-object-ownership",
                "Nobody",
                Some(InvalidArgument),
            ),
            (Op::CreateBucket, "x-amz-bucket-namespace", "global", None),
            (
                Op::CreateBucket,
                "x-amz-bucket-namespace",
                "account-regional",
                Some(NotImplemented),
            ),
            (
                Op::CreateBucket,
                "x-amz-bucket-object-lock-enabled",
                "true",
                Some(NotImplemented),
            ),
            (
                Op::CreateBucket,
                "x-amz-bucket-object-lock-enabled",
                "false",
                None,
            ),
            (
                put,
                "x-amz-object-lock-mode",
                "GOVERNANCE",
                Some(InvalidRequest),
            ),
            (put, "x-amz-tagging", "", None),
            (put, "x-amz-tagging", "a=b", Some(NotImplemented)),
            (Op::CopyObject, "x-amz-tagging-directive", "COPY", None),
            (Op::CopyObject, "x-amz-tagging-directive", "REPLACE", None),
            (
                Op::CopyObject,
                "x-amz-tagging-directive",
                "copy",
                Some(InvalidArgument),
            ),
            (put, "x-amz-storage-class", "STANDARD", None),
            (
                put,
                "x-amz-storage-class",
                "GLACIER",
                Some(InvalidStorageClass),
            ),
            (put, "x-amz-write-offset-bytes", "1", Some(NotImplemented)),
            (put, "x-amz-checksum-sha512", "AA==", Some(NotImplemented)),
            (put, "x-amz-checksum-sha256", "AA==", None),
            (put, "x-amz-meta-acl", "public-read", None),
            (
                Op::CopyObject,
                "x-amz-copy-source-range",
                "bytes=0-1",
                Some(InvalidArgument),
            ),
            (
                Op::UploadPartCopy,
                "x-amz-copy-source-range",
                "bytes=0-1",
                None,
            ),
            (Op::DeleteObject, "x-amz-mfa", "1 2", Some(NotImplemented)),
            (
                Op::DeleteObject,
                "x-amz-if-match-size",
                "1",
                Some(NotImplemented),
            ),
            (
                Op::AbortMultipartUpload,
                "x-amz-if-match-initiated-time",
                "x",
                Some(NotImplemented),
            ),
            (
                Op::ListObjectsV2,
                "x-amz-optional-object-attributes",
                "RestoreStatus",
                None,
            ),
            (
                Op::ListObjectsV2,
                "x-amz-optional-object-attributes",
                "All",
                Some(InvalidArgument),
            ),
            (
                Op::GetObject,
                "x-amz-expected-bucket-owner",
                "111122223333",
                None,
            ),
            (
                Op::GetObject,
                "x-amz-expected-bucket-owner",
                "",
                Some(InvalidBucketOwner),
            ),
            (
                Op::CopyObject,
                "x-amz-source-expected-bucket-owner",
                "somebody",
                Some(InvalidBucketOwner),
            ),
            (Op::GetObject, "x-amz-request-payer", "requester", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            let outcome = refuse_unsupported_headers(&headers, op).err();
            assert_eq!(outcome.map(|e| e.kind()), refused, "{op:?} {name}: {value}");
        }
    }
}
