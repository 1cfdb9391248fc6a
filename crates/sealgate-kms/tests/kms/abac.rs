//! Keys by their tags and aliases, and why a decision was made.

use sealgate_kms::{CreateGrantRequest, CreateKeyRequest, PutKeyPolicyRequest, Tag};
use sealgate_policy::{DecidedBy, PolicyType};

use crate::world::{ACCOUNT, World, arn, call, code, pairs, refusal};

const DENIED: &str = "AccessDeniedException";

fn tag(key: &str, value: &str) -> Tag {
    Tag {
        key: key.to_owned(),
        value: value.to_owned(),
    }
}

#[tokio::test]
async fn a_deny_by_tag_counts_from_the_moment_the_tag_is_there() {
    let world = World::new().await;
    let policy = r#"{ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "kms:*", "Resource": "*" },
        { "Sid": "NotSecret", "Effect": "Deny", "Action": "kms:*", "Resource": "*",
          "Condition": { "StringEquals": { "aws:ResourceTag/Secrecy": "high" } } } ] }"#;
    let (root, alice, key) = (
        world.root(),
        world.user("alice", &[policy]),
        world.key().await,
    );
    assert_eq!(code(world.encrypt(&alice, &key).await), "OK");
    world
        .kms
        .tag_resource(&call(&root), &key, vec![tag("Secrecy", "high")])
        .await
        .unwrap();
    let (found, message) = refusal(world.encrypt(&alice, &key).await);
    assert_eq!(found, DENIED);
    assert!(
        message.ends_with("with an explicit deny in an identity-based policy"),
        "{message}"
    );
    let tags = vec!["Secrecy".to_owned()];
    world
        .kms
        .untag_resource(&call(&root), &key, tags)
        .await
        .unwrap();
    assert_eq!(code(world.encrypt(&alice, &key).await), "OK");
}

#[tokio::test]
async fn an_allow_by_alias_follows_the_alias() {
    let world = World::new().await;
    let policy = r#"{ "Version": "2012-10-17", "Statement": { "Effect": "Allow", "Action": "kms:Encrypt",
        "Resource": "*",
        "Condition": { "ForAnyValue:StringLike": { "kms:ResourceAliases": "alias/app-*" } } } }"#;
    let alice = world.user("alice", &[policy]);
    let (root, old, new) = (world.root(), world.key().await, world.key().await);
    assert_eq!(code(world.encrypt(&alice, &old).await), DENIED);
    world
        .kms
        .create_alias(&call(&root), "alias/app-1", &old)
        .await
        .unwrap();
    assert_eq!(code(world.encrypt(&alice, &old).await), "OK");
    world
        .kms
        .update_alias(&call(&root), "alias/app-1", &new)
        .await
        .unwrap();
    assert_eq!(code(world.encrypt(&alice, &old).await), DENIED);
    assert_eq!(code(world.encrypt(&alice, "alias/app-1").await), "OK");
}

#[tokio::test]
async fn an_alias_keeps_the_type_and_usage_of_its_key() {
    let world = World::new().await;
    let (root, symmetric, other) = (world.root(), world.key().await, world.key().await);
    let kind = |spec: &str, usage: &str| CreateKeyRequest {
        key_spec: Some(spec.to_owned()),
        key_usage: Some(usage.to_owned()),
        ..Default::default()
    };
    let signing = world.key_with(kind("ECC_NIST_P256", "SIGN_VERIFY")).await;
    let signing_too = world.key_with(kind("ECC_NIST_P384", "SIGN_VERIFY")).await;
    let agreeing = world.key_with(kind("ECC_NIST_P256", "KEY_AGREEMENT")).await;
    let mac = world
        .key_with(kind("HMAC_256", "GENERATE_VERIFY_MAC"))
        .await;
    for (from, to, expected) in [
        (&symmetric, &other, "OK"),
        (&symmetric, &mac, "ValidationException"),
        (&symmetric, &signing, "ValidationException"),
        (&signing, &agreeing, "ValidationException"),
        (&signing, &signing_too, "OK"),
    ] {
        let (kms, call) = (&world.kms, call(&root));
        kms.create_alias(&call, "alias/a", from).await.unwrap();
        assert_eq!(code(kms.update_alias(&call, "alias/a", to).await), expected);
        kms.delete_alias(&call, "alias/a").await.unwrap();
    }
}

#[tokio::test]
async fn tagging_is_limited_by_the_tags_of_the_request() {
    let world = World::new().await;
    let policy = r#"{ "Version": "2012-10-17", "Statement": { "Effect": "Allow",
        "Action": [ "kms:TagResource", "kms:CreateKey" ], "Resource": "*",
        "Condition": { "StringEquals": { "aws:RequestTag/Team": "red" },
                       "ForAllValues:StringEquals": { "aws:TagKeys": [ "Team" ] } } } }"#;
    let (alice, key) = (world.user("alice", &[policy]), world.key().await);
    for (tags, expected) in [
        (vec![tag("Team", "red")], "OK"),
        (vec![tag("Team", "blue")], DENIED),
        (vec![tag("Team", "red"), tag("Other", "x")], DENIED),
    ] {
        let found = world
            .kms
            .tag_resource(&call(&alice), &key, tags.clone())
            .await;
        assert_eq!(code(found), expected);
        let request = CreateKeyRequest {
            tags,
            ..Default::default()
        };
        assert_eq!(
            code(world.kms.create_key(&call(&alice), request).await),
            expected
        );
    }
}

#[tokio::test]
async fn the_safety_check_knows_boundaries() {
    let world = World::new().await;
    let key = world.key().await;
    let not_principal = format!(
        r#"{{ "Version": "2012-10-17", "Statement": [
            {{ "Effect": "Allow", "Principal": {{ "AWS": "arn:aws:iam::{ACCOUNT}:root" }},
               "Action": "kms:*", "Resource": "*" }},
            {{ "Effect": "Deny", "Action": "kms:*", "Resource": "*",
               "NotPrincipal": {{ "AWS": [ "arn:aws:iam::{ACCOUNT}:root",
                                           "arn:aws:iam::{ACCOUNT}:user/alice" ] }} }} ] }}"#
    );
    let put = || PutKeyPolicyRequest {
        policy: not_principal.clone(),
        ..Default::default()
    };
    let mut alice = world.user("alice", &[crate::world::ALL]);
    alice.boundary = alice.identity_policies.first().cloned();
    let found = world.kms.put_key_policy(&call(&alice), &key, put()).await;
    assert_eq!(
        code(found),
        "MalformedPolicyDocumentException",
        "NotPrincipal exempts nobody with a boundary"
    );
    alice.boundary = None;
    assert_eq!(
        code(world.kms.put_key_policy(&call(&alice), &key, put()).await),
        "OK"
    );
}

#[tokio::test]
async fn a_decision_is_explained_without_being_made() {
    let world = World::new().await;
    let (root, bob, key) = (world.root(), world.user("bob", &[]), world.key().await);
    let request = CreateGrantRequest {
        grantee_principal: bob.principal.arn.clone(),
        operations: vec!["Decrypt".to_owned()],
        ..Default::default()
    };
    let grant = world
        .kms
        .create_grant(&call(&root), &key, request)
        .await
        .unwrap();
    let events = world.records(ACCOUNT).await.len();
    let explained = |caller, action| {
        let (kms, key) = (world.kms.clone(), arn(&key));
        async move {
            let explained = kms
                .explain_use(&call(caller), &key, action, &pairs(&[]), |_| ())
                .await;
            explained.map(|explanation| explanation.decided_by)
        }
    };
    assert_eq!(
        explained(&bob, "kms:Decrypt").await,
        Ok(DecidedBy::Grant(grant.grant_id))
    );
    assert_eq!(
        explained(&bob, "kms:ReEncryptFrom").await,
        Ok(DecidedBy::NoAllow(PolicyType::Identity))
    );
    let statement = explained(&root, "kms:Encrypt").await.unwrap();
    assert!(matches!(
        statement,
        DecidedBy::Statement(_) | DecidedBy::RootUser
    ));
    assert_eq!(
        code(explained(&bob, "s3:GetObject").await),
        "ValidationException"
    );
    assert_eq!(
        world.records(ACCOUNT).await.len(),
        events,
        "nothing is recorded"
    );
}
