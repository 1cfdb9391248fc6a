//! Roots on this machine: files, variables, credentials, passphrases.

use std::fs;

use super::*;
use crate::RootKey;
use crate::shares;

const HEX: &str = "0101010101010101010101010101010101010101010101010101010101010101";
const BASE64: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

#[tokio::test]
async fn without_a_word_the_root_is_a_file_in_the_data_folder() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let config = Env::default().config("");
    let text = refusal(&config, data).await;
    assert!(text.contains("root.key is missing"), "{text}");
    let made = Root::open(&config, data, true).await.unwrap();
    assert_eq!(names(data), ["root.key"]);
    assert_eq!(id(&open(&config, data).await.unwrap()), id(&made));
    let named = Env::default().config(&format!("file:{}/root.key", data.display()));
    assert_eq!(id(&open(&named, data).await.unwrap()), id(&made));
    assert!(made.check().await.is_ok());
}

#[tokio::test]
async fn a_variable_and_a_credential_hold_the_key_itself() {
    let folder = tempfile::tempdir().unwrap();
    let credentials = tempfile::tempdir().unwrap();
    fs::write(credentials.path().join("root"), format!("{BASE64}\n")).unwrap();
    let env = Env::of(&[
        ("KEY", HEX),
        (
            "CREDENTIALS_DIRECTORY",
            credentials.path().to_str().unwrap(),
        ),
    ]);
    for source in ["env:KEY", "credential:root"] {
        let data = &folder.path().join(source);
        fs::create_dir(data).unwrap();
        let config = env.config(source);
        assert!(
            refusal(&config, data)
                .await
                .contains("root.sealed is missing")
        );
        let root = Root::open(&config, data, true).await.unwrap();
        assert_eq!(id(&root), RootKey::from_bytes([1; 32]).id());
        assert_eq!(names(data), ["root.sealed"]);
        // The document says where to look.
        open(&env.config(""), data).await.unwrap();
    }
    let data = &folder.path().join("env:KEY");
    env.set("KEY", &HEX.replace("01", "02"));
    let text = refusal(&env.config(""), data).await;
    assert!(
        text.starts_with("the variable KEY gives the root key "),
        "{text}"
    );
    assert!(text.contains(&RootKey::from_bytes([1; 32]).id()), "{text}");
    env.set("KEY", "0102");
    let text = refusal(&env.config(""), data).await;
    assert!(text.contains("64 hex digits"), "{text}");
    let text = refusal(&Env::default().config(""), data).await;
    assert!(
        text.starts_with("the variable KEY ") && text.ends_with("it is not there"),
        "{text}"
    );
    let text = refusal(&env.config("credential:root"), data).await;
    assert!(
        text.contains("the variable KEY, but the configuration says the credential root"),
        "{text}"
    );
}

#[tokio::test]
async fn a_passphrase_opens_and_a_wrong_one_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let env = Env::of(&[("SEALGATE_ROOT_PASSPHRASE", "too short")]);
    let config = env.config("passphrase");
    let refused = Root::open(&config, data, true).await.err().unwrap();
    assert!(refused.to_string().contains("12 characters"), "{refused}");
    assert!(names(data).is_empty());
    env.set("SEALGATE_ROOT_PASSPHRASE", "correct horse battery staple");
    let made = Root::open(&config, data, true).await.unwrap();
    assert_eq!(id(&open(&config, data).await.unwrap()), id(&made));
    env.set("SEALGATE_ROOT_PASSPHRASE", "correct horse battery stable");
    let text = refusal(&config, data).await;
    assert_eq!(
        text,
        "the passphrase of the root key does not give the root key: the passphrase is wrong"
    );
    let text = refusal(&Env::default().config(""), data).await;
    assert!(text.contains("SEALGATE_ROOT_PASSPHRASE"), "{text}");
    let document = fs::read_to_string(data.join("root.sealed")).unwrap();
    let costly = document.replace("\"memory_kib\": 65536", "\"memory_kib\": 4294967295");
    assert_ne!(costly, document);
    fs::write(data.join("root.sealed"), costly).unwrap();
    assert!(refusal(&config, data).await.contains("out of bounds"));
}

#[tokio::test]
async fn the_root_moves_between_holders_and_stays_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let env = Env::of(&[
        ("SEALGATE_ROOT_PASSPHRASE", "correct horse battery staple"),
        ("KEY", HEX),
    ]);
    let root = Root::open(&env.config(""), data, true).await.unwrap();
    let first = id(&root);
    // A variable cannot be given a key.
    let refused = root.rewrap(&env.config("env:KEY")).await.err().unwrap();
    assert!(matches!(refused, RootError::WrongKey { .. }), "{refused}");
    assert_eq!(names(data), ["root.key"]);

    assert_eq!(root.rewrap(&env.config("passphrase")).await.unwrap(), None);
    assert_eq!(names(data), ["root.sealed"]);
    assert_eq!(id(&open(&env.config(""), data).await.unwrap()), first);

    let elsewhere = folder.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let file = elsewhere.join("sealgate.key");
    let to = env.config(&format!("file:{}", file.display()));
    root.rewrap(&to).await.unwrap();
    assert_eq!(
        root.describe().await,
        format!("the root key file {}", file.display())
    );
    let back = open(&env.config(""), data).await.unwrap();
    assert_eq!(id(&back), first);

    let left = back.rewrap(&env.config("file:")).await.unwrap();
    assert_eq!(left, Some(file));
    assert_eq!(names(data), ["elsewhere", "root.key"]);
    assert_eq!(id(&open(&env.config(""), data).await.unwrap()), first);
    assert!(root.rewrap(&env.config("")).await.is_err());
}

#[tokio::test]
async fn after_a_crash_at_any_point_of_a_move_one_wrapping_opens_and_the_move_can_be_finished() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let env = Env::of(&[("SEALGATE_ROOT_PASSPHRASE", "correct horse battery staple")]);
    let root = Root::open(&env.config(""), data, true).await.unwrap();
    let first = id(&root);
    let key_file = fs::read(data.join("root.key")).unwrap();

    // Before the document is in its place.
    fs::write(data.join("root.sealed.unfinished"), "{\"format\": \"seal").unwrap();
    assert_eq!(id(&open(&env.config(""), data).await.unwrap()), first);
    root.rewrap(&env.config("passphrase")).await.unwrap();
    assert_eq!(names(data), ["root.sealed"]);

    // Before the key file is taken away.
    let document = fs::read(data.join("root.sealed")).unwrap();
    crate::key::install(&data.join("root.key"), &root.key().unwrap()).unwrap();
    assert_eq!(fs::read(data.join("root.key")).unwrap(), key_file);
    let again = open(&env.config(""), data).await.unwrap();
    assert_eq!(id(&again), first);
    again.rewrap(&env.config("passphrase")).await.unwrap();
    assert_eq!(names(data), ["root.sealed"]);

    // The way back: both are there, too.
    fs::write(data.join("root.sealed"), document).unwrap();
    crate::key::install(&data.join("root.key"), &root.key().unwrap()).unwrap();
    let again = open(&env.config(""), data).await.unwrap();
    again.rewrap(&env.config("file:")).await.unwrap();
    assert_eq!(names(data), ["root.key"]);

    // A foreign key file is never taken away.
    fs::remove_file(data.join("root.key")).unwrap();
    crate::key::install(&data.join("root.key"), &RootKey::from_bytes([9; 32])).unwrap();
    let foreign = fs::read(data.join("root.key")).unwrap();
    assert!(again.rewrap(&env.config("passphrase")).await.is_err());
    assert_eq!(fs::read(data.join("root.key")).unwrap(), foreign);
}

#[tokio::test]
async fn a_configuration_for_another_root_than_that_of_the_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let env = Env::of(&[
        ("SEALGATE_ROOT_PASSPHRASE", "correct horse battery staple"),
        ("KEY", HEX),
    ]);
    Root::open(&env.config(""), data, true).await.unwrap();
    let text = refusal(&env.config("env:KEY"), data).await;
    assert!(
        text.contains("root.key, but the configuration says the variable KEY"),
        "{text}"
    );
    // Also at a first start that was interrupted.
    assert!(
        Root::open(&env.config("passphrase"), data, true)
            .await
            .is_err()
    );
    assert_eq!(names(data), ["root.key"]);
    fs::write(data.join("root.sealed"), "not json").unwrap();
    assert!(refusal(&env.config(""), data).await.contains("damaged"));
}

#[tokio::test]
async fn a_quorum_brings_the_root_back_after_its_holder_was_lost() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let env = Env::of(&[("SEALGATE_ROOT_PASSPHRASE", "correct horse battery staple")]);
    let root = Root::open(&env.config("passphrase"), data, true)
        .await
        .unwrap();
    let shares = shares::split(&root.key().unwrap(), 2, 3).unwrap();
    let found = shares::combine(&shares[1..]).unwrap();
    let restored = Root::restore(found, &env.config("file:"), data)
        .await
        .unwrap();
    assert_eq!(id(&restored), id(&root));
    assert_eq!(names(data), ["root.key"]);
    let other = RootKey::from_bytes([3; 32]);
    assert!(
        Root::restore(other, &env.config("file:"), data)
            .await
            .is_err()
    );
    restored.rewrap(&env.config("passphrase")).await.unwrap();
    let other = RootKey::from_bytes([3; 32]);
    let refused = Root::restore(other, &env.config("file:"), data)
        .await
        .err()
        .unwrap();
    assert!(matches!(refused, RootError::WrongKey { .. }), "{refused}");
    assert_eq!(names(data), ["root.sealed"]);
}
