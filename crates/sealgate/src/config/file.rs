//! The configuration file as it is written; what its words mean is decided elsewhere.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use zeroize::Zeroizing;

use super::ConfigError;
use super::notifications::TargetSection;
use super::replication::RemoteSection;

/// The file. Every key does something; one that is not known is refused.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfigFile {
    pub data: Option<PathBuf>,
    pub listen: Option<String>,
    pub listen_tls: Option<String>,
    pub store: Option<StoreSection>,
    pub storage_classes: Option<BTreeMap<String, StoreSection>>,
    pub index: Option<String>,
    pub index_encryption: Option<bool>,
    pub bootstrap: Option<PathBuf>,
    pub root: Option<String>,
    pub root_passphrase_file: Option<PathBuf>,
    pub root_check_interval: Option<String>,
    pub root_grace: Option<String>,
    pub trail_delivery: Option<String>,
    pub lifecycle_interval: Option<String>,
    pub access_log_delivery: Option<String>,
    pub key_cache_time: Option<String>,
    pub key_cache_size: Option<usize>,
    pub region: Option<String>,
    pub domains: Option<Vec<String>>,
    pub website_domains: Option<Vec<String>>,
    pub cleartext_secrets: Option<String>,
    pub trusted_proxies: Option<Vec<String>>,
    pub metrics: Option<String>,
    pub console: Option<bool>,
    pub console_listen: Option<String>,
    pub tls: Option<TlsSection>,
    pub inline_limit: Option<u64>,
    pub garbage_grace: Option<String>,
    pub block_sse_c_on_new_buckets: Option<bool>,
    pub limits: Option<LimitsSection>,
    pub xks: Option<XksSection>,
    pub log: Option<LogSection>,
    pub notifications: Option<BTreeMap<String, TargetSection>>,
    pub replication: Option<BTreeMap<String, RemoteSection>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoreSection {
    pub url: Option<String>,
    pub endpoint: Option<String>,
    pub region: Option<String>,
    pub access_key_id: Option<String>,
    #[serde(default, deserialize_with = "secret")]
    pub secret_access_key: Option<Zeroizing<String>>,
    #[serde(default, deserialize_with = "secret")]
    pub session_token: Option<Zeroizing<String>>,
    pub credentials_file: Option<PathBuf>,
    pub ca_file: Option<PathBuf>,
    pub allow_http: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TlsSection {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LimitsSection {
    pub connections: Option<usize>,
    pub header_timeout: Option<String>,
    pub idle_timeout: Option<String>,
    pub drain_timeout: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct XksSection {
    pub ca_file: Option<PathBuf>,
    pub timeout: Option<String>,
    pub allow_http: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LogSection {
    pub level: Option<String>,
    pub format: Option<String>,
}

pub(super) fn secret<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Zeroizing<String>>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(Zeroizing::new))
}

impl ConfigFile {
    pub(super) fn read(path: &Path) -> Result<ConfigFile, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError::Unreadable {
            path: path.to_owned(),
            error,
        })?;
        ConfigFile::parse(&Zeroizing::new(text), path)
    }

    pub(super) fn parse(text: &str, path: &Path) -> Result<ConfigFile, ConfigError> {
        toml::from_str(text).map_err(|error| {
            // The error's own display quotes the line, which may hold a secret.
            let place = error.span().map(|span| {
                let line = 1 + text
                    .bytes()
                    .take(span.start)
                    .filter(|byte| *byte == b'\n')
                    .count();
                format!("line {line}: ")
            });
            let message = format!("{}{}", place.unwrap_or_default(), error.message());
            ConfigError::Syntax {
                path: path.to_owned(),
                message,
            }
        })
    }
}
