//! Keys that are to be deleted, and are.

use sealgate_kms::{KeyState, PageRequest};
use time::Duration;

use crate::world::{ACCOUNT, World, arn, call, code, pairs};

#[tokio::test]
async fn the_waiting_time_is_seven_to_thirty_days() {
    let world = World::new().await;
    let root = world.root();
    for (days, expected) in [(Some(7), 7), (Some(30), 30), (None, 30)] {
        let key = world.key().await;
        let made = world
            .kms
            .schedule_key_deletion(&call(&root), &key, days)
            .await
            .unwrap();
        assert_eq!(made.key_arn, arn(&key));
        assert_eq!(made.deletion_date, world.now() + Duration::days(expected));
        assert_eq!(
            (made.state, made.pending_window_in_days),
            (KeyState::PendingDeletion, expected)
        );
        let found = world.kms.describe_key(&call(&root), &key).await.unwrap();
        assert_eq!(found.deletion_date, Some(made.deletion_date));
    }
    let key = world.key().await;
    for days in [i64::MIN, 0, 6, 31, i64::MAX] {
        let found = world
            .kms
            .schedule_key_deletion(&call(&root), &key, Some(days))
            .await;
        assert_eq!(code(found), "ValidationException");
    }
}

#[tokio::test]
async fn a_cancelled_deletion_leaves_the_key_disabled() {
    let world = World::new().await;
    let root = world.root();
    let key = world.key().await;
    let blob = world.encrypt(&root, &key).await.unwrap();
    world
        .kms
        .schedule_key_deletion(&call(&root), &key, Some(7))
        .await
        .unwrap();
    assert_eq!(
        world.kms.cancel_key_deletion(&call(&root), &key).await,
        Ok(arn(&key))
    );
    let found = world.kms.describe_key(&call(&root), &key).await.unwrap();
    assert_eq!(
        (found.state, found.deletion_date),
        (KeyState::Disabled, None)
    );
    world.pass(Duration::days(40));
    assert_eq!(world.kms.sweep(world.now()).await, Ok(0));
    world.kms.enable_key(&call(&root), &key).await.unwrap();
    assert_eq!(
        code(
            world
                .kms
                .decrypt(&call(&root), None, &blob, &pairs(&[]))
                .await
        ),
        "OK"
    );
}

#[tokio::test]
async fn a_key_that_is_due_is_gone_even_before_the_sweep() {
    let world = World::new().await;
    let key = world.key().await;
    let other = world.key().await;
    let blob = world.encrypt(&world.root(), &key).await.unwrap();
    world
        .kms
        .create_alias(&call(&world.root()), "alias/a", &key)
        .await
        .unwrap();
    world
        .kms
        .schedule_key_deletion(&call(&world.root()), &key, Some(7))
        .await
        .unwrap();
    world.pass(Duration::days(7) - Duration::milliseconds(1));
    assert_eq!(
        code(world.encrypt(&world.root(), &key).await),
        "KMSInvalidStateException"
    );
    assert_eq!(world.kms.sweep(world.now()).await, Ok(0), "not yet");
    world.pass(Duration::milliseconds(1));
    for swept in [false, true] {
        if swept {
            assert_eq!(world.kms.sweep(world.now()).await, Ok(1));
            assert_eq!(world.kms.sweep(world.now()).await, Ok(0));
        }
        let root = world.root();
        let (kms, call) = (&world.kms, call(&root));
        assert_eq!(code(world.encrypt(&root, &key).await), "NotFoundException");
        assert_eq!(
            code(world.encrypt(&root, "alias/a").await),
            "NotFoundException"
        );
        assert_eq!(
            code(kms.cancel_key_deletion(&call, &key).await),
            "NotFoundException"
        );
        let named = kms.decrypt(&call, Some(&key), &blob, &pairs(&[])).await;
        assert_eq!(code(named), "NotFoundException");
        let unnamed = kms.decrypt(&call, None, &blob, &pairs(&[])).await;
        assert_eq!(code(unnamed), "AccessDeniedException");
        let listed = kms
            .list_keys(&call, PageRequest::default())
            .await
            .unwrap()
            .items;
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0].key_id, other);
    }
    for ns in ["kms/alias", "kms/deletion"] {
        assert!(
            world
                .index
                .records(ns, "", None, 10)
                .await
                .unwrap()
                .is_empty(),
            "{ns}"
        );
    }
    let keys = world
        .index
        .records("kms/key", ACCOUNT, None, 10)
        .await
        .unwrap();
    assert_eq!(keys.len(), 1);
    let last = world.records(ACCOUNT).await;
    let deleted = last
        .iter()
        .find(|record| record["eventName"] == "DeleteKey")
        .unwrap();
    assert_eq!(deleted["eventType"], "AwsServiceEvent");
    assert_eq!(deleted["resources"][0]["ARN"], arn(&key));
    world
        .kms
        .create_alias(&call(&world.root()), "alias/a", &other)
        .await
        .unwrap();
}
