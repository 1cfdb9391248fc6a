//! Users and their policies.

use super::*;
use crate::{IamError, Paging};

fn paging(marker: Option<String>, limit: usize) -> Paging {
    Paging {
        marker,
        limit: Some(limit),
    }
}

#[tokio::test]
async fn a_user_is_made_read_and_deleted() {
    let world = World::new().await;
    let path = EntityPath::parse("/team/a/").unwrap();
    let made = world
        .iam
        .create_user(
            ACCOUNT,
            &NewUser {
                path: path.clone(),
                ..NewUser::named(name("Alice"))
            },
        )
        .await
        .unwrap();
    assert_eq!(made.arn(), "arn:aws:iam::111111111111:user/team/a/Alice");
    assert!(made.id.starts_with("AIDA"));
    assert_eq!(
        world.iam.get_user(ACCOUNT, &name("Alice")).await.unwrap(),
        made
    );
    world
        .iam
        .delete_user(ACCOUNT, &name("Alice"))
        .await
        .unwrap();
    assert_eq!(
        world
            .iam
            .get_user(ACCOUNT, &name("Alice"))
            .await
            .unwrap_err(),
        IamError::NoSuchEntity("The user with name Alice cannot be found.".into())
    );
}

#[tokio::test]
async fn names_that_differ_in_case_only_collide() {
    let world = World::new().await;
    world.user("Alice").await;
    let again = world
        .iam
        .create_user(ACCOUNT, &NewUser::named(name("aLICE")))
        .await;
    assert_eq!(
        again.unwrap_err(),
        IamError::EntityAlreadyExists("User with name aLICE already exists.".into())
    );
    assert_eq!(
        world
            .iam
            .get_user(ACCOUNT, &name("alice"))
            .await
            .unwrap_err()
            .code(),
        "NoSuchEntity"
    );
    // Another account has names of its own.
    world
        .iam
        .create_user(OTHER, &NewUser::named(name("Alice")))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_user_with_keys_or_policies_is_not_deleted() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let key = world
        .iam
        .create_access_key(ACCOUNT, &owner("alice"))
        .await
        .unwrap();
    world
        .iam
        .put_inline_policy(
            ACCOUNT,
            &Holder::User(alice.clone()),
            &policy("p"),
            ALLOW_ALL,
        )
        .await
        .unwrap();
    assert_eq!(
        world
            .iam
            .delete_user(ACCOUNT, &alice)
            .await
            .unwrap_err()
            .message(),
        "Cannot delete entity, must delete access keys first."
    );
    world
        .iam
        .delete_access_key(ACCOUNT, &owner("alice"), &key.key.id)
        .await
        .unwrap();
    let error = world.iam.delete_user(ACCOUNT, &alice).await.unwrap_err();
    assert_eq!(
        error.message(),
        "Cannot delete entity, must delete policies first."
    );
    assert_eq!((error.code(), error.status()), ("DeleteConflict", 409));
    world
        .iam
        .delete_inline_policy(ACCOUNT, &Holder::User(alice.clone()), &policy("p"))
        .await
        .unwrap();
    world.iam.delete_user(ACCOUNT, &alice).await.unwrap();
}

#[tokio::test]
async fn listing_goes_page_by_page_and_by_path() {
    let world = World::new().await;
    for (user, path) in [
        ("a", "/x/"),
        ("B", "/y/"),
        ("c", "/x/"),
        ("D", "/x/z/"),
        ("e", "/"),
    ] {
        let path = EntityPath::parse(path).unwrap();
        world
            .iam
            .create_user(
                ACCOUNT,
                &NewUser {
                    path: path.clone(),
                    ..NewUser::named(name(user))
                },
            )
            .await
            .unwrap();
    }
    let mut seen = Vec::new();
    let mut marker = None;
    loop {
        let page = world
            .iam
            .list_users(ACCOUNT, "/", &paging(marker, 2))
            .await
            .unwrap();
        assert!(page.items.len() <= 2);
        seen.extend(page.items.into_iter().map(|user| user.name));
        marker = page.marker;
        if marker.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["a", "B", "c", "D", "e"]);
    let page = world
        .iam
        .list_users(ACCOUNT, "/x/", &Paging::default())
        .await
        .unwrap();
    assert_eq!(
        page.items
            .iter()
            .map(|user| user.name.as_str())
            .collect::<Vec<_>>(),
        ["a", "c", "D"]
    );
    assert!(page.marker.is_none());
    assert!(
        world
            .iam
            .list_users(OTHER, "/", &Paging::default())
            .await
            .unwrap()
            .items
            .is_empty()
    );
    let bad = world
        .iam
        .list_users(ACCOUNT, "/", &paging(Some("%%".into()), 2))
        .await;
    assert_eq!(bad.unwrap_err().code(), "ValidationError");
}

#[tokio::test]
async fn a_renamed_user_keeps_keys_and_policies() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    world.user("bob").await;
    let key = world
        .iam
        .create_access_key(ACCOUNT, &owner("alice"))
        .await
        .unwrap();
    world
        .iam
        .put_inline_policy(
            ACCOUNT,
            &Holder::User(alice.clone()),
            &policy("p"),
            ALLOW_ALL,
        )
        .await
        .unwrap();
    assert_eq!(
        world
            .iam
            .update_user(ACCOUNT, &alice, Some(&name("BOB")), None)
            .await
            .unwrap_err()
            .code(),
        "EntityAlreadyExists"
    );
    let path = EntityPath::parse("/new/").unwrap();
    let carol = world
        .iam
        .update_user(ACCOUNT, &alice, Some(&name("carol")), Some(&path))
        .await
        .unwrap();
    assert_eq!(carol.arn(), "arn:aws:iam::111111111111:user/new/carol");
    let identity = world.iam.identity(&key.key.id).await.unwrap().unwrap();
    assert_eq!(identity.principal.arn, carol.arn());
    assert_eq!(identity.policies.len(), 1);
    // Only in case: the same record.
    world
        .iam
        .update_user(ACCOUNT, &name("carol"), Some(&name("Carol")), None)
        .await
        .unwrap();
    let identity = world.iam.identity(&key.key.id).await.unwrap().unwrap();
    assert_eq!(
        identity.principal.arn,
        "arn:aws:iam::111111111111:user/new/Carol"
    );
    assert!(world.iam.get_user(ACCOUNT, &alice).await.is_err());
}

#[tokio::test]
async fn policies_are_kept_as_written() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let spaced = ALLOW_ALL.replace(',', " ,\n ");
    world
        .iam
        .put_inline_policy(ACCOUNT, &Holder::User(alice.clone()), &policy("b"), &spaced)
        .await
        .unwrap();
    world
        .iam
        .put_inline_policy(
            ACCOUNT,
            &Holder::User(alice.clone()),
            &policy("a"),
            ALLOW_ALL,
        )
        .await
        .unwrap();
    assert_eq!(
        world
            .iam
            .inline_policy(ACCOUNT, &Holder::User(alice.clone()), &policy("b"))
            .await
            .unwrap(),
        spaced
    );
    let first = world
        .iam
        .inline_policies(ACCOUNT, &Holder::User(alice.clone()), &paging(None, 1))
        .await
        .unwrap();
    assert_eq!(first.items, ["a"]);
    let second = world
        .iam
        .inline_policies(
            ACCOUNT,
            &Holder::User(alice.clone()),
            &paging(first.marker, 1),
        )
        .await
        .unwrap();
    assert_eq!((second.items, second.marker), (vec!["b".to_owned()], None));
    let missing = world
        .iam
        .inline_policy(ACCOUNT, &Holder::User(alice.clone()), &policy("c"))
        .await
        .unwrap_err();
    assert_eq!(
        missing.message(),
        "The user policy with name c cannot be found."
    );
    assert_eq!(
        world
            .iam
            .delete_inline_policy(ACCOUNT, &Holder::User(alice.clone()), &policy("c"))
            .await
            .unwrap_err(),
        missing
    );
    let nobody = world
        .iam
        .put_inline_policy(ACCOUNT, &user("nobody"), &policy("c"), ALLOW_ALL)
        .await;
    assert_eq!(nobody.unwrap_err().code(), "NoSuchEntity");
}

#[tokio::test]
async fn bad_and_large_policies_are_refused() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let put = |policy_name: &'static str, document: String| {
        let (iam, alice) = (world.iam.clone(), alice.clone());
        async move {
            iam.put_inline_policy(
                ACCOUNT,
                &Holder::User(alice.clone()),
                &policy(policy_name),
                &document,
            )
            .await
        }
    };
    for bad in [
        "{",
        "[]",
        "{}",
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Maybe","Action":"*","Resource":"*"}]}"#,
    ] {
        assert_eq!(
            put("p", bad.into()).await.unwrap_err().code(),
            "MalformedPolicyDocument",
            "{bad}"
        );
    }
    assert_eq!(
        put("p", String::new()).await.unwrap_err().code(),
        "ValidationError"
    );
    let filled = |length: usize| {
        let action = format!("s3:{}", "a".repeat(length));
        ALLOW_ALL.replacen("\"*\"", &format!("\"{action}\""), 1)
    };
    put("p", filled(1200)).await.unwrap();
    let error = put("q", filled(1200)).await.unwrap_err();
    assert_eq!(
        error.message(),
        "Maximum policy size of 2048 bytes exceeded for user alice"
    );
    assert_eq!((error.code(), error.status()), ("LimitExceeded", 409));
    // White space is not counted, and a policy replaces the one of its name.
    put(
        "p",
        filled(1200).replace(',', &format!(",{}", " ".repeat(2000))),
    )
    .await
    .unwrap();
    put("p", filled(1900)).await.unwrap();
}
