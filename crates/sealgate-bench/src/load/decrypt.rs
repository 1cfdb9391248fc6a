//! What Decrypt of the KMS is measured with: a key of the gateway, a ciphertext of it, and one signed request
//! that is sent again and again. A signature is good for a quarter of an hour, so the driver pays no more for
//! it than for a request without one.

use std::time::SystemTime;

use anyhow::{Context, Result};
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request};
use http_body_util::Full;
use serde_json::{Value, json};

use super::Options;
use super::client::Connection;

/// A request that is the same each time.
pub struct Prepared {
    /// Its headers, the signature among them.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Its body.
    pub body: Bytes,
}

/// Makes a key and a ciphertext, and signs the Decrypt of it.
pub async fn prepare(options: &Options, connection: &mut Connection) -> Result<Prepared> {
    let made = call(options, connection, "CreateKey", &json!({})).await?;
    let key = made
        .pointer("/KeyMetadata/KeyId")
        .context("CreateKey told no key id")?;
    // A data key in base 64, which is what most ciphertexts hold.
    let input =
        json!({ "KeyId": key, "Plaintext": "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=" });
    let sealed = call(options, connection, "Encrypt", &input).await?;
    let blob = sealed
        .get("CiphertextBlob")
        .context("Encrypt gave no ciphertext")?;
    signed(options, "Decrypt", &json!({ "CiphertextBlob": blob }))
}

async fn call(
    options: &Options,
    connection: &mut Connection,
    operation: &str,
    input: &Value,
) -> Result<Value> {
    let Prepared { headers, body } = signed(options, operation, input)?;
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = "/".parse()?;
    request.headers_mut().extend(headers);
    let answer = connection
        .exchange(request)
        .await
        .context(operation.to_owned())?;
    Ok(serde_json::from_slice(&answer)?)
}

fn signed(options: &Options, operation: &str, input: &Value) -> Result<Prepared> {
    let (id, secret) = options
        .access_key
        .as_ref()
        .zip(options.secret_key.as_ref())
        .context("the KMS wants signatures: give an access key")?;
    let host = options.url.authority();
    let target = format!("TrentService.{operation}");
    let body = input.to_string();
    let identity = Credentials::new(id, secret, None, None, "bench").into();
    let params = SigningParams::builder()
        .identity(&identity)
        .region(&options.region)
        .name("kms")
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()?
        .into();
    let mut lines = vec![
        ("host", host),
        ("content-type", "application/x-amz-json-1.1"),
        ("x-amz-target", target.as_str()),
    ];
    let uri = format!("{}/", options.url.as_str().trim_end_matches('/'));
    let request = SignableRequest::new(
        "POST",
        &uri,
        lines.iter().copied(),
        SignableBody::Bytes(body.as_bytes()),
    )?;
    let (instructions, _) = sign(request, &params)?.into_parts();
    lines.extend(instructions.headers());
    let headers = lines
        .into_iter()
        .map(|(name, value)| Ok((name.parse()?, value.parse()?)))
        .collect::<Result<_>>()?;
    Ok(Prepared {
        headers,
        body: body.into(),
    })
}
