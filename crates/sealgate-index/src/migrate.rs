//! Formats of the index file and the way from an older one to this one.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::{
    error::IndexError,
    sql::{Result, to_millis},
    store::Store,
};

/// `SGIX`: marks the file as an index of Sealgate.
const APPLICATION_ID: i64 = 0x5347_4958;

/// The script that leads to each format, the first one from nothing.
pub(crate) const MIGRATIONS: &[&str] = &[
    include_str!("schema/v1.sql"),
    include_str!("schema/v2.sql"),
    include_str!("schema/v3.sql"),
    include_str!("schema/v4.sql"),
];

/// Checks what the file is and brings it to the newest of `migrations`.
pub(crate) fn prepare(store: &Store, conn: &mut Connection, migrations: &[&str]) -> Result<()> {
    let known = i64::try_from(migrations.len()).unwrap_or(i64::MAX);
    let application: i64 = conn.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let found: i64 = conn.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let tables: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let fresh = application == 0 && found == 0 && tables == 0;
    if !fresh && application != APPLICATION_ID {
        return Err(IndexError::Foreign);
    }
    if fresh && store.must_exist() {
        return Err(IndexError::damaged("there is nothing in it"));
    }
    if found > known {
        return Err(IndexError::Newer { found, known });
    }
    let done = usize::try_from(found).map_err(|_| IndexError::Foreign)?;
    let pending = migrations.get(done..).unwrap_or_default();
    if pending.is_empty() {
        return Ok(());
    }
    if !fresh {
        put_aside(store, conn, found)?;
    }
    let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for script in pending {
        transaction.execute_batch(script)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", known)?;
    transaction.commit()?;
    tracing::info!(
        from = found,
        to = known,
        "index brought to the current format"
    );
    Ok(())
}

/// Copies the index beside itself, under the same key, before it is changed.
fn put_aside(store: &Store, conn: &Connection, format: i64) -> Result<()> {
    let mut name = store.path().as_os_str().to_owned();
    name.push(format!(
        ".format{format}.{}",
        to_millis(time::OffsetDateTime::now_utc())
    ));
    let mut copy = store.create(Path::new(&name))?;
    let backup = rusqlite::backup::Backup::new(conn, &mut copy)?;
    // All pages in one step: nobody else uses the index while it opens.
    backup.step(-1)?;
    drop(backup);
    copy.close().map_err(|(_, error)| error)?;
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use zeroize::Zeroizing;

    fn aside(folder: &Path) -> Vec<std::path::PathBuf> {
        std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.to_string_lossy().contains(".format1."))
            .collect()
    }

    #[test]
    fn an_older_format_is_copied_and_then_migrated() {
        for key in [None, Some(Zeroizing::new([7; 32]))] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("index.db");
            let store = Store::new(path.clone(), key.clone());
            let first = MIGRATIONS[0];
            let conn = store.open_writer(&[first]).unwrap();
            conn.execute("INSERT INTO records VALUES ('ns', 'id', 1, x'00')", [])
                .unwrap();
            conn.close().unwrap();

            let both = [first, "ALTER TABLE records ADD COLUMN extra TEXT;"];
            let conn = store.open_writer(&both).unwrap();
            let extra: Option<String> = conn
                .query_row("SELECT extra FROM records", [], |row| row.get(0))
                .unwrap();
            assert_eq!(extra, None);
            conn.close().unwrap();

            let copies = aside(folder.path());
            assert_eq!(copies.len(), 1);
            let copy = Store::new(copies[0].clone(), key);
            let conn = copy.open_writer(&[first]).unwrap();
            let rows: i64 = conn
                .query_row("SELECT count(*) FROM records", [], |row| row.get(0))
                .unwrap();
            assert_eq!(rows, 1);

            // The old program refuses the new file.
            assert_eq!(
                store.open_writer(&[first]).err(),
                Some(IndexError::Newer { found: 2, known: 1 })
            );
        }
    }

    #[tokio::test]
    async fn the_trail_of_format_1_is_found_as_before() {
        use crate::{Index, IndexConfig, TrailAttribute, TrailQuery};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index.db");
        let store = Store::new(path.clone(), None);
        let conn = store.open_writer(&MIGRATIONS[..1]).unwrap();
        for seq in 1..=3 {
            conn.execute_batch(&format!(
                "INSERT INTO trail VALUES ({seq}, '1', {seq}, 'id-{seq}', 'Decrypt', 'kms', 'alice', NULL, 1, '[]',
                                           zeroblob(32), x'00');
                 INSERT INTO trail_attributes VALUES ('1', 1, 'id-{seq}', {seq}, {seq});
                 INSERT INTO trail_attributes VALUES ('1', 2, 'Decrypt', {seq}, {seq});
                 INSERT INTO trail_attributes VALUES ('1', 4, 'alice', {seq}, {seq});"
            ))
            .unwrap();
        }
        conn.close().unwrap();

        let index = Index::open(IndexConfig { path, key: None }).await.unwrap();
        for (attribute, value, expected) in [
            (TrailAttribute::EventId, "id-2", vec![2]),
            (TrailAttribute::EventName, "Decrypt", vec![3, 2, 1]),
            (TrailAttribute::Username, "alice", vec![3, 2, 1]),
            (TrailAttribute::Username, "bob", vec![]),
        ] {
            let query = TrailQuery {
                account_id: "1".into(),
                attribute: Some((attribute, value.into())),
                limit: 10,
                ..TrailQuery::default()
            };
            let (rows, _) = index.trail_lookup(query).await.unwrap();
            let found: Vec<i64> = rows.iter().map(|(seq, _)| *seq).collect();
            assert_eq!(found, expected, "{value}");
        }
        index.close().await;
    }

    #[tokio::test]
    async fn the_objects_of_format_2_are_as_before() {
        use crate::{
            Attributes, Body, Index, IndexConfig, ListQuery, NewVersion, Usage, VersionRef,
            Versioning, WriteCondition,
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index.db");
        let store = Store::new(path.clone(), None);
        let conn = store.open_writer(&MIGRATIONS[..2]).unwrap();
        conn.execute_batch(
            "INSERT INTO buckets VALUES (1, 'bucket', '1', 'us-east-1', 0), (2, 'empty', '1', 'us-east-1', 0);
             INSERT INTO versions VALUES
                 (3, 1, x'61', NULL, 0, 0, 7, 'one', 1000, 'CRC32', 'FULL_OBJECT', x'01', x'02', x'03'),
                 (5, 1, x'62', NULL, 0, 0, 8, 'two', 2000, NULL, NULL, x'04', x'05', NULL);
             INSERT INTO versions SELECT 9, bucket_id, key, version_id, history, delete_marker, size, etag, modified,
                 checksum_algorithm, checksum_type, envelope, meta, inline FROM versions WHERE seq = 5;
             DELETE FROM versions WHERE seq = 9;
             INSERT INTO current VALUES (1, x'61', 3, 7, 'one', 1000, 'CRC32', 'FULL_OBJECT'),
                                        (1, x'62', 5, 8, 'two', 2000, NULL, NULL);
             INSERT INTO parts VALUES (5, 1, 8, 9, 'blob', zeroblob(32), 'two', NULL);
             INSERT INTO blobs VALUES ('blob', 1);
             INSERT INTO uploads VALUES (1, 'upload', 1, x'63', 0, 'who', '1', NULL, NULL, x'06', x'07');",
        )
        .unwrap();
        conn.close().unwrap();

        let index = Index::open(IndexConfig { path, key: None }).await.unwrap();
        let one = index.get_version(1, "a").await.unwrap().unwrap();
        assert_eq!((one.seq, one.size, one.etag.as_str()), (3, 7, "one"));
        assert_eq!(one.attributes, Attributes::default());
        assert_eq!(one.body, Body::Inline(vec![3].into()));
        let two = index.version(1, "b", &VersionRef::Null).await.unwrap();
        assert!(two.is_latest);
        assert!(matches!(&two.version.body, Body::Parts(parts) if parts.len() == 1));
        assert_eq!(
            (&two.version.envelope[..], &two.version.meta[..]),
            (&[4][..], &[5][..])
        );
        let upload = index.upload(1, "c", "upload").await.unwrap();
        assert_eq!(upload.attributes, Attributes::default());
        let query = ListQuery {
            limit: 10,
            ..ListQuery::default()
        };
        assert_eq!(index.list_objects(1, query).await.unwrap().entries.len(), 2);
        let usage = Usage {
            objects: 2,
            versions: 2,
            markers: 0,
            bytes: 15,
        };
        assert_eq!(index.usage(1).await.unwrap(), usage);
        assert_eq!(index.usage(2).await.unwrap(), Usage::default());
        let bucket = index.bucket("bucket").await.unwrap();
        assert_eq!(bucket.versioning, Versioning::Off);

        // No sequence is used again, and the object becomes a null version beside others.
        index.set_versioning(1, Versioning::Enabled).await.unwrap();
        let new = NewVersion {
            key: "a".into(),
            size: 1,
            etag: "three".into(),
            checksum_algorithm: None,
            checksum_type: None,
            body: one.body.clone(),
            meta: one.meta.clone(),
            envelope: one.envelope.clone(),
            attributes: Attributes::default(),
        };
        let written = index
            .put_version(1, new, WriteCondition::None, None, Vec::new())
            .await
            .unwrap();
        assert_eq!(written.version.seq, 10);
        let null = index.version(1, "a", &VersionRef::Null).await.unwrap();
        assert_eq!((null.version, null.is_latest), (one, false));
        index.close().await;
    }

    #[test]
    fn a_failing_migration_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path().join("index.db"), None);
        let first = MIGRATIONS[0];
        store.open_writer(&[first]).unwrap().close().unwrap();
        assert!(
            store
                .open_writer(&[first, "CREATE TABLE extra (a); nonsense;"])
                .is_err()
        );
        let conn = store.open_writer(&[first]).unwrap();
        let extra: i64 = conn
            .query_row(
                "SELECT count(*) FROM sqlite_schema WHERE name = 'extra'",
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(extra, 0);
    }
}
