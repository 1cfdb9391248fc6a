//! UpdateObjectEncryption: another wrapping for the data key of a version, and nothing else. Body,
//! metadata, ETag and time stay as they are.

use http::StatusCode;
use sealgate_index::{EnvelopeChange, IndexError};
use sealgate_kms::EncryptionContext;
use sealgate_sse::{Envelope, Mode, WriteMode};

use super::put_object::write_encryption;
use crate::body::RequestBody;
use crate::error::{Code, Result, S3Error};
use crate::request::Authorized;
use crate::response::{self, Response};
use crate::version;
use crate::writer;
use crate::xml::Element;

/// [UpdateObjectEncryption](https://docs.aws.amazon.com/AmazonS3/latest/API/API_UpdateObjectEncryption.html):
/// to SSE-KMS, of what is under SSE-S3 or SSE-KMS. The caller may read the object with its old
/// key, write it with its new one, and put it.
pub(crate) async fn run(cx: &Authorized<'_>, body: &mut RequestBody) -> Result<Response> {
    if !cx.request.may_use_kms() {
        return Err(S3Error::kms_needs_signature());
    }
    let place = cx.place()?;
    cx.may("s3:PutObject", &place.arn())?;
    let document = body.document(cx.request, cx.s3, 64 * 1024).await?;
    let mode = parse(&Element::parse(&document, "ObjectEncryption")?)?;
    let found = version::find(cx).await?;
    let envelope = Envelope::from_bytes(&found.envelope)?;
    if !matches!(envelope.mode(), Mode::S3 | Mode::Kms) {
        return Err(S3Error::invalid_request(
            "The UpdateObjectEncryption operation doesn't support source objects with the encryption type DSSE-KMS or SSE-C. Only source objects encrypted with SSE-S3 or SSE-KMS are supported.",
        ));
    }
    let keys = cx
        .s3
        .sse
        .open(&cx.kms_call(), place, &envelope, None)
        .await?;
    let target = cx.s3.sse.wrap(&cx.kms_call(), place, &mode, &keys).await?;
    let change = EnvelopeChange {
        seq: found.seq,
        from: found.envelope,
        envelope: target.to_bytes()?.into(),
    };
    let (index, bucket) = (cx.s3.index.clone(), cx.bucket()?.id);
    let (key, named) = (cx.key()?.to_owned(), cx.request.version.clone());
    let changed = writer::to_the_end(async move {
        Ok(index
            .set_envelope(bucket, &key, named, change, Vec::new())
            .await)
    })
    .await?;
    let touched = changed.map_err(|error| match error {
        IndexError::Conflict => Code::OperationAborted.into(),
        error => version::missing(cx, error),
    })?;
    let mut response = response::empty(StatusCode::OK);
    write_encryption(&mut response, &target, Some(&mode));
    let id = touched.version_id.as_deref();
    version::write_id(response.headers_mut(), touched.versioning, id);
    Ok(response)
}

fn parse(root: &Element) -> Result<WriteMode> {
    root.only(&["SSE-KMS"])?;
    let Some(kms) = root.optional("SSE-KMS")? else {
        return Err(S3Error::invalid_request(
            "The UpdateObjectEncryption operation doesn't support updating the encryption type to DSSE-KMS or SSE-C. Modify the request to specify SSE-KMS for the updated encryption type, and then try again.",
        ));
    };
    kms.only(&["KMSKeyArn", "BucketKeyEnabled"])?;
    let key = kms.required_text("KMSKeyArn")?.trim();
    if !key.starts_with("arn:") {
        return Err(S3Error::invalid_request(
            "The UpdateObjectEncryption operation requires the full ARN of a KMS key.",
        ));
    }
    let bucket_key = match kms.optional_text("BucketKeyEnabled")?.map(str::trim) {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(Code::MalformedXml.into()),
    };
    Ok(WriteMode::Kms {
        key_id: Some(key.to_owned()),
        context: EncryptionContext::default(),
        bucket_key,
    })
}
