//! One connection of a client.

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
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
        match tls {
            None => Connection::over(stream).await,
            Some(tls) => {
                let name = ServerName::try_from(host.to_owned())?;
                Connection::over(tls.connect(name, stream).await.context("TLS")?).await
            }
        }
    }

    async fn over(stream: impl AsyncRead + AsyncWrite + Unpin + 'static) -> Result<Connection> {
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // What goes wrong on it shows in the requests.
        tokio::task::spawn_local(async move { drop(connection.await) });
        Ok(Connection { sender })
    }

    /// Sends a request and reads the answer; the length of its body.
    pub async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<usize> {
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        let mut body = response.into_body();
        if !status.is_success() {
            let text = body.collect().await?.to_bytes();
            bail!("{status}: {}", String::from_utf8_lossy(&text));
        }
        let mut length = 0;
        while let Some(frame) = body.frame().await {
            length += frame?.data_ref().map_or(0, Bytes::len);
        }
        Ok(length)
    }
}
