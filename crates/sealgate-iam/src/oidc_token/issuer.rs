//! The issuer that a token names: the only address from which keys are fetched.

use url::{Host, Url};

/// An acceptable issuer: `https`, or `http` on this machine, where nobody is in between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Issuer {
    text: String,
    url: Url,
}

impl Issuer {
    /// Reads the `iss` claim.
    pub fn parse(text: &str) -> Option<Issuer> {
        let url = Url::parse(text).ok()?;
        let plain = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        (plain && may_be_fetched(&url)).then(|| Issuer {
            text: text.to_owned(),
            url,
        })
    }

    /// The issuer as the token has it.
    pub fn url(&self) -> &str {
        &self.text
    }

    /// The name of the provider: without scheme and last slash.
    pub fn name(&self) -> &str {
        let rest = self
            .text
            .split_once("://")
            .map_or(self.text.as_str(), |(_, rest)| rest);
        rest.strip_suffix('/').unwrap_or(rest)
    }

    /// Where the provider describes itself.
    /// <https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfigurationRequest>
    pub fn configuration(&self) -> Option<Url> {
        let base = self.text.strip_suffix('/').unwrap_or(&self.text);
        Url::parse(&format!("{base}/.well-known/openid-configuration")).ok()
    }

    /// Reads the address of the keys that the provider's description names. A provider on this machine
    /// without TLS names its own address only: it must not make us ask other services here.
    pub fn key_address(&self, text: &str) -> Option<Url> {
        let url = Url::parse(text).ok()?;
        let same_origin = url.origin() == self.url.origin();
        (url.scheme() == "https" || (may_be_fetched(&url) && same_origin)).then_some(url)
    }
}

fn may_be_fetched(url: &Url) -> bool {
    match url.scheme() {
        "https" => url.has_host(),
        "http" => match url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn an_issuer_is_https_or_on_this_machine() {
        for (text, name) in [
            ("https://idp.example.com", "idp.example.com"),
            ("https://idp.example.com/", "idp.example.com"),
            (
                "https://idp.example.com/realms/a",
                "idp.example.com/realms/a",
            ),
            ("http://127.0.0.1:8080", "127.0.0.1:8080"),
            ("http://localhost:1/x", "localhost:1/x"),
            ("http://[::1]:1", "[::1]:1"),
        ] {
            assert_eq!(Issuer::parse(text).unwrap().name(), name);
        }
        for text in [
            "http://idp.example.com",
            "http://10.0.0.1",
            "http://169.254.169.254/latest",
            "http://localhost.example.com",
            "https://user@idp.example.com",
            "https://idp.example.com?x=1",
            "https://idp.example.com#x",
            "file:///etc/passwd",
            "idp.example.com",
            "https://",
            "",
        ] {
            assert_eq!(Issuer::parse(text), None, "{text}");
        }
    }

    #[test]
    fn keys_come_from_https_or_from_the_issuer_itself() {
        let local = Issuer::parse("http://127.0.0.1:8080").unwrap();
        assert!(local.key_address("http://127.0.0.1:8080/keys").is_some());
        assert!(local.key_address("http://127.0.0.1:9000/keys").is_none());
        assert!(local.key_address("http://169.254.169.254/keys").is_none());
        let remote = Issuer::parse("https://idp.example.com").unwrap();
        assert!(remote.key_address("https://keys.example.com/").is_some());
        for other in [
            "http://idp.example.com/keys",
            "http://127.0.0.1/",
            "ftp://x/",
            "/keys",
        ] {
            assert!(remote.key_address(other).is_none(), "{other}");
        }
        assert_eq!(
            remote.configuration().unwrap().as_str(),
            "https://idp.example.com/.well-known/openid-configuration"
        );
    }
}
