//! How fast it is. Run on a quiet machine:
//! `cargo test --release -p sealgate-index --test speed -- --ignored --nocapture --test-threads=1`
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use bytes::Bytes;
use sealgate_index::{
    Attributes, Body, Index, IndexConfig, ListQuery, NewVersion, TrailEntry, WriteCondition,
};
use zeroize::Zeroizing;

fn version(key: String, body: Bytes) -> NewVersion {
    NewVersion {
        key,
        size: 4096,
        etag: "d41d8cd98f00b204e9800998ecf8427e".into(),
        checksum_algorithm: Some("CRC64NVME".into()),
        checksum_type: Some("FULL_OBJECT".into()),
        body: Body::Inline(body),
        meta: Bytes::from(vec![1; 120]),
        envelope: Bytes::from(vec![2; 160]),
        attributes: Attributes::default(),
    }
}

/// Processor time of the writer threads so far, in microseconds: on a busy machine it says more than the clock.
fn writer_time() -> f64 {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else {
        return f64::NAN;
    };
    let mut total = 0.0;
    for thread in threads.flatten() {
        let read = |file| std::fs::read_to_string(thread.path().join(file)).unwrap_or_default();
        if read("comm").trim() == "index-writer" {
            let nanos = read("schedstat")
                .split(' ')
                .next()
                .and_then(|nanos| nanos.parse::<f64>().ok());
            total += nanos.unwrap_or(f64::NAN) / 1000.0;
        }
    }
    total
}

/// Runs `total` calls from `tasks` tasks and tells how fast they went.
async fn rate<F: Future<Output = ()> + Send>(
    tasks: usize,
    total: usize,
    call: impl Fn(usize) -> F + Send + Sync + 'static,
) -> String {
    let before = writer_time();
    let (call, next) = (Arc::new(call), Arc::new(AtomicUsize::new(0)));
    let start = Instant::now();
    let running: Vec<_> = (0..tasks)
        .map(|_| {
            let (call, next) = (call.clone(), next.clone());
            tokio::spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= total {
                        return;
                    }
                    call(number).await;
                }
            })
        })
        .collect();
    for task in running {
        task.await.unwrap();
    }
    let rate = total as f64 / start.elapsed().as_secs_f64();
    let each = (writer_time() - before) / total as f64;
    format!("{rate:.0}/s, {each:.1} µs of the writer's processor time each")
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn small_puts_gets_pages_and_trail() {
    for key in [Some(Zeroizing::new([7; 32])), None] {
        let name = if key.is_some() { "encrypted" } else { "plain" };
        let folder = tempfile::tempdir_in(
            std::env::var("SEALGATE_SPEED_FOLDER").unwrap_or_else(|_| ".".into()),
        )
        .unwrap();
        let index = Index::open(IndexConfig {
            path: folder.path().join("index.db"),
            key,
        })
        .await
        .unwrap();
        let id = index
            .create_bucket("bucket", "111111111111", "us-east-1")
            .await
            .unwrap()
            .id;
        let body = Bytes::from(vec![3; 4096 + 96]);

        const PUTS: usize = 60_000;
        // Keys in no order, as hashes or uploads of many clients are.
        let key_of = |number: usize| {
            format!(
                "folder-{:02}/object-{:08x}",
                number % 64,
                number.wrapping_mul(0x9E37_79B1)
            )
        };
        for (what, tasks, total) in [
            ("puts, 64 tasks", 64, PUTS),
            ("overwrites, 64 tasks", 64, PUTS / 4),
            ("puts, 1 task", 1, 2000),
        ] {
            let (index, body) = (index.clone(), body.clone());
            let rate = rate(tasks, total, move |number| {
                let (index, new) = (index.clone(), version(key_of(number), body.clone()));
                async move {
                    index
                        .put_version(id, new, WriteCondition::None, None, Vec::new())
                        .await
                        .unwrap();
                }
            })
            .await;
            println!("{name}: {what}: {rate}");
        }
        let reader = index.clone();
        let gets = rate(16, 50_000, move |number| {
            let index = reader.clone();
            async move {
                index
                    .get_version(id, &key_of(number * 7 % PUTS))
                    .await
                    .unwrap()
                    .unwrap();
            }
        })
        .await;
        println!("{name}: gets: {gets}");

        for (what, delimiter) in [("1000 keys", None), ("64 prefixes", Some("/".to_owned()))] {
            let mut pages = 0_u32;
            let mut after = None;
            let start = Instant::now();
            while pages < 64 {
                let query = ListQuery {
                    delimiter: delimiter.clone(),
                    after,
                    limit: 1000,
                    ..ListQuery::default()
                };
                after = index.list_objects(id, query).await.unwrap().next;
                pages += 1;
            }
            println!(
                "{name}: a page of {what}: {:.2} ms",
                start.elapsed().as_secs_f64() * 1000.0 / f64::from(pages)
            );
        }

        let trail = index.clone();
        let events = rate(64, 20_000, move |number| {
            let index = trail.clone();
            let entry = TrailEntry {
                // Ascending, as the ids of events are.
                event_id: format!("0199{number:028x}"),
                time: time::OffsetDateTime::now_utc(),
                event_name: "GenerateDataKey".into(),
                event_source: "kms.amazonaws.com".into(),
                username: Some("alice".into()),
                access_key_id: Some("AKIAIOSFODNN7EXAMPLE".into()),
                read_only: true,
                account_id: "111111111111".into(),
                resources: vec![(
                    "AWS::KMS::Key".into(),
                    "arn:aws:kms:us-east-1:111111111111:key/1234".into(),
                )],
                listed: true,
                event: Bytes::from(vec![b'x'; 1200]),
            };
            async move { index.trail_append(vec![entry]).await.unwrap() }
        })
        .await;
        println!("{name}: trail, 64 tasks: {events}");
        index.close().await;
    }
}
