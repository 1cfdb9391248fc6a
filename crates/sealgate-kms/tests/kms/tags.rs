//! Tags of keys.

use sealgate_kms::{CreateKeyRequest, PageRequest, Tag};

use crate::world::{World, call, code};

fn tag(key: &str, value: &str) -> Tag {
    Tag {
        key: key.to_owned(),
        value: value.to_owned(),
    }
}

#[tokio::test]
async fn tags_are_set_replaced_listed_and_removed() {
    let world = World::new().await;
    let root = world.root();
    let (kms, call) = (&world.kms, call(&root));
    let request = CreateKeyRequest {
        tags: vec![tag("a", "1")],
        ..Default::default()
    };
    let key = world.key_with(request).await;
    kms.tag_resource(
        &call,
        &key,
        vec![tag("a", "2"), tag("b", "3"), tag("c", "")],
    )
    .await
    .unwrap();
    let page = PageRequest {
        limit: Some(2),
        marker: None,
    };
    let first = kms.list_resource_tags(&call, &key, page).await.unwrap();
    assert_eq!(first.items, [tag("a", "2"), tag("b", "3")]);
    let page = PageRequest {
        limit: Some(2),
        marker: first.next_marker,
    };
    let second = kms.list_resource_tags(&call, &key, page).await.unwrap();
    assert_eq!(
        (second.items, second.next_marker),
        (vec![tag("c", "")], None)
    );
    kms.untag_resource(&call, &key, vec!["a".to_owned(), "none".to_owned()])
        .await
        .unwrap();
    let left = kms
        .list_resource_tags(&call, &key, PageRequest::default())
        .await
        .unwrap();
    assert_eq!(left.items, [tag("b", "3"), tag("c", "")]);
}

#[tokio::test]
async fn tags_that_cannot_be_are_refused() {
    let world = World::new().await;
    let root = world.root();
    let key = world.key().await;
    for (tags, expected) in [
        (vec![tag("", "x")], "TagException"),
        (vec![tag("aws:x", "x")], "TagException"),
        (vec![tag(&"x".repeat(129), "x")], "TagException"),
        (vec![tag("x", &"x".repeat(257))], "TagException"),
        (vec![tag("x", "1"), tag("x", "2")], "TagException"),
        (
            (0..51)
                .map(|number| tag(&number.to_string(), "x"))
                .collect(),
            "LimitExceededException",
        ),
        (
            (0..50)
                .map(|number| tag(&number.to_string(), "x"))
                .collect(),
            "OK",
        ),
    ] {
        assert_eq!(
            code(world.kms.tag_resource(&call(&root), &key, tags).await),
            expected
        );
    }
}

#[tokio::test]
async fn what_is_no_key_of_a_tag_is_not_taken_away() {
    let world = World::new().await;
    let root = world.root();
    let (key, long) = (world.key().await, "x".repeat(129));
    for (name, expected) in [
        ("", "TagException"),
        ("AWS:x", "TagException"),
        (long.as_str(), "TagException"),
        ("nothing", "OK"),
    ] {
        let names = vec![name.to_owned()];
        let done = world.kms.untag_resource(&call(&root), &key, names).await;
        assert_eq!(code(done), expected, "{name}");
    }
}

/// Condition keys are blind to case: with both tags, a policy on `aws:RequestTag/team` would be shown one
/// of them, and a policy on `aws:ResourceTag/team` the other.
#[tokio::test]
async fn tags_that_differ_only_in_case_are_refused() {
    let world = World::new().await;
    let root = world.root();
    let request = CreateKeyRequest {
        tags: vec![tag("team", "red"), tag("Team", "blue")],
        ..Default::default()
    };
    let made = world.kms.create_key(&call(&root), request).await;
    assert_eq!(code(made.map(|_| ())), "TagException");

    let key = world.key().await;
    for (tags, expected) in [
        (
            vec![tag("team", "red"), tag("Team", "blue")],
            "TagException",
        ),
        (vec![tag("Team", "blue")], "OK"),
        (vec![tag("team", "red")], "TagException"),
        (vec![tag("Team", "green")], "OK"),
    ] {
        assert_eq!(
            code(world.kms.tag_resource(&call(&root), &key, tags).await),
            expected
        );
    }
}
