//! Data keys under each mode: who and what opens them.

use sealgate_kms::{EncryptionContext, PutKeyPolicyRequest};
use sealgate_seal::{BodyKeys, Layers};

use super::world::{
    ACCOUNT, ALL, PLACE, World, call, customer_key, other_places, refusal, root, user,
};
use crate::{Envelope, Mode, WriteMode};

fn kms(key_id: Option<&str>, bucket_key: bool) -> WriteMode {
    WriteMode::Kms {
        key_id: key_id.map(str::to_owned),
        context: EncryptionContext::from_pairs([("team", "blue")]),
        bucket_key,
    }
}

fn dsse(key_id: Option<&str>) -> WriteMode {
    WriteMode::Dsse {
        key_id: key_id.map(str::to_owned),
        context: EncryptionContext::new(),
    }
}

fn modes(key: &str) -> Vec<WriteMode> {
    vec![
        WriteMode::S3,
        kms(None, false),
        kms(Some(key), false),
        kms(Some(key), true),
        dsse(None),
        dsse(Some(key)),
        WriteMode::Customer(customer_key(&[9; 32])),
    ]
}

fn equal(a: &BodyKeys, b: &BodyKeys) -> bool {
    match (a, b) {
        (BodyKeys::Single(a), BodyKeys::Single(b)) => a.expose() == b.expose(),
        (
            BodyKeys::Double { inner, outer },
            BodyKeys::Double {
                inner: other_inner,
                outer: other_outer,
            },
        ) => {
            inner.expose() == other_inner.expose()
                && outer.expose() == other_outer.expose()
                && inner.expose() != outer.expose()
        }
        _ => false,
    }
}

#[tokio::test]
async fn each_mode_gives_its_keys_back_in_their_place_and_in_no_other() {
    let world = World::new().await;
    let (key, root) = (world.key().await, root());
    let call = call(&root);
    for mode in modes(&key) {
        let (keys, envelope) = world.sse.seal(&call, PLACE, &mode).await.unwrap();
        assert_eq!(envelope.mode(), mode.mode());
        assert_eq!(keys.layers() == Layers::Two, mode.mode() == Mode::Dsse);
        let stored = envelope.to_bytes().unwrap();
        let envelope = Envelope::from_bytes(&stored).unwrap();
        let customer = mode.customer_key();
        let opened = world.sse.open(&call, PLACE, &envelope, customer).await;
        assert!(equal(&opened.unwrap(), &keys));
        for place in other_places() {
            // Also where a Bucket Key is kept from the read before.
            let moved = world.sse.open(&call, place, &envelope, customer).await;
            assert_ne!(refusal(moved), "OK", "{:?}", mode.mode());
        }
        let text = String::from_utf8(stored).unwrap();
        if let BodyKeys::Single(dek) = &keys {
            use base64::Engine as _;
            let dek = base64::engine::general_purpose::STANDARD.encode(dek.expose());
            assert!(!text.contains(&dek));
        }
    }
}

#[tokio::test]
async fn a_rewrap_leaves_the_data_key_and_retires_the_envelope() {
    let world = World::new().await;
    let (key, root) = (world.key().await, root());
    let call = call(&root);
    let (keys, _) = world.sse.seal(&call, PLACE, &WriteMode::S3).await.unwrap();
    let target = other_places()[2];
    for mode in modes(&key) {
        let wrapped = world.sse.wrap(&call, target, &mode, &keys).await;
        if mode.mode() == Mode::Dsse {
            // One layer does not become two by wrapping.
            assert_eq!(refusal(wrapped), "damaged");
            continue;
        }
        let customer = mode.customer_key();
        let wrapped = wrapped.unwrap();
        let opened = world.sse.open(&call, target, &wrapped, customer);
        assert!(equal(&opened.await.unwrap(), &keys));
    }
}

#[tokio::test]
async fn two_writes_share_no_key() {
    let world = World::new().await;
    let (key, root) = (world.key().await, root());
    let call = call(&root);
    for mode in modes(&key) {
        let (first, _) = world.sse.seal(&call, PLACE, &mode).await.unwrap();
        let (second, _) = world.sse.seal(&call, PLACE, &mode).await.unwrap();
        assert!(!equal(&first, &second), "{:?}", mode.mode());
    }
}

#[tokio::test]
async fn a_customer_key_opens_what_it_sealed_and_nothing_else() {
    let world = World::new().await;
    let root = root();
    let call = call(&root);
    let mode = WriteMode::Customer(customer_key(&[9; 32]));
    let (_, envelope) = world.sse.seal(&call, PLACE, &mode).await.unwrap();
    let (_, plain) = world.sse.seal(&call, PLACE, &WriteMode::S3).await.unwrap();
    for (envelope, key, expected) in [
        (&envelope, Some(customer_key(&[9; 32])), "OK"),
        (&envelope, None, "invalid request"),
        (
            &envelope,
            Some(customer_key(&[8; 32])),
            "wrong customer key",
        ),
        // A key of another length is a wrong key, too.
        (
            &envelope,
            Some(customer_key(&[9; 16])),
            "wrong customer key",
        ),
        (&plain, Some(customer_key(&[9; 32])), "invalid request"),
        (&plain, None, "OK"),
    ] {
        let head = envelope.check_customer_key(PLACE, key.as_ref());
        assert_eq!(refusal(head), expected);
        let read = world.sse.open(&call, PLACE, envelope, key.as_ref()).await;
        assert_eq!(refusal(read), expected);
    }
    // What is stored recognises the key only in its bucket, and says nothing of it.
    let check = envelope.check_customer_key(other_places()[1], mode.customer_key());
    assert_eq!(refusal(check), "wrong customer key");
    let stored = String::from_utf8(envelope.to_bytes().unwrap()).unwrap();
    let (md5, key) = (customer_key(&[9; 32]).md5().to_owned(), "CQkJCQkJ");
    assert!(!stored.contains(&md5) && !stored.contains(key));
}

#[tokio::test]
async fn every_change_of_an_envelope_is_found() {
    let world = World::new().await;
    let (key, root) = (world.key().await, root());
    let call = call(&root);
    for mode in modes(&key) {
        let (_, envelope) = world.sse.seal(&call, PLACE, &mode).await.unwrap();
        let (_, other) = world.sse.seal(&call, PLACE, &mode).await.unwrap();
        let json: serde_json::Value =
            serde_json::from_slice(&envelope.to_bytes().unwrap()).unwrap();
        let foreign: serde_json::Value =
            serde_json::from_slice(&other.to_bytes().unwrap()).unwrap();
        for field in ["dek", "kek", "outer", "salt", "check", "context", "key"] {
            let Some(value) = json.get(field) else {
                continue;
            };
            let mut changed = json.clone();
            changed[field] = match field {
                "context" => serde_json::json!({ "team": "red" }),
                "key" => serde_json::json!("alias/none"),
                _ => foreign[field].clone(),
            };
            if changed[field] == *value {
                // The KEK of a Bucket Key is the same in both.
                continue;
            }
            let changed = Envelope::from_bytes(changed.to_string().as_bytes()).unwrap();
            let opened = world
                .sse
                .open(&call, PLACE, &changed, mode.customer_key())
                .await;
            // A wrapping of the other object in the same place is whole in itself.
            let swapped_whole = matches!(mode, WriteMode::S3) || field == "outer";
            assert_eq!(
                refusal(opened) == "OK",
                swapped_whole || (field == "dek" && envelope.kms().is_some_and(|w| w.bucket_key)),
                "{:?} {field}",
                mode.mode()
            );
        }
    }
}

#[tokio::test]
async fn a_kept_bucket_key_does_not_replace_a_permission() {
    let world = World::new().await;
    let key = world.key().await;
    let (alice, mallory) = (user("alice", &[ALL]), user("mallory", &[]));
    let mode = kms(Some(&key), true);
    let (_, envelope) = world.sse.seal(&call(&alice), PLACE, &mode).await.unwrap();
    for _ in 0..2 {
        let read = world.sse.open(&call(&alice), PLACE, &envelope, None).await;
        assert_eq!(refusal(read), "OK");
    }
    // Both caches are warm now.
    let read = world
        .sse
        .open(&call(&mallory), PLACE, &envelope, None)
        .await;
    assert_eq!(refusal(read), "AccessDeniedException");
    let write = world.sse.seal(&call(&mallory), PLACE, &mode).await;
    assert_eq!(refusal(write), "AccessDeniedException");
    // The same user without the policy that she had.
    let alice_later = user("alice", &[]);
    let write = world.sse.seal(&call(&alice_later), PLACE, &mode).await;
    assert_eq!(refusal(write), "AccessDeniedException");
    let read = world
        .sse
        .open(&call(&alice_later), PLACE, &envelope, None)
        .await;
    assert_eq!(refusal(read), "AccessDeniedException");
    // And again with it.
    let read = world.sse.open(&call(&alice), PLACE, &envelope, None).await;
    assert_eq!(refusal(read), "OK");
}

#[tokio::test]
async fn a_kept_bucket_key_follows_the_state_of_its_kms_key() {
    let world = World::new().await;
    let (key, root) = (world.key().await, root());
    let call = call(&root);
    let mode = kms(Some(&key), true);
    let (_, envelope) = world.sse.seal(&call, PLACE, &mode).await.unwrap();
    world.sse.open(&call, PLACE, &envelope, None).await.unwrap();
    world.kms.disable_key(&call, &key).await.unwrap();
    assert_eq!(
        refusal(world.sse.open(&call, PLACE, &envelope, None).await),
        "DisabledException"
    );
    assert_eq!(
        refusal(world.sse.seal(&call, PLACE, &mode).await),
        "DisabledException"
    );
    world.kms.enable_key(&call, &key).await.unwrap();
    assert_eq!(
        refusal(world.sse.open(&call, PLACE, &envelope, None).await),
        "OK"
    );
    world
        .kms
        .schedule_key_deletion(&call, &key, None)
        .await
        .unwrap();
    assert_eq!(
        refusal(world.sse.open(&call, PLACE, &envelope, None).await),
        "KMSInvalidStateException"
    );
}

#[tokio::test]
async fn a_bucket_key_is_used_for_many_objects_and_only_with_one_context() {
    let world = World::new().await;
    let (key, root) = (world.key().await, root());
    let call = call(&root);
    let kek = |envelope: &Envelope| envelope.kms().unwrap().kek.bytes().to_vec();
    let mode = kms(Some(&key), true);
    let (_, first) = world.sse.seal(&call, PLACE, &mode).await.unwrap();
    let (_, second) = world
        .sse
        .seal(&call, other_places()[2], &mode)
        .await
        .unwrap();
    assert_eq!(kek(&first), kek(&second));
    // Another bucket, another context, or no Bucket Key: another KEK.
    let (_, bucket) = world
        .sse
        .seal(&call, other_places()[1], &mode)
        .await
        .unwrap();
    let other_context = WriteMode::Kms {
        key_id: Some(key.clone()),
        context: EncryptionContext::new(),
        bucket_key: true,
    };
    let (_, context) = world.sse.seal(&call, PLACE, &other_context).await.unwrap();
    let (_, own) = world
        .sse
        .seal(&call, PLACE, &kms(Some(&key), false))
        .await
        .unwrap();
    for other in [&bucket, &context, &own] {
        assert_ne!(kek(&first), kek(other));
    }
    // Another principal gets a KEK of its own.
    let alice = user("alice", &[ALL]);
    let (_, hers) = world
        .sse
        .seal(&super::world::call(&alice), PLACE, &mode)
        .await
        .unwrap();
    assert_ne!(kek(&first), kek(&hers));
}

#[tokio::test]
async fn a_key_policy_sees_the_object_or_the_bucket() {
    let world = World::new().await;
    let (key, root) = (world.key().await, root());
    let alice = user("alice", &[]);
    let policy = |arn: &str| {
        format!(
            r#"{{ "Version": "2012-10-17", "Statement": [
                {{ "Effect": "Allow", "Principal": {{ "AWS": "arn:aws:iam::{ACCOUNT}:root" }}, "Action": "kms:*", "Resource": "*" }},
                {{ "Effect": "Allow", "Principal": {{ "AWS": "arn:aws:iam::{ACCOUNT}:user/alice" }},
                   "Action": ["kms:GenerateDataKey", "kms:Decrypt"], "Resource": "*",
                   "Condition": {{ "StringEquals": {{
                     "kms:EncryptionContext:aws:s3:arn": "{arn}",
                     "kms:ViaService": "s3.us-east-1.amazonaws.com" }} }} }} ] }}"#
        )
    };
    for (bucket_key, arn) in [
        (false, "arn:aws:s3:::bucket/folder/object"),
        (true, "arn:aws:s3:::bucket"),
    ] {
        let request = PutKeyPolicyRequest {
            policy: policy(arn),
            ..Default::default()
        };
        world
            .kms
            .put_key_policy(&call(&root), &key, request)
            .await
            .unwrap();
        let mode = kms(Some(&key), bucket_key);
        let (_, envelope) = world.sse.seal(&call(&alice), PLACE, &mode).await.unwrap();
        let read = world.sse.open(&call(&alice), PLACE, &envelope, None).await;
        assert_eq!(refusal(read), "OK");
        let other = kms(Some(&key), !bucket_key);
        let write = world.sse.seal(&call(&alice), PLACE, &other).await;
        assert_eq!(refusal(write), "AccessDeniedException");
    }
}

#[tokio::test]
async fn keys_that_cannot_be_used_are_refused_in_the_words_of_the_kms() {
    let world = World::new().await;
    let (key, root) = (world.key().await, root());
    let call = call(&root);
    for id in [
        "nonsense",
        "alias/never-made",
        "11111111-2222-3333-4444-555555555555",
        "arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555",
    ] {
        for mode in [kms(Some(id), false), kms(Some(id), true), dsse(Some(id))] {
            let code = refusal(world.sse.seal(&call, PLACE, &mode).await);
            assert!(
                ["NotFoundException", "InvalidArnException"].contains(&code),
                "{id}: {code}"
            );
        }
    }
    world.kms.disable_key(&call, &key).await.unwrap();
    for mode in [
        kms(Some(&key), false),
        kms(Some(&key), true),
        dsse(Some(&key)),
    ] {
        let code = refusal(world.sse.seal(&call, PLACE, &mode).await);
        assert_eq!(code, "DisabledException");
    }
}

#[tokio::test]
async fn uses_are_counted_by_mode() {
    let world = World::new().await;
    let root = root();
    let call = call(&root);
    let (_, envelope) = world.sse.seal(&call, PLACE, &WriteMode::S3).await.unwrap();
    for _ in 0..2 {
        world.sse.open(&call, PLACE, &envelope, None).await.unwrap();
    }
    let uses = world.sse.uses();
    let count = |mode, what| uses.iter().find(|u| u.0 == mode && u.1 == what).unwrap().2;
    assert_eq!((count(Mode::S3, "wrap"), count(Mode::S3, "unwrap")), (1, 2));
    assert_eq!(count(Mode::Kms, "wrap"), 0);
}
