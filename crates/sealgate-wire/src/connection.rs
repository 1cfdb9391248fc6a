//! What is known of the connection that a request came on.

use std::net::{IpAddr, SocketAddr};

/// The connection of a request, as the listener and the trusted proxies describe it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The other end of the socket.
    pub peer: SocketAddr,
    /// Whether the request came over TLS, here or at a trusted proxy.
    pub secure: bool,
    /// The client's address: the peer's, or what a trusted proxy forwarded.
    pub client_ip: IpAddr,
    /// The version of TLS, as in `1.3`; unknown where a proxy ended it.
    pub tls_version: Option<&'static str>,
    /// The server name of the TLS handshake.
    pub sni: Option<String>,
}

impl Connection {
    /// A connection without a proxy between.
    pub fn direct(peer: SocketAddr, secure: bool) -> Self {
        Connection {
            peer,
            secure,
            client_ip: peer.ip(),
            tls_version: None,
            sni: None,
        }
    }

    /// Whether the client is on this machine, so that cleartext stays on it.
    pub fn is_loopback(&self) -> bool {
        self.peer.ip().to_canonical().is_loopback() && self.client_ip.to_canonical().is_loopback()
    }
}
