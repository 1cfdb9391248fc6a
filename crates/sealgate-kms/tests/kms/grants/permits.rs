//! What a grant permits: to whom, under which contexts, and against what it does not stand.

use sealgate_kms::{CachedUse, CreateGrantRequest, ReEncryptRequest};

use crate::grants::{DENIED, equals, session, subset, to, user};
use crate::world::{ACCOUNT, ALL, OTHER, World, arn, call, code, pairs, refusal, through_s3};

#[tokio::test]
async fn a_grant_permits_its_operations_to_its_grantee_until_it_is_revoked() {
    let world = World::new().await;
    let (root, bob) = (world.root(), world.user("bob", &[]));
    let key = world.key().await;
    assert_eq!(code(world.encrypt(&bob, &key).await), DENIED);
    let grant = world
        .grant(&key, to(&user("bob"), &["Encrypt", "DescribeKey"]))
        .await;
    let blob = world.encrypt(&bob, &key).await.unwrap();
    assert_eq!(code(world.kms.describe_key(&call(&bob), &key).await), "OK");
    let none = pairs(&[]);
    assert_eq!(
        code(world.kms.decrypt(&call(&bob), None, &blob, &none).await),
        DENIED
    );
    assert_eq!(
        code(world.encrypt(&world.user("carol", &[]), &key).await),
        DENIED
    );

    let record = world.records(ACCOUNT).await;
    // Uses are written down in batches, so that they may stand behind what came after them.
    let mut used: Vec<&str> = record
        .iter()
        .filter(|event| event["additionalEventData"]["grantId"] == *grant.grant_id)
        .filter_map(|event| event["eventName"].as_str())
        .collect();
    used.sort_unstable();
    assert_eq!(
        used,
        ["DescribeKey", "Encrypt"],
        "the trail says by which grant"
    );

    world
        .kms
        .revoke_grant(&call(&root), &key, &grant.grant_id, false)
        .await
        .unwrap();
    assert_eq!(code(world.encrypt(&bob, &key).await), DENIED, "at once");
    assert!(world.grants(&key).await.is_empty());
}

#[tokio::test]
async fn constraints_decide_by_the_encryption_context() {
    let world = World::new().await;
    let bob = world.user("bob", &[]);
    for (constraints, allowed, refused) in [
        (
            equals(&[("dept", "hr")]),
            vec![pairs(&[("dept", "hr")]), pairs(&[("DEPT", "hr")])],
            vec![
                pairs(&[]),
                pairs(&[("dept", "HR")]),
                pairs(&[("dept", "hr"), ("year", "26")]),
            ],
        ),
        (
            subset(&[("dept", "hr")]),
            vec![
                pairs(&[("dept", "hr")]),
                pairs(&[("dept", "hr"), ("year", "26")]),
            ],
            vec![
                pairs(&[]),
                pairs(&[("dept", "it")]),
                pairs(&[("year", "26")]),
            ],
        ),
    ] {
        let key = world.key().await;
        let request = CreateGrantRequest {
            constraints,
            ..to(&user("bob"), &["Encrypt", "DescribeKey"])
        };
        world.grant(&key, request).await;
        for context in allowed {
            assert_eq!(
                world.encrypt_under(&bob, &key, &context).await,
                "OK",
                "{context:?}"
            );
        }
        for context in refused {
            assert_eq!(
                world.encrypt_under(&bob, &key, &context).await,
                DENIED,
                "{context:?}"
            );
        }
        let described = world.kms.describe_key(&call(&bob), &key).await;
        assert_eq!(code(described), "OK", "no context, no constraint");
    }
}

#[tokio::test]
async fn re_encrypt_takes_a_grant_on_each_side() {
    let world = World::new().await;
    let (root, bob) = (world.root(), world.user("bob", &[]));
    let (from, into) = (world.key().await, world.key().await);
    let blob = world.encrypt(&root, &from).await.unwrap();
    let request = ReEncryptRequest {
        ciphertext: blob,
        destination_key_id: into.clone(),
        ..Default::default()
    };
    world
        .grant(&from, to(&user("bob"), &["ReEncryptFrom"]))
        .await;
    assert_eq!(
        code(world.kms.re_encrypt(&call(&bob), request.clone()).await),
        DENIED
    );
    world.grant(&into, to(&user("bob"), &["ReEncryptTo"])).await;
    assert_eq!(code(world.kms.re_encrypt(&call(&bob), request).await), "OK");
}

#[tokio::test]
async fn a_grant_reaches_sessions_of_its_role_within_their_session_policies() {
    let world = World::new().await;
    let key = world.key().await;
    let free = session(&world, None);
    let nothing = r#"{ "Version": "2012-10-17",
        "Statement": { "Effect": "Allow", "Action": "s3:*", "Resource": "*" } }"#;
    let confined = session(&world, Some(nothing));
    let role = format!("arn:aws:iam::{ACCOUNT}:role/jobs/backup");
    let grant = world.grant(&key, to(&role, &["Encrypt"])).await;
    assert_eq!(code(world.encrypt(&free, &key).await), "OK");
    let (found, message) = refusal(world.encrypt(&confined, &key).await);
    assert_eq!(found, DENIED);
    assert!(
        message.ends_with("because no session policy allows the kms:Encrypt action"),
        "{message}"
    );
    assert_eq!(world.retire(&world.root(), &key, &grant).await, "OK");

    world
        .grant(&key, to(&free.principal.arn, &["Encrypt"]))
        .await;
    assert_eq!(
        code(world.encrypt(&free, &key).await),
        "OK",
        "the session itself"
    );
    let mut other = free.clone();
    other.principal.arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/backup/run-2");
    assert_eq!(code(world.encrypt(&other, &key).await), DENIED);
}

#[tokio::test]
async fn a_grant_to_the_account_leaves_it_to_the_policies_of_the_account() {
    let world = World::new().await;
    let locked = format!(
        r#"{{ "Version": "2012-10-17", "Statement": [ {{ "Effect": "Allow",
            "Principal": {{ "AWS": "{}" }}, "Action": "kms:*", "Resource": "*" }} ] }}"#,
        user("admin")
    );
    let key = world.key_with_policy(&locked).await;
    let (admin, alice, bob) = (
        world.user("admin", &[]),
        world.user("alice", &[ALL]),
        world.user("bob", &[]),
    );
    let account = format!("arn:aws:iam::{ACCOUNT}:root");
    for caller in [&alice, &world.root()] {
        assert_eq!(code(world.encrypt(caller, &key).await), DENIED);
    }
    world
        .grant_as(&admin, &key, to(&account, &["Encrypt"]))
        .await
        .unwrap();
    for caller in [&alice, &world.root()] {
        assert_eq!(code(world.encrypt(caller, &key).await), "OK");
    }
    assert_eq!(code(world.encrypt(&bob, &key).await), DENIED);
}

#[tokio::test]
async fn an_explicit_deny_stands_against_a_grant() {
    let world = World::new().await;
    let deny = r#"{ "Version": "2012-10-17",
        "Statement": { "Sid": "NoKeys", "Effect": "Deny", "Action": "kms:Encrypt", "Resource": "*" } }"#;
    let (bob, denied) = (world.user("bob", &[]), world.user("bob", &[deny]));
    let key = world.key().await;
    world.grant(&key, to(&user("bob"), &["Encrypt"])).await;
    assert_eq!(code(world.encrypt(&bob, &key).await), "OK");
    let (found, message) = refusal(world.encrypt(&denied, &key).await);
    assert_eq!(found, DENIED);
    assert!(
        message.ends_with("with an explicit deny in an identity-based policy"),
        "{message}"
    );
    world
        .put_policy(
            &key,
            &format!(
                r#"{{ "Sid": "NotBob", "Effect": "Deny", "Principal": {{ "AWS": "{}" }},
                      "Action": "kms:Encrypt", "Resource": "*" }}"#,
                user("bob")
            ),
        )
        .await;
    let (_, message) = refusal(world.encrypt(&bob, &key).await);
    assert!(
        message.ends_with("with an explicit deny in a resource-based policy"),
        "{message}"
    );

    let refused: Vec<_> = world
        .records(ACCOUNT)
        .await
        .into_iter()
        .filter(|event| event.get("errorCode").is_some())
        .map(|event| event["additionalEventData"]["decidedBy"].clone())
        .collect();
    assert_eq!(refused.len(), 2);
    assert_eq!(refused[0]["policyType"], "identity-based policy");
    assert_eq!(refused[0]["policyName"], "inline policy");
    assert_eq!(refused[0]["sid"], "NoKeys");
    assert_eq!(refused[1]["policyName"], *arn(&key));
    assert_eq!(refused[1]["sid"], "NotBob");
    assert_eq!(refused[1]["statement"], 2);
}

#[tokio::test]
async fn a_grant_to_another_account_needs_the_consent_of_that_account() {
    let world = World::new().await;
    let key = world.key().await;
    let theirs = format!("arn:aws:iam::{OTHER}:user/eve");
    let (permitted, not_permitted) = (
        world.user_of(OTHER, "eve", &[ALL]),
        world.user_of(OTHER, "eve", &[]),
    );
    assert_eq!(code(world.encrypt(&permitted, &arn(&key)).await), DENIED);
    let grant = world
        .grant(&key, to(&theirs, &["Encrypt", "CreateGrant"]))
        .await;
    assert_eq!(code(world.encrypt(&permitted, &arn(&key)).await), "OK");
    assert_eq!(
        code(world.encrypt(&not_permitted, &arn(&key)).await),
        DENIED
    );

    // What they make is theirs to retire, and the key owner's to revoke.
    let passed_on = to(&format!("arn:aws:iam::{OTHER}:root"), &["Encrypt"]);
    let made = world
        .grant_as(&permitted, &arn(&key), passed_on)
        .await
        .unwrap();
    let entry = world.grants(&key).await;
    let entry = entry
        .iter()
        .find(|entry| entry.grant_id == made.grant_id)
        .unwrap();
    assert_eq!(entry.issuing_account, format!("arn:aws:iam::{OTHER}:root"));
    let friend = world.user_of(OTHER, "friend", &[ALL]);
    assert_eq!(code(world.encrypt(&friend, &arn(&key)).await), "OK");
    assert_eq!(
        world.retire(&world.root_of(OTHER), &arn(&key), &made).await,
        "OK"
    );
    assert_eq!(code(world.encrypt(&friend, &arn(&key)).await), DENIED);
    assert_eq!(world.retire(&world.root(), &key, &grant).await, "OK");
    assert_eq!(code(world.encrypt(&permitted, &arn(&key)).await), DENIED);
}

#[tokio::test]
async fn a_cached_data_key_ends_with_the_grant() {
    let world = World::new().await;
    let bob = world.user("bob", &[]);
    let key = world.key().await;
    let bucket = pairs(&[("aws:s3:arn", "arn:aws:s3:::reports")]);
    let request = CreateGrantRequest {
        constraints: subset(&[("aws:s3:arn", "arn:aws:s3:::reports")]),
        ..to(&user("bob"), &["Decrypt"])
    };
    let grant = world.grant(&key, request).await;
    let kms = &world.kms;
    let check = |cached, context| {
        let (kms, bob, key) = (kms.clone(), bob.clone(), key.clone());
        async move {
            code(
                kms.check_cached_use(&through_s3(&bob), &key, cached, &context)
                    .await,
            )
        }
    };
    assert_eq!(check(CachedUse::Decrypt, bucket.clone()).await, "OK");
    assert_eq!(
        check(CachedUse::GenerateDataKey, bucket.clone()).await,
        DENIED
    );
    let other = pairs(&[("aws:s3:arn", "arn:aws:s3:::payroll")]);
    assert_eq!(check(CachedUse::Decrypt, other).await, DENIED);
    kms.revoke_grant(&call(&world.root()), &key, &grant.grant_id, false)
        .await
        .unwrap();
    assert_eq!(check(CachedUse::Decrypt, bucket).await, DENIED);
}
