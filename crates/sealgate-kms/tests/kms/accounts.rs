//! Keys of other accounts: usable where both sides allow, and otherwise as if they were not there.

use sealgate_policy::PrincipalKind;

use crate::world::{ACCOUNT, ALL, OTHER, UNKNOWN, World, arn, call, code, pairs, refusal};

fn shared() -> String {
    format!(
        r#"{{ "Version": "2012-10-17", "Statement": [
            {{ "Effect": "Allow", "Principal": {{ "AWS": "arn:aws:iam::{ACCOUNT}:root" }},
               "Action": "kms:*", "Resource": "*" }},
            {{ "Effect": "Allow", "Principal": {{ "AWS": "arn:aws:iam::{OTHER}:root" }},
               "Action": "kms:*", "Resource": "*" }} ] }}"#
    )
}

#[tokio::test]
async fn a_key_of_another_account_and_no_key_look_the_same() {
    let world = World::new().await;
    let key = world.key().await;
    let stranger = world.user_of(OTHER, "mallory", &[ALL]);
    let existing = refusal(world.encrypt(&stranger, &arn(&key)).await);
    let unknown = refusal(world.encrypt(&stranger, &arn(UNKNOWN)).await);
    assert_eq!(existing.0, "AccessDeniedException");
    assert_eq!(
        existing.1.replace(&key, "ID"),
        unknown.1.replace(UNKNOWN, "ID")
    );

    world
        .kms
        .create_alias(&call(&world.root()), "alias/a", &key)
        .await
        .unwrap();
    let alias = |name: &str| format!("arn:aws:kms:us-east-1:{ACCOUNT}:alias/{name}");
    let existing = refusal(world.encrypt(&stranger, &alias("a")).await);
    let unknown = refusal(world.encrypt(&stranger, &alias("b")).await);
    assert_eq!(
        existing.1.replace(&alias("a"), "ALIAS"),
        unknown.1.replace(&alias("b"), "ALIAS")
    );
    assert!(!existing.1.contains(&key));

    let record = world.records(OTHER).await.remove(0);
    assert_eq!(record.get("resources"), None, "nor does the trail tell");
}

#[tokio::test]
async fn a_ciphertext_of_another_account_does_not_tell_whether_its_key_exists() {
    let world = World::new().await;
    let key = world.key().await;
    let mut blob = world.encrypt(&world.root(), &key).await.unwrap();
    let stranger = world.user_of(OTHER, "mallory", &[ALL]);
    let existing = refusal(
        world
            .kms
            .decrypt(&call(&stranger), None, &blob, &pairs(&[]))
            .await,
    );
    blob[10] ^= 1;
    let unknown = refusal(
        world
            .kms
            .decrypt(&call(&stranger), None, &blob, &pairs(&[]))
            .await,
    );
    assert_eq!(existing.0, "AccessDeniedException");
    assert_eq!(existing, unknown);
}

#[tokio::test]
async fn both_sides_must_allow() {
    let world = World::new().await;
    let key = world.key_with_policy(&shared()).await;
    let permitted = world.user_of(OTHER, "bob", &[ALL]);
    let not_permitted = world.user_of(OTHER, "carol", &[]);
    assert_eq!(code(world.encrypt(&permitted, &arn(&key)).await), "OK");
    assert_eq!(
        code(world.encrypt(&not_permitted, &arn(&key)).await),
        "AccessDeniedException"
    );
    assert_eq!(
        code(world.kms.describe_key(&call(&permitted), &arn(&key)).await),
        "OK"
    );
    let found = world.encrypt(&permitted, &key).await;
    assert_eq!(
        code(found),
        "NotFoundException",
        "a bare id is one of the caller's own account"
    );
}

#[tokio::test]
async fn another_account_uses_a_key_and_never_manages_it() {
    let world = World::new().await;
    let key = arn(&world.key_with_policy(&shared()).await);
    let root = world.root_of(OTHER);
    let (kms, call) = (&world.kms, call(&root));
    for found in [
        code(kms.disable_key(&call, &key).await),
        code(kms.schedule_key_deletion(&call, &key, None).await),
        code(kms.put_key_policy(&call, &key, Default::default()).await),
        code(kms.get_key_policy(&call, &key, None).await),
        code(kms.tag_resource(&call, &key, Vec::new()).await),
        code(kms.create_alias(&call, "alias/theirs", &key).await),
        code(
            kms.list_aliases(&call, Some(&key), Default::default())
                .await,
        ),
    ] {
        assert_eq!(found, "AccessDeniedException");
    }
}

#[tokio::test]
async fn nobody_calls_without_an_account() {
    let world = World::new().await;
    let open = r#"{ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*" } ] }"#;
    let key = arn(&world.key_with_policy(open).await);
    let mut anonymous = world.root();
    anonymous.principal.kind = PrincipalKind::Anonymous;
    anonymous.principal.account_id = String::new();
    anonymous.principal.access_key_id = None;
    assert_eq!(
        code(world.encrypt(&anonymous, &key).await),
        "AccessDeniedException"
    );
    assert_eq!(
        code(
            world
                .kms
                .list_keys(&call(&anonymous), Default::default())
                .await
        ),
        "AccessDeniedException"
    );
}
