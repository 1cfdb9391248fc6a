//! Listing, retiring and revoking grants, and their end with the key.

use sealgate_kms::{
    CreateGrantRequest, CryptoOptions, ListGrantsRequest, PageRequest, RetireGrantRequest,
};
use sealgate_policy::Caller;
use time::Duration;

use crate::grants::{DENIED, NO_GRANT, to, user};
use crate::world::{ACCOUNT, OTHER, UNKNOWN, World, arn, call, code, pairs};

#[tokio::test]
async fn a_grant_says_who_may_retire_it() {
    let world = World::new().await;
    let key = world.key().await;
    let retire_only = r#"{ "Version": "2012-10-17",
        "Statement": { "Effect": "Allow", "Action": "kms:RetireGrant", "Resource": "*" } }"#;
    let no_retiring = r#"{ "Version": "2012-10-17",
        "Statement": { "Effect": "Deny", "Action": "kms:RetireGrant", "Resource": "*" } }"#;
    let request = |operations: &[&str]| CreateGrantRequest {
        retiring_principal: Some(user("janitor")),
        ..to(&user("bob"), operations)
    };
    for (who, caller, operations, expected) in [
        ("grantee", world.user("bob", &[]), &["Encrypt"][..], DENIED),
        (
            "grantee who may",
            world.user("bob", &[]),
            &["Encrypt", "RetireGrant"],
            "OK",
        ),
        (
            "retiring principal",
            world.user("janitor", &[]),
            &["Encrypt"],
            "OK",
        ),
        (
            "denied",
            world.user("janitor", &[no_retiring]),
            &["Encrypt"],
            DENIED,
        ),
        ("somebody", world.user("carol", &[]), &["Encrypt"], DENIED),
        (
            "by delegation",
            world.user("carol", &[retire_only]),
            &["Encrypt"],
            "OK",
        ),
        ("account", world.root(), &["Encrypt"], "OK"),
        ("stranger", world.root_of(OTHER), &["Encrypt"], DENIED),
    ] {
        let grant = world.grant(&key, request(operations)).await;
        assert_eq!(
            world.retire(&caller, &arn(&key), &grant).await,
            expected,
            "{who}"
        );
    }
    // The key's policy has no say in it.
    world
        .put_policy(
            &key,
            &format!(
                r#"{{ "Effect": "Allow", "Principal": {{ "AWS": "{}" }},
                      "Action": "kms:RetireGrant", "Resource": "*" }}"#,
                user("dave")
            ),
        )
        .await;
    let grant = world.grant(&key, request(&["Encrypt"])).await;
    assert_eq!(
        world.retire(&world.user("dave", &[]), &key, &grant).await,
        DENIED
    );
}

#[tokio::test]
async fn what_names_no_grant_is_refused() {
    let world = World::new().await;
    let (root, key) = (world.root(), world.key().await);
    let (kms, root) = (&world.kms, call(&root));
    for (id, expected) in [
        (NO_GRANT, "NotFoundException"),
        ("abc", "InvalidGrantIdException"),
        (&NO_GRANT.to_uppercase(), "InvalidGrantIdException"),
        ("", "ValidationException"),
    ] {
        assert_eq!(
            code(kms.revoke_grant(&root, &key, id, false).await),
            expected
        );
        let retire = RetireGrantRequest {
            key_id: Some(key.clone()),
            grant_id: Some(id.to_owned()),
            ..Default::default()
        };
        assert_eq!(code(kms.retire_grant(&root, retire).await), expected);
    }
    let listed = |id: &str| ListGrantsRequest {
        grant_id: Some(id.to_owned()),
        ..Default::default()
    };
    assert!(
        kms.list_grants(&root, &key, listed(NO_GRANT))
            .await
            .unwrap()
            .items
            .is_empty()
    );
    assert_eq!(
        code(kms.list_grants(&root, &key, listed("abc")).await),
        "InvalidGrantIdException"
    );
    let token = |token: Option<&str>, key_id: Option<&str>| RetireGrantRequest {
        grant_token: token.map(str::to_owned),
        key_id: key_id.map(str::to_owned),
        ..Default::default()
    };
    for (request, expected) in [
        (token(Some("token"), None), "InvalidGrantTokenException"),
        (token(None, None), "ValidationException"),
        (token(None, Some(&key)), "ValidationException"),
        (token(Some("token"), Some(&key)), "ValidationException"),
    ] {
        assert_eq!(code(kms.retire_grant(&root, request).await), expected);
    }
    let found = kms.revoke_grant(&root, UNKNOWN, NO_GRANT, false).await;
    assert_eq!(code(found), "NotFoundException");
}

#[tokio::test]
async fn grants_are_listed_page_by_page_and_by_grantee() {
    let world = World::new().await;
    let (root, key) = (world.root(), world.key().await);
    for name in 0..7 {
        let grantee = user(if name % 2 == 0 { "even" } else { "odd" });
        let request = CreateGrantRequest {
            name: Some(format!("n{name}")),
            retiring_principal: Some(user("janitor")),
            ..to(&grantee, &["Encrypt"])
        };
        world.grant(&key, request).await;
    }
    for (grantee, expected) in [(None, 7), (Some(user("even")), 4), (Some(user("none")), 0)] {
        let mut request = ListGrantsRequest {
            grantee_principal: grantee,
            ..Default::default()
        };
        request.page.limit = Some(2);
        let mut names = Vec::new();
        loop {
            let page = world
                .kms
                .list_grants(&call(&root), &key, request.clone())
                .await
                .unwrap();
            assert!(page.items.len() <= 2);
            names.extend(page.items.into_iter().map(|grant| grant.name.unwrap()));
            request.page.marker = page.next_marker;
            if request.page.marker.is_none() {
                break;
            }
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), expected);
    }
    let one = world.grants(&key).await.remove(0);
    let request = ListGrantsRequest {
        grant_id: Some(one.grant_id.clone()),
        ..Default::default()
    };
    let listed = world
        .kms
        .list_grants(&call(&root), &key, request)
        .await
        .unwrap()
        .items;
    assert_eq!(listed, std::slice::from_ref(&one));
    assert_eq!(one.key_arn, arn(&key));
    assert_eq!(one.issuing_account, format!("arn:aws:iam::{ACCOUNT}:root"));
    for limit in [0, 101] {
        let page = PageRequest {
            limit: Some(limit),
            marker: None,
        };
        let request = ListGrantsRequest {
            page,
            ..Default::default()
        };
        let found = world.kms.list_grants(&call(&root), &key, request).await;
        assert_eq!(code(found), "ValidationException");
    }
    let found = world
        .kms
        .list_retirable_grants(
            &call(&root),
            &user("janitor"),
            PageRequest {
                limit: Some(5),
                marker: None,
            },
        )
        .await
        .unwrap();
    assert_eq!(found.items.len(), 5);
    let rest = PageRequest {
        limit: Some(5),
        marker: found.next_marker,
    };
    let found = world
        .kms
        .list_retirable_grants(&call(&root), &user("janitor"), rest)
        .await;
    assert_eq!(found.unwrap().items.len(), 2);
}

#[tokio::test]
async fn retirable_grants_are_those_of_a_principal_of_the_own_account() {
    let world = World::new().await;
    let theirs = format!("arn:aws:iam::{OTHER}:user/janitor");
    let key = world.key().await;
    let request = CreateGrantRequest {
        retiring_principal: Some(theirs.clone()),
        ..to(&user("bob"), &["Encrypt"])
    };
    let grant = world.grant(&key, request).await;
    let (own, other) = (world.root(), world.root_of(OTHER));
    let list = |caller: &Caller| {
        let (kms, caller, theirs) = (world.kms.clone(), caller.clone(), theirs.clone());
        async move {
            let page = PageRequest::default();
            kms.list_retirable_grants(&call(&caller), &theirs, page)
                .await
        }
    };
    assert_eq!(code(list(&own).await), DENIED);
    let found = list(&other).await.unwrap().items;
    assert_eq!(found.len(), 1, "also of keys of other accounts");
    assert_eq!(found[0].grant_id, grant.grant_id);

    let janitor = world.user_of(OTHER, "janitor", &[]);
    assert_eq!(
        code(list(&janitor).await),
        DENIED,
        "that needs a permission"
    );
    assert_eq!(
        world.retire(&janitor, &arn(&key), &grant).await,
        "OK",
        "this does not"
    );
    assert!(list(&other).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn grants_survive_a_restart_and_go_with_the_key() {
    let world = World::new().await;
    let (root, bob, key) = (world.root(), world.user("bob", &[]), world.key().await);
    let request = CreateGrantRequest {
        name: Some("n".to_owned()),
        retiring_principal: Some(user("janitor")),
        ..to(&user("bob"), &["Encrypt"])
    };
    let grant = world.grant(&key, request).await;
    let kms = world.restarted().await;
    let (none, options) = (pairs(&[]), CryptoOptions::default());
    assert_eq!(
        code(kms.encrypt(&call(&bob), &key, b"x", &none, &options).await),
        "OK"
    );

    world
        .kms
        .schedule_key_deletion(&call(&root), &key, Some(7))
        .await
        .unwrap();
    world.pass(Duration::days(8));
    assert_eq!(world.kms.sweep(world.now()).await.unwrap(), 1);
    for ns in ["kms/grant", "kms/grant-name", "kms/grant-retiring"] {
        assert!(
            world
                .index
                .records(ns, "", None, 10)
                .await
                .unwrap()
                .is_empty(),
            "{ns}"
        );
    }
    let root = world.root();
    let by_token = RetireGrantRequest {
        grant_token: Some(grant.grant_token),
        ..Default::default()
    };
    assert_eq!(
        code(world.kms.retire_grant(&call(&root), by_token).await),
        "NotFoundException"
    );
}
