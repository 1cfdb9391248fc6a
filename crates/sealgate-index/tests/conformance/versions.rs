//! Put, get, rewrap, delete, and the conditions of writes.

use bytes::Bytes;
use sealgate_index::{Body, Delete, DeleteOutcome, EnvelopeScope, IndexError, WriteCondition};

use crate::support::{bucket, delete, fresh, in_blobs, inline, put, put_if};

#[tokio::test]
async fn what_is_put_is_got() {
    let index = fresh().await;
    let bucket = bucket(&index).await;
    for new in [
        inline("ключ/\u{10FFFF}\0", "etag"),
        in_blobs("parts", &["one", "two"]),
    ] {
        let key = new.key.clone();
        let stored = put(&index, &bucket, new.clone()).await;
        assert_eq!(stored.body, new.body);
        assert_eq!(stored.modified.nanosecond() % 1_000_000, 0);
        assert_eq!(
            index.get_version(bucket.id, &key).await.unwrap().as_ref(),
            Some(&stored)
        );
        assert_eq!(
            index.version_by_seq(stored.seq).await.unwrap(),
            Some(stored)
        );
    }
    assert_eq!(index.get_version(bucket.id, "other").await.unwrap(), None);
    assert_eq!(
        index.get_version(bucket.id + 1, "parts").await.unwrap(),
        None
    );
}

#[tokio::test]
async fn an_overwrite_replaces_the_version_under_a_higher_sequence() {
    let index = fresh().await;
    let bucket = bucket(&index).await;
    let first = put(&index, &bucket, inline("key", "one")).await;
    let second = put(&index, &bucket, inline("key", "two")).await;
    assert!(second.seq > first.seq);
    assert_eq!(index.version_by_seq(first.seq).await.unwrap(), None);
    assert_eq!(
        index
            .get_version(bucket.id, "key")
            .await
            .unwrap()
            .unwrap()
            .etag,
        "two"
    );
    // A sequence names one version for good, also after the highest one is gone.
    delete(&index, &bucket, "key").await;
    assert!(put(&index, &bucket, inline("key", "three")).await.seq > second.seq);
}

#[tokio::test]
async fn conditions_of_puts() {
    let index = fresh().await;
    let bucket = bucket(&index).await;
    let if_match = |etag: &str| WriteCondition::IfMatch(etag.into());
    let refused = |condition| {
        let (index, bucket) = (&index, &bucket);
        async move {
            put_if(index, bucket, inline("key", "refused"), condition)
                .await
                .err()
        }
    };
    assert_eq!(refused(if_match("one")).await, Some(IndexError::NoSuchKey));
    assert_eq!(refused(if_match("*")).await, Some(IndexError::NoSuchKey));
    put_if(
        &index,
        &bucket,
        inline("key", "one"),
        WriteCondition::IfNoneMatchAny,
    )
    .await
    .unwrap();
    assert_eq!(
        refused(WriteCondition::IfNoneMatchAny).await,
        Some(IndexError::PreconditionFailed)
    );
    assert_eq!(
        refused(if_match("two")).await,
        Some(IndexError::PreconditionFailed)
    );
    put_if(&index, &bucket, inline("key", "two"), if_match("one"))
        .await
        .unwrap();
    put_if(&index, &bucket, inline("key", "three"), if_match("*"))
        .await
        .unwrap();
    assert_eq!(
        index
            .get_version(bucket.id, "key")
            .await
            .unwrap()
            .unwrap()
            .etag,
        "three"
    );
}

#[tokio::test]
async fn deletes_tell_whether_there_was_something() {
    let index = fresh().await;
    let bucket = bucket(&index).await;
    put(&index, &bucket, inline("a", "etag")).await;
    put(&index, &bucket, inline("b", "etag")).await;
    let delete = async |key: &str, etag: Option<&str>| {
        let mut delete = Delete::current(key);
        delete.condition.etag = etag.map(Into::into);
        let deleted = index.delete_version(bucket.id, delete).await;
        deleted.map(|deleted| deleted.outcome != DeleteOutcome::Nothing)
    };
    assert_eq!(
        delete("a", Some("other")).await,
        Err(IndexError::PreconditionFailed)
    );
    assert_eq!(delete("a", Some("etag")).await, Ok(true));
    // A condition asks for something to be there.
    assert_eq!(delete("a", Some("etag")).await, Err(IndexError::NoSuchKey));
    assert_eq!(
        delete("a", Some("*")).await,
        Err(IndexError::PreconditionFailed)
    );
    assert_eq!(delete("a", None).await, Ok(false));
    let many = index
        .delete_versions(bucket.id, ["a", "b", "b"].map(Delete::current).to_vec())
        .await
        .unwrap();
    let something: Vec<bool> = many
        .into_iter()
        .map(|one| one.unwrap().outcome != DeleteOutcome::Nothing)
        .collect();
    assert_eq!(something, [false, true, false]);
    assert_eq!(index.get_version(bucket.id, "b").await.unwrap(), None);
}

#[tokio::test]
async fn a_rewrap_changes_the_envelope_and_nothing_else() {
    let index = fresh().await;
    let bucket = bucket(&index).await;
    let stored = put(&index, &bucket, inline("key", "etag")).await;
    let (old, new) = (stored.envelope.clone(), Bytes::from_static(b"new"));
    let replace = |from: &Bytes, to: &Bytes| {
        let (index, from, to) = (index.clone(), from.clone(), to.clone());
        async move { index.replace_envelope(stored.seq, from, to).await }
    };
    replace(&old, &new).await.unwrap();
    let rewrapped = index.get_version(bucket.id, "key").await.unwrap().unwrap();
    assert_eq!(rewrapped.envelope, "new");
    // Whoever read the old envelope comes too late.
    assert_eq!(replace(&old, &old).await, Err(IndexError::Conflict));
    replace(&new, &old).await.unwrap();
    assert_eq!(
        index.get_version(bucket.id, "key").await.unwrap().unwrap(),
        stored
    );
    delete(&index, &bucket, "key").await;
    assert_eq!(replace(&old, &new).await, Err(IndexError::Conflict));
}

#[tokio::test]
async fn envelopes_are_read_in_order_and_in_their_scope() {
    let index = fresh().await;
    let bucket = bucket(&index).await;
    for key in ["a/1", "b/1", "a/2", "a0"] {
        put(&index, &bucket, inline(key, "etag")).await;
    }
    let scope = |prefix: &str| EnvelopeScope {
        bucket_id: Some(bucket.id),
        prefix: prefix.to_owned(),
    };
    let all = index.envelopes(&scope(""), 0, 10).await.unwrap();
    let keys: Vec<&str> = all.iter().map(|stored| stored.key.as_str()).collect();
    assert_eq!(keys, ["a/1", "b/1", "a/2", "a0"]);
    let some = index.envelopes(&scope("a/"), all[0].seq, 10).await.unwrap();
    assert_eq!(some.len(), 1);
    assert_eq!(some[0].key, "a/2");
    assert_eq!(index.count_envelopes(&scope("a/"), 0).await, Ok(2));
    let elsewhere = EnvelopeScope {
        bucket_id: Some(bucket.id + 1),
        prefix: String::new(),
    };
    assert_eq!(index.count_envelopes(&elsewhere, 0).await, Ok(0));
    assert_eq!(
        index.count_envelopes(&EnvelopeScope::default(), 0).await,
        Ok(4)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_creations_of_one_key_exactly_one_wins() {
    let index = fresh().await;
    let bucket = bucket(&index).await;
    for round in 0..20 {
        let key = format!("key-{round}");
        let attempts: Vec<_> = (0..16)
            .map(|attempt| {
                let (index, bucket, key) = ((*index).clone(), bucket.clone(), key.clone());
                tokio::spawn(async move {
                    put_if(
                        &index,
                        &bucket,
                        inline(&key, &attempt.to_string()),
                        WriteCondition::IfNoneMatchAny,
                    )
                    .await
                })
            })
            .collect();
        let mut winners = Vec::new();
        for attempt in attempts {
            match attempt.await.unwrap() {
                Ok(version) => winners.push(version),
                Err(error) => assert_eq!(error, IndexError::PreconditionFailed),
            }
        }
        assert_eq!(winners.len(), 1);
        assert_eq!(
            index.get_version(bucket.id, &key).await.unwrap(),
            winners.pop()
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_refused_write_does_not_hurt_those_of_its_group() {
    let index = fresh().await;
    let bucket = bucket(&index).await;
    put(&index, &bucket, in_blobs("taken", &["blob"])).await;
    let writes: Vec<_> = (0..200)
        .map(|number| {
            let (index, id) = ((*index).clone(), bucket.id);
            tokio::spawn(async move {
                // Every other one fails only after it has written: its second blob is taken.
                let new = if number % 2 == 0 {
                    inline(&format!("key-{number}"), "etag")
                } else {
                    in_blobs(
                        &format!("key-{number}"),
                        &[&format!("fresh-{number}"), "blob"],
                    )
                };
                index
                    .put_version(id, new, WriteCondition::None, None, Vec::new())
                    .await
            })
        })
        .collect();
    for (number, write) in writes.into_iter().enumerate() {
        let stored = index.get_version(bucket.id, &format!("key-{number}")).await;
        match write.await.unwrap() {
            Ok(written) => {
                assert_eq!(number % 2, 0);
                assert!(matches!(written.version.body, Body::Inline(_)));
            }
            Err(error) => {
                assert_eq!((number % 2, error), (1, IndexError::Conflict));
                assert_eq!(stored.unwrap(), None);
                assert_eq!(
                    index
                        .blob_in_use(&[format!("fresh-{number}")])
                        .await
                        .unwrap(),
                    [false]
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_reader_never_sees_half_of_an_overwrite() {
    let index = fresh().await;
    let bucket = bucket(&index).await;
    put(&index, &bucket, in_blobs("key", &["a-0", "b-0"])).await;
    let (writer, id) = ((*index).clone(), bucket.id);
    let writes = tokio::spawn(async move {
        for round in 1..200 {
            let new = in_blobs("key", &[&format!("a-{round}"), &format!("b-{round}")]);
            writer
                .put_version(id, new, WriteCondition::None, None, Vec::new())
                .await
                .unwrap();
        }
    });
    while !writes.is_finished() {
        let version = index.get_version(bucket.id, "key").await.unwrap().unwrap();
        let Body::Parts(parts) = version.body else {
            panic!("not in parts")
        };
        let rounds: Vec<_> = parts.iter().map(|part| &part.blob[2..]).collect();
        assert_eq!(rounds.len(), 2);
        assert_eq!(rounds[0], rounds[1]);
        tokio::task::yield_now().await;
    }
    writes.await.unwrap();
}
