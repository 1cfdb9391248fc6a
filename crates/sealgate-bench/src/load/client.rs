//! One connection of a client.

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Url;

/// An open connection that is kept alive.
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    url: Url,
    tls: Option<TlsConnector>,
}

impl Connection {
    /// Connects.
    pub async fn open(url: &Url, tls: Option<&TlsConnector>) -> Result<Connection> {
        let host = url.host_str().context("the URL names no host")?;
        let port = url
            .port_or_known_default()
            .context("the URL names no port")?;
        let stream = TcpStream::connect((host, port))
            .await
            .with_context(|| format!("connecting to {host}:{port}"))?;
        stream.set_nodelay(true)?;
        let sender = match tls {
            None => handshake(stream).await?,
            Some(tls) => {
                let name = ServerName::try_from(host.to_owned())?;
                handshake(tls.connect(name, stream).await.context("TLS")?).await?
            }
        };
        Ok(Connection {
            sender,
            url: url.clone(),
            tls: tls.cloned(),
        })
    }

    /// Sends a request and reads the answer; the length of its body.
    pub async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<usize> {
        let mut body = self.begin(request).await?;
        let mut length = 0;
        while let Some(frame) = body.frame().await {
            length += frame?.data_ref().map_or(0, Bytes::len);
        }
        Ok(length)
    }

    /// Sends a request and reads the answer; its body.
    pub async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<Bytes> {
        Ok(self.begin(request).await?.collect().await?.to_bytes())
    }

    async fn begin(&mut self, request: Request<Full<Bytes>>) -> Result<Incoming> {
        if self.sender.ready().await.is_err() {
            // The server keeps no connection alive: its cost is part of what is measured.
            *self = Connection::open(&self.url, self.tls.as_ref()).await?;
        }
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        let body = response.into_body();
        if !status.is_success() {
            let text = body.collect().await?.to_bytes();
            bail!("{status}: {}", String::from_utf8_lossy(&text));
        }
        Ok(body)
    }
}

async fn handshake(
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
) -> Result<SendRequest<Full<Bytes>>> {
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // What goes wrong on it shows in the requests.
    tokio::task::spawn_local(async move { drop(connection.await) });
    Ok(sender)
}
