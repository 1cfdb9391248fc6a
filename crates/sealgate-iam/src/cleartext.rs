//! When secrets may travel without TLS.

use sealgate_wire::Connection;
use serde::{Deserialize, Serialize};

/// Over plain HTTP, SSE-C keys and KMS calls are accepted from whom?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CleartextSecrets {
    /// From a peer on this machine only.
    #[default]
    Loopback,
    /// From nobody.
    Never,
    /// From anybody: for a trusted network, or behind a proxy that ends TLS.
    Always,
}

impl CleartextSecrets {
    /// May a secret be taken from, or sent over, this connection?
    ///
    /// Both the peer and the client that a trusted proxy speaks for must be local: a proxy on this
    /// machine does not make its remote client a local one.
    pub fn permits(self, conn: &Connection) -> bool {
        conn.secure
            || match self {
                CleartextSecrets::Loopback => conn.is_loopback(),
                CleartextSecrets::Never => false,
                CleartextSecrets::Always => true,
            }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn conn(peer: &str, client: &str, secure: bool) -> Connection {
        Connection {
            peer: peer.parse().unwrap(),
            secure,
            client_ip: client.parse().unwrap(),
            tls_version: None,
            sni: None,
        }
    }

    #[test]
    fn cleartext_rule_by_policy_and_peer() {
        use CleartextSecrets::{Always, Loopback, Never};
        let local = conn("127.0.0.1:5", "127.0.0.1", false);
        let mapped = conn("[::ffff:127.0.0.1]:5", "::ffff:127.0.0.1", false);
        let remote = conn("10.0.0.9:5", "10.0.0.9", false);
        let proxied = conn("127.0.0.1:5", "10.0.0.9", false);
        let tls = conn("10.0.0.9:5", "10.0.0.9", true);
        for (policy, expected) in [
            (Loopback, [true, true, false, false, true]),
            (Never, [false, false, false, false, true]),
            (Always, [true, true, true, true, true]),
        ] {
            let got = [&local, &mapped, &remote, &proxied, &tls].map(|c| policy.permits(c));
            assert_eq!(got, expected, "{policy:?}");
        }
    }
}
