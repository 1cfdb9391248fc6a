//! Where a request comes from: the peer, or what a trusted proxy says of its client.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName};
use ipnet::IpNet;
use sealgate_wire::Connection;

/// The other end of a connection.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
    /// Whether it speaks TLS.
    pub secure: bool,
    /// The version of TLS, as in `1.3`.
    pub tls_version: Option<&'static str>,
    /// The name it asked for in the TLS handshake.
    pub sni: Option<String>,
    /// Whether it came to the console's own address.
    pub console: bool,
}

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The connection as policies and logs shall see it.
///
/// Headers count only if the peer is a trusted proxy. The client is the last address that is not
/// itself a trusted proxy: everything left of it was written by who knows whom.
pub fn connection(peer: &Peer, headers: &HeaderMap, trusted: &[IpNet]) -> Connection {
    let direct = Connection {
        peer: peer.address,
        secure: peer.secure,
        client_ip: peer.address.ip().to_canonical(),
        tls_version: peer.tls_version,
        sni: peer.sni.clone(),
    };
    let trusts = |address: IpAddr| trusted.iter().any(|network| network.contains(&address));
    if !trusts(direct.client_ip) {
        return direct;
    }

    let mut client_ip = direct.client_ip;
    for hop in words(headers, &FORWARDED_FOR).rev() {
        // What is not an address was not written by a proxy that deserves trust: stop at the last
        // good one.
        let Some(address) = forwarded_address(hop) else {
            break;
        };
        client_ip = address;
        if !trusts(address) {
            break;
        }
    }
    // The nearest proxy's word is the last one.
    let secure = match words(headers, &FORWARDED_PROTO).next_back() {
        Some(protocol) => protocol.eq_ignore_ascii_case("https"),
        None => direct.secure,
    };
    Connection {
        secure,
        client_ip,
        // That of the proxy's own connection is not the client's.
        tls_version: None,
        ..direct
    }
}

/// The elements of a comma-separated header that may be repeated.
fn words<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> impl DoubleEndedIterator<Item = &'a str> {
    // A value that is not text becomes an element that means nothing.
    headers
        .get_all(name)
        .iter()
        .flat_map(|value| value.to_str().unwrap_or("?").split(','))
        .map(str::trim)
        .collect::<Vec<_>>()
        .into_iter()
}

/// An address, perhaps with a port.
fn forwarded_address(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    bare.parse::<IpAddr>()
        .or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()))
        .ok()
        .map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn seen(peer: &str, secure: bool, headers: &[(&'static str, &str)]) -> (String, bool) {
        let peer = Peer {
            address: peer.parse().unwrap(),
            secure,
            tls_version: None,
            sni: None,
            console: false,
        };
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        let connection = connection(&peer, &map, &trusted);
        (connection.client_ip.to_string(), connection.secure)
    }

    #[test]
    fn a_stranger_cannot_say_who_it_is() {
        let headers = [
            ("x-forwarded-for", "127.0.0.1"),
            ("x-forwarded-proto", "https"),
        ];
        assert_eq!(
            seen("203.0.113.5:1", false, &headers),
            ("203.0.113.5".into(), false)
        );
    }

    #[test]
    fn a_trusted_proxy_speaks_for_its_client() {
        let headers = [
            ("x-forwarded-for", "203.0.113.5"),
            ("x-forwarded-proto", "https"),
        ];
        assert_eq!(
            seen("10.0.0.1:1", false, &headers),
            ("203.0.113.5".into(), true)
        );
        let headers = [
            ("x-forwarded-for", "203.0.113.5"),
            ("x-forwarded-proto", "http"),
        ];
        assert_eq!(
            seen("10.0.0.1:1", true, &headers),
            ("203.0.113.5".into(), false)
        );
        assert_eq!(seen("10.0.0.1:1", true, &[]), ("10.0.0.1".into(), true));
    }

    #[test]
    fn the_client_is_the_last_one_that_no_trusted_proxy_is() {
        for (forwarded, client) in [
            ("6.6.6.6, 203.0.113.5, 10.0.0.2", "203.0.113.5"),
            ("127.0.0.1,203.0.113.5", "203.0.113.5"),
            ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
            ("203.0.113.5:4711", "203.0.113.5"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("::ffff:203.0.113.5", "203.0.113.5"),
            ("127.0.0.1, unknown, 10.0.0.2", "10.0.0.2"),
            ("", "10.0.0.1"),
        ] {
            assert_eq!(
                seen("10.0.0.1:1", false, &[("x-forwarded-for", forwarded)]).0,
                client,
                "{forwarded}"
            );
        }
        let repeated = [
            ("x-forwarded-for", "6.6.6.6"),
            ("x-forwarded-for", "203.0.113.5"),
        ];
        assert_eq!(seen("10.0.0.1:1", false, &repeated).0, "203.0.113.5");
    }

    #[test]
    fn a_mapped_address_is_the_ipv4_address() {
        assert_eq!(
            seen(
                "[::ffff:10.0.0.1]:1",
                false,
                &[("x-forwarded-for", "203.0.113.5")]
            )
            .0,
            "203.0.113.5"
        );
    }

    #[test]
    fn a_bucket_before_a_domain_makes_a_virtual_host() {
        let domains = [
            "localhost".to_owned(),
            "s3.example.com".to_owned(),
            "eu.s3.example.com".to_owned(),
        ];
        for (host, bucket) in [
            ("localhost", None),
            ("localhost:9000", None),
            ("bucket.localhost:9000", Some("bucket")),
            ("my.BUCKET.S3.Example.com", Some("my.bucket")),
            ("eu.s3.example.com", None),
            ("notlocalhost", None),
            (".localhost", None),
            ("127.0.0.1:9000", None),
            ("[::1]:9000", None),
        ] {
            assert_eq!(
                sealgate_s3::virtual_host_bucket(host, &domains).as_deref(),
                bucket,
                "{host}"
            );
        }
    }
}
