//! The outbox: events are there if, and only if, the change is.

use bytes::Bytes;
use sealgate_index::{
    Delete, Effect, Index, NewEvent, OutboxEntry, VersionRef, Versioning, WriteCondition,
};
use time::Duration;

use crate::support::{bucket, fresh, inline};

fn event(kind: &str, on: Option<Effect>) -> NewEvent {
    NewEvent {
        on,
        kind: kind.into(),
        carries: None,
        body: Bytes::from(format!("{on:?}")),
    }
}

async fn due(index: &Index, kind: &str) -> Vec<OutboxEntry> {
    index.outbox_read(kind, index.now(), 100).await.unwrap()
}

#[tokio::test]
async fn events_tell_what_happened_to_which_version() {
    let index = fresh().await;
    let bucket = bucket(&index).await;
    let enabled = index.set_versioning(bucket.id, Versioning::Enabled).await;
    enabled.unwrap();
    let events = || {
        vec![
            event("notify", None),
            event("notify", Some(Effect::Marked)),
            event("replicate", Some(Effect::Put)),
        ]
    };
    let written = index
        .put_version(
            bucket.id,
            inline("key", "etag"),
            WriteCondition::None,
            None,
            events(),
        )
        .await
        .unwrap()
        .version;
    let refused = index
        .put_version(
            bucket.id,
            inline("key", "x"),
            WriteCondition::IfNoneMatchAny,
            None,
            events(),
        )
        .await;
    assert!(refused.is_err());
    index
        .set_tags(bucket.id, "key", VersionRef::Current, None, events())
        .await
        .unwrap();
    let mut delete = Delete::current("key");
    delete.events = events();
    index.delete_version(bucket.id, delete).await.unwrap();
    let named = VersionRef::to(written.version_id.as_deref());
    let mut delete = Delete::of("key", named);
    delete.events = events();
    index
        .delete_version(bucket.id, delete.clone())
        .await
        .unwrap();
    // A second time there is nothing to tell.
    index.delete_version(bucket.id, delete).await.unwrap();

    let told = due(&index, "notify").await;
    let effects: Vec<Effect> = told.iter().map(|entry| entry.effect).collect();
    assert_eq!(
        effects,
        [
            Effect::Put,
            Effect::Changed,
            Effect::Marked,
            Effect::Marked,
            Effect::Removed
        ]
    );
    assert!(told.is_sorted_by(|one, next| one.seq < next.seq));
    for at in [0, 1, 4] {
        let entry = &told[at];
        assert_eq!(
            (entry.version_seq, &entry.version_id),
            (written.seq, &written.version_id)
        );
        assert_eq!((entry.size, entry.etag.as_str()), (5, "etag"));
        assert_eq!((entry.bucket_id, entry.key.as_str()), (bucket.id, "key"));
        assert_eq!(entry.versioning, Versioning::Enabled);
    }
    assert!(told[2].version_seq > written.seq);
    assert_eq!(
        (told[2].etag.as_str(), &told[2].body[..]),
        ("", &b"None"[..])
    );
    assert_eq!(due(&index, "replicate").await.len(), 1);
    assert_eq!(index.outbox_len("notify").await.unwrap(), 5);
}

#[tokio::test]
async fn an_event_is_told_until_it_is_struck_and_can_wait() {
    let index = fresh().await;
    let bucket = bucket(&index).await;
    for key in ["a", "b", "c"] {
        let events = vec![event("notify", None)];
        index
            .put_version(
                bucket.id,
                inline(key, "etag"),
                WriteCondition::None,
                None,
                events,
            )
            .await
            .unwrap();
    }
    let seqs: Vec<i64> = due(&index, "notify")
        .await
        .iter()
        .map(|entry| entry.seq)
        .collect();
    let later = index.now() + Duration::HOUR;
    index.outbox_defer(vec![seqs[0]], later).await.unwrap();
    index.outbox_delete(vec![seqs[1]]).await.unwrap();
    let left = due(&index, "notify").await;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].key, "c");
    let all = index.outbox_read("notify", later, 100).await.unwrap();
    let waits: Vec<_> = all
        .iter()
        .map(|entry| (entry.key.as_str(), entry.attempts))
        .collect();
    assert_eq!(waits, [("c", 0), ("a", 1)]);
    assert_eq!(
        index.outbox_read("notify", later, 1).await.unwrap().len(),
        1
    );
}
