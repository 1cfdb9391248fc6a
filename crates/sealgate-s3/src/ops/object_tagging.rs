//! PutObjectTagging, GetObjectTagging, DeleteObjectTagging.

use bytes::Bytes;
use http::StatusCode;
use sealgate_index::Touched;

use crate::body::RequestBody;
use crate::error::Result;
use crate::notification::names::Happening;
use crate::replication::About;
use crate::request::Authorized;
use crate::response::{self, Response};
use crate::tags::{MAX_OBJECT_TAGS, Tags};
use crate::version;
use crate::xml::{Element, Writer};

const ROOT: &str = "Tagging";

/// [PutObjectTagging](https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectTagging.html).
pub(crate) async fn put(cx: &Authorized<'_>, body: &mut RequestBody) -> Result<Response> {
    let document = body.document(cx.request, cx.s3, 64 * 1024).await?;
    let tags = Tags::from_xml(&Element::parse(&document, ROOT)?, MAX_OBJECT_TAGS)?;
    cx.may_put_tags(&tags)?;
    let touched = set(cx, tags.to_bytes()?, Happening::PutTags).await?;
    Ok(answer(StatusCode::OK, &touched))
}

/// [DeleteObjectTagging](https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjectTagging.html).
pub(crate) async fn delete(cx: &Authorized<'_>) -> Result<Response> {
    let touched = set(cx, None, Happening::DeleteTags).await?;
    Ok(answer(StatusCode::NO_CONTENT, &touched))
}

async fn set(cx: &Authorized<'_>, tags: Option<Bytes>, happening: Happening) -> Result<Touched> {
    let (index, bucket, key) = (&cx.s3.index, cx.bucket()?.id, cx.key()?);
    let mut events = cx.events(key, &[happening]).await?;
    events.extend(cx.replicates(key, About::Changed)?);
    index
        .set_tags(bucket, key, cx.request.version.clone(), tags, events)
        .await
        .map_err(|error| version::missing(cx, error))
}

fn answer(status: StatusCode, touched: &Touched) -> Response {
    let mut response = response::empty(status);
    let id = touched.version_id.as_deref();
    version::write_id(response.headers_mut(), touched.versioning, id);
    response
}

/// [GetObjectTagging](https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectTagging.html).
pub(crate) async fn get(cx: &Authorized<'_>) -> Result<Response> {
    let found = version::find(cx).await?;
    let tags = Tags::from_bytes(found.attributes.tags.as_ref())?;
    let mut response = response::xml(Writer::document(ROOT, |w| tags.write(w)));
    let id = found.version_id.as_deref();
    version::write_id(response.headers_mut(), cx.bucket()?.versioning, id);
    Ok(response)
}
