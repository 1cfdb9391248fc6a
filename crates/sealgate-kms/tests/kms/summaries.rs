//! Many keys at a glance: what is told, of which keys, and that it leaves one record.

use sealgate_kms::{KeyQuery, KeySummaries};
use sealgate_policy::Caller;

use crate::world::{ACCOUNT, World, call, code};

async fn look(world: &World, caller: &Caller, query: KeyQuery) -> KeySummaries {
    world
        .kms
        .key_summaries(&call(caller), &query)
        .await
        .unwrap()
}

fn query(text: &str) -> KeyQuery {
    KeyQuery {
        text: text.to_owned(),
        limit: 10,
        look_at: 100,
        ..KeyQuery::default()
    }
}

const LISTS_ONLY: &str = r#"{ "Version": "2012-10-17",
    "Statement": [ { "Effect": "Allow", "Action": "kms:ListKeys", "Resource": "*" } ] }"#;
const LISTS_NOT: &str = r#"{ "Version": "2012-10-17",
    "Statement": [ { "Effect": "Allow", "Action": "kms:DescribeKey", "Resource": "*" } ] }"#;

#[tokio::test]
async fn a_key_is_found_by_its_alias_its_id_and_what_is_in_its_description() {
    let world = World::new().await;
    let root = world.root();
    let (first, second) = (world.key().await, world.key().await);
    let kms = &world.kms;
    kms.create_alias(&call(&root), "alias/orders", &first)
        .await
        .unwrap();
    kms.update_key_description(&call(&root), &second, "Backups of the shop")
        .await
        .unwrap();
    for (text, wanted) in [
        ("orders", vec![&first]),
        ("alias/ord", vec![&first]),
        ("RDERS", vec![&first]),
        ("SHOP", vec![&second]),
        (second.as_str(), vec![&second]),
        ("nothing of this", vec![]),
    ] {
        let found = look(&world, &root, query(text)).await;
        let ids: Vec<&String> = found.keys.iter().map(|key| &key.key_id).collect();
        assert_eq!(ids, wanted, "{text}");
        assert_eq!(found.next_marker, None);
    }
    let found = look(&world, &root, query("orders")).await;
    assert_eq!(found.keys[0].aliases, ["alias/orders"]);
    let disabled = KeyQuery {
        state: "Disabled".into(),
        ..query("")
    };
    assert!(look(&world, &root, disabled.clone()).await.keys.is_empty());
    kms.disable_key(&call(&root), &first).await.unwrap();
    assert_eq!(look(&world, &root, disabled).await.keys[0].key_id, first);
}

#[tokio::test]
async fn pages_go_on_where_the_last_one_stopped_and_look_at_a_bounded_number() {
    let world = World::new().await;
    let root = world.root();
    let mut keys = Vec::new();
    for _ in 0..7 {
        keys.push(world.key().await);
    }
    keys.sort_unstable();
    let (mut seen, mut marker) = (Vec::new(), None);
    loop {
        let page = look(
            &world,
            &root,
            KeyQuery {
                limit: 3,
                marker,
                ..query("")
            },
        )
        .await;
        assert!(page.keys.len() <= 3);
        seen.extend(page.keys.into_iter().map(|key| key.key_id));
        marker = page.next_marker;
        if marker.is_none() {
            break;
        }
    }
    assert_eq!(seen, keys);
    let bounded = look(
        &world,
        &root,
        KeyQuery {
            look_at: 2,
            ..query("nowhere")
        },
    )
    .await;
    assert_eq!((bounded.keys.len(), bounded.looked_at), (0, 2));
    assert!(bounded.next_marker.is_some());
    let forged = KeyQuery {
        marker: Some("?".into()),
        ..query("")
    };
    let refused = world.kms.key_summaries(&call(&root), &forged).await;
    assert_eq!(code(refused), "InvalidMarkerException");
}

#[tokio::test]
async fn nobody_learns_more_than_list_keys_describe_key_and_list_aliases_tell() {
    let world = World::new().await;
    let root = world.root();
    let key = world.key().await;
    world
        .kms
        .create_alias(&call(&root), "alias/secret-plan", &key)
        .await
        .unwrap();
    world
        .kms
        .update_key_description(&call(&root), &key, "merger")
        .await
        .unwrap();
    let lister = world.user("lister", &[LISTS_ONLY]);
    let seen = look(&world, &lister, query("")).await.keys;
    assert_eq!(
        (
            seen[0].key_id.as_str(),
            seen[0].aliases.len(),
            &seen[0].metadata
        ),
        (key.as_str(), 0, &None)
    );
    for text in ["secret", "alias/secret", "merger"] {
        assert!(
            look(&world, &lister, query(text)).await.keys.is_empty(),
            "{text}"
        );
    }
    let other = world.user("other", &[LISTS_NOT]);
    let refused = world.kms.key_summaries(&call(&other), &query("")).await;
    assert_eq!(code(refused), "AccessDeniedException");
}

#[tokio::test]
async fn a_page_of_many_keys_is_one_record() {
    let world = World::new().await;
    let root = world.root();
    for _ in 0..3 {
        world.key().await;
    }
    let before = world.records(ACCOUNT).await.len();
    look(&world, &root, query("")).await;
    let events = world.records(ACCOUNT).await;
    assert_eq!(events.len(), before + 1);
    assert!(events.iter().any(|event| event["eventName"] == "ListKeys"));
}
