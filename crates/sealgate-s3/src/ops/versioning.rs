//! PutBucketVersioning and GetBucketVersioning.

use http::StatusCode;
use sealgate_index::{IndexError, Versioning};

use crate::body::RequestBody;
use crate::document::Document as _;
use crate::error::{Code, Result, S3Error};
use crate::replication::Rules;
use crate::request::Authorized;
use crate::response::{self, Response};
use crate::xml::{Element, Writer};

const ROOT: &str = "VersioningConfiguration";

/// [PutBucketVersioning](https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketVersioning.html).
/// MFA delete is refused: there is no second factor that it could ask for.
pub(crate) async fn put(cx: &Authorized<'_>, body: &mut RequestBody) -> Result<Response> {
    let document = body.document(cx.request, cx.s3, 64 * 1024).await?;
    let root = Element::parse(&document, ROOT)?;
    root.only(&["Status", "MfaDelete"])?;
    match root.optional_text("MfaDelete")?.map(str::trim) {
        None | Some("Disabled") => {}
        Some("Enabled") => return Err(S3Error::not_implemented("MFA delete")),
        Some(_) => return Err(Code::MalformedXml.into()),
    }
    let versioning = match root.optional_text("Status")?.map(str::trim) {
        Some("Enabled") => Versioning::Enabled,
        Some("Suspended") => Versioning::Suspended,
        Some(_) => return Err(Code::MalformedXml.into()),
        None => return Err(Code::IllegalVersioningConfiguration.into()),
    };
    let replicates = cx.bucket()?.config.contains_key(Rules::KIND);
    if replicates && versioning != Versioning::Enabled {
        return Err(S3Error::new(
            Code::InvalidBucketState,
            "A replication configuration is present on this bucket, so you cannot change the versioning state. To change the versioning state, first delete the replication configuration.",
        ));
    }
    let (index, bucket) = (cx.s3.index.clone(), cx.bucket()?.id);
    cx.recorded(async move {
        let set = index.set_versioning(bucket, versioning).await;
        set.map_err(|error| match error {
            IndexError::InvalidBucketState => S3Error::new(
                Code::InvalidBucketState,
                "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.",
            ),
            error => error.into(),
        })
    })
    .await?;
    Ok(response::empty(StatusCode::OK))
}

/// [GetBucketVersioning](https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketVersioning.html):
/// a bucket that never had versions says nothing.
pub(crate) fn get(cx: &Authorized<'_>) -> Result<Response> {
    let status = match cx.bucket()?.versioning {
        Versioning::Off => None,
        Versioning::Enabled => Some("Enabled"),
        Versioning::Suspended => Some("Suspended"),
    };
    Ok(response::xml(Writer::document(ROOT, |w| {
        w.optional("Status", status);
    })))
}
