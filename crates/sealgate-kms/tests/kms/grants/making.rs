//! Making grants: what is asked for, what may be passed on, names and tokens.

use sealgate_kms::{
    CreateGrantRequest, CryptoOptions, DataKeySize, GrantConstraints, ListGrantsRequest,
    PageRequest, RetireGrantRequest,
};

use crate::grants::{DENIED, equals, subset, to, user};
use crate::world::{ACCOUNT, World, call, code, pairs, through_s3};

#[tokio::test]
async fn who_makes_grants_by_a_grant_passes_on_no_more_than_it_has() {
    let world = World::new().await;
    let (bob, carol) = (world.user("bob", &[]), user("carol"));
    let key = world.key().await;
    let parent = CreateGrantRequest {
        constraints: subset(&[("dept", "hr")]),
        ..to(&user("bob"), &["Encrypt", "Decrypt", "CreateGrant"])
    };
    world.grant(&key, parent).await;
    for (operations, constraints, expected) in [
        (&["Encrypt"][..], GrantConstraints::default(), DENIED),
        (&["Encrypt"], subset(&[("dept", "it")]), DENIED),
        (&["GenerateDataKey"], subset(&[("dept", "hr")]), DENIED),
        (
            &["Encrypt", "DescribeKey"],
            equals(&[("dept", "hr")]),
            DENIED,
        ),
        (&["Encrypt"], subset(&[("dept", "hr")]), "OK"),
        (
            &["Encrypt", "CreateGrant"],
            equals(&[("dept", "hr"), ("n", "1")]),
            "OK",
        ),
    ] {
        let request = CreateGrantRequest {
            constraints: constraints.clone(),
            ..to(&carol, operations)
        };
        let found = world.grant_as(&bob, &key, request).await;
        assert_eq!(code(found), expected, "{operations:?} {constraints:?}");
    }
    // Nor does the circle back to where it came from widen anything.
    let carol = world.user("carol", &[]);
    let back = CreateGrantRequest {
        constraints: subset(&[("dept", "hr")]),
        ..to(&user("bob"), &["Encrypt"])
    };
    assert_eq!(
        code(world.grant_as(&carol, &key, back).await),
        DENIED,
        "hers is stricter"
    );
    assert_eq!(world.encrypt_under(&carol, &key, &pairs(&[])).await, DENIED);
}

#[tokio::test]
async fn the_same_request_under_the_same_name_makes_one_grant() {
    let world = World::new().await;
    let key = world.key().await;
    let named = CreateGrantRequest {
        name: Some("job-1".to_owned()),
        ..to(&user("bob"), &["Encrypt", "Decrypt"])
    };
    let first = world.grant(&key, named.clone()).await;
    let reordered = CreateGrantRequest {
        operations: vec!["Decrypt".to_owned(), "Encrypt".to_owned()],
        ..named.clone()
    };
    let again = world.grant(&key, reordered).await;
    assert_eq!(again.grant_id, first.grant_id);
    assert_ne!(again.grant_token, first.grant_token);
    let other = CreateGrantRequest {
        operations: vec!["Decrypt".to_owned()],
        ..named.clone()
    };
    assert_ne!(world.grant(&key, other).await.grant_id, first.grant_id);
    let nameless = to(&user("bob"), &["Encrypt"]);
    assert_ne!(
        world.grant(&key, nameless.clone()).await.grant_id,
        world.grant(&key, nameless).await.grant_id
    );
    assert_eq!(world.grants(&key).await.len(), 4);

    // Both tokens are good for the one grant.
    let by_token = |token: &str| RetireGrantRequest {
        grant_token: Some(token.to_owned()),
        ..Default::default()
    };
    let root = world.root();
    let retired = world
        .kms
        .retire_grant(&call(&root), by_token(&again.grant_token))
        .await;
    assert_eq!(code(retired), "OK");
    let gone = world
        .kms
        .retire_grant(&call(&root), by_token(&first.grant_token))
        .await;
    assert_eq!(code(gone), "InvalidGrantTokenException");
    assert_ne!(
        world.grant(&key, named).await.grant_id,
        first.grant_id,
        "its name is free"
    );
}

#[tokio::test]
async fn tokens_are_checked_and_need_not_be_given() {
    let world = World::new().await;
    let (root, bob) = (world.root(), world.user("bob", &[]));
    let key = world.key().await;
    let grant = world
        .grant(&key, to(&user("bob"), &["GenerateDataKey"]))
        .await;
    let with = |tokens: &[&str]| CryptoOptions {
        grant_tokens: tokens.iter().map(|&token| token.to_owned()).collect(),
        ..Default::default()
    };
    let mut forged = grant.grant_token.clone();
    forged.replace_range(20..21, if &forged[20..21] == "A" { "B" } else { "A" });
    let (kms, size) = (&world.kms, DataKeySize::bytes(32));
    for (tokens, expected) in [
        (&[][..], "OK"),
        (&[grant.grant_token.as_str()], "OK"),
        (
            &[grant.grant_token.as_str(), forged.as_str()],
            "InvalidGrantTokenException",
        ),
        (&["token"], "InvalidGrantTokenException"),
        (&[""], "ValidationException"),
        (&["t"; 11], "ValidationException"),
    ] {
        let options = with(tokens);
        let found = kms
            .generate_data_key_with(&call(&bob), &key, &pairs(&[]), &size, &options)
            .await;
        assert_eq!(code(found), expected, "{tokens:?}");
    }
    kms.revoke_grant(&call(&root), &key, &grant.grant_id, false)
        .await
        .unwrap();
    let options = with(&[grant.grant_token.as_str()]);
    let found = kms
        .generate_data_key_with(&call(&bob), &key, &pairs(&[]), &size, &options)
        .await;
    assert_eq!(
        code(found),
        DENIED,
        "the token of a grant that is gone permits nothing"
    );
    let record = world.records(ACCOUNT).await;
    let text = serde_json::to_string(&record).unwrap();
    assert!(
        !text.contains(&grant.grant_token),
        "tokens are not for the trail"
    );
}

#[tokio::test]
async fn a_request_for_a_grant_is_judged_before_anything_is_made() {
    let world = World::new().await;
    let key = world.key().await;
    let bob = user("bob");
    let with = |change: &dyn Fn(&mut CreateGrantRequest)| {
        let mut request = to(&bob, &["Encrypt"]);
        change(&mut request);
        request
    };
    for (request, expected) in [
        (to("bob", &["Encrypt"]), "InvalidArnException"),
        (to(&bob, &[]), "ValidationException"),
        (to(&bob, &["PutKeyPolicy"]), "ValidationException"),
        (to(&bob, &["Sign"]), "ValidationException"),
        (
            with(&|it| it.name = Some("a b".to_owned())),
            "ValidationException",
        ),
        (
            with(&|it| it.retiring_principal = Some("x".to_owned())),
            "InvalidArnException",
        ),
        (
            with(&|it| it.constraints = equals(&[("a", "1"), ("A", "1")])),
            "ValidationException",
        ),
        (
            with(&|it| it.grant_tokens = vec!["t".to_owned()]),
            "InvalidGrantTokenException",
        ),
        (with(&|it| it.dry_run = true), "DryRunOperationException"),
    ] {
        let found = world.grant_as(&world.root(), &key, request.clone()).await;
        assert_eq!(code(found), expected, "{request:?}");
    }
    assert!(world.grants(&key).await.is_empty());
    let root = world.root();
    world
        .kms
        .create_alias(&call(&root), "alias/a", &key)
        .await
        .unwrap();
    let by_alias = world
        .grant_as(&root, "alias/a", to(&bob, &["Encrypt"]))
        .await;
    assert_eq!(code(by_alias), "NotFoundException");
    world.kms.disable_key(&call(&root), &key).await.unwrap();
    let found = world.grant_as(&root, &key, to(&bob, &["Encrypt"])).await;
    assert_eq!(code(found), "DisabledException");
}

#[tokio::test]
async fn policies_can_limit_what_grants_are_made() {
    let world = World::new().await;
    let alice = world.user("alice", &[]);
    let janitor = user("janitor");
    for (condition, request, allowed) in [
        (
            r#""ForAllValues:StringEquals": { "kms:GrantOperations": [ "Encrypt", "Decrypt" ] }"#
                .to_owned(),
            to(&user("bob"), &["Decrypt"]),
            true,
        ),
        (
            r#""ForAllValues:StringEquals": { "kms:GrantOperations": [ "Encrypt" ] }"#.to_owned(),
            to(&user("bob"), &["Decrypt", "Encrypt"]),
            false,
        ),
        (
            format!(
                r#""StringEquals": {{ "kms:GranteePrincipal": "{}" }}"#,
                user("bob")
            ),
            to(&user("bob"), &["Encrypt"]),
            true,
        ),
        (
            format!(
                r#""StringEquals": {{ "kms:GranteePrincipal": "{}" }}"#,
                user("bob")
            ),
            to(&user("carol"), &["Encrypt"]),
            false,
        ),
        (
            format!(r#""StringEquals": {{ "kms:RetiringPrincipal": "{janitor}" }}"#),
            CreateGrantRequest {
                retiring_principal: Some(janitor.clone()),
                ..to(&user("bob"), &["Encrypt"])
            },
            true,
        ),
        (
            r#""StringEquals": { "kms:GrantConstraintType": "EncryptionContextSubset" }"#
                .to_owned(),
            to(&user("bob"), &["Encrypt"]),
            false,
        ),
        (
            r#""StringEquals": { "kms:GrantConstraintType": "EncryptionContextSubset",
                                 "kms:EncryptionContext:dept": "hr" }"#
                .to_owned(),
            CreateGrantRequest {
                constraints: subset(&[("dept", "hr")]),
                ..to(&user("bob"), &["Encrypt"])
            },
            true,
        ),
        (
            r#""Bool": { "kms:GrantIsForAWSResource": "true" }"#.to_owned(),
            to(&user("bob"), &["Encrypt"]),
            false,
        ),
    ] {
        let key = world.key().await;
        let statement = format!(
            r#"{{ "Effect": "Allow", "Principal": {{ "AWS": "{}" }}, "Action": "kms:CreateGrant",
                  "Resource": "*", "Condition": {{ {condition} }} }}"#,
            user("alice")
        );
        world.put_policy(&key, &statement).await;
        let found = world.grant_as(&alice, &key, request.clone()).await;
        assert_eq!(found.is_ok(), allowed, "{condition}: {found:?}");
        if condition.contains("AWSResource") {
            let found = world
                .kms
                .create_grant(&through_s3(&alice), &key, request)
                .await;
            assert_eq!(code(found), "OK");
        }
    }
}

#[tokio::test]
async fn a_key_has_at_most_so_many_grants() {
    let world = World::new().await;
    let key = world.key().await;
    let record = world
        .index
        .record("kms/key", &format!("{ACCOUNT}/{key}"))
        .await
        .unwrap()
        .unwrap();
    let mut body: serde_json::Value = serde_json::from_slice(&record.body).unwrap();
    body["grants"] = 49_999.into();
    let write = sealgate_index::RecordWrite {
        ns: "kms/key".to_owned(),
        id: record.id,
        expect: sealgate_index::Expect::Revision(record.revision),
        body: Some(serde_json::to_vec(&body).unwrap().into()),
    };
    world.index.write_records(vec![write]).await.unwrap();
    world.grant(&key, to(&user("bob"), &["Encrypt"])).await;
    let found = world
        .grant_as(&world.root(), &key, to(&user("bob"), &["Encrypt"]))
        .await;
    assert_eq!(code(found), "LimitExceededException");
}

#[tokio::test]
async fn grants_made_at_once_do_not_disturb_each_other() {
    let world = World::new().await;
    let (root, key) = (world.root(), world.key().await);
    let made = (0..64).map(|n| {
        let (kms, root, key) = (world.kms.clone(), root.clone(), key.clone());
        tokio::spawn(async move {
            let request = to(&user(&format!("u{n}")), &["Encrypt"]);
            kms.create_grant(&call(&root), &key, request).await.unwrap()
        })
    });
    for grant in made.collect::<Vec<_>>() {
        grant.await.unwrap();
    }
    let request = ListGrantsRequest {
        page: PageRequest {
            limit: Some(100),
            marker: None,
        },
        ..Default::default()
    };
    let listed = world.kms.list_grants(&call(&root), &key, request).await;
    assert_eq!(listed.unwrap().items.len(), 64);
}
