//! A root key wrapped by the Transit secrets engine of HashiCorp Vault or OpenBao.
//! <https://developer.hashicorp.com/vault/api-docs/secret/transit>

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use parking_lot::Mutex;
use reqwest::Method;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::error::Refusal;
use crate::http::{self, Http, quoted, to_json, wiped};
use crate::key::RootKey;
use crate::sealed::Wrapped;
use crate::secrets::Secrets;
use crate::source::VaultSource;

/// For a whole call.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The client of one key.
pub(crate) struct Vault {
    source: VaultSource,
    http: Http,
    secrets: Secrets,
    /// What the AppRole login gave, for as long as it is taken.
    login: Mutex<Option<Zeroizing<String>>>,
}

#[derive(Serialize)]
struct EncryptRequest<'a> {
    plaintext: &'a str,
}

#[derive(Serialize)]
struct LoginRequest<'a> {
    role_id: &'a str,
    secret_id: &'a str,
}

/// Answers are in an envelope.
#[derive(Deserialize)]
struct Envelope<T> {
    data: T,
}

#[derive(Deserialize)]
struct Ciphertext {
    ciphertext: String,
}

#[derive(Deserialize)]
struct Plaintext {
    plaintext: String,
}

#[derive(Deserialize)]
struct LoginResponse {
    auth: Login,
}

#[derive(Deserialize)]
struct Login {
    client_token: String,
}

/// An answer that was not 200.
struct Fault {
    status: u16,
    said: String,
}

impl Vault {
    pub(crate) fn new(source: &VaultSource, secrets: &Secrets) -> Result<Vault, Refusal> {
        Ok(Vault {
            http: Http::new(source.ca_file.as_deref(), TIMEOUT)?,
            source: source.clone(),
            secrets: secrets.clone(),
            login: Mutex::default(),
        })
    }

    pub(crate) async fn wrap(&self, root: &RootKey) -> Result<Wrapped, Refusal> {
        let plaintext = Zeroizing::new(BASE64.encode(root.expose()));
        let request = EncryptRequest {
            plaintext: &plaintext,
        };
        let answer: Envelope<Ciphertext> = self.transit("encrypt", &request).await?;
        Ok(Wrapped::Transit {
            key: answer.data.ciphertext,
        })
    }

    pub(crate) async fn unwrap(&self, wrapped: &Wrapped) -> Result<RootKey, Refusal> {
        let Wrapped::Transit { key } = wrapped else {
            return Err(Refusal::refused("it was not wrapped by Transit"));
        };
        let request = json!({ "ciphertext": key });
        let answer: Envelope<Plaintext> = self.transit("decrypt", &request).await?;
        let plaintext = Zeroizing::new(answer.data.plaintext);
        RootKey::from_base64(&plaintext).ok_or_else(|| Refusal::refused("it is not a root key"))
    }

    async fn transit<T: DeserializeOwned>(
        &self,
        operation: &str,
        body: &impl Serialize,
    ) -> Result<T, Refusal> {
        let path = format!("{}/{operation}/{}", self.source.mount, self.source.key);
        if let Some(token) = self.secrets.find("vault-token")? {
            return self
                .post(&path, &body, Some(&token))
                .await?
                .map_err(refusal);
        }
        // A login makes a token that lives for a while: one is used until it is no longer taken.
        let known = self.login.lock().clone();
        if let Some(token) = known {
            match self.post(&path, body, Some(&token)).await? {
                Err(Fault { status: 403, .. }) => {}
                answer => return answer.map_err(refusal),
            }
        }
        let token = self.log_in().await?;
        *self.login.lock() = Some(token.clone());
        self.post(&path, body, Some(&token)).await?.map_err(refusal)
    }

    /// <https://developer.hashicorp.com/vault/api-docs/auth/approle#login-with-approle>
    async fn log_in(&self) -> Result<Zeroizing<String>, Refusal> {
        let role = self.secrets.find("vault-role-id")?.ok_or_else(|| {
            Refusal::refused(
                "there is neither a token (SEALGATE_ROOT_VAULT_TOKEN or the credential sealgate-root-vault-token) \
                 nor an AppRole (vault-role-id and vault-secret-id in the same way)",
            )
        })?;
        let secret = self.secrets.require("vault-secret-id")?;
        let body = LoginRequest {
            role_id: &role,
            secret_id: &secret,
        };
        let answer: LoginResponse = self
            .post("auth/approle/login", &body, None)
            .await?
            .map_err(refusal)?;
        Ok(Zeroizing::new(answer.auth.client_token))
    }

    async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        token: Option<&str>,
    ) -> Result<Result<T, Fault>, Refusal> {
        let url = self
            .source
            .address
            .join(&format!("/v1/{path}"))
            .map_err(|error| Refusal::refused(format!("no address: {error}")))?;
        let mut request = self
            .http
            .request(Method::POST, url)
            // Tells agents in between that no browser was tricked into this.
            .header("x-vault-request", "true")
            .header("content-type", "application/json")
            .body(wiped(to_json(body)));
        if let Some(token) = token {
            let mut value = reqwest::header::HeaderValue::from_str(token)
                .map_err(|_| Refusal::refused("the token is not one"))?;
            value.set_sensitive(true);
            request = request.header("x-vault-token", value);
        }
        if let Some(namespace) = &self.source.namespace {
            request = request.header("x-vault-namespace", namespace);
        }
        let answer = http::send(request).await?;
        if answer.status == 200 {
            return serde_json::from_slice(&answer.body)
                .map(Ok)
                .map_err(|_| Refusal::unreachable("the answer is not as documented"));
        }
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let errors = body.pointer("/errors/0").and_then(Value::as_str);
        Ok(Err(Fault {
            status: answer.status,
            said: quoted(&format!(
                "{path} answered {}: {}",
                answer.status,
                errors.unwrap_or_default()
            )),
        }))
    }
}

/// Sealed (503), standby (429, 472, 473) and failing servers may be back soon.
/// <https://developer.hashicorp.com/vault/api-docs#http-status-codes>
fn refusal(fault: Fault) -> Refusal {
    match fault.status {
        429 | 472 | 473 | 500.. => Refusal::Unreachable(fault.said),
        _ => Refusal::Refused(fault.said),
    }
}
