//! Quotas of buckets and accounts, decided in the transaction of the write.

use sealgate_index::{Bucket, Delete, Index, IndexError, NewVersion, Quota, Usage, Versioning};

use crate::support::{bucket, fresh, inline, put, put_if};

fn sized(key: &str, size: u64) -> NewVersion {
    NewVersion {
        size,
        ..inline(key, "etag")
    }
}

fn bytes(limit: u64) -> Quota {
    Quota {
        bytes: Some(limit),
        objects: None,
    }
}

async fn refused(index: &Index, bucket: &Bucket, new: NewVersion) -> bool {
    match put_if(index, bucket, new, Default::default()).await {
        Ok(_) => false,
        Err(IndexError::QuotaExceeded) => true,
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_bucket_holds_what_its_quota_allows() {
    let index = fresh().await;
    let bucket = bucket(&index).await;
    index.set_bucket_quota(bucket.id, bytes(10)).await.unwrap();
    assert_eq!(index.bucket("bucket").await.unwrap().quota, bytes(10));
    assert!(!refused(&index, &bucket, sized("a", 10)).await);
    assert!(refused(&index, &bucket, sized("b", 1)).await);
    assert!(!refused(&index, &bucket, sized("b", 0)).await);
    // An overwrite counts for what it adds, and may shrink what is too much.
    assert!(!refused(&index, &bucket, sized("a", 9)).await);
    index.set_bucket_quota(bucket.id, bytes(5)).await.unwrap();
    assert!(!refused(&index, &bucket, sized("a", 8)).await);
    assert!(refused(&index, &bucket, sized("a", 9)).await);
    let objects = Quota {
        bytes: None,
        objects: Some(2),
    };
    index.set_bucket_quota(bucket.id, objects).await.unwrap();
    assert!(!refused(&index, &bucket, sized("a", 100)).await);
    assert!(refused(&index, &bucket, sized("c", 0)).await);
    let deleted = index.delete_version(bucket.id, Delete::current("b")).await;
    deleted.unwrap();
    assert!(!refused(&index, &bucket, sized("c", 0)).await);
    // Versions that are not current count.
    let enabled = index.set_versioning(bucket.id, Versioning::Enabled).await;
    enabled.unwrap();
    assert!(refused(&index, &bucket, sized("a", 0)).await);
    let none = index.set_bucket_quota(bucket.id, Quota::default()).await;
    none.unwrap();
    assert!(!refused(&index, &bucket, sized("a", 1000)).await);
}

#[tokio::test]
async fn an_account_has_one_quota_for_all_its_buckets() {
    let index = fresh().await;
    let one = bucket(&index).await;
    let account = one.account_id.clone();
    let other = index
        .create_bucket("other", &account, "us-east-1")
        .await
        .unwrap();
    let foreign = index
        .create_bucket("foreign", "222222222222", "us-east-1")
        .await
        .unwrap();
    put(&index, &foreign, sized("a", 100)).await;
    index.set_account_quota(&account, bytes(10)).await.unwrap();
    assert_eq!(index.account_quota(&account).await.unwrap(), bytes(10));
    assert!(!refused(&index, &one, sized("a", 6)).await);
    assert!(refused(&index, &other, sized("a", 5)).await);
    assert!(!refused(&index, &other, sized("a", 4)).await);
    assert!(!refused(&index, &foreign, sized("b", 100)).await);
    let usage = index.account_usage(&account).await.unwrap();
    let expected = Usage {
        objects: 2,
        versions: 2,
        markers: 0,
        bytes: 10,
    };
    assert_eq!(usage, expected);
    let none = index.set_account_quota(&account, Quota::default()).await;
    none.unwrap();
    assert!(!refused(&index, &other, sized("b", 1)).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writes_of_one_group_share_what_is_left() {
    let index = fresh().await;
    let bucket = bucket(&index).await;
    index.set_bucket_quota(bucket.id, bytes(10)).await.unwrap();
    let writes: Vec<_> = (0..40)
        .map(|number| {
            let (index, bucket) = ((*index).clone(), bucket.clone());
            tokio::spawn(
                async move { !refused(&index, &bucket, sized(&number.to_string(), 1)).await },
            )
        })
        .collect();
    let mut stored = 0;
    for write in writes {
        stored += u64::from(write.await.unwrap());
    }
    assert_eq!(stored, 10);
    assert_eq!(index.usage(bucket.id).await.unwrap().bytes, 10);
}
