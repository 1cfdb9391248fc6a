//! GetBucketAcl, PutBucketAcl, GetObjectAcl, PutObjectAcl.

use http::StatusCode;

use super::list_objects::Owner;
use crate::access::acl::Acl;
use crate::access::acl_request::{self, Subject};
use crate::access::object::ObjectAccess;
use crate::body::RequestBody;
use crate::document::{self, Document as _};
use crate::error::{Code, Result, S3Error};
use crate::notification::names::Happening;
use crate::replication::About;
use crate::request::Authorized;
use crate::response::{self, Response};
use crate::version;
use crate::xml::Element;

/// A hundred grants, in XML of any style.
const MAX_BODY: usize = 256 * 1024;

/// [GetBucketAcl](https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketAcl.html). Where lists do not
/// count the owner has everything.
pub(crate) async fn get_bucket(cx: &Authorized<'_>) -> Result<Response> {
    let answer = match cx.sharing()?.acl() {
        Some(acl) => acl.clone(),
        None => Acl::private(Owner::of_bucket(cx).await?.id()),
    };
    Ok(document::answer(&answer))
}

/// [PutBucketAcl](https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketAcl.html).
pub(crate) async fn put_bucket(cx: &Authorized<'_>, body: &mut RequestBody) -> Result<Response> {
    check_lists_count(cx)?;
    let owner = Owner::of_bucket(cx).await?;
    let subject = Subject {
        owner: owner.id(),
        bucket_owner: None,
    };
    let acl = receive(cx, body, subject).await?;
    document::store(cx, Some(&acl)).await?;
    Ok(response::empty(StatusCode::OK))
}

/// [GetObjectAcl](https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAcl.html).
pub(crate) async fn get_object(cx: &Authorized<'_>) -> Result<Response> {
    let bucket_owner = Owner::of_bucket(cx).await?;
    let version = version::find(cx).await?;
    let object = ObjectAccess::of(&version)?;
    let answer = if cx.sharing()?.ownership.has_acls() {
        let owner = object.owner.as_deref().unwrap_or(bucket_owner.id());
        object.acl.unwrap_or_else(|| Acl::private(owner))
    } else {
        Acl::private(bucket_owner.id())
    };
    let mut response = document::answer(&answer);
    let (versioning, id) = (cx.bucket()?.versioning, version.version_id.as_deref());
    version::write_id(response.headers_mut(), versioning, id);
    Ok(response)
}

/// [PutObjectAcl](https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectAcl.html).
pub(crate) async fn put_object(cx: &Authorized<'_>, body: &mut RequestBody) -> Result<Response> {
    check_lists_count(cx)?;
    let bucket_owner = Owner::of_bucket(cx).await?;
    let object = ObjectAccess::of(&version::find(cx).await?)?;
    let subject = Subject {
        owner: object.owner.as_deref().unwrap_or(bucket_owner.id()),
        bucket_owner: Some(bucket_owner.id()),
    };
    let acl = receive(cx, body, subject).await?;
    let mut events = cx.events(cx.key()?, &[Happening::PutAcl]).await?;
    events.extend(cx.replicates(cx.key()?, About::Changed)?);
    let touched = cx
        .s3
        .index
        .set_acl(
            cx.bucket()?.id,
            cx.key()?,
            cx.request.version.clone(),
            Some(acl.to_bytes()?),
            events,
        )
        .await
        .map_err(|error| version::missing(cx, error))?;
    let mut response = response::empty(StatusCode::OK);
    let id = touched.version_id.as_deref();
    version::write_id(response.headers_mut(), touched.versioning, id);
    Ok(response)
}

fn check_lists_count(cx: &Authorized<'_>) -> Result<()> {
    if cx.sharing()?.ownership.has_acls() {
        Ok(())
    } else {
        Err(Code::AccessControlListNotSupported.into())
    }
}

/// The list that the request puts.
async fn receive(cx: &Authorized<'_>, body: &mut RequestBody, subject: Subject<'_>) -> Result<Acl> {
    let document = body.document(cx.request, cx.s3, MAX_BODY).await?;
    let asked = acl_request::of_headers(&cx.request.parts.headers, subject)?;
    let acl = match asked {
        Some(_) if !document.is_empty() => return Err(Code::UnexpectedContent.into()),
        Some(acl) => acl,
        None if document.is_empty() => {
            return Err(S3Error::from(Code::MissingSecurityHeader)
                .with("MissingHeaderName", acl_request::CANNED));
        }
        None => {
            let root = Element::parse(&document, Acl::ROOT).map_err(|_| Code::MalformedAcl)?;
            let acl = Acl::parse(&root)?;
            // A list does not change whose the thing is.
            if acl.owner != subject.owner {
                return Err(Code::AccessDenied.into());
            }
            acl
        }
    };
    cx.check_new_acl(&acl).await?;
    Ok(acl)
}
