//! CreateKey, DescribeKey, ListKeys, and the ways to name a key.

use sealgate_kms::{CreateKeyRequest, KeyManager, KeyState, PageRequest};

use crate::world::{ACCOUNT, ALL, UNKNOWN, World, alias_arn, arn, call, code, refusal};

#[tokio::test]
async fn a_new_key_is_described_as_aws_does() {
    let world = World::new().await;
    let root = world.root();
    let request = CreateKeyRequest {
        description: Some("mine".to_owned()),
        ..Default::default()
    };
    let made = world.kms.create_key(&call(&root), request).await.unwrap();
    assert_eq!(made.arn, arn(&made.key_id));
    assert_eq!(made.account_id, ACCOUNT);
    assert_eq!(made.created, world.now());
    assert_eq!(made.description, "mine");
    assert_eq!((made.enabled, made.state), (true, KeyState::Enabled));
    assert_eq!(made.manager, KeyManager::Customer);
    assert_eq!(made.key_spec.as_str(), "SYMMETRIC_DEFAULT");
    assert_eq!(made.key_usage.as_str(), "ENCRYPT_DECRYPT");
    assert_eq!(made.algorithms.unwrap().names(), ["SYMMETRIC_DEFAULT"]);
    assert_eq!(
        (made.origin.as_str(), made.multi_region.is_some()),
        ("AWS_KMS", false)
    );
    assert_eq!(made.deletion_date, None);
    assert_eq!(made.current_key_material_id.as_ref().unwrap().len(), 64);
    assert_eq!(
        world
            .kms
            .describe_key(&call(&root), &made.arn)
            .await
            .unwrap(),
        made
    );
    assert_eq!(
        world
            .restarted()
            .await
            .describe_key(&call(&root), &made.arn)
            .await,
        Ok(made)
    );
}

#[tokio::test]
async fn what_there_is_no_key_for_is_refused() {
    let world = World::new().await;
    let root = world.root();
    let text = |text: &str| Some(text.to_owned());
    let none = CreateKeyRequest::default;
    let in_store = |origin: &str, xks: Option<String>| CreateKeyRequest {
        origin: text(origin),
        custom_key_store_id: text("cks-1"),
        xks_key_id: xks,
        ..none()
    };
    for (request, expected) in [
        (
            CreateKeyRequest {
                key_spec: text("AES_256"),
                ..none()
            },
            "ValidationException",
        ),
        (
            CreateKeyRequest {
                customer_master_key_spec: text("RSA_2048"),
                key_usage: text("ENCRYPT"),
                ..none()
            },
            "ValidationException",
        ),
        (
            CreateKeyRequest {
                origin: text("HERE"),
                ..none()
            },
            "ValidationException",
        ),
        (
            CreateKeyRequest {
                key_spec: text("SM2"),
                key_usage: text("SIGN_VERIFY"),
                ..none()
            },
            "UnsupportedOperationException",
        ),
        (
            CreateKeyRequest {
                key_spec: text("ML_DSA_44"),
                key_usage: text("SIGN_VERIFY"),
                origin: text("EXTERNAL"),
                ..none()
            },
            "UnsupportedOperationException",
        ),
        (
            CreateKeyRequest {
                custom_key_store_id: text("cks-1"),
                ..none()
            },
            "ValidationException",
        ),
        (
            CreateKeyRequest {
                xks_key_id: text("1"),
                ..none()
            },
            "ValidationException",
        ),
        (
            CreateKeyRequest {
                origin: text("AWS_CLOUDHSM"),
                ..none()
            },
            "ValidationException",
        ),
        (
            in_store("AWS_CLOUDHSM", None),
            "CustomKeyStoreNotFoundException",
        ),
        (in_store("EXTERNAL_KEY_STORE", None), "ValidationException"),
        (
            in_store("EXTERNAL_KEY_STORE", text("1")),
            "CustomKeyStoreNotFoundException",
        ),
        (
            CreateKeyRequest {
                key_spec: text("HMAC_256"),
                key_usage: text("GENERATE_VERIFY_MAC"),
                ..in_store("AWS_CLOUDHSM", None)
            },
            "UnsupportedOperationException",
        ),
        (
            CreateKeyRequest {
                multi_region: true,
                ..in_store("EXTERNAL_KEY_STORE", text("key-1"))
            },
            "UnsupportedOperationException",
        ),
        (
            CreateKeyRequest {
                key_spec: text("SYMMETRIC_DEFAULT"),
                customer_master_key_spec: text("SYMMETRIC_DEFAULT"),
                ..none()
            },
            "ValidationException",
        ),
        (
            CreateKeyRequest {
                description: Some("x".repeat(8193)),
                ..none()
            },
            "ValidationException",
        ),
        (
            CreateKeyRequest {
                policy: text(""),
                ..none()
            },
            "ValidationException",
        ),
        (
            CreateKeyRequest {
                policy: text("{}"),
                ..none()
            },
            "MalformedPolicyDocumentException",
        ),
        (
            CreateKeyRequest {
                policy: Some(" ".repeat(32_769)),
                ..none()
            },
            "LimitExceededException",
        ),
    ] {
        let shown = format!("{request:?}").chars().take(300).collect::<String>();
        assert_eq!(
            code(world.kms.create_key(&call(&root), request).await),
            expected,
            "{shown}"
        );
    }
    let page = world
        .kms
        .list_keys(&call(&root), PageRequest::default())
        .await
        .unwrap();
    assert!(page.items.is_empty(), "a refused request makes no key");
}

#[tokio::test]
async fn a_name_that_is_no_key_says_why() {
    let world = World::new().await;
    let root = world.root();
    let region = format!("arn:aws:kms:eu-west-1:{ACCOUNT}:key/{UNKNOWN}");
    let upper = UNKNOWN.to_uppercase();
    for (name, expected) in [
        (UNKNOWN, format!("Key '{}' does not exist", arn(UNKNOWN))),
        (
            arn(UNKNOWN).as_str(),
            format!("Key '{}' does not exist", arn(UNKNOWN)),
        ),
        (
            "alias/none",
            format!("Alias {} is not found.", alias_arn("alias/none")),
        ),
        (
            alias_arn("alias/none").as_str(),
            format!("Alias {} is not found.", alias_arn("alias/none")),
        ),
        ("x", "Invalid keyId 'x'".to_owned()),
        ("alias/", "Invalid keyId 'alias/'".to_owned()),
        (upper.as_str(), format!("Invalid keyId '{upper}'")),
        (
            "arn:aws:s3:::bucket",
            "Invalid keyId 'arn:aws:s3:::bucket'".to_owned(),
        ),
        ("arn:", "Invalid keyId 'arn:'".to_owned()),
        (region.as_str(), "Invalid arn eu-west-1".to_owned()),
        (
            "mrk-1234567890abcdef1234567890abcdef",
            format!(
                "Key '{}' does not exist",
                arn("mrk-1234567890abcdef1234567890abcdef")
            ),
        ),
    ] {
        let found = refusal(world.kms.describe_key(&call(&root), name).await);
        assert_eq!(found, ("NotFoundException", expected), "{name}");
    }
    for name in ["", &"x".repeat(2049)] {
        assert_eq!(
            code(world.kms.describe_key(&call(&root), name).await),
            "ValidationException"
        );
    }
}

#[tokio::test]
async fn a_user_needs_the_permission_of_the_account_to_make_keys() {
    let world = World::new().await;
    let nobody = world.user("nobody", &[]);
    let found = refusal(
        world
            .kms
            .create_key(&call(&nobody), Default::default())
            .await,
    );
    assert_eq!(
        found,
        (
            "AccessDeniedException",
            format!(
                "User: arn:aws:iam::{ACCOUNT}:user/nobody is not authorized to perform: kms:CreateKey on \
                 resource: * because no identity-based policy allows the kms:CreateKey action"
            )
        )
    );
    let alice = world.user("alice", &[ALL]);
    assert_eq!(
        code(
            world
                .kms
                .create_key(&call(&alice), Default::default())
                .await
        ),
        "OK"
    );
    for caller in [&nobody] {
        assert_eq!(
            code(world.kms.list_keys(&call(caller), Default::default()).await),
            "AccessDeniedException"
        );
        assert_eq!(
            code(
                world
                    .kms
                    .generate_random(&call(caller), Some(8), None)
                    .await
            ),
            "AccessDeniedException"
        );
    }
}

#[tokio::test]
async fn keys_are_listed_in_pages() {
    let world = World::new().await;
    let root = world.root();
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(world.key().await);
    }
    made.sort();
    let mut listed = Vec::new();
    let mut page = PageRequest {
        limit: Some(2),
        marker: None,
    };
    loop {
        let found = world
            .kms
            .list_keys(&call(&root), page.clone())
            .await
            .unwrap();
        assert!(found.items.len() <= 2);
        listed.extend(found.items.into_iter().map(|key| key.key_id));
        match found.next_marker {
            Some(marker) => page.marker = Some(marker),
            None => break,
        }
    }
    assert_eq!(listed, made);
    for (limit, marker, expected) in [
        (Some(0), None, "ValidationException"),
        (Some(1001), None, "ValidationException"),
        (Some(-1), None, "ValidationException"),
        (None, Some("!"), "InvalidMarkerException"),
        (None, Some("AAAA"), "InvalidMarkerException"),
    ] {
        let page = PageRequest {
            limit,
            marker: marker.map(str::to_owned),
        };
        assert_eq!(
            code(world.kms.list_keys(&call(&root), page).await),
            expected
        );
    }
}

#[tokio::test]
async fn resolve_knows_all_four_ways_to_name_a_key() {
    let world = World::new().await;
    let key = world.key().await;
    world
        .kms
        .create_alias(&call(&world.root()), "alias/a", &key)
        .await
        .unwrap();
    for name in [
        key.clone(),
        arn(&key),
        "alias/a".to_owned(),
        alias_arn("alias/a"),
    ] {
        let info = world.kms.resolve(ACCOUNT, &name).await.unwrap();
        assert_eq!(
            (info.arn, info.key_id.as_str()),
            (arn(&key), key.as_str()),
            "{name}"
        );
    }
    assert_eq!(
        code(world.kms.resolve(ACCOUNT, UNKNOWN).await),
        "NotFoundException"
    );
}
