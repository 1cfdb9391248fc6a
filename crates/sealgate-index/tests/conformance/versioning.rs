//! What versioning means for puts, completions, deletes and listings, where the model does not say it in words.

use bytes::Bytes;
use sealgate_index::{
    Attributes, Bucket, Delete, DeleteOutcome, Index, IndexError, ListQuery, NewVersion,
    VersionEntry, VersionListQuery, VersionRef, Versioning, WriteCondition, Written,
};
use time::Duration;

use crate::support::{
    bucket, fresh, garbage, in_blobs, inline, list, names, new_upload, part, put_if,
};

async fn versioned(index: &Index) -> Bucket {
    let bucket = bucket(index).await;
    index
        .set_versioning(bucket.id, Versioning::Enabled)
        .await
        .unwrap();
    bucket
}

async fn put(index: &Index, bucket: &Bucket, key: &str, etag: &str) -> Written {
    index
        .put_version(
            bucket.id,
            inline(key, etag),
            WriteCondition::None,
            None,
            Vec::new(),
        )
        .await
        .unwrap()
}

fn id(written: &Written) -> VersionRef {
    VersionRef::to(written.version.version_id.as_deref())
}

async fn current(index: &Index, bucket: &Bucket, key: &str) -> Option<String> {
    let version = index.get_version(bucket.id, key).await.unwrap();
    version.map(|version| version.etag)
}

#[tokio::test]
async fn the_name_of_a_version_says_whether_its_bucket_keeps_versions() {
    let index = fresh().await;
    let bucket = bucket(&index).await;
    assert_eq!(bucket.versioning, Versioning::Off);
    let never = put(&index, &bucket, "key", "1").await;
    assert_eq!(never.version_name(), None);
    let enable = index.set_versioning(bucket.id, Versioning::Enabled).await;
    enable.unwrap();
    let enabled = put(&index, &bucket, "key", "2").await;
    assert_eq!(enabled.version_name().map(str::len), Some(32));
    let suspend = index.set_versioning(bucket.id, Versioning::Suspended).await;
    suspend.unwrap();
    let suspended = put(&index, &bucket, "key", "3").await;
    assert_eq!(suspended.version_name(), Some("null"));
    // The cache of buckets follows.
    assert_eq!(
        index.bucket("bucket").await.unwrap().versioning,
        Versioning::Suspended
    );
    // The null version took the place of the one from before there were versions.
    assert_eq!(index.version_by_seq(never.version.seq).await.unwrap(), None);
    let kept = index
        .version(bucket.id, "key", &id(&enabled))
        .await
        .unwrap();
    assert_eq!((kept.version, kept.is_latest), (enabled.version, false));
}

#[tokio::test]
async fn a_delete_marker_hides_and_its_removal_shows_again() {
    let index = fresh().await;
    let bucket = versioned(&index).await;
    put(&index, &bucket, "key", "1").await;
    put(&index, &bucket, "key", "2").await;
    let deleted = index
        .delete_version(bucket.id, Delete::current("key"))
        .await
        .unwrap();
    let DeleteOutcome::Marked {
        version_id: Some(marker),
    } = deleted.outcome
    else {
        panic!("{deleted:?}")
    };
    assert_eq!(current(&index, &bucket, "key").await, None);
    let everything = ListQuery {
        limit: 10,
        ..ListQuery::default()
    };
    assert!(list(&index, &bucket, &everything).await.entries.is_empty());
    let found = index
        .version(bucket.id, "key", &VersionRef::Current)
        .await
        .unwrap();
    assert!(found.version.delete_marker && found.is_latest);
    assert_eq!(found.version.version_id.as_ref(), Some(&marker));
    // For the conditions of writes there is nothing.
    let absent = WriteCondition::IfNoneMatchAny;
    let match_any = WriteCondition::IfMatch("*".into());
    assert_eq!(
        put_if(&index, &bucket, inline("key", "x"), match_any)
            .await
            .err(),
        Some(IndexError::NoSuchKey)
    );
    let gone = index
        .delete_version(bucket.id, Delete::of("key", VersionRef::Id(marker.clone())))
        .await
        .unwrap();
    assert_eq!(
        gone.outcome,
        DeleteOutcome::Removed {
            version_id: Some(marker),
            delete_marker: true
        }
    );
    assert_eq!(current(&index, &bucket, "key").await.as_deref(), Some("2"));
    assert_eq!(names(&list(&index, &bucket, &everything).await), ["key"]);
    assert_eq!(
        put_if(&index, &bucket, inline("key", "x"), absent)
            .await
            .err(),
        Some(IndexError::PreconditionFailed)
    );
}

#[tokio::test]
async fn what_is_not_there_has_three_names() {
    let index = fresh().await;
    let bucket = versioned(&index).await;
    let other = put(&index, &bucket, "other", "1").await;
    put(&index, &bucket, "key", "1").await;
    let look =
        async |key: &str, version: VersionRef| index.version(bucket.id, key, &version).await.err();
    for version in [VersionRef::Current, VersionRef::Null, id(&other)] {
        assert_eq!(look("nothing", version).await, Some(IndexError::NoSuchKey));
    }
    // The id of another key's version is no version of this one.
    for version in [VersionRef::Null, id(&other)] {
        assert_eq!(look("key", version).await, Some(IndexError::NoSuchVersion));
    }
    let nothing = index
        .delete_version(bucket.id, Delete::of("key", id(&other)))
        .await
        .unwrap();
    assert_eq!(nothing.outcome, DeleteOutcome::Nothing);
    assert_eq!(
        current(&index, &bucket, "other").await.as_deref(),
        Some("1")
    );
}

#[tokio::test]
async fn conditions_of_deletes_are_those_of_the_version_that_is_named() {
    let index = fresh().await;
    let bucket = versioned(&index).await;
    let first = put(&index, &bucket, "key", "1").await.version;
    put(&index, &bucket, "key", "2").await;
    let named = VersionRef::to(first.version_id.as_deref());
    let refused = async |change: &dyn Fn(&mut Delete)| {
        let mut delete = Delete::of("key", named.clone());
        change(&mut delete);
        index.delete_version(bucket.id, delete).await.err()
    };
    let failed = Some(IndexError::PreconditionFailed);
    let conflict = Some(IndexError::Conflict);
    let later = first.modified + Duration::SECOND;
    assert_eq!(
        refused(&|d| d.condition.etag = Some("2".into())).await,
        failed
    );
    assert_eq!(refused(&|d| d.condition.size = Some(6)).await, failed);
    assert_eq!(
        refused(&|d| d.condition.modified = Some(later)).await,
        failed
    );
    assert_eq!(
        refused(&|d| d.condition.seq = Some(first.seq + 1)).await,
        conflict
    );
    assert_eq!(
        refused(&|d| d.condition.latest = Some(true)).await,
        conflict
    );
    let everything = |d: &mut Delete| {
        d.condition.etag = Some("1".into());
        d.condition.size = Some(5);
        d.condition.modified = Some(first.modified);
        d.condition.seq = Some(first.seq);
        d.condition.latest = Some(false);
    };
    assert_eq!(refused(&everything).await, None);
    // Now there is none.
    assert_eq!(
        refused(&|d| d.condition.seq = Some(first.seq)).await,
        conflict
    );
    assert_eq!(
        refused(&|d| d.condition.size = Some(5)).await,
        Some(IndexError::NoSuchKey)
    );
}

#[tokio::test]
async fn deletes_of_a_batch_are_refused_one_by_one() {
    let index = fresh().await;
    let bucket = versioned(&index).await;
    put(&index, &bucket, "a", "1").await;
    let b = put(&index, &bucket, "b", "1").await;
    let mut unmatched = Delete::current("a");
    unmatched.condition.etag = Some("2".into());
    let outcomes = index
        .delete_versions(
            bucket.id,
            vec![unmatched, Delete::of("b", id(&b)), Delete::current("c")],
        )
        .await
        .unwrap();
    assert_eq!(outcomes[0], Err(IndexError::PreconditionFailed));
    assert!(matches!(
        &outcomes[1],
        Ok(deleted) if matches!(deleted.outcome, DeleteOutcome::Removed { .. })
    ));
    // A delete marker is made also where there is nothing.
    assert!(matches!(
        &outcomes[2],
        Ok(deleted) if matches!(deleted.outcome, DeleteOutcome::Marked { .. })
    ));
    assert_eq!(current(&index, &bucket, "a").await.as_deref(), Some("1"));
    assert_eq!(current(&index, &bucket, "b").await, None);
}

#[tokio::test]
async fn a_completed_upload_is_a_version_and_brings_its_attributes() {
    let index = fresh().await;
    let bucket = versioned(&index).await;
    let before = put(&index, &bucket, "key", "1").await;
    let attributes = Attributes {
        owner: Some("222222222222".into()),
        storage_class: Some("STANDARD_IA".into()),
        tags: Some(Bytes::from_static(b"tags")),
        acl: Some(Bytes::from_static(b"acl")),
        ..Attributes::default()
    };
    let mut new = new_upload(&bucket, "key");
    new.attributes = attributes.clone();
    let upload = index.create_upload(new).await.unwrap();
    let stored = index.upload(bucket.id, "key", &upload.id).await.unwrap();
    assert_eq!(stored.attributes, attributes);
    index.put_part(&upload.id, part(1, "blob")).await.unwrap();
    let version = NewVersion {
        attributes: stored.attributes,
        ..in_blobs("key", &["blob"])
    };
    let chosen = vec![(1, "etag-blob".into())];
    let written = index
        .complete_upload(
            &upload.id,
            chosen,
            version,
            WriteCondition::None,
            Vec::new(),
        )
        .await
        .unwrap();
    let found = index
        .version(bucket.id, "key", &id(&written))
        .await
        .unwrap();
    assert_eq!(found.version.attributes, attributes);
    assert!(found.is_latest);
    let query = ListQuery {
        limit: 1,
        ..ListQuery::default()
    };
    let page = list(&index, &bucket, &query).await;
    let sealgate_index::Entry::Object(object) = &page.entries[0] else {
        panic!("no object")
    };
    assert_eq!(object.storage_class.as_deref(), Some("STANDARD_IA"));
    assert_eq!(object.owner.as_deref(), Some("222222222222"));
    // The blob goes with its version alone.
    index
        .delete_version(bucket.id, Delete::current("key"))
        .await
        .unwrap();
    assert!(garbage(&index).await.is_empty());
    index
        .delete_version(bucket.id, Delete::of("key", id(&written)))
        .await
        .unwrap();
    assert_eq!(garbage(&index).await, ["blob"]);
    assert!(index.version(bucket.id, "key", &id(&before)).await.is_ok());
}

#[tokio::test]
async fn tags_and_acls_of_a_version_change_and_go() {
    let index = fresh().await;
    let bucket = versioned(&index).await;
    let first = put(&index, &bucket, "key", "1").await;
    let second = put(&index, &bucket, "key", "2").await;
    let (tags, acl) = (Bytes::from_static(b"t"), Bytes::from_static(b"a"));
    let touched = index
        .set_tags(bucket.id, "key", id(&first), Some(tags.clone()), Vec::new())
        .await
        .unwrap();
    assert_eq!(touched.seq, first.version.seq);
    index
        .set_acl(
            bucket.id,
            "key",
            VersionRef::Current,
            Some(acl.clone()),
            Vec::new(),
        )
        .await
        .unwrap();
    let attributes = async |of: &Written| {
        let found = index.version(bucket.id, "key", &id(of)).await.unwrap();
        (found.version.attributes.tags, found.version.attributes.acl)
    };
    assert_eq!(attributes(&first).await, (Some(tags), None));
    assert_eq!(attributes(&second).await, (None, Some(acl)));
    index
        .set_tags(bucket.id, "key", id(&first), None, Vec::new())
        .await
        .unwrap();
    assert_eq!(attributes(&first).await, (None, None));
    let marked = index
        .delete_version(bucket.id, Delete::current("key"))
        .await;
    marked.unwrap();
    for (key, version, error) in [
        ("key", VersionRef::Current, IndexError::DeleteMarker),
        ("key", VersionRef::Null, IndexError::NoSuchVersion),
        ("other", VersionRef::Current, IndexError::NoSuchKey),
    ] {
        let refused = index
            .set_tags(bucket.id, key, version, None, Vec::new())
            .await;
        assert_eq!(refused.err(), Some(error));
    }
}

#[tokio::test]
async fn pages_can_be_deleted_while_they_are_listed() {
    let index = fresh().await;
    let bucket = versioned(&index).await;
    for key in ["a", "b"] {
        for etag in ["1", "2", "3"] {
            put(&index, &bucket, key, etag).await;
        }
    }
    let mut query = VersionListQuery {
        limit: 2,
        ..VersionListQuery::default()
    };
    let mut seen = Vec::new();
    loop {
        let page = index.list_versions(bucket.id, query.clone()).await.unwrap();
        for entry in &page.entries {
            let VersionEntry::Version(version) = entry else {
                panic!("a prefix")
            };
            seen.push(format!("{}{}", version.object.key, version.object.etag));
            let named = VersionRef::to(version.version_id.as_deref());
            index
                .delete_version(bucket.id, Delete::of(&version.object.key, named))
                .await
                .unwrap();
        }
        if !page.truncated {
            break;
        }
        query.key_marker = page.next_key;
        query.version_id_marker = page.next_version_id;
    }
    assert_eq!(seen, ["a3", "a2", "a1", "b3", "b2", "b1"]);
    let unknown = VersionListQuery {
        key_marker: Some("a".into()),
        version_id_marker: Some("nonsense".into()),
        ..query
    };
    assert_eq!(
        index.list_versions(bucket.id, unknown).await.err(),
        Some(IndexError::NoSuchVersion)
    );
}

#[tokio::test]
async fn an_envelope_is_changed_for_who_read_it() {
    use sealgate_index::EnvelopeChange;
    let index = fresh().await;
    let bucket = versioned(&index).await;
    let first = put(&index, &bucket, "key", "1").await;
    put(&index, &bucket, "key", "2").await;
    let change = EnvelopeChange {
        seq: first.version.seq,
        from: first.version.envelope.clone(),
        envelope: Bytes::from_static(b"new envelope"),
    };
    let set = async |version: VersionRef| {
        let (index, change) = (index.clone(), change.clone());
        index
            .set_envelope(bucket.id, "key", version, change, Vec::new())
            .await
            .err()
    };
    assert_eq!(set(VersionRef::Current).await, Some(IndexError::Conflict));
    assert_eq!(set(id(&first)).await, None);
    assert_eq!(set(id(&first)).await, Some(IndexError::Conflict));
    let found = index.version(bucket.id, "key", &id(&first)).await.unwrap();
    assert_eq!(found.version.envelope, change.envelope);
    assert_eq!(found.version.meta, first.version.meta);
    assert_eq!(found.version.etag, "1");
}

#[tokio::test]
async fn versions_below_a_prefix_are_scanned_with_their_details() {
    let index = fresh().await;
    let bucket = versioned(&index).await;
    for key in ["a", "in", "in/1", "in/2", "in/2", "io"] {
        put(&index, &bucket, key, "e").await;
    }
    let mut seen = Vec::new();
    let mut place = None;
    loop {
        let found = index
            .scan_versions_below(bucket.id, "in/", place.as_ref(), 2)
            .await
            .unwrap();
        seen.extend(found.iter().map(|version| version.listed.clone()));
        match found.last() {
            Some(last) if found.len() == 2 => place = Some(last.place()),
            _ => break,
        }
    }
    let keys: Vec<_> = seen
        .iter()
        .map(|version| version.object.key.as_str())
        .collect();
    assert_eq!(keys, ["in/1", "in/2", "in/2"]);
    let seqs: Vec<_> = seen.iter().map(|version| version.seq).chain([-1]).collect();
    let details = index.version_details(&seqs).await.unwrap();
    let envelopes: Vec<_> = details
        .iter()
        .map(|details| details.as_ref().map(|details| &details.envelope[..]))
        .collect();
    let envelope = Some(&b"envelope"[..]);
    assert_eq!(envelopes, [envelope, envelope, envelope, None]);
}
