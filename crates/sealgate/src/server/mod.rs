//! Listeners: from a socket to requests, and the orderly end of both.

mod forget;
mod stall;

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use http::header::CONNECTION;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::{ProtocolVersion, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::config::Limits;
use crate::front::{CarriedSecret, Front, Peer};
use forget::{LastOf, Lasting, Progress, WipedReads};
use stall::StallGuard;

/// S3 takes 8 KiB of headers; signatures, tokens and proxies add to it.
const MAX_HEADER_SIZE: usize = 64 * 1024;
/// 2 KB of user metadata can be more than a hundred headers.
const MAX_HEADERS: usize = 256;
/// Body bytes read ahead per connection: two segments of the sealed format.
const READ_BUFFER: usize = 128 * 1024;
/// After a refused accept (no file descriptors left), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A socket that listens, and what is spoken there.
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    tls: Option<Arc<ServerConfig>>,
    /// Whether there is nothing here but the console.
    console: bool,
}

impl Listener {
    /// Binds `address`.
    pub async fn bind(
        address: SocketAddr,
        tls: Option<Arc<ServerConfig>>,
        console: bool,
    ) -> io::Result<Listener> {
        let socket = TcpListener::bind(address).await?;
        let address = socket.local_addr()?;
        Ok(Listener {
            socket,
            address,
            tls,
            console,
        })
    }

    /// Whether there is nothing here but the console.
    pub fn is_console(&self) -> bool {
        self.console
    }

    /// The URL under which this machine reaches it.
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let mut address = self.address;
        if address.ip().is_unspecified() {
            // Only the loopback address is in the certificate and surely ours.
            address.set_ip(match address {
                SocketAddr::V4(_) => [127, 0, 0, 1].into(),
                SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
            });
        }
        format!("{scheme}://{address}")
    }
}

/// What the accept loops share.
struct Shared {
    front: Arc<Front>,
    limits: Limits,
    permits: Arc<Semaphore>,
    http: http1::Builder,
}

/// Serves until `stop` says so, then drains. Returns whether every request came to its end.
pub async fn serve(
    listeners: Vec<Listener>,
    front: Arc<Front>,
    limits: Limits,
    stop: watch::Receiver<bool>,
) -> bool {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        // Counts between requests, too: it is the keep-alive timeout as well.
        .header_read_timeout(limits.header_timeout)
        .max_header_size(MAX_HEADER_SIZE)
        .max_headers(MAX_HEADERS)
        .max_buf_size(READ_BUFFER)
        .keep_alive(true);
    let permits = Arc::new(Semaphore::new(limits.connections));
    let shared = Arc::new(Shared {
        front,
        limits,
        permits,
        http,
    });
    // Every connection holds a receiver: when the last one is dropped, all have ended.
    let (drain, draining) = watch::channel(false);

    let loops = listeners
        .into_iter()
        .map(|listener| accept_loop(listener, &shared, &draining));
    let mut stopped = stop.clone();
    tokio::select! {
        _ = futures_util::future::join_all(loops) => {}
        _ = stopped.wait_for(|stop| *stop) => {}
    }

    // The sockets are closed by now: new clients are refused while the open connections finish.
    drop(draining);
    drain.send_replace(true);
    let open = drain.receiver_count();
    if open > 0 {
        tracing::info!(connections = open, "waiting for open connections to finish");
    }
    timeout(limits.drain_timeout, drain.closed()).await.is_ok()
}

/// Accepts connections for good.
async fn accept_loop(listener: Listener, shared: &Arc<Shared>, draining: &watch::Receiver<bool>) {
    let tls = listener.tls.map(TlsAcceptor::from);
    loop {
        // Above the limit, clients wait in the backlog of the system.
        let Ok(permit) = shared.permits.clone().acquire_owned().await else {
            return;
        };
        match listener.socket.accept().await {
            Ok((stream, peer)) => {
                let connection = Accepted {
                    stream,
                    peer,
                    permit,
                    console: listener.console,
                    draining: draining.clone(),
                };
                tokio::spawn(connection.run(tls.clone(), shared.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// A connection just accepted.
struct Accepted {
    stream: TcpStream,
    peer: SocketAddr,
    permit: OwnedSemaphorePermit,
    console: bool,
    draining: watch::Receiver<bool>,
}

impl Accepted {
    async fn run(self, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
        let Accepted {
            stream,
            peer,
            permit,
            console,
            draining,
        } = self;
        let _open = (permit, shared.front.metrics().connection_opened());
        // Answers are written in full steps; waiting for more only delays them.
        let _ = stream.set_nodelay(true);
        let stream = StallGuard::new(stream, shared.limits.idle_timeout);
        let Some(tls) = tls else {
            let peer = Peer {
                address: peer,
                secure: false,
                tls_version: None,
                sni: None,
                console,
            };
            return speak(stream, peer, &shared, draining).await;
        };
        match timeout(shared.limits.header_timeout, tls.accept(WipedReads(stream))).await {
            Ok(Ok(stream)) => {
                let tls = stream.get_ref().1;
                let sni = tls.server_name().map(str::to_owned);
                let tls_version = tls.protocol_version().and_then(version_of);
                let peer = Peer {
                    address: peer,
                    secure: true,
                    tls_version,
                    sni,
                    console,
                };
                speak(stream, peer, &shared, draining).await;
            }
            Ok(Err(error)) => tracing::debug!(%peer, %error, "TLS handshake failed"),
            Err(_) => tracing::debug!(%peer, "TLS handshake took too long"),
        }
    }
}

/// A version of TLS as policies name it.
fn version_of(version: ProtocolVersion) -> Option<&'static str> {
    match version {
        ProtocolVersion::TLSv1_2 => Some("1.2"),
        ProtocolVersion::TLSv1_3 => Some("1.3"),
        _ => None,
    }
}

/// Speaks HTTP until one side ends it, or it is drained.
async fn speak<T>(stream: T, peer: Peer, shared: &Arc<Shared>, mut draining: watch::Receiver<bool>)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let peer = Arc::new(peer);
    let progress = Arc::<Progress>::default();
    let mut stream = Lasting::new(stream, progress.clone());
    let mut drained = pin!(draining.wait_for(|draining| *draining));
    let mut stopping = false;
    loop {
        let service = service_fn(|request: hyper::Request<Incoming>| {
            let (front, peer, progress) = (shared.front.clone(), peer.clone(), progress.clone());
            progress.begin();
            async move {
                let response = front.handle(request, &peer).await;
                if response.extensions().get::<CarriedSecret>().is_some() {
                    progress.carried_secret();
                }
                if response
                    .headers()
                    .get(CONNECTION)
                    .is_some_and(|value| value == "close")
                {
                    progress.closes();
                }
                Ok::<_, Infallible>(response.map(|body| LastOf::new(body, progress)))
            }
        });
        let mut http = shared.http.serve_connection(TokioIo::new(stream), service);
        let outcome = poll_fn(|cx| {
            if !stopping && drained.as_mut().poll(cx).is_ready() {
                stopping = true;
                Pin::new(&mut http).graceful_shutdown();
            }
            let polled = Pin::new(&mut http).poll(cx);
            if polled.is_pending() && !stopping && progress.renew() {
                Pin::new(&mut http).graceful_shutdown();
                return Pin::new(&mut http).poll(cx);
            }
            polled
        })
        .await;
        if let Err(error) = outcome {
            // Clients that go away are not news; the log of the request says how far it came.
            tracing::debug!(peer = %peer.address, %error, "connection ended early");
            return;
        }
        if !progress.renewed() {
            return;
        }
        let parts = http.into_parts();
        stream = parts.io.into_inner();
        stream.put_back(&parts.read_buf);
    }
}
