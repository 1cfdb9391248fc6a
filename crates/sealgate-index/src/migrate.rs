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
pub(crate) const MIGRATIONS: &[&str] =
    &[include_str!("schema/v1.sql"), include_str!("schema/v2.sql")];

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
