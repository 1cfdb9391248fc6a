//! The targets of notifications, from the sections `[notifications.NAME]`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sealgate_notify::{TargetConfig, TargetKind};
use serde::Deserialize;
use url::Url;
use zeroize::Zeroizing;

use super::ConfigError;
use super::file::secret;
use super::values;

const DEFAULT_QUEUE_SIZE: u64 = 64 << 20;
const DEFAULT_QUEUE_FILES: u32 = 8;
/// Longest name, as of a queue at AWS.
const MAX_NAME: usize = 80;

/// The file's word for a target. Which keys go together depends on the kind.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TargetSection {
    pub kind: String,
    pub accounts: Option<Vec<String>>,
    pub url: Option<String>,
    #[serde(default, deserialize_with = "secret")]
    pub token: Option<Zeroizing<String>>,
    pub ca_file: Option<PathBuf>,
    pub timeout: Option<String>,
    pub max_size: Option<u64>,
    pub keep: Option<u32>,
    pub topic: Option<String>,
    pub user: Option<String>,
    #[serde(default, deserialize_with = "secret")]
    pub password: Option<Zeroizing<String>>,
}

/// All targets. Queues are kept in the data folder.
pub(super) fn targets(
    sections: BTreeMap<String, TargetSection>,
    data: &Path,
) -> Result<BTreeMap<String, TargetConfig>, ConfigError> {
    sections
        .into_iter()
        .map(|(name, section)| {
            let target = target(&name, section, data)?;
            Ok((name, target))
        })
        .collect()
}

fn refuse(key: &'static str, value: &str, expected: &str) -> ConfigError {
    ConfigError::Value {
        name: key,
        value: value.to_owned(),
        expected: expected.to_owned(),
    }
}

fn target(name: &str, section: TargetSection, data: &Path) -> Result<TargetConfig, ConfigError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(plain) {
        let expected = "a name has 1 to 80 letters, digits, - and _";
        return Err(refuse("notifications.NAME", name, expected));
    }
    let accounts = section.accounts.clone();
    for account in accounts.iter().flatten() {
        if account.len() != 12 || !account.bytes().all(|b| b.is_ascii_digit()) {
            return Err(refuse(
                "notifications.NAME.accounts",
                account,
                "an account has 12 digits",
            ));
        }
    }
    let kind = match section.kind.as_str() {
        "webhook" => webhook(name, section)?,
        "queue" => queue(name, section, data)?,
        "mqtt" => mqtt(name, section)?,
        other => {
            let expected = "it must be webhook, queue or mqtt";
            return Err(refuse("notifications.NAME.kind", other, expected));
        }
    };
    Ok(TargetConfig { accounts, kind })
}

/// Keys that the kind does not know would mean nothing.
fn only(name: &str, others: bool) -> Result<(), ConfigError> {
    match others {
        false => Ok(()),
        true => Err(refuse(
            "notifications.NAME",
            name,
            "it has keys that its kind does not take",
        )),
    }
}

fn timeout(section: &TargetSection) -> Result<Duration, ConfigError> {
    const KEY: &str = "notifications.NAME.timeout";
    let timeout = values::duration(KEY, section.timeout.clone(), Duration::from_secs(10))?;
    if timeout.is_zero() {
        return Err(refuse(KEY, "0", "nothing would ever pass"));
    }
    Ok(timeout)
}

/// The URL is not shown: it may hold a secret.
fn url(name: &str, section: &TargetSection, schemes: &[&str]) -> Result<Url, ConfigError> {
    section
        .url
        .as_deref()
        .and_then(|url| Url::parse(url).ok())
        .filter(|url| schemes.contains(&url.scheme()) && url.has_host())
        .ok_or_else(|| {
            let expected = format!(
                "it needs a url that begins with {}://",
                schemes.join(":// or ")
            );
            refuse("notifications.NAME", name, &expected)
        })
}

fn webhook(name: &str, section: TargetSection) -> Result<TargetKind, ConfigError> {
    only(
        name,
        section.max_size.is_some()
            || section.keep.is_some()
            || section.topic.is_some()
            || section.user.is_some()
            || section.password.is_some(),
    )?;
    Ok(TargetKind::Webhook {
        url: url(name, &section, &["http", "https"])?,
        timeout: timeout(&section)?,
        token: section.token,
        ca_file: section.ca_file,
    })
}

fn queue(name: &str, section: TargetSection, data: &Path) -> Result<TargetKind, ConfigError> {
    only(
        name,
        section.url.is_some()
            || section.token.is_some()
            || section.ca_file.is_some()
            || section.timeout.is_some()
            || section.topic.is_some()
            || section.user.is_some()
            || section.password.is_some(),
    )?;
    let max_size = section.max_size.unwrap_or(DEFAULT_QUEUE_SIZE);
    if max_size == 0 {
        let expected = "a message must have room";
        return Err(refuse("notifications.NAME.max_size", "0", expected));
    }
    Ok(TargetKind::Queue {
        path: data.join("queues").join(format!("{name}.jsonl")),
        max_size,
        keep: section.keep.unwrap_or(DEFAULT_QUEUE_FILES),
    })
}

#[cfg(feature = "mqtt")]
fn mqtt(name: &str, section: TargetSection) -> Result<TargetKind, ConfigError> {
    only(
        name,
        section.max_size.is_some()
            || section.keep.is_some()
            || section.token.is_some()
            || section.ca_file.is_some()
            || section.user.is_some() != section.password.is_some(),
    )?;
    let timeout = timeout(&section)?;
    let url = url(name, &section, &["mqtt"])?;
    let Some(topic) = section.topic.filter(|topic| !topic.is_empty()) else {
        return Err(refuse("notifications.NAME", name, "it needs a topic"));
    };
    if topic.contains(['+', '#', '\0']) {
        let expected = "nothing is published under a pattern";
        return Err(refuse("notifications.NAME.topic", &topic, expected));
    }
    Ok(TargetKind::Mqtt {
        host: url.host_str().unwrap_or_default().to_owned(),
        port: url.port().unwrap_or(1883),
        topic,
        credentials: section.user.zip(section.password),
        timeout,
    })
}

#[cfg(not(feature = "mqtt"))]
fn mqtt(_: &str, _: TargetSection) -> Result<TargetKind, ConfigError> {
    let expected = "this program was built without the feature mqtt";
    Err(refuse("notifications.NAME.kind", "mqtt", expected))
}
