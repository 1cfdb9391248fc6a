//! What the tests of this crate share.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt;
use sealgate_blobs::{BlobStore, FinishedBlob, RemoteConfig, Result};

/// Bytes that differ at every place.
pub fn body(length: usize) -> Bytes {
    (0..length)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 11) as u8)
        .collect::<Vec<_>>()
        .into()
}

/// Writes `data` in pieces of `step` bytes.
pub async fn write(store: &BlobStore, data: &Bytes, step: usize) -> Result<FinishedBlob> {
    let mut writer = store.create();
    let mut rest = data.clone();
    while !rest.is_empty() {
        writer.write(rest.split_to(step.min(rest.len()))).await?;
    }
    writer.finish().await
}

/// Writes and commits; the name.
pub async fn stored(store: &BlobStore, data: &Bytes, step: usize) -> String {
    let blob = write(store, data, step).await.unwrap();
    let name = blob.name().to_owned();
    blob.commit();
    name
}

pub async fn read(store: &BlobStore, name: &str, range: std::ops::Range<u64>) -> Result<Vec<u8>> {
    let mut reader = store.read(name, range).await?;
    let mut all = Vec::new();
    while let Some(piece) = reader.next().await? {
        assert!(!piece.is_empty() && piece.len() <= sealgate_blobs::READ_PIECE);
        all.extend_from_slice(&piece);
    }
    Ok(all)
}

/// Names of all blobs, sorted.
pub async fn names(store: &BlobStore) -> Vec<String> {
    let mut names: Vec<String> = store.list().map(|info| info.unwrap().name).collect().await;
    names.sort();
    names
}

/// A foreign S3 server, stopped when dropped.
pub struct Moto {
    process: Child,
    port: u16,
}

impl Moto {
    /// `None` where moto is not installed.
    pub fn start() -> Option<Moto> {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let process = Command::new("moto_server")
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut moto = Moto { process, port };
        let deadline = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if moto.process.try_wait().unwrap().is_some() || Instant::now() > deadline {
                return None;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        moto.make_bucket("blobs");
        Some(moto)
    }

    fn make_bucket(&self, bucket: &str) {
        let answer = self.request("PUT", &format!("/{bucket}"));
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    /// A request without a signature, which moto does not ask for.
    pub fn request(&self, method: &str, target: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        write!(
            stream,
            "{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            self.port
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    pub fn config(&self) -> RemoteConfig {
        remote(self.port)
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A store at a local port, spoken to without patience.
pub fn remote(port: u16) -> RemoteConfig {
    // Set by an earlier test of the same process is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut config = RemoteConfig::new("s3://blobs/some/prefix");
    config.endpoint = Some(format!("http://127.0.0.1:{port}"));
    config.allow_http = true;
    config.access_key_id = Some("AKIAIOSFODNN7EXAMPLE".to_owned());
    config.secret_access_key = Some("secret".to_owned().into());
    config.part_size = 5 * 1024 * 1024;
    config.buffers = 4;
    config.retries = 0;
    config
}
