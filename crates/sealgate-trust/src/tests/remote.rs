//! Roots behind HTTP. The KMS is a server of the test that answers as AWS documents it, and moto where it is
//! installed. Vault is the recorded contract of Transit (the requests and answers of its API documentation): no
//! server of it was run.

use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::*;
use crate::http::tests::{Asked, Server};

const ARN: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

fn credentials() -> Env {
    Env::of(&[
        ("SEALGATE_ROOT_ACCESS_KEY_ID", "AKIAROOTEXAMPLE00000"),
        ("SEALGATE_ROOT_SECRET_ACCESS_KEY", "secret"),
    ])
}

fn kms_source(url: &str) -> String {
    format!("kms:{ARN}?endpoint={url}")
}

/// A KMS that "encrypts" by putting the context in front.
fn kms(asked: &Asked) -> (u16, Value) {
    let authorization = asked.header("authorization");
    let signed = authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKIAROOTEXAMPLE00000/")
        && authorization.contains("/eu-west-1/kms/aws4_request, SignedHeaders=")
        && ["host", "x-amz-content-sha256", "x-amz-date", "x-amz-target"]
            .iter()
            .all(|name| authorization.contains(name) || *name == "host")
        && asked.header("x-amz-date").len() == 16;
    let body = &asked.body;
    let context = body["EncryptionContext"].to_string();
    let fault = |name: &str| (400, json!({ "__type": name, "message": "no" }));
    if !signed {
        return fault("IncompleteSignatureException");
    }
    if body["KeyId"] != ARN {
        return fault("IncorrectKeyException");
    }
    match asked.header("x-amz-target") {
        "TrentService.Encrypt" => {
            assert_eq!(body["EncryptionContext"]["sealgate:purpose"], "root key");
            let blob = format!("{context}{}", body["Plaintext"].as_str().unwrap());
            (200, json!({ "KeyId": ARN, "CiphertextBlob": blob }))
        }
        "TrentService.Decrypt" => match body["CiphertextBlob"]
            .as_str()
            .unwrap()
            .strip_prefix(&context)
        {
            Some(plaintext) => (200, json!({ "KeyId": ARN, "Plaintext": plaintext })),
            None => fault("com.amazonaws.kms#InvalidCiphertextException"),
        },
        _ => fault("UnknownOperationException"),
    }
}

#[tokio::test]
async fn a_kms_wraps_the_root_and_is_told_what_for() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let server = Server::start(kms).await;
    let config = credentials().config(&kms_source(&server.url));
    let made = Root::open(&config, data, true).await.unwrap();
    assert_eq!(names(data), ["root.sealed"]);
    assert_eq!(
        id(&open(&credentials().config(""), data).await.unwrap()),
        id(&made)
    );
    let text = refusal(&Env::default().config(""), data).await;
    assert!(
        text.contains(ARN) && text.contains("SEALGATE_ROOT_ACCESS_KEY_ID"),
        "{text}"
    );
    server.answer(|_| {
        (
            400,
            json!({ "__type": "DisabledException", "message": "key is disabled." }),
        )
    });
    let text = refusal(&config, data).await;
    assert!(
        text.contains(ARN) && text.contains("DisabledException: key is disabled."),
        "{text}"
    );
    // Another key's root: the context of the document does not fit.
    server.answer(kms);
    let other = tempfile::tempdir().unwrap();
    Root::open(&config, other.path(), true).await.unwrap();
    let read = |data: &Path| -> Value {
        serde_json::from_slice(&std::fs::read(data.join("root.sealed")).unwrap()).unwrap()
    };
    let mut mixed = read(data);
    mixed["wrapped"] = read(other.path())["wrapped"].clone();
    std::fs::write(data.join("root.sealed"), mixed.to_string()).unwrap();
    assert!(
        refusal(&config, data)
            .await
            .contains("InvalidCiphertextException")
    );
}

#[tokio::test]
async fn a_refusal_loses_the_root_at_once_and_service_comes_back_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(kms).await;
    let mut config = credentials().config(&kms_source(&server.url));
    config.lease.grace = Duration::from_secs(3600);
    let root = Root::open(&config, folder.path(), true).await.unwrap();
    let first = id(&root);
    let losses = losses(&root);
    root.check().await.unwrap();

    // Out of reach, within the grace: the root stays.
    server.answer(|_| (500, json!({ "__type": "KMSInternalException" })));
    assert!(matches!(
        root.check().await,
        Err(RootError::Unreachable { .. })
    ));
    assert_eq!(id(&root), first);
    assert_eq!(losses.load(Ordering::Relaxed), 0);

    server.answer(|_| (400, json!({ "__type": "AccessDeniedException" })));
    assert!(matches!(root.check().await, Err(RootError::Refused { .. })));
    let lost = root.key().err().unwrap().to_string();
    assert!(lost.contains("AccessDeniedException"), "{lost}");
    assert!(root.derive("anything").is_err());
    assert_eq!(losses.load(Ordering::Relaxed), 1);

    server.answer(kms);
    let watching = tokio::spawn({
        let root = root.clone();
        async move { root.watch().await }
    });
    while root.key().is_err() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(id(&root), first);
    watching.abort();
}

#[tokio::test]
async fn out_of_reach_for_longer_than_the_grace_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(kms).await;
    let config = credentials().config(&kms_source(&server.url));
    let root = Root::open(&config, folder.path(), true).await.unwrap();
    server.answer(|_| (503, Value::Null));
    assert!(root.check().await.is_err());
    assert!(root.key().is_err());
    server.answer(kms);
    root.check().await.unwrap();
    assert!(root.key().is_ok());
}

/// Transit and AppRole as documented.
fn vault(asked: &Asked) -> (u16, Value) {
    assert_eq!(asked.header("x-vault-request"), "true");
    let denied = (403, json!({ "errors": ["permission denied"] }));
    match (asked.path.as_str(), asked.header("x-vault-token")) {
        ("/v1/auth/approle/login", "") if asked.body["secret_id"] == "the secret id" => (
            200,
            json!({ "auth": { "client_token": "hvs.login", "lease_duration": 3600 } }),
        ),
        ("/v1/auth/approle/login", _) => (400, json!({ "errors": ["invalid role or secret ID"] })),
        (_, "hvs.token" | "hvs.login") => match asked.path.as_str() {
            "/v1/team/transit/encrypt/sealgate" => {
                let ciphertext = format!("vault:v1:{}", asked.body["plaintext"].as_str().unwrap());
                (
                    200,
                    json!({ "data": { "ciphertext": ciphertext, "key_version": 1 } }),
                )
            }
            "/v1/team/transit/decrypt/sealgate" => {
                let ciphertext = asked.body["ciphertext"].as_str().unwrap();
                let plaintext = ciphertext.strip_prefix("vault:v1:").unwrap();
                (200, json!({ "data": { "plaintext": plaintext } }))
            }
            _ => (404, json!({ "errors": [] })),
        },
        _ => denied,
    }
}

#[tokio::test]
async fn transit_wraps_the_root_for_a_token_and_for_a_role() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let server = Server::start(vault).await;
    let source = format!("vault:{}/team/transit/sealgate", server.url);
    let token = Env::of(&[("SEALGATE_ROOT_VAULT_TOKEN", "hvs.token")]);
    let made = Root::open(&token.config(&source), data, true)
        .await
        .unwrap();
    let role = Env::of(&[
        ("SEALGATE_ROOT_VAULT_ROLE_ID", "role"),
        ("SEALGATE_ROOT_VAULT_SECRET_ID", "the secret id"),
    ]);
    let root = open(&role.config(""), data).await.unwrap();
    assert_eq!(id(&root), id(&made));

    // A login that is no longer taken is made anew, once.
    server.answer(|asked| match asked.header("x-vault-token") {
        "hvs.login" => (403, json!({ "errors": ["permission denied"] })),
        _ if asked.path == "/v1/auth/approle/login" => {
            (200, json!({ "auth": { "client_token": "hvs.token" } }))
        }
        _ => vault(asked),
    });
    root.check().await.unwrap();

    let wrong = Env::of(&[("SEALGATE_ROOT_VAULT_TOKEN", "hvs.other")]);
    let text = refusal(&wrong.config(""), data).await;
    assert!(
        text.contains("team/transit/sealgate") && text.contains("permission denied"),
        "{text}"
    );
    server.answer(|_| (503, json!({ "errors": ["Vault is sealed"] })));
    let sealed = open(&token.config(""), data).await.err().unwrap();
    assert!(
        matches!(&sealed, RootError::Unreachable { reason, .. } if reason.contains("Vault is sealed"))
    );
}

/// Ends with the test.
struct Moto(Child);

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn moto_wraps_the_root() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let started = Command::new("moto_server")
        .args(["-H", "127.0.0.1", "-p", &port.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(started) = started else {
        eprintln!("SKIPPED: moto_server is not installed");
        return;
    };
    let _moto = Moto(started);
    let url = format!("http://127.0.0.1:{port}");
    let http = crate::http::Http::new(None, Duration::from_secs(5)).unwrap();
    let signer = crate::http::Signer {
        access_key_id: "AKIAROOTEXAMPLE00000",
        secret_access_key: "secret",
        session_token: None,
        region: "eu-west-1",
        service: "kms",
    };
    let headers = [
        ("content-type", "application/x-amz-json-1.1"),
        ("x-amz-target", "TrentService.CreateKey"),
    ];
    let mut tries = 0;
    let made = loop {
        let body = b"{}".to_vec().into();
        match http
            .send_signed(&signer, url.parse().unwrap(), &headers, body)
            .await
        {
            Ok(answer) => break serde_json::from_slice::<Value>(&answer.body).unwrap(),
            Err(_) if tries < 300 => tries += 1,
            Err(error) => panic!("moto does not start: {error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    let arn = made["KeyMetadata"]["Arn"].as_str().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = credentials().config(&format!("kms:{arn}?endpoint={url}"));
    let root = Root::open(&config, folder.path(), true).await.unwrap();
    let again = open(&credentials().config(""), folder.path())
        .await
        .unwrap();
    assert_eq!(id(&again), id(&root));
    again.check().await.unwrap();
    again.rewrap(&config).await.unwrap();
    assert_eq!(id(&open(&config, folder.path()).await.unwrap()), id(&root));
}
