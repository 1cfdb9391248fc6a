//! UploadPart and UploadPartCopy.

use http::StatusCode;
use sealgate_sse::{CustomerKey, Mode};
use sealgate_wire::checksum::{Checksum, Hasher};

use super::copy_object::Source;
use super::digest::{Digester, Wanted};
use super::put_object::{customer_keys_blocked, write_encryption};
use super::upload::{InProgress, MAX_PART};
use crate::body::RequestBody;
use crate::error::{Code, Result, S3Error};
use crate::meta::insert;
use crate::range;
use crate::request::Authorized;
use crate::response::{self, Response, iso, quoted};
use crate::writer::{self, BodyWriter, MAX_BODY, Stored};
use crate::xml::Writer;

fn part_number(cx: &Authorized<'_>) -> Result<u32> {
    let text = cx.request.query.get("partNumber").unwrap_or("");
    match text.parse::<u32>() {
        Ok(number) if (1..=MAX_PART).contains(&u64::from(number)) => Ok(number),
        _ => Err(S3Error::argument(
            "partNumber",
            text,
            "Part number must be an integer between 1 and 10000, inclusive",
        )),
    }
}

/// The customer key of a part, which is new data: a bucket may block it meanwhile.
fn part_key(cx: &Authorized<'_>, in_progress: &InProgress) -> Result<Option<CustomerKey>> {
    let sent = sealgate_sse::has_customer_key(&cx.request.parts.headers);
    if sent && cx.encryption()?.blocks_customer_keys {
        return Err(customer_keys_blocked(cx));
    }
    in_progress.customer_key(cx, true)
}

/// [UploadPart](https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPart.html). Under a KMS
/// mode the caller needs `kms:Decrypt`, because the upload's data key is unwrapped.
pub(crate) async fn run(cx: &Authorized<'_>, body: &mut RequestBody) -> Result<Response> {
    let number = part_number(cx)?;
    let in_progress = InProgress::find(cx).await?;
    let customer = part_key(cx, &in_progress)?;
    let mut spec = body.spec(cx.request, cx.s3)?;
    writer::declared_length(&spec)?;
    if let (Some((named, _)), Some(sent)) = (in_progress.checksum, spec.algorithm())
        && named != sent
    {
        return Err(S3Error::invalid_request(format!(
            "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {}",
            named.name().to_ascii_lowercase(),
            sent.name().to_ascii_lowercase()
        )));
    }
    let keys = cx
        .s3
        .sse
        .open(
            &cx.kms_call(),
            cx.place()?,
            &in_progress.envelope,
            customer.as_ref(),
        )
        .await?;
    spec.want_md5 = in_progress.envelope.mode() == Mode::S3;
    let wanted = in_progress.part_algorithm();
    // The client may send another algorithm where the upload named none; both are computed then.
    let extra = match (wanted, spec.algorithm()) {
        (Some(wanted), Some(sent)) if wanted != sent => Some(Hasher::new(wanted)),
        _ => None,
    };
    spec.want = wanted;
    let sink = BodyWriter::blob(cx.s3, &keys, number, in_progress.class())?;
    let ingested = writer::ingest(body.reader(spec), sink, extra).await?;
    let etag = match ingested
        .digests
        .md5
        .filter(|_| in_progress.envelope.mode() == Mode::S3)
    {
        Some(md5) => hex::encode(md5),
        None => writer::opaque_etag()?,
    };
    let sent = ingested.digests.checksum;
    let kept = ingested.extra.or_else(|| sent.clone());
    let kept = kept.filter(|checksum| Some(checksum.algorithm) == wanted);
    commit(
        cx,
        &in_progress,
        ingested.stored,
        number,
        &etag,
        kept.as_ref(),
    )
    .await?;

    let mut response = response::empty(StatusCode::OK);
    insert(response.headers_mut(), "etag", &quoted(&etag));
    if let Some(checksum) = sent {
        insert(
            response.headers_mut(),
            checksum.algorithm.header(),
            &checksum.to_base64(),
        );
    }
    write_encryption(&mut response, &in_progress.envelope, None);
    if let Some(customer) = &customer {
        echo(&mut response, &in_progress, customer);
    }
    Ok(response)
}

fn echo(response: &mut Response, upload: &InProgress, customer: &CustomerKey) {
    for (name, value) in upload.envelope.response_headers(Some(customer), false) {
        response.headers_mut().insert(name, value);
    }
}

async fn commit(
    cx: &Authorized<'_>,
    in_progress: &InProgress,
    stored: Stored,
    number: u32,
    etag: &str,
    checksum: Option<&Checksum>,
) -> Result<time::OffsetDateTime> {
    let part = stored
        .part(number, etag, checksum.map(|c| c.value.clone()))
        .ok_or(Code::InternalError)?;
    let (index, id) = (cx.s3.index.clone(), in_progress.upload.id.clone());
    writer::to_the_end(async move {
        let outcome = index.put_part(&id, part).await;
        stored.settle(&outcome);
        Ok(outcome?)
    })
    .await
}

/// [UploadPartCopy](https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html).
/// A part is sealed under its upload's key, so the bytes are read and written again.
pub(crate) async fn copy(cx: &Authorized<'_>) -> Result<Response> {
    let number = part_number(cx)?;
    let in_progress = InProgress::find(cx).await?;
    let customer = part_key(cx, &in_progress)?;
    let source = Source::find(cx).await?;
    let size = source.version.size;
    let range = match cx.request.header("x-amz-copy-source-range")? {
        Some(header) => range::of_copy(header, size)?,
        None => 0..size,
    };
    let length = range.end - range.start;
    if length > MAX_BODY {
        return Err(S3Error::invalid_request(format!(
            "The specified copy source is larger than the maximum allowable size for a copy source: {MAX_BODY}"
        )));
    }
    let source_keys = source.open(cx).await?;
    let keys = cx
        .s3
        .sse
        .open(
            &cx.kms_call(),
            cx.place()?,
            &in_progress.envelope,
            customer.as_ref(),
        )
        .await?;
    let md5 = in_progress.envelope.mode() == Mode::S3;
    let digester = Digester::start(&Wanted {
        md5,
        checksum: in_progress.part_algorithm(),
    });
    let mut sink = BodyWriter::blob(cx.s3, &keys, number, in_progress.class())?;
    let mut reader = source.reader(cx, source_keys, range);
    while let Some(bytes) = reader.next().await? {
        sink.push(&bytes).await?;
        digester.update(bytes).await?;
    }
    let stored = sink.finish().await?;
    let (md5, checksum) = digester.finish().await?;
    let etag = match md5 {
        Some(md5) => hex::encode(md5),
        None => writer::opaque_etag()?,
    };
    let modified = commit(cx, &in_progress, stored, number, &etag, checksum.as_ref()).await?;

    let mut response = response::xml(Writer::document("CopyPartResult", |w| {
        w.text("LastModified", iso(modified));
        w.text("ETag", quoted(&etag));
        if let (Some(checksum), true) = (&checksum, in_progress.checksum.is_some()) {
            w.text(checksum.algorithm.element(), checksum.to_base64());
        }
    }));
    source.write_version(response.headers_mut());
    write_encryption(&mut response, &in_progress.envelope, None);
    if let Some(customer) = &customer {
        echo(&mut response, &in_progress, customer);
    }
    Ok(response)
}
