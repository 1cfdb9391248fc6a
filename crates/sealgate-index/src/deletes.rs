//! Deleting: of what is current, which makes a delete marker where versions are kept, and of one version for good.
//! Conditions and locks are decided inside the writer's transaction, before anything of a delete is written.

use rusqlite::params;
use time::OffsetDateTime;

use crate::{
    Effect, Index, IndexError, NewEvent, VersionRef, Versioning,
    buckets::BucketState,
    history::{self, Facts, Standing},
    outbox::{self, Subject},
    sql::{Result, run},
    usage::Delta,
    versions::{self, Naming, gone},
    writer::Tx,
};

/// What must hold of the version that is deleted, or of the current one where none is named.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeleteCondition {
    /// It is there and has this ETag (without quotes), or any for `*`.
    pub etag: Option<String>,
    /// It is there and has this size.
    pub size: Option<u64>,
    /// It is there and was written in this second.
    pub modified: Option<OffsetDateTime>,
    /// It is there and has this sequence. [`IndexError::Conflict`] otherwise.
    pub seq: Option<i64>,
    /// It is there and is, or is not, the newest version of its key. [`IndexError::Conflict`] otherwise.
    pub latest: Option<bool>,
}

/// A delete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delete {
    /// Object key.
    pub key: String,
    /// Which version. [`VersionRef::Current`] removes for good only where versions were never kept.
    pub version: VersionRef,
    /// Condition.
    pub condition: DeleteCondition,
    /// Whether a retention in governance mode does not count.
    pub bypass_governance: bool,
    /// Told if something happens.
    pub events: Vec<NewEvent>,
}

impl Delete {
    /// The delete of a key as it is, without conditions.
    pub fn current(key: impl Into<String>) -> Self {
        Self::of(key, VersionRef::Current)
    }

    /// The delete of a version, without conditions.
    pub fn of(key: impl Into<String>, version: VersionRef) -> Self {
        Delete {
            key: key.into(),
            version,
            condition: DeleteCondition::default(),
            bypass_governance: false,
            events: Vec::new(),
        }
    }
}

/// What a delete came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deleted {
    /// Whether the bucket kept versions at that moment.
    pub versioning: Versioning,
    /// What happened.
    pub outcome: DeleteOutcome,
}

/// What happened to what was to be deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeleteOutcome {
    /// There was nothing to delete.
    Nothing,
    /// A version is gone for good.
    Removed {
        /// Its id; `None` for the null version.
        version_id: Option<String>,
        /// Whether it was a delete marker.
        delete_marker: bool,
    },
    /// A delete marker was made.
    Marked {
        /// Its id; `None` if it is the null version.
        version_id: Option<String>,
    },
}

impl Index {
    /// Deletes a version, or what is current. Refused: [`IndexError::PreconditionFailed`];
    /// [`IndexError::NoSuchKey`] where a condition names an ETag, size or time and there is nothing;
    /// [`IndexError::Locked`]; [`IndexError::Conflict`].
    pub async fn delete_version(&self, bucket_id: i64, delete: Delete) -> Result<Deleted> {
        self.write(move |tx| perform(tx, bucket_id, &delete)).await
    }

    /// Performs several deletes together; each is refused by itself.
    pub async fn delete_versions(
        &self,
        bucket_id: i64,
        deletes: Vec<Delete>,
    ) -> Result<Vec<Result<Deleted>>> {
        self.write(move |tx| {
            tx.bucket(bucket_id)?;
            let one = |delete| match perform(tx, bucket_id, delete) {
                // These are decided before a delete writes, so there is nothing to undo.
                Err(
                    refused @ (IndexError::PreconditionFailed
                    | IndexError::NoSuchKey
                    | IndexError::Locked
                    | IndexError::Conflict),
                ) => Ok(Err(refused)),
                outcome => outcome.map(Ok),
            };
            deletes.iter().map(one).collect()
        })
        .await
    }
}

fn perform(tx: &mut Tx<'_>, bucket_id: i64, delete: &Delete) -> Result<Deleted> {
    let bucket = tx.bucket(bucket_id)?;
    let standing = Standing::of(tx.conn, bucket.versioning, bucket_id, &delete.key)?;
    let target = match &delete.version {
        // A delete marker is nothing that could be deleted without naming it.
        VersionRef::Current => standing.current.clone(),
        named => standing.find(tx.conn, bucket_id, &delete.key, named)?,
    };
    judge(&delete.condition, target.as_ref(), standing.newest())?;
    let marks = delete.version == VersionRef::Current && bucket.versioning != Versioning::Off;
    let outcome = match target {
        _ if marks => mark(tx, bucket_id, bucket, &standing, delete)?,
        None => DeleteOutcome::Nothing,
        Some(target) => remove(tx, bucket_id, bucket, &standing, target, delete)?,
    };
    Ok(Deleted {
        versioning: bucket.versioning,
        outcome,
    })
}

fn judge(condition: &DeleteCondition, target: Option<&Facts>, newest: Option<i64>) -> Result<()> {
    let DeleteCondition {
        etag,
        size,
        modified,
        seq,
        latest,
    } = condition;
    let Some(target) = target else {
        return if seq.is_some() || latest.is_some() {
            Err(IndexError::Conflict)
        } else if etag.as_deref() == Some("*") {
            Err(IndexError::PreconditionFailed)
        } else if etag.is_some() || size.is_some() || modified.is_some() {
            Err(IndexError::NoSuchKey)
        } else {
            Ok(())
        };
    };
    let is_newest = newest == Some(target.seq);
    if seq.is_some_and(|seq| seq != target.seq) || latest.is_some_and(|latest| latest != is_newest)
    {
        return Err(IndexError::Conflict);
    }
    let holds = etag
        .as_ref()
        .is_none_or(|etag| !target.delete_marker && (etag == "*" || *etag == target.etag))
        && size.is_none_or(|size| size == target.size)
        && modified.is_none_or(|time| time.unix_timestamp() == target.modified.div_euclid(1000));
    if holds {
        Ok(())
    } else {
        Err(IndexError::PreconditionFailed)
    }
}

/// Removes one version for good. Was it the newest, the next one is current.
fn remove(
    tx: &mut Tx<'_>,
    bucket_id: i64,
    bucket: BucketState,
    standing: &Standing,
    target: Facts,
    delete: &Delete,
) -> Result<DeleteOutcome> {
    let key = &delete.key;
    versions::remove(tx, bucket, target.seq, delete.bypass_governance)?;
    let mut delta = gone(&target);
    if !standing.in_history() {
        history::uncurrent(tx, bucket_id, key)?;
        delta.objects -= 1;
    } else {
        history::leave(tx, bucket_id, key, target.seq)?;
        if standing.newest() == Some(target.seq) {
            delta.objects -= i64::from(standing.current.is_some());
            match history::newest(tx.conn, bucket_id, key)? {
                Some((next, false)) => {
                    history::promote(tx, bucket_id, key, next)?;
                    delta.objects += 1;
                }
                Some((_, true)) | None => {
                    history::uncurrent(tx, bucket_id, key)?;
                }
            }
        }
    }
    tx.count(bucket_id, delta);
    let subject = Subject {
        key,
        seq: target.seq,
        version_id: target.version_id.as_deref(),
        size: target.size,
        etag: &target.etag,
    };
    let effect = Effect::Removed;
    outbox::post(
        tx,
        bucket_id,
        bucket.versioning,
        &delete.events,
        effect,
        &subject,
    )?;
    Ok(DeleteOutcome::Removed {
        version_id: target.version_id,
        delete_marker: target.delete_marker,
    })
}

/// Puts a delete marker upon a key. Where versioning is suspended, it takes the place of the null version.
fn mark(
    tx: &mut Tx<'_>,
    bucket_id: i64,
    bucket: BucketState,
    standing: &Standing,
    delete: &Delete,
) -> Result<DeleteOutcome> {
    let (key, events) = (&delete.key, &delete.events);
    mark_named(tx, bucket_id, bucket, standing, key, events, Naming::Own)
}

/// As [`mark`], with a name and a time.
pub(crate) fn mark_named(
    tx: &mut Tx<'_>,
    bucket_id: i64,
    bucket: BucketState,
    standing: &Standing,
    key: &str,
    events: &[NewEvent],
    naming: Naming<'_>,
) -> Result<DeleteOutcome> {
    let replaced = versions::make_way(tx, bucket_id, bucket, standing, key)?;
    let mut delta = replaced.as_ref().map_or_else(Delta::default, gone);
    delta.markers += 1;
    if history::uncurrent(tx, bucket_id, key)? {
        delta.objects -= 1;
    }
    let name = naming.name(tx, bucket.versioning)?;
    run(
        tx.conn,
        "INSERT INTO versions (seq, bucket_id, key, version_id, delete_marker, size, etag, modified, envelope, meta, inline)
         VALUES (?1, ?2, ?3, ?4, 1, 0, '', ?5, x'', x'', x'')",
        params![
            name.seq,
            bucket_id,
            key.as_bytes(),
            name.version_id,
            name.modified,
        ],
    )?;
    let seq = tx.conn.last_insert_rowid();
    versions::remember(tx, bucket_id, key, &name, seq)?;
    let (version_id, modified) = (name.version_id, name.modified);
    run(
        tx.conn,
        "INSERT INTO history (bucket_id, key, seq, size, etag, modified, version_id, delete_marker)
         VALUES (?1, ?2, ?3, 0, '', ?4, ?5, 1)",
        params![bucket_id, key.as_bytes(), seq, modified, version_id],
    )?;
    tx.count(bucket_id, delta);
    let subject = Subject {
        key,
        seq,
        version_id: version_id.as_deref(),
        size: 0,
        etag: "",
    };
    let effect = Effect::Marked;
    outbox::post(tx, bucket_id, bucket.versioning, events, effect, &subject)?;
    Ok(DeleteOutcome::Marked { version_id })
}
