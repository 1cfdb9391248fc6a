//! Replicas have the id and the time of their original and the place that this time gives them; the status of the
//! original follows the entries of the outbox.

use bytes::Bytes;
use sealgate_index::{
    Attributes, Body, Carries, Delete, DeleteOutcome, Effect, Index, IndexError, Lock, NewEvent,
    NewReplica, NewVersion, Original, OutboxEntry, Queued, Replicated, Replication, Retention,
    RetentionMode, ScanPlace, Usage, VersionEntry, VersionListQuery, VersionRef, Versioning,
    WriteCondition,
};
use time::{Duration, OffsetDateTime};

use crate::support::{fresh, in_blobs, inline};

const ID: &str = "AAAAAAAAAGQAAAAAAAAAAAAAAAAAAAAA";
const OTHER_ID: &str = "AAAAAAAAAGUAAAAAAAAAAAAAAAAAAAAA";

async fn versioned(index: &Index, name: &str) -> i64 {
    let bucket = index.create_bucket(name, "111111111111", "us-east-1").await;
    let id = bucket.unwrap().id;
    index.set_versioning(id, Versioning::Enabled).await.unwrap();
    id
}

fn carrying(destinations: usize, carries: Carries) -> Vec<NewEvent> {
    (0..destinations)
        .map(|_| NewEvent {
            on: None,
            kind: "replication".into(),
            carries: Some(carries),
            body: Bytes::new(),
        })
        .collect()
}

fn replica(version: NewVersion, id: &str, modified: OffsetDateTime) -> NewReplica {
    NewReplica {
        version,
        original: original(id, modified),
        shares: None,
        create: true,
        events: Vec::new(),
    }
}

fn original(id: &str, modified: OffsetDateTime) -> Original {
    Original {
        version_id: Some(id.to_owned()),
        modified,
    }
}

async fn put(index: &Index, bucket: i64, key: &str, events: Vec<NewEvent>) -> String {
    let (version, none) = (inline(key, "etag"), WriteCondition::None);
    let put = index.put_version(bucket, version, none, None, events).await;
    put.unwrap().version.version_id.unwrap()
}

async fn entries(index: &Index) -> Vec<OutboxEntry> {
    let read = index.outbox_read("replication", index.now(), 100).await;
    read.unwrap()
}

async fn status(index: &Index, bucket: i64, key: &str, id: &str) -> Option<Replication> {
    let version = VersionRef::Id(id.to_owned());
    let found = index.version(bucket, key, &version).await.unwrap();
    found.version.replication
}

/// Ids of a key, the newest first, read page by page.
async fn ids(index: &Index, bucket: i64) -> Vec<Option<String>> {
    let (mut found, mut key, mut marker) = (Vec::new(), None, None);
    loop {
        let query = VersionListQuery {
            key_marker: key,
            version_id_marker: marker,
            limit: 1,
            ..VersionListQuery::default()
        };
        let page = index.list_versions(bucket, query).await.unwrap();
        for entry in page.entries {
            let VersionEntry::Version(version) = entry else {
                panic!("a prefix")
            };
            found.push(version.version_id);
        }
        if !page.truncated {
            return found;
        }
        (key, marker) = (page.next_key, page.next_version_id);
    }
}

#[tokio::test]
async fn a_replica_is_found_and_removed_by_the_id_of_its_original() {
    let index = fresh().await;
    let bucket = versioned(&index, "b").await;
    let modified = index.now() - Duration::hours(1);
    let made = index
        .put_replica(bucket, replica(inline("k", "e"), ID, modified), 0)
        .await;
    assert_eq!(made, Ok(Replicated::Made));
    let current = index.get_version(bucket, "k").await.unwrap().unwrap();
    assert_eq!(current.version_id.as_deref(), Some(ID));
    assert_eq!(current.modified.unix_timestamp(), modified.unix_timestamp());
    assert_eq!(current.replication, Some(Replication::Replica));
    let own = put(&index, bucket, "k", Vec::new()).await;
    let named = index.version(bucket, "k", &VersionRef::Id(ID.into())).await;
    assert_eq!(named.unwrap().version, current);
    assert_eq!(ids(&index, bucket).await, [Some(own), Some(ID.to_owned())]);
    let delete = Delete::of("k", VersionRef::Id(ID.into()));
    let deleted = index.delete_version(bucket, delete).await.unwrap();
    assert!(matches!(deleted.outcome, DeleteOutcome::Removed { .. }));
    let gone = index.version(bucket, "k", &VersionRef::Id(ID.into())).await;
    assert_eq!(gone, Err(IndexError::NoSuchVersion));
}

#[tokio::test]
async fn an_older_replica_takes_its_place_below_what_is_newer() {
    let index = fresh().await;
    let bucket = versioned(&index, "b").await;
    let (long_ago, recently) = (
        index.now() - Duration::hours(2),
        index.now() - Duration::hours(1),
    );
    let own = put(&index, bucket, "k", Vec::new()).await;
    for (id, modified) in [(ID, recently), (OTHER_ID, long_ago), (ID, recently)] {
        let body = in_blobs("k", &[&format!("blob of {id}")]);
        index
            .put_replica(bucket, replica(body, id, modified), 0)
            .await
            .unwrap();
    }
    let expected = [Some(own.clone()), Some(ID.into()), Some(OTHER_ID.into())];
    assert_eq!(ids(&index, bucket).await, expected);
    let current = index.get_version(bucket, "k").await.unwrap().unwrap();
    assert_eq!(current.version_id, Some(own.clone()));
    let middle = index.version(bucket, "k", &VersionRef::Id(ID.into())).await;
    assert!(matches!(middle.unwrap().version.body, Body::Parts(parts) if parts.len() == 1));
    let usage = Usage {
        objects: 1,
        versions: 3,
        markers: 0,
        bytes: index.usage(bucket).await.unwrap().bytes,
    };
    assert_eq!(index.usage(bucket).await.unwrap(), usage);

    // Below a delete marker nothing becomes current, and a marker below a version hides nothing.
    index
        .delete_version(bucket, Delete::current("k"))
        .await
        .unwrap();
    let late = "AAAAAAAAAGYAAAAAAAAAAAAAAAAAAAAA";
    let version = replica(inline("k", "late"), late, long_ago + Duration::minutes(1));
    index.put_replica(bucket, version, 0).await.unwrap();
    assert_eq!(index.get_version(bucket, "k").await.unwrap(), None);
    assert_eq!(index.usage(bucket).await.unwrap().objects, 0);
    let own = put(&index, bucket, "k", Vec::new()).await;
    let marker = original("AAAAAAAAAGcAAAAAAAAAAAAAAAAAAAAA", long_ago);
    for expected in [Replicated::Made, Replicated::Changed] {
        let made = index
            .put_replica_marker(bucket, "k", marker.clone(), Vec::new(), 0)
            .await;
        assert_eq!(made, Ok(expected));
    }
    let current = index.get_version(bucket, "k").await.unwrap().unwrap();
    assert_eq!(current.version_id, Some(own));
    let usage = index.usage(bucket).await.unwrap();
    assert_eq!((usage.objects, usage.versions, usage.markers), (1, 5, 2));
    let scanned = index.scan_versions(bucket, None, 100).await.unwrap();
    assert_eq!(scanned.len(), 7);
    let behind: ScanPlace = scanned[2].place();
    let rest = index.scan_versions(bucket, Some(&behind), 100).await;
    assert_eq!(rest.unwrap().len(), 4);
}

#[tokio::test]
async fn the_status_follows_what_becomes_of_the_entries() {
    let index = fresh().await;
    let (from, to) = (
        versioned(&index, "from").await,
        versioned(&index, "to").await,
    );
    let id = put(&index, from, "k", carrying(2, Carries::Originals)).await;
    assert_eq!(
        status(&index, from, "k", &id).await,
        Some(Replication::Pending)
    );
    let [one, two] = &entries(&index).await[..] else {
        panic!("two entries")
    };
    // In one transaction with the replica; a second time changes nothing.
    let version = replica(inline("k", "etag"), &id, one.created);
    for expected in [Replicated::Made, Replicated::Changed] {
        let put = index.put_replica(to, version.clone(), one.seq).await;
        assert_eq!(put, Ok(expected));
        assert_eq!(
            status(&index, from, "k", &id).await,
            Some(Replication::Pending)
        );
    }
    index
        .settle_replication(two.seq, false, Vec::new())
        .await
        .unwrap();
    assert_eq!(
        status(&index, from, "k", &id).await,
        Some(Replication::Completed)
    );
    assert_eq!(entries(&index).await, []);

    // What is changed later is carried, too; one failure is told though the other succeeds.
    let tags = Some(Bytes::from_static(b"tags"));
    let named = VersionRef::Id(id.clone());
    let events = carrying(2, Carries::Originals);
    index
        .set_tags(from, "k", named.clone(), tags, events)
        .await
        .unwrap();
    let changes = entries(&index).await;
    assert!(changes.iter().all(|entry| entry.effect == Effect::Changed));
    for (entry, failed) in changes.iter().zip([true, false]) {
        let told = vec![NewEvent {
            on: None,
            kind: "told".into(),
            carries: None,
            body: Bytes::new(),
        }];
        let told = if failed { told } else { Vec::new() };
        index
            .settle_replication(entry.seq, failed, told)
            .await
            .unwrap();
    }
    assert_eq!(
        status(&index, from, "k", &id).await,
        Some(Replication::Failed)
    );
    assert_eq!(index.outbox_len("told").await, Ok(1));

    // What failed can be queued again, and what was never replicated; a replica cannot.
    let plain = put(&index, from, "k", Vec::new()).await;
    let done = put(&index, from, "k", carrying(1, Carries::Originals)).await;
    let entry = entries(&index).await[0].seq;
    index
        .settle_replication(entry, false, Vec::new())
        .await
        .unwrap();
    for (bucket, key_id, again, expected) in [
        (from, &id, false, 1),
        (from, &plain, false, 1),
        (from, &done, false, 0),
        (from, &done, true, 1),
        (from, &done, true, 0),
        (to, &id, true, 0),
    ] {
        let queued = Queued {
            key: "k".into(),
            version: VersionRef::Id(key_id.clone()),
            events: carrying(1, Carries::Originals),
        };
        let count = index.queue_replication(bucket, vec![queued], again).await;
        assert_eq!(count, Ok(expected));
    }
    assert_eq!(entries(&index).await.len(), 3);
}

#[tokio::test]
async fn changes_of_replicas_go_on_only_where_that_is_asked_for() {
    let index = fresh().await;
    let bucket = versioned(&index, "b").await;
    let now = index.now();
    index
        .put_replica(bucket, replica(inline("k", "e"), ID, now), 0)
        .await
        .unwrap();
    let plain = put(&index, bucket, "plain", Vec::new()).await;
    for (key, id, carries, expected) in [
        ("k", ID, Carries::Originals, 0),
        ("plain", plain.as_str(), Carries::ChangesOfReplicas, 0),
        ("k", ID, Carries::ChangesOfReplicas, 1),
    ] {
        let version = VersionRef::Id(id.to_owned());
        let events = carrying(1, carries);
        index
            .set_tags(bucket, key, version, None, events)
            .await
            .unwrap();
        assert_eq!(entries(&index).await.len(), expected, "{key} {carries:?}");
    }
    assert_eq!(
        status(&index, bucket, "k", ID).await,
        Some(Replication::Replica)
    );
}

#[tokio::test]
async fn what_is_carried_over_to_a_replica_never_weakens_its_lock() {
    let index = fresh().await;
    let bucket = versioned(&index, "b").await;
    index.enable_object_lock(bucket).await.unwrap();
    let now = index.now();
    let lock = |hours: i64| Lock {
        retention: Some(Retention {
            mode: RetentionMode::Compliance,
            until: OffsetDateTime::from_unix_timestamp(now.unix_timestamp()).unwrap()
                + Duration::hours(hours),
        }),
        legal_hold: None,
    };
    let with = |lock| NewReplica {
        version: NewVersion {
            attributes: Attributes {
                lock,
                ..Attributes::default()
            },
            ..inline("k", "e")
        },
        ..replica(inline("k", "e"), ID, now)
    };
    for (given, kept) in [(2, 2), (1, 2), (0, 2), (3, 3)] {
        let given = if given == 0 {
            Lock::default()
        } else {
            lock(given)
        };
        index.put_replica(bucket, with(given), 0).await.unwrap();
        let found = index.get_version(bucket, "k").await.unwrap().unwrap();
        assert_eq!(found.attributes.lock, lock(kept));
    }
}

#[tokio::test]
async fn the_replica_of_a_null_version_has_an_id_of_its_own_and_is_there_once() {
    let index = fresh().await;
    let bucket = versioned(&index, "b").await;
    let null = NewReplica {
        original: Original {
            version_id: None,
            modified: index.now() - Duration::hours(1),
        },
        ..replica(inline("k", "e"), ID, index.now())
    };
    for expected in [Replicated::Made, Replicated::Changed] {
        let put = index.put_replica(bucket, null.clone(), 0).await;
        assert_eq!(put, Ok(expected));
    }
    let own = put(&index, bucket, "k", Vec::new()).await;
    let put = index.put_replica(bucket, null, 0).await;
    assert_eq!(put, Ok(Replicated::Changed));
    let found = ids(&index, bucket).await;
    assert_eq!((found.len(), &found[0]), (2, &Some(own)));
    assert!(found[1].is_some());
}

#[tokio::test]
async fn a_replica_needs_a_bucket_that_keeps_versions() {
    let index = fresh().await;
    let bucket = index.create_bucket("b", "111111111111", "us-east-1").await;
    let version = replica(inline("k", "e"), ID, index.now());
    let put = index.put_replica(bucket.unwrap().id, version, 0).await;
    assert_eq!(put, Err(IndexError::InvalidBucketState));
}
