//! Multi-Region keys: primary keys of the one Region that there is.

use sealgate_kms::{
    CreateKeyRequest, CryptoOptions, EncryptionContext, KeyState, KmsError, ListGrantsRequest,
    PageRequest,
};

use crate::world::{ALL, REGION, World, arn, call, code};

async fn primary(world: &World) -> String {
    world
        .key_with(CreateKeyRequest {
            multi_region: true,
            ..Default::default()
        })
        .await
}

#[tokio::test]
async fn a_multi_region_key_is_a_primary_key_named_by_the_form_of_its_id() {
    let world = World::new().await;
    let root = world.root();
    let key = primary(&world).await;
    let digits = key.strip_prefix("mrk-").unwrap();
    assert!(digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit()));
    for name in [key.clone(), arn(&key)] {
        let found = world.kms.describe_key(&call(&root), &name).await.unwrap();
        assert_eq!((&found.key_id, &found.arn), (&key, &arn(&key)));
        let config = found.multi_region.unwrap();
        assert_eq!(config.primary_arn, arn(&key));
        assert_eq!(config.primary_region, REGION);
    }
    // The same number in the other form is no key.
    let number = format!(
        "{}-{}-{}-{}-{}",
        &digits[..8],
        &digits[8..12],
        &digits[12..16],
        &digits[16..20],
        &digits[20..]
    );
    let found = world.kms.describe_key(&call(&root), &number).await;
    assert_eq!(code(found), "NotFoundException");
}

#[tokio::test]
async fn ciphertexts_aliases_and_grants_name_a_multi_region_key_as_it_is_called() {
    let world = World::new().await;
    let (root, context) = (world.root(), EncryptionContext::new());
    let key = primary(&world).await;
    let sealed = world.encrypt(&root, &key).await.unwrap();
    let opened = world
        .kms
        .decrypt(&call(&root), None, &sealed, &context)
        .await;
    assert_eq!(opened.unwrap().key_arn, arn(&key));
    let last = world.kms.get_key_last_usage(&call(&root), &key).await;
    let last = last.unwrap();
    assert_eq!(last.key_id, key);
    assert_eq!(last.last.unwrap().operation, "Decrypt");

    world
        .kms
        .create_alias(&call(&root), "alias/mrk", &key)
        .await
        .unwrap();
    let listed = world
        .kms
        .list_aliases(&call(&root), None, PageRequest::default())
        .await
        .unwrap();
    assert_eq!(listed.items[0].target_key_id, key);
    let named = world.kms.describe_key(&call(&root), "alias/mrk").await;
    assert_eq!(named.unwrap().key_id, key);
    world
        .kms
        .delete_alias(&call(&root), "alias/mrk")
        .await
        .unwrap();

    let grants = world
        .kms
        .list_grants(&call(&root), &key, ListGrantsRequest::default())
        .await;
    assert!(grants.unwrap().items.is_empty());
    let rotated = world.kms.rotate_key_on_demand(&call(&root), &key).await;
    assert_eq!(rotated.unwrap(), arn(&key));
    let opened = world
        .kms
        .decrypt(&call(&root), None, &sealed, &context)
        .await;
    assert!(opened.is_ok());
}

#[tokio::test]
async fn keys_of_both_forms_are_listed_page_by_page() {
    let world = World::new().await;
    let root = world.root();
    let mut made = Vec::new();
    for _ in 0..4 {
        made.extend([world.key().await, primary(&world).await]);
    }
    let (mut found, mut marker) = (Vec::new(), None);
    loop {
        let page = PageRequest {
            limit: Some(3),
            marker,
        };
        let page = world.kms.list_keys(&call(&root), page).await.unwrap();
        found.extend(page.items.into_iter().map(|key| key.key_id));
        match page.next_marker {
            Some(next) => marker = Some(next),
            None => break,
        }
    }
    found.sort();
    made.sort();
    assert_eq!(found, made);
}

#[tokio::test]
async fn policies_can_ask_for_multi_region_keys() {
    let world = World::new().await;
    let only = |condition: &str| {
        format!(
            r#"{{ "Version": "2012-10-17", "Statement": {{ "Effect": "Allow", "Action": "kms:*",
                 "Resource": "*", "Condition": {{ {condition} }} }} }}"#
        )
    };
    for (condition, multi_region, expected) in [
        (r#""Bool": { "kms:MultiRegion": "true" }"#, true, "OK"),
        (
            r#""Bool": { "kms:MultiRegion": "true" }"#,
            false,
            "AccessDeniedException",
        ),
        (
            r#""StringEquals": { "kms:MultiRegionKeyType": "PRIMARY" }"#,
            true,
            "OK",
        ),
        (
            r#""StringEquals": { "kms:MultiRegionKeyType": "PRIMARY" }"#,
            false,
            "AccessDeniedException",
        ),
        (
            r#""StringEquals": { "kms:MultiRegionKeyType": "REPLICA" }"#,
            true,
            "AccessDeniedException",
        ),
    ] {
        let policy = only(condition);
        let user = world.user("u", &[&policy]);
        let request = CreateKeyRequest {
            multi_region,
            ..Default::default()
        };
        let made = world.kms.create_key(&call(&user), request.clone()).await;
        assert_eq!(code(made), expected, "CreateKey, {condition}");
        let key = world.key_with(request).await;
        let described = world.kms.describe_key(&call(&user), &key).await;
        assert_eq!(code(described), expected, "DescribeKey, {condition}");
    }
    // The Region that is asked for.
    let policy = only(r#""StringEquals": { "kms:ReplicaRegion": "eu-west-1" }"#);
    let user = world.user("u", &[&policy]);
    let key = primary(&world).await;
    let refused = |region: &'static str| {
        let (kms, user, key) = (world.kms.clone(), user.clone(), key.clone());
        async move { code(kms.replicate_key(&call(&user), &key, region).await) }
    };
    assert_eq!(refused("eu-west-1").await, "UnsupportedOperationException");
    assert_eq!(refused("eu-west-2").await, "AccessDeniedException");
}

#[tokio::test]
async fn there_is_no_other_region() {
    let world = World::new().await;
    let user = world.user("admin", &[ALL]);
    let (single, multi) = (world.key().await, primary(&world).await);
    for (key, region, replicate, update) in [
        (
            &multi,
            "eu-west-1",
            "UnsupportedOperationException",
            "NotFoundException",
        ),
        (
            &multi,
            REGION,
            "AlreadyExistsException",
            "UnsupportedOperationException",
        ),
        (
            &multi,
            "eu-isob-east-1",
            "UnsupportedOperationException",
            "NotFoundException",
        ),
        (
            &multi,
            "Europe",
            "ValidationException",
            "ValidationException",
        ),
        (&multi, "", "ValidationException", "ValidationException"),
        (
            &single,
            "eu-west-1",
            "UnsupportedOperationException",
            "UnsupportedOperationException",
        ),
    ] {
        let found = world.kms.replicate_key(&call(&user), key, region).await;
        assert_eq!(code(found), replicate, "ReplicateKey of {key} to {region}");
        let found = world
            .kms
            .update_primary_region(&call(&user), key, region)
            .await;
        assert_eq!(
            code(found),
            update,
            "UpdatePrimaryRegion of {key} to {region}"
        );
    }
    let none = "mrk-1234abcd12ab34cd56ef1234567890ab";
    let found = world
        .kms
        .replicate_key(&call(&user), none, "eu-west-1")
        .await;
    assert_eq!(code(found), "NotFoundException");
    let records = world.records(crate::world::ACCOUNT).await;
    let last = records.last().unwrap();
    assert_eq!(last["eventName"], "ReplicateKey");
    assert_eq!(last["requestParameters"]["replicaRegion"], "eu-west-1");
    assert_eq!(last["errorCode"], "NotFoundException");
}

#[tokio::test]
async fn the_state_of_the_key_is_judged_before_the_region() {
    let world = World::new().await;
    let root = world.root();
    for (state, expected) in [
        (KeyState::Disabled, "DisabledException"),
        (KeyState::PendingDeletion, "KMSInvalidStateException"),
        (KeyState::PendingImport, "KMSInvalidStateException"),
    ] {
        let key = world
            .key_with(CreateKeyRequest {
                multi_region: true,
                origin: (state == KeyState::PendingImport).then(|| "EXTERNAL".to_owned()),
                ..Default::default()
            })
            .await;
        let changed: Result<(), KmsError> = match state {
            KeyState::Disabled => world.kms.disable_key(&call(&root), &key).await,
            KeyState::PendingDeletion => world
                .kms
                .schedule_key_deletion(&call(&root), &key, None)
                .await
                .map(drop),
            _ => Ok(()),
        };
        changed.unwrap();
        assert_eq!(
            world
                .kms
                .describe_key(&call(&root), &key)
                .await
                .unwrap()
                .state,
            state
        );
        let found = world
            .kms
            .replicate_key(&call(&root), &key, "eu-west-1")
            .await;
        assert_eq!(code(found), expected);
        let found = world
            .kms
            .update_primary_region(&call(&root), &key, "eu-west-1")
            .await;
        assert_eq!(code(found), expected);
        let (context, options) = (EncryptionContext::new(), CryptoOptions::default());
        let used = world
            .kms
            .encrypt(&call(&root), &key, b"x", &context, &options)
            .await;
        assert_eq!(code(used), expected);
    }
}
