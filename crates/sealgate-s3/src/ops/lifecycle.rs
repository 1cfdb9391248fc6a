//! PutBucketLifecycleConfiguration, GetBucketLifecycleConfiguration, DeleteBucketLifecycle.

use http::StatusCode;

use crate::body::RequestBody;
use crate::document::{self, Document as _};
use crate::error::{Result, S3Error};
use crate::lifecycle::{MinimumSize, Rules};
use crate::meta::insert;
use crate::request::Authorized;
use crate::response::{self, Response};

const MINIMUM_SIZE: &str = "x-amz-transition-default-minimum-object-size";

/// [PutBucketLifecycleConfiguration](https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketLifecycleConfiguration.html).
pub(crate) async fn put(cx: &Authorized<'_>, body: &mut RequestBody) -> Result<Response> {
    let minimum_size = match cx.request.header(MINIMUM_SIZE)? {
        None => MinimumSize::default(),
        Some(text) => MinimumSize::parse(text).ok_or_else(|| {
            S3Error::argument(
                MINIMUM_SIZE,
                text,
                "The default minimum object size for transitions is not valid.",
            )
        })?,
    };
    let mut rules: Rules = document::receive(cx, body).await?;
    for class in rules.classes() {
        if !cx.s3.blobs.has_class(class) {
            let what = format!("A transition to {class}, for which this server has no store");
            return Err(S3Error::not_implemented(&what));
        }
    }
    rules.minimum_size = minimum_size;
    document::store(cx, Some(&rules)).await?;
    Ok(told(response::empty(StatusCode::OK), &rules))
}

/// [GetBucketLifecycleConfiguration](https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLifecycleConfiguration.html).
pub(crate) fn get(cx: &Authorized<'_>) -> Result<Response> {
    let bucket = cx.bucket()?;
    let rules = Rules::of(bucket)?
        .ok_or_else(|| S3Error::from(Rules::MISSING).with("BucketName", bucket.name.as_str()))?;
    Ok(told(document::answer(&rules), &rules))
}

fn told(mut response: Response, rules: &Rules) -> Response {
    let size = rules.minimum_size.as_str();
    insert(response.headers_mut(), MINIMUM_SIZE, size);
    response
}
