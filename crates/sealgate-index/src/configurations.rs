//! Configurations of which a bucket has many of one kind, each with an id: metrics, analytics. They stand in the
//! table of the documents and are read when they are asked for, not with every look at the bucket.

use bytes::Bytes;
use rusqlite::{Connection, params};

use crate::{
    Index, IndexError,
    buckets::name_of,
    sql::{Result, all, bytes, first, just_after, limit as to_limit, run, successor},
};

/// What stands between kind and id; no kind of a document has it.
pub(crate) const SEPARATOR: char = '/';

fn name(kind: &str, id: &str) -> String {
    format!("{kind}{SEPARATOR}{id}")
}

fn read_one(conn: &Connection, bucket_id: i64, name: &str) -> Result<Option<Bytes>> {
    first(
        conn,
        "SELECT body FROM bucket_config WHERE bucket_id = ?1 AND kind = ?2",
        params![bucket_id, name],
        |row| bytes(row, 0),
    )
}

/// A configuration of some bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredConfiguration {
    /// The bucket.
    pub bucket_id: i64,
    /// Its id in the bucket.
    pub id: String,
    /// The configuration, opaque here.
    pub body: Bytes,
}

impl Index {
    /// The configurations of a kind in all buckets.
    pub async fn configurations_of_kind(&self, kind: &str) -> Result<Vec<StoredConfiguration>> {
        let start = name(kind, "");
        self.read(|conn| {
            all(
                conn,
                "SELECT bucket_id, substr(kind, length(?1) + 1), body FROM bucket_config
                 WHERE substr(kind, 1, length(?1)) = ?1 ORDER BY bucket_id, kind",
                [&start],
                |row| {
                    Ok(StoredConfiguration {
                        bucket_id: row.get(0)?,
                        id: row.get(1)?,
                        body: bytes(row, 2)?,
                    })
                },
            )
        })
    }

    /// Sets a configuration. A new one over the `limit` of its kind is refused:
    /// [`IndexError::TooManyConfigurations`].
    pub async fn put_bucket_configuration(
        &self,
        bucket_id: i64,
        kind: &str,
        id: &str,
        body: Bytes,
        limit: usize,
    ) -> Result<()> {
        let (start, name) = (name(kind, ""), name(kind, id));
        self.write(move |tx| {
            name_of(tx, bucket_id)?;
            if read_one(tx.conn, bucket_id, &name)?.is_none() {
                let count = first(
                    tx.conn,
                    "SELECT COUNT(*) FROM bucket_config
                     WHERE bucket_id = ?1 AND substr(kind, 1, length(?2)) = ?2",
                    params![bucket_id, start],
                    |row| Ok(row.get::<_, i64>(0)?),
                )?;
                if count.unwrap_or(0) >= to_limit(limit) {
                    return Err(IndexError::TooManyConfigurations);
                }
            }
            run(
                tx.conn,
                "INSERT OR REPLACE INTO bucket_config (bucket_id, kind, body) VALUES (?1, ?2, ?3)",
                params![bucket_id, name, &body[..]],
            )?;
            Ok(())
        })
        .await
    }

    /// Removes a configuration, and tells whether there was one.
    pub async fn delete_bucket_configuration(
        &self,
        bucket_id: i64,
        kind: &str,
        id: &str,
    ) -> Result<bool> {
        let name = name(kind, id);
        self.write(move |tx| {
            name_of(tx, bucket_id)?;
            let removed = run(
                tx.conn,
                "DELETE FROM bucket_config WHERE bucket_id = ?1 AND kind = ?2",
                params![bucket_id, name],
            )?;
            Ok(removed > 0)
        })
        .await
    }

    /// A configuration.
    pub async fn bucket_configuration(
        &self,
        bucket_id: i64,
        kind: &str,
        id: &str,
    ) -> Result<Option<Bytes>> {
        let name = name(kind, id);
        self.read(|conn| read_one(conn, bucket_id, &name))
    }

    /// Configurations of a kind with their ids, in the order of these, behind `after`.
    pub async fn bucket_configurations(
        &self,
        bucket_id: i64,
        kind: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Bytes)>> {
        let start = name(kind, "");
        let from = after.map_or_else(|| start.clone(), |id| just_after(&name(kind, id)));
        // The separator is ASCII, and so is what follows it.
        let end = String::from_utf8(successor(start.as_bytes()))
            .map_err(|_| IndexError::damaged("a kind of configurations has no end"))?;
        self.read(|conn| {
            all(
                conn,
                "SELECT substr(kind, length(?2) + 1), body FROM bucket_config
                 WHERE bucket_id = ?1 AND kind >= ?3 AND kind < ?4 ORDER BY kind LIMIT ?5",
                params![bucket_id, start, from, end, to_limit(limit)],
                |row| Ok((row.get(0)?, bytes(row, 1)?)),
            )
        })
    }
}
