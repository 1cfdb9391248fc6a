//! What is particular to remote stores: bounded memory, and backends that fail.

use std::time::{Duration, Instant};

use crate::common::{body, read, remote, write};
use sealgate_blobs::{BlobError, BlobName, BlobStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A backend that answers every connection with these bytes, or never.
async fn backend(answer: Option<&'static str>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut silent = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let Some(answer) = answer else {
                silent.push(stream);
                continue;
            };
            tokio::spawn(async move {
                let mut request = [0; 16 * 1024];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    port
}

async fn attempts(port: u16) -> [BlobError; 4] {
    let mut config = remote(port);
    config.idle_timeout = Duration::from_millis(300);
    config.connect_timeout = Duration::from_millis(300);
    let store = BlobStore::remote(config).unwrap();
    let name = BlobName::new();
    [
        read(&store, name.as_str(), 0..10).await.unwrap_err(),
        write(&store, &body(10), 10).await.map(|_| ()).unwrap_err(),
        write(&store, &body(6_000_000), 100_000)
            .await
            .map(|_| ())
            .unwrap_err(),
        store.check().await.unwrap_err(),
    ]
}

#[tokio::test]
async fn a_backend_that_is_down_is_unavailable() {
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().port()
    };
    let began = Instant::now();
    for error in attempts(port).await {
        assert!(matches!(error, BlobError::Unavailable(_)), "{error:?}");
    }
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_backend_that_answers_5xx_is_unavailable() {
    let answer = "HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    for error in attempts(backend(Some(answer)).await).await {
        assert!(matches!(error, BlobError::Unavailable(_)), "{error:?}");
    }
}

#[tokio::test]
async fn a_backend_that_refuses_our_credentials_is_unavailable() {
    let answer = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    for error in attempts(backend(Some(answer)).await).await {
        assert!(matches!(error, BlobError::Unavailable(_)), "{error:?}");
    }
}

#[tokio::test]
async fn a_backend_that_is_silent_times_out() {
    for error in attempts(backend(None).await).await {
        assert!(matches!(error, BlobError::Timeout), "{error:?}");
    }
}

#[tokio::test]
async fn a_backend_that_hangs_up_in_the_middle_of_a_body_is_an_error() {
    let answer = "HTTP/1.1 206 Partial Content\r\nContent-Length: 10\r\nContent-Range: bytes 0-9/10\r\nETag: \"e\"\r\nLast-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\nConnection: close\r\n\r\nhalf";
    let store = BlobStore::remote(remote(backend(Some(answer)).await)).unwrap();
    let error = read(&store, BlobName::new().as_str(), 0..10)
        .await
        .unwrap_err();
    assert!(matches!(error, BlobError::Unavailable(_)), "{error:?}");
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_unavailable_not_a_missing_blob() {
    let answer = "HTTP/1.1 404 Not Found\r\nContent-Length: 39\r\nConnection: close\r\n\r\n<Error><Code>NoSuchBucket</Code></Error";
    for error in attempts(backend(Some(answer)).await).await {
        assert!(matches!(error, BlobError::Unavailable(_)), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_writers_share_a_bounded_pool_and_small_ones_do_not_wait_for_it() {
    let part_size = 500_000;
    let store = BlobStore::in_memory(part_size, 2);
    let mut holders = Vec::new();
    for _ in 0..2 {
        let mut writer = store.create();
        writer.write(body(300_000)).await.unwrap();
        holders.push(writer);
    }
    assert_eq!(store.part_buffers(), Some((2, 2)));
    // The pool is empty: a large writer waits, a small one passes.
    let mut large = store.create();
    let waiting = tokio::time::timeout(Duration::from_millis(100), large.write(body(300_000)));
    assert!(waiting.await.is_err());
    write(&store, &body(200_000), 10_000).await.unwrap();
    // A writer that goes away gives its buffer to the next.
    holders.pop();
    large.write(body(300_000)).await.unwrap();
    assert_eq!(store.part_buffers(), Some((2, 2)));
    drop((large, holders));
    store.settle().await;
    assert_eq!(store.part_buffers(), Some((0, 2)));
}
