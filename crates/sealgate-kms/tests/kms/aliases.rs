//! The rules of aliases.

use sealgate_kms::PageRequest;

use crate::world::{ACCOUNT, ALL, UNKNOWN, World, alias_arn, arn, call, code, refusal};

async fn names(world: &World, key: Option<&str>) -> Vec<String> {
    let root = world.root();
    let page = world
        .kms
        .list_aliases(&call(&root), key, PageRequest::default())
        .await;
    page.unwrap()
        .items
        .into_iter()
        .map(|alias| alias.name)
        .collect()
}

#[tokio::test]
async fn an_alias_is_made_moved_and_removed() {
    let world = World::new().await;
    let root = world.root();
    let (kms, call) = (&world.kms, call(&root));
    let (first, second) = (world.key().await, world.key().await);
    kms.create_alias(&call, "alias/a", &first).await.unwrap();
    let listed = kms
        .list_aliases(&call, None, PageRequest::default())
        .await
        .unwrap()
        .items;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].arn, alias_arn("alias/a"));
    assert_eq!(listed[0].target_key_id, first);
    assert_eq!(listed[0].created, world.now());
    assert_eq!(
        kms.describe_key(&call, "alias/a").await.unwrap().key_id,
        first
    );
    let blob = world.encrypt(&root, "alias/a").await.unwrap();

    kms.update_alias(&call, "alias/a", &second).await.unwrap();
    assert_eq!(
        kms.describe_key(&call, "alias/a").await.unwrap().key_id,
        second
    );
    assert_eq!(names(&world, Some(&first)).await, Vec::<String>::new());
    assert_eq!(names(&world, Some(&second)).await, ["alias/a"]);
    let opened = kms
        .decrypt(&call, None, &blob, &Default::default())
        .await
        .unwrap();
    assert_eq!(
        opened.key_arn,
        arn(&first),
        "a ciphertext names its key, not the alias"
    );

    kms.delete_alias(&call, "alias/a").await.unwrap();
    assert_eq!(
        code(kms.describe_key(&call, "alias/a").await),
        "NotFoundException"
    );
    assert_eq!(
        code(kms.delete_alias(&call, "alias/a").await),
        "NotFoundException"
    );
    assert_eq!(names(&world, Some(&second)).await, Vec::<String>::new());
    kms.create_alias(&call, "alias/a", &first).await.unwrap();
}

#[tokio::test]
async fn names_are_checked() {
    let world = World::new().await;
    let root = world.root();
    let key = world.key().await;
    let long = format!("alias/{}", "x".repeat(251));
    for (name, expected) in [
        ("", "ValidationException"),
        ("name", "ValidationException"),
        ("alias/sp ace", "ValidationException"),
        ("alias/ümlaut", "ValidationException"),
        (long.as_str(), "ValidationException"),
        ("alias/", "InvalidAliasNameException"),
        ("alias/aws/s3", "NotAuthorizedException"),
        ("alias/aws/mine", "NotAuthorizedException"),
        ("alias/aws", "OK"),
        ("alias/a:b/c_d-E9", "OK"),
        (&long[..256], "OK"),
    ] {
        assert_eq!(
            code(world.kms.create_alias(&call(&root), name, &key).await),
            expected,
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_name_is_taken_once() {
    let world = World::new().await;
    let root = world.root();
    let (first, second) = (world.key().await, world.key().await);
    world
        .kms
        .create_alias(&call(&root), "alias/a", &first)
        .await
        .unwrap();
    let found = refusal(
        world
            .kms
            .create_alias(&call(&root), "alias/a", &second)
            .await,
    );
    let message = format!(
        "An alias with the name {} already exists",
        alias_arn("alias/a")
    );
    assert_eq!(found, ("AlreadyExistsException", message));
    // Of many at once, one wins.
    let attempts = (0..8).map(|_| {
        let (kms, root, key) = (world.kms.clone(), world.root(), second.clone());
        tokio::spawn(async move { kms.create_alias(&call(&root), "alias/b", &key).await })
    });
    let attempts: Vec<_> = attempts.collect();
    let mut made = 0;
    for attempt in attempts {
        made += usize::from(attempt.await.unwrap().is_ok());
    }
    assert_eq!(made, 1);
}

#[tokio::test]
async fn concurrent_changes_of_one_key_all_count() {
    let world = World::new().await;
    let key = world.key().await;
    let attempts: Vec<_> = (0..16)
        .map(|number| {
            let (kms, root, key) = (world.kms.clone(), world.root(), key.clone());
            let name = format!("alias/n{number:02}");
            tokio::spawn(async move { kms.create_alias(&call(&root), &name, &key).await })
        })
        .collect();
    for attempt in attempts {
        attempt.await.unwrap().unwrap();
    }
    assert_eq!(names(&world, Some(&key)).await.len(), 16);
}

#[tokio::test]
async fn a_key_has_at_most_fifty() {
    let world = World::new().await;
    let root = world.root();
    let key = world.key().await;
    for number in 0..50 {
        world
            .kms
            .create_alias(&call(&root), &format!("alias/n{number:02}"), &key)
            .await
            .unwrap();
    }
    let found = world
        .kms
        .create_alias(&call(&root), "alias/more", &key)
        .await;
    assert_eq!(code(found), "LimitExceededException");
    let page = PageRequest {
        limit: Some(30),
        marker: None,
    };
    let first = world
        .kms
        .list_aliases(&call(&root), Some(&key), page)
        .await
        .unwrap();
    let page = PageRequest {
        limit: Some(30),
        marker: first.next_marker,
    };
    let second = world
        .kms
        .list_aliases(&call(&root), Some(&key), page)
        .await
        .unwrap();
    assert_eq!((first.items.len(), second.items.len()), (30, 20));
    assert_eq!(second.next_marker, None);
    assert_eq!(second.items[0].name, "alias/n30");
}

#[tokio::test]
async fn an_alias_needs_permission_on_itself_and_on_the_key() {
    let world = World::new().await;
    let root = world.root();
    let key = world.key().await;
    let on_alias = format!(
        r#"{{ "Version": "2012-10-17", "Statement": [ {{ "Effect": "Allow", "Action": "kms:*Alias",
              "Resource": "arn:aws:kms:us-east-1:{ACCOUNT}:alias/mine/*" }} ] }}"#
    );
    let on_key = format!(
        r#"{{ "Version": "2012-10-17", "Statement": [ {{ "Effect": "Allow", "Action": "kms:*Alias",
              "Resource": "{}" }} ] }}"#,
        arn(&key)
    );
    for (policies, name, expected) in [
        (
            vec![on_alias.as_str()],
            "alias/mine/a",
            "AccessDeniedException",
        ),
        (
            vec![on_key.as_str()],
            "alias/mine/a",
            "AccessDeniedException",
        ),
        (
            vec![on_alias.as_str(), on_key.as_str()],
            "alias/yours/a",
            "AccessDeniedException",
        ),
        (
            vec![on_alias.as_str(), on_key.as_str()],
            "alias/mine/a",
            "OK",
        ),
    ] {
        let alice = world.user("alice", &policies);
        assert_eq!(
            code(world.kms.create_alias(&call(&alice), name, &key).await),
            expected
        );
    }
    let other = world.key().await;
    let alice = world.user("alice", &[&on_alias, &on_key]);
    let found = world
        .kms
        .update_alias(&call(&alice), "alias/mine/a", &other)
        .await;
    assert_eq!(
        code(found),
        "AccessDeniedException",
        "the new key is another matter"
    );
    world
        .kms
        .update_alias(&call(&root), "alias/mine/a", &other)
        .await
        .unwrap();
    let found = world.kms.delete_alias(&call(&alice), "alias/mine/a").await;
    assert_eq!(
        code(found),
        "AccessDeniedException",
        "and so is the key it moved to"
    );
    let alice = world.user("alice", &[ALL]);
    world
        .kms
        .delete_alias(&call(&alice), "alias/mine/a")
        .await
        .unwrap();
}

#[tokio::test]
async fn an_alias_stands_for_a_key_only_where_aws_lets_it() {
    let world = World::new().await;
    let root = world.root();
    let key = world.key().await;
    let (kms, call) = (&world.kms, call(&root));
    kms.create_alias(&call, "alias/a", &key).await.unwrap();
    assert_eq!(
        refusal(kms.disable_key(&call, "alias/a").await),
        ("NotFoundException", "Invalid keyId 'alias/a'".to_owned())
    );
    assert_eq!(
        code(kms.create_alias(&call, "alias/b", "alias/a").await),
        "NotFoundException"
    );
    assert_eq!(
        code(kms.create_alias(&call, "alias/b", UNKNOWN).await),
        "NotFoundException"
    );
    assert_eq!(
        code(kms.update_alias(&call, "alias/none", &key).await),
        "NotFoundException"
    );
}
