//! What of a stored version can be changed: tags, ACL, lock, and how its data key is wrapped. Columns of attributes,
//! which versions and uploads have alike.

use bytes::Bytes;
use rusqlite::{Row, params};

use crate::{
    Attributes, Effect, Index, IndexError, Lock, LockChange, NewEvent, VersionRef, Versioning,
    buckets::BucketState,
    history::Standing,
    outbox::{self, Subject},
    references,
    sql::{Result, first, from_millis, run},
    versions,
    writer::Tx,
};

/// A version that was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touched {
    /// Its sequence.
    pub seq: i64,
    /// Its id; `None` for the null version.
    pub version_id: Option<String>,
    /// Whether the bucket kept versions at that moment.
    pub versioning: Versioning,
}

impl Touched {
    /// How clients are told which version it is: not at all in a bucket that never kept versions.
    pub fn version_name(&self) -> Option<&str> {
        self.versioning.name_of(self.version_id.as_deref())
    }
}

/// Another wrapping of a version's data key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvelopeChange {
    /// Sequence of the version that was read.
    pub seq: i64,
    /// Its envelope as it was read.
    pub from: Bytes,
    /// The envelope in its place.
    pub envelope: Bytes,
}

/// The same sealed bytes of a version in other blobs, which lie where its storage class has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyMove {
    /// Sequence of the version that was read.
    pub seq: i64,
    /// Its storage class from now on.
    pub storage_class: String,
    /// Every part: its number, its blob as it was read, and the blob in its place.
    pub blobs: Vec<(u32, String, String)>,
}

impl Index {
    /// Puts the body of a version elsewhere. [`IndexError::Conflict`] if it is not the version, with the body, that was
    /// read.
    pub async fn move_body(
        &self,
        bucket_id: i64,
        key: &str,
        version: VersionRef,
        moved: BodyMove,
        events: Vec<NewEvent>,
    ) -> Result<Touched> {
        let of_key = key.as_bytes().to_vec();
        self.change(bucket_id, key, version, events, move |tx, _, seq| {
            let parts = first(
                tx.conn,
                "SELECT count(*) FROM parts WHERE seq = ?1",
                [seq],
                |row| Ok(row.get::<_, i64>(0)?),
            )?;
            if seq != moved.seq || parts != i64::try_from(moved.blobs.len()).ok() {
                return Err(IndexError::Conflict);
            }
            for (number, from, to) in &moved.blobs {
                let changed = run(
                    tx.conn,
                    "UPDATE parts SET blob = ?4 WHERE seq = ?1 AND number = ?2 AND blob = ?3",
                    params![seq, number, from, to],
                )?;
                if changed != 1 {
                    return Err(IndexError::Conflict);
                }
                references::add(tx, to)?;
                references::release(tx, from)?;
            }
            let class = &moved.storage_class;
            run(
                tx.conn,
                "UPDATE versions SET storage_class = ?2 WHERE seq = ?1",
                params![seq, class],
            )?;
            // What listings read says it, too.
            for table in ["current", "history"] {
                run(
                    tx.conn,
                    &format!(
                        "UPDATE {table} SET storage_class = ?4 WHERE bucket_id = ?1 AND key = ?2 AND seq = ?3"
                    ),
                    params![bucket_id, of_key, seq, class],
                )?;
            }
            Ok(())
        })
        .await
    }

    /// Gives a version other tags, or none. [`IndexError::DeleteMarker`] if it is one.
    pub async fn set_tags(
        &self,
        bucket_id: i64,
        key: &str,
        version: VersionRef,
        tags: Option<Bytes>,
        events: Vec<NewEvent>,
    ) -> Result<Touched> {
        let sql = "UPDATE versions SET tags = ?2 WHERE seq = ?1";
        self.set_column(sql, bucket_id, key, version, tags, events)
            .await
    }

    /// Gives a version another access control list, or none. [`IndexError::DeleteMarker`] if it is one.
    pub async fn set_acl(
        &self,
        bucket_id: i64,
        key: &str,
        version: VersionRef,
        acl: Option<Bytes>,
        events: Vec<NewEvent>,
    ) -> Result<Touched> {
        let sql = "UPDATE versions SET acl = ?2 WHERE seq = ?1";
        self.set_column(sql, bucket_id, key, version, acl, events)
            .await
    }

    async fn set_column(
        &self,
        sql: &'static str,
        bucket_id: i64,
        key: &str,
        version: VersionRef,
        value: Option<Bytes>,
        events: Vec<NewEvent>,
    ) -> Result<Touched> {
        self.change(bucket_id, key, version, events, move |tx, _, seq| {
            run(tx.conn, sql, params![seq, value.as_deref()])?;
            Ok(())
        })
        .await
    }

    /// Changes what protects a version. [`IndexError::Locked`] if the lock it has does not allow for it;
    /// [`IndexError::InvalidBucketState`] if the bucket has no object lock; [`IndexError::DeleteMarker`] if it is one.
    pub async fn set_lock(
        &self,
        bucket_id: i64,
        key: &str,
        version: VersionRef,
        change: LockChange,
        bypass_governance: bool,
        events: Vec<NewEvent>,
    ) -> Result<Touched> {
        self.change(bucket_id, key, version, events, move |tx, bucket, seq| {
            if !bucket.object_lock {
                return Err(IndexError::InvalidBucketState);
            }
            let now = from_millis(tx.now)?;
            let lock = versions::lock_of(tx, seq)?.changed(change, now, bypass_governance)?;
            let (mode, until, hold) = lock.to_columns();
            run(
                tx.conn,
                "UPDATE versions SET retention = ?2, retain_until = ?3, legal_hold = ?4 WHERE seq = ?1",
                params![seq, mode, until, hold],
            )?;
            Ok(())
        })
        .await
    }

    /// Wraps the data key of a version anew for who uses it. [`IndexError::Conflict`] if it is not the version, with
    /// the envelope, that was read; [`IndexError::Locked`] if it is under a retention or a legal hold.
    pub async fn set_envelope(
        &self,
        bucket_id: i64,
        key: &str,
        version: VersionRef,
        change: EnvelopeChange,
        events: Vec<NewEvent>,
    ) -> Result<Touched> {
        self.change(bucket_id, key, version, events, move |tx, _, seq| {
            if seq != change.seq {
                return Err(IndexError::Conflict);
            }
            if versions::lock_of(tx, seq)?.forbids_delete(from_millis(tx.now)?, false) {
                return Err(IndexError::Locked);
            }
            let changed = run(
                tx.conn,
                "UPDATE versions SET envelope = ?3 WHERE seq = ?1 AND envelope = ?2",
                params![seq, &change.from[..], &change.envelope[..]],
            )?;
            if changed == 1 {
                Ok(())
            } else {
                Err(IndexError::Conflict)
            }
        })
        .await
    }

    /// Changes a version that is no delete marker.
    async fn change<F>(
        &self,
        bucket_id: i64,
        key: &str,
        version: VersionRef,
        events: Vec<NewEvent>,
        work: F,
    ) -> Result<Touched>
    where
        F: FnOnce(&Tx<'_>, BucketState, i64) -> Result<()> + Send + 'static,
    {
        let key = key.to_owned();
        self.write(move |tx| {
            let bucket = tx.bucket(bucket_id)?;
            let standing = Standing::of(tx.conn, bucket.versioning, bucket_id, &key)?;
            let found = standing.must_find(tx.conn, bucket_id, &key, &version)?;
            if found.delete_marker {
                return Err(IndexError::DeleteMarker);
            }
            work(tx, bucket, found.seq)?;
            let subject = Subject {
                key: &key,
                seq: found.seq,
                version_id: found.version_id.as_deref(),
                size: found.size,
                etag: &found.etag,
            };
            outbox::post(
                tx,
                bucket_id,
                bucket.versioning,
                &events,
                Effect::Changed,
                &subject,
            )?;
            Ok(Touched {
                seq: found.seq,
                version_id: found.version_id,
                versioning: bucket.versioning,
            })
        })
        .await
    }
}

/// Attributes from columns owner, storage_class, retention, retain_until, legal_hold, tags, acl.
pub(crate) fn from_columns(row: &Row<'_>, start: usize) -> Result<Attributes> {
    let blob = |column| -> Result<Option<Bytes>> {
        Ok(row.get::<_, Option<Vec<u8>>>(column)?.map(Bytes::from))
    };
    Ok(Attributes {
        owner: row.get(start)?,
        storage_class: row.get(start + 1)?,
        lock: Lock::from_columns(row, start + 2)?,
        tags: blob(start + 5)?,
        acl: blob(start + 6)?,
    })
}

/// Refuses a lock where there is no object lock.
pub(crate) fn may_lock(bucket: BucketState, lock: Lock) -> Result<()> {
    if lock.is_empty() || bucket.object_lock {
        Ok(())
    } else {
        Err(IndexError::InvalidBucketState)
    }
}
