//! CreateMultipartUpload, AbortMultipartUpload, ListParts, and what all calls on an upload share.

use http::StatusCode;
use sealgate_index::{NewUpload, Upload};
use sealgate_sse::{CustomerKey, Envelope, Mode};
use sealgate_wire::checksum::{Checksum, ChecksumAlgorithm, ChecksumType};

use super::list_objects::{Encoding, Owner};
use super::put_object::{write_encryption, write_mode};
use crate::attributes::{self, STANDARD};
use crate::error::{Code, Result, S3Error};
use crate::lifecycle;
use crate::meta::{ObjectMeta, insert};
use crate::request::Authorized;
use crate::response::{self, Response, iso, quoted};
use crate::xml::Writer;

/// Highest part number.
pub(crate) const MAX_PART: u64 = 10_000;

/// An algorithm named in `x-amz-checksum-algorithm`.
pub(crate) fn parse_algorithm(name: &str) -> Result<ChecksumAlgorithm> {
    ChecksumAlgorithm::parse(name).ok_or_else(|| {
        S3Error::invalid_request(
            "Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, MD5, SHA1, SHA256, SHA512, XXHASH128, XXHASH3, XXHASH64]",
        )
    })
}

/// The algorithm and type that an upload names
/// ([checksums of multipart uploads](https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html)).
fn named_checksum(cx: &Authorized<'_>) -> Result<Option<(ChecksumAlgorithm, ChecksumType)>> {
    let algorithm = cx
        .request
        .header("x-amz-checksum-algorithm")?
        .map(parse_algorithm)
        .transpose()?;
    let kind = match cx.request.header("x-amz-checksum-type")? {
        None => None,
        Some(text) => Some(ChecksumType::parse(text).ok_or_else(|| {
            S3Error::invalid_request("Value for x-amz-checksum-type header is invalid.")
        })?),
    };
    let Some(algorithm) = algorithm else {
        return match kind {
            None => Ok(None),
            Some(_) => Err(S3Error::invalid_request(
                "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.",
            )),
        };
    };
    let kind = kind.unwrap_or(algorithm.default_type());
    if !algorithm.permits(kind) {
        return Err(S3Error::invalid_request(format!(
            "The {} checksum type cannot be used with the {} checksum algorithm.",
            kind.name(),
            algorithm.name().to_ascii_lowercase()
        )));
    }
    Ok(Some((algorithm, kind)))
}

/// [CreateMultipartUpload](https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateMultipartUpload.html).
pub(crate) async fn create(cx: &Authorized<'_>) -> Result<Response> {
    let mut meta = ObjectMeta::from_headers(&cx.request.parts.headers)?;
    let checksum = named_checksum(cx)?;
    let mode = write_mode(cx)?;
    meta.etag_is_md5 = false;
    // All parts share the data key, which is wrapped once, now.
    let (_, envelope) = cx.s3.sse.seal(&cx.kms_call(), cx.place()?, &mode).await?;
    let bucket = cx.bucket()?;
    let upload = cx
        .s3
        .index
        .create_upload(NewUpload {
            bucket_id: bucket.id,
            key: cx.key()?.to_owned(),
            initiator: cx.request.caller.principal.arn.clone(),
            owner: bucket.account_id.clone(),
            meta: meta.to_bytes()?,
            envelope: envelope.to_bytes()?.into(),
            attributes: attributes::of_new_object(cx)?,
            checksum_algorithm: checksum.map(|(algorithm, _)| algorithm.name().to_owned()),
            checksum_type: checksum.map(|(_, kind)| kind.name().to_owned()),
        })
        .await?;
    let mut response = response::xml(Writer::document("InitiateMultipartUploadResult", |w| {
        w.text("Bucket", &bucket.name);
        w.text("Key", &upload.key);
        w.text("UploadId", &upload.id);
    }));
    if let Some((algorithm, kind)) = checksum {
        insert(
            response.headers_mut(),
            "x-amz-checksum-algorithm",
            algorithm.name(),
        );
        insert(response.headers_mut(), "x-amz-checksum-type", kind.name());
    }
    lifecycle::write_abort(response.headers_mut(), bucket, &upload);
    write_encryption(&mut response, &envelope, Some(&mode));
    Ok(response)
}

/// An upload in progress, as the calls on it see it.
pub(crate) struct InProgress {
    pub(crate) upload: Upload,
    pub(crate) envelope: Envelope,
    /// What the upload named, if it named anything.
    pub(crate) checksum: Option<(ChecksumAlgorithm, ChecksumType)>,
}

impl InProgress {
    /// The upload that the request names.
    pub(crate) async fn find(cx: &Authorized<'_>) -> Result<Self> {
        let id = cx.request.query.get("uploadId").unwrap_or("");
        let upload = cx
            .s3
            .index
            .upload(cx.bucket()?.id, cx.key()?, id)
            .await
            .map_err(|error| {
                let error = S3Error::from(error);
                if error.kind() == Code::NoSuchUpload {
                    error.with("UploadId", id)
                } else {
                    error
                }
            })?;
        let envelope = Envelope::from_bytes(&upload.envelope)?;
        let checksum = upload
            .checksum_algorithm
            .as_deref()
            .and_then(ChecksumAlgorithm::parse)
            .zip(
                upload
                    .checksum_type
                    .as_deref()
                    .and_then(ChecksumType::parse),
            );
        Ok(Self {
            upload,
            envelope,
            checksum,
        })
    }

    /// The storage class of the object, if it is not the common one.
    pub(crate) fn class(&self) -> Option<&str> {
        self.upload.attributes.storage_class.as_deref()
    }

    /// The algorithm in which parts are summed: the named one; CRC64NVME where none was named,
    /// except under SSE-C, as S3 does it.
    pub(crate) fn part_algorithm(&self) -> Option<ChecksumAlgorithm> {
        match self.checksum {
            Some((algorithm, _)) => Some(algorithm),
            None if self.envelope.mode() == Mode::Customer => None,
            None => Some(ChecksumAlgorithm::Crc64Nvme),
        }
    }

    /// The type of the object's checksum.
    pub(crate) fn object_type(&self) -> ChecksumType {
        self.checksum
            .map_or(ChecksumType::FullObject, |(_, kind)| kind)
    }

    /// The customer key of the request, which must be the upload's. `required` where the call
    /// cannot do without.
    pub(crate) fn customer_key(
        &self,
        cx: &Authorized<'_>,
        required: bool,
    ) -> Result<Option<CustomerKey>> {
        let customer = sealgate_sse::parse_read(&cx.request.parts.headers)?;
        match (self.envelope.mode(), &customer) {
            (Mode::Customer, None) if required => Err(S3Error::invalid_request(
                "The multipart upload initiate requested encryption. Subsequent part requests must include the appropriate encryption parameters.",
            )),
            (Mode::Customer, Some(_)) => self
                .envelope
                .check_customer_key(cx.place()?, customer.as_ref())
                .map(|()| customer)
                .map_err(|_| {
                    S3Error::invalid_request(
                        "The provided encryption parameters did not match the ones used originally.",
                    )
                }),
            (Mode::Customer, None) => Ok(None),
            (_, Some(_)) => Err(S3Error::invalid_request(
                "The multipart upload initiate did not request encryption. Please resend the request without sending encryption parameters.",
            )),
            (_, None) => Ok(None),
        }
    }
}

impl InProgress {
    /// The customer key where checksums of the parts are shown or joined: they tell something of
    /// the content, so S3 wants the key if the upload named an algorithm, and no key otherwise.
    pub(crate) fn key_of_checksums(&self, cx: &Authorized<'_>) -> Result<()> {
        self.customer_key(cx, self.checksum.is_some()).map(|_| ())
    }
}

/// [AbortMultipartUpload](https://docs.aws.amazon.com/AmazonS3/latest/API/API_AbortMultipartUpload.html).
pub(crate) async fn abort(cx: &Authorized<'_>) -> Result<Response> {
    let upload = InProgress::find(cx).await?.upload;
    cx.s3
        .index
        .abort_upload(cx.bucket()?.id, cx.key()?, &upload.id)
        .await?;
    Ok(response::empty(StatusCode::NO_CONTENT))
}

/// [ListParts](https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListParts.html).
pub(crate) async fn list_parts(cx: &Authorized<'_>) -> Result<Response> {
    let encoding = Encoding::of(cx)?;
    let in_progress = InProgress::find(cx).await?;
    in_progress.key_of_checksums(cx)?;
    let limit = cx.request.page_size("max-parts")?;
    let marker = cx
        .request
        .number("part-number-marker", i32::MAX as u64)?
        .unwrap_or(0);
    let marker = u32::try_from(marker).unwrap_or(u32::MAX);
    let (parts, truncated) = cx
        .s3
        .index
        .list_parts(&in_progress.upload.id, marker, limit)
        .await?;
    let owner = Owner::of_bucket(cx).await?;
    let bucket = cx.bucket()?;
    let algorithm = in_progress.part_algorithm();
    let mut response = response::xml(Writer::document("ListPartsResult", |w| {
        w.text("Bucket", &bucket.name);
        w.text("Key", encoding.show(&in_progress.upload.key));
        w.text("UploadId", &in_progress.upload.id);
        w.element("Initiator", |w| {
            let arn = &in_progress.upload.initiator;
            w.text("ID", arn);
            w.text("DisplayName", arn.rsplit('/').next().unwrap_or(arn));
        });
        owner.write(w, "Owner");
        w.text("StorageClass", in_progress.class().unwrap_or(STANDARD));
        if let Some((algorithm, kind)) = in_progress.checksum {
            w.text("ChecksumAlgorithm", algorithm.name());
            w.text("ChecksumType", kind.name());
        }
        w.value("PartNumberMarker", marker);
        w.value(
            "NextPartNumberMarker",
            parts.last().map_or(marker, |p| p.part.number),
        );
        w.value("MaxParts", limit);
        w.value("IsTruncated", truncated);
        encoding.write(w);
        for stored in &parts {
            w.element("Part", |w| {
                w.value("PartNumber", stored.part.number);
                w.text("LastModified", iso(stored.modified));
                w.text("ETag", quoted(&stored.part.etag));
                w.value("Size", stored.part.size);
                if let (Some(algorithm), Some(value)) = (algorithm, &stored.part.checksum) {
                    let sum = Checksum {
                        algorithm,
                        value: value.clone(),
                    };
                    w.text(algorithm.element(), sum.to_base64());
                }
            });
        }
    }));
    lifecycle::write_abort(response.headers_mut(), bucket, &in_progress.upload);
    Ok(response)
}
