//! ListObjects and ListObjectsV2.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sealgate_index::{Entry, ListQuery, Page};
use sealgate_wire::encode_path;

use crate::error::{Result, S3Error};
use crate::request::Authorized;
use crate::response::{self, Response, iso, quoted};
use crate::xml::Writer;

/// How keys are shown: as they are, or percent-encoded for clients whose XML cannot hold them.
#[derive(Clone, Copy)]
pub(crate) struct Encoding {
    url: bool,
}

impl Encoding {
    pub(crate) fn of(cx: &Authorized<'_>) -> Result<Self> {
        match cx.request.query.get("encoding-type") {
            None => Ok(Self { url: false }),
            Some("url") => Ok(Self { url: true }),
            Some(other) => Err(S3Error::argument(
                "encoding-type",
                other,
                "Invalid Encoding Method specified in Request",
            )),
        }
    }

    pub(crate) fn show(self, key: &str) -> String {
        if self.url {
            encode_path(key)
        } else {
            key.to_owned()
        }
    }

    pub(crate) fn write(self, w: &mut Writer) {
        if self.url {
            w.text("EncodingType", "url");
        }
    }
}

/// A non-empty query parameter.
pub(crate) fn parameter<'a>(cx: &'a Authorized<'_>, name: &str) -> Option<&'a str> {
    cx.request.query.get(name).filter(|value| !value.is_empty())
}

async fn page(cx: &Authorized<'_>, after: Option<String>, limit: usize) -> Result<Page> {
    let query = ListQuery {
        prefix: parameter(cx, "prefix").unwrap_or("").to_owned(),
        delimiter: parameter(cx, "delimiter").map(str::to_owned),
        after,
        limit,
    };
    Ok(cx.s3.index.list_objects(cx.bucket()?.id, query).await?)
}

fn write_entries(w: &mut Writer, page: &Page, encoding: Encoding, owners: Option<&Owners>) {
    for entry in &page.entries {
        if let Entry::Object(object) = entry {
            w.element("Contents", |w| {
                w.text("Key", encoding.show(&object.key));
                w.text("LastModified", iso(object.modified));
                w.text("ETag", quoted(&object.etag));
                w.optional("ChecksumAlgorithm", object.checksum_algorithm.as_deref());
                w.optional("ChecksumType", object.checksum_type.as_deref());
                w.value("Size", object.size);
                if let Some(owners) = owners {
                    owners.write(w, object.owner.as_deref());
                }
                let class = object.storage_class.as_deref();
                w.text("StorageClass", class.unwrap_or("STANDARD"));
            });
        }
    }
    for entry in &page.entries {
        if let Entry::Prefix(prefix) = entry {
            w.element("CommonPrefixes", |w| {
                w.text("Prefix", encoding.show(prefix))
            });
        }
    }
}

/// An account as S3 shows it.
pub(crate) struct Owner {
    id: String,
    name: String,
}

impl Owner {
    /// The owner of the request's bucket.
    pub(crate) async fn of_bucket(cx: &Authorized<'_>) -> Result<Self> {
        let account = cx
            .s3
            .iam
            .account(&cx.bucket()?.account_id)
            .await
            .ok()
            .flatten();
        let account = account
            .map(|a| (a.canonical_id, a.name))
            .unwrap_or_default();
        Ok(Self {
            id: account.0,
            name: account.1,
        })
    }

    /// The canonical id.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn write(&self, w: &mut Writer, element: &str) {
        w.element(element, |w| {
            w.text("ID", &self.id);
            w.text("DisplayName", &self.name);
        });
    }
}

/// Whose the objects of a bucket are: its owner's, and where lists count also others'.
pub(crate) struct Owners {
    bucket: Owner,
    has_acls: bool,
}

impl Owners {
    pub(crate) async fn of_bucket(cx: &Authorized<'_>) -> Result<Self> {
        Ok(Self {
            bucket: Owner::of_bucket(cx).await?,
            has_acls: cx.sharing()?.ownership.has_acls(),
        })
    }

    /// The owner of an object; `own` is its own owner's canonical id.
    pub(crate) fn write(&self, w: &mut Writer, own: Option<&str>) {
        match own.filter(|_| self.has_acls) {
            Some(id) => w.element("Owner", |w| w.text("ID", id)),
            None => self.bucket.write(w, "Owner"),
        }
    }
}

/// [ListObjects](https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjects.html).
pub(crate) async fn v1(cx: &Authorized<'_>) -> Result<Response> {
    let encoding = Encoding::of(cx)?;
    let limit = cx.request.page_size("max-keys")?;
    let marker = parameter(cx, "marker");
    let page = page(cx, marker.map(str::to_owned), limit).await?;
    let owners = Owners::of_bucket(cx).await?;
    Ok(response::xml(Writer::document("ListBucketResult", |w| {
        w.text("Name", cx_bucket_name(cx));
        w.text(
            "Prefix",
            encoding.show(parameter(cx, "prefix").unwrap_or("")),
        );
        w.text("Marker", encoding.show(marker.unwrap_or("")));
        // Without a delimiter the last key is the marker, and S3 leaves it at that.
        if page.truncated && parameter(cx, "delimiter").is_some() {
            w.optional(
                "NextMarker",
                page.next.as_deref().map(|key| encoding.show(key)),
            );
        }
        w.value("MaxKeys", limit);
        w.optional(
            "Delimiter",
            parameter(cx, "delimiter").map(|d| encoding.show(d)),
        );
        encoding.write(w);
        w.value("IsTruncated", page.truncated);
        write_entries(w, &page, encoding, Some(&owners));
    })))
}

/// [ListObjectsV2](https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html).
pub(crate) async fn v2(cx: &Authorized<'_>) -> Result<Response> {
    let encoding = Encoding::of(cx)?;
    let limit = cx.request.page_size("max-keys")?;
    let token = cx.request.query.get("continuation-token");
    let start_after = parameter(cx, "start-after");
    let after = match token {
        None => start_after.map(str::to_owned),
        Some(token) => Some(decode_token(token).ok_or_else(|| {
            S3Error::argument(
                "continuation-token",
                token,
                "The continuation token provided is incorrect",
            )
        })?),
    };
    let page = page(cx, after, limit).await?;
    let owners = match cx.request.query.get("fetch-owner") {
        Some("true") => Some(Owners::of_bucket(cx).await?),
        _ => None,
    };
    Ok(response::xml(Writer::document("ListBucketResult", |w| {
        w.text("Name", cx_bucket_name(cx));
        w.text(
            "Prefix",
            encoding.show(parameter(cx, "prefix").unwrap_or("")),
        );
        w.optional("StartAfter", start_after.map(|key| encoding.show(key)));
        w.optional("ContinuationToken", token);
        if page.truncated {
            w.optional(
                "NextContinuationToken",
                page.next.as_deref().map(encode_token),
            );
        }
        w.value("KeyCount", page.entries.len());
        w.value("MaxKeys", limit);
        w.optional(
            "Delimiter",
            parameter(cx, "delimiter").map(|d| encoding.show(d)),
        );
        encoding.write(w);
        w.value("IsTruncated", page.truncated);
        write_entries(w, &page, encoding, owners.as_ref());
    })))
}

fn cx_bucket_name(cx: &Authorized<'_>) -> String {
    cx.request
        .bucket
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default()
}

/// A token is opaque to clients; it holds the last key of its page.
fn encode_token(key: &str) -> String {
    format!("1{}", URL_SAFE_NO_PAD.encode(key))
}

fn decode_token(token: &str) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(token.strip_prefix('1')?).ok()?;
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_token_gives_its_key_back(key in ".{1,80}", noise in ".{0,40}") {
            prop_assert_eq!(decode_token(&encode_token(&key)), Some(key));
            let _ = decode_token(&noise);
        }
    }
}
