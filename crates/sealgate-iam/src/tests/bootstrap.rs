//! The bootstrap file.

use super::*;
use crate::{Bootstrap, BootstrapError, KeyStatus};

const FILE: &str = r#"
[[account]]
id = "111111111111"
name = "main"
email = "tester@example.com"
canonical_id = "testid"
access_key = { id = "AKIABOOTROOT00000000", secret = "root-secret-root-secret" }

[[account.user]]
name = "alice"
access_key = { id = "AKIABOOTALICE0000000", secret = "alice-secret-alice-secret" }
policies = { inline-name = """{ "Version": "2012-10-17", "Statement": [ { "Effect": "Allow", "Action": "s3:*", "Resource": "*" } ] }""" }

[[account.user]]
name = "bob"
path = "/team/"

[[account]]
id = "222222222222"
name = "alt"
"#;

fn parse(text: &str) -> Bootstrap {
    Bootstrap::parse(text).unwrap_or_else(|error| panic!("{error}"))
}

fn refusal(text: &str) -> String {
    match Bootstrap::parse(text) {
        Ok(_) => panic!("accepted: {text}"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn it_creates_what_it_declares() {
    let world = World::empty().await;
    assert!(!world.iam.has_accounts().await.unwrap());
    let report = world.iam.apply_bootstrap(&parse(FILE)).await.unwrap();
    assert_eq!(
        report.created,
        [
            "account 111111111111",
            "user alice of 111111111111",
            "policy inline-name of user alice of 111111111111",
            "access key AKIABOOTALICE0000000",
            "user bob of 111111111111",
            "account 222222222222",
        ]
    );
    assert!(report.left_alone.is_empty());
    let account = world.iam.account("111111111111").await.unwrap().unwrap();
    assert_eq!(
        (account.name.as_str(), account.email.as_deref()),
        ("main", Some("tester@example.com"))
    );
    assert_eq!(
        world
            .iam
            .account_by_canonical_id("testid")
            .await
            .unwrap()
            .unwrap(),
        account
    );
    let root = world
        .iam
        .identity("AKIABOOTROOT00000000")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(root.secret.expose(), "root-secret-root-secret");
    let alice = world
        .iam
        .identity("AKIABOOTALICE0000000")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (alice.policies.len(), alice.canonical_id.as_str()),
        (1, "testid")
    );
    let bob = world
        .iam
        .get_user("111111111111", &name("bob"))
        .await
        .unwrap();
    assert_eq!(bob.path, "/team/");
    let alt = world.iam.account("222222222222").await.unwrap().unwrap();
    assert_eq!(alt.canonical_id.len(), 64);
}

#[tokio::test]
async fn applied_again_it_changes_nothing() {
    let world = World::empty().await;
    world.iam.apply_bootstrap(&parse(FILE)).await.unwrap();
    let before = world
        .index
        .records("iam/user", "", None, 100)
        .await
        .unwrap();
    let again = world.iam.apply_bootstrap(&parse(FILE)).await.unwrap();
    assert_eq!(again, crate::BootstrapReport::default());
    assert_eq!(
        world
            .index
            .records("iam/user", "", None, 100)
            .await
            .unwrap(),
        before
    );
}

#[tokio::test]
async fn what_exists_is_left_as_it_is() {
    let world = World::empty().await;
    world.iam.apply_bootstrap(&parse(FILE)).await.unwrap();
    let (alice, account) = (name("alice"), "111111111111");
    world
        .iam
        .put_inline_policy(
            account,
            &Holder::User(alice.clone()),
            &policy("inline-name"),
            ALLOW_ALL,
        )
        .await
        .unwrap();
    let key = "AKIABOOTALICE0000000";
    world
        .iam
        .update_access_key(account, &owner("alice"), key, KeyStatus::Inactive)
        .await
        .unwrap();
    let changed = FILE
        .replace("alice-secret-alice-secret", "another-secret")
        .replace("name = \"main\"", "name = \"renamed\"")
        .replace("/team/", "/other/");
    let report = world.iam.apply_bootstrap(&parse(&changed)).await.unwrap();
    assert!(report.created.is_empty());
    assert_eq!(report.left_alone.len(), 4, "{:?}", report.left_alone);
    assert!(!report.left_alone.join(" ").contains("another-secret"));
    assert_eq!(
        world
            .iam
            .inline_policy(
                account,
                &Holder::User(alice.clone()),
                &policy("inline-name")
            )
            .await
            .unwrap(),
        ALLOW_ALL
    );
    let identity = world.iam.identity(key).await.unwrap().unwrap();
    assert!(!identity.active);
    assert_eq!(identity.secret.expose(), "alice-secret-alice-secret");
    assert_eq!(
        world.iam.account(account).await.unwrap().unwrap().name,
        "main"
    );
}

#[tokio::test]
async fn what_is_missing_is_added_to_what_exists() {
    let world = World::empty().await;
    world.iam.apply_bootstrap(&parse(FILE)).await.unwrap();
    let more = format!(
        "{FILE}access_key = {{ id = \"AKIABOOTALTROOT00000\", secret = \"alt-secret-alt-secret\" }}\n"
    );
    let report = world.iam.apply_bootstrap(&parse(&more)).await.unwrap();
    assert_eq!(report.created, ["access key AKIABOOTALTROOT00000"]);
    let identity = world
        .iam
        .identity("AKIABOOTALTROOT00000")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(identity.principal.arn, "arn:aws:iam::222222222222:root");
}

#[tokio::test]
async fn a_key_or_canonical_id_of_somebody_else_is_refused_before_anything_is_made() {
    let world = World::empty().await;
    world.iam.apply_bootstrap(&parse(FILE)).await.unwrap();
    for (text, words) in [
        (
            "[[account]]\nid = \"333333333333\"\nname = \"n\"\naccess_key = { id = \"AKIABOOTALICE0000000\", secret = \"12345678\" }",
            "the access key AKIABOOTALICE0000000 belongs to user alice of account 111111111111.",
        ),
        (
            "[[account]]\nid = \"111111111111\"\nname = \"main\"\n[[account.user]]\nname = \"carol\"\naccess_key = { id = \"AKIABOOTROOT00000000\", secret = \"12345678\" }",
            "the access key AKIABOOTROOT00000000 belongs to the root of account 111111111111.",
        ),
        (
            "[[account]]\nid = \"333333333333\"\nname = \"n\"\ncanonical_id = \"testid\"",
            "the canonical_id \"testid\" belongs to account 111111111111.",
        ),
    ] {
        let error = world.iam.apply_bootstrap(&parse(text)).await.unwrap_err();
        assert!(matches!(error, BootstrapError::Conflict { .. }));
        assert!(error.to_string().contains(words), "{error}");
    }
    assert!(world.iam.account("333333333333").await.unwrap().is_none());
    assert!(
        world
            .iam
            .get_user("111111111111", &name("carol"))
            .await
            .is_err()
    );
}

#[test]
fn mistakes_are_named() {
    let account = "[[account]]\nid = \"111111111111\"\nname = \"n\"\n";
    let user = format!("{account}[[account.user]]\nname = \"u\"\n");
    let table = [
        ("[[acount]]\n".to_owned(), "unknown field `acount`"),
        (format!("{account}mail = \"x\"\n"), "unknown field `mail`"),
        (format!("{user}polices = {{}}\n"), "unknown field `polices`"),
        ("[[account]]\nname = \"n\"\n".into(), "missing field `id`"),
        (
            "[[account]]\nid = 1\nname = \"n\"\n".into(),
            "line 2: invalid type",
        ),
        ("x = [".into(), "line 1"),
        (account.replace("111111111111", "12345"), "12 digits"),
        (
            account.replace("111111111111", "1111-1111-111"),
            "12 digits",
        ),
        (format!("{account}{account}"), "declared twice"),
        (
            account.replace("name = \"n\"", "name = \"\""),
            "the name is empty",
        ),
        (
            format!("{account}canonical_id = \"a b\"\n"),
            "canonical_id must be",
        ),
        (
            format!("{account}access_key = {{ id = \"A/B\", secret = \"12345678\" }}\n"),
            "letters, digits or underscores",
        ),
        (
            format!("{account}access_key = {{ id = \"AKIA\", secret = \"short\" }}\n"),
            "8 to 256 printable",
        ),
        (user.replace("\"u\"", "\"u v\""), "userName is invalid"),
        (format!("{user}path = \"x\"\n"), "path is invalid"),
        (
            format!("{user}policies = {{ p = \"{{\" }}\n"),
            "policy \"p\":",
        ),
        (
            format!("{user}[[account.user]]\nname = \"U\"\n"),
            "declared twice",
        ),
        (
            format!(
                "{account}access_key = {{ id = \"AKIA\", secret = \"12345678\" }}\n[[account.user]]\nname = \"u\"\naccess_key = {{ id = \"AKIA\", secret = \"12345678\" }}\n"
            ),
            "is declared twice",
        ),
    ];
    for (text, words) in table {
        let message = refusal(&text);
        assert!(message.contains(words), "{text}\n-> {message}");
    }
}

#[test]
fn a_message_never_quotes_a_secret() {
    for text in [
        "[[account]]\nid = \"111111111111\"\nname = \"n\"\naccess_key = { id = \"AKIA\", secret = \"hunter2\" }",
        "[[account]]\naccess_key = { id = \"AKIA\", secret = \"hunter2\", x = 1 }",
        "[[account]]\naccess_key = { id = \"AKIA\" secret = \"hunter2\" }",
    ] {
        let message = refusal(text);
        assert!(!message.contains("hunter2"), "{message}");
    }
}

#[tokio::test]
async fn a_first_account_is_made_from_nothing() {
    let world = World::empty().await;
    let new = NewAccount::generate("main").unwrap();
    let account = world.iam.create_account(&new).await.unwrap();
    assert_eq!(account.id.len(), 12);
    assert!(world.iam.has_accounts().await.unwrap());
    let key = new.access_key.as_ref().unwrap();
    let identity = world
        .iam
        .identity(&key.access_key_id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(identity.secret.expose(), key.secret.expose());
    assert_eq!(
        world.iam.create_account(&new).await.unwrap_err().code(),
        "EntityAlreadyExists"
    );
}
