//! The outbox: what is still to be told about changes of objects, kept in the transaction of the change and until it
//! was told. What is told, and to whom, is the business of who reads it.

use std::time::Duration;

use bytes::Bytes;
use rusqlite::{Row, params};
use time::OffsetDateTime;

use crate::{
    Index, IndexError, Versioning, replicas,
    sql::{
        Result, all, bytes, first, key, limit as to_limit, run, size, size_to_column, time,
        to_millis,
    },
    writer::Tx,
};

/// What was put off comes again at the latest after this.
const LONGEST_DEFERRAL: Duration = Duration::from_secs(60 * 60);

/// What a write did to a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// It was stored.
    Put,
    /// It was removed.
    Removed,
    /// It is a delete marker, which was made.
    Marked,
    /// Its tags, ACL, lock or envelope were changed.
    Changed,
}

impl Effect {
    fn to_column(self) -> i64 {
        match self {
            Effect::Put => 1,
            Effect::Removed => 2,
            Effect::Marked => 3,
            Effect::Changed => 4,
        }
    }

    fn from_column(row: &Row<'_>, column: usize) -> Result<Self> {
        match row.get::<_, i64>(column)? {
            1 => Ok(Effect::Put),
            2 => Ok(Effect::Removed),
            3 => Ok(Effect::Marked),
            4 => Ok(Effect::Changed),
            _ => Err(IndexError::damaged("an event has an unknown effect")),
        }
    }
}

/// Something to be told if a write happens. The index adds which version it happened to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// Only if the write has this effect.
    pub on: Option<Effect>,
    /// Whose business it is; readers ask for one kind.
    pub kind: String,
    /// Whether it carries the version elsewhere, which is noted with the version.
    pub carries: Option<Carries>,
    /// Opaque here.
    pub body: Bytes,
}

/// Which versions an event carries elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carries {
    /// Those that are no replicas themselves.
    Originals,
    /// Those, and what is changed of replicas.
    ChangesOfReplicas,
}

/// An event in the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxEntry {
    /// Order of the events; never used twice.
    pub seq: i64,
    /// Bucket.
    pub bucket_id: i64,
    /// Whose business it is.
    pub kind: String,
    /// What happened to the version.
    pub effect: Effect,
    /// Object key.
    pub key: String,
    /// Sequence of the version, which orders the changes of a key.
    pub version_seq: i64,
    /// Id of the version.
    pub version_id: Option<String>,
    /// Whether the bucket kept versions.
    pub versioning: Versioning,
    /// Bytes of plaintext of the version.
    pub size: u64,
    /// Its ETag without quotes; empty for a delete marker.
    pub etag: String,
    /// Time of the write.
    pub created: OffsetDateTime,
    /// When it is to be told.
    pub due: OffsetDateTime,
    /// How often it was put off.
    pub attempts: u32,
    /// As it was handed in.
    pub body: Bytes,
}

impl OutboxEntry {
    /// For how long to put it off now: a second, and twice as long each time, to an hour.
    pub fn deferral(&self) -> Duration {
        deferral(self.attempts)
    }
}

fn deferral(attempts: u32) -> Duration {
    Duration::from_secs(1)
        .saturating_mul(1u32.checked_shl(attempts).unwrap_or(u32::MAX))
        .min(LONGEST_DEFERRAL)
}

/// The version that events are about.
pub(crate) struct Subject<'v> {
    pub key: &'v str,
    pub seq: i64,
    pub version_id: Option<&'v str>,
    pub size: u64,
    pub etag: &'v str,
}

/// Keeps the events that a write of this effect has. Tells whether the version is carried elsewhere by them.
pub(crate) fn post(
    tx: &Tx<'_>,
    bucket_id: i64,
    versioning: Versioning,
    events: &[NewEvent],
    effect: Effect,
    of: &Subject<'_>,
) -> Result<bool> {
    let mut carried = false;
    for event in events
        .iter()
        .filter(|event| event.on.is_none_or(|on| on == effect))
    {
        if let Some(carries) = event.carries {
            let of_replicas = carries == Carries::ChangesOfReplicas;
            if !replicas::track(tx, of.seq, effect, of_replicas)? {
                continue;
            }
            carried = true;
        }
        run(
            tx.conn,
            "INSERT INTO outbox (bucket_id, kind, effect, key, version_seq, version_id, versioning, size, etag, created,
                                 due, attempts, body, tracked)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10, 0, ?11, ?12)",
            params![
                bucket_id,
                event.kind,
                effect.to_column(),
                of.key.as_bytes(),
                of.seq,
                of.version_id,
                versioning.to_column(),
                size_to_column(of.size)?,
                of.etag,
                tx.now,
                &event.body[..],
                event.carries.is_some(),
            ],
        )?;
    }
    Ok(carried)
}

impl Index {
    /// Events of a kind that are due, the longest due first.
    pub async fn outbox_read(
        &self,
        kind: &str,
        now: OffsetDateTime,
        limit: usize,
    ) -> Result<Vec<OutboxEntry>> {
        self.read(|conn| {
            all(
                conn,
                "SELECT seq, bucket_id, kind, effect, key, version_seq, version_id, versioning, size, etag, created, due,
                        attempts, body
                 FROM outbox WHERE kind = ?1 AND due <= ?2 ORDER BY due, seq LIMIT ?3",
                params![kind, to_millis(now), to_limit(limit)],
                entry,
            )
        })
    }

    /// Strikes events that were told.
    pub async fn outbox_delete(&self, events: Vec<i64>) -> Result<()> {
        self.write(move |tx| {
            for seq in &events {
                run(tx.conn, "DELETE FROM outbox WHERE seq = ?1", [seq])?;
            }
            Ok(())
        })
        .await
    }

    /// Puts events off that could not be told.
    pub async fn outbox_defer(&self, events: Vec<i64>, until: OffsetDateTime) -> Result<()> {
        self.write(move |tx| {
            for seq in &events {
                run(
                    tx.conn,
                    "UPDATE outbox SET due = ?2, attempts = attempts + 1 WHERE seq = ?1",
                    params![seq, to_millis(until)],
                )?;
            }
            Ok(())
        })
        .await
    }

    /// Whether an earlier event of a kind waits for the same key.
    pub async fn outbox_has(
        &self,
        kind: &str,
        bucket_id: i64,
        key: &str,
        before: i64,
    ) -> Result<bool> {
        self.read(|conn| {
            let sql =
                "SELECT 1 FROM outbox WHERE kind = ?1 AND bucket_id = ?2 AND key = ?3 AND seq < ?4";
            let key = key.as_bytes();
            let found = first(conn, sql, params![kind, bucket_id, key, before], |_| Ok(()))?;
            Ok(found.is_some())
        })
    }

    /// How many events of a kind wait, due or not.
    pub async fn outbox_len(&self, kind: &str) -> Result<u64> {
        self.read(|conn| {
            let sql = "SELECT count(*) FROM outbox WHERE kind = ?1";
            let count = first(conn, sql, [kind], |row| size(row, 0))?;
            Ok(count.unwrap_or(0))
        })
    }
}

fn entry(row: &Row<'_>) -> Result<OutboxEntry> {
    Ok(OutboxEntry {
        seq: row.get(0)?,
        bucket_id: row.get(1)?,
        kind: row.get(2)?,
        effect: Effect::from_column(row, 3)?,
        key: key(row, 4)?.to_owned(),
        version_seq: row.get(5)?,
        version_id: row.get(6)?,
        versioning: Versioning::from_column(row, 7)?,
        size: size(row, 8)?,
        etag: row.get(9)?,
        created: time(row, 10)?,
        due: time(row, 11)?,
        attempts: row.get(12)?,
        body: bytes(row, 13)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_off_comes_again_ever_later_but_does_come() {
        assert_eq!(deferral(0), Duration::from_secs(1));
        assert_eq!(deferral(3), Duration::from_secs(8));
        for attempts in [12, 31, 32, u32::MAX] {
            assert_eq!(deferral(attempts), LONGEST_DEFERRAL, "{attempts}");
        }
    }
}
