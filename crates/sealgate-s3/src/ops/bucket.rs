//! ListBuckets, CreateBucket, HeadBucket, DeleteBucket, GetBucketLocation.

use bytes::Bytes;
use http::StatusCode;
use sealgate_index::IndexError;

use super::bucket_tagging::BucketTags;
use crate::access::acl::Acl;
use crate::access::acl_request::{self, Subject};
use crate::access::ownership::{Controls, Ownership};
use crate::body::RequestBody;
use crate::document::Document as _;
use crate::error::{Code, Result, S3Error};
use crate::meta::insert;
use crate::request::Authorized;
use crate::response::{self, Response, iso};
use crate::tags::{MAX_BUCKET_TAGS, Tags};
use crate::xml::{Element, Writer};

/// The region that S3 names by an empty location.
const UNNAMED_REGION: &str = "us-east-1";

/// [ListBuckets](https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html).
pub(crate) async fn list(cx: &Authorized<'_>) -> Result<Response> {
    const MAX: u64 = 10_000;
    let request = cx.request;
    if request.anonymous {
        return Err(Code::AccessDenied.into());
    }
    let account = &request.caller.principal.account_id;
    let prefix = request.query.get("prefix").unwrap_or("");
    let after = request.query.get("continuation-token");
    let limit = match request.number("max-buckets", MAX)? {
        Some(0) => {
            return Err(S3Error::argument(
                "max-buckets",
                "0",
                "Argument max-buckets must be an integer between 1 and 10000",
            ));
        }
        limit => usize::try_from(limit.unwrap_or(MAX)).unwrap_or(1000),
    };
    let region = request.query.get("bucket-region");
    let mut buckets = if region.is_none_or(|region| region == cx.s3.config.region) {
        cx.s3
            .index
            .list_buckets(account, prefix, after, limit + 1)
            .await?
    } else {
        Vec::new()
    };
    let more = buckets.len() > limit;
    buckets.truncate(limit);
    let name = cx
        .s3
        .iam
        .account(account)
        .await
        .ok()
        .flatten()
        .map(|a| a.name);
    Ok(response::xml(Writer::document(
        "ListAllMyBucketsResult",
        |w| {
            w.element("Owner", |w| {
                w.text("ID", &request.canonical_id);
                w.optional("DisplayName", name);
            });
            w.element("Buckets", |w| {
                for bucket in &buckets {
                    w.element("Bucket", |w| {
                        w.text("Name", &bucket.name);
                        w.text("CreationDate", iso(bucket.created));
                        if request.query.has("max-buckets") || region.is_some() {
                            w.text("BucketRegion", &bucket.region);
                        }
                    });
                }
            });
            if more {
                w.optional("ContinuationToken", buckets.last().map(|b| &b.name));
            }
            if !prefix.is_empty() {
                w.text("Prefix", prefix);
            }
        },
    )))
}

/// [CreateBucket](https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html).
pub(crate) async fn create(cx: &Authorized<'_>, body: &mut RequestBody) -> Result<Response> {
    let request = cx.request;
    let name = request.bucket.as_ref().ok_or(Code::InvalidBucketName)?;
    if request.anonymous {
        return Err(Code::AccessDenied.into());
    }
    let region = &cx.s3.config.region;
    let mut config = access_config(cx).await?;
    if cx.s3.config.block_sse_c_on_new_buckets {
        config.push(super::bucket_encryption::blocking_customer_keys()?);
    }
    let document = body.document(request, cx.s3, 64 * 1024).await?;
    if !document.is_empty() {
        let root = Element::parse(&document, "CreateBucketConfiguration")?;
        root.only(&["LocationConstraint", "Tags", "Location", "Bucket"])?;
        if let Some(element) = root.optional("Tags")? {
            let tags = BucketTags(Tags::from_elements(element, MAX_BUCKET_TAGS)?);
            if tags.0.len() > 0 {
                cx.may("s3:TagResource", &format!("arn:aws:s3:::{name}"))?;
                config.push((BucketTags::KIND.to_owned(), tags.to_bytes()?));
            }
        }
        if root.optional("Location")?.is_some() || root.optional("Bucket")?.is_some() {
            return Err(S3Error::not_implemented("Directory buckets"));
        }
        let location = root.optional_text("LocationConstraint")?.map(str::trim);
        if let Some(location) = location.filter(|l| !l.is_empty() && l != region) {
            return Err(S3Error::new(
                Code::IllegalLocationConstraint,
                format!(
                    "The {location} location constraint is incompatible for the region specific endpoint this request was sent to."
                ),
            ));
        }
    }
    let index = cx.s3.index.clone();
    let account = request.caller.principal.account_id.clone();
    let (bucket, region) = (name.as_str().to_owned(), region.clone());
    let object_lock = match request.header("x-amz-bucket-object-lock-enabled")? {
        None => false,
        Some(text) => text.eq_ignore_ascii_case("true"),
    };
    cx.recorded(async move {
        let made = index
            .create_configured_bucket(&bucket, &account, &region, config, object_lock)
            .await;
        let taken = match made {
            Ok(_) => return Ok(()),
            // In the oldest region, to create one's own bucket again is no error.
            Err(IndexError::BucketExists { owner }) if owner == account => {
                if region == UNNAMED_REGION {
                    return Ok(());
                }
                Code::BucketAlreadyOwnedByYou
            }
            Err(IndexError::BucketExists { .. }) => Code::BucketAlreadyExists,
            Err(error) => return Err(error.into()),
        };
        Err(S3Error::from(taken).with("BucketName", bucket))
    })
    .await?;
    let mut response = response::empty(StatusCode::OK);
    insert(response.headers_mut(), "location", &format!("/{name}"));
    insert(
        response.headers_mut(),
        "x-amz-bucket-arn",
        &format!("arn:aws:s3:::{name}"),
    );
    Ok(response)
}

/// The documents of a new bucket that say who owns its objects and what its access control list is, where the
/// headers do. Public access is blocked in a new bucket, so no list can be public.
async fn access_config(cx: &Authorized<'_>) -> Result<Vec<(String, Bytes)>> {
    const OWNERSHIP: &str = "x-amz-object-ownership";
    let request = cx.request;
    let resource = format!(
        "arn:aws:s3:::{}",
        request.bucket.as_ref().map_or("", |name| name.as_str())
    );
    let mut config = Vec::new();
    let mut ownership = Ownership::BucketOwnerEnforced;
    if let Some(name) = request.header(OWNERSHIP)? {
        ownership = Ownership::named(name).ok_or_else(|| {
            S3Error::argument(OWNERSHIP, name, "Invalid x-amz-object-ownership header")
        })?;
        cx.may("s3:PutBucketOwnershipControls", &resource)?;
        let controls = Controls(Some(ownership));
        config.push((Controls::KIND.to_owned(), controls.to_bytes()?));
    }
    let subject = Subject {
        owner: &request.canonical_id,
        bucket_owner: None,
    };
    let headers = &request.parts.headers;
    if acl_request::is_asked_for(headers) && !ownership.has_acls() {
        return match request.header(acl_request::CANNED)? {
            Some("private") if !acl_request::has_grants(headers) => Ok(config),
            _ => Err(Code::InvalidBucketAcl.into()),
        };
    }
    if let Some(acl) = acl_request::of_headers(headers, subject)? {
        cx.may("s3:PutBucketAcl", &resource)?;
        if acl.is_public() {
            return Err(Code::InvalidBucketAclWithBlock.into());
        }
        acl_request::check_accounts(cx.s3, &acl).await?;
        config.push((Acl::KIND.to_owned(), acl.to_bytes()?));
    }
    Ok(config)
}

/// [HeadBucket](https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html).
pub(crate) fn head(cx: &Authorized<'_>) -> Result<Response> {
    let bucket = cx.bucket()?;
    let mut response = response::empty(StatusCode::OK);
    let headers = response.headers_mut();
    insert(headers, "x-amz-bucket-region", &bucket.region);
    insert(
        headers,
        "x-amz-bucket-arn",
        &format!("arn:aws:s3:::{}", bucket.name),
    );
    insert(headers, "x-amz-access-point-alias", "false");
    insert(headers, "content-type", "application/xml");
    Ok(response)
}

/// [DeleteBucket](https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucket.html).
pub(crate) async fn delete(cx: &Authorized<'_>) -> Result<Response> {
    let bucket = cx.bucket()?.clone();
    let index = cx.s3.index.clone();
    cx.recorded(async move {
        index
            .delete_bucket(bucket.id)
            .await
            .map_err(|error| match error {
                IndexError::BucketNotEmpty => {
                    S3Error::from(Code::BucketNotEmpty).with("BucketName", bucket.name.as_str())
                }
                error => error.into(),
            })
    })
    .await?;
    Ok(response::empty(StatusCode::NO_CONTENT))
}

/// [GetBucketLocation](https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLocation.html).
pub(crate) fn location(cx: &Authorized<'_>) -> Result<Response> {
    let region = &cx.bucket()?.region;
    let region = if region == UNNAMED_REGION { "" } else { region };
    // The root element is the value itself.
    let document = Writer::document("LocationConstraint", |w| w.raw_text(region));
    Ok(response::xml(document))
}
