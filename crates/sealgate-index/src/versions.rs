//! Object versions: put, get, rewrap, delete. Conditions are decided inside the writer's transaction.

use rusqlite::{Connection, Row, params};

use crate::{
    Body, Index, IndexError, NewVersion, Part, Version, WriteCondition,
    buckets::must_exist,
    references,
    sql::{Result, all, bytes, first, from_millis, hash, key, run, size, size_to_column, time},
    writer::Tx,
};

const COLUMNS: &str = "v.seq, v.bucket_id, v.key, v.version_id, v.delete_marker, v.size, v.etag, v.modified, \
                       v.checksum_algorithm, v.checksum_type, v.envelope, v.meta, v.inline";

/// How the blobs of a new version are counted.
pub(crate) enum Counting {
    /// They are new.
    New,
    /// They belong to the version of this sequence, too.
    Shared(i64),
    /// They are counted already, and their count passes to the version.
    Held,
}

impl Index {
    /// Stores a version, which takes the place of the null version of its key.
    ///
    /// With `shares`, the body names blobs of the version with that sequence, which must still exist
    /// ([`IndexError::Conflict`] otherwise).
    pub async fn put_version(
        &self,
        bucket_id: i64,
        version: NewVersion,
        condition: WriteCondition,
        shares: Option<i64>,
    ) -> Result<Version> {
        self.write(move |tx| {
            let counting = shares.map_or(Counting::New, Counting::Shared);
            put(tx, bucket_id, version, &condition, counting)
        })
        .await
    }

    /// The current version of a key, unless it is a delete marker.
    pub async fn get_version(&self, bucket_id: i64, key: &str) -> Result<Option<Version>> {
        self.read(|conn| {
            let sql = format!(
                "SELECT {COLUMNS} FROM current c JOIN versions v ON v.seq = c.seq WHERE c.bucket_id = ?1 AND c.key = ?2"
            );
            version(conn, &sql, params![bucket_id, key.as_bytes()])
        })
    }

    /// The version of that sequence.
    pub async fn version_by_seq(&self, seq: i64) -> Result<Option<Version>> {
        self.read(|conn| {
            version(
                conn,
                &format!("SELECT {COLUMNS} FROM versions v WHERE v.seq = ?1"),
                params![seq],
            )
        })
    }

    /// Deletes the current version; tells whether there was one. `if_match` is an ETag without quotes, or `*`; it
    /// refuses nothing where there is nothing to delete.
    pub async fn delete_version(
        &self,
        bucket_id: i64,
        key: &str,
        if_match: Option<String>,
    ) -> Result<bool> {
        let key = key.to_owned();
        self.write(move |tx| {
            must_exist(tx, bucket_id)?;
            if let (Some(wanted), Some((_, etag))) = (&if_match, current(tx, bucket_id, &key)?)
                && wanted != "*"
                && *wanted != etag
            {
                return Err(IndexError::PreconditionFailed);
            }
            delete(tx, bucket_id, &key)
        })
        .await
    }

    /// Deletes the current versions of several keys together; tells of each whether there was one.
    pub async fn delete_versions(&self, bucket_id: i64, keys: Vec<String>) -> Result<Vec<bool>> {
        self.write(move |tx| {
            must_exist(tx, bucket_id)?;
            keys.iter().map(|key| delete(tx, bucket_id, key)).collect()
        })
        .await
    }
}

/// Stores a version inside a transaction.
pub(crate) fn put(
    tx: &Tx<'_>,
    bucket_id: i64,
    new: NewVersion,
    condition: &WriteCondition,
    counting: Counting,
) -> Result<Version> {
    must_exist(tx, bucket_id)?;
    // Every version is a null version as yet, so the current one is the one to replace.
    let replaced = current(tx, bucket_id, &new.key)?;
    check(condition, replaced.as_ref().map(|(_, etag)| etag.as_str()))?;
    // Counts go up before they go down: an object may be copied onto itself.
    count_up(tx, &new.body, counting)?;
    if let Some((seq, _)) = replaced {
        remove(tx, seq)?;
    }
    let inline = match &new.body {
        Body::Inline(bytes) => Some(&bytes[..]),
        Body::Parts(_) => None,
    };
    let size = size_to_column(new.size)?;
    run(
        tx.conn,
        "INSERT INTO versions (bucket_id, key, version_id, history, delete_marker, size, etag, modified, checksum_algorithm,
                               checksum_type, envelope, meta, inline)
         VALUES (?1, ?2, NULL, 0, 0, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        params![
            bucket_id,
            new.key.as_bytes(),
            size,
            new.etag,
            tx.now,
            new.checksum_algorithm,
            new.checksum_type,
            &new.envelope[..],
            &new.meta[..],
            inline,
        ],
    )?;
    let seq = tx.conn.last_insert_rowid();
    run(
        tx.conn,
        "INSERT OR REPLACE INTO current (bucket_id, key, seq, size, etag, modified, checksum_algorithm, checksum_type)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            bucket_id,
            new.key.as_bytes(),
            seq,
            size,
            new.etag,
            tx.now,
            new.checksum_algorithm,
            new.checksum_type,
        ],
    )?;
    if let Body::Parts(parts) = &new.body {
        for part in parts {
            insert_part(tx, seq, part)?;
        }
    }
    Ok(Version {
        seq,
        bucket_id,
        key: new.key,
        version_id: None,
        delete_marker: false,
        size: new.size,
        etag: new.etag,
        modified: from_millis(tx.now)?,
        checksum_algorithm: new.checksum_algorithm,
        checksum_type: new.checksum_type,
        body: new.body,
        meta: new.meta,
        envelope: new.envelope,
    })
}

/// Sequence and ETag of the current version.
fn current(tx: &Tx<'_>, bucket_id: i64, key: &str) -> Result<Option<(i64, String)>> {
    first(
        tx.conn,
        "SELECT seq, etag FROM current WHERE bucket_id = ?1 AND key = ?2",
        params![bucket_id, key.as_bytes()],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

fn check(condition: &WriteCondition, etag: Option<&str>) -> Result<()> {
    match (condition, etag) {
        (WriteCondition::None, _) | (WriteCondition::IfNoneMatchAny, None) => Ok(()),
        (WriteCondition::IfMatch(_), None) => Err(IndexError::NoSuchKey),
        (WriteCondition::IfMatch(wanted), Some(etag)) if wanted == "*" || wanted == etag => Ok(()),
        (WriteCondition::IfMatch(_) | WriteCondition::IfNoneMatchAny, Some(_)) => {
            Err(IndexError::PreconditionFailed)
        }
    }
}

fn count_up(tx: &Tx<'_>, body: &Body, counting: Counting) -> Result<()> {
    if let Counting::Shared(source) = counting {
        first(
            tx.conn,
            "SELECT 1 FROM versions WHERE seq = ?1",
            [source],
            |_| Ok(()),
        )?
        .ok_or(IndexError::Conflict)?;
    }
    let Body::Parts(parts) = body else {
        return Ok(());
    };
    for part in parts {
        match counting {
            Counting::New => references::add(tx, &part.blob)?,
            Counting::Shared(_) => references::share(tx, &part.blob)?,
            Counting::Held => {}
        }
    }
    Ok(())
}

fn delete(tx: &Tx<'_>, bucket_id: i64, key: &str) -> Result<bool> {
    let seq = first(
        tx.conn,
        "DELETE FROM current WHERE bucket_id = ?1 AND key = ?2 RETURNING seq",
        params![bucket_id, key.as_bytes()],
        |row| Ok(row.get(0)?),
    )?;
    match seq {
        Some(seq) => remove(tx, seq).map(|()| true),
        None => Ok(false),
    }
}

/// Removes a version's rows, but not its place in the listing, and lets go of its blobs.
fn remove(tx: &Tx<'_>, seq: i64) -> Result<()> {
    let in_parts = first(
        tx.conn,
        "DELETE FROM versions WHERE seq = ?1 RETURNING inline IS NULL",
        [seq],
        |row| Ok(row.get::<_, bool>(0)?),
    )?;
    if in_parts == Some(true) {
        let blobs = all(
            tx.conn,
            "SELECT blob FROM parts WHERE seq = ?1",
            [seq],
            |row| Ok(row.get::<_, String>(0)?),
        )?;
        run(tx.conn, "DELETE FROM parts WHERE seq = ?1", [seq])?;
        for blob in &blobs {
            references::release(tx, blob)?;
        }
    }
    Ok(())
}

fn insert_part(tx: &Tx<'_>, seq: i64, part: &Part) -> Result<()> {
    run(
        tx.conn,
        "INSERT INTO parts (seq, number, size, sealed_size, blob, header_hash, etag, checksum) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            seq,
            part.number,
            size_to_column(part.size)?,
            size_to_column(part.sealed_size)?,
            part.blob,
            part.header_hash,
            part.etag,
            part.checksum,
        ],
    )?;
    Ok(())
}

/// A part from columns number, size, sealed_size, blob, header_hash, etag, checksum.
pub(crate) fn part(row: &Row<'_>) -> Result<Part> {
    Ok(Part {
        number: row.get(0)?,
        size: size(row, 1)?,
        sealed_size: size(row, 2)?,
        blob: row.get(3)?,
        header_hash: hash(row, 4)?,
        etag: row.get(5)?,
        checksum: row.get(6)?,
    })
}

fn version(conn: &Connection, sql: &str, params: impl rusqlite::Params) -> Result<Option<Version>> {
    let found = first(conn, sql, params, |row| {
        let inline: Option<Vec<u8>> = row.get(12)?;
        Ok(Version {
            seq: row.get(0)?,
            bucket_id: row.get(1)?,
            key: key(row, 2)?.to_owned(),
            version_id: row.get(3)?,
            delete_marker: row.get(4)?,
            size: size(row, 5)?,
            etag: row.get(6)?,
            modified: time(row, 7)?,
            checksum_algorithm: row.get(8)?,
            checksum_type: row.get(9)?,
            envelope: bytes(row, 10)?,
            meta: bytes(row, 11)?,
            body: inline.map_or(Body::Parts(Vec::new()), |inline| {
                Body::Inline(inline.into())
            }),
        })
    })?;
    let Some(mut version) = found else {
        return Ok(None);
    };
    if let Body::Parts(parts) = &mut version.body {
        let sql = "SELECT number, size, sealed_size, blob, header_hash, etag, checksum FROM parts WHERE seq = ?1 ORDER BY number";
        *parts = all(conn, sql, [version.seq], part)?;
    }
    Ok(Some(version))
}
