//! The load driver: connections that each send one request after the other, and a clock.
//!
//! It shares the machine with what it measures, so it is built to cost little: one thread, bodies
//! that are never copied or hashed per request, a signature that hashes only a few hundred bytes.

mod client;
mod decrypt;
mod latencies;
mod sign;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use clap::ValueEnum;
use http::{HeaderName, HeaderValue, Method, Request};
use http_body_util::Full;
use md5::{Digest, Md5};
use serde_json::json;
use tokio::task::{JoinSet, LocalSet};
use url::Url;

use client::Connection;
pub use latencies::Latencies;
use sign::Signer;

/// What is sent where.
#[derive(clap::Args)]
pub struct Options {
    /// Endpoint, http://host:port or https://host:port
    #[arg(long)]
    url: Url,
    /// Access key id; without it requests are not signed
    #[arg(long, requires = "secret_key")]
    access_key: Option<String>,
    /// Secret access key
    #[arg(long, env = "SEALGATE_BENCH_SECRET_KEY", hide_env_values = true)]
    secret_key: Option<String>,
    /// Region of the signature
    #[arg(long, default_value = "us-east-1")]
    region: String,
    /// Bucket; without it names stand directly below the root, as in the bare pipeline
    #[arg(long)]
    bucket: Option<String>,
    /// Encryption asked for
    #[arg(long, value_enum, default_value_t = Mode::None)]
    mode: Mode,
    /// Key of the modes kms-key and dsse
    #[arg(long, required_if_eq("mode", "kms-key"))]
    kms_key_id: Option<String>,
    /// What is done
    #[arg(long, value_enum)]
    op: Op,
    /// Bytes of an object
    #[arg(long, default_value_t = 4096)]
    size: usize,
    /// Connections
    #[arg(long, default_value_t = 1)]
    connections: usize,
    /// Names that a connection uses in turn; a put writes each of them at least once
    #[arg(long, default_value_t = 1)]
    objects: u64,
    /// Beginning of the names
    #[arg(long, default_value = "bench")]
    prefix: String,
    /// Seconds
    #[arg(long, default_value_t = 5.0)]
    duration: f64,
    /// Requests of one connection at most
    #[arg(long, default_value_t = u64::MAX)]
    max_ops: u64,
    /// CA certificate (PEM) for https
    #[arg(long)]
    ca: Option<PathBuf>,
    /// Sign the hash of the payload (computed once, before) instead of UNSIGNED-PAYLOAD
    #[arg(long)]
    signed_payload: bool,
}

/// Encryption asked for.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Mode {
    /// No header
    None,
    /// SSE-S3
    Aes256,
    /// SSE-KMS with the default key
    Kms,
    /// SSE-KMS with the key of --kms-key-id
    KmsKey,
    /// DSSE-KMS
    Dsse,
    /// SSE-C, one key for all objects
    Ssec,
}

/// What is done.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Op {
    Put,
    Get,
    /// Each name once
    Delete,
    /// Once
    CreateBucket,
    /// The gateway's own `/health`: HTTP and nothing else
    Health,
    /// Decrypt of the KMS, of one ciphertext under a new key
    KmsDecrypt,
}

impl Op {
    /// The same request each time, which no bucket, object or mode has a part in.
    fn repeats(self) -> bool {
        matches!(self, Op::Health | Op::KmsDecrypt)
    }
}

/// Runs it and prints what happened.
pub fn run(options: &Options) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, load(options))
}

/// What all connections share.
struct Work {
    op: Op,
    method: Method,
    /// `/bucket/` or `/`.
    base: String,
    prefix: String,
    objects: u64,
    max_ops: u64,
    body: Bytes,
    expect: usize,
    headers: Vec<(HeaderName, HeaderValue)>,
    signer: Option<Signer>,
}

async fn load(options: &Options) -> Result<()> {
    let tls = match options.url.scheme() {
        "http" => None,
        "https" => {
            let ca = options.ca.as_deref().context("https needs --ca")?;
            Some(crate::tls::connector(ca)?)
        }
        other => bail!("{other}:// is neither http:// nor https://"),
    };
    let mut connections = Vec::new();
    for _ in 0..options.connections {
        connections.push(Connection::open(&options.url, tls.as_ref()).await?);
    }
    let mut work = work(options)?;
    if let (Op::KmsDecrypt, Some(connection)) = (options.op, connections.first_mut()) {
        let prepared = decrypt::prepare(options, connection).await?;
        (work.headers, work.body) = (prepared.headers, prepared.body);
    }
    let work = Arc::new(work);
    let began = Instant::now();
    let until = began + Duration::from_secs_f64(options.duration);
    let mut running = JoinSet::new();
    for (number, connection) in connections.into_iter().enumerate() {
        running.spawn_local(drive(work.clone(), connection, number, until));
    }
    let mut latencies = Latencies::default();
    while let Some(done) = running.join_next().await {
        latencies.append(done??);
    }
    let seconds = began.elapsed().as_secs_f64();
    let ops = latencies.len();
    crate::print(&json!({
        "ops_per_s": ops as f64 / seconds,
        "bytes_per_s": ops as f64 * options.size as f64 / seconds,
        "ops": ops,
        "seconds": seconds,
        "p50_ms": latencies.quantile(0.50),
        "p99_ms": latencies.quantile(0.99),
    }));
    Ok(())
}

fn work(options: &Options) -> Result<Work> {
    let putting = options.op == Op::Put;
    let mut body = vec![0; if putting { options.size } else { 0 }];
    getrandom::fill(&mut body)?;
    let mut headers = Vec::new();
    let mut header = |name: &'static str, value: &str| -> Result<()> {
        headers.push((HeaderName::from_static(name), HeaderValue::from_str(value)?));
        Ok(())
    };
    const SSE: &str = "x-amz-server-side-encryption";
    match options.mode {
        Mode::Aes256 if putting => header(SSE, "AES256")?,
        Mode::Kms | Mode::KmsKey if putting => header(SSE, "aws:kms")?,
        Mode::Dsse if putting => header(SSE, "aws:kms:dsse")?,
        // A reader has to name the key, too.
        Mode::Ssec if putting || options.op == Op::Get => {
            let key = [0x5a; 32];
            header("x-amz-server-side-encryption-customer-algorithm", "AES256")?;
            header(
                "x-amz-server-side-encryption-customer-key",
                &BASE64.encode(key),
            )?;
            let md5 = BASE64.encode(Md5::digest(key));
            header("x-amz-server-side-encryption-customer-key-md5", &md5)?;
        }
        _ => {}
    }
    if let Some(key) = &options.kms_key_id
        && putting
        && matches!(options.mode, Mode::KmsKey | Mode::Dsse)
    {
        header("x-amz-server-side-encryption-aws-kms-key-id", key)?;
    }
    let authority = options.url.authority();
    let signer = match (&options.access_key, &options.secret_key) {
        (Some(id), Some(secret)) if !options.op.repeats() => {
            let hashed = options.signed_payload.then_some(body.as_slice());
            Some(Signer::new(
                id,
                secret,
                &options.region,
                authority,
                &headers,
                hashed,
            )?)
        }
        _ => None,
    };
    headers.push((http::header::HOST, HeaderValue::from_str(authority)?));
    let base = match &options.bucket {
        Some(bucket) => format!("/{bucket}/"),
        None => "/".to_owned(),
    };
    Ok(Work {
        op: options.op,
        method: match options.op {
            Op::Put | Op::CreateBucket => Method::PUT,
            Op::Get | Op::Health => Method::GET,
            Op::KmsDecrypt => Method::POST,
            Op::Delete => Method::DELETE,
        },
        base,
        prefix: options.prefix.clone(),
        objects: options.objects.max(1),
        max_ops: match options.op {
            Op::CreateBucket => 1,
            Op::Delete => options.objects,
            Op::Put | Op::Get | Op::Health | Op::KmsDecrypt => options.max_ops,
        },
        body: body.into(),
        expect: if options.op == Op::Get {
            options.size
        } else {
            0
        },
        headers,
        signer,
    })
}

async fn drive(
    work: Arc<Work>,
    mut connection: Connection,
    number: usize,
    until: Instant,
) -> Result<Latencies> {
    let at_least = if work.op == Op::Get || work.op.repeats() {
        1
    } else {
        work.objects.min(work.max_ops)
    };
    let mut latencies = Latencies::default();
    for round in 0..work.max_ops {
        let began = Instant::now();
        if round >= at_least && began >= until {
            break;
        }
        let path = match work.op {
            Op::CreateBucket => work.base.trim_end_matches('/').to_owned(),
            Op::Health => "/health".to_owned(),
            Op::KmsDecrypt => "/".to_owned(),
            _ => format!(
                "{}{}-{number}-{}",
                work.base,
                work.prefix,
                round % work.objects
            ),
        };
        let mut request = Request::new(Full::new(work.body.clone()));
        *request.method_mut() = work.method.clone();
        *request.uri_mut() = path.parse()?;
        request.headers_mut().extend(work.headers.iter().cloned());
        if let Some(signer) = &work.signer {
            signer.sign(&work.method, &path, request.headers_mut())?;
        }
        let length = connection
            .send(request)
            .await
            .with_context(|| format!("{} {path}", work.method))?;
        if work.op == Op::Get {
            ensure!(
                length == work.expect,
                "{path}: {length} bytes instead of {}",
                work.expect
            );
        }
        latencies.push(began.elapsed());
    }
    Ok(latencies)
}
