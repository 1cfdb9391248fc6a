//! Verification finds what was done to a trail.

use std::path::Path;

use proptest::prelude::*;
use rusqlite::{Connection, params};
use sealgate_audit::{Break, HeadPublicKey, Report, Resource, VerifyRequest, verify};
use sealgate_crypto::hash::{Digest, Sha256};
use time::Duration;

use super::{ACCOUNT, NOW, event, index, signing};

/// A trail of so many records, signed at its end, and closed.
async fn signed(folder: &Path, records: u32) -> HeadPublicKey {
    let (index, trail) = signing(folder).await;
    for number in 0..records {
        let mut event = event(&format!("Call{number}"), NOW);
        event.resources.push(Resource {
            account_id: ACCOUNT.to_owned(),
            kind: "AWS::KMS::Key".to_owned(),
            arn: format!("arn:aws:kms:us-east-1:{ACCOUNT}:key/{number}"),
        });
        trail.record(event).await.unwrap();
    }
    trail.sign_head(NOW).await.unwrap();
    let key = trail.head_public_key().await.unwrap();
    index.close().await;
    key
}

async fn check(folder: &Path, public_key: HeadPublicKey) -> Report {
    let index = index(folder).await;
    let request = VerifyRequest {
        public_key,
        heads_file: Some(folder.join("audit-heads")),
        first: None,
        last: None,
    };
    let report = verify(&index, &request, |_, _| ()).await.unwrap();
    index.close().await;
    report
}

/// Does something to the file of the index.
fn tamper(folder: &Path, sql: &str) {
    let conn = Connection::open(folder.join("index")).unwrap();
    conn.execute_batch(sql).unwrap();
}

/// Makes the chain anew, as who can write the index can.
fn rechain(folder: &Path) {
    let conn = Connection::open(folder.join("index")).unwrap();
    let rows: Vec<(i64, Vec<u8>)> = conn
        .prepare("SELECT seq, event FROM trail ORDER BY seq")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let mut chain = vec![0; 32];
    for (seq, event) in rows {
        chain = Sha256::new()
            .chain_update(&chain)
            .chain_update(event)
            .finalize()
            .to_vec();
        conn.execute(
            "UPDATE trail SET chain = ?1 WHERE seq = ?2",
            params![chain, seq],
        )
        .unwrap();
    }
}

#[tokio::test]
async fn a_trail_that_nobody_touched_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let key = signed(folder.path(), 20).await;
    let report = check(folder.path(), key).await;
    assert!(report.is_whole(), "{report:?}");
    assert_eq!(
        (report.records, report.first, report.last, report.heads),
        (20, 1, 20, 1)
    );
    assert_eq!(report.newest_head.unwrap().count, 20);
}

#[tokio::test]
async fn what_was_done_to_the_trail_is_named() {
    let event = "UPDATE trail SET event = CAST(replace(CAST(event AS TEXT), 'alice', 'alina') AS BLOB) WHERE seq = 7";
    let swap = |columns: &str| {
        format!(
            "CREATE TEMP TABLE old AS SELECT seq, event, chain FROM trail;
             UPDATE trail SET ({columns}) = (SELECT {columns} FROM old WHERE old.seq = 15 - trail.seq)
             WHERE seq IN (7, 8)"
        )
    };
    let table: Vec<(String, Break)> = vec![
        (event.into(), Break::Changed { sequence: 7 }),
        (
            "UPDATE trail SET chain = zeroblob(32) WHERE seq = 7".into(),
            Break::Changed { sequence: 7 },
        ),
        (
            "DELETE FROM trail WHERE seq = 7".into(),
            Break::Deleted { first: 7, last: 7 },
        ),
        (
            "DELETE FROM trail WHERE seq < 4".into(),
            Break::Deleted { first: 1, last: 3 },
        ),
        (
            swap("event, chain"),
            Break::Reordered {
                sequence: 7,
                found_at: 8,
            },
        ),
        (
            swap("event"),
            Break::Reordered {
                sequence: 7,
                found_at: 8,
            },
        ),
        (
            "DELETE FROM trail WHERE seq > 18; UPDATE sqlite_sequence SET seq = 18 WHERE name = 'trail'".into(),
            Break::MissingTail {
                last: 18,
                head: 1,
                sequence: 20,
            },
        ),
        (
            "DELETE FROM records WHERE ns = 'audit/head'; DELETE FROM trail WHERE seq > 18; UPDATE sqlite_sequence SET seq = 18 WHERE name = 'trail'".into(),
            Break::MissingTail {
                last: 18,
                head: 1,
                sequence: 20,
            },
        ),
    ];
    for (sql, expected) in table {
        let folder = tempfile::tempdir().unwrap();
        let key = signed(folder.path(), 20).await;
        tamper(folder.path(), &sql);
        assert_eq!(
            check(folder.path(), key).await.broken,
            Some(expected),
            "{sql}"
        );
    }
}

#[tokio::test]
async fn a_chain_made_anew_is_not_the_one_that_was_signed() {
    let folder = tempfile::tempdir().unwrap();
    let key = signed(folder.path(), 20).await;
    tamper(
        folder.path(),
        "UPDATE trail SET event = CAST('{}' AS BLOB) WHERE seq = 7",
    );
    rechain(folder.path());
    let expected = Break::Rewritten {
        first: 1,
        last: 20,
        head: 1,
    };
    assert_eq!(check(folder.path(), key).await.broken, Some(expected));
}

#[tokio::test]
async fn records_behind_the_newest_head_that_were_cut_off_are_missed_by_their_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let key = signed(folder.path(), 5).await;
    let (index, trail) = signing(folder.path()).await;
    trail.record(event("Later", NOW)).await.unwrap();
    index.close().await;
    tamper(folder.path(), "DELETE FROM trail WHERE seq = 6");
    let broken = check(folder.path(), key).await.broken;
    assert_eq!(broken, Some(Break::Deleted { first: 6, last: 6 }));
}

#[tokio::test]
async fn heads_are_due_by_time_and_by_number_and_none_may_be_missing() {
    let folder = tempfile::tempdir().unwrap();
    let (index, trail) = signing(folder.path()).await;
    for round in 0..3 {
        let now = NOW + Duration::hours(round);
        trail.record(event("Call", now)).await.unwrap();
        assert!(trail.sign_head_if_due(now).await.unwrap().is_some());
        trail.record(event("Call", now)).await.unwrap();
        let soon = now + Duration::minutes(59);
        assert!(trail.sign_head_if_due(soon).await.unwrap().is_none());
    }
    let key = trail.head_public_key().await.unwrap();
    assert_eq!(key.to_string().parse(), Ok(key));
    assert_eq!(HeadPublicKey::of_index(&index).await.unwrap(), Some(key));
    index.close().await;
    let report = check(folder.path(), key).await;
    assert_eq!((report.broken, report.heads), (None, 3));

    // A head that is not in the file any more is in the index.
    let file = folder.path().join("audit-heads");
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(text.lines().count(), 3);
    let without_second: String = [0, 2]
        .map(|at| format!("{}\n", text.lines().nth(at).unwrap()))
        .concat();
    std::fs::write(&file, &without_second).unwrap();
    assert_eq!(check(folder.path(), key).await.broken, None);
    tamper(
        folder.path(),
        "DELETE FROM records WHERE ns = 'audit/head' AND id LIKE '%2'",
    );
    let missing = Some(Break::MissingHead { head: 2 });
    assert_eq!(check(folder.path(), key).await.broken, missing);

    let forged = text.replacen("\"count\":1", "\"count\":9", 1);
    std::fs::write(&file, forged).unwrap();
    let bad = Some(Break::BadSignature { head: 1 });
    assert_eq!(check(folder.path(), key).await.broken, bad);
}

#[tokio::test]
async fn what_a_crash_left_of_a_line_is_made_up_for() {
    let folder = tempfile::tempdir().unwrap();
    let key = signed(folder.path(), 3).await;
    let file = folder.path().join("audit-heads");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, &text[..20]).unwrap();
    assert!(check(folder.path(), key).await.is_whole());
    let (index, _trail) = signing(folder.path()).await;
    index.close().await;
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
}

#[tokio::test]
async fn columns_that_disagree_with_their_event_are_reported() {
    for sql in [
        "UPDATE trail SET event_name = 'Other' WHERE seq = 2",
        "UPDATE trail SET username = 'mallory' WHERE seq = 2",
        "UPDATE trail SET listed = 0 WHERE seq = 2",
        "DELETE FROM trail_valued WHERE seq = 2 AND value_id = (SELECT min(value_id) FROM trail_valued WHERE seq = 2)",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let key = signed(folder.path(), 3).await;
        tamper(folder.path(), sql);
        let report = check(folder.path(), key).await;
        assert_eq!(
            (report.broken, report.disagreeing),
            (None, vec![2]),
            "{sql}"
        );
    }
}

#[tokio::test]
async fn a_range_is_verified_from_the_link_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let key = signed(folder.path(), 20).await;
    tamper(
        folder.path(),
        "UPDATE trail SET event = CAST('{}' AS BLOB) WHERE seq = 3",
    );
    let index = index(folder.path()).await;
    let mut request = VerifyRequest {
        public_key: key,
        heads_file: None,
        first: Some(5),
        last: None,
    };
    let report = verify(&index, &request, |_, _| ()).await.unwrap();
    assert!(report.is_whole(), "{report:?}");
    assert_eq!((report.first, report.records), (5, 16));
    request.first = Some(2);
    request.last = Some(10);
    let report = verify(&index, &request, |_, _| ()).await.unwrap();
    assert_eq!(report.broken, Some(Break::Changed { sequence: 3 }));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn no_byte_of_any_event_changes_unseen(seq in 1_i64..=12, at in 0_usize..200, bit in 0_u32..8) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let key = signed(folder.path(), 12).await;
            let conn = Connection::open(folder.path().join("index")).unwrap();
            let mut event: Vec<u8> = conn
                .query_row("SELECT event FROM trail WHERE seq = ?1", [seq], |row| row.get(0))
                .unwrap();
            event[at] ^= 1 << bit;
            conn.execute("UPDATE trail SET event = ?1 WHERE seq = ?2", params![event, seq]).unwrap();
            drop(conn);
            let broken = check(folder.path(), key).await.broken;
            assert_eq!(broken, Some(Break::Changed { sequence: seq }));
        });
    }
}

/// As [`signed`], with the records 2 to 11 in one batch.
async fn signed_with_batch(folder: &Path) -> HeadPublicKey {
    let (index, trail) = signing(folder).await;
    trail.record(event("Call1", NOW)).await.unwrap();
    for number in 2..=11 {
        let event = event(&format!("Call{number}"), NOW);
        trail.record_batched(event).await.unwrap();
    }
    trail.flush().await.unwrap();
    trail.record(event("Call12", NOW)).await.unwrap();
    trail.sign_head(NOW).await.unwrap();
    let key = trail.head_public_key().await.unwrap();
    index.close().await;
    key
}

/// The events of a batch, taken apart as `docs/format.md` has them.
fn take_apart(mut events: &[u8]) -> Vec<Vec<u8>> {
    let mut apart = Vec::new();
    while !events.is_empty() {
        let mut length = 8 + 32 + 8 + 1;
        for _ in 0..8 {
            let text: [u8; 4] = events[length..][..4].try_into().unwrap();
            length += 4;
            length += match u32::from_be_bytes(text) {
                u32::MAX => 0,
                text => text as usize,
            };
        }
        apart.push(events[..length].to_vec());
        events = &events[length..];
    }
    apart
}

/// Does something to the events of the batch.
fn tamper_batch(folder: &Path, change: impl FnOnce(&mut Vec<Vec<u8>>)) {
    let conn = Connection::open(folder.join("index")).unwrap();
    let sql = "SELECT events FROM trail_batches WHERE first = 2 AND seq = 11";
    let events: Vec<u8> = conn.query_row(sql, [], |row| row.get(0)).unwrap();
    let events = lz4_flex::decompress_size_prepended(events.strip_prefix(&[1]).unwrap()).unwrap();
    let mut events = take_apart(&events);
    assert_eq!(events.len(), 10);
    change(&mut events);
    conn.execute("UPDATE trail_batches SET events = ?1", [events.concat()])
        .unwrap();
}

fn replace(event: &mut [u8], from: &[u8], to: &[u8]) {
    let at = event
        .windows(from.len())
        .rposition(|window| window == from)
        .unwrap();
    event[at..][..to.len()].copy_from_slice(to);
}

#[tokio::test]
async fn what_was_done_to_a_batch_is_named() {
    type Change = fn(&mut Vec<Vec<u8>>);
    let table: [(&str, Change, Option<Break>); 9] = [
        ("nothing", |_| (), None),
        (
            "an event",
            |events| replace(&mut events[5], b"alice", b"alina"),
            Some(Break::Changed { sequence: 7 }),
        ),
        (
            "a hash",
            |events| events[5][8] ^= 1,
            Some(Break::Changed { sequence: 7 }),
        ),
        (
            "one removed",
            |events| drop(events.remove(5)),
            Some(Break::Deleted { first: 7, last: 7 }),
        ),
        (
            "the last two removed",
            |events| events.truncate(8),
            Some(Break::Deleted {
                first: 10,
                last: 11,
            }),
        ),
        (
            "all removed",
            Vec::clear,
            Some(Break::Deleted { first: 2, last: 11 }),
        ),
        (
            "two in each other's place",
            |events| events.swap(5, 6),
            Some(Break::Reordered {
                sequence: 7,
                found_at: 8,
            }),
        ),
        (
            "two with each other's number",
            |events| {
                let (low, high) = (events[5][..8].to_vec(), events[6][..8].to_vec());
                events[5][..8].copy_from_slice(&high);
                events[6][..8].copy_from_slice(&low);
                events.swap(5, 6);
            },
            Some(Break::Reordered {
                sequence: 7,
                found_at: 8,
            }),
        ),
        (
            "one that cannot be read",
            |events| events[5].truncate(60),
            Some(Break::Changed { sequence: 7 }),
        ),
    ];
    for (what, change, expected) in table {
        let folder = tempfile::tempdir().unwrap();
        let key = signed_with_batch(folder.path()).await;
        tamper_batch(folder.path(), change);
        let report = check(folder.path(), key).await;
        assert_eq!(report.broken, expected, "{what}");
        assert_eq!(report.disagreeing, [0; 0], "{what}");
    }

    for (sql, expected) in [
        (
            "DELETE FROM trail_batches",
            Break::Deleted { first: 2, last: 11 },
        ),
        (
            "UPDATE trail_batches SET events = substr(events, 1, length(events) - 1)",
            Break::Changed { sequence: 2 },
        ),
        // It says that it is of 4 GiB.
        (
            "UPDATE trail_batches SET events = x'01ffffffff00'",
            Break::Changed { sequence: 2 },
        ),
        (
            "UPDATE trail_batches SET events = x'01'",
            Break::Changed { sequence: 2 },
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let key = signed_with_batch(folder.path()).await;
        tamper(folder.path(), sql);
        let broken = check(folder.path(), key).await.broken;
        assert_eq!(broken, Some(expected), "{sql}");
    }
}

#[tokio::test]
async fn a_batch_that_lookups_do_not_find_is_reported() {
    let all: Vec<i64> = (2..=11).collect();
    for (sql, expected) in [
        (
            "DELETE FROM trail_batch_valued WHERE value_id IN (SELECT id FROM trail_values WHERE attribute = 8)",
            &all[..],
        ),
        (
            "UPDATE trail_batch_valued SET earliest = latest + 1 WHERE value_id IN
                 (SELECT id FROM trail_values WHERE value = 'Call7')",
            &[7][..],
        ),
        (
            "UPDATE trail_batches SET first_id = 'g', last_id = 'h'",
            &all[..],
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let key = signed_with_batch(folder.path()).await;
        tamper(folder.path(), sql);
        let report = check(folder.path(), key).await;
        assert_eq!((report.broken, &report.disagreeing[..]), (None, expected));
    }
    let folder = tempfile::tempdir().unwrap();
    let key = signed_with_batch(folder.path()).await;
    // The column beside the event, which is the first text that says so.
    tamper_batch(folder.path(), |events| {
        let event = &mut events[5];
        let at = event.windows(5).position(|text| text == b"alice").unwrap();
        event[at..][..5].copy_from_slice(b"alina");
    });
    let report = check(folder.path(), key).await;
    assert_eq!((report.broken, report.disagreeing), (None, vec![7]));
}
