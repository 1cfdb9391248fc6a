//! What the head of a request says of its body.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http::request::Parts;

use super::PayloadError;
use crate::checksum::{Checksum, ChecksumAlgorithm};
use crate::sigv4::{ChunkVerifier, Payload};

/// How long a client may send nothing.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// What is promised of a body, and what shall be computed of it.
#[derive(Debug)]
pub struct PayloadSpec {
    /// What the signature covers.
    pub payload: Payload,
    /// The verifier of a [`Payload::ChunkedSigned`].
    pub chunks: Option<ChunkVerifier>,
    /// The length of the plain body: `x-amz-decoded-content-length` for chunked ones, else
    /// `Content-Length`.
    pub decoded_length: Option<u64>,
    /// The most that will be read; beyond it the body is refused as `EntityTooLarge`.
    pub limit: Option<u64>,
    /// The MD5 of `Content-MD5`.
    pub content_md5: Option<[u8; 16]>,
    /// The checksum of an `x-amz-checksum-*` header.
    pub expected: Option<Checksum>,
    /// The checksum that the trailer will bring.
    pub trailer: Option<ChecksumAlgorithm>,
    /// Compute the MD5, for an ETag.
    pub want_md5: bool,
    /// Compute this checksum if the client sends none.
    pub want: Option<ChecksumAlgorithm>,
    /// How long a client may send nothing.
    pub idle_timeout: Duration,
}

impl PayloadSpec {
    /// Reads `Content-Length`, `x-amz-decoded-content-length`, `Content-MD5`, `x-amz-checksum-*`,
    /// `x-amz-sdk-checksum-algorithm` and `x-amz-trailer`.
    pub fn from_headers(
        parts: &Parts,
        payload: Payload,
        chunks: Option<ChunkVerifier>,
    ) -> Result<PayloadSpec, PayloadError> {
        let mut spec = Self::without_checksums(parts, payload, chunks)?;
        spec.expected = header_checksum(&parts.headers)?;
        spec.trailer = trailer(&parts.headers)?;
        if spec.expected.is_some() && spec.trailer.is_some() {
            return Err(several_checksums());
        }
        let carries_trailer = matches!(
            spec.payload,
            Payload::ChunkedSigned { trailer: true } | Payload::ChunkedUnsignedTrailer
        );
        if spec.trailer.is_some() && !carries_trailer {
            return Err(PayloadError::InvalidRequest(
                "x-amz-trailer needs an x-amz-content-sha256 that announces a trailer.".to_owned(),
            ));
        }
        check_sdk_algorithm(&parts.headers, &spec)?;
        Ok(spec)
    }

    /// As [`from_headers`](Self::from_headers), for `CompleteMultipartUpload`, whose `x-amz-checksum-*`
    /// headers describe the object and not the body.
    pub fn without_checksums(
        parts: &Parts,
        payload: Payload,
        chunks: Option<ChunkVerifier>,
    ) -> Result<PayloadSpec, PayloadError> {
        let headers = &parts.headers;
        let decoded_length = if payload.is_chunked() {
            const DECODED: &str = "x-amz-decoded-content-length";
            Some(length(headers, DECODED)?.ok_or(PayloadError::MissingContentLength)?)
        } else {
            length(headers, CONTENT_LENGTH.as_str())?
        };
        Ok(PayloadSpec {
            payload,
            chunks,
            decoded_length,
            limit: None,
            content_md5: content_md5(headers)?,
            expected: None,
            trailer: None,
            want_md5: false,
            want: None,
            idle_timeout: IDLE_TIMEOUT,
        })
    }

    /// The declared length, for operations that need one (`411 MissingContentLength`).
    pub fn require_length(&self) -> Result<u64, PayloadError> {
        self.decoded_length
            .ok_or(PayloadError::MissingContentLength)
    }

    /// The algorithm whose value [`super::Digests::checksum`] will hold.
    pub fn algorithm(&self) -> Option<ChecksumAlgorithm> {
        let expected = self.expected.as_ref().map(|checksum| checksum.algorithm);
        expected.or(self.trailer).or(self.want)
    }
}

fn several_checksums() -> PayloadError {
    PayloadError::InvalidRequest(
        "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
            .to_owned(),
    )
}

/// A header's value as text; one that is not text is no valid value of any of ours.
fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(|v| v.to_str().unwrap_or("?").trim())
}

fn length(headers: &HeaderMap, name: &'static str) -> Result<Option<u64>, PayloadError> {
    let Some(value) = text(headers, name) else {
        return Ok(None);
    };
    let digits = !value.is_empty() && value.bytes().all(|c| c.is_ascii_digit());
    match value.parse() {
        Ok(length) if digits => Ok(Some(length)),
        _ => Err(PayloadError::InvalidArgument {
            message: format!("{name} is not a length."),
            name,
            value: value.to_owned(),
        }),
    }
}

fn content_md5(headers: &HeaderMap) -> Result<Option<[u8; 16]>, PayloadError> {
    let Some(value) = text(headers, "content-md5") else {
        return Ok(None);
    };
    let md5 = STANDARD.decode(value).ok();
    match md5.and_then(|bytes| bytes.try_into().ok()) {
        Some(md5) => Ok(Some(md5)),
        None => Err(PayloadError::InvalidDigest {
            value: value.to_owned(),
        }),
    }
}

fn header_checksum(headers: &HeaderMap) -> Result<Option<Checksum>, PayloadError> {
    // Headers of this family that carry no value.
    const OTHERS: [&str; 3] = ["algorithm", "mode", "type"];
    let mut found: Option<Checksum> = None;
    for (header, value) in headers {
        let Some(name) = header.as_str().strip_prefix("x-amz-checksum-") else {
            continue;
        };
        if OTHERS.contains(&name) {
            continue;
        }
        if found.is_some() {
            return Err(several_checksums());
        }
        let Some(algorithm) = ChecksumAlgorithm::parse(name) else {
            return Err(unknown());
        };
        let checksum = value
            .to_str()
            .ok()
            .and_then(|text| Checksum::from_base64(algorithm, text));
        found = Some(checksum.ok_or_else(|| {
            PayloadError::InvalidRequest(format!("Value for {header} header is invalid."))
        })?);
    }
    Ok(found)
}

fn unknown() -> PayloadError {
    PayloadError::InvalidRequest(
        "The algorithm type you specified in x-amz-checksum- header is invalid.".to_owned(),
    )
}

fn trailer(headers: &HeaderMap) -> Result<Option<ChecksumAlgorithm>, PayloadError> {
    let mut found = None;
    for value in headers.get_all("x-amz-trailer") {
        for name in value.to_str().unwrap_or("?").split(',') {
            let name = name.trim().to_ascii_lowercase();
            let Some(ending) = name.strip_prefix("x-amz-checksum-") else {
                return Err(PayloadError::InvalidRequest(
                    "The value specified in the x-amz-trailer header is not supported".to_owned(),
                ));
            };
            let algorithm = ChecksumAlgorithm::parse(ending).ok_or_else(unknown)?;
            if found.replace(algorithm).is_some() {
                return Err(several_checksums());
            }
        }
    }
    Ok(found)
}

fn check_sdk_algorithm(headers: &HeaderMap, spec: &PayloadSpec) -> Result<(), PayloadError> {
    const HEADER: &str = "x-amz-sdk-checksum-algorithm";
    let Some(name) = text(headers, HEADER) else {
        return Ok(());
    };
    let Some(announced) = ChecksumAlgorithm::parse(name) else {
        return Err(PayloadError::InvalidRequest(format!(
            "Value for {HEADER} header is invalid."
        )));
    };
    match spec.algorithm() {
        Some(algorithm) if algorithm == announced => Ok(()),
        Some(_) => Err(PayloadError::InvalidRequest(format!(
            "Value for {HEADER} header is invalid."
        ))),
        None => Err(PayloadError::InvalidRequest(format!(
            "{HEADER} specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found."
        ))),
    }
}
