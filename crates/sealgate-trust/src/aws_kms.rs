//! A root key wrapped by a KMS that speaks the AWS API: AWS itself, or another Sealgate.
//! <https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html>

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;
use zeroize::Zeroizing;

use crate::error::Refusal;
use crate::http::{Http, Signer, quoted, to_json};
use crate::key::RootKey;
use crate::sealed::Wrapped;
use crate::secrets::Secrets;
use crate::source::KmsSource;

/// For a whole call.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The client of one key.
pub(crate) struct AwsKms {
    source: KmsSource,
    endpoint: Url,
    http: Http,
    secrets: Secrets,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct EncryptRequest<'a> {
    key_id: &'a str,
    plaintext: &'a str,
    encryption_context: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EncryptResponse {
    ciphertext_blob: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DecryptResponse {
    plaintext: String,
}

/// What an error says. AWS writes `message` here and `Message` there.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Fault {
    #[serde(rename = "__type")]
    kind: String,
    #[serde(alias = "Message")]
    message: String,
}

impl AwsKms {
    pub(crate) fn new(source: &KmsSource, secrets: &Secrets) -> Result<AwsKms, Refusal> {
        let endpoint = match &source.endpoint {
            Some(endpoint) => endpoint.clone(),
            None => {
                // <https://docs.aws.amazon.com/general/latest/gr/kms.html>
                let domain = match source.arn.starts_with("arn:aws-cn:") {
                    true => "amazonaws.com.cn",
                    false => "amazonaws.com",
                };
                Url::parse(&format!("https://kms.{}.{domain}/", source.region))
                    .map_err(|error| Refusal::refused(format!("no endpoint: {error}")))?
            }
        };
        Ok(AwsKms {
            http: Http::new(source.ca_file.as_deref(), TIMEOUT)?,
            source: source.clone(),
            endpoint,
            secrets: secrets.clone(),
        })
    }

    pub(crate) async fn wrap(&self, root: &RootKey) -> Result<Wrapped, Refusal> {
        let plaintext = Zeroizing::new(BASE64.encode(root.expose()));
        let answer: EncryptResponse = self
            .call(
                "Encrypt",
                &EncryptRequest {
                    key_id: &self.source.arn,
                    plaintext: &plaintext,
                    encryption_context: context(&root.id()),
                },
            )
            .await?;
        Ok(Wrapped::Kms {
            key: answer.ciphertext_blob,
        })
    }

    /// The key is named, so that a ciphertext of another key is refused by the KMS.
    pub(crate) async fn unwrap(&self, wrapped: &Wrapped, id: &str) -> Result<RootKey, Refusal> {
        let Wrapped::Kms { key } = wrapped else {
            return Err(Refusal::refused("it was not wrapped by a KMS"));
        };
        let answer: DecryptResponse = self
            .call(
                "Decrypt",
                &json!({
                    "KeyId": self.source.arn,
                    "CiphertextBlob": key,
                    "EncryptionContext": context(id),
                }),
            )
            .await?;
        let plaintext = Zeroizing::new(answer.plaintext);
        RootKey::from_base64(&plaintext).ok_or_else(|| Refusal::refused("it is not a root key"))
    }

    async fn call<T: DeserializeOwned>(
        &self,
        operation: &str,
        body: &impl Serialize,
    ) -> Result<T, Refusal> {
        let (id, secret) = (
            self.secrets.require("access-key-id")?,
            self.secrets.require("secret-access-key")?,
        );
        let token = self.secrets.find("session-token")?;
        let signer = Signer {
            access_key_id: &id,
            secret_access_key: &secret,
            session_token: token.as_ref().map(|token| token.as_str()),
            region: &self.source.region,
            service: "kms",
        };
        let target = format!("TrentService.{operation}");
        let headers = [
            ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-target", target.as_str()),
        ];
        let answer = self
            .http
            .send_signed(&signer, self.endpoint.clone(), &headers, to_json(body))
            .await?;
        if answer.status == 200 {
            return serde_json::from_slice(&answer.body)
                .map_err(|_| Refusal::unreachable("the answer is not as documented"));
        }
        let fault: Fault = serde_json::from_slice(&answer.body).unwrap_or_default();
        let kind = fault.kind.rsplit('#').next().unwrap_or_default().to_owned();
        let said = quoted(&format!(
            "{operation} answered {} {kind}: {}",
            answer.status, fault.message
        ));
        Err(match (answer.status, kind.as_str()) {
            // What passes by itself; everything else is an answer.
            (500.., _) | (429, _) | (_, "ThrottlingException") => Refusal::Unreachable(said),
            _ => Refusal::Refused(said),
        })
    }
}

/// Binds a wrapping to its purpose: no other use of the key can be passed off as a root.
fn context(root_key_id: &str) -> Value {
    json!({ "sealgate:purpose": "root key", "sealgate:root-key-id": root_key_id })
}
