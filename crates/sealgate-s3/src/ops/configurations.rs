//! Put, Get, Delete and List of the configurations of which a bucket may have many: of analytics, inventories,
//! metrics, and intelligent tiering.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;

use crate::body::RequestBody;
use crate::described::{self, INVENTORY, Kind};
use crate::error::{Code, Result, S3Error};
use crate::request::Authorized;
use crate::response::{self, Response};
use crate::xml::{Element, Writer};

/// Most of a kind.
const MAX: usize = 1000;
/// Most in an answer.
const PAGE: usize = 100;
/// Longest document of a request, in bytes.
const MAX_DOCUMENT: usize = 64 * 1024;

/// The id in the query.
fn id<'c>(cx: &'c Authorized<'_>) -> Result<&'c str> {
    let id = cx.request.query.get("id").unwrap_or_default();
    if described::is_id(id) {
        Ok(id)
    } else {
        Err(Code::InvalidConfigurationId.into())
    }
}

/// PUT of a configuration, new or instead of the one with its id.
pub(crate) async fn put(
    cx: &Authorized<'_>,
    body: &mut RequestBody,
    kind: &'static Kind,
) -> Result<Response> {
    let configuration = receive(cx, body, kind).await?;
    store(cx, kind, &configuration).await
}

/// PUT of an inventory: policies may ask for its fields.
pub(crate) async fn put_inventory(cx: &Authorized<'_>, body: &mut RequestBody) -> Result<Response> {
    let configuration = receive(cx, body, &INVENTORY).await?;
    let fields = configuration.optional("OptionalFields")?;
    let fields = fields.iter().flat_map(|fields| fields.all("Field"));
    cx.may_put_inventory(fields.map(|field| field.text.clone()).collect())?;
    store(cx, &INVENTORY, &configuration).await
}

async fn receive(
    cx: &Authorized<'_>,
    body: &mut RequestBody,
    kind: &'static Kind,
) -> Result<Element> {
    let id = id(cx)?.to_owned();
    let xml = body.document(cx.request, cx.s3, MAX_DOCUMENT).await?;
    let configuration = kind.parse(&xml)?;
    if configuration.required_text("Id")? != id {
        return Err(Code::IdMismatch.into());
    }
    Ok(configuration)
}

async fn store(
    cx: &Authorized<'_>,
    kind: &'static Kind,
    configuration: &Element,
) -> Result<Response> {
    let id = id(cx)?.to_owned();
    let stored = kind.to_stored(configuration).into();
    let (index, bucket) = (cx.s3.index.clone(), cx.bucket()?.id);
    cx.recorded(async move {
        let put = index.put_bucket_configuration(bucket, kind.name, &id, stored, MAX);
        Ok(put.await?)
    })
    .await?;
    Ok(response::empty(StatusCode::OK))
}

/// GET of a configuration.
pub(crate) async fn get(cx: &Authorized<'_>, kind: &'static Kind) -> Result<Response> {
    let (id, bucket) = (id(cx)?, cx.bucket()?.id);
    let found = cx.s3.index.bucket_configuration(bucket, kind.name, id);
    let stored = found.await?.ok_or(Code::NoSuchConfiguration)?;
    let configuration = kind.of_stored(&stored)?;
    Ok(response::xml(Writer::document(kind.root, |w| {
        described::write(&configuration, w);
    })))
}

/// DELETE of a configuration.
pub(crate) async fn delete(cx: &Authorized<'_>, kind: &'static Kind) -> Result<Response> {
    let (id, bucket) = (id(cx)?.to_owned(), cx.bucket()?.id);
    let index = cx.s3.index.clone();
    cx.recorded(async move {
        let removed = index.delete_bucket_configuration(bucket, kind.name, &id);
        if removed.await? {
            Ok(())
        } else {
            Err(Code::NoSuchConfiguration.into())
        }
    })
    .await?;
    Ok(response::empty(StatusCode::NO_CONTENT))
}

/// All configurations of a kind, in pages.
pub(crate) async fn list(cx: &Authorized<'_>, kind: &'static Kind) -> Result<Response> {
    let token = cx.request.query.get("continuation-token");
    let after = token.map(|token| {
        let id = URL_SAFE_NO_PAD.decode(token).ok();
        let id = id.and_then(|id| String::from_utf8(id).ok());
        id.filter(|id| described::is_id(id)).ok_or_else(|| {
            let message = "The continuation token provided is incorrect";
            S3Error::argument("continuation-token", token, message)
        })
    });
    let after = after.transpose()?;
    let mut found = cx
        .s3
        .index
        .bucket_configurations(cx.bucket()?.id, kind.name, after.as_deref(), PAGE + 1)
        .await?;
    let truncated = found.len() > PAGE;
    found.truncate(PAGE);
    let last = found.last().filter(|_| truncated);
    let next = last.map(|(id, _)| URL_SAFE_NO_PAD.encode(id));
    let configurations: Vec<_> = found
        .iter()
        .map(|(_, stored)| kind.of_stored(stored))
        .collect::<Result<_>>()?;
    Ok(response::xml(Writer::document(kind.listing, |w| {
        w.value("IsTruncated", truncated);
        w.optional("ContinuationToken", token);
        w.optional("NextContinuationToken", next);
        for configuration in &configurations {
            w.element(kind.root, |w| described::write(configuration, w));
        }
    })))
}
