//! Which blobs are in use. Every row that names a blob counts; the last one to go leaves it as garbage, in the same
//! transaction, for the sweeper to remove after a grace time.

use rusqlite::params;
use time::OffsetDateTime;

use crate::{
    Index, IndexError,
    sql::{Result, all, first, limit as to_limit, run, to_millis},
    writer::Tx,
};

impl Index {
    /// Blobs that have been garbage since before `older_than`, the longest first. They stay listed until
    /// [`forget_garbage`](Index::forget_garbage).
    pub async fn take_garbage(
        &self,
        older_than: OffsetDateTime,
        limit: usize,
    ) -> Result<Vec<String>> {
        self.read(|conn| {
            all(
                conn,
                "SELECT blob FROM garbage WHERE since < ?1 ORDER BY since LIMIT ?2",
                params![to_millis(older_than), to_limit(limit)],
                |row| Ok(row.get(0)?),
            )
        })
    }

    /// Strikes blobs that have been deleted off the garbage.
    pub async fn forget_garbage(&self, blobs: &[String]) -> Result<()> {
        let blobs = blobs.to_vec();
        self.write(move |tx| {
            for blob in &blobs {
                run(tx.conn, "DELETE FROM garbage WHERE blob = ?1", [blob])?;
            }
            Ok(())
        })
        .await
    }

    /// Whether there are blobs, in use or garbage, whose names begin so.
    pub async fn holds_blobs(&self, prefix: &str) -> Result<bool> {
        self.read(|conn| {
            // No name goes on with a character beyond these.
            let end = format!("{prefix}\u{7f}");
            let sql = "SELECT EXISTS (SELECT 1 FROM blobs WHERE name >= ?1 AND name < ?2)
                           OR EXISTS (SELECT 1 FROM garbage WHERE blob >= ?1 AND blob < ?2)";
            let held = first(conn, sql, params![prefix, end], |row| Ok(row.get(0)?))?;
            Ok(held == Some(true))
        })
    }

    /// Whether the index knows each blob: as part of a version or an upload, or as garbage.
    pub async fn blob_in_use(&self, blobs: &[String]) -> Result<Vec<bool>> {
        self.read(|conn| {
            let sql = "SELECT EXISTS (SELECT 1 FROM blobs WHERE name = ?1)
                           OR EXISTS (SELECT 1 FROM garbage WHERE blob = ?1)";
            blobs
                .iter()
                .map(|blob| Ok(first(conn, sql, [blob], |row| Ok(row.get(0)?))? == Some(true)))
                .collect()
        })
    }
}

/// Counts the first reference to a new blob.
pub(crate) fn add(tx: &Tx<'_>, blob: &str) -> Result<()> {
    let added = run(
        tx.conn,
        "INSERT OR IGNORE INTO blobs (name, refs) VALUES (?1, 1)",
        [blob],
    )?;
    // Names are random and given once. To share a blob, its version is named.
    if added == 1 {
        Ok(())
    } else {
        Err(IndexError::Conflict)
    }
}

/// Counts one more reference to a blob that is in use.
pub(crate) fn share(tx: &Tx<'_>, blob: &str) -> Result<()> {
    let shared = run(
        tx.conn,
        "UPDATE blobs SET refs = refs + 1 WHERE name = ?1",
        [blob],
    )?;
    if shared == 1 {
        Ok(())
    } else {
        Err(IndexError::Conflict)
    }
}

/// Drops one reference; the last one makes the blob garbage.
pub(crate) fn release(tx: &Tx<'_>, blob: &str) -> Result<()> {
    let left = first(
        tx.conn,
        "UPDATE blobs SET refs = refs - 1 WHERE name = ?1 RETURNING refs",
        [blob],
        |row| Ok(row.get::<_, i64>(0)?),
    )?;
    match left {
        Some(left) if left > 0 => {}
        Some(_) => {
            run(tx.conn, "DELETE FROM blobs WHERE name = ?1", [blob])?;
            run(
                tx.conn,
                "INSERT OR REPLACE INTO garbage (blob, since) VALUES (?1, ?2)",
                params![blob, tx.now],
            )?;
        }
        // Nobody knows who else names it, so it is not made garbage.
        None => tracing::warn!("index: a blob was released that is not counted"),
    }
    Ok(())
}
