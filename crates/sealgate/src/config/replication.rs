//! The endpoints that buckets are replicated to, from the sections `[replication.NAME]`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use sealgate_s3::replication::RemoteConfig;
use serde::Deserialize;
use url::Url;
use zeroize::Zeroizing;

use super::ConfigError;
use super::file::secret;
use super::values;

/// Longest name, as of the targets of notifications.
const MAX_NAME: usize = 80;
/// What an answer may take beside the body.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The file's word for an endpoint.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RemoteSection {
    pub buckets: Vec<String>,
    pub accounts: Option<Vec<String>>,
    pub endpoint: String,
    pub region: Option<String>,
    pub access_key_id: String,
    #[serde(default, deserialize_with = "secret")]
    pub secret_access_key: Option<Zeroizing<String>>,
    /// A file that holds the secret and nothing else.
    pub secret_access_key_file: Option<PathBuf>,
    pub ca_file: Option<PathBuf>,
    pub timeout: Option<String>,
    pub allow_http: Option<bool>,
}

fn refuse(key: &'static str, value: &str, expected: &str) -> ConfigError {
    ConfigError::Value {
        name: key,
        value: value.to_owned(),
        expected: expected.to_owned(),
    }
}

/// All endpoints. `region` is the gateway's, for those that name none.
pub(super) fn remotes(
    sections: BTreeMap<String, RemoteSection>,
    region: &str,
) -> Result<BTreeMap<String, RemoteConfig>, ConfigError> {
    sections
        .into_iter()
        .map(|(name, section)| {
            let remote = remote(&name, section, region)?;
            Ok((name, remote))
        })
        .collect()
}

fn remote(name: &str, section: RemoteSection, region: &str) -> Result<RemoteConfig, ConfigError> {
    const TIMEOUT_KEY: &str = "replication.NAME.timeout";
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(plain) {
        let expected = "a name has 1 to 80 letters, digits, - and _";
        return Err(refuse("replication.NAME", name, expected));
    }
    if section.buckets.is_empty() || section.buckets.iter().any(String::is_empty) {
        let expected = "it needs names of buckets, or beginnings of names and *";
        return Err(refuse("replication.NAME.buckets", name, expected));
    }
    for account in section.accounts.iter().flatten() {
        if account.len() != 12 || !account.bytes().all(|b| b.is_ascii_digit()) {
            let expected = "an account has 12 digits";
            return Err(refuse("replication.NAME.accounts", account, expected));
        }
    }
    let endpoint = Url::parse(&section.endpoint).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
    });
    let endpoint = endpoint.ok_or_else(|| {
        let expected = "it must be https:// and a host, perhaps with a port";
        refuse("replication.NAME.endpoint", &section.endpoint, expected)
    })?;
    // Bodies go there in the clear but for TLS.
    if endpoint.scheme() == "http" && section.allow_http != Some(true) {
        let expected = "without TLS everybody between could read: say allow_http = true";
        return Err(refuse(
            "replication.NAME.endpoint",
            &section.endpoint,
            expected,
        ));
    }
    let secret_access_key = match (section.secret_access_key, section.secret_access_key_file) {
        (Some(secret), None) => secret,
        (None, Some(path)) => {
            let text = std::fs::read_to_string(&path).map(Zeroizing::new);
            let text = text.map_err(|error| ConfigError::Unreadable { path, error })?;
            Zeroizing::new(text.trim().to_owned())
        }
        _ => {
            let expected = "it needs a secret_access_key or a secret_access_key_file";
            return Err(refuse("replication.NAME", name, expected));
        }
    };
    let timeout = values::duration(TIMEOUT_KEY, section.timeout, TIMEOUT)?;
    if timeout.is_zero() {
        return Err(refuse(TIMEOUT_KEY, "0", "nothing would ever pass"));
    }
    Ok(RemoteConfig {
        buckets: section.buckets,
        accounts: section.accounts,
        endpoint,
        region: section.region.unwrap_or_else(|| region.to_owned()),
        access_key_id: section.access_key_id,
        secret_access_key,
        ca_file: section.ca_file,
        timeout,
    })
}
