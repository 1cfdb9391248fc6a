//! GetKeyLastUsage.

use sealgate_kms::{KeyLastUsage, ReEncryptRequest};
use time::Duration;

use crate::world::{ACCOUNT, World, call, code, pairs};

async fn usage(world: &World, key: &str) -> KeyLastUsage {
    let root = world.root();
    world
        .kms
        .get_key_last_usage(&call(&root), key)
        .await
        .unwrap()
}

#[tokio::test]
async fn the_last_successful_use_is_known_with_its_event() {
    let world = World::new().await;
    let (root, key) = (world.root(), world.key().await);
    let unused = usage(&world, &key).await;
    assert_eq!(
        (unused.key_id.as_str(), &unused.last),
        (key.as_str(), &None)
    );
    assert!(unused.tracked_since >= unused.created);

    let blob = world.encrypt(&root, &key).await.unwrap();
    world.pass(Duration::minutes(5));
    let root = world.root();
    world
        .kms
        .decrypt(&call(&root), None, &blob, &pairs(&[]))
        .await
        .unwrap();
    world.pass(Duration::minutes(5));
    // What is refused, or uses no material, is no use.
    let root = world.root();
    world
        .kms
        .decrypt(&call(&root), None, &blob, &pairs(&[("a", "b")]))
        .await
        .err()
        .unwrap();
    world.kms.describe_key(&call(&root), &key).await.unwrap();

    let last = usage(&world, &key).await.last.unwrap();
    assert_eq!(
        (last.operation.as_str(), last.request_id.as_str()),
        ("Decrypt", "REQUEST")
    );
    assert_eq!(last.at, world.now() - Duration::minutes(5));
    let records = world.records(ACCOUNT).await;
    let event = records
        .iter()
        .find(|record| record["eventID"] == last.event_id.as_str())
        .unwrap();
    assert_eq!(event["eventName"], "Decrypt");
    assert!(event.get("errorCode").is_none());

    // It survives a restart once it is written, and counts go on.
    world.kms.flush_usage().await.unwrap();
    let again = world.restarted().await;
    let read = again.get_key_last_usage(&call(&root), &key).await.unwrap();
    assert_eq!(read.last, Some(last));
    assert_eq!(read.tracked_since, usage(&world, &key).await.tracked_since);
    again
        .decrypt(&call(&root), None, &blob, &pairs(&[]))
        .await
        .unwrap();
    let uses = again
        .get_key_last_usage(&call(&root), &key)
        .await
        .unwrap()
        .uses;
    assert_eq!(uses.values().sum::<u64>(), 3);
}

#[tokio::test]
async fn re_encryption_uses_both_keys() {
    let world = World::new().await;
    let (root, from, to) = (world.root(), world.key().await, world.key().await);
    let ciphertext = world.encrypt(&root, &from).await.unwrap();
    let request = ReEncryptRequest {
        ciphertext,
        destination_key_id: to.clone(),
        ..Default::default()
    };
    world.kms.re_encrypt(&call(&root), request).await.unwrap();
    for (key, uses) in [(&from, 2), (&to, 1)] {
        let usage = usage(&world, key).await;
        assert_eq!(usage.last.unwrap().operation, "ReEncrypt");
        assert_eq!(usage.uses.values().sum::<u64>(), uses);
    }
}

#[tokio::test]
async fn aliases_and_other_accounts_are_refused() {
    let world = World::new().await;
    let (root, key) = (world.root(), world.key().await);
    world
        .kms
        .create_alias(&call(&root), "alias/a", &key)
        .await
        .unwrap();
    let asked = world.kms.get_key_last_usage(&call(&root), "alias/a").await;
    assert_eq!(code(asked), "NotFoundException");
    let stranger = world.root_of(crate::world::OTHER);
    let asked = world
        .kms
        .get_key_last_usage(&call(&stranger), &crate::world::arn(&key))
        .await;
    assert_eq!(code(asked), "AccessDeniedException");
}
