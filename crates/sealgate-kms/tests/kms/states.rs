//! Every operation on a key in every state of the key.

use sealgate_kms::{
    CryptoOptions, DataKeySize, EncryptionContext, KeyState, KmsError, PageRequest,
    PutKeyPolicyRequest, ReEncryptRequest, Tag,
};

use crate::proxy::Proxy;
use crate::world::{World, call, code};

const ENABLED: KeyState = KeyState::Enabled;

/// Operation, then the outcome for a key that is enabled, disabled, pending deletion, and for one whose key store
/// is not connected.
const TABLE: &[(&str, [&str; 4])] = &[
    ("DescribeKey", ["OK", "OK", "OK", "OK"]),
    ("GetKeyPolicy", ["OK", "OK", "OK", "OK"]),
    ("PutKeyPolicy", ["OK", "OK", "OK", "OK"]),
    ("ListKeyPolicies", ["OK", "OK", "OK", "OK"]),
    ("ListResourceTags", ["OK", "OK", "OK", "OK"]),
    ("ListAliases", ["OK", "OK", "OK", "OK"]),
    ("DeleteAlias", ["OK", "OK", "OK", "OK"]),
    (
        "GetKeyRotationStatus",
        ["OK", "OK", "OK", "UnsupportedOperationException"],
    ),
    ("EnableKey", ["OK", "OK", "KMSInvalidStateException", "OK"]),
    ("DisableKey", ["OK", "OK", "KMSInvalidStateException", "OK"]),
    (
        "UpdateKeyDescription",
        ["OK", "OK", "KMSInvalidStateException", "OK"],
    ),
    (
        "TagResource",
        ["OK", "OK", "KMSInvalidStateException", "OK"],
    ),
    (
        "UntagResource",
        ["OK", "OK", "KMSInvalidStateException", "OK"],
    ),
    (
        "CreateAlias",
        ["OK", "OK", "KMSInvalidStateException", "OK"],
    ),
    (
        "UpdateAlias",
        ["OK", "OK", "KMSInvalidStateException", "OK"],
    ),
    (
        "ScheduleKeyDeletion",
        ["OK", "OK", "KMSInvalidStateException", "OK"],
    ),
    (
        "CancelKeyDeletion",
        [
            "KMSInvalidStateException",
            "KMSInvalidStateException",
            "OK",
            "KMSInvalidStateException",
        ],
    ),
    (
        "Encrypt",
        [
            "OK",
            "DisabledException",
            "KMSInvalidStateException",
            "KMSInvalidStateException",
        ],
    ),
    (
        "Decrypt",
        [
            "OK",
            "DisabledException",
            "KMSInvalidStateException",
            "KMSInvalidStateException",
        ],
    ),
    (
        "DecryptUnnamed",
        [
            "OK",
            "DisabledException",
            "KMSInvalidStateException",
            "KMSInvalidStateException",
        ],
    ),
    (
        "ReEncryptFrom",
        [
            "OK",
            "DisabledException",
            "KMSInvalidStateException",
            "KMSInvalidStateException",
        ],
    ),
    (
        "ReEncryptTo",
        [
            "OK",
            "DisabledException",
            "KMSInvalidStateException",
            "KMSInvalidStateException",
        ],
    ),
    (
        "GenerateDataKey",
        [
            "OK",
            "DisabledException",
            "KMSInvalidStateException",
            "KMSInvalidStateException",
        ],
    ),
    (
        "GenerateDataKeyWithoutPlaintext",
        [
            "OK",
            "DisabledException",
            "KMSInvalidStateException",
            "KMSInvalidStateException",
        ],
    ),
];

#[tokio::test]
async fn each_operation_works_in_the_states_that_aws_documents() {
    for &(operation, expected) in TABLE {
        // Of its own, because an account has few key stores.
        let world = World::new().await;
        for (state, expected) in [
            KeyState::Enabled,
            KeyState::Disabled,
            KeyState::PendingDeletion,
            KeyState::Unavailable,
        ]
        .iter()
        .zip(expected)
        {
            let found = code(attempt(&world, operation, *state).await);
            assert_eq!(found, expected, "{operation} on a key that is {state}");
        }
    }
}

#[tokio::test]
async fn the_messages_name_the_key() {
    let world = World::new().await;
    let root = world.root();
    let key = world.key().await;
    world.kms.disable_key(&call(&root), &key).await.unwrap();
    let arn = crate::world::arn(&key);
    let refused = world.encrypt(&root, &key).await.unwrap_err();
    assert_eq!(refused.message(), format!("{arn} is disabled."));
    world
        .kms
        .schedule_key_deletion(&call(&root), &key, None)
        .await
        .unwrap();
    let refused = world.encrypt(&root, &key).await.unwrap_err();
    assert_eq!(refused.message(), format!("{arn} is pending deletion."));
    assert_eq!(refused.status(), 400);
}

async fn attempt(world: &World, operation: &str, state: KeyState) -> Result<(), KmsError> {
    let (kms, root) = (&world.kms, world.root());
    let call = call(&root);
    let (context, options) = (EncryptionContext::new(), CryptoOptions::default());
    let size = DataKeySize::bytes(32);
    let (external, other) = (Proxy::start().await, world.key().await);
    let mut store = String::new();
    let key = match state {
        KeyState::Unavailable => {
            store = world.external_store(&external, operation).await;
            world.external_key(&store, "key-1").await
        }
        _ => world.key().await,
    };
    let (k, page) = (key.as_str(), PageRequest::default());
    let (own, others) = (format!("alias/own-{k}"), format!("alias/other-{k}"));
    kms.create_alias(&call, &own, k).await.unwrap();
    kms.create_alias(&call, &others, &other).await.unwrap();
    let (blob, foreign) = (
        world.encrypt(&root, k).await?,
        world.encrypt(&root, &other).await?,
    );
    match state {
        KeyState::Enabled => {}
        KeyState::Disabled => kms.disable_key(&call, k).await?,
        KeyState::PendingDeletion => kms.schedule_key_deletion(&call, k, None).await.map(drop)?,
        KeyState::Unavailable => kms.disconnect_custom_key_store(&call, &store).await?,
        other => panic!("no way into the state {other} here"),
    }
    assert_eq!(kms.describe_key(&call, k).await?.state, state);
    assert_eq!(kms.describe_key(&call, k).await?.enabled, state == ENABLED);
    let tag = Tag {
        key: "a".to_owned(),
        value: "b".to_owned(),
    };
    match operation {
        "DescribeKey" => kms.describe_key(&call, k).await.map(drop),
        "GetKeyPolicy" => kms.get_key_policy(&call, k, None).await.map(drop),
        "PutKeyPolicy" => {
            let policy = kms.get_key_policy(&call, k, None).await?;
            let request = PutKeyPolicyRequest {
                policy,
                ..Default::default()
            };
            kms.put_key_policy(&call, k, request).await
        }
        "ListKeyPolicies" => kms.list_key_policies(&call, k, page).await.map(drop),
        "ListResourceTags" => kms.list_resource_tags(&call, k, page).await.map(drop),
        "ListAliases" => kms.list_aliases(&call, Some(k), page).await.map(drop),
        "DeleteAlias" => kms.delete_alias(&call, &own).await,
        "GetKeyRotationStatus" => kms.get_key_rotation_status(&call, k).await.map(drop),
        "EnableKey" => kms.enable_key(&call, k).await,
        "DisableKey" => kms.disable_key(&call, k).await,
        "UpdateKeyDescription" => kms.update_key_description(&call, k, "new").await,
        "TagResource" => kms.tag_resource(&call, k, vec![tag]).await,
        "UntagResource" => kms.untag_resource(&call, k, vec!["a".to_owned()]).await,
        "CreateAlias" => kms.create_alias(&call, &format!("alias/new-{k}"), k).await,
        "UpdateAlias" => kms.update_alias(&call, &others, k).await,
        "ScheduleKeyDeletion" => kms.schedule_key_deletion(&call, k, Some(7)).await.map(drop),
        "CancelKeyDeletion" => {
            kms.cancel_key_deletion(&call, k).await?;
            assert_eq!(kms.describe_key(&call, k).await?.state, KeyState::Disabled);
            Ok(())
        }
        "Encrypt" => kms
            .encrypt(&call, k, b"x", &context, &options)
            .await
            .map(drop),
        "Decrypt" => kms.decrypt(&call, Some(k), &blob, &context).await.map(drop),
        "DecryptUnnamed" => kms.decrypt(&call, None, &blob, &context).await.map(drop),
        "ReEncryptFrom" | "ReEncryptTo" => {
            let from = operation == "ReEncryptFrom";
            let request = ReEncryptRequest {
                ciphertext: if from { blob } else { foreign },
                destination_key_id: if from { other } else { key.clone() },
                ..Default::default()
            };
            kms.re_encrypt(&call, request).await.map(drop)
        }
        "GenerateDataKey" => kms
            .generate_data_key_with(&call, k, &context, &size, &options)
            .await
            .map(drop),
        "GenerateDataKeyWithoutPlaintext" => kms
            .generate_data_key_without_plaintext(&call, k, &context, &size, &options)
            .await
            .map(drop),
        other => panic!("the table names an unknown operation {other}"),
    }
}
