//! GetObjectAttributes.

use sealgate_index::{Body, Part, VersionRef};
use sealgate_sse::Envelope;
use sealgate_wire::checksum::{Checksum, ChecksumAlgorithm, ChecksumType};

use super::get_object::read_key;
use crate::error::{Result, S3Error};
use crate::meta::{ObjectMeta, insert};
use crate::request::Authorized;
use crate::response::{self, Response, http_date};
use crate::version;
use crate::xml::Writer;

const ATTRIBUTES: [&str; 5] = [
    "ETag",
    "Checksum",
    "ObjectParts",
    "StorageClass",
    "ObjectSize",
];

/// [GetObjectAttributes](https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAttributes.html).
/// It needs `s3:GetObject` besides its own permission, and `kms:Decrypt` where it shows a checksum.
pub(crate) async fn run(cx: &Authorized<'_>) -> Result<Response> {
    let read = match cx.request.version {
        VersionRef::Current => "s3:GetObject",
        VersionRef::Null | VersionRef::Id(_) => "s3:GetObjectVersion",
    };
    cx.may(read, &cx.place()?.arn())?;
    let mut wanted = Vec::new();
    for value in cx.request.parts.headers.get_all("x-amz-object-attributes") {
        for name in value.to_str().unwrap_or("?").split(',').map(str::trim) {
            match ATTRIBUTES.iter().find(|known| **known == name) {
                Some(known) => wanted.push(*known),
                None => {
                    return Err(S3Error::argument(
                        "x-amz-object-attributes",
                        name,
                        "Invalid attribute name specified.",
                    ));
                }
            }
        }
    }
    if wanted.is_empty() {
        return Err(S3Error::invalid_request(
            "The x-amz-object-attributes header specifying the attributes to be retrieved is either missing or empty",
        ));
    }
    let version = version::find(cx).await?;
    let meta = ObjectMeta::from_bytes(&version.meta)?;
    let envelope = Envelope::from_bytes(&version.envelope)?;
    let customer = read_key(cx, &envelope)?;
    let wants = |name| wanted.contains(&name);
    if envelope.kms().is_some() && (wants("Checksum") || wants("ObjectParts")) {
        cx.s3
            .sse
            .open(&cx.kms_call(), cx.place()?, &envelope, customer.as_ref())
            .await?;
    }
    let max_parts = page_header(cx, "x-amz-max-parts", 1000)?;
    let marker = page_header(cx, "x-amz-part-number-marker", 0)?;
    let algorithm = version
        .checksum_algorithm
        .as_deref()
        .and_then(ChecksumAlgorithm::parse);
    let kind = version
        .checksum_type
        .as_deref()
        .and_then(ChecksumType::parse);
    let checksum = meta.checksum(version.checksum_algorithm.as_deref());
    let document = Writer::document("GetObjectAttributesResponse", |w| {
        if wants("ETag") {
            w.text("ETag", &version.etag);
        }
        if let (true, Some(checksum)) = (wants("Checksum"), &checksum) {
            w.element("Checksum", |w| {
                w.text(checksum.algorithm.element(), checksum.to_base64());
                w.text(
                    "ChecksumType",
                    kind.map_or("FULL_OBJECT", ChecksumType::name),
                );
            });
        }
        if let (true, Some(count), Body::Parts(parts)) =
            (wants("ObjectParts"), meta.parts, &version.body)
        {
            w.element("ObjectParts", |w| {
                write_parts(w, parts, count, algorithm, marker, max_parts.min(1000));
            });
        }
        if wants("StorageClass") {
            let class = version.attributes.storage_class.as_deref();
            w.text("StorageClass", class.unwrap_or("STANDARD"));
        }
        if wants("ObjectSize") {
            w.value("ObjectSize", version.size);
        }
    });
    let mut response = response::xml(document);
    insert(
        response.headers_mut(),
        "last-modified",
        &http_date(version.modified),
    );
    let id = version.version_id.as_deref();
    version::write_id(response.headers_mut(), cx.bucket()?.versioning, id);
    response.extensions_mut().insert(envelope.mode());
    Ok(response)
}

fn page_header(cx: &Authorized<'_>, name: &'static str, default: u32) -> Result<u32> {
    match cx.request.header(name)? {
        None => Ok(default),
        Some(text) => text.parse().map_err(|_| {
            S3Error::argument(
                name,
                text,
                format!("Provided {name} not an integer or within integer range"),
            )
        }),
    }
}

fn write_parts(
    w: &mut Writer,
    parts: &[Part],
    count: u32,
    algorithm: Option<ChecksumAlgorithm>,
    marker: u32,
    max: u32,
) {
    // Parts are numbered by their place in the object, as partNumber of a read is.
    let numbered = (1_u32..)
        .zip(parts)
        .skip_while(|(number, _)| *number <= marker);
    let page: Vec<_> = numbered.take(max as usize).collect();
    let last = page.last().map_or(marker, |(number, _)| *number);
    // The element that SDKs call TotalPartsCount.
    w.value("PartsCount", count);
    w.value("PartNumberMarker", marker);
    w.value("NextPartNumberMarker", last);
    w.value("MaxParts", max);
    w.value("IsTruncated", last < count && !page.is_empty());
    for (number, part) in page {
        // Without checksums of its parts, S3 lists only how many there are.
        let (Some(algorithm), Some(value)) = (algorithm, part.checksum.clone()) else {
            continue;
        };
        w.element("Part", |w| {
            w.value("PartNumber", number);
            w.value("Size", part.size);
            w.text(
                algorithm.element(),
                Checksum { algorithm, value }.to_base64(),
            );
        });
    }
}
