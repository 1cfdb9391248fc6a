//! Group commits on their own: tasks that commit rows of 4 KiB bodies at once, as small PUTs do.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use sealgate_index::{Attributes, Body, Index, IndexConfig, NewVersion, WriteCondition};
use serde_json::json;
use tokio::task::JoinSet;
use zeroize::Zeroizing;

use crate::load::Latencies;

/// What is committed, and for how long.
#[derive(clap::Args)]
pub struct Options {
    /// Folder for the index file
    #[arg(long)]
    dir: PathBuf,
    /// Tasks that commit at once
    #[arg(long, default_value_t = 16)]
    committers: usize,
    /// Bytes of a row's body
    #[arg(long, default_value_t = 4096)]
    size: usize,
    /// Seconds
    #[arg(long, default_value_t = 3.0)]
    duration: f64,
    /// Leave the index file unencrypted
    #[arg(long)]
    plain: bool,
}

/// Runs it and prints the rate.
pub fn run(options: &Options) -> Result<()> {
    tokio::runtime::Runtime::new()?.block_on(commit(options))
}

async fn commit(options: &Options) -> Result<()> {
    std::fs::create_dir_all(&options.dir)?;
    let mut random = vec![0; options.size];
    getrandom::fill(&mut random)?;
    let body = Bytes::from(random);
    let key = (!options.plain).then(|| Zeroizing::new([7; 32]));
    let index = Index::open(IndexConfig {
        path: options.dir.join("index.db"),
        key,
    })
    .await?;
    let bucket = index
        .create_bucket("rows", "111111111111", "us-east-1")
        .await?
        .id;
    let stop = Arc::new(AtomicBool::new(false));
    let began = Instant::now();
    let mut committers = JoinSet::new();
    for committer in 0..options.committers {
        let (index, body, stop) = (index.clone(), body.clone(), stop.clone());
        committers.spawn(async move {
            let mut latencies = Latencies::default();
            for row in 0_u64.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let began = Instant::now();
                let version = NewVersion {
                    key: format!("row-{committer}-{row}"),
                    size: body.len() as u64,
                    etag: "00000000000000000000000000000000".to_owned(),
                    checksum_algorithm: None,
                    checksum_type: None,
                    body: Body::Inline(body.clone()),
                    meta: Bytes::from_static(&[1; 64]),
                    envelope: Bytes::from_static(&[2; 128]),
                    attributes: Attributes::default(),
                };
                index
                    .put_version(bucket, version, WriteCondition::None, None, Vec::new())
                    .await?;
                latencies.push(began.elapsed());
            }
            anyhow::Ok(latencies)
        });
    }
    tokio::time::sleep(Duration::from_secs_f64(options.duration)).await;
    stop.store(true, Ordering::Relaxed);
    let mut latencies = Latencies::default();
    while let Some(done) = committers.join_next().await {
        latencies.append(done??);
    }
    let seconds = began.elapsed().as_secs_f64();
    index.close().await;
    let rate = latencies.len() as f64 / seconds;
    crate::print(&json!({
        "ops_per_s": rate,
        "bytes_per_s": rate * options.size as f64,
        "ops": latencies.len(),
        "seconds": seconds,
        "p50_ms": latencies.quantile(0.50),
        "p99_ms": latencies.quantile(0.99),
    }));
    Ok(())
}
