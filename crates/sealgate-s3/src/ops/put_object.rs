//! PutObject, and what it shares with PostObject.

use std::ops::RangeInclusive;

use bytes::Bytes;
use http::StatusCode;
use http_body::Body;
use sealgate_index::{IndexError, NewVersion, WriteCondition};
use sealgate_sse::{Envelope, Mode, SseError, WriteMode};
use sealgate_wire::checksum::{Checksum, ChecksumAlgorithm, ChecksumType};
use sealgate_wire::payload::{PayloadReader, PayloadSpec};

use crate::attributes;
use crate::body::RequestBody;
use crate::conditions;
use crate::error::{Code, Result, S3Error};
use crate::lifecycle;
use crate::meta::{ObjectMeta, insert};
use crate::notification::names::Happening;
use crate::operation::Operation;
use crate::request::Authorized;
use crate::response::{self, Response, quoted};
use crate::version;
use crate::writer::{self, BodyWriter, Ingested};

/// [PutObject](https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html).
pub(crate) async fn run(cx: &Authorized<'_>, body: &mut RequestBody) -> Result<Response> {
    let spec = body.spec(cx.request, cx.s3)?;
    let length = writer::declared_length(&spec)?;
    store(cx, spec, length..=length, |spec| body.reader(spec)).await
}

/// Store a body, of a length in this range, under the request's key, as its headers say. The body
/// is not touched before everything that can be refused without it has been judged.
pub(crate) async fn store<B>(
    cx: &Authorized<'_>,
    mut spec: PayloadSpec,
    length: RangeInclusive<u64>,
    open: impl FnOnce(PayloadSpec) -> PayloadReader<B>,
) -> Result<Response>
where
    B: Body<Data = Bytes> + Unpin,
{
    let s3 = cx.s3;
    let headers = &cx.request.parts.headers;
    let mut meta = ObjectMeta::from_headers(headers)?;
    let condition = conditions::of_write(headers)?;
    let attributes = attributes::of_new_object(cx)?;
    attributes::check_digest(cx)?;
    let mode = write_mode(cx)?;
    let algorithm = wanted_algorithm(cx, spec.algorithm())?;
    precheck(cx, &condition).await?;
    let happening = match cx.request.op {
        Operation::PostObject => Happening::Post,
        _ => Happening::Put,
    };
    let mut events = cx.events(cx.key()?, &[happening]).await?;
    events.extend(cx.replicates_new(cx.key()?, attributes.tags.as_ref(), mode.needs_kms())?);
    let (keys, envelope) = s3.sse.seal(&cx.kms_call(), cx.place()?, &mode).await?;

    meta.etag_is_md5 = mode.mode() == Mode::S3;
    spec.want_md5 = meta.etag_is_md5;
    spec.want = Some(algorithm);
    let class = attributes.storage_class.as_deref();
    let sink = BodyWriter::new(s3, &keys, Some(*length.end()), class)?;
    let Ingested {
        stored, digests, ..
    } = writer::ingest(open(spec), sink, None).await?;
    if stored.size < *length.start() {
        return Err(S3Error::from(Code::EntityTooSmall)
            .with("ProposedSize", stored.size.to_string())
            .with("MinSizeAllowed", length.start().to_string()));
    }

    let etag = match digests.md5.filter(|_| meta.etag_is_md5) {
        Some(md5) => hex::encode(md5),
        None => writer::opaque_etag()?,
    };
    meta.checksum = digests.checksum.as_ref().map(Checksum::to_base64);
    let version = NewVersion {
        key: cx.key()?.to_owned(),
        size: stored.size,
        etag: etag.clone(),
        checksum_algorithm: digests
            .checksum
            .as_ref()
            .map(|c| c.algorithm.name().to_owned()),
        checksum_type: digests
            .checksum
            .as_ref()
            .map(|_| ChecksumType::FullObject.name().to_owned()),
        body: stored.body(&etag),
        meta: meta.to_bytes()?,
        envelope: envelope.to_bytes()?.into(),
        attributes,
    };
    let (index, bucket_id) = (s3.index.clone(), cx.bucket()?.id);
    let header = conditions::header_of(&condition);
    let written = writer::to_the_end(async move {
        let outcome = index
            .put_version(bucket_id, version, condition, None, events)
            .await;
        stored.settle(&outcome);
        outcome.map_err(|error| refused(error, header))
    })
    .await?;

    let mut response = response::empty(StatusCode::OK);
    let answer = response.headers_mut();
    insert(answer, "etag", &quoted(&etag));
    version::write_written(answer, &written);
    lifecycle::write_expiration(answer, cx.bucket()?, &written.version);
    attributes::write_class(answer, &written.version.attributes);
    write_encryption(&mut response, &envelope, Some(&mode));
    if let Some(checksum) = &digests.checksum {
        let answer = response.headers_mut();
        insert(answer, checksum.algorithm.header(), &checksum.to_base64());
        insert(
            answer,
            "x-amz-checksum-type",
            ChecksumType::FullObject.name(),
        );
    }
    Ok(response)
}

/// The algorithm of the object's checksum where the client sends no checksum: the one that it
/// names, else S3's own choice.
fn wanted_algorithm(
    cx: &Authorized<'_>,
    sent: Option<ChecksumAlgorithm>,
) -> Result<ChecksumAlgorithm> {
    const HEADER: &str = "x-amz-checksum-algorithm";
    let Some(name) = cx.request.header(HEADER)? else {
        return Ok(ChecksumAlgorithm::Crc64Nvme);
    };
    let named = super::upload::parse_algorithm(name)?;
    if sent.is_some_and(|sent| sent != named) {
        return Err(S3Error::invalid_request(format!(
            "Value for {HEADER} header is invalid."
        )));
    }
    Ok(named)
}

/// The encryption that takes effect for a write: the headers', else the bucket's default.
pub(crate) fn write_mode(cx: &Authorized<'_>) -> Result<WriteMode> {
    let settings = cx.encryption()?;
    let headers = &cx.request.parts.headers;
    let requested = match sealgate_sse::parse_write(headers, settings.blocks_customer_keys) {
        Err(SseError::CustomerKeysBlocked) => return Err(customer_keys_blocked(cx)),
        outcome => outcome?,
    };
    let mode = requested.effective(&settings)?;
    if mode.needs_kms() && !cx.request.may_use_kms() {
        return Err(S3Error::kms_needs_signature());
    }
    Ok(mode)
}

/// The bucket blocks SSE-C, in
/// [AWS's words](https://docs.aws.amazon.com/AmazonS3/latest/userguide/troubleshoot-403-errors.html).
pub(crate) fn customer_keys_blocked(cx: &Authorized<'_>) -> S3Error {
    let caller = &cx.request.caller.principal.arn;
    let action = cx.request.op.action();
    let resource = cx.place().map(|place| place.arn()).unwrap_or_default();
    S3Error::new(
        Code::AccessDenied,
        format!(
            "User: {caller} is not authorized to perform: {action} on resource: \"{resource}\" because this bucket has blocked upload requests that specify Server Side Encryption with Customer provided keys (SSE-C). Please specify a different server-side encryption type"
        ),
    )
}

/// Refuse a conditional write before its body is read where that can be told already.
pub(crate) async fn precheck(cx: &Authorized<'_>, condition: &WriteCondition) -> Result<()> {
    match condition {
        WriteCondition::None => return Ok(()),
        WriteCondition::IfNoneMatchAny => {}
        // The outcome tells the entity tag, which only readers may know
        // (https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html).
        WriteCondition::IfMatch(_) => cx.may("s3:GetObject", &cx.place()?.arn())?,
    }
    let current = cx.s3.index.get_version(cx.bucket()?.id, cx.key()?).await?;
    conditions::precheck(condition, current.as_ref().map(|v| v.etag.as_str()))
}

/// What the index refuses of a write with a condition in this header, in S3's words.
pub(crate) fn refused(error: IndexError, header: &'static str) -> S3Error {
    match error {
        IndexError::PreconditionFailed => conditions::failed(header),
        error => error.into(),
    }
}

/// Tell in an answer how the object is encrypted.
pub(crate) fn write_encryption(
    response: &mut Response,
    envelope: &Envelope,
    written: Option<&WriteMode>,
) {
    let customer = written.and_then(WriteMode::customer_key);
    for (name, value) in envelope.response_headers(customer, written.is_some()) {
        response.headers_mut().insert(name, value);
    }
    response.extensions_mut().insert(envelope.mode());
}
