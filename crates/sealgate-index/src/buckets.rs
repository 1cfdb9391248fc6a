//! Buckets and their configuration documents.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use rusqlite::{Connection, Row, params};

use crate::{
    Bucket, Index, IndexError, Quota, Versioning,
    cache::{Change, Looked},
    configurations::SEPARATOR,
    sql::{Result, all, bytes, first, just_after, limit as to_limit, run, time},
    uploads,
    writer::Tx,
};

const COLUMNS: &str =
    "id, name, account_id, region, created, versioning, object_lock, quota_bytes, quota_objects";

/// What writes have to know of their bucket.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BucketState {
    pub versioning: Versioning,
    pub object_lock: bool,
    pub quota: Quota,
    pub account_quota: Quota,
}

impl BucketState {
    /// The state of a bucket as the transaction sees it.
    pub fn read(conn: &Connection, bucket_id: i64) -> Result<Self> {
        first(
            conn,
            "SELECT b.versioning, b.object_lock, b.quota_bytes, b.quota_objects, q.bytes, q.objects
             FROM buckets b LEFT JOIN account_quotas q ON q.account_id = b.account_id WHERE b.id = ?1",
            [bucket_id],
            |row| {
                Ok(BucketState {
                    versioning: Versioning::from_column(row, 0)?,
                    object_lock: row.get(1)?,
                    quota: Quota::from_columns(row, 2)?,
                    account_quota: Quota::from_columns(row, 4)?,
                })
            },
        )?
        .ok_or(IndexError::NoSuchBucket)
    }
}

impl Index {
    /// Makes a bucket. [`IndexError::BucketExists`] tells who has the name.
    pub async fn create_bucket(
        &self,
        name: &str,
        account_id: &str,
        region: &str,
    ) -> Result<Bucket> {
        self.create_configured_bucket(name, account_id, region, Vec::new(), false)
            .await
    }

    /// Makes a bucket that has these configuration documents from its first moment on, and with `object_lock`
    /// versions that can be locked.
    pub async fn create_configured_bucket(
        &self,
        name: &str,
        account_id: &str,
        region: &str,
        config: Vec<(String, Bytes)>,
        object_lock: bool,
    ) -> Result<Bucket> {
        let (name, account_id, region) =
            (name.to_owned(), account_id.to_owned(), region.to_owned());
        let versioning = if object_lock {
            Versioning::Enabled
        } else {
            Versioning::Off
        };
        self.write(move |tx| {
            let owner = first(
                tx.conn,
                "SELECT account_id FROM buckets WHERE name = ?1",
                [&name],
                |row| Ok(row.get(0)?),
            )?;
            if let Some(owner) = owner {
                return Err(IndexError::BucketExists { owner });
            }
            run(
                tx.conn,
                "INSERT INTO buckets (name, account_id, region, created, versioning, object_lock)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![
                    name,
                    account_id,
                    region,
                    tx.now,
                    versioning.to_column(),
                    object_lock
                ],
            )?;
            tx.changed(Change::Bucket(name));
            let id = tx.conn.last_insert_rowid();
            for (kind, body) in &config {
                set_config(tx, id, kind, body)?;
            }
            bucket_by_id(tx.conn, id)?.ok_or(IndexError::NoSuchBucket)
        })
        .await
    }

    /// The bucket of that name, from memory if it was read before.
    pub async fn bucket(&self, name: &str) -> Result<Arc<Bucket>> {
        let ticket = match self.caches().buckets.get(name) {
            Looked::Found(bucket) => return Ok(bucket),
            Looked::Missing(ticket) => ticket,
        };
        let bucket = self.read(|conn| {
            let sql = format!("SELECT {COLUMNS} FROM buckets WHERE name = ?1");
            let bucket = first(conn, &sql, [name], plain)?.ok_or(IndexError::NoSuchBucket)?;
            configured(conn, bucket)
        })?;
        let bucket = Arc::new(bucket);
        self.caches().buckets.fill(ticket, name, bucket.clone());
        Ok(bucket)
    }

    /// The bucket with that id.
    pub async fn bucket_by_id(&self, bucket_id: i64) -> Result<Arc<Bucket>> {
        let name = self.read(|conn| {
            let sql = "SELECT name FROM buckets WHERE id = ?1";
            first(conn, sql, [bucket_id], |row| Ok(row.get::<_, String>(0)?))
        })?;
        self.bucket(&name.ok_or(IndexError::NoSuchBucket)?).await
    }

    /// Removes a bucket without versions and delete markers. Uploads in progress do not keep it; they are aborted.
    pub async fn delete_bucket(&self, bucket_id: i64) -> Result<()> {
        self.write(move |tx| {
            let name = name_of(tx, bucket_id)?;
            let sql = "SELECT EXISTS (SELECT 1 FROM current WHERE bucket_id = ?1)
                           OR EXISTS (SELECT 1 FROM history WHERE bucket_id = ?1)";
            if first(tx.conn, sql, [bucket_id], |row| Ok(row.get(0)?))? == Some(true) {
                return Err(IndexError::BucketNotEmpty);
            }
            uploads::abort_all(tx, bucket_id)?;
            run(
                tx.conn,
                "DELETE FROM bucket_config WHERE bucket_id = ?1",
                [bucket_id],
            )?;
            run(tx.conn, "DELETE FROM buckets WHERE id = ?1", [bucket_id])?;
            tx.changed(Change::Bucket(name));
            Ok(())
        })
        .await
    }

    /// Buckets of an account in the order of their names, behind `after`.
    pub async fn list_buckets(
        &self,
        account_id: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Bucket>> {
        let start = after
            .map(just_after)
            .filter(|start| start.as_str() > prefix);
        let start = start.as_deref().unwrap_or(prefix);
        self.read(|conn| {
            let sql = format!(
                "SELECT {COLUMNS} FROM buckets WHERE account_id = ?1 AND name >= ?2 ORDER BY name LIMIT ?3"
            );
            let mut buckets = all(conn, &sql, params![account_id, start, to_limit(limit)], plain)?;
            // Names are in order: what starts with the prefix comes first.
            buckets.truncate(buckets.partition_point(|bucket| bucket.name.starts_with(prefix)));
            buckets.into_iter().map(|bucket| configured(conn, bucket)).collect()
        })
    }

    /// Ids of the buckets that have a configuration document of this kind.
    pub async fn configured_buckets(&self, kind: &str) -> Result<Vec<i64>> {
        self.read(|conn| {
            let sql = "SELECT bucket_id FROM bucket_config WHERE kind = ?1 ORDER BY bucket_id";
            all(conn, sql, [kind], |row| Ok(row.get(0)?))
        })
    }

    /// Sets or removes a configuration document.
    pub async fn put_bucket_config(
        &self,
        bucket_id: i64,
        kind: &str,
        body: Option<Bytes>,
    ) -> Result<()> {
        let kind = kind.to_owned();
        self.write(move |tx| {
            let name = name_of(tx, bucket_id)?;
            match body {
                Some(body) => set_config(tx, bucket_id, &kind, &body)?,
                None => run(
                    tx.conn,
                    "DELETE FROM bucket_config WHERE bucket_id = ?1 AND kind = ?2",
                    params![bucket_id, kind],
                )?,
            };
            tx.changed(Change::Bucket(name));
            Ok(())
        })
        .await
    }
}

fn set_config(tx: &Tx<'_>, bucket_id: i64, kind: &str, body: &[u8]) -> Result<usize> {
    run(
        tx.conn,
        "INSERT OR REPLACE INTO bucket_config (bucket_id, kind, body) VALUES (?1, ?2, ?3)",
        params![bucket_id, kind, body],
    )
}

pub(crate) fn name_of(tx: &Tx<'_>, bucket_id: i64) -> Result<String> {
    first(
        tx.conn,
        "SELECT name FROM buckets WHERE id = ?1",
        [bucket_id],
        |row| Ok(row.get(0)?),
    )?
    .ok_or(IndexError::NoSuchBucket)
}

fn bucket_by_id(conn: &Connection, id: i64) -> Result<Option<Bucket>> {
    first(
        conn,
        &format!("SELECT {COLUMNS} FROM buckets WHERE id = ?1"),
        [id],
        plain,
    )
}

fn plain(row: &Row<'_>) -> Result<Bucket> {
    Ok(Bucket {
        id: row.get(0)?,
        name: row.get(1)?,
        account_id: row.get(2)?,
        region: row.get(3)?,
        created: time(row, 4)?,
        versioning: Versioning::from_column(row, 5)?,
        object_lock: row.get(6)?,
        quota: Quota::from_columns(row, 7)?,
        config: BTreeMap::new(),
    })
}

fn configured(conn: &Connection, mut bucket: Bucket) -> Result<Bucket> {
    let documents = all(
        conn,
        "SELECT kind, body FROM bucket_config WHERE bucket_id = ?1 AND instr(kind, ?2) = 0",
        params![bucket.id, SEPARATOR.to_string()],
        |row| Ok((row.get(0)?, bytes(row, 1)?)),
    )?;
    bucket.config = documents.into_iter().collect();
    Ok(bucket)
}
