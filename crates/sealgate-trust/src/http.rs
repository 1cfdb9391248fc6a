//! Calls to a holder over HTTP: bounded in time and size, verified TLS, no redirects, no proxies of the
//! environment.

use std::path::Path;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, SignableBody, SignableRequest, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use reqwest::{Body, Certificate, Client, Method, RequestBuilder, redirect};
use serde::Serialize;
use url::Url;
use zeroize::Zeroizing;

use crate::error::Refusal;

/// Larger than any answer that is expected.
const MAX_ANSWER: usize = 64 * 1024;

/// A client.
#[derive(Clone)]
pub(crate) struct Http {
    client: Client,
}

/// An answer: its status and its body.
pub(crate) struct Answer {
    pub status: u16,
    pub body: Zeroizing<Vec<u8>>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    /// None came in time.
    TimedOut(String),
    /// The server could not prove that it is the one that was meant.
    Tls(String),
    /// It could not be reached, or hung up.
    Unreachable(String),
    /// The request could not be made, or the answer not be taken.
    Unusable(String),
}

impl From<NoAnswer> for Refusal {
    fn from(none: NoAnswer) -> Refusal {
        match none {
            NoAnswer::TimedOut(reason) | NoAnswer::Tls(reason) | NoAnswer::Unreachable(reason) => {
                Refusal::Unreachable(reason)
            }
            NoAnswer::Unusable(reason) => Refusal::Refused(reason),
        }
    }
}

/// Who signs requests, and for what.
pub(crate) struct Signer<'a> {
    pub access_key_id: &'a str,
    pub secret_access_key: &'a str,
    pub session_token: Option<&'a str>,
    pub region: &'a str,
    pub service: &'a str,
}

impl Http {
    /// A client that gives up after `timeout`, and trusts the certificates of `ca_file` alone, if there is one.
    pub(crate) fn new(ca_file: Option<&Path>, timeout: Duration) -> Result<Http, Refusal> {
        // reqwest would panic without one.
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            return Err(Refusal::refused("the cryptography of TLS is not set up"));
        }
        let mut builder = Client::builder()
            .timeout(timeout)
            .connect_timeout(timeout)
            .redirect(redirect::Policy::none())
            .no_proxy();
        if let Some(path) = ca_file {
            let read = std::fs::read(path).map_err(|error| error.to_string());
            let certificates = read
                .and_then(|pem| {
                    Certificate::from_pem_bundle(&pem).map_err(|error| error.to_string())
                })
                .map_err(|error| {
                    Refusal::refused(format!(
                        "the CA certificates {} cannot be used: {error}",
                        path.display()
                    ))
                })?;
            builder = builder.tls_certs_only(certificates);
        }
        let client = builder
            .build()
            .map_err(|error| Refusal::refused(format!("no client can be made: {error}")))?;
        Ok(Http { client })
    }

    pub(crate) fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.client.request(method, url)
    }

    /// Sends a request with a JSON body, signed with Signature Version 4.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html>
    pub(crate) async fn send_signed(
        &self,
        signer: &Signer<'_>,
        url: Url,
        headers: &[(&str, &str)],
        body: Zeroizing<Vec<u8>>,
    ) -> Result<Answer, NoAnswer> {
        let not_signed = |error: &dyn std::fmt::Display| {
            NoAnswer::Unusable(format!("the request cannot be signed: {error}"))
        };
        let identity = Credentials::new(
            signer.access_key_id,
            signer.secret_access_key,
            signer.session_token.map(str::to_owned),
            None,
            "root of trust",
        )
        .into();
        let mut settings = SigningSettings::default();
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(signer.region)
            .name(signer.service)
            .time(SystemTime::now())
            .settings(settings)
            .build()
            .map_err(|error| not_signed(&error))?
            .into();
        let host = match url.port() {
            Some(port) => format!("{}:{port}", url.host_str().unwrap_or_default()),
            None => url.host_str().unwrap_or_default().to_owned(),
        };
        let signed = headers.iter().copied().chain([("host", host.as_str())]);
        let signable =
            SignableRequest::new("POST", url.as_str(), signed, SignableBody::Bytes(&body))
                .map_err(|error| not_signed(&error))?;
        let (instructions, _) = sign(signable, &params)
            .map_err(|error| not_signed(&error))?
            .into_parts();
        let mut request = self.request(Method::POST, url);
        for (name, value) in headers.iter().copied().chain(instructions.headers()) {
            request = request.header(name, value);
        }
        exchange(request.body(wiped(body))).await
    }
}

/// A body that is wiped once it was sent.
pub(crate) fn wiped(body: Zeroizing<Vec<u8>>) -> Body {
    Body::from(Bytes::from_owner(body))
}

/// The JSON of a request, which may hold a secret.
pub(crate) fn to_json(request: &impl Serialize) -> Zeroizing<Vec<u8>> {
    // Enough from the start: a buffer that grows leaves copies behind.
    let mut body = Zeroizing::new(Vec::with_capacity(MAX_ANSWER));
    // Strings and numbers into memory: nothing of it can fail.
    let _ = serde_json::to_writer(&mut *body, request);
    body
}

/// Sends a request and reads the answer.
pub(crate) async fn send(request: RequestBuilder) -> Result<Answer, Refusal> {
    exchange(request).await.map_err(Refusal::from)
}

/// The same for who wants to know why there is no answer.
async fn exchange(request: RequestBuilder) -> Result<Answer, NoAnswer> {
    let lost = |error: reqwest::Error| {
        // Without the URL: it is named elsewhere. With the causes: they say what happened.
        let error = error.without_url();
        let mut text = error.to_string();
        let mut tls = false;
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            tls |= is_of_tls(error);
            cause = error.source();
        }
        match tls {
            true => NoAnswer::Tls(text),
            false if error.is_timeout() => NoAnswer::TimedOut(text),
            false => NoAnswer::Unreachable(text),
        }
    };
    let mut answer = request.send().await.map_err(lost)?;
    let status = answer.status().as_u16();
    // Enough from the start: a buffer that grows leaves copies of secrets behind.
    let mut body = Zeroizing::new(Vec::with_capacity(MAX_ANSWER));
    while let Some(chunk) = answer.chunk().await.map_err(lost)? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err(NoAnswer::Unusable("the answer is too large".to_owned()));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status, body })
}

/// An error of rustls comes wrapped into I/O errors, which show what they wrap, but not as their source.
fn is_of_tls(error: &(dyn std::error::Error + 'static)) -> bool {
    let wrapped = error
        .downcast_ref::<std::io::Error>()
        .and_then(std::io::Error::get_ref);
    error.is::<rustls::Error>() || wrapped.is_some_and(|inner| is_of_tls(inner))
}

/// What a holder said, made fit for a log line: short, and nothing but printable characters.
pub(crate) fn quoted(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::sync::Arc;

    use parking_lot::Mutex;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// A request as it came over the wire.
    #[derive(Clone)]
    pub(crate) struct Asked {
        pub path: String,
        pub headers: Vec<(String, String)>,
        pub body: serde_json::Value,
    }

    impl Asked {
        pub(crate) fn header(&self, name: &str) -> &str {
            let found = self.headers.iter().find(|(key, _)| key == name);
            found.map_or("", |(_, value)| value)
        }
    }

    type Handler = Box<dyn Fn(&Asked) -> (u16, serde_json::Value) + Send + Sync>;

    /// A server on this machine that answers with a function.
    #[derive(Clone)]
    pub(crate) struct Server {
        pub url: String,
        handler: Arc<Mutex<Handler>>,
    }

    impl Server {
        pub(crate) async fn start(
            handler: impl Fn(&Asked) -> (u16, serde_json::Value) + Send + Sync + 'static,
        ) -> Server {
            let _ = rustls::crypto::ring::default_provider().install_default();
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let server = Server {
                url: format!("http://{}", listener.local_addr().unwrap()),
                handler: Arc::new(Mutex::new(Box::new(handler))),
            };
            let handler = Arc::clone(&server.handler);
            tokio::spawn(async move {
                while let Ok((mut stream, _)) = listener.accept().await {
                    let handler = Arc::clone(&handler);
                    tokio::spawn(async move {
                        let mut bytes = Vec::new();
                        let head = loop {
                            if stream.read_buf(&mut bytes).await.unwrap() == 0 {
                                return;
                            }
                            if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
                                break at;
                            }
                        };
                        let text = String::from_utf8(bytes[..head].to_vec()).unwrap();
                        let mut lines = text.lines();
                        let path = lines.next().unwrap().split(' ').nth(1).unwrap().to_owned();
                        let headers: Vec<(String, String)> = lines
                            .map(|line| line.split_once(": ").unwrap())
                            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
                            .collect();
                        let mut asked = Asked {
                            path,
                            headers,
                            body: serde_json::Value::Null,
                        };
                        let length: usize = asked.header("content-length").parse().unwrap_or(0);
                        while bytes.len() < head + 4 + length {
                            stream.read_buf(&mut bytes).await.unwrap();
                        }
                        asked.body = serde_json::from_slice(&bytes[head + 4..]).unwrap_or_default();
                        let (status, body) = (handler.lock())(&asked);
                        let body = body.to_string();
                        let answer = format!(
                            "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                            body.len()
                        );
                        let _ = stream.write_all(answer.as_bytes()).await;
                    });
                }
            });
            server
        }

        pub(crate) fn answer(
            &self,
            handler: impl Fn(&Asked) -> (u16, serde_json::Value) + Send + Sync + 'static,
        ) {
            *self.handler.lock() = Box::new(handler);
        }
    }
}
