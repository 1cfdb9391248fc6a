//! Blobs in use, shared, and garbage.

use sealgate_index::{IndexError, WriteCondition};
use time::{Duration, OffsetDateTime};

use crate::support::{bucket, delete, fresh, garbage, in_blobs, inline, put, put_if};

#[tokio::test]
async fn replaced_and_deleted_bodies_become_garbage_once() {
    let index = fresh().await;
    let bucket = bucket(&index).await;
    put(&index, &bucket, in_blobs("key", &["a", "b"])).await;
    assert!(garbage(&index).await.is_empty());
    put(&index, &bucket, in_blobs("key", &["c"])).await;
    assert_eq!(garbage(&index).await, ["a", "b"]);
    delete(&index, &bucket, "key").await;
    assert_eq!(garbage(&index).await, ["a", "b", "c"]);

    let hour_ago = OffsetDateTime::now_utc() - Duration::HOUR;
    assert!(index.take_garbage(hour_ago, 10).await.unwrap().is_empty());
    let names: Vec<String> = ["a", "b", "c", "d"].map(Into::into).to_vec();
    assert_eq!(
        index.blob_in_use(&names).await.unwrap(),
        [true, true, true, false]
    );
    index.forget_garbage(&names[..2]).await.unwrap();
    assert_eq!(
        index.blob_in_use(&names).await.unwrap(),
        [false, false, true, false]
    );
    assert_eq!(garbage(&index).await, ["c"]);
}

#[tokio::test]
async fn a_shared_blob_is_garbage_only_when_its_last_version_is_gone() {
    let index = fresh().await;
    let bucket = bucket(&index).await;
    let source = put(&index, &bucket, in_blobs("source", &["a", "b"])).await;
    let copy = index
        .put_version(
            bucket.id,
            in_blobs("copy", &["a", "b"]),
            WriteCondition::None,
            Some(source.seq),
            Vec::new(),
        )
        .await
        .unwrap();
    index
        .put_version(
            bucket.id,
            in_blobs("third", &["a", "b"]),
            WriteCondition::None,
            Some(copy.version.seq),
            Vec::new(),
        )
        .await
        .unwrap();
    delete(&index, &bucket, "source").await;
    put(&index, &bucket, inline("copy", "etag")).await;
    assert!(garbage(&index).await.is_empty());
    delete(&index, &bucket, "third").await;
    assert_eq!(garbage(&index).await, ["a", "b"]);
}

#[tokio::test]
async fn an_object_is_copied_onto_itself_without_losing_its_body() {
    let index = fresh().await;
    let bucket = bucket(&index).await;
    let mut seq = put(&index, &bucket, in_blobs("key", &["a"])).await.seq;
    for _ in 0..3 {
        let copied = index
            .put_version(
                bucket.id,
                in_blobs("key", &["a"]),
                WriteCondition::None,
                Some(seq),
                Vec::new(),
            )
            .await;
        seq = copied.unwrap().version.seq;
        assert!(garbage(&index).await.is_empty());
    }
    delete(&index, &bucket, "key").await;
    assert_eq!(garbage(&index).await, ["a"]);
}

#[tokio::test]
async fn a_copy_whose_source_is_gone_is_a_conflict() {
    let index = fresh().await;
    let bucket = bucket(&index).await;
    for new in [in_blobs("source", &["a"]), inline("source", "etag")] {
        let source = put(&index, &bucket, new.clone()).await;
        delete(&index, &bucket, "source").await;
        let copy = sealgate_index::NewVersion {
            key: "copy".into(),
            ..new
        };
        let copied = index
            .put_version(
                bucket.id,
                copy,
                WriteCondition::None,
                Some(source.seq),
                Vec::new(),
            )
            .await;
        assert_eq!(copied.err(), Some(IndexError::Conflict));
        assert_eq!(index.get_version(bucket.id, "copy").await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_refused_put_leaves_its_blobs_uncounted() {
    let index = fresh().await;
    let bucket = bucket(&index).await;
    put(&index, &bucket, in_blobs("key", &["a"])).await;
    let refused = put_if(
        &index,
        &bucket,
        in_blobs("key", &["b"]),
        WriteCondition::IfNoneMatchAny,
    )
    .await;
    assert_eq!(refused.err(), Some(IndexError::PreconditionFailed));
    // A blob of somebody else is not taken over without naming its version.
    let stolen = put_if(
        &index,
        &bucket,
        in_blobs("other", &["b", "a"]),
        WriteCondition::None,
    )
    .await;
    assert_eq!(stolen.err(), Some(IndexError::Conflict));
    assert_eq!(
        index.blob_in_use(&["a".into(), "b".into()]).await.unwrap(),
        [true, false]
    );
    assert!(garbage(&index).await.is_empty());
}
