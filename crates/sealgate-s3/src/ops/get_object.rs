//! GetObject and HeadObject.

use std::ops::Range;

use http::{HeaderMap, HeaderValue, StatusCode, header};
use sealgate_index::{Body, Found, Version};
use sealgate_sse::{CustomerKey, Envelope};
use sealgate_wire::checksum::{Checksum, ChecksumAlgorithm, ChecksumType};

use super::upload::MAX_PART;
use crate::attributes;
use crate::conditions::{self, Verdict};
use crate::error::{Code, Result, S3Error};
use crate::lifecycle;
use crate::meta::{ObjectMeta, insert};
use crate::range;
use crate::reader::ObjectReader;
use crate::replication;
use crate::request::Authorized;
use crate::response::{self, Response, write_validators};
use crate::version;

/// An object that is about to be read, with everything decided but the key.
struct Selected {
    version: Version,
    /// Whether it is the current one.
    is_latest: bool,
    meta: ObjectMeta,
    envelope: Envelope,
    customer: Option<CustomerKey>,
    /// The bytes to send; `None` for all of them with status 200.
    range: Option<Range<u64>>,
    /// The part that was asked for: its place in the body's list, if the body has one.
    part: Option<usize>,
    not_modified: bool,
}

/// [GetObject](https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html).
pub(crate) async fn get(cx: &Authorized<'_>) -> Result<Response> {
    let selected = select(cx).await?;
    if selected.not_modified {
        return not_modified(cx, &selected);
    }
    // The key first: a caller without it learns nothing of the body.
    let keys = cx
        .s3
        .sse
        .open(
            &cx.kms_call(),
            cx.place()?,
            &selected.envelope,
            selected.customer.as_ref(),
        )
        .await?;
    let mut response = head_of(cx, &selected)?;
    let range = selected.range.clone().unwrap_or(0..selected.version.size);
    let reader = ObjectReader::new(
        &cx.s3.blobs,
        &selected.version,
        keys,
        range,
        &cx.s3.failures,
    );
    *response.body_mut() = reader.into_body().await?;
    Ok(response)
}

/// [HeadObject](https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html).
pub(crate) async fn head(cx: &Authorized<'_>) -> Result<Response> {
    let selected = select(cx).await?;
    if selected.not_modified {
        return not_modified(cx, &selected);
    }
    if wants_checksum(cx)? && selected.envelope.kms().is_some() {
        // A checksum tells something of the content, so it is shown to who may decrypt.
        cx.s3
            .sse
            .open(&cx.kms_call(), cx.place()?, &selected.envelope, None)
            .await?;
    }
    head_of(cx, &selected)
}

async fn select(cx: &Authorized<'_>) -> Result<Selected> {
    let headers = &cx.request.parts.headers;
    let Found { version, is_latest } = version::find_placed(cx).await?;
    let meta = ObjectMeta::from_bytes(&version.meta)?;
    let envelope = Envelope::from_bytes(&version.envelope)?;
    let customer = read_key(cx, &envelope)?;
    let part_number = part_number(cx)?;
    let not_modified =
        match conditions::judge(headers, &conditions::READ, &version.etag, version.modified) {
            Verdict::Proceed => false,
            Verdict::NotModified(_) => true,
            Verdict::Failed(condition) => return Err(conditions::failed(condition)),
        };
    let (range, part) = match part_number {
        // What the client has already is not selected from.
        _ if not_modified => (None, None),
        Some(number) => {
            let (range, part) = part_range(&version, &meta, number)?;
            (Some(range), part)
        }
        None => (byte_range(headers, &version)?, None),
    };
    Ok(Selected {
        version,
        is_latest,
        meta,
        envelope,
        customer,
        range,
        part,
        not_modified,
    })
}

/// The part that is asked for.
fn part_number(cx: &Authorized<'_>) -> Result<Option<u64>> {
    let Some(text) = cx.request.query.get("partNumber") else {
        return Ok(None);
    };
    if cx.request.parts.headers.contains_key(header::RANGE) {
        return Err(S3Error::invalid_request(
            "Cannot specify both Range header and partNumber query parameter",
        ));
    }
    match text.parse() {
        Ok(number) if (1..=MAX_PART).contains(&number) => Ok(Some(number)),
        _ => Err(S3Error::argument(
            "partNumber",
            text,
            "Part number must be an integer between 1 and 10000, inclusive",
        )),
    }
}

/// The bytes that `Range` asks for, if it counts.
fn byte_range(headers: &HeaderMap, version: &Version) -> Result<Option<Range<u64>>> {
    let range = headers
        .get(header::RANGE)
        .and_then(|value| value.to_str().ok());
    match range {
        Some(range) if conditions::range_applies(headers, &version.etag, version.modified) => {
            range::of_read(range, version.size)
        }
        _ => Ok(None),
    }
}

/// The customer key of a read, which must fit the object. Nothing of the body is read.
pub(crate) fn read_key(cx: &Authorized<'_>, envelope: &Envelope) -> Result<Option<CustomerKey>> {
    let customer = sealgate_sse::parse_read(&cx.request.parts.headers)?;
    envelope.check_customer_key(cx.place()?, customer.as_ref())?;
    if envelope.kms().is_some() && !cx.request.may_use_kms() {
        return Err(S3Error::kms_needs_signature());
    }
    Ok(customer)
}

/// The bytes of a part. An object that was not uploaded in parts has one.
fn part_range(
    version: &Version,
    meta: &ObjectMeta,
    number: u64,
) -> Result<(Range<u64>, Option<usize>)> {
    let unsatisfiable = || {
        S3Error::from(Code::InvalidPartNumber)
            .with("ActualPartCount", meta.parts.unwrap_or(1).to_string())
            .with("PartNumberRequested", number.to_string())
    };
    let (Some(_), Body::Parts(parts)) = (meta.parts, &version.body) else {
        return if number == 1 {
            Ok((0..version.size, None))
        } else {
            Err(unsatisfiable())
        };
    };
    let index = usize::try_from(number - 1).map_err(|_| unsatisfiable())?;
    let part = parts.get(index).ok_or_else(unsatisfiable)?;
    let start: u64 = parts.iter().take(index).map(|p| p.size).sum();
    Ok((start..start + part.size, Some(index)))
}

fn wants_checksum(cx: &Authorized<'_>) -> Result<bool> {
    match cx.request.header("x-amz-checksum-mode")? {
        None => Ok(false),
        Some(mode) if mode.eq_ignore_ascii_case("enabled") => Ok(true),
        Some(mode) => Err(S3Error::argument(
            "x-amz-checksum-mode",
            mode,
            "The checksum mode is not valid.",
        )),
    }
}

/// Status and headers, the same for GET and HEAD.
fn head_of(cx: &Authorized<'_>, selected: &Selected) -> Result<Response> {
    let Selected {
        version,
        is_latest,
        meta,
        envelope,
        customer,
        range,
        part,
        ..
    } = selected;
    let mut response = response::empty(StatusCode::OK);
    let headers = response.headers_mut();
    meta.write_headers(headers);
    write_validators(headers, &version.etag, version.modified);
    let id = version.version_id.as_deref();
    version::write_id(headers, cx.bucket()?.versioning, id);
    attributes::write_headers(cx, version, headers)?;
    if let Some(status) = version.replication {
        insert(
            headers,
            replication::STATUS,
            replication::status_name(status),
        );
    }
    if *is_latest {
        lifecycle::write_expiration(headers, cx.bucket()?, version);
    }
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    for (name, value) in envelope.response_headers(customer.as_ref(), false) {
        headers.insert(name, value);
    }
    let length = range
        .as_ref()
        .map_or(version.size, |range| range.end - range.start);
    headers.insert(header::CONTENT_LENGTH, length.into());
    if let Some(range) = range
        && length > 0
    {
        let value = format!("bytes {}-{}/{}", range.start, range.end - 1, version.size);
        insert(headers, "content-range", &value);
    }
    if let (Some(parts), true) = (meta.parts, cx.request.query.has("partNumber")) {
        insert(headers, "x-amz-mp-parts-count", &parts.to_string());
    }
    if wants_checksum(cx)? {
        let algorithm = version
            .checksum_algorithm
            .as_deref()
            .and_then(ChecksumAlgorithm::parse);
        let kind = version
            .checksum_type
            .as_deref()
            .and_then(ChecksumType::parse);
        let value = match (range, part, &version.body) {
            (None, ..) => meta.checksum_text(kind),
            // A part has a checksum of its own; an arbitrary range has none.
            (Some(_), Some(part), Body::Parts(parts)) => parts
                .get(*part)
                .and_then(|part| part.checksum.clone())
                .zip(algorithm)
                .map(|(value, algorithm)| Checksum { algorithm, value }.to_base64()),
            (Some(range), ..) if *range == (0..version.size) => meta.checksum_text(kind),
            _ => None,
        };
        if let (Some(algorithm), Some(value)) = (algorithm, value) {
            insert(headers, algorithm.header(), &value);
            insert(
                headers,
                "x-amz-checksum-type",
                kind.map_or("FULL_OBJECT", ChecksumType::name),
            );
        }
    }
    response::write_overrides(headers, &cx.request.query, cx.request.anonymous)?;
    if range.is_some() && length > 0 {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    response.extensions_mut().insert(envelope.mode());
    Ok(response)
}

fn not_modified(cx: &Authorized<'_>, selected: &Selected) -> Result<Response> {
    let mut response = response::empty(StatusCode::NOT_MODIFIED);
    let headers = response.headers_mut();
    write_validators(headers, &selected.version.etag, selected.version.modified);
    let id = selected.version.version_id.as_deref();
    version::write_id(headers, cx.bucket()?.versioning, id);
    // What caches want to know again (RFC 9110, 15.4.5).
    for name in ["cache-control", "expires"] {
        if let Some(value) = selected.meta.system.get(name) {
            insert(headers, name, value);
        }
    }
    Ok(response)
}
