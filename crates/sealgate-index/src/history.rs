//! The two narrow tables that say what is under a key: `current` (the newest version, unless it is a delete marker)
//! and `history`.
//!
//! A key that has only ever had one version at a time is in `current` alone. From the moment on when a second version
//! or a delete marker comes, every version of it is in `history`, until the last one goes. Buckets that never kept
//! versions have nothing in `history`, and writes to them do not look there.

use rusqlite::{Connection, Row, params};

use crate::{
    IndexError, ListedObject, ListedVersion, VersionRef, Versioning, replicas,
    sql::{Result, first, key, run, size, time},
    versioning::seq_of,
    writer::Tx,
};

/// Columns that both tables have.
const NARROW: &str = "bucket_id, key, seq, size, etag, modified, checksum_algorithm, checksum_type, version_id, owner, \
                      storage_class";
/// Columns of a line of a listing, before whether it is a delete marker.
pub(crate) const LISTED: &str = "key, seq, size, etag, modified, checksum_algorithm, checksum_type, version_id, owner, storage_class";

/// A line of a listing from [`LISTED`] and `delete_marker`.
pub(crate) fn listed(row: &Row<'_>) -> Result<ListedVersion> {
    Ok(ListedVersion {
        seq: row.get(1)?,
        version_id: row.get(7)?,
        is_latest: false,
        delete_marker: row.get(10)?,
        object: ListedObject {
            key: key(row, 0)?.to_owned(),
            size: size(row, 2)?,
            etag: row.get(3)?,
            modified: time(row, 4)?,
            checksum_algorithm: row.get(5)?,
            checksum_type: row.get(6)?,
            owner: row.get(8)?,
            storage_class: row.get(9)?,
        },
    })
}

/// A version as far as conditions ask for it.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub seq: i64,
    pub version_id: Option<String>,
    pub delete_marker: bool,
    pub size: u64,
    pub etag: String,
    pub modified: i64,
}

/// From columns seq, version_id, size, etag, modified, delete_marker.
fn facts(row: &Row<'_>) -> Result<Facts> {
    Ok(Facts {
        seq: row.get(0)?,
        version_id: row.get(1)?,
        size: size(row, 2)?,
        etag: row.get(3)?,
        modified: row.get(4)?,
        delete_marker: row.get(5)?,
    })
}

/// What is under a key.
pub(crate) struct Standing {
    /// The current version, unless it is a delete marker.
    pub current: Option<Facts>,
    /// Sequence of the newest version in `history`; `None` if the key is not in there.
    pub newest_in_history: Option<i64>,
}

impl Standing {
    /// Looks a key up.
    pub fn of(
        conn: &Connection,
        versioning: Versioning,
        bucket_id: i64,
        key: &str,
    ) -> Result<Standing> {
        let current = first(
            conn,
            "SELECT seq, version_id, size, etag, modified, 0 FROM current WHERE bucket_id = ?1 AND key = ?2",
            params![bucket_id, key.as_bytes()],
            facts,
        )?;
        let newest_in_history = match versioning {
            Versioning::Off => None,
            Versioning::Enabled | Versioning::Suspended => {
                newest(conn, bucket_id, key)?.map(|(seq, _)| seq)
            }
        };
        Ok(Standing {
            current,
            newest_in_history,
        })
    }

    /// Whether the versions of the key are in `history`.
    pub fn in_history(&self) -> bool {
        self.newest_in_history.is_some()
    }

    /// Whether there is nothing at all.
    pub fn is_empty(&self) -> bool {
        self.current.is_none() && !self.in_history()
    }

    /// Sequence of the newest version or delete marker.
    pub fn newest(&self) -> Option<i64> {
        self.newest_in_history
            .or(self.current.as_ref().map(|current| current.seq))
    }

    /// The version that is referred to; a delete marker is one, too.
    pub fn find(
        &self,
        conn: &Connection,
        bucket_id: i64,
        key: &str,
        version: &VersionRef,
    ) -> Result<Option<Facts>> {
        let Some(newest) = self.newest_in_history else {
            let found = self.current.as_ref().filter(|current| match version {
                VersionRef::Current => true,
                VersionRef::Null => current.version_id.is_none(),
                VersionRef::Id(id) => current.version_id.as_ref() == Some(id),
            });
            return Ok(found.cloned());
        };
        let seq = match version {
            VersionRef::Null => null(conn, bucket_id, key)?,
            VersionRef::Current => Some(newest),
            VersionRef::Id(id) => seq_of(id),
        };
        let at = |seq: Option<i64>| -> Result<Option<Facts>> {
            let Some(seq) = seq else {
                return Ok(None);
            };
            let found = first(
                conn,
                "SELECT seq, version_id, size, etag, modified, delete_marker FROM history
                 WHERE bucket_id = ?1 AND key = ?2 AND seq = ?3",
                params![bucket_id, key.as_bytes(), seq],
                facts,
            )?;
            Ok(found.filter(|found| match version {
                VersionRef::Id(id) => found.version_id.as_ref() == Some(id),
                VersionRef::Current | VersionRef::Null => true,
            }))
        };
        match (at(seq)?, version) {
            (None, VersionRef::Id(id)) => at(replicas::named(conn, bucket_id, key, id)?),
            (found, _) => Ok(found),
        }
    }

    /// Like [`find`](Self::find), but nothing is an error.
    pub fn must_find(
        &self,
        conn: &Connection,
        bucket_id: i64,
        key: &str,
        version: &VersionRef,
    ) -> Result<Facts> {
        if self.is_empty() {
            return Err(IndexError::NoSuchKey);
        }
        self.find(conn, bucket_id, key, version)?
            .ok_or(IndexError::NoSuchVersion)
    }
}

/// Sequence of the null version of a key that is in `history`.
pub(crate) fn null(conn: &Connection, bucket_id: i64, key: &str) -> Result<Option<i64>> {
    first(
        conn,
        "SELECT seq FROM history INDEXED BY history_null WHERE bucket_id = ?1 AND key = ?2 AND version_id IS NULL",
        params![bucket_id, key.as_bytes()],
        |row| Ok(row.get(0)?),
    )
}

/// Sequence of the newest version in `history`, and whether it is a delete marker.
pub(crate) fn newest(conn: &Connection, bucket_id: i64, key: &str) -> Result<Option<(i64, bool)>> {
    first(
        conn,
        "SELECT seq, delete_marker FROM history WHERE bucket_id = ?1 AND key = ?2 ORDER BY seq DESC LIMIT 1",
        params![bucket_id, key.as_bytes()],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// Enters the one version that a key has had so far into `history`.
pub(crate) fn begin(tx: &Tx<'_>, bucket_id: i64, key: &str) -> Result<()> {
    run(
        tx.conn,
        &format!(
            "INSERT INTO history ({NARROW}, delete_marker) SELECT {NARROW}, 0 FROM current WHERE bucket_id = ?1 AND key = ?2"
        ),
        params![bucket_id, key.as_bytes()],
    )?;
    Ok(())
}

/// Makes a version of `history` the current one.
pub(crate) fn promote(tx: &Tx<'_>, bucket_id: i64, key: &str, seq: i64) -> Result<()> {
    run(
        tx.conn,
        &format!(
            "INSERT OR REPLACE INTO current ({NARROW}) SELECT {NARROW} FROM history
             WHERE bucket_id = ?1 AND key = ?2 AND seq = ?3"
        ),
        params![bucket_id, key.as_bytes(), seq],
    )?;
    Ok(())
}

/// Takes a version out of `history`.
pub(crate) fn leave(tx: &Tx<'_>, bucket_id: i64, key: &str, seq: i64) -> Result<()> {
    run(
        tx.conn,
        "DELETE FROM history WHERE bucket_id = ?1 AND key = ?2 AND seq = ?3",
        params![bucket_id, key.as_bytes(), seq],
    )?;
    Ok(())
}

/// Takes a key out of `current`; tells whether it was there.
pub(crate) fn uncurrent(tx: &Tx<'_>, bucket_id: i64, key: &str) -> Result<bool> {
    let gone = run(
        tx.conn,
        "DELETE FROM current WHERE bucket_id = ?1 AND key = ?2",
        params![bucket_id, key.as_bytes()],
    )?;
    Ok(gone > 0)
}
