//! ListMultipartUploads.

use sealgate_index::UploadEntry;

use super::list_objects::{Encoding, Owner, parameter};
use crate::attributes::STANDARD;
use crate::error::Result;
use crate::request::Authorized;
use crate::response::{self, Response, iso};
use crate::xml::Writer;

/// [ListMultipartUploads](https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html).
pub(crate) async fn run(cx: &Authorized<'_>) -> Result<Response> {
    let encoding = Encoding::of(cx)?;
    let limit = cx.request.page_size("max-uploads")?;
    let prefix = parameter(cx, "prefix").unwrap_or("");
    let delimiter = parameter(cx, "delimiter");
    let key_marker = parameter(cx, "key-marker");
    // Without a key marker, S3 ignores an upload id marker.
    let id_marker = key_marker.and_then(|_| parameter(cx, "upload-id-marker"));
    let bucket = cx.bucket()?;
    let page = cx
        .s3
        .index
        .list_uploads(bucket.id, prefix, delimiter, key_marker, id_marker, limit)
        .await?;
    let owner = Owner::of_bucket(cx).await?;
    Ok(response::xml(Writer::document(
        "ListMultipartUploadsResult",
        |w| {
            w.text("Bucket", &bucket.name);
            w.text("KeyMarker", encoding.show(key_marker.unwrap_or("")));
            w.text("UploadIdMarker", id_marker.unwrap_or(""));
            if page.truncated {
                w.optional(
                    "NextKeyMarker",
                    page.next_key.as_deref().map(|k| encoding.show(k)),
                );
                w.optional("NextUploadIdMarker", page.next_upload_id.as_deref());
            }
            w.text("Prefix", encoding.show(prefix));
            w.optional("Delimiter", delimiter.map(|d| encoding.show(d)));
            w.value("MaxUploads", limit);
            encoding.write(w);
            w.value("IsTruncated", page.truncated);
            for entry in &page.entries {
                match entry {
                    UploadEntry::Upload(upload) => w.element("Upload", |w| {
                        w.text("Key", encoding.show(&upload.key));
                        w.text("UploadId", &upload.id);
                        w.element("Initiator", |w| {
                            let arn = &upload.initiator;
                            w.text("ID", arn);
                            w.text("DisplayName", arn.rsplit('/').next().unwrap_or(arn));
                        });
                        owner.write(w, "Owner");
                        let class = upload.attributes.storage_class.as_deref();
                        w.text("StorageClass", class.unwrap_or(STANDARD));
                        w.text("Initiated", iso(upload.initiated));
                        w.optional("ChecksumAlgorithm", upload.checksum_algorithm.as_deref());
                        w.optional("ChecksumType", upload.checksum_type.as_deref());
                    }),
                    UploadEntry::Prefix(prefix) => {
                        w.element("CommonPrefixes", |w| {
                            w.text("Prefix", encoding.show(prefix))
                        });
                    }
                }
            }
        },
    )))
}
