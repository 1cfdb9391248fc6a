//! The index as a file: encryption, refusal of what is not ours, reopening, closing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use bytes::Bytes;
use sealgate_crypto::hash::{Digest, Sha256};
use sealgate_index::{
    Attributes, Body, Delete, Expect, Index, IndexConfig, IndexError, ListQuery, NewVersion, Part,
    RecordWrite, TrailEntry, WriteCondition,
};
use zeroize::Zeroizing;

const KEY: [u8; 32] = [7; 32];

fn config(path: &Path, key: Option<[u8; 32]>) -> IndexConfig {
    IndexConfig {
        path: path.to_owned(),
        key: key.map(Zeroizing::new),
    }
}

async fn refusal(path: &Path, key: Option<[u8; 32]>) -> IndexError {
    match Index::open(config(path, key)).await {
        Ok(_) => panic!("opened"),
        Err(error) => error,
    }
}

fn version(key: &str, body: &str) -> NewVersion {
    NewVersion {
        key: key.into(),
        size: 1,
        etag: "etag".into(),
        checksum_algorithm: None,
        checksum_type: None,
        body: Body::Inline(Bytes::from(body.to_owned())),
        meta: Bytes::from_static(b"knownmetadataofanobject"),
        envelope: Bytes::new(),
        attributes: Attributes::default(),
    }
}

fn event(number: u32) -> TrailEntry {
    TrailEntry {
        event_id: number.to_string(),
        time: time::OffsetDateTime::UNIX_EPOCH,
        event_name: "Decrypt".into(),
        event_source: "kms.amazonaws.com".into(),
        username: None,
        access_key_id: None,
        read_only: true,
        account_id: "111111111111".into(),
        resources: Vec::new(),
        listed: true,
        event: Bytes::from(format!("event {number}")),
    }
}

async fn fill(index: &Index) -> i64 {
    let bucket = index
        .create_bucket("knownbucketname", "111111111111", "us-east-1")
        .await
        .unwrap();
    for number in 0..200 {
        let new = version(
            &format!("knownobjectkey/{number}"),
            &"knownbody".repeat(400),
        );
        index
            .put_version(bucket.id, new, WriteCondition::None, None, Vec::new())
            .await
            .unwrap();
    }
    let body = Some(Bytes::from_static(b"knownrecordbody"));
    let write = RecordWrite {
        ns: "knownnamespace".into(),
        id: "knownrecordid".into(),
        expect: Expect::Any,
        body,
    };
    index.write_records(vec![write]).await.unwrap();
    bucket.id
}

/// The index file and everything beside it.
fn files(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect()
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}

#[tokio::test]
async fn nothing_known_is_readable_in_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index.db");
    let index = Index::open(config(&path, Some(KEY))).await.unwrap();
    fill(&index).await;
    let known = [
        "knownbucketname",
        "knownobjectkey",
        "knownmetadataofanobject",
        "knownbody",
        "knownrecordbody",
        "knownrecordid",
        "CREATE TABLE",
    ];
    let check = |when: &str| {
        for file in files(folder.path()) {
            let content = std::fs::read(&file).unwrap();
            for word in known {
                // Base64 in each of the three alignments, without the characters that neighbours decide.
                let mut forms = vec![
                    word.as_bytes().to_vec(),
                    hex::encode(word).into(),
                    hex::encode_upper(word).into(),
                ];
                for skip in 0..3 {
                    let whole = &word.as_bytes()[skip..];
                    forms.push(STANDARD_NO_PAD.encode(&whole[..whole.len() / 3 * 3]).into());
                }
                for form in forms {
                    assert!(
                        !contains(&content, &form),
                        "{word} in {} {when}",
                        file.display()
                    );
                }
            }
            assert!(!contains(&content, &KEY), "the key in {}", file.display());
        }
    };
    assert_eq!(files(folder.path()).len(), 3);
    check("while open");
    index.close().await;
    check("when closed");
    // The test would see them in a plain file.
    let plain = folder.path().join("plain.db");
    let index = Index::open(config(&plain, None)).await.unwrap();
    fill(&index).await;
    index.close().await;
    assert!(contains(&std::fs::read(&plain).unwrap(), b"knownobjectkey"));
}

#[cfg(unix)]
#[tokio::test]
async fn the_files_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let index = Index::open(config(&folder.path().join("index.db"), Some(KEY)))
        .await
        .unwrap();
    fill(&index).await;
    for file in files(folder.path()) {
        assert_eq!(
            std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600,
            "{}",
            file.display()
        );
    }
}

#[tokio::test]
async fn a_closed_index_is_one_file_and_opens_the_same() {
    for key in [Some(KEY), None] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index.db");
        let index = Index::open(config(&path, key)).await.unwrap();
        let id = fill(&index).await;
        let all = ListQuery {
            limit: 1000,
            ..ListQuery::default()
        };
        let before = index.list_objects(id, all.clone()).await.unwrap();
        let one = index.get_version(id, "knownobjectkey/7").await.unwrap();
        index.close().await;
        assert_eq!(files(folder.path()).as_slice(), std::slice::from_ref(&path));
        assert!(matches!(
            index.delete_version(id, Delete::current("key")).await,
            Err(IndexError::Storage(_))
        ));
        assert!(matches!(
            index.get_version(id, "key").await,
            Err(IndexError::Storage(_))
        ));
        index.close().await;

        let index = Index::open(config(&path, key)).await.unwrap();
        assert_eq!(index.list_objects(id, all).await.unwrap(), before);
        assert_eq!(
            index.get_version(id, "knownobjectkey/7").await.unwrap(),
            one
        );
        assert_eq!(
            index
                .record("knownnamespace", "knownrecordid")
                .await
                .unwrap()
                .unwrap()
                .body,
            "knownrecordbody"
        );
    }
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index.db");
    let index = Index::open(config(&path, Some(KEY))).await.unwrap();
    let id = fill(&index).await;
    // The files as they are at this moment, as a crash would leave them.
    let after = tempfile::tempdir().unwrap();
    for file in files(folder.path())
        .iter()
        .filter(|file| !file.ends_with("index.db-shm"))
    {
        std::fs::copy(file, after.path().join(file.file_name().unwrap())).unwrap();
    }
    let again = Index::open(config(&after.path().join("index.db"), Some(KEY)))
        .await
        .unwrap();
    for number in 0..200 {
        let key = format!("knownobjectkey/{number}");
        assert_eq!(
            again.get_version(id, &key).await.unwrap(),
            index.get_version(id, &key).await.unwrap()
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_finishes_the_writes_that_wait() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index.db");
    let index = Index::open(config(&path, Some(KEY))).await.unwrap();
    let bucket = index
        .create_bucket("bucket", "111111111111", "us-east-1")
        .await
        .unwrap();
    let writes: Vec<_> = (0..300)
        .map(|number| {
            let index = index.clone();
            tokio::spawn(async move {
                index
                    .put_version(
                        bucket.id,
                        version(&number.to_string(), "body"),
                        WriteCondition::None,
                        None,
                        Vec::new(),
                    )
                    .await
            })
        })
        .collect();
    tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    index.close().await;
    let again = Index::open(config(&path, Some(KEY))).await.unwrap();
    for (number, write) in writes.into_iter().enumerate() {
        let acknowledged = write.await.unwrap().is_ok();
        let stored = again
            .get_version(bucket.id, &number.to_string())
            .await
            .unwrap()
            .is_some();
        assert_eq!(acknowledged, stored);
    }
}

#[tokio::test]
async fn a_wrong_key_and_files_of_others_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let ours = folder.path().join("ours.db");
    let index = Index::open(config(&ours, Some(KEY))).await.unwrap();
    fill(&index).await;
    index.close().await;
    let before = std::fs::read(&ours).unwrap();
    assert_eq!(refusal(&ours, Some([8; 32])).await, IndexError::WrongKey);
    assert_eq!(refusal(&ours, None).await, IndexError::WrongKey);
    assert_eq!(std::fs::read(&ours).unwrap(), before);

    let plain = folder.path().join("plain.db");
    let index = Index::open(config(&plain, None)).await.unwrap();
    index.close().await;
    assert_eq!(refusal(&plain, Some(KEY)).await, IndexError::Foreign);

    let text = folder.path().join("text");
    std::fs::write(&text, "this is a letter to my aunt").unwrap();
    assert_eq!(refusal(&text, Some(KEY)).await, IndexError::Foreign);
    assert_eq!(refusal(&text, None).await, IndexError::Foreign);

    let other = folder.path().join("other.db");
    let conn = rusqlite::Connection::open(&other).unwrap();
    conn.execute_batch("CREATE TABLE letters (text); PRAGMA user_version = 1;")
        .unwrap();
    conn.close().unwrap();
    assert_eq!(refusal(&other, None).await, IndexError::Foreign);

    let conn = rusqlite::Connection::open(&plain).unwrap();
    conn.execute_batch("PRAGMA user_version = 9;").unwrap();
    conn.close().unwrap();
    assert_eq!(
        refusal(&plain, None).await,
        IndexError::Newer { found: 9, known: 4 }
    );
}

#[tokio::test]
async fn a_damaged_page_is_reported_and_never_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index.db");
    let index = Index::open(config(&path, Some(KEY))).await.unwrap();
    let id = fill(&index).await;
    index.close().await;
    let mut content = std::fs::read(&path).unwrap();
    // Everything but the schema's pages, one bit each.
    for page in content.chunks_mut(4096).skip(40) {
        page[100] ^= 1;
    }
    std::fs::write(&path, &content).unwrap();
    let index = Index::open(config(&path, Some(KEY))).await.unwrap();
    let mut damaged = 0;
    for number in 0..200 {
        match index
            .get_version(id, &format!("knownobjectkey/{number}"))
            .await
        {
            Ok(Some(version)) => {
                assert_eq!(version.body, Body::Inline("knownbody".repeat(400).into()))
            }
            Err(IndexError::Damaged(_)) => damaged += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(damaged > 100, "{damaged}");
}

#[tokio::test]
async fn a_part_without_a_whole_hash_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index.db");
    let index = Index::open(config(&path, None)).await.unwrap();
    let bucket = index
        .create_bucket("bucket", "111111111111", "us-east-1")
        .await
        .unwrap();
    let part = Part {
        number: 1,
        size: 1,
        sealed_size: 93,
        blob: "blob".into(),
        header_hash: [9; 32],
        etag: "etag".into(),
        checksum: None,
    };
    let new = NewVersion {
        body: Body::Parts(vec![part.clone()]),
        ..version("key", "")
    };
    index
        .put_version(bucket.id, new, WriteCondition::None, None, Vec::new())
        .await
        .unwrap();
    let read = index.get_version(bucket.id, "key").await.unwrap().unwrap();
    assert_eq!(read.body, Body::Parts(vec![part]));
    index.close().await;

    for spoilt in ["x''", "zeroblob(31)", "zeroblob(33)"] {
        let file = rusqlite::Connection::open(&path).unwrap();
        let sql = format!("UPDATE parts SET header_hash = {spoilt}");
        file.execute(&sql, []).unwrap();
        drop(file);
        let index = Index::open(config(&path, None)).await.unwrap();
        let refused = index.get_version(bucket.id, "key").await;
        assert!(matches!(refused, Err(IndexError::Damaged(_))), "{spoilt}");
        index.close().await;
    }
}

#[tokio::test]
async fn the_trail_is_a_chain_over_reopening_and_refused_writes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index.db");
    for round in 0..3 {
        let index = Index::open(config(&path, None)).await.unwrap();
        index
            .trail_append(vec![event(round * 10), event(round * 10 + 1)])
            .await
            .unwrap();
        let refused = RecordWrite {
            ns: "ns".into(),
            id: "id".into(),
            expect: Expect::Revision(1),
            body: None,
        };
        let _ = tokio::join!(
            index.write_records(vec![refused]),
            index.trail_append(vec![event(round * 10 + 2)]),
            index.trail_append_batch(vec![event(round * 10 + 3), event(round * 10 + 4)].into()),
            index.trail_append(vec![event(round * 10 + 5)]),
        );
        index.close().await;
    }
    let index = Index::open(config(&path, None)).await.unwrap();
    let mut chain = vec![0; 32];
    let rows = index.trail_rows(0, 100, usize::MAX).await.unwrap();
    for row in &rows {
        chain = Sha256::new()
            .chain_update(&chain)
            .chain_update(&row.entry.event)
            .finalize()
            .to_vec();
        assert_eq!(row.chain[..], chain);
    }
    assert!(rows.iter().map(|row| row.sequence).eq(1..=18));
    assert_eq!(index.trail_state().await.unwrap().chain[..], chain);
    index.close().await;
}

#[tokio::test]
async fn an_index_that_must_exist_is_not_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index.db");
    let damaged = |opened: Result<Index, IndexError>| {
        assert!(matches!(opened.err(), Some(IndexError::Damaged(_))));
    };
    damaged(Index::open_existing(config(&path, Some([7; 32]))).await);
    std::fs::write(&path, b"").unwrap();
    damaged(Index::open_existing(config(&path, Some([7; 32]))).await);
    // A SQLite file without a table is no index that was made before, either.
    let plain = folder.path().join("plain.db");
    rusqlite::Connection::open(&plain)
        .unwrap()
        .execute_batch("PRAGMA user_version = 0; VACUUM;")
        .unwrap();
    damaged(Index::open_existing(config(&plain, None)).await);

    let made = folder.path().join("made.db");
    Index::open(config(&made, Some([7; 32])))
        .await
        .unwrap()
        .close()
        .await;
    let opened = Index::open_existing(config(&made, Some([7; 32]))).await;
    opened.unwrap().close().await;
}
