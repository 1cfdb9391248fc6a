//! Settings of a bucket that are one word: who pays for requests, whether transfers are accelerated, and whether its
//! tags decide about access.

use sealgate_index::Bucket;
use serde::{Deserialize, Serialize};

use crate::body::RequestBody;
use crate::document::{self, Document};
use crate::error::{Code, Result, S3Error};
use crate::request::Authorized;
use crate::response::{self, Response};
use crate::xml::{Element, Writer};

/// `RequestPaymentConfiguration`. Nobody is charged here; but where the requester would pay, as at AWS nobody is
/// served who has not said so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Payer {
    BucketOwner,
    Requester,
}

impl Document for Payer {
    const KIND: &'static str = "request-payment";
    const ROOT: &'static str = "RequestPaymentConfiguration";
    // Not answered: without a document the owner pays.
    const MISSING: Code = Code::NoSuchConfiguration;

    fn parse(root: &Element) -> Result<Self> {
        root.only(&["Payer"])?;
        match root.required_text("Payer")? {
            "BucketOwner" => Ok(Self::BucketOwner),
            "Requester" => Ok(Self::Requester),
            _ => Err(Code::MalformedXml.into()),
        }
    }

    fn write(&self, w: &mut Writer) {
        let payer = match self {
            Self::BucketOwner => "BucketOwner",
            Self::Requester => "Requester",
        };
        w.text("Payer", payer);
    }
}

/// [GetBucketRequestPayment](https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketRequestPayment.html).
pub(crate) fn payment(cx: &Authorized<'_>) -> Result<Response> {
    let payer = Payer::of(cx.bucket()?)?.unwrap_or(Payer::BucketOwner);
    Ok(document::answer(&payer))
}

/// `AccelerateConfiguration`. There are no edge locations, so that it is kept and changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Acceleration {
    Enabled,
    Suspended,
}

impl Document for Acceleration {
    const KIND: &'static str = "accelerate";
    const ROOT: &'static str = "AccelerateConfiguration";
    // Not answered: a bucket without a document says nothing.
    const MISSING: Code = Code::NoSuchConfiguration;

    fn parse(root: &Element) -> Result<Self> {
        root.only(&["Status"])?;
        match root.required_text("Status")? {
            "Enabled" => Ok(Self::Enabled),
            "Suspended" => Ok(Self::Suspended),
            _ => Err(Code::MalformedXml.into()),
        }
    }

    fn write(&self, w: &mut Writer) {
        let status = match self {
            Self::Enabled => "Enabled",
            Self::Suspended => "Suspended",
        };
        w.text("Status", status);
    }
}

/// [PutBucketAccelerateConfiguration](https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketAccelerateConfiguration.html).
pub(crate) async fn put_acceleration(
    cx: &Authorized<'_>,
    body: &mut RequestBody,
) -> Result<Response> {
    if cx.bucket()?.name.contains('.') {
        return Err(S3Error::invalid_request(
            "S3 Transfer Acceleration is not supported for buckets with periods (.) in their names",
        ));
    }
    document::put::<Acceleration>(cx, body).await
}

/// [GetBucketAccelerateConfiguration](https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketAccelerateConfiguration.html):
/// a bucket where it was never set says nothing.
pub(crate) fn acceleration(cx: &Authorized<'_>) -> Result<Response> {
    let status = Acceleration::of(cx.bucket()?)?;
    Ok(match status {
        Some(status) => document::answer(&status),
        None => response::xml(Writer::document(Acceleration::ROOT, |_| ())),
    })
}

/// `AbacStatus`: whether policies see the tags of the bucket
/// ([ABAC](https://docs.aws.amazon.com/AmazonS3/latest/userguide/buckets-tagging-enable-abac.html)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Abac {
    Enabled,
    Disabled,
}

impl Abac {
    /// Whether it is enabled for a bucket.
    pub(crate) fn is_enabled(bucket: &Bucket) -> Result<bool> {
        Ok(Self::of(bucket)? == Some(Self::Enabled))
    }
}

impl Document for Abac {
    const KIND: &'static str = "abac";
    const ROOT: &'static str = "AbacStatus";
    // Not answered: without a document it is disabled.
    const MISSING: Code = Code::NoSuchConfiguration;

    fn parse(root: &Element) -> Result<Self> {
        root.only(&["Status"])?;
        match root.required_text("Status")? {
            "Enabled" => Ok(Self::Enabled),
            "Disabled" => Ok(Self::Disabled),
            _ => Err(Code::MalformedXml.into()),
        }
    }

    fn write(&self, w: &mut Writer) {
        let status = match self {
            Self::Enabled => "Enabled",
            Self::Disabled => "Disabled",
        };
        w.text("Status", status);
    }
}

/// [GetBucketAbac](https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketAbac.html).
pub(crate) fn abac(cx: &Authorized<'_>) -> Result<Response> {
    let status = Abac::of(cx.bucket()?)?.unwrap_or(Abac::Disabled);
    Ok(document::answer(&status))
}
