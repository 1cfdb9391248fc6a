//! Configurations of which a bucket has many.

use bytes::Bytes;
use sealgate_index::{Index, IndexError};

use crate::support::{bucket, fresh};

async fn put(index: &Index, bucket: i64, id: &str, limit: usize) -> Result<(), IndexError> {
    let body = Bytes::from(id.to_owned());
    index
        .put_bucket_configuration(bucket, "metrics", id, body, limit)
        .await
}

async fn ids(index: &Index, bucket: i64, after: Option<&str>, limit: usize) -> Vec<String> {
    let found = index
        .bucket_configurations(bucket, "metrics", after, limit)
        .await
        .unwrap();
    found
        .into_iter()
        .map(|(id, body)| {
            assert_eq!(body, id);
            id
        })
        .collect()
}

#[tokio::test]
async fn configurations_are_listed_in_order_and_are_no_documents_of_the_bucket() {
    let index = fresh().await;
    let made = bucket(&index).await;
    for id in ["b", "a", "a-", "C"] {
        put(&index, made.id, id, 10).await.unwrap();
    }
    let other = Bytes::from_static(b"x");
    for kind in ["metric", "metricsx"] {
        index
            .put_bucket_configuration(made.id, kind, "a", other.clone(), 10)
            .await
            .unwrap();
    }
    assert_eq!(ids(&index, made.id, None, 9).await, ["C", "a", "a-", "b"]);
    assert_eq!(ids(&index, made.id, Some("a"), 1).await, ["a-"]);
    assert!(ids(&index, made.id, Some("b"), 1).await.is_empty());
    assert!(index.bucket("bucket").await.unwrap().config.is_empty());
    let found = index.bucket_configuration(made.id, "metrics", "a-").await;
    assert_eq!(found.unwrap().unwrap(), "a-");
}

#[tokio::test]
async fn one_over_the_limit_is_refused_and_one_more_of_the_same_id_is_not() {
    let index = fresh().await;
    let made = bucket(&index).await;
    put(&index, made.id, "a", 2).await.unwrap();
    put(&index, made.id, "b", 2).await.unwrap();
    put(&index, made.id, "b", 2).await.unwrap();
    let refused = put(&index, made.id, "c", 2).await;
    assert_eq!(refused.err(), Some(IndexError::TooManyConfigurations));
    let removed = |id| index.delete_bucket_configuration(made.id, "metrics", id);
    assert!(removed("a").await.unwrap());
    assert!(!removed("a").await.unwrap());
    put(&index, made.id, "c", 2).await.unwrap();
    let gone = put(&index, made.id + 1, "a", 2).await;
    assert_eq!(gone.err(), Some(IndexError::NoSuchBucket));
}

#[tokio::test]
async fn they_go_with_their_bucket() {
    let index = fresh().await;
    let made = bucket(&index).await;
    put(&index, made.id, "a", 2).await.unwrap();
    index.delete_bucket(made.id).await.unwrap();
    let again = bucket(&index).await;
    assert!(ids(&index, made.id, None, 9).await.is_empty());
    assert!(ids(&index, again.id, None, 9).await.is_empty());
}

#[tokio::test]
async fn configurations_of_a_kind_are_found_in_all_buckets() {
    let index = fresh().await;
    let one = bucket(&index).await;
    let two = index
        .create_bucket("two", "111111111111", "us-east-1")
        .await
        .unwrap();
    for (bucket, id) in [(two.id, "a"), (one.id, "b"), (one.id, "a")] {
        put(&index, bucket, id, 10).await.unwrap();
    }
    let found = index.configurations_of_kind("metrics").await.unwrap();
    let found: Vec<_> = found
        .into_iter()
        .map(|stored| (stored.bucket_id, stored.id, stored.body))
        .collect();
    let wanted = [(one.id, "a"), (one.id, "b"), (two.id, "a")];
    assert_eq!(
        found,
        wanted.map(|(bucket, id)| (bucket, id.to_owned(), Bytes::from_static(id.as_bytes())))
    );
    assert!(
        index
            .configurations_of_kind("metric")
            .await
            .unwrap()
            .is_empty()
    );
}
