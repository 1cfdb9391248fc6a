//! What a client may say of the proxy of a store.

use super::{XksProxyCredential, XksProxySettings};
use crate::arn::check_length;
use crate::error::KmsError;
use crate::kind::not_in_enum;

const PUBLIC_ENDPOINT: &str = "PUBLIC_ENDPOINT";
const VPC_ENDPOINT_SERVICE: &str = "VPC_ENDPOINT_SERVICE";
/// The end of the path, with the version of the API.
const API: &str = "/kms/xks/v1";
const MAX_NAME: usize = 256;
const MAX_ID: usize = 64;
const MAX_KEY_ID: usize = 128;
const MAX_URI: usize = 128;

/// What was said, each part of valid form.
pub(crate) struct Said {
    pub endpoint: Option<String>,
    pub path: Option<String>,
    pub credential: Option<XksProxyCredential>,
    /// Whether the proxy is behind an endpoint service of a VPC, if it was said.
    pub vpc: Option<bool>,
}

impl Said {
    /// Refuses what is not of valid form. Plain http is for proxies on this machine, where that is configured.
    pub(crate) fn parse(settings: XksProxySettings, allow_http: bool) -> Result<Said, KmsError> {
        if let Some(endpoint) = &settings.uri_endpoint {
            check_endpoint(endpoint, allow_http)?;
        }
        if let Some(path) = &settings.uri_path {
            check_path(path)?;
        }
        if let Some(credential) = &settings.credential {
            check_credential(credential)?;
        }
        let vpc = match settings.connectivity.as_deref() {
            None => None,
            Some(PUBLIC_ENDPOINT) => Some(false),
            Some(VPC_ENDPOINT_SERVICE) => Some(true),
            Some(other) => {
                let names = [PUBLIC_ENDPOINT, VPC_ENDPOINT_SERVICE];
                return Err(not_in_enum(other, "xksProxyConnectivity", &names));
            }
        };
        let named = |value: &Option<String>| value.as_deref().is_some_and(|text| !text.is_empty());
        let service = named(&settings.vpc_endpoint_service_name)
            || named(&settings.vpc_endpoint_service_owner);
        if service && vpc == Some(false) {
            return Err(KmsError::Validation(format!(
                "XksProxyVpcEndpointServiceName is not valid with XksProxyConnectivity {PUBLIC_ENDPOINT}."
            )));
        }
        Ok(Said {
            endpoint: settings.uri_endpoint,
            path: settings.uri_path,
            credential: settings.credential,
            vpc: vpc.or(service.then_some(true)),
        })
    }

    /// True if nothing was said.
    pub(crate) fn is_empty(&self) -> bool {
        self.endpoint.is_none()
            && self.path.is_none()
            && self.credential.is_none()
            && self.vpc.is_none()
    }
}

/// Refuses a name that no store can have.
pub(crate) fn check_name(name: &str, parameter: &str) -> Result<(), KmsError> {
    check_length(name, parameter, MAX_NAME)
}

/// Refuses an id that is too long for one.
pub(crate) fn check_id(id: &str) -> Result<(), KmsError> {
    check_length(id, "customKeyStoreId", MAX_ID)
}

/// Refuses an id that no external key has. It becomes part of a path, so it must not begin with a dot.
pub(crate) fn check_key_id(id: &str) -> Result<(), KmsError> {
    check_length(id, "xksKeyId", MAX_KEY_ID)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let first = id.bytes().next();
    match first.is_some_and(|byte| byte.is_ascii_alphanumeric()) && id.bytes().all(plain) {
        true => Ok(()),
        false => Err(not_of_form(id, "xksKeyId", "^[a-zA-Z0-9-_.]+$")),
    }
}

/// AWS talks to port 443 alone; here another one may be named.
fn check_endpoint(endpoint: &str, allow_http: bool) -> Result<(), KmsError> {
    check_length(endpoint, "xksProxyUriEndpoint", MAX_URI)?;
    let authority = endpoint.strip_prefix("https://").or_else(|| {
        let local = endpoint.strip_prefix("http://").filter(|_| allow_http)?;
        let host = local.split(':').next().unwrap_or_default();
        matches!(host, "127.0.0.1" | "localhost").then_some(local)
    });
    let valid = authority.is_some_and(|authority| {
        let (host, port) = match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
        let port_is_one = |port: &str| {
            port.bytes().all(|byte| byte.is_ascii_digit())
                && port.parse::<u16>().is_ok_and(|port| port > 0)
        };
        !host.is_empty() && host.bytes().all(plain) && port.is_none_or(port_is_one)
    });
    match valid {
        true => Ok(()),
        false => Err(not_of_form(
            endpoint,
            "xksProxyUriEndpoint",
            "^https://[a-zA-Z0-9.-]+(:[0-9]+)?$",
        )),
    }
}

fn check_path(path: &str) -> Result<(), KmsError> {
    check_length(path, "xksProxyUriPath", MAX_URI)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/_-".contains(&byte);
    let valid = path.strip_suffix(API).is_some_and(|prefix| {
        prefix.is_empty()
            || (prefix.len() > 1 && prefix.starts_with('/') && prefix.bytes().all(plain))
    });
    match valid {
        true => Ok(()),
        false => Err(not_of_form(
            path,
            "xksProxyUriPath",
            "^(/[a-zA-Z0-9\\/_-]+/kms/xks/v1)$|^(/kms/xks/v1)$",
        )),
    }
}

/// Neither of the two is in the refusal.
fn check_credential(credential: &XksProxyCredential) -> Result<(), KmsError> {
    let (id, secret) = (&credential.access_key_id, &credential.raw_secret_access_key);
    let refused = |member: &str, form: &str| {
        Err(KmsError::Validation(format!(
            "1 validation error detected: Value at 'xksProxyAuthenticationCredential.{member}' failed to satisfy \
             constraint: Member must satisfy regular expression pattern: {form}"
        )))
    };
    let id_byte = |byte: u8| matches!(byte, b'A'..=b'Z' | b'2'..=b'7');
    if !(20..=30).contains(&id.len()) || !id.bytes().all(id_byte) {
        return refused("accessKeyId", "^[A-Z2-7]{20,30}$");
    }
    let secret_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"/+=".contains(&byte);
    if !(43..=64).contains(&secret.len()) || !secret.bytes().all(secret_byte) {
        return refused("rawSecretAccessKey", "^[a-zA-Z0-9\\/+=]{43,64}$");
    }
    Ok(())
}

fn not_of_form(value: &str, parameter: &str, form: &str) -> KmsError {
    let value: String = value.chars().take(MAX_URI).collect();
    KmsError::Validation(format!(
        "1 validation error detected: Value '{value}' at '{parameter}' failed to satisfy constraint: Member must \
         satisfy regular expression pattern: {form}"
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use zeroize::Zeroizing;

    use super::*;

    #[test]
    fn an_endpoint_is_a_host_and_perhaps_a_port() {
        for good in [
            "https://xks.example.com",
            "https://127.0.0.1:8443",
            "https://a:1",
        ] {
            assert!(check_endpoint(good, false).is_ok(), "{good}");
        }
        for bad in [
            "",
            "https://",
            "http://xks.example.com",
            "http://127.0.0.1:80",
            "https://a/b",
            "https://a:",
            "https://a:0",
            "https://a:65536",
            "https://a:+1",
            "https://user@a",
            "https://[::1]",
        ] {
            assert!(check_endpoint(bad, false).is_err(), "{bad}");
        }
        assert!(check_endpoint("http://127.0.0.1:80", true).is_ok());
        for bad in ["http://example.com", "http://127.0.0.1.example.com:80"] {
            assert!(check_endpoint(bad, true).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_path_ends_in_the_version_of_the_api() {
        for good in ["/kms/xks/v1", "/team/kms/xks/v1", "/a/b_c-d/kms/xks/v1"] {
            assert!(check_path(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "/",
            "kms/xks/v1",
            "//kms/xks/v2",
            "/a?/kms/xks/v1",
            "/../kms/xks/v1",
        ] {
            assert!(check_path(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_id_of_an_external_key_cannot_lead_elsewhere() {
        for good in ["key-1", "1.2_3", &"k".repeat(128)] {
            assert!(check_key_id(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "a/b", "a b", "-a", &"k".repeat(129)] {
            assert!(check_key_id(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_refused_credential_is_not_shown() {
        let credential = |id: &str, secret: &str| XksProxyCredential {
            access_key_id: id.to_owned(),
            raw_secret_access_key: Zeroizing::new(secret.to_owned()),
        };
        let (id, secret) = ("A".repeat(20), "s".repeat(43));
        assert!(check_credential(&credential(&id, &secret)).is_ok());
        for (id, secret) in [
            ("lower-case-is-not-ok0", secret.as_str()),
            (&id, "too-short"),
        ] {
            let refused = check_credential(&credential(id, secret)).unwrap_err();
            let message = refused.message();
            assert!(
                !message.contains(id) && !message.contains(secret),
                "{message}"
            );
        }
    }
}
