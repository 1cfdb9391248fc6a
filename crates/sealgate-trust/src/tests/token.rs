//! Roots on a PKCS #11 token: SoftHSM2. It finds its configuration by a variable of the process, so each test
//! runs itself again as a child that has it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::*;

const MODULES: [&str; 3] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
];
const INSIDE: &str = "SEALGATE_TEST_TOKENS";

/// A folder with tokens, in the child.
struct Tokens {
    folder: PathBuf,
    module: &'static str,
}

/// Runs `body` in a child with SoftHSM2 set up and a token `main` of the PIN 1234.
fn with_tokens(test: &str, body: impl AsyncFnOnce(Tokens)) {
    let Some(module) = MODULES.into_iter().find(|path| Path::new(path).exists()) else {
        eprintln!("SKIPPED: SoftHSM2 is not installed");
        return;
    };
    if let Ok(folder) = std::env::var(INSIDE) {
        let tokens = Tokens {
            folder: folder.into(),
            module,
        };
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(body(tokens));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::create_dir(path.join("tokens")).unwrap();
    fs::create_dir(path.join("data")).unwrap();
    let config = path.join("softhsm2.conf");
    let lines = format!(
        "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
        path.join("tokens").display()
    );
    fs::write(&config, lines).unwrap();
    let made = Command::new("softhsm2-util")
        .args([
            "--init-token",
            "--free",
            "--label",
            "main",
            "--pin",
            "1234",
            "--so-pin",
            "5678",
        ])
        .env("SOFTHSM2_CONF", &config)
        .output()
        .expect("softhsm2-util comes with SoftHSM2");
    assert!(made.status.success(), "{made:?}");
    let child = Command::new(std::env::current_exe().unwrap())
        .args([&format!("tests::token::{test}"), "--exact", "--nocapture"])
        .env("SOFTHSM2_CONF", &config)
        .env(INSIDE, path)
        .output()
        .unwrap();
    let out = String::from_utf8_lossy(&child.stdout);
    let err = String::from_utf8_lossy(&child.stderr);
    assert!(
        child.status.success() && out.contains("1 passed"),
        "{out}\n{err}"
    );
}

impl Tokens {
    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn source(&self, token: &str, object: &str) -> String {
        format!(
            "pkcs11:token={token};object={object}?module-path={}",
            self.module
        )
    }

    /// Pulls all tokens, or plugs them in again.
    fn rename(&self, from: &str, to: &str) {
        let (from, to) = (self.folder.join(from), self.folder.join(to));
        fs::create_dir_all(&to).unwrap();
        for entry in fs::read_dir(&from).unwrap() {
            let entry = entry.unwrap();
            fs::rename(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

fn pin(pin: &str) -> Env {
    Env::of(&[("SEALGATE_ROOT_PIN", pin)])
}

#[test]
fn a_token_wraps_the_root_with_a_key_that_is_made_there_when_asked_for() {
    with_tokens(
        "a_token_wraps_the_root_with_a_key_that_is_made_there_when_asked_for",
        async |tokens| {
            let data = tokens.data();
            let mut config = pin("1234").config(&tokens.source("main", "sealgate"));
            config.make_wrapping_key = false;
            let refused = Root::open(&config, &data, true)
                .await
                .err()
                .unwrap()
                .to_string();
            assert!(
                refused.contains("no AES key of the name \"sealgate\""),
                "{refused}"
            );
            assert!(names(&data).is_empty());
            config.make_wrapping_key = true;
            let made = Root::open(&config, &data, true).await.unwrap();
            assert_eq!(names(&data), ["root.sealed"]);
            config.make_wrapping_key = false;
            for source in ["", &tokens.source("main", "sealgate")] {
                let root = open(&pin("1234").config(source), &data).await.unwrap();
                assert_eq!(id(&root), id(&made));
                root.check().await.unwrap();
            }
            // The PIN from a file that its owner alone can read.
            let file = tokens.folder.join("pin");
            fs::write(&file, "1234\n").unwrap();
            fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600))
                .unwrap();
            let source = format!(
                "{}&pin-source=file:{}",
                tokens.source("main", "sealgate"),
                file.display()
            );
            open(&Env::default().config(&source), &data).await.unwrap();
            // Another key of the same token does not open it.
            let other = tokens.folder.join("other");
            fs::create_dir(&other).unwrap();
            let second = pin("1234").config(&tokens.source("main", "second"));
            Root::open(&second, &other, true).await.unwrap();
            let text = refusal(&second, &data).await;
            assert!(text.contains("second"), "{text}");
        },
    );
}

#[test]
fn wrong_pins_tokens_and_modules_are_named_and_a_pin_is_not_tried_twice() {
    with_tokens(
        "wrong_pins_tokens_and_modules_are_named_and_a_pin_is_not_tried_twice",
        async |tokens| {
            let data = tokens.data();
            let source = tokens.source("main", "sealgate");
            Root::open(&pin("1234").config(&source), &data, true)
                .await
                .unwrap();
            let text = refusal(&pin("4321").config(""), &data).await;
            assert!(
                text.contains("\"sealgate\" on the PKCS #11 token \"main\""),
                "{text}"
            );
            assert!(text.contains("its PIN is wrong"), "{text}");
            assert!(!text.contains("4321"), "{text}");
            let text = refusal(&Env::default().config(""), &data).await;
            assert!(text.contains("SEALGATE_ROOT_PIN"), "{text}");
            let text = refusal(
                &pin("1234").config(&tokens.source("none", "sealgate")),
                &data,
            )
            .await;
            assert!(
                text.contains("\"none\"") && text.contains("there is no such token"),
                "{text}"
            );
            let text = refusal(
                &pin("1234").config("pkcs11:token=main;object=sealgate?module-path=/nowhere.so"),
                &data,
            )
            .await;
            assert!(text.contains("/nowhere.so"), "{text}");

            let env = pin("1234");
            let root = open(&env.config(""), &data).await.unwrap();
            env.set("SEALGATE_ROOT_PIN", "4321");
            for word in ["its PIN is wrong", "not tried again", "not tried again"] {
                let refused = root.check().await.err().unwrap().to_string();
                assert!(refused.contains(word), "{refused}");
            }
            env.set("SEALGATE_ROOT_PIN", "1234");
            root.check().await.unwrap();
        },
    );
}

#[test]
fn a_token_that_is_pulled_takes_the_root_away_and_brings_it_back() {
    with_tokens(
        "a_token_that_is_pulled_takes_the_root_away_and_brings_it_back",
        async |tokens| {
            let data = tokens.data();
            let mut config = pin("1234").config(&tokens.source("main", "sealgate"));
            // A token that is gone is no matter of time.
            config.lease.grace = Duration::from_secs(3600);
            let root = Root::open(&config, &data, true).await.unwrap();
            let first = id(&root);
            let losses = losses(&root);
            let watching = tokio::spawn({
                let root = root.clone();
                async move { root.watch().await }
            });
            for round in 1..=3 {
                tokens.rename("tokens", "away");
                while root.key().is_ok() {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                let lost = root.key().err().unwrap().to_string();
                assert!(lost.contains("there is no such token"), "{lost}");
                assert!(losses.load(Ordering::Relaxed) >= round);
                tokens.rename("away", "tokens");
                while root.key().is_err() {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                assert_eq!(id(&root), first);
            }
            watching.abort();
        },
    );
}

#[test]
fn the_root_moves_to_a_token_and_back_while_it_is_in_use() {
    with_tokens(
        "the_root_moves_to_a_token_and_back_while_it_is_in_use",
        async |tokens| {
            let data = tokens.data();
            let root = Root::open(&Env::default().config(""), &data, true)
                .await
                .unwrap();
            let first = id(&root);
            root.rewrap(&pin("1234").config(&tokens.source("main", "sealgate")))
                .await
                .unwrap();
            assert_eq!(names(&data), ["root.sealed"]);
            assert_eq!(
                id(&open(&pin("1234").config(""), &data).await.unwrap()),
                first
            );
            // It is leased from the token now.
            tokens.rename("tokens", "away");
            assert!(root.check().await.is_err());
            assert!(root.rewrap(&Env::default().config("file:")).await.is_err());
            tokens.rename("away", "tokens");
            root.check().await.unwrap();
            root.rewrap(&Env::default().config("file:")).await.unwrap();
            assert_eq!(names(&data), ["root.key"]);
            assert_eq!(
                id(&open(&Env::default().config(""), &data).await.unwrap()),
                first
            );
        },
    );
}
