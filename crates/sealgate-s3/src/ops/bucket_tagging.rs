//! PutBucketTagging, GetBucketTagging, DeleteBucketTagging.

use http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::body::RequestBody;
use crate::document::{self, Document};
use crate::error::{Code, Result, S3Error};
use crate::ops::bucket_settings::Abac;
use crate::request::Authorized;
use crate::response::{self, Response};
use crate::tags::{MAX_BUCKET_TAGS, Tags};
use crate::xml::{Element, Writer};

/// The tags of a bucket.
#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct BucketTags(pub(crate) Tags);

impl Document for BucketTags {
    const KIND: &'static str = "tagging";
    const ROOT: &'static str = "Tagging";
    const MISSING: Code = Code::NoSuchTagSet;

    fn parse(root: &Element) -> Result<Self> {
        Tags::from_xml(root, MAX_BUCKET_TAGS).map(Self)
    }

    fn write(&self, w: &mut Writer) {
        self.0.write(w);
    }
}

/// [PutBucketTagging](https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketTagging.html).
pub(crate) async fn put(cx: &Authorized<'_>, body: &mut RequestBody) -> Result<Response> {
    check_abac(cx)?;
    let tags: BucketTags = document::receive(cx, body).await?;
    document::store(cx, Some(&tags)).await?;
    Ok(response::empty(StatusCode::NO_CONTENT))
}

/// [DeleteBucketTagging](https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucketTagging.html).
pub(crate) async fn delete(cx: &Authorized<'_>) -> Result<Response> {
    check_abac(cx)?;
    document::delete::<BucketTags>(cx).await
}

/// Where tags decide about access, setting them is another permission than to put labels on a bucket.
fn check_abac(cx: &Authorized<'_>) -> Result<()> {
    if Abac::is_enabled(cx.bucket()?)? {
        return Err(S3Error::invalid_request(
            "The tags of a bucket whose ABAC status is Enabled cannot be set by this operation.",
        ));
    }
    Ok(())
}
