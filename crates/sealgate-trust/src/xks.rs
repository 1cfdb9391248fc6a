//! The client of an external key store proxy: keys that someone else holds, behind the API that AWS KMS speaks
//! to such stores.
//! <https://github.com/aws/aws-kms-xksproxy-api-spec/blob/main/spec/xks_proxy_api_spec.md>

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sealgate_crypto::hash::{Digest, Sha256};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use url::Url;
use zeroize::Zeroizing;

use crate::error::Refusal;
use crate::http::{Http, NoAnswer, Signer, quoted, to_json};
use crate::source;

/// The service that requests are signed for.
const SERVICE: &str = "kms-xks-proxy";
/// AWS KMS waits for 250 ms, which a proxy is therefore built for.
pub const TIMEOUT: Duration = Duration::from_millis(250);
/// The most that a proxy may add to a ciphertext.
const MAX_METADATA: usize = 20;

/// Where a proxy is, and how it knows us.
pub struct Config {
    /// Scheme, host and port: the `XksProxyUriEndpoint`.
    pub endpoint: String,
    /// The `XksProxyUriPath`, which ends in `/kms/xks/v1`.
    pub path: String,
    /// Access key that the proxy gave.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: Zeroizing<String>,
    /// Region of the KMS that signs.
    pub region: String,
    /// The certificates to trust, if not those of the system.
    pub ca_file: Option<PathBuf>,
    /// For a whole call; [`TIMEOUT`] is that of AWS.
    pub timeout: Duration,
}

/// What the proxy is told about the request that led to the call.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestMetadata {
    /// ARN of the caller of the KMS.
    pub aws_principal_arn: String,
    /// ARN of the KMS key; none while it is being made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kms_key_arn: Option<String>,
    /// The KMS operation.
    pub kms_operation: String,
    /// Its request id.
    pub kms_request_id: String,
    /// The service that asked on behalf of the caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kms_via_service: Option<String>,
}

/// The health of the proxy and of the key managers behind it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// How many proxies there are.
    pub xks_proxy_fleet_size: u32,
    /// Who made the proxy.
    pub xks_proxy_vendor: String,
    /// What it is.
    pub xks_proxy_model: String,
    /// Who made the key managers.
    pub ekm_vendor: String,
    /// The key managers.
    pub ekm_fleet_details: Vec<KeyManager>,
}

/// One key manager.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyManager {
    /// Its name.
    pub id: String,
    /// What it is.
    pub model: String,
    /// `ACTIVE`, `DEGRADED` or `UNAVAILABLE`.
    pub health_status: String,
}

/// What a key is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyMetadata {
    /// `AES_256`.
    pub key_spec: String,
    /// `ENCRYPT`, `DECRYPT` and others.
    pub key_usage: Vec<String>,
    /// `ENABLED` or `DISABLED`.
    pub key_status: String,
}

/// What was encrypted, in its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encrypted {
    /// As long as the plaintext.
    pub ciphertext: Vec<u8>,
    /// Up to 20 bytes for the proxy itself.
    pub metadata: Vec<u8>,
    /// 12 or 16 bytes.
    pub iv: Vec<u8>,
    /// The tag of AES-GCM.
    pub tag: [u8; 16],
}

/// Why a proxy was of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum XksError {
    /// The configuration means nothing.
    #[error("the external key store proxy cannot be used: {0}")]
    Config(String),
    /// There is nobody at its address, or whoever is hung up.
    #[error("the external key store proxy does not answer: {0}")]
    Unreachable(String),
    /// No answer came in time.
    #[error("the external key store proxy does not answer in time: {0}")]
    TimedOut(String),
    /// Whoever answers does not prove to be the proxy.
    #[error("the external key store proxy has no certificate that is trusted: {0}")]
    Tls(String),
    /// It refused, by one of the names of the specification.
    #[error("the external key store proxy answered {name}: {message}")]
    Refused {
        /// Such as `InvalidCiphertextException`.
        name: String,
        /// Its words; for the log.
        message: String,
    },
    /// The answer is not one of the specification.
    #[error("the answer of the external key store proxy cannot be interpreted: {0}")]
    Malformed(String),
}

/// The client of a proxy.
pub struct Client {
    config: Config,
    base: Url,
    http: Http,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MetadataRequest<'a> {
    request_metadata: &'a RequestMetadata,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EncryptRequest<'a> {
    request_metadata: &'a RequestMetadata,
    additional_authenticated_data: String,
    plaintext: &'a str,
    encryption_algorithm: &'static str,
    ciphertext_data_integrity_value_algorithm: &'static str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EncryptResponse {
    ciphertext: String,
    #[serde(default)]
    ciphertext_metadata: String,
    initialization_vector: String,
    authentication_tag: String,
    ciphertext_data_integrity_value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DecryptRequest<'a> {
    request_metadata: &'a RequestMetadata,
    additional_authenticated_data: String,
    ciphertext: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    ciphertext_metadata: String,
    encryption_algorithm: &'static str,
    initialization_vector: String,
    authentication_tag: String,
}

#[derive(Deserialize)]
struct DecryptResponse {
    plaintext: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fault {
    error_name: String,
    #[serde(default)]
    error_message: String,
}

impl Client {
    /// A client of this proxy. The process must have installed a default crypto provider for rustls.
    ///
    /// # Errors
    /// [`XksError::Config`] if the address is not one that secrets may be sent to.
    pub fn new(config: Config) -> Result<Client, XksError> {
        let base = source::address(&config.endpoint).map_err(XksError::Config)?;
        if !config.path.starts_with('/') || !config.path.ends_with("/kms/xks/v1") {
            return Err(XksError::Config(
                "the path must begin with \"/\" and end in \"/kms/xks/v1\"".to_owned(),
            ));
        }
        let http = Http::new(config.ca_file.as_deref(), config.timeout).map_err(|refusal| {
            let (Refusal::Unreachable(reason) | Refusal::Refused(reason)) = refusal;
            XksError::Config(reason)
        })?;
        Ok(Client { config, base, http })
    }

    /// `GetHealthStatus`.
    ///
    /// # Errors
    /// If the proxy refuses or does not answer as specified.
    pub async fn health(&self, metadata: &RequestMetadata) -> Result<Health, XksError> {
        // This call is not made for anyone: the specification has two fields only.
        let body = serde_json::json!({ "requestMetadata": {
            "kmsRequestId": metadata.kms_request_id,
            "kmsOperation": metadata.kms_operation,
        }});
        self.call("health", &body).await
    }

    /// `GetKeyMetadata`.
    ///
    /// # Errors
    /// If the proxy refuses or does not answer as specified.
    pub async fn key_metadata(
        &self,
        key: &str,
        metadata: &RequestMetadata,
    ) -> Result<KeyMetadata, XksError> {
        let body = MetadataRequest {
            request_metadata: metadata,
        };
        self.call(&key_path(key, "metadata")?, &body).await
    }

    /// `Encrypt`. The proxy's own hash over what it gives is checked, as AWS KMS does.
    ///
    /// # Errors
    /// If the proxy refuses or does not answer as specified.
    pub async fn encrypt(
        &self,
        key: &str,
        metadata: &RequestMetadata,
        aad: &[u8],
        plaintext: &[u8],
    ) -> Result<Encrypted, XksError> {
        let encoded = Zeroizing::new(BASE64.encode(plaintext));
        let body = EncryptRequest {
            request_metadata: metadata,
            additional_authenticated_data: BASE64.encode(aad),
            plaintext: &encoded,
            encryption_algorithm: "AES_GCM",
            ciphertext_data_integrity_value_algorithm: "SHA_256",
        };
        let answer: EncryptResponse = self.call(&key_path(key, "encrypt")?, &body).await?;
        let encrypted = Encrypted {
            ciphertext: decode(&answer.ciphertext)?,
            metadata: decode(&answer.ciphertext_metadata)?,
            iv: decode(&answer.initialization_vector)?,
            tag: decode(&answer.authentication_tag)?
                .try_into()
                .map_err(|_| malformed("the tag does not have 16 bytes"))?,
        };
        if encrypted.ciphertext.len() != plaintext.len()
            || encrypted.metadata.len() > MAX_METADATA
            || !matches!(encrypted.iv.len(), 12 | 16)
        {
            return Err(malformed("a field has a length that it cannot have"));
        }
        let value = decode(&answer.ciphertext_data_integrity_value)?;
        if !bool::from(value.ct_eq(&integrity_value(aad, &encrypted))) {
            return Err(malformed(
                "the ciphertext data integrity value does not fit",
            ));
        }
        Ok(encrypted)
    }

    /// `Decrypt`.
    ///
    /// # Errors
    /// If the proxy refuses or does not answer as specified.
    pub async fn decrypt(
        &self,
        key: &str,
        metadata: &RequestMetadata,
        aad: &[u8],
        encrypted: &Encrypted,
    ) -> Result<Zeroizing<Vec<u8>>, XksError> {
        let body = DecryptRequest {
            request_metadata: metadata,
            additional_authenticated_data: BASE64.encode(aad),
            ciphertext: BASE64.encode(&encrypted.ciphertext),
            ciphertext_metadata: BASE64.encode(&encrypted.metadata),
            encryption_algorithm: "AES_GCM",
            initialization_vector: BASE64.encode(&encrypted.iv),
            authentication_tag: BASE64.encode(encrypted.tag),
        };
        let answer: DecryptResponse = self.call(&key_path(key, "decrypt")?, &body).await?;
        let encoded = Zeroizing::new(answer.plaintext);
        let plaintext = Zeroizing::new(decode(&encoded)?);
        match plaintext.len() == encrypted.ciphertext.len() {
            true => Ok(plaintext),
            false => Err(malformed("the plaintext is not as long as the ciphertext")),
        }
    }

    async fn call<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, XksError> {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/{path}", self.config.path));
        let signer = Signer {
            access_key_id: &self.config.access_key_id,
            secret_access_key: &self.config.secret_access_key,
            session_token: None,
            region: &self.config.region,
            service: SERVICE,
        };
        let headers = [("content-type", "application/json")];
        let answer = self
            .http
            .send_signed(&signer, url, &headers, to_json(body))
            .await
            .map_err(|none| match none {
                NoAnswer::Unreachable(reason) => XksError::Unreachable(reason),
                NoAnswer::TimedOut(reason) => XksError::TimedOut(reason),
                NoAnswer::Tls(reason) => XksError::Tls(reason),
                NoAnswer::Unusable(reason) => malformed(reason),
            })?;
        if answer.status == 200 {
            return serde_json::from_slice(&answer.body)
                .map_err(|_| malformed("it is not JSON as specified"));
        }
        match serde_json::from_slice::<Fault>(&answer.body) {
            Ok(fault) => Err(XksError::Refused {
                name: quoted(&fault.error_name),
                message: quoted(&fault.error_message),
            }),
            Err(_) => Err(malformed(format!(
                "status {} without a name",
                answer.status
            ))),
        }
    }
}

/// Ids of external keys are up to 128 letters, digits and `-_.`
/// (`XksKeyIdType` of the KMS API); so none can lead elsewhere.
fn key_path(key: &str, operation: &str) -> Result<String, XksError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let first = key
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphanumeric());
    if !first || key.len() > 128 || !key.bytes().all(plain) {
        return Err(XksError::Config(
            "the id of the external key is not one".to_owned(),
        ));
    }
    Ok(format!("keys/{key}/{operation}"))
}

/// Appendix C of the specification.
fn integrity_value(aad: &[u8], encrypted: &Encrypted) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [
        aad,
        &encrypted.metadata,
        &encrypted.iv,
        &encrypted.ciphertext,
        &encrypted.tag,
    ] {
        hash.update(part);
    }
    hash.finalize().into()
}

fn decode(text: &str) -> Result<Vec<u8>, XksError> {
    BASE64
        .decode(text)
        .map_err(|_| malformed("a field is not base64"))
}

fn malformed(reason: impl Into<String>) -> XksError {
    XksError::Malformed(reason.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use serde_json::json;

    use super::*;
    use crate::http::tests::Server;

    const AAD: &[u8] = b"project=nile,department=marketing";

    fn client(server: &Server) -> Client {
        Client::new(Config {
            endpoint: server.url.clone(),
            path: "/team/kms/xks/v1".into(),
            access_key_id: "AKIAXKSPROXYEXAMPLE0".into(),
            secret_access_key: "secret".to_owned().into(),
            region: "us-east-2".into(),
            ca_file: None,
            // Machines that run tests are busy.
            timeout: Duration::from_secs(5),
        })
        .unwrap()
    }

    fn metadata() -> RequestMetadata {
        RequestMetadata {
            aws_principal_arn: "arn:aws:iam::123456789012:user/Alice".into(),
            kms_key_arn: Some("arn:aws:kms:us-east-2:123456789012:key/1".into()),
            kms_operation: "Encrypt".into(),
            kms_request_id: "4112f4d6-db54-4af4-ae30-c55a22a8dfae".into(),
            kms_via_service: None,
        }
    }

    /// The example of the specification.
    fn example() -> serde_json::Value {
        json!({
            "authenticationTag": "vBxN2ncH1oEkR8WVXpmyYQ==",
            "ciphertext": "ghxkK1txeDNn3q8Y",
            "ciphertextDataIntegrityValue": "qHA/ImC9h5HsLRXqCyPmWgYx7tzyoTplzILbP0fPXsc=",
            "ciphertextMetadata": "a2V5X3ZlcnNpb249MQ==",
            "initializationVector": "HMrlRw85cAJUd5Ax"
        })
    }

    #[tokio::test]
    async fn the_example_of_the_specification_is_understood() {
        let server = Server::start(|asked| {
            let authorization = asked.header("authorization");
            let scope = "/us-east-2/kms-xks-proxy/aws4_request, ";
            if !authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKIAXKSPROXYEXAMPLE0/")
                || !authorization.contains(scope)
            {
                return (401, json!({ "errorName": "AuthenticationFailedException" }));
            }
            match asked.path.as_str() {
                "/team/kms/xks/v1/keys/key-1/encrypt" => {
                    assert_eq!(asked.body["plaintext"], "SGVsbG8gV29ybGQh");
                    assert_eq!(
                        asked.body["requestMetadata"]["awsPrincipalArn"],
                        "arn:aws:iam::123456789012:user/Alice"
                    );
                    (200, example())
                }
                "/team/kms/xks/v1/keys/key-1/decrypt" => {
                    assert_eq!(asked.body["ciphertextMetadata"], "a2V5X3ZlcnNpb249MQ==");
                    (200, json!({ "plaintext": "SGVsbG8gV29ybGQh" }))
                }
                "/team/kms/xks/v1/keys/key-1/metadata" => (
                    200,
                    json!({ "keySpec": "AES_256", "keyUsage": ["ENCRYPT", "DECRYPT"], "keyStatus": "ENABLED" }),
                ),
                "/team/kms/xks/v1/health" => {
                    assert!(asked.body["requestMetadata"]["awsPrincipalArn"].is_null());
                    (
                        200,
                        json!({ "xksProxyFleetSize": 2, "xksProxyVendor": "Acme Corp", "xksProxyModel": "Acme 1.0",
                            "ekmVendor": "Thales", "ekmFleetDetails": [
                                { "id": "hsm-1", "model": "Luna", "healthStatus": "DEGRADED" }] }),
                    )
                }
                _ => (404, json!({ "errorName": "InvalidUriPathException" })),
            }
        })
        .await;
        let client = client(&server);
        let encrypted = client
            .encrypt("key-1", &metadata(), AAD, b"Hello World!")
            .await
            .unwrap();
        assert_eq!(encrypted.metadata, b"key_version=1");
        let opened = client
            .decrypt("key-1", &metadata(), AAD, &encrypted)
            .await
            .unwrap();
        assert_eq!(*opened, b"Hello World!");
        let key = client.key_metadata("key-1", &metadata()).await.unwrap();
        assert_eq!(key.key_status, "ENABLED");
        let health = client.health(&metadata()).await.unwrap();
        assert_eq!(health.ekm_fleet_details[0].health_status, "DEGRADED");
    }

    #[tokio::test]
    async fn refusals_keep_their_names_and_lies_are_found_out() {
        let server = Server::start(|_| (200, example())).await;
        let client = client(&server);
        // Another AAD, another length: the integrity value does not fit.
        for (aad, plaintext) in [(&b"other"[..], &b"Hello World!"[..]), (AAD, b"Hello")] {
            let refused = client.encrypt("key-1", &metadata(), aad, plaintext).await;
            assert!(matches!(refused, Err(XksError::Malformed(_))));
        }
        server.answer(|_| {
            (
                400,
                json!({ "errorName": "InvalidStateException", "errorMessage": "blocked\u{7}" }),
            )
        });
        let refused = client.key_metadata("key-1", &metadata()).await.err();
        assert_eq!(
            refused,
            Some(XksError::Refused {
                name: "InvalidStateException".into(),
                message: "blocked".into()
            })
        );
        server.answer(|_| (503, serde_json::Value::Null));
        let refused = client.key_metadata("key-1", &metadata()).await;
        assert!(matches!(refused, Err(XksError::Malformed(_))));
        for key in ["", "../health", "a/b", "a b", &"k".repeat(129)] {
            let refused = client.key_metadata(key, &metadata()).await;
            assert!(matches!(refused, Err(XksError::Config(_))));
        }
    }

    #[tokio::test]
    async fn a_proxy_that_does_not_answer_is_waited_for_so_long_and_no_longer() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = Client::new(Config {
            endpoint: format!("http://{}", silent.local_addr().unwrap()),
            path: "/kms/xks/v1".into(),
            access_key_id: "AKIA".into(),
            secret_access_key: "secret".to_owned().into(),
            region: "us-east-2".into(),
            ca_file: None,
            timeout: Duration::from_millis(100),
        })
        .unwrap();
        let refused = client.health(&metadata()).await;
        assert!(matches!(refused, Err(XksError::TimedOut(_))));
    }
}
