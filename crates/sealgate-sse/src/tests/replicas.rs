//! Envelopes of replicas: what opens them, and where.

use sealgate_kms::EncryptionContext;
use sealgate_seal::BodyKeys;

use super::world::{PLACE, World, call, customer_key, other_places, refusal, root, user};
use crate::{Envelope, Mode, Place, ReplicaKey, WriteMode};

const THERE: Place<'static> = Place {
    account: "444455556666",
    bucket: "there",
    key: "folder/object",
};

fn same(one: &BodyKeys, other: &BodyKeys) -> bool {
    match (one, other) {
        (BodyKeys::Single(one), BodyKeys::Single(other)) => one.expose() == other.expose(),
        (
            BodyKeys::Double { inner, outer },
            BodyKeys::Double {
                inner: other_inner,
                outer: other_outer,
            },
        ) => inner.expose() == other_inner.expose() && outer.expose() == other_outer.expose(),
        _ => false,
    }
}

#[tokio::test]
async fn a_replica_has_the_mode_and_the_data_keys_of_its_original_in_its_own_place() {
    let world = World::new().await;
    let (own, theirs, root) = (world.key().await, world.key().await, root());
    let call = call(&root);
    let context = EncryptionContext::from_pairs([("team", "blue")]);
    for mode in [
        WriteMode::S3,
        WriteMode::Kms {
            key_id: Some(own.clone()),
            context: context.clone(),
            bucket_key: true,
        },
        WriteMode::Dsse {
            key_id: Some(own.clone()),
            context,
        },
    ] {
        let (keys, original) = world.sse.seal(&call, PLACE, &mode).await.unwrap();
        for bucket_key in [false, true] {
            let key = ReplicaKey {
                key_id: &theirs,
                bucket_key,
            };
            let replica = world
                .sse
                .wrap_replica(&call, THERE, &original, &keys, Some(key))
                .await
                .unwrap();
            assert_eq!(replica.mode(), mode.mode());
            if let Some(wrap) = replica.kms() {
                assert!(wrap.key.ends_with(&theirs));
                assert_eq!(wrap.context["team"], "blue");
                assert_eq!(wrap.bucket_key, bucket_key && mode.mode() == Mode::Kms);
            }
            let opened = world.sse.open(&call, THERE, &replica, None).await.unwrap();
            assert!(same(&opened, &keys));
            let elsewhere = world.sse.open(&call, PLACE, &replica, None).await;
            assert_ne!(refusal(elsewhere), "OK");
        }
    }
}

#[tokio::test]
async fn who_may_not_encrypt_under_the_key_makes_no_replica_and_without_a_key_nobody_does() {
    let world = World::new().await;
    let (own, root) = (world.key().await, root());
    let mode = WriteMode::Kms {
        key_id: Some(own.clone()),
        context: EncryptionContext::new(),
        bucket_key: false,
    };
    let sealed = world.sse.seal(&call(&root), PLACE, &mode).await;
    let (keys, original) = sealed.unwrap();
    let policy = |action: &str| {
        format!(
            r#"{{ "Version": "2012-10-17", "Statement": [ {{ "Effect": "Allow", "Action": "{action}", "Resource": "*" }} ] }}"#
        )
    };
    for (action, expected) in [
        ("kms:GenerateDataKey", "AccessDeniedException"),
        ("kms:Encrypt", "OK"),
    ] {
        let who = user("role", &[&policy(action)]);
        let key = ReplicaKey {
            key_id: &own,
            bucket_key: false,
        };
        let made = world
            .sse
            .wrap_replica(&call(&who), THERE, &original, &keys, Some(key))
            .await;
        assert_eq!(refusal(made), expected, "{action}");
    }
    let made = world
        .sse
        .wrap_replica(&call(&root), THERE, &original, &keys, None)
        .await;
    assert_eq!(refusal(made), "invalid request");
}

#[tokio::test]
async fn a_customers_key_opens_the_replica_where_the_gateway_put_it_and_nowhere_else() {
    let world = World::new().await;
    let root = root();
    let call = call(&root);
    let (customer, wrong) = (customer_key(&[9; 32]), customer_key(&[8; 32]));
    let mode = WriteMode::Customer(customer_key(&[9; 32]));
    let (keys, original) = world.sse.seal(&call, PLACE, &mode).await.unwrap();
    let replica = world.sse.moved_customer(PLACE, THERE, &original).unwrap();
    // A replica of the replica comes from the same place.
    let [third, ..] = other_places();
    let again = world.sse.moved_customer(THERE, third, &replica).unwrap();
    for (place, envelope) in [(THERE, &replica), (third, &again)] {
        let stored = Envelope::from_bytes(&envelope.to_bytes().unwrap()).unwrap();
        let opened = world.sse.open(&call, place, &stored, Some(&customer)).await;
        assert!(same(&opened.unwrap(), &keys));
        let opened = world.sse.open(&call, place, &stored, Some(&wrong)).await;
        assert_eq!(refusal(opened), "wrong customer key");
    }
    // Moved to another row of the index it opens nothing, nor does one that claims another origin.
    for place in [PLACE, third] {
        let moved = world.sse.open(&call, place, &replica, Some(&customer));
        assert_ne!(refusal(moved.await), "OK");
    }
    let text = String::from_utf8(replica.to_bytes().unwrap()).unwrap();
    assert!(text.contains(PLACE.bucket));
    let claimed = text.replace("\"bucket\":\"bucket\"", "\"bucket\":\"other\"");
    assert_ne!(claimed, text);
    let claimed = Envelope::from_bytes(claimed.as_bytes()).unwrap();
    let opened = world
        .sse
        .open(&call, THERE, &claimed, Some(&customer))
        .await;
    assert_ne!(refusal(opened), "OK");
    assert!(world.sse.moved_customer(third, PLACE, &replica).is_err());
}
