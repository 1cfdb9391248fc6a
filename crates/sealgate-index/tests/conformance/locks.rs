//! Object Lock on every way by which a version could go.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use bytes::Bytes;
use sealgate_index::{
    Attributes, Bucket, Clock, Delete, EnvelopeChange, Index, IndexError, Lock, LockChange,
    NewVersion, Retention, RetentionMode, Version, VersionRef, Versioning,
};
use time::{Duration, OffsetDateTime};

use crate::support::{bucket, fresh, inline, new_upload, put, put_if};

async fn locking(index: &Index) -> Bucket {
    let bucket = bucket(index).await;
    assert_eq!(
        index.enable_object_lock(bucket.id).await,
        Err(IndexError::InvalidBucketState)
    );
    let enabled = index.set_versioning(bucket.id, Versioning::Enabled).await;
    enabled.unwrap();
    index.enable_object_lock(bucket.id).await.unwrap();
    assert!(index.bucket("bucket").await.unwrap().object_lock);
    bucket
}

fn retained(mode: RetentionMode, index: &Index) -> Lock {
    Lock {
        retention: Some(Retention {
            mode,
            until: (index.now() + Duration::HOUR)
                .replace_nanosecond(0)
                .unwrap(),
        }),
        legal_hold: None,
    }
}

fn locked(key: &str, lock: Lock) -> NewVersion {
    NewVersion {
        attributes: Attributes {
            lock,
            ..Attributes::default()
        },
        ..inline(key, "etag")
    }
}

async fn delete(
    index: &Index,
    bucket: &Bucket,
    version: &Version,
    bypass: bool,
) -> Option<IndexError> {
    let named = VersionRef::to(version.version_id.as_deref());
    let mut delete = Delete::of(&version.key, named);
    delete.bypass_governance = bypass;
    let one = index.delete_version(bucket.id, delete.clone()).await.err();
    if one.is_some() {
        let batch = index
            .delete_versions(bucket.id, vec![delete])
            .await
            .unwrap();
        assert_eq!(batch[0].as_ref().err(), one.as_ref());
    }
    one
}

#[tokio::test]
async fn a_locked_version_stays_until_its_time_has_come() {
    let index = fresh().await;
    let now = Arc::new(AtomicI64::new(1_700_000_000));
    let clock = now.clone();
    index.set_clock(Clock::from_fn(move || {
        OffsetDateTime::from_unix_timestamp(clock.load(Ordering::SeqCst)).unwrap()
    }));
    let bucket = locking(&index).await;
    let compliance = retained(RetentionMode::Compliance, &index);
    let governance = retained(RetentionMode::Governance, &index);
    let kept = put(&index, &bucket, locked("a", compliance)).await;
    let guarded = put(&index, &bucket, locked("b", governance)).await;
    for bypass in [false, true] {
        assert_eq!(
            delete(&index, &bucket, &kept, bypass).await,
            Some(IndexError::Locked)
        );
    }
    assert_eq!(
        delete(&index, &bucket, &guarded, false).await,
        Some(IndexError::Locked)
    );
    // Versioning, and the bucket, stay too.
    for versioning in [Versioning::Off, Versioning::Suspended] {
        assert_eq!(
            index.set_versioning(bucket.id, versioning).await,
            Err(IndexError::InvalidBucketState)
        );
    }
    assert_eq!(
        index.delete_bucket(bucket.id).await,
        Err(IndexError::BucketNotEmpty)
    );
    // Overwriting and deleting without a name take nothing away.
    put(&index, &bucket, inline("a", "above")).await;
    let marked = index.delete_version(bucket.id, Delete::current("a")).await;
    marked.unwrap();
    let named = VersionRef::to(kept.version_id.as_deref());
    let change = EnvelopeChange {
        seq: kept.seq,
        from: kept.envelope.clone(),
        envelope: Bytes::from_static(b"other"),
    };
    let changed = index
        .set_envelope(bucket.id, "a", named.clone(), change, Vec::new())
        .await;
    assert_eq!(changed.err(), Some(IndexError::Locked));
    let found = index.version(bucket.id, "a", &named).await.unwrap();
    assert_eq!(found.version, kept);

    assert_eq!(delete(&index, &bucket, &guarded, true).await, None);
    now.fetch_add(3599, Ordering::SeqCst);
    assert_eq!(
        delete(&index, &bucket, &kept, true).await,
        Some(IndexError::Locked)
    );
    now.fetch_add(1, Ordering::SeqCst);
    assert_eq!(delete(&index, &bucket, &kept, false).await, None);
}

#[tokio::test]
async fn a_legal_hold_stays_until_it_is_taken_off() {
    let index = fresh().await;
    let bucket = locking(&index).await;
    let held = put(&index, &bucket, inline("key", "etag")).await;
    let hold = async |on| {
        index
            .set_lock(
                bucket.id,
                "key",
                VersionRef::Current,
                LockChange::LegalHold(on),
                false,
                Vec::new(),
            )
            .await
            .unwrap();
    };
    hold(true).await;
    assert_eq!(
        delete(&index, &bucket, &held, true).await,
        Some(IndexError::Locked)
    );
    hold(false).await;
    assert_eq!(delete(&index, &bucket, &held, false).await, None);
}

#[tokio::test]
async fn without_object_lock_nothing_is_locked() {
    let index = fresh().await;
    let bucket = bucket(&index).await;
    let lock = retained(RetentionMode::Compliance, &index);
    let invalid = Some(IndexError::InvalidBucketState);
    let refused = put_if(&index, &bucket, locked("key", lock), Default::default()).await;
    assert_eq!(refused.err(), invalid);
    let mut upload = new_upload(&bucket, "key");
    upload.attributes.lock = lock;
    assert_eq!(index.create_upload(upload).await.err(), invalid);
    put(&index, &bucket, inline("key", "etag")).await;
    let change = LockChange::Retention(lock.retention);
    let set = index
        .set_lock(
            bucket.id,
            "key",
            VersionRef::Current,
            change,
            true,
            Vec::new(),
        )
        .await;
    assert_eq!(set.err(), invalid);
}
