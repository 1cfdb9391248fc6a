//! Fetching the keys of a provider: bounded in time and size, without redirects, over TLS that was
//! checked.

use std::time::Duration;

use jsonwebtoken::jwk::{Jwk, JwkSet};
use reqwest::Client;
use reqwest::redirect::Policy;
use rustls::ClientConfig;
use serde::Deserialize;
use thiserror::Error;
use url::Url;

use super::issuer::Issuer;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// For each of the two requests.
const TIMEOUT: Duration = Duration::from_secs(5);
const MAX_BODY: usize = 256 * 1024;
const MAX_KEYS: usize = 100;

/// Why there are no keys; for the log, which a stranger does not see.
#[derive(Debug, Error)]
pub(super) enum FetchError {
    #[error("the issuer {0} has no address for its configuration")]
    Address(String),
    #[error(transparent)]
    Http(#[from] reqwest::Error),
    #[error("{url} answered {status}")]
    Status { url: Url, status: u16 },
    #[error("the answer of {0} is larger than {MAX_BODY} bytes")]
    TooLarge(Url),
    #[error("the answer of {url} is not what it should be: {error}")]
    Malformed { url: Url, error: serde_json::Error },
    #[error("the configuration is that of another issuer, {0}")]
    OtherIssuer(String),
    #[error("keys are not fetched from {0}")]
    KeyAddress(String),
    #[error("the provider has more than {MAX_KEYS} keys")]
    TooManyKeys,
}

/// What counts of a provider's description of itself.
#[derive(Deserialize)]
struct Configuration {
    issuer: String,
    jwks_uri: String,
}

/// The keys that an issuer signs with now.
pub(super) async fn keys(issuer: &Issuer, tls: ClientConfig) -> Result<Vec<Jwk>, FetchError> {
    let client = Client::builder()
        .tls_backend_preconfigured(tls)
        .http1_only()
        .redirect(Policy::none())
        .no_proxy()
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TIMEOUT)
        .pool_max_idle_per_host(0)
        .user_agent("Sealgate")
        .build()?;
    let url = issuer
        .configuration()
        .ok_or_else(|| FetchError::Address(issuer.url().to_owned()))?;
    let configuration: Configuration = json(&client, url).await?;
    // Else one tenant of a provider could answer for another.
    if configuration.issuer != issuer.url() {
        return Err(FetchError::OtherIssuer(configuration.issuer));
    }
    let url = issuer
        .key_address(&configuration.jwks_uri)
        .ok_or(FetchError::KeyAddress(configuration.jwks_uri))?;
    let set: JwkSet = json(&client, url).await?;
    if set.keys.len() > MAX_KEYS {
        return Err(FetchError::TooManyKeys);
    }
    Ok(set.keys)
}

async fn json<T: for<'a> Deserialize<'a>>(client: &Client, url: Url) -> Result<T, FetchError> {
    let mut answer = client.get(url.clone()).send().await?;
    if answer.status() != reqwest::StatusCode::OK {
        let status = answer.status().as_u16();
        return Err(FetchError::Status { url, status });
    }
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        if body.len() + chunk.len() > MAX_BODY {
            return Err(FetchError::TooLarge(url));
        }
        body.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&body).map_err(|error| FetchError::Malformed { url, error })
}
