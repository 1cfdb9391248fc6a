//! CopyObject, and the source of copies.
//!
//! A copy shares the body of its source: only the data key is wrapped anew, under the mode and key
//! of the target. The body is read where a digest is owed that nobody knows yet (the MD5 of a copy
//! under SSE-S3, a checksum in another algorithm), and written again only where the number of
//! layers changes (to or from DSSE).

use sealgate_index::{Body, Bucket, IndexError, NewVersion, Version, VersionRef, Versioning};
use sealgate_seal::BodyKeys;
use sealgate_sse::{CustomerKey, Envelope, Mode, Place};
use sealgate_wire::checksum::{Checksum, ChecksumAlgorithm, ChecksumType};

use super::digest::{self, Digester, Wanted};
use super::put_object::{refused, write_encryption, write_mode};
use crate::attributes;
use crate::conditions::{self, Verdict};
use crate::error::{Code, Result, S3Error};
use crate::lifecycle;
use crate::meta::{ObjectMeta, insert};
use crate::names::{BucketName, ObjectKey, percent_decode};
use crate::notification::names::Happening;
use crate::reader::ObjectReader;
use crate::request::Authorized;
use crate::response::{self, Response, iso, quoted};
use crate::version;
use crate::writer::{self, BodyWriter, MAX_BODY, Stored};
use crate::xml::Writer;

/// Tries when the source is replaced while it is copied.
const TRIES: usize = 5;

/// The object that a copy reads.
pub(crate) struct Source {
    pub(crate) bucket: std::sync::Arc<Bucket>,
    pub(crate) key: String,
    pub(crate) version: Version,
    /// The version that the request names, if it names one.
    named: Option<String>,
    pub(crate) meta: ObjectMeta,
    pub(crate) envelope: Envelope,
    customer: Option<CustomerKey>,
}

impl Source {
    /// Find the source, check that the caller may read it, and judge the conditions on it.
    pub(crate) async fn find(cx: &Authorized<'_>) -> Result<Self> {
        let header = cx.request.header("x-amz-copy-source")?.unwrap_or_default();
        let (bucket, key, named) = parse_source(header)?;
        let reference = version::parse(named.as_deref())?;
        let bucket = cx.s3.bucket(bucket.as_str()).await?;
        if cx
            .request
            .header("x-amz-source-expected-bucket-owner")?
            .is_some_and(|owner| owner != bucket.account_id)
        {
            return Err(Code::AccessDenied.into());
        }
        let arn = format!("arn:aws:s3:::{}/{}", bucket.name, key.as_str());
        let action = match reference {
            VersionRef::Current => "s3:GetObject",
            VersionRef::Null | VersionRef::Id(_) => "s3:GetObjectVersion",
        };
        cx.may_read_source(&bucket, action, &arn, named.as_deref())
            .await?;
        let found = version::look_up(cx.s3, &bucket, key.as_str(), &reference).await;
        let version = match found {
            Ok(found) if !found.version.delete_marker => found.version,
            Ok(_) if reference != VersionRef::Current => {
                return Err(S3Error::invalid_request(
                    "The source of a copy request may not specifically refer to a delete marker by version id.",
                ));
            }
            Ok(_) | Err(IndexError::NoSuchKey | IndexError::NoSuchVersion) => {
                let arn = format!("arn:aws:s3:::{}", bucket.name);
                cx.may_read_source(&bucket, "s3:ListBucket", &arn, None)
                    .await?;
                return Err(match &named {
                    None => S3Error::from(Code::NoSuchKey).with("Key", key.as_str()),
                    Some(id) => S3Error::from(Code::NoSuchVersion)
                        .with("Key", key.as_str())
                        .with("VersionId", id),
                });
            }
            Err(error) => return Err(error.into()),
        };
        let headers = &cx.request.parts.headers;
        match conditions::judge(
            headers,
            &conditions::COPY_SOURCE,
            &version.etag,
            version.modified,
        ) {
            Verdict::Proceed => {}
            Verdict::NotModified(header) | Verdict::Failed(header) => {
                return Err(conditions::failed(header));
            }
        }
        let envelope = Envelope::from_bytes(&version.envelope)?;
        let customer = sealgate_sse::parse_copy_source(headers)?;
        let place = Place {
            account: &bucket.account_id,
            bucket: &bucket.name,
            key: key.as_str(),
        };
        envelope.check_customer_key(place, customer.as_ref())?;
        if envelope.kms().is_some() && !cx.request.may_use_kms() {
            return Err(S3Error::kms_needs_signature());
        }
        Ok(Self {
            meta: ObjectMeta::from_bytes(&version.meta)?,
            key: key.as_str().to_owned(),
            bucket,
            version,
            named,
            envelope,
            customer,
        })
    }

    /// Say in the answer which version was copied, where its bucket has versions.
    pub(crate) fn write_version(&self, headers: &mut http::HeaderMap) {
        if self.bucket.versioning != Versioning::Off {
            let id = self.version.version_id.as_deref().unwrap_or("null");
            insert(headers, "x-amz-copy-source-version-id", id);
        }
    }

    /// The tags that a copy takes over. To read and to set them are permissions of their own.
    async fn tags(&self, cx: &Authorized<'_>) -> Result<Option<bytes::Bytes>> {
        let tags = &self.version.attributes.tags;
        if tags.is_some() {
            let action = match self.named {
                None => "s3:GetObjectTagging",
                Some(_) => "s3:GetObjectVersionTagging",
            };
            let arn = self.place().arn();
            cx.may_read_source(&self.bucket, action, &arn, self.named.as_deref())
                .await?;
            cx.may("s3:PutObjectTagging", &cx.place()?.arn())?;
        }
        Ok(tags.clone())
    }

    fn place(&self) -> Place<'_> {
        Place {
            account: &self.bucket.account_id,
            bucket: &self.bucket.name,
            key: &self.key,
        }
    }

    /// The source's data keys; under a KMS mode the caller needs `kms:Decrypt`.
    pub(crate) async fn open(&self, cx: &Authorized<'_>) -> Result<BodyKeys> {
        let customer = self.customer.as_ref();
        Ok(cx
            .s3
            .sse
            .open(&cx.kms_call(), self.place(), &self.envelope, customer)
            .await?)
    }

    /// A reader of these bytes of it.
    pub(crate) fn reader(
        &self,
        cx: &Authorized<'_>,
        keys: BodyKeys,
        range: std::ops::Range<u64>,
    ) -> ObjectReader {
        ObjectReader::new(&cx.s3.blobs, &self.version, keys, range, &cx.s3.failures)
    }
}

/// `bucket/key`, percent-encoded, perhaps with a slash before it and `?versionId=` behind.
fn parse_source(header: &str) -> Result<(BucketName, ObjectKey, Option<String>)> {
    let invalid = || {
        S3Error::argument(
            "x-amz-copy-source",
            header,
            "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
        )
    };
    let (path, version) = match header.split_once("?versionId=") {
        Some((path, version)) => (path, Some(percent_decode(version)?)),
        None => (header, None),
    };
    let path = percent_decode(path)?;
    let path = path.strip_prefix('/').unwrap_or(&path);
    let (bucket, key) = path.split_once('/').ok_or_else(invalid)?;
    if key.is_empty() {
        return Err(invalid());
    }
    Ok((BucketName::parse(bucket)?, ObjectKey::parse(key)?, version))
}

/// [CopyObject](https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html).
pub(crate) async fn run(cx: &Authorized<'_>) -> Result<Response> {
    let mut tries = 0;
    loop {
        tries += 1;
        match attempt(cx).await {
            // The source was replaced between reading and committing; look again.
            Err(error) if error.kind() == Code::OperationAborted && tries < TRIES => {}
            outcome => return outcome,
        }
    }
}

async fn attempt(cx: &Authorized<'_>) -> Result<Response> {
    let headers = &cx.request.parts.headers;
    let condition = conditions::of_write(headers)?;
    let replace = match cx.request.header("x-amz-metadata-directive")? {
        None | Some("COPY") => false,
        Some("REPLACE") => true,
        Some(other) => {
            return Err(S3Error::argument(
                "x-amz-metadata-directive",
                other,
                "Unknown metadata directive.",
            ));
        }
    };
    let replace_tags = match cx.request.header("x-amz-tagging-directive")? {
        None | Some("COPY") => false,
        Some("REPLACE") => true,
        Some(other) => {
            return Err(S3Error::argument(
                "x-amz-tagging-directive",
                other,
                "Unknown tagging directive.",
            ));
        }
    };
    let mut attributes = attributes::of_new_object(cx)?;
    let mode = write_mode(cx)?;
    let source = Source::find(cx).await?;
    if !replace_tags {
        attributes.tags = source.tags(cx).await?;
    }
    if source.version.size > MAX_BODY {
        return Err(S3Error::invalid_request(format!(
            "The specified copy source is larger than the maximum allowable size for a copy source: {MAX_BODY}"
        )));
    }
    let key = cx.key()?;
    let bucket = cx.bucket()?;
    // An older version may be copied onto its key: that makes it the current one again.
    let onto_itself = source.bucket.id == bucket.id && source.key == key && source.named.is_none();
    // A KMS mode makes a new data key's wrapping even where it is the mode that was.
    let same_encryption = mode.mode() == Mode::S3 && source.envelope.mode() == Mode::S3;
    if onto_itself && !replace && same_encryption && !asks_for_change(cx) {
        return Err(S3Error::invalid_request(
            "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
        ));
    }
    super::put_object::precheck(cx, &condition).await?;

    let mut meta = if replace {
        ObjectMeta::from_headers(headers)?
    } else {
        source.meta.copied(headers)?
    };
    meta.parts = None;
    meta.etag_is_md5 = mode.mode() == Mode::S3;

    let mut events = cx.events(key, &[Happening::Copy]).await?;
    events.extend(cx.replicates_new(key, attributes.tags.as_ref(), mode.needs_kms())?);
    let keys = source.open(cx).await?;
    let (checksum, wanted) = owed(cx, &source, meta.etag_is_md5)?;
    let (envelope, body, shares, stored, digests);
    // A body is shared where it would lie in the same store under the same layers.
    let class = attributes.storage_class.as_deref();
    let same_store = class == source.version.attributes.storage_class.as_deref();
    if same_store && source.envelope.is_double() == (mode.mode() == Mode::Dsse) {
        envelope = cx
            .s3
            .sse
            .wrap(&cx.kms_call(), cx.place()?, &mode, &keys)
            .await?;
        digests = if wanted.any() {
            let reader = source.reader(cx, keys, 0..source.version.size);
            digest::of(reader, &wanted).await?
        } else {
            (None, None)
        };
        body = source.version.body.clone();
        shares = Some(source.version.seq);
        stored = None;
    } else {
        let (target_keys, target) = cx.s3.sse.seal(&cx.kms_call(), cx.place()?, &mode).await?;
        let reader = source.reader(cx, keys, 0..source.version.size);
        let (written, found) = reseal(
            cx,
            reader,
            &target_keys,
            (source.version.size, class),
            &wanted,
        )
        .await?;
        envelope = target;
        digests = found;
        body = written.body("");
        shares = None;
        stored = Some(written);
    }
    let etag = match (meta.etag_is_md5, digests.0) {
        (true, Some(md5)) => hex::encode(md5),
        (true, None) => source.version.etag.clone(),
        (false, _) => writer::opaque_etag()?,
    };
    let checksum = digests.1.or(checksum);
    meta.checksum = checksum.as_ref().map(Checksum::to_base64);
    let version = NewVersion {
        key: key.to_owned(),
        size: source.version.size,
        etag: etag.clone(),
        checksum_algorithm: checksum.as_ref().map(|c| c.algorithm.name().to_owned()),
        checksum_type: checksum
            .as_ref()
            .map(|_| ChecksumType::FullObject.name().to_owned()),
        body: without_part_checksums(body),
        meta: meta.to_bytes()?,
        envelope: envelope.to_bytes()?.into(),
        attributes,
    };
    let (index, bucket_id) = (cx.s3.index.clone(), bucket.id);
    let header = conditions::header_of(&condition);
    let written = writer::to_the_end(async move {
        let outcome = index
            .put_version(bucket_id, version, condition, shares, events)
            .await;
        if let Some(stored) = stored {
            stored.settle(&outcome);
        }
        outcome.map_err(|error| refused(error, header))
    })
    .await?;

    let mut response = response::xml(Writer::document("CopyObjectResult", |w| {
        w.text("LastModified", iso(written.version.modified));
        w.text("ETag", quoted(&etag));
        if let Some(checksum) = &checksum {
            w.text("ChecksumType", ChecksumType::FullObject.name());
            w.text(checksum.algorithm.element(), checksum.to_base64());
        }
    }));
    version::write_written(response.headers_mut(), &written);
    lifecycle::write_expiration(response.headers_mut(), bucket, &written.version);
    attributes::write_class(response.headers_mut(), &written.version.attributes);
    source.write_version(response.headers_mut());
    write_encryption(&mut response, &envelope, Some(&mode));
    Ok(response)
}

/// Whether a copy onto itself has anything to change: encryption counts, also where it names what
/// is there already.
fn asks_for_change(cx: &Authorized<'_>) -> bool {
    cx.request.parts.headers.keys().any(|name| {
        let name = name.as_str();
        name.starts_with("x-amz-server-side-encryption")
            || name == "x-amz-website-redirect-location"
            || name == "x-amz-storage-class"
            || name == "x-amz-checksum-algorithm"
            || name == "x-amz-tagging-directive"
            || name.starts_with("x-amz-object-lock-")
    })
}

/// The checksum that the copy takes over, and what has to be computed. The copy of an object has
/// a full-object checksum, whatever its source has.
fn owed(
    cx: &Authorized<'_>,
    source: &Source,
    etag_is_md5: bool,
) -> Result<(Option<Checksum>, Wanted)> {
    let asked = match cx.request.header("x-amz-checksum-algorithm")? {
        None => None,
        Some(name) => Some(super::upload::parse_algorithm(name)?),
    };
    let version = &source.version;
    let known = source
        .meta
        .checksum(version.checksum_algorithm.as_deref())
        .filter(|_| version.checksum_type.as_deref() == Some(ChecksumType::FullObject.name()));
    let algorithm = asked.or(known.as_ref().map(|c| c.algorithm)).or(version
        .checksum_algorithm
        .as_deref()
        .and_then(ChecksumAlgorithm::parse));
    let known = known.filter(|c| Some(c.algorithm) == algorithm);
    let md5 = etag_is_md5 && !source.meta.etag_is_md5;
    let checksum = match (&known, algorithm) {
        (Some(_), _) => None,
        (None, algorithm) => algorithm,
    };
    Ok((known, Wanted { md5, checksum }))
}

/// Write a body again under other keys.
async fn reseal(
    cx: &Authorized<'_>,
    mut reader: ObjectReader,
    keys: &BodyKeys,
    (size, class): (u64, Option<&str>),
    wanted: &Wanted,
) -> Result<(Stored, (Option<[u8; 16]>, Option<Checksum>))> {
    let mut sink = BodyWriter::new(cx.s3, keys, Some(size), class)?;
    let digester = Digester::start(wanted);
    while let Some(bytes) = reader.next().await? {
        sink.push(&bytes).await?;
        digester.update(bytes).await?;
    }
    Ok((sink.finish().await?, digester.finish().await?))
}

/// A copy has no parts in the eyes of its readers, so their checksums mean nothing in it.
fn without_part_checksums(mut body: Body) -> Body {
    if let Body::Parts(parts) = &mut body {
        for part in parts {
            part.checksum = None;
        }
    }
    body
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn a_copy_source_is_a_bucket_and_a_key() {
        for header in [
            "bucket/a%20b/c",
            "/bucket/a%20b/c",
            "bucket/a b/c?versionId=null",
        ] {
            let (bucket, key, version) = parse_source(header).unwrap();
            assert_eq!(version.as_deref(), header.contains('?').then_some("null"));
            assert_eq!(
                (bucket.as_str(), key.as_str()),
                ("bucket", "a b/c"),
                "{header}"
            );
        }
        for header in ["", "bucket", "bucket/", "/"] {
            assert!(parse_source(header).is_err(), "{header}");
        }
    }
}
