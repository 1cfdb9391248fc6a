//! Each operation leaves exactly one event, and none leaves a secret.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealgate_kms::{
    CachedUse, CreateKeyRequest, CryptoOptions, DataKeySize, KmsError, PageRequest,
    ReEncryptRequest, Tag,
};
use serde_json::{Value, json};

use crate::world::{ACCOUNT, ALL, UNKNOWN, World, alias_arn, arn, call, code, pairs, through_s3};

async fn last(world: &World) -> Value {
    world.records(ACCOUNT).await.pop().unwrap()
}

#[tokio::test]
async fn every_operation_leaves_one_event_refused_or_not() {
    let world = World::new().await;
    let (root, nobody) = (world.root(), world.user("nobody", &[]));
    let kms = &world.kms;
    let key = world.key().await;
    let blob = world.encrypt(&root, &key).await.unwrap();
    let (context, options) = (pairs(&[]), CryptoOptions::default());
    let size = DataKeySize::bytes(32);
    let page = PageRequest::default;
    let k = key.as_str();
    let mut count = world.records(ACCOUNT).await.len();
    for caller in [&root, &nobody] {
        let expected = if caller.principal.arn == root.principal.arn {
            "OK"
        } else {
            "AccessDeniedException"
        };
        let call = call(caller);
        let tags = vec![Tag {
            key: "a".to_owned(),
            value: "b".to_owned(),
        }];
        let re_encrypt = ReEncryptRequest {
            ciphertext: blob.clone(),
            destination_key_id: key.clone(),
            ..Default::default()
        };
        let policy = kms
            .get_key_policy(&crate::world::call(&root), k, None)
            .await
            .unwrap();
        let put = sealgate_kms::PutKeyPolicyRequest {
            policy,
            ..Default::default()
        };
        count += 1;
        macro_rules! one {
            ($name:literal, $operation:expr) => {
                let found = code($operation.await);
                assert_eq!(found, expected, $name);
                let records = world.records(ACCOUNT).await;
                count += 1;
                assert_eq!(records.len(), count, "{}", $name);
                let record = records.last().unwrap();
                assert_eq!(record["eventName"], $name);
                assert_eq!(record["requestID"], "REQUEST");
                let error = record
                    .get("errorCode")
                    .and_then(Value::as_str)
                    .unwrap_or("OK");
                assert_eq!(error, expected);
            };
        }
        one!(
            "CreateKey",
            kms.create_key(&call, CreateKeyRequest::default())
        );
        one!("DescribeKey", kms.describe_key(&call, k));
        one!("ListKeys", kms.list_keys(&call, page()));
        one!("DisableKey", kms.disable_key(&call, k));
        one!("EnableKey", kms.enable_key(&call, k));
        one!(
            "UpdateKeyDescription",
            kms.update_key_description(&call, k, "d")
        );
        one!(
            "GetKeyRotationStatus",
            kms.get_key_rotation_status(&call, k)
        );
        one!("CreateAlias", kms.create_alias(&call, "alias/x", k));
        one!("UpdateAlias", kms.update_alias(&call, "alias/x", k));
        one!("ListAliases", kms.list_aliases(&call, None, page()));
        one!("DeleteAlias", kms.delete_alias(&call, "alias/x"));
        one!("PutKeyPolicy", kms.put_key_policy(&call, k, put));
        one!("GetKeyPolicy", kms.get_key_policy(&call, k, None));
        one!("ListKeyPolicies", kms.list_key_policies(&call, k, page()));
        one!("TagResource", kms.tag_resource(&call, k, tags));
        one!(
            "UntagResource",
            kms.untag_resource(&call, k, vec!["a".to_owned()])
        );
        one!("ListResourceTags", kms.list_resource_tags(&call, k, page()));
        one!("Encrypt", kms.encrypt(&call, k, b"x", &context, &options));
        one!("Decrypt", kms.decrypt(&call, None, &blob, &context));
        one!("ReEncrypt", kms.re_encrypt(&call, re_encrypt));
        one!(
            "GenerateDataKey",
            kms.generate_data_key(&call, k, &context, 32)
        );
        one!(
            "GenerateDataKeyWithoutPlaintext",
            kms.generate_data_key_without_plaintext(&call, k, &context, &size, &options)
        );
        one!("GenerateRandom", kms.generate_random(&call, Some(8), None));
        one!(
            "ScheduleKeyDeletion",
            kms.schedule_key_deletion(&call, k, None)
        );
        one!("CancelKeyDeletion", kms.cancel_key_deletion(&call, k));
        kms.enable_key(&crate::world::call(&root), k).await.unwrap();
        count += 1;
    }
    let denied = kms.outcomes().into_iter().find(|(operation, outcome, _)| {
        (*operation, *outcome) == ("Decrypt", "AccessDeniedException")
    });
    assert_eq!(denied, Some(("Decrypt", "AccessDeniedException", 1)));
}

#[tokio::test]
async fn a_use_is_recorded_as_cloudtrail_does() {
    let world = World::new().await;
    let root = world.root();
    let key = world.key().await;
    let context = pairs(&[("dept", "hr")]);
    let size = DataKeySize {
        key_spec: Some("AES_256".to_owned()),
        number_of_bytes: None,
    };
    let made = world
        .kms
        .generate_data_key_with(&call(&root), &key, &context, &size, &Default::default())
        .await
        .unwrap();
    let record = last(&world).await;
    assert_eq!(record["eventSource"], "kms.amazonaws.com");
    assert_eq!(
        record["requestParameters"],
        json!({ "keyId": key, "keySpec": "AES_256", "encryptionContext": { "dept": "hr" } })
    );
    assert_eq!(record["responseElements"], Value::Null);
    assert_eq!(
        record["additionalEventData"],
        json!({ "keyMaterialId": made.key_material_id })
    );
    assert_eq!(
        record["resources"],
        json!([{ "accountId": ACCOUNT, "type": "AWS::KMS::Key", "ARN": arn(&key) }])
    );
    assert_eq!(
        (&record["readOnly"], &record["managementEvent"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(record["sourceIPAddress"], "192.0.2.1");

    world
        .kms
        .create_alias(&call(&root), "alias/a", &key)
        .await
        .unwrap();
    let record = last(&world).await;
    assert_eq!(record["responseElements"], json!({ "keyId": arn(&key) }));
    assert_eq!(record["resources"][0]["ARN"], alias_arn("alias/a"));
    assert_eq!(record["resources"][1]["ARN"], arn(&key));
    assert_eq!(record["readOnly"], json!(false));
}

#[tokio::test]
async fn a_use_by_s3_shows_s3_and_a_refusal_is_durable_at_once() {
    let world = World::new().await;
    let alice = world.user("alice", &[ALL]);
    let nobody = world.user("nobody", &[]);
    let key = world.key().await;
    let context = pairs(&[("aws:s3:arn", "arn:aws:s3:::b/k")]);
    world
        .kms
        .generate_data_key(&through_s3(&alice), &key, &context, 32)
        .await
        .unwrap();
    let record = last(&world).await;
    assert_eq!(record["sourceIPAddress"], "s3.amazonaws.com");
    assert_eq!(record["userIdentity"]["invokedBy"], "s3.amazonaws.com");
    assert_eq!(record["userIdentity"]["userName"], "alice");
    let refused = world
        .kms
        .generate_data_key(&through_s3(&nobody), &key, &context, 32)
        .await;
    assert_eq!(code(refused), "AccessDeniedException");
    // Without a flush.
    let request = sealgate_audit::LookupRequest {
        account_id: ACCOUNT.to_owned(),
        ..Default::default()
    };
    let newest = world.trail.lookup(request).await.unwrap().events.remove(0);
    assert_eq!(newest.username.as_deref(), Some("nobody"));
    let refused = world.kms.describe_key(&call(&alice), UNKNOWN).await;
    assert_eq!(code(refused), "NotFoundException");
    assert_eq!(last(&world).await["errorCode"], "NotFoundException");
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_done_for_the_caller() {
    let world = World::new().await;
    let root = world.root();
    let key = world.key().await;
    world.encrypt(&root, &key).await.unwrap();
    world.index.close().await;
    // Uses of a key are recorded within a second: the first may be answered before it shows that it
    // cannot be, and those after that are not.
    let _ = world
        .kms
        .generate_data_key(&call(&root), &key, &pairs(&[]), 32)
        .await;
    assert!(world.trail.flush().await.is_err());
    let refused = world
        .kms
        .generate_data_key(&call(&root), &key, &pairs(&[]), 32)
        .await;
    assert!(matches!(refused.err().unwrap(), KmsError::Internal(_)));
    let refused = world
        .kms
        .generate_random(&call(&root), Some(32), None)
        .await
        .err()
        .unwrap();
    assert_eq!(
        (refused.code(), refused.status()),
        ("KMSInternalException", 500)
    );
}

#[tokio::test]
async fn a_change_whose_caller_goes_away_still_ends_and_is_recorded() {
    let world = World::new().await;
    let root = world.root();
    let key = world.key().await;
    {
        let call = call(&root);
        let mut change = std::pin::pin!(world.kms.disable_key(&call, &key));
        let mut nobody = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(
            change.as_mut().poll(&mut nobody).is_pending(),
            "dropped before its end"
        );
    }
    let mut found = last(&world).await;
    for _ in 0..500 {
        if found["eventName"] == "DisableKey" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        found = last(&world).await;
    }
    assert_eq!(found["eventName"], "DisableKey");
    assert_eq!(code(world.encrypt(&root, &key).await), "DisabledException");
}

#[tokio::test]
async fn a_cached_use_is_judged_as_the_use_itself_and_recorded_only_when_refused() {
    let world = World::new().await;
    let (root, alice) = (world.root(), world.user("alice", &[ALL]));
    let nobody = world.user("nobody", &[]);
    let key = arn(&world.key().await);
    let context = pairs(&[("aws:s3:arn", "arn:aws:s3:::b")]);
    let before = world.records(ACCOUNT).await.len();
    for cached in [CachedUse::GenerateDataKey, CachedUse::Decrypt] {
        let allowed = world
            .kms
            .check_cached_use(&through_s3(&alice), &key, cached, &context)
            .await;
        assert_eq!(code(allowed), "OK");
    }
    assert_eq!(world.records(ACCOUNT).await.len(), before);
    for (cached, name) in [
        (CachedUse::GenerateDataKey, "GenerateDataKey"),
        (CachedUse::Decrypt, "Decrypt"),
    ] {
        let refused = world
            .kms
            .check_cached_use(&through_s3(&nobody), &key, cached, &context)
            .await;
        assert_eq!(code(refused), "AccessDeniedException");
        let record = last(&world).await;
        assert_eq!(record["eventName"], name);
        assert_eq!(record["errorCode"], "AccessDeniedException");
    }
    world.kms.disable_key(&call(&root), &key).await.unwrap();
    let refused = world
        .kms
        .check_cached_use(&through_s3(&alice), &key, CachedUse::Decrypt, &context)
        .await;
    assert_eq!(code(refused), "DisabledException");
}

#[tokio::test]
async fn neither_plaintext_nor_material_is_in_the_trail_or_on_disk() {
    let world = World::new().await;
    let root = world.root();
    let key = world.key().await;
    let kms = &world.kms;
    let secret = b"the secret that nobody may find!";
    let made = kms
        .encrypt(&call(&root), &key, secret, &pairs(&[]), &Default::default())
        .await
        .unwrap();
    let data_key = kms
        .generate_data_key(&call(&root), &key, &pairs(&[]), 32)
        .await
        .unwrap();
    kms.decrypt(&call(&root), None, &data_key.ciphertext, &pairs(&[]))
        .await
        .unwrap();
    let mut wrong = made.ciphertext.clone();
    wrong[60] ^= 1;
    kms.decrypt(&call(&root), None, &wrong, &pairs(&[]))
        .await
        .err()
        .unwrap();
    let trail = serde_json::to_string(&world.records(ACCOUNT).await).unwrap();
    world.index.close().await;
    let file = std::fs::read(world.index_file()).unwrap();
    let found = |needle: &[u8]| {
        trail
            .as_bytes()
            .windows(needle.len())
            .any(|window| window == needle)
            || file.windows(needle.len()).any(|window| window == needle)
    };
    for bytes in [
        secret.as_slice(),
        &data_key.plaintext,
        &made.ciphertext,
        &data_key.ciphertext,
        &[7; 32],
    ] {
        assert!(!found(bytes));
        assert!(!found(hex::encode(bytes).as_bytes()));
        assert!(!found(STANDARD.encode(bytes).as_bytes()));
    }
    assert!(found(b"keyMaterialId"), "the search finds what is there");
}
