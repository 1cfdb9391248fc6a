//! Configuration documents of a bucket: XML towards the client, JSON in the index.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use http::StatusCode;
use sealgate_index::Bucket;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::body::RequestBody;
use crate::error::{Code, Result, S3Error};
use crate::request::Authorized;
use crate::response::{self, Response};
use crate::xml::{Element, Writer};

/// Longest document that a request may carry, in bytes; the longest that S3 has are lifecycle
/// configurations of 1000 rules.
const MAX_DOCUMENT: usize = 1 << 20;

/// A configuration document of a bucket.
pub(crate) trait Document: Serialize + DeserializeOwned + Send + 'static {
    /// Its kind in the index.
    const KIND: &'static str;
    /// The root element of its XML.
    const ROOT: &'static str;
    /// What a read answers where none was put.
    const MISSING: Code;

    /// From the XML of a request. What S3 would not take is refused.
    fn parse(root: &Element) -> Result<Self>;

    /// The content of the root element.
    fn write(&self, w: &mut Writer);

    /// The document of a bucket. One that cannot be read is an error: what it says might forbid
    /// what is about to happen.
    fn of(bucket: &Bucket) -> Result<Option<Self>> {
        let Some(json) = bucket.config.get(Self::KIND) else {
            return Ok(None);
        };
        serde_json::from_slice(json).map(Some).map_err(|error| {
            tracing::error!(bucket = bucket.name, kind = Self::KIND, %error, "a configuration document is damaged");
            Code::InternalError.into()
        })
    }

    /// As it stands in the index.
    fn to_bytes(&self) -> Result<Bytes> {
        let json = serde_json::to_vec(self).map_err(|_| Code::InternalError)?;
        Ok(json.into())
    }
}

/// Documents of one kind, parsed once, by the bucket's id. Clones share them.
pub(crate) struct DocumentCache<D>(Arc<RwLock<HashMap<i64, Parsed<D>>>>);

/// A document as it is stored, and what it says.
type Parsed<D> = (Bytes, Arc<D>);

impl<D> Clone for DocumentCache<D> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<D> Default for DocumentCache<D> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<D: Document> DocumentCache<D> {
    /// Buckets whose document is kept parsed.
    const MAX: usize = 4096;

    /// As [`Document::of`].
    pub(crate) fn get(&self, bucket: &Bucket) -> Result<Option<Arc<D>>> {
        let Some(json) = bucket.config.get(D::KIND) else {
            return Ok(None);
        };
        {
            let cached = self.0.read().unwrap_or_else(PoisonError::into_inner);
            if let Some((of, parsed)) = cached.get(&bucket.id)
                && of == json
            {
                return Ok(Some(parsed.clone()));
            }
        }
        let Some(parsed) = D::of(bucket)? else {
            return Ok(None);
        };
        let parsed = Arc::new(parsed);
        let mut cached = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if cached.len() >= Self::MAX && !cached.contains_key(&bucket.id) {
            cached.clear();
        }
        cached.insert(bucket.id, (json.clone(), parsed.clone()));
        Ok(Some(parsed))
    }
}

/// Read the document of a request.
pub(crate) async fn receive<D: Document>(cx: &Authorized<'_>, body: &mut RequestBody) -> Result<D> {
    let xml = body.document(cx.request, cx.s3, MAX_DOCUMENT).await?;
    D::parse(&Element::parse(&xml, D::ROOT)?)
}

/// Store a document, or take it away, and leave that in the audit trail.
pub(crate) async fn store<D: Document>(cx: &Authorized<'_>, document: Option<&D>) -> Result<()> {
    let body = document.map(D::to_bytes).transpose()?;
    let (index, bucket_id) = (cx.s3.index.clone(), cx.bucket()?.id);
    cx.recorded(async move { Ok(index.put_bucket_config(bucket_id, D::KIND, body).await?) })
        .await
}

/// PUT of a document that needs no more than to be understood.
pub(crate) async fn put<D: Document>(
    cx: &Authorized<'_>,
    body: &mut RequestBody,
) -> Result<Response> {
    let document: D = receive(cx, body).await?;
    store(cx, Some(&document)).await?;
    Ok(response::empty(StatusCode::OK))
}

/// GET of a document.
pub(crate) fn get<D: Document>(cx: &Authorized<'_>) -> Result<Response> {
    let bucket = cx.bucket()?;
    let document = D::of(bucket)?
        .ok_or_else(|| S3Error::from(D::MISSING).with("BucketName", bucket.name.as_str()))?;
    Ok(answer(&document))
}

/// A document as an answer.
pub(crate) fn answer<D: Document>(document: &D) -> Response {
    response::xml(Writer::document(D::ROOT, |w| document.write(w)))
}

/// DELETE of a document, which is answered alike where there is none.
pub(crate) async fn delete<D: Document>(cx: &Authorized<'_>) -> Result<Response> {
    store::<D>(cx, None).await?;
    Ok(response::empty(StatusCode::NO_CONTENT))
}
