//! A fresh index and short ways to say what is put into it.

use std::ops::Deref;

use bytes::Bytes;
use sealgate_crypto::hash::{Digest, Sha256};
use sealgate_index::{
    Attributes, Body, Bucket, Delete, DeleteOutcome, Entry, Index, IndexConfig, IndexError,
    ListQuery, NewUpload, NewVersion, Page, Part, Version, WriteCondition,
};
use tempfile::TempDir;
use zeroize::Zeroizing;

/// An index that is removed when the test ends.
pub struct Fresh {
    index: Index,
    _folder: TempDir,
}

impl Deref for Fresh {
    type Target = Index;

    fn deref(&self) -> &Index {
        &self.index
    }
}

pub async fn fresh() -> Fresh {
    let folder = tempfile::tempdir().unwrap();
    let config = IndexConfig {
        path: folder.path().join("index.db"),
        key: Some(Zeroizing::new([42; 32])),
    };
    Fresh {
        index: Index::open(config).await.unwrap(),
        _folder: folder,
    }
}

pub async fn bucket(index: &Index) -> Bucket {
    index
        .create_bucket("bucket", "111111111111", "us-east-1")
        .await
        .unwrap()
}

pub fn inline(key: &str, etag: &str) -> NewVersion {
    NewVersion {
        key: key.into(),
        size: 5,
        etag: etag.into(),
        checksum_algorithm: Some("CRC64NVME".into()),
        checksum_type: Some("FULL_OBJECT".into()),
        body: Body::Inline(Bytes::from_static(b"sealed")),
        meta: Bytes::from_static(b"meta"),
        envelope: Bytes::from_static(b"envelope"),
        attributes: Attributes::default(),
    }
}

/// A hash for each name.
fn hash_of(blob: &str) -> [u8; 32] {
    Sha256::digest(blob).into()
}

pub fn part(number: u32, blob: &str) -> Part {
    Part {
        number,
        size: 5 << 20,
        sealed_size: (5 << 20) + 1376,
        blob: blob.into(),
        header_hash: hash_of(blob),
        etag: format!("etag-{blob}"),
        checksum: Some(vec![1, 2, 3]),
    }
}

pub fn in_blobs(key: &str, blobs: &[&str]) -> NewVersion {
    let parts = blobs
        .iter()
        .zip(1..)
        .map(|(blob, number)| part(number, blob))
        .collect();
    NewVersion {
        body: Body::Parts(parts),
        ..inline(key, "etag")
    }
}

pub fn new_upload(bucket: &Bucket, key: &str) -> NewUpload {
    NewUpload {
        bucket_id: bucket.id,
        key: key.into(),
        initiator: "initiator".into(),
        owner: "owner".into(),
        meta: Bytes::from_static(b"meta"),
        envelope: Bytes::from_static(b"envelope"),
        checksum_algorithm: None,
        checksum_type: None,
        attributes: Attributes::default(),
    }
}

pub async fn put(index: &Index, bucket: &Bucket, version: NewVersion) -> Version {
    put_if(index, bucket, version, WriteCondition::None)
        .await
        .unwrap()
}

pub async fn put_if(
    index: &Index,
    bucket: &Bucket,
    version: NewVersion,
    condition: WriteCondition,
) -> Result<Version, IndexError> {
    let written = index
        .put_version(bucket.id, version, condition, None, Vec::new())
        .await?;
    Ok(written.version)
}

/// Deletes what is current; tells whether there was something.
pub async fn delete(index: &Index, bucket: &Bucket, key: &str) -> bool {
    let deleted = index
        .delete_version(bucket.id, Delete::current(key))
        .await
        .unwrap();
    deleted.outcome != DeleteOutcome::Nothing
}

pub async fn list(index: &Index, bucket: &Bucket, query: &ListQuery) -> Page {
    index.list_objects(bucket.id, query.clone()).await.unwrap()
}

pub fn names(page: &Page) -> Vec<&str> {
    page.entries.iter().map(Entry::name).collect()
}

/// Garbage of any age.
pub async fn garbage(index: &Index) -> Vec<String> {
    let tomorrow = time::OffsetDateTime::now_utc() + time::Duration::DAY;
    let mut garbage = index.take_garbage(tomorrow, 1000).await.unwrap();
    garbage.sort();
    garbage
}
