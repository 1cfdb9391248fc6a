//! Access keys: quotas, status, secrets at rest, and what the cache must never get wrong.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use time::Duration;
use time::OffsetDateTime;

use super::*;
use crate::records::{KEYS, LAST_USED};
use crate::{IamError, KeyStatus, Paging};

#[tokio::test]
async fn two_keys_at_most_for_users_and_root() {
    let world = World::new().await;
    world.user("alice").await;
    for _ in 0..2 {
        world
            .iam
            .create_access_key(ACCOUNT, &owner("alice"))
            .await
            .unwrap();
    }
    let third = world
        .iam
        .create_access_key(ACCOUNT, &owner("alice"))
        .await
        .err()
        .unwrap();
    assert_eq!(
        third,
        IamError::LimitExceeded("Cannot exceed quota for AccessKeysPerUser: 2".into())
    );
    world
        .iam
        .create_access_key(ACCOUNT, &KeyOwner::Root)
        .await
        .unwrap();
    assert_eq!(
        world
            .iam
            .create_access_key(ACCOUNT, &KeyOwner::Root)
            .await
            .err()
            .unwrap()
            .code(),
        "LimitExceeded"
    );
    let nobody = world
        .iam
        .create_access_key(ACCOUNT, &owner("nobody"))
        .await
        .err()
        .unwrap();
    assert_eq!(nobody.code(), "NoSuchEntity");
}

#[tokio::test]
async fn concurrent_creation_keeps_the_quota() {
    let world = World::new().await;
    world.user("alice").await;
    let tasks: Vec<_> = (0..6)
        .map(|_| {
            let iam = world.iam.clone();
            tokio::spawn(async move {
                iam.create_access_key(ACCOUNT, &owner("alice"))
                    .await
                    .is_ok()
            })
        })
        .collect();
    let mut made = 0;
    for task in tasks {
        made += usize::from(task.await.unwrap());
    }
    assert_eq!(made, 2);
    let page = world
        .iam
        .list_access_keys(ACCOUNT, &owner("alice"), &Paging::default())
        .await;
    assert_eq!(page.unwrap().items.len(), 2);
}

#[tokio::test]
async fn keys_are_listed_changed_and_deleted_by_their_owner_only() {
    let world = World::new().await;
    world.user("alice").await;
    world.user("bob").await;
    let one = world
        .iam
        .create_access_key(ACCOUNT, &owner("alice"))
        .await
        .unwrap()
        .key;
    let two = world
        .iam
        .create_access_key(ACCOUNT, &owner("alice"))
        .await
        .unwrap()
        .key;
    let first = Paging {
        marker: None,
        limit: Some(1),
    };
    let page = world
        .iam
        .list_access_keys(ACCOUNT, &owner("alice"), &first)
        .await
        .unwrap();
    assert_eq!(page.items, std::slice::from_ref(&one));
    let second = Paging {
        marker: page.marker,
        limit: Some(1),
    };
    let page = world
        .iam
        .list_access_keys(ACCOUNT, &owner("alice"), &second)
        .await
        .unwrap();
    assert_eq!((page.items, page.marker), (vec![two.clone()], None));

    let foreign = [
        world
            .iam
            .delete_access_key(ACCOUNT, &owner("bob"), &one.id)
            .await,
        world
            .iam
            .update_access_key(ACCOUNT, &owner("bob"), &one.id, KeyStatus::Inactive)
            .await,
        world
            .iam
            .delete_access_key(OTHER, &KeyOwner::Root, &one.id)
            .await,
    ];
    for result in foreign {
        assert_eq!(
            result.unwrap_err().message(),
            format!("The Access Key with id {} cannot be found.", one.id)
        );
    }
    world
        .iam
        .update_access_key(ACCOUNT, &owner("alice"), &one.id, KeyStatus::Inactive)
        .await
        .unwrap();
    let (key, _) = world.iam.access_key(&one.id).await.unwrap().unwrap();
    assert_eq!(
        (key.status, key.user_name.as_deref()),
        (KeyStatus::Inactive, Some("alice"))
    );
    world
        .iam
        .delete_access_key(ACCOUNT, &owner("alice"), &one.id)
        .await
        .unwrap();
    assert!(world.iam.access_key(&one.id).await.unwrap().is_none());
    assert!(world.index.record(KEYS, &one.id).await.unwrap().is_none());
}

#[test]
fn status_words() {
    assert_eq!(KeyStatus::parse("Active").unwrap(), KeyStatus::Active);
    assert_eq!(
        KeyStatus::parse("Expired").unwrap_err().code(),
        "InvalidInput"
    );
    assert_eq!(
        KeyStatus::parse("active").unwrap_err().code(),
        "ValidationError"
    );
}

#[tokio::test]
async fn a_secret_at_rest_is_sealed_and_bound_to_its_key() {
    let world = World::new().await;
    world.user("alice").await;
    let new = world
        .iam
        .create_access_key(ACCOUNT, &owner("alice"))
        .await
        .unwrap();
    let body = world
        .index
        .record(KEYS, &new.key.id)
        .await
        .unwrap()
        .unwrap()
        .body;
    let text = std::str::from_utf8(&body).unwrap();
    let secret = new.secret.expose();
    for form in [
        secret.to_owned(),
        hex::encode(secret),
        STANDARD.encode(secret),
    ] {
        assert!(!text.contains(&form));
    }
    let record: crate::records::KeyRecord = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        world
            .iam
            .open_secret(&new.key.id, &record)
            .unwrap()
            .expose(),
        secret
    );
    // Hung under another id, it does not open; nor under another root of trust.
    assert!(world.iam.open_secret(ROOT_KEY, &record).is_err());
    let other = Iam::open(world.index.clone(), sealing_key(8), "us-east-1".into())
        .await
        .unwrap();
    let error = other.identity(&new.key.id).await.err().unwrap();
    assert!(matches!(error, IamError::Internal(_)));
    assert!(
        !error.message().contains("access key"),
        "{}",
        error.message()
    );
}

#[tokio::test]
async fn a_hot_key_is_neither_parsed_nor_opened_again() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let id = world
        .iam
        .create_access_key(ACCOUNT, &owner("alice"))
        .await
        .unwrap()
        .key
        .id;
    let first = world.iam.identity(&id).await.unwrap().unwrap();
    let again = world.iam.identity(&id).await.unwrap().unwrap();
    assert!(Arc::ptr_eq(&first, &again));
    // The root's too, which has no user record.
    let root = world.iam.identity(ROOT_KEY).await.unwrap().unwrap();
    assert!(Arc::ptr_eq(
        &root,
        &world.iam.identity(ROOT_KEY).await.unwrap().unwrap()
    ));
    assert_eq!(root.secret.expose(), ROOT_SECRET);

    // Whatever changes counts for the next request.
    world
        .iam
        .put_inline_policy(
            ACCOUNT,
            &Holder::User(alice.clone()),
            &policy("p"),
            ALLOW_ALL,
        )
        .await
        .unwrap();
    let changed = world.iam.identity(&id).await.unwrap().unwrap();
    assert_eq!((first.policies.len(), changed.policies.len()), (0, 1));
    world
        .iam
        .update_access_key(ACCOUNT, &owner("alice"), &id, KeyStatus::Inactive)
        .await
        .unwrap();
    assert!(!world.iam.identity(&id).await.unwrap().unwrap().active);
    world
        .iam
        .delete_access_key(ACCOUNT, &owner("alice"), &id)
        .await
        .unwrap();
    assert!(world.iam.identity(&id).await.unwrap().is_none());
}

#[tokio::test]
async fn another_handle_on_the_index_sees_changes_at_once() {
    let world = World::new().await;
    world.user("alice").await;
    let id = world
        .iam
        .create_access_key(ACCOUNT, &owner("alice"))
        .await
        .unwrap()
        .key
        .id;
    let other = Iam::open(world.index.clone(), sealing_key(7), "us-east-1".into())
        .await
        .unwrap();
    assert!(other.identity(&id).await.unwrap().unwrap().active);
    world
        .iam
        .delete_access_key(ACCOUNT, &owner("alice"), &id)
        .await
        .unwrap();
    assert!(other.identity(&id).await.unwrap().is_none());
}

#[tokio::test]
async fn last_use_is_noted_lazily_and_once_a_minute() {
    let world = World::new().await;
    let now = OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap();
    let identity = world.iam.identity(ROOT_KEY).await.unwrap().unwrap();
    let last = || async { world.iam.access_key(ROOT_KEY).await.unwrap().unwrap().1 };
    assert_eq!(last().await, None);
    world.iam.note_use(&identity, "s3", "us-east-1", now);
    world
        .iam
        .note_use(&identity, "kms", "us-east-1", now + Duration::seconds(59));
    assert_eq!(last().await.unwrap().service, "s3");
    assert!(
        world
            .index
            .record(LAST_USED, ROOT_KEY)
            .await
            .unwrap()
            .is_none()
    );
    world.iam.flush_last_used().await.unwrap();
    assert!(
        world
            .index
            .record(LAST_USED, ROOT_KEY)
            .await
            .unwrap()
            .is_some()
    );
    assert_eq!(last().await.unwrap().time, now);
    world
        .iam
        .note_use(&identity, "kms", "us-east-1", now + Duration::seconds(60));
    assert_eq!(last().await.unwrap().service, "kms");
    // A key deleted meanwhile leaves no trace.
    world
        .iam
        .delete_access_key(ACCOUNT, &KeyOwner::Root, ROOT_KEY)
        .await
        .unwrap();
    world
        .iam
        .note_use(&identity, "kms", "us-east-1", now + Duration::seconds(300));
    world.iam.flush_last_used().await.unwrap();
    assert!(
        world
            .index
            .record(LAST_USED, ROOT_KEY)
            .await
            .unwrap()
            .is_none()
    );
}
