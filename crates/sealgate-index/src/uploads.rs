//! Multipart uploads: start, parts, completion without moving a byte of body, abort.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row, params};
use time::OffsetDateTime;

use crate::{
    Body, Index, IndexError, MINIMUM_PART_SIZE, NewEvent, NewUpload, NewVersion, Part, StoredPart,
    Upload, WriteCondition, Written, attributes, references,
    sql::{
        Result, all, bytes, first, from_millis, key, limit as to_limit, run, size_to_column, time,
    },
    versions::{self, Counting, part},
    writer::Tx,
};

pub(crate) const COLUMNS: &str = "id, bucket_id, key, initiated, initiator, owner, meta, envelope, \
                                  checksum_algorithm, checksum_type, object_owner, storage_class, retention, \
                                  retain_until, legal_hold, tags, acl";
const PART_COLUMNS: &str = "number, size, sealed_size, blob, header_hash, etag, checksum, modified";

impl Index {
    /// Starts an upload.
    pub async fn create_upload(&self, new: NewUpload) -> Result<Upload> {
        self.write(move |tx| {
            attributes::may_lock(tx.bucket(new.bucket_id)?, new.attributes.lock)?;
            let upload = Upload {
                id: new_id(tx.now),
                bucket_id: new.bucket_id,
                key: new.key,
                initiated: from_millis(tx.now)?,
                initiator: new.initiator,
                owner: new.owner,
                meta: new.meta,
                envelope: new.envelope,
                checksum_algorithm: new.checksum_algorithm,
                checksum_type: new.checksum_type,
                attributes: new.attributes,
            };
            let attributes = &upload.attributes;
            let (retention, retain_until, legal_hold) = attributes.lock.to_columns();
            run(
                tx.conn,
                &format!(
                    "INSERT INTO uploads ({COLUMNS})
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)"
                ),
                params![
                    upload.id,
                    upload.bucket_id,
                    upload.key.as_bytes(),
                    tx.now,
                    upload.initiator,
                    upload.owner,
                    &upload.meta[..],
                    &upload.envelope[..],
                    upload.checksum_algorithm,
                    upload.checksum_type,
                    attributes.owner,
                    attributes.storage_class,
                    retention,
                    retain_until,
                    legal_hold,
                    attributes.tags.as_deref(),
                    attributes.acl.as_deref(),
                ],
            )?;
            Ok(upload)
        })
        .await
    }

    /// The upload of that id, if it is one to that key.
    pub async fn upload(&self, bucket_id: i64, key: &str, upload_id: &str) -> Result<Upload> {
        self.read(|conn| {
            let sql = format!(
                "SELECT {COLUMNS} FROM uploads WHERE id = ?1 AND bucket_id = ?2 AND key = ?3"
            );
            first(
                conn,
                &sql,
                params![upload_id, bucket_id, key.as_bytes()],
                upload,
            )?
            .ok_or(IndexError::NoSuchUpload)
        })
    }

    /// Stores a part; one of the same number is replaced. Returns the time of the write.
    pub async fn put_part(&self, upload_id: &str, part: Part) -> Result<OffsetDateTime> {
        let id = upload_id.to_owned();
        self.write(move |tx| {
            let (upload, ..) = find(tx, &id)?;
            references::add(tx, &part.blob)?;
            let replaced = first(
                tx.conn,
                "DELETE FROM upload_parts WHERE upload_seq = ?1 AND number = ?2 RETURNING blob",
                params![upload, part.number],
                |row| Ok(row.get::<_, String>(0)?),
            )?;
            if let Some(blob) = replaced {
                references::release(tx, &blob)?;
            }
            run(
                tx.conn,
                &format!(
                    "INSERT INTO upload_parts (upload_seq, {PART_COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
                ),
                params![
                    upload,
                    part.number,
                    size_to_column(part.size)?,
                    size_to_column(part.sealed_size)?,
                    part.blob,
                    part.header_hash,
                    part.etag,
                    part.checksum,
                    tx.now,
                ],
            )?;
            from_millis(tx.now)
        })
        .await
    }

    /// Parts with numbers above `after` in order, and whether there are more.
    pub async fn list_parts(
        &self,
        upload_id: &str,
        after: u32,
        limit: usize,
    ) -> Result<(Vec<StoredPart>, bool)> {
        self.read(|conn| {
            let upload = seq(conn, upload_id)?;
            let sql = format!(
                "SELECT {PART_COLUMNS} FROM upload_parts WHERE upload_seq = ?1 AND number > ?2 ORDER BY number LIMIT ?3"
            );
            let mut parts = all(conn, &sql, params![upload, after, to_limit(limit.saturating_add(1))], stored_part)?;
            let truncated = limit > 0 && parts.len() > limit;
            parts.truncate(limit);
            Ok((parts, truncated))
        })
    }

    /// The parts of these numbers, in the order asked for.
    pub async fn parts(&self, upload_id: &str, numbers: &[u32]) -> Result<Vec<Option<StoredPart>>> {
        self.read(|conn| {
            let upload = seq(conn, upload_id)?;
            let sql = format!(
                "SELECT {PART_COLUMNS} FROM upload_parts WHERE upload_seq = ?1 AND number = ?2"
            );
            numbers
                .iter()
                .map(|number| first(conn, &sql, params![upload, number], stored_part))
                .collect()
        })
    }

    /// Makes the chosen parts an object. `chosen` is what the client named, `version` what was made of the parts as
    /// read before; both must agree with what is stored now. Parts not chosen become garbage.
    pub async fn complete_upload(
        &self,
        upload_id: &str,
        chosen: Vec<(u32, String)>,
        version: NewVersion,
        condition: WriteCondition,
        events: Vec<NewEvent>,
    ) -> Result<Written> {
        let id = upload_id.to_owned();
        self.write(move |tx| {
            let (upload, bucket_id, key) = find(tx, &id)?;
            if key != version.key {
                return Err(IndexError::NoSuchUpload);
            }
            let mut stored = stored_parts(tx, upload)?;
            take_chosen(&mut stored, &chosen, &version.body)?;
            let written =
                versions::put(tx, bucket_id, version, &condition, Counting::Held, &events)?;
            for part in stored.into_values() {
                references::release(tx, &part.blob)?;
            }
            forget(tx, upload)?;
            Ok(written)
        })
        .await
    }

    /// Ends an upload; its parts become garbage.
    pub async fn abort_upload(&self, bucket_id: i64, key: &str, upload_id: &str) -> Result<()> {
        let (key, id) = (key.to_owned(), upload_id.to_owned());
        self.write(move |tx| {
            let (upload, bucket, of_key) = find(tx, &id)?;
            if bucket != bucket_id || of_key != key {
                return Err(IndexError::NoSuchUpload);
            }
            abort(tx, upload)
        })
        .await
    }
}

/// Aborts every upload to a bucket that goes.
pub(crate) fn abort_all(tx: &Tx<'_>, bucket_id: i64) -> Result<()> {
    let uploads = all(
        tx.conn,
        "SELECT seq FROM uploads WHERE bucket_id = ?1",
        [bucket_id],
        |row| Ok(row.get(0)?),
    )?;
    uploads.into_iter().try_for_each(|upload| abort(tx, upload))
}

fn abort(tx: &Tx<'_>, upload: i64) -> Result<()> {
    for part in stored_parts(tx, upload)?.into_values() {
        references::release(tx, &part.blob)?;
    }
    forget(tx, upload)
}

fn forget(tx: &Tx<'_>, upload: i64) -> Result<()> {
    run(
        tx.conn,
        "DELETE FROM upload_parts WHERE upload_seq = ?1",
        [upload],
    )?;
    run(tx.conn, "DELETE FROM uploads WHERE seq = ?1", [upload])?;
    Ok(())
}

/// Takes the chosen parts out of the stored ones, if they are the same in every view.
fn take_chosen(
    stored: &mut BTreeMap<u32, Part>,
    chosen: &[(u32, String)],
    body: &Body,
) -> Result<()> {
    if !chosen.is_sorted_by(|(one, _), (next, _)| one < next) {
        return Err(IndexError::InvalidPartOrder);
    }
    let Body::Parts(body) = body else {
        return Err(IndexError::Conflict);
    };
    let mut taken = Vec::with_capacity(chosen.len());
    for (index, (number, etag)) in chosen.iter().enumerate() {
        let invalid = || IndexError::InvalidPart { number: *number };
        let part = stored
            .remove(number)
            .filter(|part| part.etag == *etag)
            .ok_or_else(invalid)?;
        // A part that was uploaded again since the caller read it has another blob.
        if body.get(index) != Some(&part) {
            return Err(invalid());
        }
        taken.push(part);
    }
    if body.len() != taken.len() {
        return Err(IndexError::Conflict);
    }
    let all_but_last = taken.split_last().map_or(&[][..], |(_, rest)| rest);
    match all_but_last
        .iter()
        .find(|part| part.size < MINIMUM_PART_SIZE)
    {
        Some(part) => Err(IndexError::EntityTooSmall {
            number: part.number,
            size: part.size,
            minimum: MINIMUM_PART_SIZE,
        }),
        None => Ok(()),
    }
}

fn stored_parts(tx: &Tx<'_>, upload: i64) -> Result<BTreeMap<u32, Part>> {
    let sql = format!("SELECT {PART_COLUMNS} FROM upload_parts WHERE upload_seq = ?1");
    let parts = all(tx.conn, &sql, [upload], part)?;
    Ok(parts.into_iter().map(|part| (part.number, part)).collect())
}

/// Row, bucket and key of an upload.
fn find(tx: &Tx<'_>, id: &str) -> Result<(i64, i64, String)> {
    first(
        tx.conn,
        "SELECT seq, bucket_id, key FROM uploads WHERE id = ?1",
        [id],
        |row| Ok((row.get(0)?, row.get(1)?, key(row, 2)?.to_owned())),
    )?
    .ok_or(IndexError::NoSuchUpload)
}

fn seq(conn: &Connection, id: &str) -> Result<i64> {
    first(conn, "SELECT seq FROM uploads WHERE id = ?1", [id], |row| {
        Ok(row.get(0)?)
    })?
    .ok_or(IndexError::NoSuchUpload)
}

/// Time and chance: ids sort by time of creation, as the uploads of one key are listed, and cannot be guessed.
fn new_id(now: i64) -> String {
    format!("{now:012x}{}", uuid::Uuid::new_v4().simple())
}

fn stored_part(row: &Row<'_>) -> Result<StoredPart> {
    Ok(StoredPart {
        part: part(row)?,
        modified: time(row, 7)?,
    })
}

/// An upload from [`COLUMNS`].
pub(crate) fn upload(row: &Row<'_>) -> Result<Upload> {
    Ok(Upload {
        id: row.get(0)?,
        bucket_id: row.get(1)?,
        key: key(row, 2)?.to_owned(),
        initiated: time(row, 3)?,
        initiator: row.get(4)?,
        owner: row.get(5)?,
        meta: bytes(row, 6)?,
        envelope: bytes(row, 7)?,
        checksum_algorithm: row.get(8)?,
        checksum_type: row.get(9)?,
        attributes: attributes::from_columns(row, 10)?,
    })
}
