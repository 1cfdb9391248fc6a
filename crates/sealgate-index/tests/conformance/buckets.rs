//! Buckets and their configuration.

use bytes::Bytes;
use sealgate_index::{Delete, IndexError};

use crate::support::{bucket, delete, fresh, garbage, inline, new_upload, part, put};

#[tokio::test]
async fn a_name_is_given_once_and_the_refusal_tells_to_whom() {
    let index = fresh().await;
    assert_eq!(
        index.bucket("bucket").await.err(),
        Some(IndexError::NoSuchBucket)
    );
    let made = bucket(&index).await;
    assert_eq!(*index.bucket("bucket").await.unwrap(), made);
    let refused = index
        .create_bucket("bucket", "222222222222", "us-east-1")
        .await;
    assert_eq!(
        refused.err(),
        Some(IndexError::BucketExists {
            owner: "111111111111".into()
        })
    );
}

#[tokio::test]
async fn configuration_is_seen_as_soon_as_the_write_returns() {
    let index = fresh().await;
    let made = bucket(&index).await;
    for round in 0..50_u8 {
        index
            .put_bucket_config(made.id, "encryption", Some(Bytes::from(vec![round])))
            .await
            .unwrap();
        assert_eq!(
            index.bucket("bucket").await.unwrap().config["encryption"],
            vec![round]
        );
    }
    index
        .put_bucket_config(made.id, "encryption", None)
        .await
        .unwrap();
    assert!(index.bucket("bucket").await.unwrap().config.is_empty());
    assert_eq!(
        index.put_bucket_config(77, "encryption", None).await.err(),
        Some(IndexError::NoSuchBucket)
    );
}

#[tokio::test]
async fn only_an_empty_bucket_is_deleted_and_its_uploads_are_aborted() {
    let index = fresh().await;
    let made = bucket(&index).await;
    put(&index, &made, inline("key", "etag")).await;
    assert_eq!(
        index.delete_bucket(made.id).await.err(),
        Some(IndexError::BucketNotEmpty)
    );
    delete(&index, &made, "key").await;
    let upload = index.create_upload(new_upload(&made, "key")).await.unwrap();
    index.put_part(&upload.id, part(1, "blob")).await.unwrap();
    index.delete_bucket(made.id).await.unwrap();

    assert_eq!(
        index.bucket("bucket").await.err(),
        Some(IndexError::NoSuchBucket)
    );
    assert_eq!(
        index.upload(made.id, "key", &upload.id).await.err(),
        Some(IndexError::NoSuchUpload)
    );
    assert_eq!(garbage(&index).await, ["blob"]);
    assert_eq!(
        index.delete_bucket(made.id).await.err(),
        Some(IndexError::NoSuchBucket)
    );
    let again = bucket(&index).await;
    assert_ne!(again.id, made.id);
    assert!(again.config.is_empty());
}

#[tokio::test]
async fn writes_into_a_deleted_bucket_are_refused() {
    let index = fresh().await;
    let made = bucket(&index).await;
    index.delete_bucket(made.id).await.unwrap();
    let put = index
        .put_version(
            made.id,
            inline("key", "etag"),
            Default::default(),
            None,
            Vec::new(),
        )
        .await;
    assert_eq!(put.err(), Some(IndexError::NoSuchBucket));
    assert_eq!(
        index.create_upload(new_upload(&made, "key")).await.err(),
        Some(IndexError::NoSuchBucket)
    );
    assert_eq!(
        index
            .delete_version(made.id, Delete::current("key"))
            .await
            .err(),
        Some(IndexError::NoSuchBucket)
    );
}

#[tokio::test]
async fn buckets_are_listed_by_account_prefix_and_marker() {
    let index = fresh().await;
    for name in ["alpha", "beta-1", "beta-2", "beta-3", "gamma"] {
        index
            .create_bucket(name, "111111111111", "us-east-1")
            .await
            .unwrap();
    }
    index
        .create_bucket("beta-other", "222222222222", "us-east-1")
        .await
        .unwrap();
    let list = async |prefix: &str, after: Option<&str>, limit| {
        let buckets = index
            .list_buckets("111111111111", prefix, after, limit)
            .await
            .unwrap();
        buckets
            .into_iter()
            .map(|bucket| bucket.name)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        list("", None, 100).await,
        ["alpha", "beta-1", "beta-2", "beta-3", "gamma"]
    );
    assert_eq!(list("beta", None, 2).await, ["beta-1", "beta-2"]);
    assert_eq!(list("beta", Some("beta-2"), 2).await, ["beta-3"]);
    assert_eq!(list("beta", Some("alpha"), 1).await, ["beta-1"]);
    assert!(list("beta", Some("gamma"), 100).await.is_empty());
}
