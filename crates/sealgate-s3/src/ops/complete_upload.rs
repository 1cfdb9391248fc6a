//! CompleteMultipartUpload: instant, because a body may be several blobs.

use md5::{Digest as _, Md5};
use sealgate_index::{Body, NewVersion, Part};
use sealgate_wire::checksum::{
    Checksum, ChecksumAlgorithm, ChecksumType, combine_crc, composite, composite_text,
};

use super::put_object::{precheck, refused, write_encryption};
use super::upload::{InProgress, MAX_PART};
use crate::body::RequestBody;
use crate::conditions::{self, unquote};
use crate::error::{Code, Result, S3Error};
use crate::lifecycle;
use crate::meta::ObjectMeta;
use crate::notification::names::Happening;
use crate::request::Authorized;
use crate::response::{self, Response, quoted};
use crate::version;
use crate::writer;
use crate::xml::{Element, Writer};

/// Ten thousand parts with their checksums.
const MAX_DOCUMENT: usize = 4 << 20;
/// Largest object
/// ([limits](https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html)).
const MAX_OBJECT: u64 = 50 << 40;

/// A part as the client lists it.
struct Listed {
    number: u32,
    etag: String,
    checksum: Option<Checksum>,
}

/// [CompleteMultipartUpload](https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html).
pub(crate) async fn run(cx: &Authorized<'_>, body: &mut RequestBody) -> Result<Response> {
    let condition = conditions::of_write(&cx.request.parts.headers)?;
    let in_progress = InProgress::find(cx).await?;
    in_progress.key_of_checksums(cx)?;
    precheck(cx, &condition).await?;
    if in_progress.envelope.kms().is_some() {
        // To make an object needs its key, as at AWS: who may not use the key any more, may not
        // finish what was begun.
        let (sse, place) = (&cx.s3.sse, cx.place()?);
        sse.open(&cx.kms_call(), place, &in_progress.envelope, None)
            .await?;
    }
    let document = body
        .unsummed_document(cx.request, cx.s3, MAX_DOCUMENT)
        .await?;
    let listed = parse(&document)?;
    let parts = choose(cx, &in_progress, &listed).await?;

    let size: u64 = parts.iter().map(|part| part.size).sum();
    if size > MAX_OBJECT {
        return Err(Code::EntityTooLarge.into());
    }
    if let Some(declared) = cx.request.header("x-amz-mp-object-size")?
        && declared.parse() != Ok(size)
    {
        return Err(S3Error::invalid_request(format!(
            "The provided 'x-amz-mp-object-size' header value {declared} does not match what was computed: {size}"
        )));
    }
    let etag = etag_of(&parts);
    let kind = in_progress.object_type();
    let checksum = checksum_of(&in_progress, &parts);
    check_expected(cx, checksum.as_ref(), kind, parts.len())?;

    let mut meta = ObjectMeta::from_bytes(&in_progress.upload.meta)?;
    meta.parts = u32::try_from(parts.len()).ok();
    meta.checksum = checksum.as_ref().map(Checksum::to_base64);
    let version = NewVersion {
        key: in_progress.upload.key.clone(),
        size,
        etag: etag.clone(),
        checksum_algorithm: checksum.as_ref().map(|c| c.algorithm.name().to_owned()),
        checksum_type: checksum.as_ref().map(|_| kind.name().to_owned()),
        body: Body::Parts(parts),
        meta: meta.to_bytes()?,
        envelope: in_progress.upload.envelope.clone(),
        attributes: in_progress.upload.attributes.clone(),
    };
    let chosen = listed
        .into_iter()
        .map(|part| (part.number, part.etag))
        .collect();
    let mut events = cx.events(&version.key, &[Happening::Complete]).await?;
    let (tags, kms) = (
        version.attributes.tags.as_ref(),
        in_progress.envelope.kms().is_some(),
    );
    events.extend(cx.replicates_new(&version.key, tags, kms)?);
    let (index, id) = (cx.s3.index.clone(), in_progress.upload.id.clone());
    let header = conditions::header_of(&condition);
    let written = writer::to_the_end(async move {
        index
            .complete_upload(&id, chosen, version, condition, events)
            .await
            .map_err(|error| refused(error, header))
    })
    .await?;

    let bucket = &cx.bucket()?.name;
    let key = &in_progress.upload.key;
    let mut response = response::xml(Writer::document("CompleteMultipartUploadResult", |w| {
        w.text("Location", location(cx, &sealgate_wire::encode_path(key)));
        w.text("Bucket", bucket);
        w.text("Key", key);
        w.text("ETag", quoted(&etag));
        if let Some(checksum) = &checksum {
            let text = match kind {
                ChecksumType::Composite => {
                    composite_text(checksum, meta.parts.unwrap_or(1) as usize)
                }
                ChecksumType::FullObject => checksum.to_base64(),
            };
            w.text(checksum.algorithm.element(), text);
            w.text("ChecksumType", kind.name());
        }
    }));
    version::write_written(response.headers_mut(), &written);
    lifecycle::write_expiration(response.headers_mut(), cx.bucket()?, &written.version);
    write_encryption(&mut response, &in_progress.envelope, None);
    Ok(response)
}

/// Where an object of the request's bucket is to be found, by its encoded key.
pub(crate) fn location(cx: &Authorized<'_>, path: &str) -> String {
    let parts = &cx.request.parts;
    let scheme = if cx.request.conn.secure {
        "https"
    } else {
        "http"
    };
    let host = parts.headers.get("host").and_then(|h| h.to_str().ok());
    let host = host
        .or_else(|| parts.uri.authority().map(|a| a.as_str()))
        .unwrap_or("localhost");
    // Under a host that names the bucket, the path is the key alone.
    let addressed = crate::router::target(Some(host), "/", &cx.s3.config.domains);
    match (addressed.ok().and_then(|t| t.bucket), &cx.request.bucket) {
        (None, Some(bucket)) => format!("{scheme}://{host}/{bucket}/{path}"),
        _ => format!("{scheme}://{host}/{path}"),
    }
}

fn parse(document: &[u8]) -> Result<Vec<Listed>> {
    let root = Element::parse(document, "CompleteMultipartUpload")?;
    root.only(&["Part"])?;
    let malformed = || S3Error::from(Code::MalformedXml);
    let mut listed: Vec<Listed> = Vec::with_capacity(root.children.len());
    for part in &root.children {
        let number: u32 = part
            .required_text("PartNumber")?
            .trim()
            .parse()
            .map_err(|_| malformed())?;
        if !(1..=MAX_PART).contains(&u64::from(number)) {
            return Err(S3Error::argument(
                "partNumber",
                &number.to_string(),
                "PartNumber must be >= 1 and <= 10000",
            ));
        }
        let mut checksum = None;
        for algorithm in ChecksumAlgorithm::ALL {
            if let Some(text) = part.optional_text(algorithm.element())? {
                let value = Checksum::from_base64(algorithm, text.trim()).ok_or_else(malformed)?;
                if checksum.replace(value).is_some() {
                    return Err(malformed());
                }
            }
        }
        if listed.last().is_some_and(|last| last.number >= number) {
            return Err(Code::InvalidPartOrder.into());
        }
        let etag = unquote(part.required_text("ETag")?).to_owned();
        listed.push(Listed {
            number,
            etag,
            checksum,
        });
    }
    if listed.is_empty() || listed.len() as u64 > MAX_PART {
        return Err(malformed());
    }
    Ok(listed)
}

/// The stored parts that the client lists, in its order.
async fn choose(
    cx: &Authorized<'_>,
    in_progress: &InProgress,
    listed: &[Listed],
) -> Result<Vec<Part>> {
    let numbers: Vec<u32> = listed.iter().map(|part| part.number).collect();
    let stored = cx.s3.index.parts(&in_progress.upload.id, &numbers).await?;
    let composite_named = matches!(in_progress.checksum, Some((_, ChecksumType::Composite)));
    let mut parts = Vec::with_capacity(listed.len());
    for (wanted, stored) in listed.iter().zip(stored) {
        let invalid = || {
            S3Error::from(Code::InvalidPart)
                .with("UploadId", in_progress.upload.id.as_str())
                .with("PartNumber", wanted.number.to_string())
                .with("ETag", wanted.etag.as_str())
        };
        let part = stored.ok_or_else(invalid)?.part;
        if part.etag != wanted.etag {
            return Err(invalid());
        }
        match &wanted.checksum {
            Some(sum) => {
                let same_algorithm = in_progress.part_algorithm() == Some(sum.algorithm);
                // Where the upload named no algorithm, the client's sum was checked with the part.
                if (same_algorithm && part.checksum.as_ref() != Some(&sum.value))
                    || (!same_algorithm && in_progress.checksum.is_some())
                {
                    return Err(invalid());
                }
            }
            None if composite_named => {
                let algorithm = in_progress
                    .checksum
                    .map_or("", |(algorithm, _)| algorithm.name());
                return Err(S3Error::invalid_request(format!(
                    "The upload was created using a {} checksum. The complete request must include the checksum for each part. It was missing for part {} in the request.",
                    algorithm.to_ascii_lowercase(),
                    wanted.number
                )));
            }
            None => {}
        }
        parts.push(part);
    }
    let all_but_last = parts.len().saturating_sub(1);
    if let Some(small) = parts
        .iter()
        .take(all_but_last)
        .find(|part| part.size < sealgate_index::MINIMUM_PART_SIZE)
    {
        return Err(S3Error::from(Code::EntityTooSmall)
            .with("ProposedSize", small.size.to_string())
            .with(
                "MinSizeAllowed",
                sealgate_index::MINIMUM_PART_SIZE.to_string(),
            )
            .with("PartNumber", small.number.to_string())
            .with("ETag", small.etag.as_str()));
    }
    Ok(parts)
}

/// The MD5 of the parts' ETags and their number, in every mode.
fn etag_of(parts: &[Part]) -> String {
    let mut md5 = Md5::new();
    for part in parts {
        md5.update(hex::decode(&part.etag).unwrap_or_default());
    }
    format!("{}-{}", hex::encode(md5.finalize()), parts.len())
}

/// The object's checksum, from those of its parts.
fn checksum_of(in_progress: &InProgress, parts: &[Part]) -> Option<Checksum> {
    let algorithm = in_progress.part_algorithm()?;
    let sums: Option<Vec<(Vec<u8>, u64)>> = parts
        .iter()
        .map(|part| Some((part.checksum.clone()?, part.size)))
        .collect();
    let sums = sums?;
    match in_progress.object_type() {
        ChecksumType::FullObject => {
            combine_crc(algorithm, &sums).map(|value| Checksum { algorithm, value })
        }
        ChecksumType::Composite => {
            let values: Vec<Vec<u8>> = sums.into_iter().map(|(value, _)| value).collect();
            Some(composite(algorithm, &values))
        }
    }
}

/// The checksum that the client expects of the whole object, in a header.
fn check_expected(
    cx: &Authorized<'_>,
    computed: Option<&Checksum>,
    kind: ChecksumType,
    parts: usize,
) -> Result<()> {
    if let Some(text) = cx.request.header("x-amz-checksum-type")?
        && ChecksumType::parse(text) != Some(kind)
    {
        return Err(S3Error::invalid_request(format!(
            "The upload was created using the {} checksum mode. The complete request must use the same checksum mode.",
            kind.name()
        )));
    }
    for algorithm in ChecksumAlgorithm::ALL {
        let Some(text) = cx.request.header(algorithm.header())? else {
            continue;
        };
        let computed = computed
            .filter(|c| c.algorithm == algorithm)
            .ok_or_else(|| {
                S3Error::invalid_request(
                    "The checksum algorithm of the complete request is not the one of the upload.",
                )
            })?;
        // A composite value may carry the number of parts.
        let suffix = format!("-{parts}");
        let value = match kind {
            ChecksumType::FullObject => text,
            ChecksumType::Composite => text.strip_suffix(&suffix).unwrap_or(text),
        };
        let expected = Checksum::from_base64(algorithm, value).ok_or_else(|| {
            S3Error::invalid_request(format!(
                "Value for {} header is invalid.",
                algorithm.header()
            ))
        })?;
        if expected.value != computed.value {
            return Err(S3Error::new(
                Code::BadDigest,
                format!(
                    "The {} you specified did not match the calculated checksum.",
                    algorithm.name()
                ),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn document(parts: &str) -> Result<Vec<Listed>> {
        parse(format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>").as_bytes())
    }

    #[test]
    fn parts_are_listed_in_ascending_order() {
        let part = |n: u32| format!("<Part><PartNumber>{n}</PartNumber><ETag>\"a\"</ETag></Part>");
        let ok = document(&format!("{}{}", part(1), part(7))).unwrap();
        assert_eq!((ok[1].number, ok[1].etag.as_str()), (7, "a"));
        for (parts, code) in [
            (format!("{}{}", part(2), part(1)), Code::InvalidPartOrder),
            (format!("{}{}", part(2), part(2)), Code::InvalidPartOrder),
            (String::new(), Code::MalformedXml),
            (
                "<Part><PartNumber>1</PartNumber></Part>".to_owned(),
                Code::MalformedXml,
            ),
            (part(0), Code::InvalidArgument),
            (part(10_001), Code::InvalidArgument),
        ] {
            assert_eq!(document(&parts).err().unwrap().kind(), code, "{parts}");
        }
    }

    #[test]
    fn the_etag_of_an_upload_is_that_of_s3() {
        let part = |etag: &str| Part {
            number: 1,
            size: 1,
            sealed_size: 1,
            blob: String::new(),
            header_hash: [0; 32],
            etag: etag.to_owned(),
            checksum: None,
        };
        // MD5 of the 16 zero bytes twice.
        let zero = "00000000000000000000000000000000";
        assert_eq!(
            etag_of(&[part(zero), part(zero)]),
            "70bc8f4b72a86921468bf8e8441dce51-2"
        );
    }
}
