//! ListObjectVersions.

use sealgate_index::{IndexError, ListedVersion, VersionEntry, VersionListQuery};

use super::list_objects::{Encoding, Owners, parameter};
use crate::error::{Result, S3Error};
use crate::request::Authorized;
use crate::response::{self, Response, iso, quoted};
use crate::xml::Writer;

/// [ListObjectVersions](https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html).
pub(crate) async fn run(cx: &Authorized<'_>) -> Result<Response> {
    const MARKER: &str = "version-id-marker";
    let encoding = Encoding::of(cx)?;
    let limit = cx.request.page_size("max-keys")?;
    let key_marker = parameter(cx, "key-marker");
    let version_marker = cx.request.query.get(MARKER);
    if version_marker == Some("") {
        return Err(S3Error::argument(
            MARKER,
            "",
            "A version-id marker cannot be empty.",
        ));
    }
    if version_marker.is_some() && key_marker.is_none() {
        return Err(S3Error::argument(
            MARKER,
            version_marker.unwrap_or_default(),
            "A version-id marker cannot be specified without a key marker.",
        ));
    }
    let (prefix, delimiter) = (parameter(cx, "prefix"), parameter(cx, "delimiter"));
    let query = VersionListQuery {
        prefix: prefix.unwrap_or_default().to_owned(),
        delimiter: delimiter.map(str::to_owned),
        key_marker: key_marker.map(str::to_owned),
        version_id_marker: version_marker.map(str::to_owned),
        limit,
    };
    let page = cx.s3.index.list_versions(cx.bucket()?.id, query).await;
    let page = page.map_err(|error| match error {
        IndexError::NoSuchVersion => S3Error::argument(
            MARKER,
            version_marker.unwrap_or_default(),
            "Invalid version id specified",
        ),
        error => error.into(),
    })?;
    let owners = Owners::of_bucket(cx).await?;
    let name = &cx.bucket()?.name;
    Ok(response::xml(Writer::document("ListVersionsResult", |w| {
        w.text("Name", name);
        w.text("Prefix", encoding.show(prefix.unwrap_or_default()));
        w.text("KeyMarker", encoding.show(key_marker.unwrap_or_default()));
        w.text("VersionIdMarker", version_marker.unwrap_or_default());
        if page.truncated {
            let next = page.next_key.as_deref().map(|key| encoding.show(key));
            w.optional("NextKeyMarker", next);
            w.optional("NextVersionIdMarker", page.next_version_id.as_deref());
        }
        w.value("MaxKeys", limit);
        w.optional("Delimiter", delimiter.map(|d| encoding.show(d)));
        encoding.write(w);
        w.value("IsTruncated", page.truncated);
        for entry in &page.entries {
            if let VersionEntry::Version(listed) = entry {
                write(w, listed, encoding, &owners);
            }
        }
        for entry in &page.entries {
            if let VersionEntry::Prefix(prefix) = entry {
                w.element("CommonPrefixes", |w| {
                    w.text("Prefix", encoding.show(prefix));
                });
            }
        }
    })))
}

fn write(w: &mut Writer, listed: &ListedVersion, encoding: Encoding, owners: &Owners) {
    let object = &listed.object;
    let element = if listed.delete_marker {
        "DeleteMarker"
    } else {
        "Version"
    };
    w.element(element, |w| {
        w.text("Key", encoding.show(&object.key));
        w.text("VersionId", listed.version_id.as_deref().unwrap_or("null"));
        w.value("IsLatest", listed.is_latest);
        w.text("LastModified", iso(object.modified));
        if !listed.delete_marker {
            w.text("ETag", quoted(&object.etag));
            w.optional("ChecksumAlgorithm", object.checksum_algorithm.as_deref());
            w.optional("ChecksumType", object.checksum_type.as_deref());
            w.value("Size", object.size);
            let class = object.storage_class.as_deref();
            w.text("StorageClass", class.unwrap_or("STANDARD"));
        }
        owners.write(w, object.owner.as_deref());
    });
}
