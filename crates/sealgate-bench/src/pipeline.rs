//! The bare pipeline: `PUT /name` streams a body durably to disk, `GET /name` streams it back.
//!
//! What it shares with the gateway is the HTTP stack, the write pattern and, if asked for, the
//! cipher. It has no authentication, no S3 and no index: names are kept in memory.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, ensure};
use bytes::Bytes;
use clap::ValueEnum;
use futures_util::stream;
use http::{Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::RwLock;
use sealgate_blobs::{BlobReader, BlobStore, LocalOptions};
use sealgate_seal::{BodyKeys, Key256, OpenStream, SealStream};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;

/// How it serves.
#[derive(clap::Args)]
pub struct Options {
    /// Folder for the bodies
    #[arg(long)]
    dir: PathBuf,
    /// Address for HTTP
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Address for HTTPS; needs --cert and --key
    #[arg(long, requires_all = ["cert", "key"])]
    listen_tls: Option<SocketAddr>,
    /// Certificate chain (PEM)
    #[arg(long)]
    cert: Option<PathBuf>,
    /// Private key (PEM)
    #[arg(long)]
    key: Option<PathBuf>,
    /// What happens to a body before it is written
    #[arg(long, value_enum, default_value_t = Cipher::None)]
    cipher: Cipher,
    /// Bytes after which a stream is first brought to the device while it goes on
    #[arg(long, default_value_t = LocalOptions::default().sync_every)]
    sync_every: u64,
}

/// What happens to a body before it is written.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Cipher {
    /// Nothing
    None,
    /// It is sealed under a random key that is kept in memory
    Seal,
}

/// A stored body.
struct Object {
    blob: String,
    size: u64,
    sealed_size: u64,
    keys: Option<BodyKeys>,
}

struct Pipeline {
    store: BlobStore,
    cipher: Cipher,
    objects: RwLock<HashMap<String, Arc<Object>>>,
}

type Body = UnsyncBoxBody<Bytes, anyhow::Error>;

/// Serves until it is killed.
pub fn run(options: Options) -> Result<()> {
    tokio::runtime::Runtime::new()?.block_on(serve(options))
}

async fn serve(options: Options) -> Result<()> {
    let local = LocalOptions {
        sync_every: options.sync_every,
    };
    let pipeline = Arc::new(Pipeline {
        store: BlobStore::local(&options.dir, local)?,
        cipher: options.cipher,
        objects: RwLock::default(),
    });
    let plain = TcpListener::bind(options.listen).await?;
    let mut ready = format!("ready http://{}", plain.local_addr()?);
    if let (Some(address), Some(cert), Some(key)) =
        (options.listen_tls, &options.cert, &options.key)
    {
        let acceptor = crate::tls::acceptor(cert, key)?;
        let listener = TcpListener::bind(address).await?;
        ready += &format!(" https://{}", listener.local_addr()?);
        let pipeline = pipeline.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, pipeline) = (acceptor.clone(), pipeline.clone());
                tokio::spawn(async move {
                    if stream.set_nodelay(true).is_ok()
                        && let Ok(stream) = acceptor.accept(stream).await
                    {
                        connection(stream, pipeline).await;
                    }
                });
            }
        });
    }
    crate::print(&ready);
    loop {
        let (stream, _) = plain.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(connection(stream, pipeline.clone()));
    }
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    pipeline: Arc<Pipeline>,
) {
    let service = service_fn(move |request| {
        let pipeline = pipeline.clone();
        async move { Ok::<_, std::convert::Infallible>(pipeline.answer(request).await) }
    });
    // A client that hangs up is no event here.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

impl Pipeline {
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let name = request.uri().path().to_owned();
        let result = match *request.method() {
            Method::PUT => self.put(name, request.into_body()).await,
            Method::GET => self.get(&name).await,
            Method::DELETE => self.delete(&name).await,
            _ => Ok(status(StatusCode::METHOD_NOT_ALLOWED)),
        };
        result.unwrap_or_else(|error| {
            let text = Bytes::from(format!("{error:#}"));
            let body = http_body_util::Full::new(text)
                .map_err(|never| match never {})
                .boxed_unsync();
            let mut response = Response::new(body);
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        })
    }

    async fn put(&self, name: String, mut body: Incoming) -> Result<Response<Body>> {
        let mut writer = self.store.create();
        let keys = (self.cipher == Cipher::Seal).then(|| BodyKeys::Single(Key256::generate()));
        let mut sealing = keys.as_ref().map(|keys| SealStream::new(keys, 0));
        let mut size = 0;
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame?.into_data() else {
                continue;
            };
            size += data.len() as u64;
            match &mut sealing {
                None => writer.write(data).await?,
                Some(sealing) => {
                    sealing.push(&data)?;
                    if !sealing.output().is_empty() {
                        writer.write(sealing.output().split().freeze()).await?;
                    }
                }
            }
        }
        if let Some(sealing) = &mut sealing {
            sealing.finish()?;
            writer.write(sealing.output().split().freeze()).await?;
        }
        let finished = writer.finish().await?;
        let object = Object {
            blob: finished.name().to_owned(),
            size,
            sealed_size: finished.size(),
            keys,
        };
        finished.commit();
        let replaced = self.objects.write().insert(name, Arc::new(object));
        if let Some(replaced) = replaced {
            let store = self.store.clone();
            tokio::spawn(async move { store.delete(&replaced.blob).await });
        }
        Ok(status(StatusCode::OK))
    }

    async fn get(&self, name: &str) -> Result<Response<Body>> {
        let Some(object) = self.objects.read().get(name).cloned() else {
            return Ok(status(StatusCode::NOT_FOUND));
        };
        let mut reader = self.store.read(&object.blob, 0..object.sealed_size).await?;
        let body = match &object.keys {
            None => frames(reader, None, Bytes::new()),
            Some(keys) => {
                let mut first = reader
                    .next()
                    .await?
                    .context("a sealed body is never empty")?;
                let header_len = keys.layers().header_len();
                ensure!(first.len() >= header_len, "the header is cut");
                let header = first.split_to(header_len);
                let opening = OpenStream::new(keys, 0, &header, object.size, 0..object.size)?;
                frames(reader, Some(opening), first)
            }
        };
        Ok(Response::builder()
            .header(http::header::CONTENT_LENGTH, object.size)
            .body(body)?)
    }

    async fn delete(&self, name: &str) -> Result<Response<Body>> {
        let removed = self.objects.write().remove(name);
        if let Some(object) = removed {
            self.store.delete(&object.blob).await?;
        }
        Ok(status(StatusCode::NO_CONTENT))
    }
}

/// The rest of a blob, opened if it is sealed. `first` was read already.
fn frames(reader: BlobReader, opening: Option<OpenStream>, first: Bytes) -> Body {
    let state = (reader, opening, first);
    let stream = stream::try_unfold(state, |(mut reader, mut opening, mut piece)| async move {
        loop {
            if piece.is_empty() {
                match reader.next().await? {
                    Some(next) => piece = next,
                    None => {
                        return match opening.as_mut().map(OpenStream::finish) {
                            Some(Err(error)) => Err(anyhow!(error)),
                            _ => Ok(None),
                        };
                    }
                }
            }
            let sealed = std::mem::take(&mut piece);
            let plain = match &mut opening {
                None => sealed,
                Some(opening) => {
                    opening.push(&sealed)?;
                    opening.output().split().freeze()
                }
            };
            if !plain.is_empty() {
                return Ok(Some((Frame::data(plain), (reader, opening, piece))));
            }
        }
    });
    BodyExt::boxed_unsync(StreamBody::new(stream))
}

fn status(status: StatusCode) -> Response<Body> {
    let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}
