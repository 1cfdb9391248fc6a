//! The key policy is the root of authority over a key.

use sealgate_kms::{CreateKeyRequest, CryptoOptions, PageRequest, PutKeyPolicyRequest};

use crate::world::{ACCOUNT, ALL, World, arn, call, code, pairs, refusal, through_s3};

fn policy(statement: &str) -> String {
    format!(
        r#"{{ "Version": "2012-10-17", "Statement": [
            {{ "Effect": "Allow", "Principal": {{ "AWS": "arn:aws:iam::{ACCOUNT}:root" }},
               "Action": "kms:PutKeyPolicy", "Resource": "*" }},
            {statement} ] }}"#
    )
}

fn allow_alice(action: &str, condition: &str) -> String {
    policy(&format!(
        r#"{{ "Effect": "Allow", "Principal": {{ "AWS": "arn:aws:iam::{ACCOUNT}:user/alice" }},
              "Action": "{action}", "Resource": "*", "Condition": {{ {condition} }} }}"#
    ))
}

fn put(policy: impl Into<String>) -> PutKeyPolicyRequest {
    PutKeyPolicyRequest {
        policy: policy.into(),
        ..Default::default()
    }
}

#[tokio::test]
async fn an_identity_policy_counts_only_where_the_key_policy_lets_the_account_delegate() {
    let world = World::new().await;
    let alice = world.user("alice", &[ALL]);
    let nobody = world.user("nobody", &[]);
    let delegating = world.key().await;
    assert_eq!(code(world.encrypt(&alice, &delegating).await), "OK");
    assert_eq!(
        code(world.encrypt(&nobody, &delegating).await),
        "AccessDeniedException"
    );
    let closed = world.key_with_policy(&allow_alice("kms:Decrypt", "")).await;
    let found = refusal(world.encrypt(&alice, &closed).await);
    assert_eq!(
        found,
        (
            "AccessDeniedException",
            format!(
                "User: arn:aws:iam::{ACCOUNT}:user/alice is not authorized to perform: kms:Encrypt on \
                 resource: {} because no resource-based policy allows the kms:Encrypt action",
                arn(&closed)
            )
        )
    );
    assert_eq!(
        code(world.encrypt(&world.root(), &closed).await),
        "AccessDeniedException"
    );
}

#[tokio::test]
async fn permission_given_in_the_key_policy_counts_at_once_and_so_does_its_end() {
    let world = World::new().await;
    let (root, alice) = (world.root(), world.user("alice", &[]));
    let key = world.key().await;
    assert_eq!(
        code(world.encrypt(&alice, &key).await),
        "AccessDeniedException"
    );
    let before = world
        .kms
        .get_key_policy(&call(&root), &key, None)
        .await
        .unwrap();
    let opened = allow_alice("kms:Encrypt", "");
    world
        .kms
        .put_key_policy(&call(&root), &key, put(opened.clone()))
        .await
        .unwrap();
    assert_eq!(code(world.encrypt(&alice, &key).await), "OK");
    world
        .kms
        .put_key_policy(&call(&root), &key, put(before))
        .await
        .unwrap();
    assert_eq!(
        code(world.encrypt(&alice, &key).await),
        "AccessDeniedException"
    );
}

#[tokio::test]
async fn the_policy_is_given_back_as_it_was_put() {
    let world = World::new().await;
    let root = world.root();
    let key = world.key().await;
    let text = format!(
        "{}\n\n",
        policy(r#"{ "Effect": "Allow", "Principal": "*", "Action": "kms:Get*", "Resource": "*" }"#)
    );
    world
        .kms
        .put_key_policy(&call(&root), &key, put(text.clone()))
        .await
        .unwrap();
    assert_eq!(
        world
            .kms
            .get_key_policy(&call(&root), &key, Some("default"))
            .await,
        Ok(text)
    );
    let found = world
        .kms
        .get_key_policy(&call(&root), &key, Some("other"))
        .await;
    assert_eq!(
        refusal(found),
        ("NotFoundException", "No such policy exists".to_owned())
    );
}

#[tokio::test]
async fn nobody_locks_the_account_out_of_its_key_by_mistake() {
    let world = World::new().await;
    let root = world.root();
    let key = world.key().await;
    let only_bob = format!(
        r#"{{ "Version": "2012-10-17", "Statement": [ {{ "Effect": "Allow",
            "Principal": {{ "AWS": "arn:aws:iam::{ACCOUNT}:user/bob" }}, "Action": "kms:*", "Resource": "*" }} ] }}"#
    );
    let expected = (
        "MalformedPolicyDocumentException",
        "The new key policy will not allow you to update the key policy in the future.".to_owned(),
    );
    let found = world
        .kms
        .put_key_policy(&call(&root), &key, put(only_bob.clone()))
        .await;
    assert_eq!(refusal(found), expected);
    let request = CreateKeyRequest {
        policy: Some(only_bob.clone()),
        ..Default::default()
    };
    assert_eq!(
        refusal(world.kms.create_key(&call(&root), request).await),
        expected
    );
    let bypassing = PutKeyPolicyRequest {
        bypass_policy_lockout_safety_check: true,
        ..put(only_bob)
    };
    world
        .kms
        .put_key_policy(&call(&root), &key, bypassing)
        .await
        .unwrap();
    let found = world.kms.describe_key(&call(&root), &key).await;
    assert_eq!(
        code(found),
        "AccessDeniedException",
        "locked out, as asked for"
    );
    let bob = world.user("bob", &[]);
    assert_eq!(code(world.kms.describe_key(&call(&bob), &key).await), "OK");
}

#[tokio::test]
async fn a_policy_that_is_not_understood_is_refused() {
    let world = World::new().await;
    let root = world.root();
    let key = world.key().await;
    for (text, expected) in [
        ("not json".to_owned(), "MalformedPolicyDocumentException"),
        ("{}".to_owned(), "MalformedPolicyDocumentException"),
        (
            allow_alice(
                "kms:Encrypt",
                r#""StringResembles": { "kms:KeySpec": "x" }"#,
            ),
            "MalformedPolicyDocumentException",
        ),
        (" ".repeat(32_769), "LimitExceededException"),
        (String::new(), "ValidationException"),
    ] {
        let found = world
            .kms
            .put_key_policy(&call(&root), &key, put(text))
            .await;
        assert_eq!(code(found), expected);
    }
}

#[tokio::test]
async fn conditions_see_the_request() {
    let world = World::new().await;
    let (root, alice) = (world.root(), world.user("alice", &[]));
    let context = pairs(&[("dept", "hr")]);
    for (condition, allowed) in [
        (
            r#""StringEquals": { "kms:EncryptionContext:dept": "hr" }"#,
            true,
        ),
        (
            r#""StringEquals": { "kms:EncryptionContext:dept": "it" }"#,
            false,
        ),
        (
            r#""ForAllValues:StringEquals": { "kms:EncryptionContextKeys": [ "dept" ] }"#,
            true,
        ),
        (
            r#""ForAllValues:StringEquals": { "kms:EncryptionContextKeys": [ "other" ] }"#,
            false,
        ),
        (
            r#""StringEquals": { "kms:ViaService": "s3.us-east-1.amazonaws.com" }"#,
            false,
        ),
        (
            r#""StringEquals": { "kms:CallerAccount": "111122223333" }"#,
            true,
        ),
        (
            r#""StringEquals": { "kms:EncryptionAlgorithm": "SYMMETRIC_DEFAULT" }"#,
            true,
        ),
        (
            r#""StringEquals": { "kms:KeySpec": "SYMMETRIC_DEFAULT", "kms:KeyUsage": "ENCRYPT_DECRYPT", "kms:KeyOrigin": "AWS_KMS" }"#,
            true,
        ),
        (r#""Bool": { "kms:MultiRegion": "false" }"#, true),
        (
            r#""StringEquals": { "kms:RequestAlias": "alias/a" }"#,
            false,
        ),
        (
            r#""ForAnyValue:StringLike": { "kms:ResourceAliases": "alias/cond*" }"#,
            true,
        ),
    ] {
        let key = world.key_with_policy(&policy(&format!(
            r#"{{ "Effect": "Allow", "Principal": {{ "AWS": "arn:aws:iam::{ACCOUNT}:root" }},
                  "Action": [ "kms:CreateAlias" ], "Resource": "*" }},
               {{ "Effect": "Allow", "Principal": {{ "AWS": "arn:aws:iam::{ACCOUNT}:user/alice" }},
                  "Action": "kms:GenerateDataKey", "Resource": "*", "Condition": {{ {condition} }} }}"#
        )))
        .await;
        world
            .kms
            .create_alias(&call(&root), &format!("alias/cond-{key}"), &key)
            .await
            .unwrap();
        let found = world
            .kms
            .generate_data_key(&call(&alice), &key, &context, 32)
            .await;
        assert_eq!(found.is_ok(), allowed, "{condition}");
        if condition.contains("ViaService") {
            let found = world
                .kms
                .generate_data_key(&through_s3(&alice), &key, &context, 32)
                .await;
            assert_eq!(code(found), "OK");
        }
    }
}

#[tokio::test]
async fn a_condition_on_the_alias_sees_how_the_key_was_named() {
    let world = World::new().await;
    let (root, alice) = (world.root(), world.user("alice", &[]));
    let key = world.key().await;
    world
        .kms
        .create_alias(&call(&root), "alias/a", &key)
        .await
        .unwrap();
    let text = allow_alice(
        "kms:Encrypt",
        r#""StringEquals": { "kms:RequestAlias": "alias/a" }"#,
    );
    world
        .kms
        .put_key_policy(&call(&root), &key, put(text))
        .await
        .unwrap();
    assert_eq!(code(world.encrypt(&alice, "alias/a").await), "OK");
    assert_eq!(
        code(world.encrypt(&alice, &key).await),
        "AccessDeniedException"
    );
}

#[tokio::test]
async fn an_identity_policy_may_deny_what_the_key_policy_allows() {
    let world = World::new().await;
    let deny = r#"{ "Version": "2012-10-17",
        "Statement": [ { "Effect": "Deny", "Action": "kms:Encrypt", "Resource": "*" } ] }"#;
    let alice = world.user("alice", &[ALL, deny]);
    let key = world.key_with_policy(&allow_alice("kms:*", "")).await;
    let found = refusal(world.encrypt(&alice, &key).await);
    assert_eq!(found.0, "AccessDeniedException");
    assert!(
        found
            .1
            .ends_with("with an explicit deny in an identity-based policy"),
        "{}",
        found.1
    );
}

#[tokio::test]
async fn re_encrypt_needs_both_of_its_actions() {
    let world = World::new().await;
    let (root, alice) = (world.root(), world.user("alice", &[]));
    let (kms, options) = (&world.kms, CryptoOptions::default());
    let from = world.key().await;
    let blob = kms
        .encrypt(&call(&root), &from, b"x", &pairs(&[]), &options)
        .await
        .unwrap()
        .ciphertext;
    let source = allow_alice(
        "kms:ReEncryptFrom",
        r#""Bool": { "kms:ReEncryptOnSameKey": "false" }"#,
    );
    kms.put_key_policy(&call(&root), &from, put(source))
        .await
        .unwrap();
    let closed = world.key_with_policy(&allow_alice("kms:Encrypt", "")).await;
    let open = world
        .key_with_policy(&allow_alice("kms:ReEncryptTo", ""))
        .await;
    for (to, expected) in [
        (&closed, "AccessDeniedException"),
        (&open, "OK"),
        (&from, "AccessDeniedException"),
    ] {
        let request = sealgate_kms::ReEncryptRequest {
            ciphertext: blob.clone(),
            destination_key_id: to.clone(),
            ..Default::default()
        };
        assert_eq!(code(kms.re_encrypt(&call(&alice), request).await), expected);
    }
}

#[tokio::test]
async fn every_key_has_one_policy() {
    let world = World::new().await;
    let (root, key) = (world.root(), world.key().await);
    let page = world
        .kms
        .list_key_policies(&call(&root), &key, PageRequest::default())
        .await;
    assert_eq!(page.unwrap().items, ["default"]);
}
