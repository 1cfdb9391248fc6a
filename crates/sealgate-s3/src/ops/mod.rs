//! The operations of S3, a file for each family.

mod acl;
pub(crate) mod bucket;
pub(crate) mod bucket_encryption;
mod bucket_logging;
mod bucket_policy;
pub(crate) mod bucket_settings;
pub(crate) mod bucket_tagging;
mod complete_upload;
mod configurations;
mod copy_object;
mod delete_object;
mod digest;
mod get_object;
mod get_object_attributes;
mod lifecycle;
mod list_objects;
mod list_uploads;
mod list_versions;
mod notification;
pub(crate) mod object_lock;
mod object_tagging;
pub(crate) mod post_object;
mod public_access;
mod put_object;
mod replication;
mod restore_object;
mod update_encryption;
mod upload;
mod upload_part;
mod versioning;

use bucket_settings::{Abac, Payer};
use bucket_tagging::BucketTags;
use http::HeaderMap;

use crate::access::public_access_block::Setting;
use crate::body::RequestBody;
use crate::cors::Cors;
use crate::described::{ANALYTICS, INTELLIGENT_TIERING, INVENTORY, METRICS};
use crate::document;
use crate::error::{Code, Result, S3Error};
use crate::lifecycle::Rules;
use crate::operation::Operation as Op;
use crate::replication::Rules as ReplicationRules;
use crate::request::Authorized;
use crate::response::Response;
use crate::website::Website;

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
        Op::PutBucketPolicy => bucket_policy::put(cx, body).await,
        Op::GetBucketPolicy => bucket_policy::get(cx),
        Op::DeleteBucketPolicy => bucket_policy::delete(cx).await,
        Op::GetBucketPolicyStatus => bucket_policy::status(cx),
        Op::PutAccountPublicAccessBlock => public_access::put_account_block(cx, body).await,
        Op::GetAccountPublicAccessBlock => public_access::get_account_block(cx).await,
        Op::DeleteAccountPublicAccessBlock => public_access::delete_account_block(cx).await,
        Op::PutPublicAccessBlock => document::put::<Setting>(cx, body).await,
        Op::GetPublicAccessBlock => public_access::get_block(cx),
        Op::DeletePublicAccessBlock => public_access::delete_block(cx).await,
        Op::PutBucketOwnershipControls => public_access::put_ownership(cx, body).await,
        Op::GetBucketOwnershipControls => public_access::get_ownership(cx),
        Op::DeleteBucketOwnershipControls => public_access::delete_ownership(cx).await,
        Op::GetBucketAcl => acl::get_bucket(cx).await,
        Op::PutBucketAcl => acl::put_bucket(cx, body).await,
        Op::GetObjectAcl => acl::get_object(cx).await,
        Op::PutObjectAcl => acl::put_object(cx, body).await,
        Op::ListObjects => list_objects::v1(cx).await,
        Op::ListObjectsV2 => list_objects::v2(cx).await,
        Op::ListMultipartUploads => list_uploads::run(cx).await,
        Op::DeleteObjects => delete_object::many(cx, body).await,
        Op::PutObject => put_object::run(cx, body).await,
        // Its sender is known only from its body: see `post_object::run`.
        Op::PostObject => Err(Code::InternalError.into()),
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
        Op::GetBucketVersioning => versioning::get(cx),
        Op::PutBucketVersioning => versioning::put(cx, body).await,
        Op::ListObjectVersions => list_versions::run(cx).await,
        Op::PutObjectTagging => object_tagging::put(cx, body).await,
        Op::GetObjectTagging => object_tagging::get(cx).await,
        Op::DeleteObjectTagging => object_tagging::delete(cx).await,
        Op::PutObjectLockConfiguration => object_lock::put_configuration(cx, body).await,
        Op::GetObjectLockConfiguration => object_lock::get_configuration(cx),
        Op::PutObjectRetention => object_lock::put_retention(cx, body).await,
        Op::GetObjectRetention => object_lock::get_retention(cx).await,
        Op::PutObjectLegalHold => object_lock::put_legal_hold(cx, body).await,
        Op::GetObjectLegalHold => object_lock::get_legal_hold(cx).await,
        Op::RestoreObject => restore_object::run(cx, body).await,
        Op::UpdateObjectEncryption => update_encryption::run(cx, body).await,
        Op::PutBucketTagging => bucket_tagging::put(cx, body).await,
        Op::GetBucketTagging => document::get::<BucketTags>(cx),
        Op::DeleteBucketTagging => bucket_tagging::delete(cx).await,
        Op::PutBucketAbac => document::put::<Abac>(cx, body).await,
        Op::GetBucketAbac => bucket_settings::abac(cx),
        Op::PutBucketCors => document::put::<Cors>(cx, body).await,
        Op::GetBucketCors => document::get::<Cors>(cx),
        Op::DeleteBucketCors => document::delete::<Cors>(cx).await,
        Op::PutBucketLifecycleConfiguration => lifecycle::put(cx, body).await,
        Op::GetBucketLifecycleConfiguration => lifecycle::get(cx),
        Op::DeleteBucketLifecycle => document::delete::<Rules>(cx).await,
        Op::PutBucketNotificationConfiguration => notification::put(cx, body).await,
        Op::GetBucketNotificationConfiguration => notification::get(cx),
        Op::PutBucketReplication => replication::put(cx, body).await,
        Op::GetBucketReplication => document::get::<ReplicationRules>(cx),
        Op::DeleteBucketReplication => document::delete::<ReplicationRules>(cx).await,
        Op::PutBucketAnalyticsConfiguration => configurations::put(cx, body, &ANALYTICS).await,
        Op::GetBucketAnalyticsConfiguration => configurations::get(cx, &ANALYTICS).await,
        Op::DeleteBucketAnalyticsConfiguration => configurations::delete(cx, &ANALYTICS).await,
        Op::ListBucketAnalyticsConfigurations => configurations::list(cx, &ANALYTICS).await,
        Op::PutBucketInventoryConfiguration => configurations::put_inventory(cx, body).await,
        Op::GetBucketInventoryConfiguration => configurations::get(cx, &INVENTORY).await,
        Op::DeleteBucketInventoryConfiguration => configurations::delete(cx, &INVENTORY).await,
        Op::ListBucketInventoryConfigurations => configurations::list(cx, &INVENTORY).await,
        Op::PutBucketMetricsConfiguration => configurations::put(cx, body, &METRICS).await,
        Op::GetBucketMetricsConfiguration => configurations::get(cx, &METRICS).await,
        Op::DeleteBucketMetricsConfiguration => configurations::delete(cx, &METRICS).await,
        Op::ListBucketMetricsConfigurations => configurations::list(cx, &METRICS).await,
        Op::PutBucketIntelligentTieringConfiguration => {
            configurations::put(cx, body, &INTELLIGENT_TIERING).await
        }
        Op::GetBucketIntelligentTieringConfiguration => {
            configurations::get(cx, &INTELLIGENT_TIERING).await
        }
        Op::DeleteBucketIntelligentTieringConfiguration => {
            configurations::delete(cx, &INTELLIGENT_TIERING).await
        }
        Op::ListBucketIntelligentTieringConfigurations => {
            configurations::list(cx, &INTELLIGENT_TIERING).await
        }
        Op::PutBucketRequestPayment => document::put::<Payer>(cx, body).await,
        Op::GetBucketRequestPayment => bucket_settings::payment(cx),
        Op::PutBucketAccelerateConfiguration => bucket_settings::put_acceleration(cx, body).await,
        Op::GetBucketAccelerateConfiguration => bucket_settings::acceleration(cx),
        Op::PutBucketLogging => bucket_logging::put(cx, body).await,
        Op::GetBucketLogging => bucket_logging::get(cx),
        Op::PutBucketWebsite => document::put::<Website>(cx, body).await,
        Op::GetBucketWebsite => document::get::<Website>(cx),
        Op::DeleteBucketWebsite => document::delete::<Website>(cx).await,
        op => Err(unimplemented(op)),
    }
}

/// What is not there, with the reason where it will not be: the server has no such thing.
pub(crate) const UNIMPLEMENTED: &[(Op, &str)] = &[
    (Op::CreateBucketMetadataConfiguration, "S3 Tables"),
    (Op::CreateBucketMetadataTableConfiguration, "S3 Tables"),
    (Op::CreateSession, "directory buckets of S3 Express"),
    (Op::DeleteBucketMetadataConfiguration, "S3 Tables"),
    (Op::DeleteBucketMetadataTableConfiguration, "S3 Tables"),
    (Op::GetBucketMetadataConfiguration, "S3 Tables"),
    (Op::GetBucketMetadataTableConfiguration, "S3 Tables"),
    (Op::GetObjectTorrent, "AWS ended it in 2022"),
    (Op::ListDirectoryBuckets, "directory buckets of S3 Express"),
    (Op::RenameObject, "directory buckets of S3 Express"),
    (
        Op::SelectObjectContent,
        "an engine for SQL would be larger than all the rest",
    ),
    (
        Op::UpdateBucketMetadataInventoryTableConfiguration,
        "S3 Tables",
    ),
    (
        Op::UpdateBucketMetadataJournalTableConfiguration,
        "S3 Tables",
    ),
    (Op::WriteGetObjectResponse, "Object Lambda"),
];

/// The canonical id of the owner of the request's bucket.
pub(crate) async fn owner_of_bucket(cx: &Authorized<'_>) -> Result<String> {
    let owner = list_objects::Owner::of_bucket(cx).await?;
    Ok(owner.id().to_owned())
}

/// The refusal of an operation that is not there.
pub(crate) fn unimplemented(op: Op) -> S3Error {
    let why = UNIMPLEMENTED.iter().find(|(other, _)| *other == op);
    match why {
        Some((_, why)) if !why.is_empty() => {
            S3Error::not_implemented(&format!("{} ({why})", op.name()))
        }
        _ => S3Error::not_implemented(op.name()),
    }
}

/// Whether an operation is there.
pub(crate) fn is_implemented(op: Op) -> bool {
    UNIMPLEMENTED.iter().all(|(other, _)| *other != op)
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
        Op::PutObject | Op::PostObject | Op::CopyObject | Op::CreateMultipartUpload
    );
    let takes_acl = writes || matches!(op, Op::CreateBucket | Op::PutBucketAcl | Op::PutObjectAcl);
    match name {
        // Where a list can be asked for, whether it may is known with the bucket.
        "x-amz-acl" if !takes_acl => Err(S3Error::not_implemented("x-amz-acl here")),
        _ if name.starts_with("x-amz-grant-") && !takes_acl => {
            Err(S3Error::not_implemented("Granting permissions here"))
        }
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
        "x-amz-if-match-initiated-time" => Err(S3Error::not_implemented(name)),
        _ if name.starts_with("x-amz-object-lock-") && !writes => Err(S3Error::argument(
            name,
            value,
            "This operation does not take an object lock.",
        )),
        _ => Ok(()),
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
            (Op::CopyObject, "x-amz-acl", "public-read", None),
            (Op::PutBucketAcl, "x-amz-grant-read", "id=x", None),
            (Op::GetObject, "x-amz-acl", "private", Some(NotImplemented)),
            (
                Op::UploadPart,
                "x-amz-grant-read",
                "id=x",
                Some(NotImplemented),
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
                "false",
                None,
            ),
            (put, "x-amz-object-lock-mode", "GOVERNANCE", None),
            (
                Op::UploadPart,
                "x-amz-object-lock-mode",
                "GOVERNANCE",
                Some(InvalidArgument),
            ),
            (put, "x-amz-storage-class", "STANDARD", None),
            (put, "x-amz-write-offset-bytes", "1", Some(NotImplemented)),
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
