//! Where the figures come from: `/metrics` of a gateway.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use reqwest::{Certificate, Client, Url};

/// A gateway that does not answer within this time is lost.
const PATIENCE: Duration = Duration::from_secs(5);
/// Metrics of a gateway have some tens of kilobytes.
const LARGEST: usize = 16 << 20;

/// The gateway that is watched.
pub struct Source {
    client: Client,
    url: Url,
}

impl Source {
    /// The gateway at an address.
    pub fn new(url: &str, ca_file: Option<&Path>) -> anyhow::Result<Source> {
        let mut url: Url = url
            .parse()
            .with_context(|| format!("{url} is not an address such as https://127.0.0.1:9443"))?;
        url.set_path("/metrics");
        url.set_query(None);
        let mut client = Client::builder().timeout(PATIENCE);
        if let Some(path) = ca_file {
            let pem = std::fs::read(path)
                .with_context(|| format!("{} cannot be read", path.display()))?;
            let certificates = Certificate::from_pem_bundle(&pem)
                .with_context(|| format!("{} holds no certificates", path.display()))?;
            client = client.tls_certs_only(certificates);
        }
        Ok(Source {
            client: client.build().context("connections cannot be set up")?,
            url,
        })
    }

    /// The address as it is shown.
    pub fn shown(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// The metrics as they are now, or why there are none.
    pub async fn read(&self) -> Result<String, String> {
        let answer = self.client.get(self.url.clone()).send().await;
        let mut answer = answer.map_err(|error| why(&error))?;
        if answer.status() == 403 {
            return Err(
                "the gateway gives its metrics to its own machine only (the setting `metrics`)"
                    .into(),
            );
        }
        if !answer.status().is_success() {
            return Err(format!("it answers {}", answer.status()));
        }
        let mut body = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(|error| why(&error))? {
            if body.len() + part.len() > LARGEST {
                return Err("its answer is too long to be metrics".into());
            }
            body.extend_from_slice(&part);
        }
        String::from_utf8(body).map_err(|_| "its answer is no text".into())
    }
}

fn why(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
