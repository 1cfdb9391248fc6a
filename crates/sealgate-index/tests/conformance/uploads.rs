//! Multipart uploads.

use std::time::Duration;

use sealgate_index::{
    Body, Bucket, Index, IndexError, MINIMUM_PART_SIZE, NewVersion, Part, UploadEntry, UploadPage,
    WriteCondition,
};

use crate::support::{bucket, fresh, garbage, inline, new_upload, part, put};

fn whole(key: &str, parts: &[Part]) -> NewVersion {
    NewVersion {
        body: Body::Parts(parts.to_vec()),
        ..inline(key, "whole-2")
    }
}

fn chosen(parts: &[Part]) -> Vec<(u32, String)> {
    parts
        .iter()
        .map(|part| (part.number, part.etag.clone()))
        .collect()
}

/// An upload to `key` with parts 1, 3 and 7.
async fn started(index: &Index, bucket: &Bucket) -> (String, Vec<Part>) {
    let upload = index
        .create_upload(new_upload(bucket, "key"))
        .await
        .unwrap();
    let parts = vec![part(1, "one"), part(3, "three"), part(7, "seven")];
    for part in &parts {
        index.put_part(&upload.id, part.clone()).await.unwrap();
    }
    (upload.id, parts)
}

#[tokio::test]
async fn an_upload_is_found_by_bucket_key_and_id_only() {
    let index = fresh().await;
    let bucket = bucket(&index).await;
    let upload = index
        .create_upload(new_upload(&bucket, "key"))
        .await
        .unwrap();
    assert_eq!(
        index.upload(bucket.id, "key", &upload.id).await.unwrap(),
        upload
    );
    for (bucket_id, key, id) in [
        (bucket.id + 1, "key", &upload.id),
        (bucket.id, "other", &upload.id),
        (bucket.id, "key", &"no".to_owned()),
    ] {
        assert_eq!(
            index.upload(bucket_id, key, id).await.err(),
            Some(IndexError::NoSuchUpload)
        );
        assert_eq!(
            index.abort_upload(bucket_id, key, id).await.err(),
            Some(IndexError::NoSuchUpload)
        );
    }
}

#[tokio::test]
async fn parts_are_listed_by_number_and_replaced_by_number() {
    let index = fresh().await;
    let bucket = bucket(&index).await;
    let (id, parts) = started(&index, &bucket).await;
    let again = part(3, "again");
    let modified = index.put_part(&id, again.clone()).await.unwrap();
    assert_eq!(garbage(&index).await, ["three"]);

    let (first, truncated) = index.list_parts(&id, 0, 2).await.unwrap();
    let numbers: Vec<u32> = first.iter().map(|stored| stored.part.number).collect();
    assert_eq!((numbers, truncated), (vec![1, 3], true));
    assert_eq!((&first[1].part, first[1].modified), (&again, modified));
    let (rest, truncated) = index.list_parts(&id, 3, 1).await.unwrap();
    assert_eq!((&rest[0].part, truncated), (&parts[2], false));
    assert_eq!(index.list_parts(&id, 0, 0).await.unwrap(), (vec![], false));

    let found = index.parts(&id, &[7, 2, 1]).await.unwrap();
    let blobs: Vec<_> = found
        .iter()
        .map(|stored| stored.as_ref().map(|stored| stored.part.blob.as_str()))
        .collect();
    assert_eq!(blobs, [Some("seven"), None, Some("one")]);
    assert_eq!(
        index.list_parts("no", 0, 10).await.err(),
        Some(IndexError::NoSuchUpload)
    );
    assert_eq!(
        index.put_part("no", part(1, "x")).await.err(),
        Some(IndexError::NoSuchUpload)
    );
}

#[tokio::test]
async fn a_completed_upload_is_an_object_of_the_chosen_parts() {
    let index = fresh().await;
    let bucket = bucket(&index).await;
    let (id, parts) = started(&index, &bucket).await;
    let kept = [parts[0].clone(), parts[2].clone()];
    let done = index
        .complete_upload(
            &id,
            chosen(&kept),
            whole("key", &kept),
            WriteCondition::None,
            Vec::new(),
        )
        .await
        .unwrap()
        .version;
    assert_eq!(done.body, Body::Parts(kept.to_vec()));
    assert_eq!(
        index.get_version(bucket.id, "key").await.unwrap(),
        Some(done)
    );
    assert_eq!(garbage(&index).await, ["three"]);
    assert_eq!(
        index.upload(bucket.id, "key", &id).await.err(),
        Some(IndexError::NoSuchUpload)
    );
    put(&index, &bucket, inline("key", "etag")).await;
    assert_eq!(garbage(&index).await, ["one", "seven", "three"]);
}

#[tokio::test]
async fn a_completion_that_does_not_agree_with_the_stored_parts_is_refused_and_can_be_repeated() {
    let index = fresh().await;
    let bucket = bucket(&index).await;
    let (id, parts) = started(&index, &bucket).await;
    let complete = async |chosen: Vec<(u32, String)>, body: &[Part], condition| {
        index
            .complete_upload(&id, chosen, whole("key", body), condition, Vec::new())
            .await
    };
    let refused = async |chosen, body: &[Part]| {
        complete(chosen, body, WriteCondition::None)
            .await
            .err()
            .unwrap()
    };

    let mut backwards = chosen(&parts);
    backwards.reverse();
    assert_eq!(
        refused(backwards, &parts).await,
        IndexError::InvalidPartOrder
    );
    assert_eq!(
        refused(vec![(1, "other".into())], &parts[..1]).await,
        IndexError::InvalidPart { number: 1 }
    );
    let missing = part(2, "two");
    assert_eq!(
        refused(chosen(std::slice::from_ref(&missing)), &[missing]).await,
        IndexError::InvalidPart { number: 2 }
    );
    // Read before it was replaced by a part of the same content.
    let mut replaced = parts.clone();
    replaced[1].blob = "before".into();
    assert_eq!(
        refused(chosen(&parts), &replaced).await,
        IndexError::InvalidPart { number: 3 }
    );
    let mut other_blob = parts.clone();
    other_blob[1].header_hash = [0; 32];
    assert_eq!(
        refused(chosen(&parts), &other_blob).await,
        IndexError::InvalidPart { number: 3 }
    );
    assert_eq!(
        refused(chosen(&parts[..2]), &parts).await,
        IndexError::Conflict
    );
    assert_eq!(
        complete(
            chosen(&parts),
            &parts,
            WriteCondition::IfMatch("etag".into())
        )
        .await
        .err(),
        Some(IndexError::NoSuchKey)
    );
    assert!(garbage(&index).await.is_empty());
    complete(chosen(&parts), &parts, WriteCondition::IfNoneMatchAny)
        .await
        .unwrap();
    assert_eq!(
        refused(chosen(&parts), &parts).await,
        IndexError::NoSuchUpload
    );
}

#[tokio::test]
async fn only_the_last_part_may_be_small() {
    let index = fresh().await;
    let bucket = bucket(&index).await;
    let upload = index
        .create_upload(new_upload(&bucket, "key"))
        .await
        .unwrap();
    let small = Part {
        size: 7,
        ..part(1, "small")
    };
    let parts = [small.clone(), part(2, "large")];
    for part in &parts {
        index.put_part(&upload.id, part.clone()).await.unwrap();
    }
    let refused = index
        .complete_upload(
            &upload.id,
            chosen(&parts),
            whole("key", &parts),
            WriteCondition::None,
            Vec::new(),
        )
        .await;
    let expected = IndexError::EntityTooSmall {
        number: 1,
        size: 7,
        minimum: MINIMUM_PART_SIZE,
    };
    assert_eq!(refused.err(), Some(expected));
    let alone = [small];
    index
        .complete_upload(
            &upload.id,
            chosen(&alone),
            whole("key", &alone),
            WriteCondition::None,
            Vec::new(),
        )
        .await
        .unwrap();
    assert_eq!(garbage(&index).await, ["large"]);
}

#[tokio::test]
async fn an_aborted_upload_leaves_its_parts_as_garbage() {
    let index = fresh().await;
    let bucket = bucket(&index).await;
    let (id, _) = started(&index, &bucket).await;
    index.abort_upload(bucket.id, "key", &id).await.unwrap();
    assert_eq!(garbage(&index).await, ["one", "seven", "three"]);
    assert_eq!(
        index.abort_upload(bucket.id, "key", &id).await.err(),
        Some(IndexError::NoSuchUpload)
    );
}

fn shown(page: &UploadPage) -> Vec<String> {
    page.entries
        .iter()
        .map(|entry| match entry {
            UploadEntry::Upload(upload) => format!("{} {}", upload.key, upload.initiator),
            UploadEntry::Prefix(prefix) => prefix.clone(),
        })
        .collect()
}

#[tokio::test]
async fn uploads_are_listed_by_key_then_time_and_paged_by_both_markers() {
    let index = fresh().await;
    let bucket = bucket(&index).await;
    for (key, initiator) in [
        ("b", "1"),
        ("a", "1"),
        ("b", "2"),
        ("c/x", "1"),
        ("b", "3"),
        ("c/y", "1"),
        ("d", "1"),
    ] {
        let new = sealgate_index::NewUpload {
            initiator: initiator.into(),
            ..new_upload(&bucket, key)
        };
        index.create_upload(new).await.unwrap();
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let expected = ["a 1", "b 1", "b 2", "b 3", "c/", "d 1"];
    for limit in 1..8 {
        let mut all = Vec::new();
        let (mut key, mut id) = (None::<String>, None::<String>);
        loop {
            let page = index
                .list_uploads(
                    bucket.id,
                    "",
                    Some("/"),
                    key.as_deref(),
                    id.as_deref(),
                    limit,
                )
                .await
                .unwrap();
            assert!(page.entries.len() <= limit);
            all.extend(shown(&page));
            if !page.truncated {
                assert_eq!((page.next_key, page.next_upload_id), (None, None));
                break;
            }
            (key, id) = (page.next_key, page.next_upload_id);
        }
        assert_eq!(all, expected, "by {limit}");
    }
    let by_key = index
        .list_uploads(bucket.id, "", None, Some("b"), None, 10)
        .await
        .unwrap();
    assert_eq!(shown(&by_key), ["c/x 1", "c/y 1", "d 1"]);
    let by_prefix = index
        .list_uploads(bucket.id, "c/", None, None, None, 10)
        .await
        .unwrap();
    assert_eq!(shown(&by_prefix), ["c/x 1", "c/y 1"]);
    assert_eq!(
        index
            .list_uploads(bucket.id, "", None, None, None, 0)
            .await
            .unwrap(),
        UploadPage::default()
    );
}
