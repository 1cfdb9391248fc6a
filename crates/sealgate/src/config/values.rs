//! Words of the configuration that stand for something: addresses, durations, choices.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use sealgate_iam::CleartextSecrets;

use super::ConfigError;

/// Who may read the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricsAccess {
    /// Clients on this machine.
    Loopback,
    /// Everyone who reaches a listener.
    Public,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// Failures of the gateway.
    Error,
    /// And what needs attention.
    Warn,
    /// And every request.
    Info,
    /// And why requests ended as they did.
    Debug,
    /// Everything.
    Trace,
}

/// The form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    Auto,
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

fn refuse<T>(
    name: &'static str,
    value: &str,
    expected: impl Into<String>,
) -> Result<T, ConfigError> {
    Err(ConfigError::Value {
        name,
        value: value.to_owned(),
        expected: expected.into(),
    })
}

/// `HOST:PORT`, `:PORT` for all interfaces, or `none`.
pub(super) fn listen_address(
    name: &'static str,
    value: &str,
) -> Result<Option<SocketAddr>, ConfigError> {
    if value == "none" {
        return Ok(None);
    }
    let full = if value.starts_with(':') {
        format!("0.0.0.0{value}")
    } else {
        value.to_owned()
    };
    // A name may stand for several addresses; IPv4 is what clients of "localhost" reach first.
    let addresses: Vec<SocketAddr> = full
        .to_socket_addrs()
        .map(Iterator::collect)
        .unwrap_or_default();
    match addresses
        .iter()
        .find(|address| address.is_ipv4())
        .or(addresses.first())
    {
        Some(address) => Ok(Some(*address)),
        None => refuse(name, value, "it must be ADDRESS:PORT, :PORT, or none"),
    }
}

/// `sqlite:PATH`.
pub(super) fn index_path(url: &str) -> Result<PathBuf, ConfigError> {
    match url.strip_prefix("sqlite:") {
        Some(path) if !path.is_empty() => Ok(path.strip_prefix("//").unwrap_or(path).into()),
        _ => refuse("index", url, "it must be sqlite:PATH"),
    }
}

/// A number with a unit: `30s`, `10m`, `24h`, `7d`, `500ms`.
pub(super) fn duration(
    name: &'static str,
    given: Option<String>,
    default: Duration,
) -> Result<Duration, ConfigError> {
    let Some(text) = given else {
        return Ok(default);
    };
    let text = text.trim();
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let millis_per_unit: u64 = match unit.trim() {
        "ms" => 1,
        "s" => 1000,
        "m" => 60 * 1000,
        "h" => 60 * 60 * 1000,
        "d" => 24 * 60 * 60 * 1000,
        _ => 0,
    };
    match number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(millis_per_unit))
    {
        // A century is more than anyone means, and sums of times with it stay in range.
        Some(millis) if millis_per_unit > 0 && millis < 100 * 365 * 24 * 60 * 60 * 1000 => {
            Ok(Duration::from_millis(millis))
        }
        _ => refuse(
            name,
            text,
            "it must be a number with a unit, such as 30s, 10m, 24h or 7d",
        ),
    }
}

pub(super) fn boolean(name: &'static str, word: &str) -> Result<bool, ConfigError> {
    match word {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => refuse(name, word, "it must be true or false"),
    }
}

pub(super) fn cleartext_secrets(word: &str) -> Result<CleartextSecrets, ConfigError> {
    match word {
        "loopback" => Ok(CleartextSecrets::Loopback),
        "never" => Ok(CleartextSecrets::Never),
        "always" => Ok(CleartextSecrets::Always),
        _ => refuse(
            "cleartext_secrets",
            word,
            "it must be loopback, never or always",
        ),
    }
}

pub(super) fn metrics_access(word: &str) -> Result<MetricsAccess, ConfigError> {
    match word {
        "loopback" => Ok(MetricsAccess::Loopback),
        "public" => Ok(MetricsAccess::Public),
        _ => refuse("metrics", word, "it must be loopback or public"),
    }
}

pub(super) fn log_level(word: &str) -> Result<LogLevel, ConfigError> {
    match word {
        "error" => Ok(LogLevel::Error),
        "warn" => Ok(LogLevel::Warn),
        "info" => Ok(LogLevel::Info),
        "debug" => Ok(LogLevel::Debug),
        "trace" => Ok(LogLevel::Trace),
        _ => refuse(
            "log.level",
            word,
            "it must be error, warn, info, debug or trace",
        ),
    }
}

pub(super) fn log_format(word: &str) -> Result<LogFormat, ConfigError> {
    match word {
        "auto" => Ok(LogFormat::Auto),
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => refuse("log.format", word, "it must be auto, text or json"),
    }
}

/// Networks in CIDR notation; an address alone is itself.
pub(super) fn networks(words: &[String]) -> Result<Vec<IpNet>, ConfigError> {
    words
        .iter()
        .map(|word| {
            match word
                .parse::<IpNet>()
                .or_else(|_| word.parse::<IpAddr>().map(IpNet::from))
            {
                Ok(network) => Ok(network),
                Err(_) => refuse(
                    "trusted_proxies",
                    word,
                    "it must be an address or a network such as 10.0.0.0/8",
                ),
            }
        })
        .collect()
}

/// A region is part of ARNs and of what clients sign.
pub(super) fn region(name: String) -> Result<String, ConfigError> {
    let good = !name.is_empty()
        && name.len() <= 64
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if good {
        Ok(name)
    } else {
        refuse(
            "region",
            &name,
            "it must be of lower-case letters, digits and hyphens",
        )
    }
}

/// Domains, in lower case.
pub(super) fn domains(
    setting: &'static str,
    names: Vec<String>,
) -> Result<Vec<String>, ConfigError> {
    names
        .into_iter()
        .map(|name| {
            let name = name.to_ascii_lowercase();
            match rustls::pki_types::DnsName::try_from(name.as_str()) {
                Ok(_) => Ok(name),
                Err(_) => refuse(
                    setting,
                    &name,
                    "each must be a DNS name, without scheme, port or wildcard",
                ),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn durations_have_units() {
        let parse = |text: &str| duration("x", Some(text.into()), Duration::ZERO);
        assert_eq!(parse("30s").unwrap(), Duration::from_secs(30));
        assert_eq!(parse("10m").unwrap(), Duration::from_secs(600));
        assert_eq!(parse("2 h").unwrap(), Duration::from_secs(7200));
        assert_eq!(parse("0s").unwrap(), Duration::ZERO);
        for bad in [
            "",
            "10",
            "s",
            "-1s",
            "1.5s",
            "99999999999999999999s",
            "18446744073709551615d",
            "1y",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_listen_address_may_leave_out_the_host() {
        assert_eq!(
            listen_address("l", ":80").unwrap().unwrap().to_string(),
            "0.0.0.0:80"
        );
        assert_eq!(
            listen_address("l", "[::1]:80")
                .unwrap()
                .unwrap()
                .to_string(),
            "[::1]:80"
        );
        assert_eq!(
            listen_address("l", "localhost:80").unwrap().unwrap().port(),
            80
        );
        assert!(listen_address("l", "none").unwrap().is_none());
        assert!(listen_address("l", "127.0.0.1").is_err());
    }
}
