//! Records: conditions, all or nothing, and no stale reads.

use bytes::Bytes;
use sealgate_index::{Expect, IndexError, RecordWrite};

use crate::support::fresh;

fn write(id: &str, expect: Expect, body: Option<&str>) -> RecordWrite {
    RecordWrite {
        ns: "key".into(),
        id: id.into(),
        expect,
        body: body.map(|body| Bytes::from(body.to_owned())),
    }
}

#[tokio::test]
async fn expectations_decide_all_writes_together() {
    let index = fresh().await;
    index
        .write_records(vec![
            write("a", Expect::Absent, Some("1")),
            write("b", Expect::Any, Some("1")),
        ])
        .await
        .unwrap();
    let a = index.record("key", "a").await.unwrap().unwrap();
    let refused = [
        write("a", Expect::Absent, Some("2")),
        write("a", Expect::Revision(a.revision + 100), Some("2")),
        write("c", Expect::Revision(1), Some("2")),
    ];
    for refused in refused {
        let writes = vec![write("b", Expect::Any, Some("2")), refused];
        assert_eq!(
            index.write_records(writes).await.err(),
            Some(IndexError::Conflict)
        );
    }
    assert_eq!(index.record("key", "b").await.unwrap().unwrap().body, "1");
    assert_eq!(index.record("key", "c").await.unwrap(), None);
    assert_eq!(index.record("other", "a").await.unwrap(), None);
    index
        .write_records(vec![write("a", Expect::Revision(a.revision), Some("2"))])
        .await
        .unwrap();
    assert!(index.record("key", "a").await.unwrap().unwrap().revision > a.revision);
}

#[tokio::test]
async fn a_remade_record_has_another_revision() {
    let index = fresh().await;
    index
        .write_records(vec![write("a", Expect::Any, Some("1"))])
        .await
        .unwrap();
    let first = index.record("key", "a").await.unwrap().unwrap();
    index
        .write_records(vec![write("a", Expect::Revision(first.revision), None)])
        .await
        .unwrap();
    assert_eq!(index.record("key", "a").await.unwrap(), None);
    index
        .write_records(vec![write("a", Expect::Absent, Some("1"))])
        .await
        .unwrap();
    let stale = write("a", Expect::Revision(first.revision), Some("2"));
    assert_eq!(
        index.write_records(vec![stale]).await.err(),
        Some(IndexError::Conflict)
    );
}

#[tokio::test]
async fn records_are_listed_by_prefix() {
    let index = fresh().await;
    let ids = ["user/a", "user/b", "user/c", "users", "group"];
    index
        .write_records(
            ids.iter()
                .map(|id| write(id, Expect::Any, Some(id)))
                .collect(),
        )
        .await
        .unwrap();
    let list = async |prefix: &str, after: Option<&str>, limit| {
        let records = index.records("key", prefix, after, limit).await.unwrap();
        records
            .into_iter()
            .map(|record| record.id)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        list("user/", None, 10).await,
        ["user/a", "user/b", "user/c"]
    );
    assert_eq!(list("user/", Some("user/a"), 1).await, ["user/b"]);
    assert_eq!(
        list("", None, 10).await,
        ["group", "user/a", "user/b", "user/c", "users"]
    );
    assert!(list("user/", Some("user/c"), 10).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_acknowledged_write_is_never_followed_by_an_older_read() {
    let index = fresh().await;
    index
        .write_records(vec![write("a", Expect::Any, Some("0"))])
        .await
        .unwrap();
    let written = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let (index, written) = ((*index).clone(), written.clone());
            tokio::spawn(async move {
                loop {
                    let least = written.load(std::sync::atomic::Ordering::SeqCst);
                    let record = index.record("key", "a").await.unwrap().unwrap();
                    let seen: u32 = std::str::from_utf8(&record.body).unwrap().parse().unwrap();
                    assert!(seen >= least, "read {seen} after {least} was acknowledged");
                    if seen == 300 {
                        return;
                    }
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for number in 1..=300_u32 {
        index
            .write_records(vec![write("a", Expect::Any, Some(&number.to_string()))])
            .await
            .unwrap();
        written.store(number, std::sync::atomic::Ordering::SeqCst);
    }
    for reader in readers {
        reader.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn counting_by_compare_and_swap_loses_nothing() {
    let index = fresh().await;
    index
        .write_records(vec![write("n", Expect::Any, Some("0"))])
        .await
        .unwrap();
    let adders: Vec<_> = (0..8)
        .map(|_| {
            let index = (*index).clone();
            tokio::spawn(async move {
                let mut added = 0;
                while added < 25 {
                    let record = index.record("key", "n").await.unwrap().unwrap();
                    let number: u32 = std::str::from_utf8(&record.body).unwrap().parse().unwrap();
                    let next = write(
                        "n",
                        Expect::Revision(record.revision),
                        Some(&(number + 1).to_string()),
                    );
                    match index.write_records(vec![next]).await {
                        Ok(()) => added += 1,
                        Err(error) => assert_eq!(error, IndexError::Conflict),
                    }
                }
            })
        })
        .collect();
    for adder in adders {
        adder.await.unwrap();
    }
    assert_eq!(index.record("key", "n").await.unwrap().unwrap().body, "200");
}
