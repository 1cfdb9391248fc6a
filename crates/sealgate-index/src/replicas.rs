//! Replication as far as the index is concerned: the status of a version, replicas with the id and the time of their
//! original, and the entries of the outbox that carry versions elsewhere.
//!
//! Within one index, a replica, the status of its original and the entry that asked for it change in one transaction,
//! so that nothing is replicated twice and nothing is forgotten.

use rusqlite::{Connection, params};
use time::OffsetDateTime;

use crate::{
    Attributes, Effect, Index, IndexError, Lock, LockChange, NewEvent, NewVersion, VersionRef,
    Versioning,
    history::{self, Facts, Standing},
    outbox::{self, Subject},
    sql::{Result, all, first, from_millis, key as to_key, run, to_millis},
    usage::Delta,
    versioning::seq_of,
    versions::{self, Counting, Naming},
    writer::Tx,
};

/// A replica finds its place among at most so many newer versions of its key.
const MOST_NEWER: usize = 1000;

/// How far the replication of a version has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Replication {
    /// It is still to be carried to a destination.
    Pending,
    /// It was carried to every destination.
    Completed,
    /// A destination could not have it.
    Failed,
    /// It is a replica itself.
    Replica,
}

impl Replication {
    fn to_column(self) -> i64 {
        match self {
            Replication::Pending => 1,
            Replication::Completed => 2,
            Replication::Failed => 3,
            Replication::Replica => 4,
        }
    }

    /// From the column `status`, which is not there where a version has nothing to do with replication.
    pub(crate) fn from_column(column: Option<i64>) -> Result<Option<Self>> {
        match column {
            None => Ok(None),
            Some(1) => Ok(Some(Replication::Pending)),
            Some(2) => Ok(Some(Replication::Completed)),
            Some(3) => Ok(Some(Replication::Failed)),
            Some(4) => Ok(Some(Replication::Replica)),
            Some(_) => Err(IndexError::damaged("a version has an unknown replication")),
        }
    }
}

/// The name and the time that a replica has from its original.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Original {
    /// Id of the version; the replica of a null version gets one of its own.
    pub version_id: Option<String>,
    /// Time of the write.
    pub modified: OffsetDateTime,
}

/// A replica as handed to the writer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewReplica {
    /// What it is.
    pub version: NewVersion,
    /// What it is the replica of.
    pub original: Original,
    /// Sequence of the version whose blobs it shares; `None` if its body is its own.
    pub shares: Option<i64>,
    /// Whether one that is not there is made. Else only one that is there is changed.
    pub create: bool,
    /// Told if it is made.
    pub events: Vec<NewEvent>,
}

/// What became of a replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replicated {
    /// It was made.
    Made,
    /// It was there, and has the attributes of its original now.
    Changed,
    /// It is not there, and was not to be made.
    Missing,
}

/// A version that is to be carried elsewhere, though nothing happens to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// Object key.
    pub key: String,
    /// Which version.
    pub version: VersionRef,
    /// An entry for each destination.
    pub events: Vec<NewEvent>,
}

impl Index {
    /// Makes or changes a replica, and settles the entry of the outbox that asks for it, unless the replica is
    /// [`Replicated::Missing`]. Its place among the versions of its key is by time. [`IndexError::InvalidBucketState`] where versions are not kept,
    /// [`IndexError::PreconditionFailed`] where more than a thousand would lie above it.
    pub async fn put_replica(
        &self,
        bucket_id: i64,
        replica: NewReplica,
        settles: i64,
    ) -> Result<Replicated> {
        self.write(move |tx| {
            let outcome = put(tx, bucket_id, replica)?;
            if outcome != Replicated::Missing {
                settle(tx, settles, false, &[])?;
            }
            Ok(outcome)
        })
        .await
    }

    /// Makes the replica of a delete marker, unless it is there, and settles the entry of the outbox that asks for it.
    pub async fn put_replica_marker(
        &self,
        bucket_id: i64,
        key: &str,
        original: Original,
        events: Vec<NewEvent>,
        settles: i64,
    ) -> Result<Replicated> {
        let key = key.to_owned();
        self.write(move |tx| {
            let outcome = mark(tx, bucket_id, &key, &original, &events)?;
            settle(tx, settles, false, &[])?;
            Ok(outcome)
        })
        .await
    }

    /// Strikes an entry of the outbox that was carried out, or cannot be, and notes that with its version. An entry
    /// that is no more was settled before.
    pub async fn settle_replication(
        &self,
        entry: i64,
        failed: bool,
        events: Vec<NewEvent>,
    ) -> Result<()> {
        self.write(move |tx| settle(tx, entry, failed, &events))
            .await
    }

    /// Has versions carried elsewhere that are there already: those that never were, those that could not be, and,
    /// `again`, those that were. Tells how many.
    pub async fn queue_replication(
        &self,
        bucket_id: i64,
        versions: Vec<Queued>,
        again: bool,
    ) -> Result<u64> {
        self.write(move |tx| {
            let bucket = tx.bucket(bucket_id)?;
            let mut queued = 0;
            for one in &versions {
                let standing = Standing::of(tx.conn, bucket.versioning, bucket_id, &one.key)?;
                let found = standing.find(tx.conn, bucket_id, &one.key, &one.version)?;
                let Some(found) = found.filter(|found| !found.delete_marker) else {
                    continue;
                };
                let status = status_of(tx.conn, found.seq)?;
                match status {
                    None | Some(Replication::Failed) => {}
                    Some(Replication::Completed) if again => {}
                    Some(_) => continue,
                }
                let subject = Subject {
                    key: &one.key,
                    seq: found.seq,
                    version_id: found.version_id.as_deref(),
                    size: found.size,
                    etag: &found.etag,
                };
                let (versioning, effect) = (bucket.versioning, Effect::Put);
                outbox::post(tx, bucket_id, versioning, &one.events, effect, &subject)?;
                queued += 1;
            }
            Ok(queued)
        })
        .await
    }
}

fn status_of(conn: &Connection, seq: i64) -> Result<Option<Replication>> {
    let sql = "SELECT status FROM replications WHERE seq = ?1";
    let status = first(conn, sql, [seq], |row| {
        Replication::from_column(row.get(0)?)
    })?;
    Ok(status.flatten())
}

/// Whether an entry that is tracked is posted for a version, which counts it then. A change is carried only to where
/// its version was carried before, and one of a replica only where that was asked for.
pub(crate) fn track(tx: &Tx<'_>, seq: i64, effect: Effect, of_replicas: bool) -> Result<bool> {
    let status = status_of(tx.conn, seq)?;
    let wanted = match (effect, status) {
        (Effect::Changed, None) => false,
        (Effect::Changed, Some(Replication::Replica)) => of_replicas,
        (_, Some(Replication::Replica)) => false,
        _ => true,
    };
    if wanted {
        run(
            tx.conn,
            "INSERT INTO replications (seq, status, waiting) VALUES (?1, 1, 1)
             ON CONFLICT (seq) DO UPDATE SET waiting = waiting + 1, status = CASE status WHEN 4 THEN 4 ELSE 1 END",
            [seq],
        )?;
    }
    Ok(wanted)
}

fn settle(tx: &Tx<'_>, entry: i64, failed: bool, events: &[NewEvent]) -> Result<()> {
    let settled = first(
        tx.conn,
        "DELETE FROM outbox WHERE seq = ?1 AND tracked = 1
         RETURNING bucket_id, key, version_id, versioning, size, etag",
        [entry],
        |row| {
            Ok((
                row.get::<_, i64>(0)?,
                to_key(row, 1)?.to_owned(),
                row.get::<_, Option<String>>(2)?,
                Versioning::from_column(row, 3)?,
                crate::sql::size(row, 4)?,
                row.get::<_, String>(5)?,
            ))
        },
    )?;
    let Some((bucket_id, key, version_id, versioning, size, etag)) = settled else {
        return Ok(());
    };
    let standing = Standing::of(tx.conn, Versioning::Enabled, bucket_id, &key)?;
    let version = VersionRef::to(version_id.as_deref());
    let Some(found) = standing.find(tx.conn, bucket_id, &key, &version)? else {
        return Ok(());
    };
    // One failure is told until everything is carried anew; the last success completes.
    run(
        tx.conn,
        "UPDATE replications SET waiting = max(waiting - 1, 0),
                                 status = CASE WHEN status = 4 THEN 4
                                               WHEN ?2 OR status = 3 THEN 3
                                               WHEN waiting <= 1 THEN 2
                                               ELSE status END
         WHERE seq = ?1",
        params![found.seq, failed],
    )?;
    let subject = Subject {
        key: &key,
        seq: found.seq,
        version_id: version_id.as_deref(),
        size,
        etag: &etag,
    };
    outbox::post(tx, bucket_id, versioning, events, Effect::Changed, &subject)?;
    Ok(())
}

fn put(tx: &mut Tx<'_>, bucket_id: i64, replica: NewReplica) -> Result<Replicated> {
    let NewReplica {
        version,
        original,
        shares,
        create,
        events,
    } = replica;
    let key = version.key.clone();
    let standing = keeping(tx, bucket_id, &key)?;
    if let Some(found) = there(tx, bucket_id, &key, &standing, &original)? {
        if !found.delete_marker {
            change(tx, found.seq, &version.attributes)?;
        }
        return Ok(Replicated::Changed);
    }
    if !create {
        return Ok(Replicated::Missing);
    }
    let newer = newer(tx, bucket_id, &key, &standing, &original)?;
    let naming = Naming::Replica(&original);
    let counting = shares.map_or(Counting::New, Counting::Shared);
    let condition = Default::default();
    versions::put_named(
        tx, bucket_id, version, &condition, counting, &events, naming,
    )?;
    rise(tx, bucket_id, &key, newer)?;
    Ok(Replicated::Made)
}

fn mark(
    tx: &mut Tx<'_>,
    bucket_id: i64,
    key: &str,
    original: &Original,
    events: &[NewEvent],
) -> Result<Replicated> {
    let standing = keeping(tx, bucket_id, key)?;
    if there(tx, bucket_id, key, &standing, original)?.is_some() {
        return Ok(Replicated::Changed);
    }
    let bucket = tx.bucket(bucket_id)?;
    let newer = newer(tx, bucket_id, key, &standing, original)?;
    crate::deletes::mark_named(
        tx,
        bucket_id,
        bucket,
        &standing,
        key,
        events,
        Naming::Replica(original),
    )?;
    rise(tx, bucket_id, key, newer)?;
    Ok(Replicated::Made)
}

fn keeping(tx: &mut Tx<'_>, bucket_id: i64, key: &str) -> Result<Standing> {
    let versioning = tx.bucket(bucket_id)?.versioning;
    if versioning != Versioning::Enabled {
        return Err(IndexError::InvalidBucketState);
    }
    Standing::of(tx.conn, versioning, bucket_id, key)
}

fn there(
    tx: &Tx<'_>,
    bucket_id: i64,
    key: &str,
    standing: &Standing,
    original: &Original,
) -> Result<Option<Facts>> {
    if let Some(id) = &original.version_id {
        return standing.find(tx.conn, bucket_id, key, &VersionRef::Id(id.clone()));
    }
    // That of a null version is known by its time.
    let modified = to_millis(original.modified);
    let candidates = if standing.in_history() {
        all(
            tx.conn,
            "SELECT version_id FROM history WHERE bucket_id = ?1 AND key = ?2 AND modified = ?3",
            params![bucket_id, key.as_bytes(), modified],
            |row| Ok(row.get::<_, Option<String>>(0)?),
        )?
    } else {
        let current = standing.current.iter();
        current
            .filter(|current| current.modified == modified)
            .map(|current| current.version_id.clone())
            .collect()
    };
    for id in candidates.into_iter().flatten() {
        let found = standing.find(tx.conn, bucket_id, key, &VersionRef::Id(id))?;
        if let Some(found) = found
            && status_of(tx.conn, found.seq)? == Some(Replication::Replica)
        {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Gives a replica the attributes that its original has now. A lock is never made weaker by that.
fn change(tx: &Tx<'_>, seq: i64, to: &Attributes) -> Result<()> {
    let now = from_millis(tx.now)?;
    let lock = versions::lock_of(tx, seq)?;
    let lock = match lock.changed(LockChange::Retention(to.lock.retention), now, false) {
        Ok(changed) if to.lock.retention.is_some() => changed,
        _ => lock,
    };
    let lock = Lock {
        legal_hold: to.lock.legal_hold.or(lock.legal_hold),
        ..lock
    };
    let (retention, until, hold) = lock.to_columns();
    run(
        tx.conn,
        "UPDATE versions SET tags = ?2, acl = ?3, retention = ?4, retain_until = ?5, legal_hold = ?6 WHERE seq = ?1",
        params![
            seq,
            to.tags.as_deref(),
            to.acl.as_deref(),
            retention,
            until,
            hold
        ],
    )?;
    Ok(())
}

/// The versions of a key that were written after the original of a replica, the oldest first.
fn newer(
    tx: &Tx<'_>,
    bucket_id: i64,
    key: &str,
    standing: &Standing,
    original: &Original,
) -> Result<Vec<(i64, Option<String>)>> {
    let after = to_millis(original.modified);
    if !standing.in_history() {
        let current = standing.current.as_ref();
        let newer = current.filter(|current| current.modified > after);
        return Ok(newer
            .map(|current| (current.seq, current.version_id.clone()))
            .into_iter()
            .collect());
    }
    let limit = i64::try_from(MOST_NEWER + 1).unwrap_or(i64::MAX);
    let mut found = all(
        tx.conn,
        "SELECT seq, version_id FROM history WHERE bucket_id = ?1 AND key = ?2 AND modified > ?3
         ORDER BY seq DESC LIMIT ?4",
        params![bucket_id, key.as_bytes(), after, limit],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    if found.len() > MOST_NEWER {
        return Err(IndexError::PreconditionFailed);
    }
    found.reverse();
    Ok(found)
}

/// Gives versions of a key new places above a replica that was just entered, and makes the last of them the newest
/// again.
fn rise(
    tx: &mut Tx<'_>,
    bucket_id: i64,
    key: &str,
    newer: Vec<(i64, Option<String>)>,
) -> Result<()> {
    if newer.is_empty() {
        return Ok(());
    }
    for (seq, version_id) in newer {
        let next = first(
            tx.conn,
            "UPDATE sqlite_sequence SET seq = seq + 1 WHERE name = 'versions' RETURNING seq",
            [],
            |row| Ok(row.get::<_, i64>(0)?),
        )?
        .ok_or_else(|| IndexError::damaged("the sequence of versions is missing"))?;
        for table in ["versions", "parts", "replications"] {
            let sql = format!("UPDATE {table} SET seq = ?2 WHERE seq = ?1");
            run(tx.conn, &sql, params![seq, next])?;
        }
        run(
            tx.conn,
            "UPDATE history SET seq = ?4 WHERE bucket_id = ?1 AND key = ?2 AND seq = ?3",
            params![bucket_id, key.as_bytes(), seq, next],
        )?;
        if let Some(id) = version_id {
            name(tx, bucket_id, key, &id, next)?;
        }
    }
    // The replica was counted as if it were the newest.
    let before = history::uncurrent(tx, bucket_id, key)?;
    let newest = history::newest(tx.conn, bucket_id, key)?;
    let after = match newest {
        Some((newest, false)) => {
            history::promote(tx, bucket_id, key, newest)?;
            true
        }
        _ => false,
    };
    let delta = Delta {
        objects: i64::from(after) - i64::from(before),
        ..Delta::default()
    };
    tx.count(bucket_id, delta);
    Ok(())
}

/// Notes which sequence an id stands for that does not name it itself.
pub(crate) fn name(tx: &Tx<'_>, bucket_id: i64, key: &str, id: &str, seq: i64) -> Result<()> {
    run(
        tx.conn,
        "INSERT OR REPLACE INTO version_names (bucket_id, key, version_id, seq) VALUES (?1, ?2, ?3, ?4)",
        params![bucket_id, key.as_bytes(), id, seq],
    )?;
    Ok(())
}

/// Notes that a new version is a replica.
pub(crate) fn note(tx: &Tx<'_>, seq: i64, replication: Option<Replication>) -> Result<()> {
    if let Some(replication) = replication {
        run(
            tx.conn,
            "INSERT INTO replications (seq, status, waiting) VALUES (?1, ?2, 0)",
            params![seq, replication.to_column()],
        )?;
    }
    Ok(())
}

/// Forgets status and name of a version that goes.
pub(crate) fn forget(tx: &Tx<'_>, version_id: Option<&str>, seq: i64) -> Result<()> {
    run(tx.conn, "DELETE FROM replications WHERE seq = ?1", [seq])?;
    if version_id.is_some_and(|id| seq_of(id) != Some(seq)) {
        run(tx.conn, "DELETE FROM version_names WHERE seq = ?1", [seq])?;
    }
    Ok(())
}

/// The sequence that an id stands for where it does not name it itself.
pub(crate) fn named(conn: &Connection, bucket_id: i64, key: &str, id: &str) -> Result<Option<i64>> {
    first(
        conn,
        "SELECT seq FROM version_names WHERE bucket_id = ?1 AND key = ?2 AND version_id = ?3",
        params![bucket_id, key.as_bytes(), id],
        |row| Ok(row.get(0)?),
    )
}
