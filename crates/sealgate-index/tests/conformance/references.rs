//! Blobs in use, shared, and garbage.

use sealgate_index::{
    Body, BodyMove, IndexError, VersionEntry, VersionListQuery, VersionRef, WriteCondition,
};
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

#[tokio::test]
async fn a_body_is_moved_once_for_who_read_it_and_leaves_its_blobs_to_others() {
    let index = fresh().await;
    let bucket = bucket(&index).await;
    let version = put(&index, &bucket, in_blobs("key", &["a", "b"])).await;
    // A copy has the same body.
    index
        .put_version(
            bucket.id,
            in_blobs("copy", &["a", "b"]),
            WriteCondition::None,
            Some(version.seq),
            Vec::new(),
        )
        .await
        .unwrap();
    let to = |seq, blobs: &[(u32, &str, &str)]| BodyMove {
        seq,
        storage_class: "COLD".into(),
        blobs: blobs
            .iter()
            .map(|(number, from, to)| (*number, (*from).to_owned(), (*to).to_owned()))
            .collect(),
    };
    let moved = async |change| {
        index
            .move_body(bucket.id, "key", VersionRef::Null, change, Vec::new())
            .await
            .err()
    };
    let whole = [(1, "a", "COLD/c"), (2, "b", "COLD/d")];
    for change in [
        to(version.seq + 7, &whole),
        to(version.seq, &whole[..1]),
        to(version.seq, &[(1, "a", "COLD/c"), (2, "x", "COLD/d")]),
    ] {
        assert_eq!(moved(change).await, Some(IndexError::Conflict));
    }
    let found = index.version_by_seq(version.seq).await.unwrap().unwrap();
    assert_eq!(found, version);
    assert_eq!(moved(to(version.seq, &whole)).await, None);
    assert_eq!(
        moved(to(version.seq, &whole)).await,
        Some(IndexError::Conflict)
    );

    let found = index.version_by_seq(version.seq).await.unwrap().unwrap();
    let Body::Parts(parts) = &found.body else {
        panic!("{found:?}")
    };
    assert_eq!(
        parts
            .iter()
            .map(|part| part.blob.as_str())
            .collect::<Vec<_>>(),
        ["COLD/c", "COLD/d"]
    );
    assert_eq!(found.attributes.storage_class.as_deref(), Some("COLD"));
    assert_eq!(
        (&found.etag, found.modified),
        (&version.etag, version.modified)
    );
    let page = index
        .list_versions(
            bucket.id,
            VersionListQuery {
                limit: 9,
                ..VersionListQuery::default()
            },
        )
        .await
        .unwrap();
    let classes: Vec<_> = page
        .entries
        .iter()
        .map(|entry| match entry {
            VersionEntry::Version(listed) => listed.object.storage_class.as_deref(),
            VersionEntry::Prefix(_) => panic!("{entry:?}"),
        })
        .collect();
    assert_eq!(classes, [None, Some("COLD")]);
    assert!(garbage(&index).await.is_empty());
    delete(&index, &bucket, "copy").await;
    let mut left = garbage(&index).await;
    left.sort();
    assert_eq!(left, ["a", "b"]);
    for (prefix, held) in [
        ("COLD/", true),
        ("a", true),
        ("COL/", false),
        ("COLD/e", false),
    ] {
        assert_eq!(index.holds_blobs(prefix).await.unwrap(), held, "{prefix}");
    }
    delete(&index, &bucket, "key").await;
    assert!(index.holds_blobs("COLD/").await.unwrap());
}
