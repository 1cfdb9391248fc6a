//! Who holds the root key, as the configuration and `root.sealed` say it: one line of text, without secrets.

use std::fmt;
use std::path::{Path, PathBuf};

use url::{Host, Url};

use crate::error::RootError;
use crate::pkcs11_uri::Pkcs11Uri;

/// The path of the default key file in a data folder.
pub(crate) const KEY_FILE: &str = "root.key";

/// Who holds the root key, or wraps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// `file:PATH`: a key file; without a path the one in the data folder.
    File(Option<PathBuf>),
    /// `env:NAME`: the key itself in a variable, as 64 hex digits or in base64.
    Env(String),
    /// `credential:NAME`: the same in a credential of systemd.
    Credential(String),
    /// `passphrase`: wrapped under a key made of a passphrase.
    Passphrase,
    /// `pkcs11:…`: wrapped by a key on a token (RFC 7512).
    Pkcs11(Pkcs11Uri),
    /// `kms:ARN?endpoint=…&ca-file=…`: wrapped by a key of a KMS that speaks the AWS API.
    Kms(KmsSource),
    /// `vault:https://HOST:PORT/MOUNT/KEY?namespace=…&ca-file=…`: wrapped by Transit of HashiCorp Vault or OpenBao.
    Vault(VaultSource),
}

/// A key of a KMS that speaks the AWS API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KmsSource {
    /// ARN of the key, or of an alias of it.
    pub arn: String,
    /// Region to sign for: that of the ARN.
    pub region: String,
    /// Where it is, if not at AWS.
    pub endpoint: Option<Url>,
    /// The certificates to trust, if not those of the system.
    pub ca_file: Option<PathBuf>,
}

/// A key of a Transit secrets engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultSource {
    /// Where the server is.
    pub address: Url,
    /// Where the engine is mounted.
    pub mount: String,
    /// Name of the key.
    pub key: String,
    /// The namespace, where there are any.
    pub namespace: Option<String>,
    /// The certificates to trust, if not those of the system.
    pub ca_file: Option<PathBuf>,
}

impl Source {
    /// Parses a line such as `vault:https://vault:8200/transit/sealgate`.
    ///
    /// # Errors
    /// [`RootError::Config`] if it is none.
    pub fn parse(text: &str) -> Result<Source, RootError> {
        parse(text).map_err(|reason| RootError::Config {
            // A secret that was put here by mistake is not repeated.
            text: text.split(['?', '@']).next().unwrap_or_default().to_owned(),
            reason,
        })
    }

    /// The key file, if that is what it is.
    pub(crate) fn key_file(&self, data: &Path) -> Option<PathBuf> {
        match self {
            Source::File(path) => Some(path.clone().unwrap_or_else(|| data.join(KEY_FILE))),
            _ => None,
        }
    }

    /// Whether it may go away while the gateway runs, so that it must be asked again.
    pub(crate) fn is_leased(&self) -> bool {
        matches!(self, Source::Pkcs11(_) | Source::Kms(_) | Source::Vault(_))
    }

    /// Whether both are of one kind: then the configuration says where the other is now.
    pub(crate) fn is_like(&self, other: &Source) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }

    /// What kind of holder it is, without names.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Source::File(_) => "a key file",
            Source::Env(_) => "a variable of the environment",
            Source::Credential(_) => "a credential of the system",
            Source::Passphrase => "a passphrase",
            Source::Pkcs11(_) => "a PKCS #11 token",
            Source::Kms(_) => "a KMS elsewhere",
            Source::Vault(_) => "Vault Transit",
        }
    }

    /// What it is called in a sentence.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Source::File(Some(path)) => format!("the root key file {}", path.display()),
            Source::File(None) => "the root key file of the data folder".to_owned(),
            Source::Env(name) => format!("the variable {name}"),
            Source::Credential(name) => format!("the credential {name}"),
            Source::Passphrase => "the passphrase of the root key".to_owned(),
            Source::Pkcs11(uri) => uri.describe(),
            Source::Kms(kms) => match &kms.endpoint {
                Some(endpoint) => format!("the KMS key {} at {endpoint}", kms.arn),
                None => format!("the KMS key {}", kms.arn),
            },
            Source::Vault(vault) => format!(
                "the Transit key {}/{} at {}",
                vault.mount, vault.key, vault.address
            ),
        }
    }
}

fn parse(text: &str) -> Result<Source, String> {
    if text == "passphrase" {
        return Ok(Source::Passphrase);
    }
    let (scheme, rest) = text.split_once(':').unwrap_or((text, ""));
    match scheme {
        "file" => Ok(Source::File((!rest.is_empty()).then(|| {
            PathBuf::from(rest.strip_prefix("//").unwrap_or(rest))
        }))),
        "env" => name(rest).map(Source::Env),
        "credential" => name(rest).map(Source::Credential),
        "pkcs11" => Pkcs11Uri::parse(rest).map(Source::Pkcs11),
        "kms" => kms(rest).map(Source::Kms),
        "vault" => vault(rest).map(Source::Vault),
        _ => Err(
            "it must be file:PATH, env:NAME, credential:NAME, passphrase, pkcs11:…, kms:ARN or vault:URL"
                .to_owned(),
        ),
    }
}

/// A name of a variable or a credential: nothing that could lead out of a folder.
fn name(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    if text.is_empty() || text.starts_with('.') || !text.bytes().all(plain) {
        return Err("a name of letters, digits, \"_\", \".\" and \"-\" is expected".to_owned());
    }
    Ok(text.to_owned())
}

fn kms(text: &str) -> Result<KmsSource, String> {
    let (arn, query) = text.split_once('?').unwrap_or((text, ""));
    let mut fields = arn.splitn(6, ':');
    let expected = "the ARN of a KMS key or alias is expected, such as \
                    kms:arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    let (Some("arn"), Some(partition), Some("kms"), Some(region), Some(account), Some(resource)) = (
        fields.next(),
        fields.next(),
        fields.next(),
        fields.next(),
        fields.next(),
        fields.next(),
    ) else {
        return Err(expected.to_owned());
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let named = resource
        .strip_prefix("key/")
        .or_else(|| resource.strip_prefix("alias/"));
    if region.is_empty()
        || !region.bytes().all(plain)
        || !partition.bytes().all(plain)
        || account.len() != 12
        || named.is_none_or(str::is_empty)
    {
        return Err(expected.to_owned());
    }
    let mut source = KmsSource {
        arn: arn.to_owned(),
        region: region.to_owned(),
        endpoint: None,
        ca_file: None,
    };
    for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match &*key {
            "endpoint" => source.endpoint = Some(address(&value)?),
            "ca-file" => source.ca_file = Some(PathBuf::from(&*value)),
            other => return Err(unknown(other)),
        }
    }
    Ok(source)
}

fn vault(text: &str) -> Result<VaultSource, String> {
    let url = address(text)?;
    let path = url.path().trim_matches('/').to_owned();
    let (mount, key) = path
        .rsplit_once('/')
        .filter(|(mount, key)| !mount.is_empty() && !key.is_empty())
        .ok_or("mount and key are expected, such as vault:https://vault:8200/transit/sealgate")?;
    let mut source = VaultSource {
        address: url.clone(),
        mount: mount.to_owned(),
        key: key.to_owned(),
        namespace: None,
        ca_file: None,
    };
    source.address.set_path("/");
    source.address.set_query(None);
    for (key, value) in url.query_pairs() {
        match &*key {
            "namespace" => source.namespace = Some(value.into_owned()),
            "ca-file" => source.ca_file = Some(PathBuf::from(&*value)),
            other => return Err(unknown(other)),
        }
    }
    Ok(source)
}

fn unknown(parameter: &str) -> String {
    format!("the parameter {parameter:?} is not known here")
}

/// An address that secrets may be sent to: HTTPS, or this machine.
pub(crate) fn address(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("a URL is expected: {error}"))?;
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err("secrets do not belong into a URL".to_owned());
    }
    match url.scheme() {
        "https" if url.has_host() => Ok(url),
        "http" if loopback => Ok(url),
        "http" => Err("over plain http only this machine may be asked: use https".to_owned()),
        _ => Err("an https URL is expected".to_owned()),
    }
}

/// The text that [`Source::parse`] reads.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parameters = url::form_urlencoded::Serializer::new(String::new());
        match self {
            Source::File(None) => return f.write_str("file:"),
            Source::File(Some(path)) => return write!(f, "file:{}", path.display()),
            Source::Env(name) => return write!(f, "env:{name}"),
            Source::Credential(name) => return write!(f, "credential:{name}"),
            Source::Passphrase => return f.write_str("passphrase"),
            Source::Pkcs11(uri) => return write!(f, "pkcs11:{uri}"),
            Source::Kms(kms) => {
                write!(f, "kms:{}", kms.arn)?;
                if let Some(endpoint) = &kms.endpoint {
                    parameters.append_pair("endpoint", endpoint.as_str());
                }
                if let Some(path) = &kms.ca_file {
                    parameters.append_pair("ca-file", &path.display().to_string());
                }
            }
            Source::Vault(vault) => {
                let root = vault.address.as_str().trim_end_matches('/');
                write!(f, "vault:{root}/{}/{}", vault.mount, vault.key)?;
                if let Some(namespace) = &vault.namespace {
                    parameters.append_pair("namespace", namespace);
                }
                if let Some(path) = &vault.ca_file {
                    parameters.append_pair("ca-file", &path.display().to_string());
                }
            }
        }
        match parameters.finish() {
            query if query.is_empty() => Ok(()),
            query => write!(f, "?{query}"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use proptest::prelude::*;

    use super::*;

    const ARN: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

    #[test]
    fn every_kind_is_read_and_written() {
        for text in [
            "file:",
            "file:/etc/sealgate/root.key",
            "env:SEALGATE_ROOT_KEY",
            "credential:sealgate-root-key",
            "passphrase",
            "pkcs11:token=My%20token;object=sealgate?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/etc/pin",
            &format!("kms:{ARN}"),
            &format!(
                "kms:{ARN}?endpoint=https%3A%2F%2Fkms.example%3A9443%2F&ca-file=%2Fetc%2Fca.pem"
            ),
            "vault:https://vault.example:8200/transit/sealgate",
            "vault:https://vault.example:8200/a/b/transit/sealgate?namespace=team%2Fone&ca-file=%2Fetc%2Fca.pem",
        ] {
            let source = Source::parse(text).unwrap();
            assert_eq!(source.to_string(), text);
            assert_eq!(Source::parse(&source.to_string()).unwrap(), source);
        }
    }

    #[test]
    fn what_means_nothing_or_would_leak_is_refused() {
        for (text, word) in [
            ("", "must be"),
            ("rot13:x", "must be"),
            ("env:", "name"),
            ("credential:../../etc/passwd", "name"),
            ("kms:alias/x", "ARN"),
            ("kms:arn:aws:s3:eu-west-1:111122223333:key/x", "ARN"),
            (&format!("kms:{ARN}?secret=x"), "not known"),
            (&format!("kms:{ARN}?endpoint=http://kms.example"), "https"),
            ("vault:http://vault.example/transit/k", "https"),
            ("vault:https://user:pass@vault.example/transit/k", "secrets"),
            ("vault:https://vault.example/k", "mount and key"),
            (
                "vault:https://vault.example/transit/k?token=s.x",
                "not known",
            ),
            ("pkcs11:token=t;object=o?pin-value=1234", "pin-value"),
        ] {
            let refused = Source::parse(text).unwrap_err().to_string();
            assert!(refused.contains(word), "{text}: {refused}");
            assert!(
                !refused.contains("pass@") && !refused.contains("1234\""),
                "{refused}"
            );
        }
        for loopback in ["127.0.0.1:1", "localhost:1", "[::1]:1"] {
            assert!(Source::parse(&format!("vault:http://{loopback}/transit/k")).is_ok());
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "(pkcs11|kms|vault|file|env)?:?.{0,60}") {
            if let Ok(source) = Source::parse(&text) {
                prop_assert_eq!(Source::parse(&source.to_string()).unwrap(), source);
            }
        }
    }
}
