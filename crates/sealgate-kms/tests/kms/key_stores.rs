//! Keys in external key stores: what the proxy is asked, and what their state is.

use sealgate_kms::{ConnectionState, EncryptionContext, FindKeyStores, KeyState, KmsError};
use time::Duration;

use crate::proxy::Proxy;
use crate::world::{World, call, code};

async fn state(world: &World, store: &str) -> ConnectionState {
    let request = FindKeyStores {
        id: Some(store.to_owned()),
        ..Default::default()
    };
    let found = world
        .kms
        .describe_custom_key_stores(&call(&world.root()), request)
        .await;
    found.unwrap().items[0].state
}

#[tokio::test]
async fn keys_are_unavailable_while_their_store_is_disconnected_and_nobody_is_asked() {
    let world = World::new().await;
    let root = world.root();
    let proxy = Proxy::start().await;
    let store = world.external_store(&proxy, "one").await;
    let key = world.external_key(&store, "key-1").await;
    let sealed = world.encrypt(&root, &key).await.unwrap();
    world
        .kms
        .disconnect_custom_key_store(&call(&root), &store)
        .await
        .unwrap();
    let asked = proxy.uses();
    let found = world.encrypt(&root, &key).await;
    assert_eq!(code(found), "KMSInvalidStateException");
    assert_eq!(proxy.uses(), asked);
    // A change of the key meanwhile does not make its state stay.
    world
        .kms
        .update_key_description(&call(&root), &key, "new")
        .await
        .unwrap();
    world
        .kms
        .connect_custom_key_store(&call(&root), &store)
        .await
        .unwrap();
    let described = world.kms.describe_key(&call(&root), &key).await.unwrap();
    assert_eq!(
        (described.state, described.enabled),
        (KeyState::Enabled, true)
    );
    assert_eq!(described.description, "new");
    let context = EncryptionContext::new();
    let opened = world
        .kms
        .decrypt(&call(&root), None, &sealed, &context)
        .await;
    assert_eq!(opened.unwrap().plaintext.as_slice(), b"attack at dawn");
}

#[tokio::test]
async fn a_refusal_of_the_proxy_leaves_the_key_enabled() {
    let world = World::new().await;
    let root = world.root();
    let proxy = Proxy::start().await;
    let store = world.external_store(&proxy, "one").await;
    let key = world.external_key(&store, "key-1").await;
    proxy.refuse(true);
    let refused = world.encrypt(&root, &key).await.unwrap_err();
    assert!(matches!(refused, KmsError::InvalidState(_)));
    assert!(refused.message().contains("denied access"));
    let described = world.kms.describe_key(&call(&root), &key).await.unwrap();
    assert_eq!(described.state, KeyState::Enabled);
    proxy.refuse(false);
    assert!(world.encrypt(&root, &key).await.is_ok());
}

#[tokio::test]
async fn a_store_can_go_when_its_last_key_is_deleted() {
    let world = World::new().await;
    let root = world.root();
    let proxy = Proxy::start().await;
    let store = world.external_store(&proxy, "one").await;
    let key = world.external_key(&store, "key-1").await;
    world
        .kms
        .schedule_key_deletion(&call(&root), &key, Some(7))
        .await
        .unwrap();
    let disconnected = world
        .kms
        .disconnect_custom_key_store(&call(&root), &store)
        .await;
    disconnected.unwrap();
    let described = world.kms.describe_key(&call(&root), &key).await.unwrap();
    assert_eq!(described.state, KeyState::PendingDeletion);
    let refused = world
        .kms
        .delete_custom_key_store(&call(&root), &store)
        .await;
    assert_eq!(code(refused), "CustomKeyStoreHasCMKsException");
    assert_eq!(
        world
            .kms
            .sweep(world.now() + Duration::days(8))
            .await
            .unwrap(),
        1
    );
    world
        .kms
        .delete_custom_key_store(&call(&root), &store)
        .await
        .unwrap();
}

#[tokio::test]
async fn an_external_key_is_free_again_when_its_kms_key_is_deleted() {
    let world = World::new().await;
    let root = world.root();
    let proxy = Proxy::start().await;
    let store = world.external_store(&proxy, "one").await;
    let key = world.external_key(&store, "key-1").await;
    let again = world.new_external_key(&store, "key-1").await;
    assert_eq!(code(again), "XksKeyAlreadyInUseException");
    world
        .kms
        .schedule_key_deletion(&call(&root), &key, Some(7))
        .await
        .unwrap();
    world
        .kms
        .sweep(world.now() + Duration::days(8))
        .await
        .unwrap();
    assert!(world.new_external_key(&store, "key-1").await.is_ok());
    assert_eq!(state(&world, &store).await, ConnectionState::Connected);
}

#[tokio::test]
async fn many_keys_are_made_in_a_store_at_once() {
    let world = World::new().await;
    let proxy = Proxy::start().await;
    let store = world.external_store(&proxy, "one").await;
    let make = |name| world.new_external_key(&store, name);
    let (one, two, three) = tokio::join!(make("key-1"), make("key-2"), make("key-3"));
    assert!(one.is_ok() && two.is_ok() && three.is_ok());
    // Only one of those that want the same external key gets it.
    let (one, two) = tokio::join!(make("key-4"), make("key-4"));
    assert!(one.is_ok() != two.is_ok());
}

#[tokio::test]
async fn objects_move_between_external_and_other_keys_without_a_caller() {
    let world = World::new().await;
    let root = world.root();
    let proxy = Proxy::start().await;
    let store = world.external_store(&proxy, "one").await;
    let outside = world.external_key(&store, "key-1").await;
    let inside = world.key().await;
    let context = EncryptionContext::new();
    let sealed = world.encrypt(&root, &inside).await.unwrap();
    let arn = crate::world::arn(&outside);
    let moved = world.kms.rewrap(&sealed, &context, Some(&arn)).await;
    let moved = moved.unwrap().unwrap();
    assert_eq!(moved.key_arn, arn);
    let back = crate::world::arn(&inside);
    let back = world
        .kms
        .rewrap(&moved.ciphertext, &context, Some(&back))
        .await;
    let back = back.unwrap().unwrap();
    let opened = world
        .kms
        .decrypt(&call(&root), None, &back.ciphertext, &context)
        .await;
    assert_eq!(opened.unwrap().plaintext.as_slice(), b"attack at dawn");
}
