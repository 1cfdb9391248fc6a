//! The public key of a pair: to see, to save, and how to use it without the gateway.

use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::material::attachment;
use super::text;
use super::view::View;
use crate::fault::Fault;
use crate::response::Page;
use crate::visit::Visit;

#[derive(Template)]
#[template(path = "key_public.html")]
struct PublicKey<'a> {
    id: &'a str,
    pem: String,
    algorithms: Vec<String>,
    commands: Vec<String>,
}

/// SubjectPublicKeyInfo in the text form of RFC 7468.
fn pem(der: &str) -> String {
    let mut text = String::from("-----BEGIN PUBLIC KEY-----\n");
    let mut rest = der;
    while !rest.is_empty() {
        let (line, next) = rest.split_at_checked(64).unwrap_or((rest, ""));
        text.push_str(line);
        text.push('\n');
        rest = next;
    }
    text.push_str("-----END PUBLIC KEY-----\n");
    text
}

/// How the key is used with openssl.
fn commands(key: &Value) -> Vec<String> {
    let spec = text(&key["KeySpec"]);
    let verify = |options: &str| {
        format!(
            "openssl dgst -verify public-key.pem -signature signature.bin {options} message.bin"
        )
    };
    let one = match (key["KeyUsage"].as_str(), spec.as_str()) {
        (Some("SIGN_VERIFY"), "ECC_NIST_EDWARDS25519") => {
            "openssl pkeyutl -verify -pubin -inkey public-key.pem -rawin -in message.bin -sigfile signature.bin"
                .to_owned()
        }
        (Some("SIGN_VERIFY"), spec) if spec.starts_with("ML_DSA") => {
            "openssl pkeyutl -verify -pubin -inkey public-key.pem -in message.bin -sigfile signature.bin  # OpenSSL 3.5"
                .to_owned()
        }
        (Some("SIGN_VERIFY"), "ECC_NIST_P384") => verify("-sha384"),
        (Some("SIGN_VERIFY"), "ECC_NIST_P521") => verify("-sha512"),
        (Some("SIGN_VERIFY"), spec) if spec.starts_with("RSA") => {
            return vec![
                format!("# RSASSA_PSS_SHA_256\n{}", verify("-sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest")),
                format!("# RSASSA_PKCS1_V1_5_SHA_256\n{}", verify("-sha256")),
            ];
        }
        (Some("SIGN_VERIFY"), _) => verify("-sha256"),
        (Some("KEY_AGREEMENT"), _) => {
            "openssl pkeyutl -derive -inkey mine.pem -peerkey public-key.pem -out secret.bin".to_owned()
        }
        _ => "openssl pkeyutl -encrypt -pubin -inkey public-key.pem -in message.bin -out ciphertext.bin \
              -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256 -pkeyopt rsa_mgf1_md:sha256"
            .to_owned(),
    };
    vec![one]
}

/// The tab.
pub(super) async fn tab(view: &View<'_>) -> Result<String, Fault> {
    let answer = view
        .actor
        .kms("GetPublicKey", &json!({ "KeyId": view.id }))
        .await?;
    let algorithms = [
        "SigningAlgorithms",
        "EncryptionAlgorithms",
        "KeyAgreementAlgorithms",
    ];
    super::render(&PublicKey {
        id: &view.id,
        pem: pem(&text(&answer["PublicKey"])),
        algorithms: algorithms
            .iter()
            .filter_map(|name| answer[*name].as_array())
            .flatten()
            .map(text)
            .collect(),
        commands: commands(view.key),
    })
}

/// The key as a file.
pub(crate) async fn send(visit: &Visit, id: &str, name: &str) -> Result<Page, Fault> {
    let answer = visit
        .actor()?
        .kms("GetPublicKey", &json!({ "KeyId": id }))
        .await?;
    let der = text(&answer["PublicKey"]);
    let (kind, bytes) = match name {
        "public-key.pem" => ("application/x-pem-file", pem(&der).into_bytes()),
        _ => (
            "application/octet-stream",
            STANDARD.decode(&der).map_err(|_| Fault::Internal)?,
        ),
    };
    Ok(attachment(name, kind, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_form_has_lines_of_64() {
        let text = pem(&"A".repeat(130));
        let lines: Vec<usize> = text.lines().map(str::len).collect();
        assert_eq!(lines, [26, 64, 64, 2, 24]);
    }
}
