//! How a remote store is named and reached.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::path::Path;
use object_store::{BackoffConfig, Certificate, ClientOptions, ObjectStore, RetryConfig};
use url::Url;
use zeroize::Zeroizing;

use super::error::from_backend;
use crate::{BlobError, Result};

/// The least size S3 accepts for a part that is not the last.
const MIN_PART_SIZE: usize = 5 * 1024 * 1024;

/// Where a remote store is and how it is spoken to. No `Debug`: it holds a secret.
#[derive(Clone)]
pub struct RemoteConfig {
    /// `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`.
    pub url: String,
    /// Address of the service where it is not the provider's own, `https://host:port`.
    pub endpoint: Option<String>,
    /// Region (S3).
    pub region: Option<String>,
    /// Access key id (S3) or account name (Azure). Without it the provider's ways for machines
    /// of its own are tried.
    pub access_key_id: Option<String>,
    /// Secret access key (S3) or account key (Azure).
    pub secret_access_key: Option<Zeroizing<String>>,
    /// Session token that belongs to temporary credentials (S3).
    pub session_token: Option<Zeroizing<String>>,
    /// File of service-account credentials (Google).
    pub credentials_file: Option<PathBuf>,
    /// Whether the endpoint may be plain HTTP. Blobs are sealed before they leave; requests and
    /// names can be seen.
    pub allow_http: bool,
    /// File of CA certificates (PEM) to trust for the endpoint, instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Size of a part of a multipart upload; smaller blobs are sent with one request.
    pub part_size: usize,
    /// Parts that may be in memory at once, in the whole process. Who needs one waits.
    pub buffers: usize,
    /// Time to connect.
    pub connect_timeout: Duration,
    /// Time without a byte from the backend; also the time to send a part.
    pub idle_timeout: Duration,
    /// How often a failed request is tried again.
    pub retries: usize,
    /// After this time no further attempt is made.
    pub retry_timeout: Duration,
}

impl RemoteConfig {
    /// The store at `url`, with defaults for everything else.
    pub fn new(url: impl Into<String>) -> RemoteConfig {
        RemoteConfig {
            url: url.into(),
            endpoint: None,
            region: None,
            access_key_id: None,
            secret_access_key: None,
            session_token: None,
            credentials_file: None,
            allow_http: false,
            ca_file: None,
            part_size: 8 * 1024 * 1024,
            buffers: 16,
            connect_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(60),
            retries: 4,
            retry_timeout: Duration::from_secs(30),
        }
    }

    /// The backend, and the path below which the blobs live.
    pub(super) fn build(&self) -> Result<(Arc<dyn ObjectStore>, Path)> {
        if self.part_size < MIN_PART_SIZE || self.buffers == 0 {
            return Err(config("part_size is at least 5 MiB and buffers at least 1"));
        }
        let url = Url::parse(&self.url).map_err(|e| config(format!("{}: {e}", self.url)))?;
        let Some(bucket) = url.host_str().filter(|host| !host.is_empty()) else {
            return Err(config(format!("{}: names no bucket", self.url)));
        };
        let prefix = Path::parse(url.path().trim_matches('/'))
            .map_err(|e| config(format!("{}: {e}", self.url)))?;
        let backend: Arc<dyn ObjectStore> = match url.scheme() {
            "s3" => self.s3(bucket)?,
            "gs" => self.google(bucket)?,
            "az" => self.azure(bucket)?,
            other => {
                return Err(config(format!(
                    "{other}:// is no store: s3://, gs:// or az://"
                )));
            }
        };
        Ok((backend, prefix))
    }

    /// The endpoint is plain HTTP (and that is allowed).
    fn plain_http(&self) -> Result<bool> {
        let plain = self
            .endpoint
            .as_deref()
            .is_some_and(|e| e.starts_with("http://"));
        if plain && !self.allow_http {
            return Err(config(
                "the endpoint is plain HTTP, which allow_http would have to allow",
            ));
        }
        Ok(plain)
    }

    fn s3(&self, bucket: &str) -> Result<Arc<dyn ObjectStore>> {
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(bucket)
            .with_region(self.region.as_deref().unwrap_or("us-east-1"))
            .with_allow_http(self.allow_http)
            // Over TLS the body needs no hash of its own: the channel is authenticated, and a
            // sealed blob proves itself when it is opened.
            .with_unsigned_payload(!self.plain_http()?)
            .with_retry(self.retry())
            .with_client_options(self.client()?);
        if let Some(endpoint) = &self.endpoint {
            builder = builder.with_endpoint(endpoint.trim_end_matches('/'));
        }
        if let Some(id) = &self.access_key_id {
            builder = builder.with_access_key_id(id);
        }
        if let Some(secret) = &self.secret_access_key {
            builder = builder.with_secret_access_key(secret.as_str());
        }
        if let Some(token) = &self.session_token {
            builder = builder.with_token(token.as_str());
        }
        Ok(Arc::new(builder.build().map_err(not_built)?))
    }

    fn google(&self, bucket: &str) -> Result<Arc<dyn ObjectStore>> {
        let mut builder = GoogleCloudStorageBuilder::new()
            .with_bucket_name(bucket)
            .with_retry(self.retry())
            .with_client_options(self.client()?);
        if let Some(endpoint) = &self.endpoint {
            self.plain_http()?;
            builder = builder.with_base_url(endpoint);
        }
        if let Some(file) = &self.credentials_file {
            builder = builder.with_service_account_path(file.to_string_lossy());
        }
        Ok(Arc::new(builder.build().map_err(not_built)?))
    }

    fn azure(&self, container: &str) -> Result<Arc<dyn ObjectStore>> {
        self.plain_http()?;
        let mut builder = MicrosoftAzureBuilder::new()
            .with_container_name(container)
            .with_allow_http(self.allow_http)
            .with_retry(self.retry())
            .with_client_options(self.client()?);
        if let Some(endpoint) = &self.endpoint {
            builder = builder.with_endpoint(endpoint.clone());
        }
        if let Some(account) = &self.access_key_id {
            builder = builder.with_account(account);
        }
        if let Some(key) = &self.secret_access_key {
            builder = builder.with_access_key(key.as_str());
        }
        Ok(Arc::new(builder.build().map_err(not_built)?))
    }

    fn retry(&self) -> RetryConfig {
        RetryConfig {
            backoff: BackoffConfig {
                init_backoff: Duration::from_millis(100),
                max_backoff: Duration::from_secs(5),
                base: 2.0,
            },
            max_retries: self.retries,
            retry_timeout: self.retry_timeout,
        }
    }

    fn client(&self) -> Result<ClientOptions> {
        let mut client = ClientOptions::new()
            .with_allow_http(self.allow_http)
            .with_connect_timeout(self.connect_timeout)
            // A limit on the whole request would cut long reads: the limit is on silence.
            .with_timeout_disabled()
            .with_read_timeout(self.idle_timeout);
        if let Some(file) = &self.ca_file {
            let shown = file.display();
            let pem = fs::read(file).map_err(|e| config(format!("{shown}: {e}")))?;
            let certificates =
                Certificate::from_pem_bundle(&pem).map_err(|e| config(format!("{shown}: {e}")))?;
            if certificates.is_empty() {
                return Err(config(format!("{shown}: holds no certificate")));
            }
            for certificate in certificates {
                client = client.with_root_certificate(certificate);
            }
            client = client.with_no_system_certificates(true);
        } else if self.plain_http()? {
            // A machine without certificates of its own can still speak plain HTTP.
            client = client.with_no_system_certificates(true);
        }
        Ok(client)
    }
}

fn config(text: impl Into<String>) -> BlobError {
    BlobError::Config(text.into())
}

/// A backend that cannot even be built is configured wrongly.
fn not_built(error: object_store::Error) -> BlobError {
    config(from_backend(error).to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn refusal(change: impl FnOnce(&mut RemoteConfig)) -> String {
        let mut config = RemoteConfig::new("s3://bucket/some/prefix");
        config.access_key_id = Some("AKIAEXAMPLE".to_owned());
        config.secret_access_key = Some("secret".to_owned().into());
        change(&mut config);
        match config.build() {
            Err(BlobError::Config(text)) => text,
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("accepted"),
        }
    }

    #[test]
    fn wrong_configurations_are_refused_with_a_sentence() {
        assert!(refusal(|c| c.url = "ftp://bucket".to_owned()).contains("ftp:// is no store"));
        assert!(refusal(|c| c.url = "s3://".to_owned()).contains("names no bucket"));
        assert!(refusal(|c| c.url = "bucket".to_owned()).contains("bucket"));
        assert!(refusal(|c| c.part_size = 1024).contains("part_size"));
        assert!(refusal(|c| c.buffers = 0).contains("buffers"));
        let http = || Some("http://127.0.0.1:1".to_owned());
        assert!(refusal(|c| c.endpoint = http()).contains("allow_http"));
        assert!(refusal(|c| c.ca_file = Some("/nowhere/ca.pem".into())).contains("/nowhere"));
    }

    #[test]
    fn a_ca_file_without_a_certificate_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let text = refusal(|c| c.ca_file = Some(file.path().to_owned()));
        assert!(text.contains("holds no certificate"), "{text}");
    }

    #[test]
    fn the_prefix_comes_from_the_url() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut config = RemoteConfig::new("s3://bucket/some/prefix/");
        config.endpoint = Some("http://127.0.0.1:1".to_owned());
        config.allow_http = true;
        let (_, prefix) = config.build().unwrap();
        assert_eq!(prefix.as_ref(), "some/prefix");
    }
}
