//! Going through every version of a bucket in batches, with what rules about their age and number ask for. A scan can
//! go on at any place, whatever was removed meanwhile.

use std::ops::ControlFlow;

use bytes::Bytes;
use rusqlite::{Connection, params};
use time::OffsetDateTime;

use crate::{
    Index, IndexError, ListedVersion, Lock, Replication, history,
    sql::{Result, first, successor, time},
    version_listing::{Next, behind, merge, older},
};

/// Newer versions are counted up to this many.
const COUNTED: u32 = 1000;

/// A place in the order of versions, behind a version that was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanPlace {
    /// Its key.
    pub key: String,
    /// Its sequence.
    pub seq: i64,
}

/// A version with what rules ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScannedVersion {
    /// The version or delete marker.
    pub listed: ListedVersion,
    /// Its tags.
    pub tags: Option<Bytes>,
    /// What protects it.
    pub lock: Lock,
    /// Whether it is replicated, or a replica.
    pub replication: Option<Replication>,
    /// When it ceased to be the newest: the time of the next newer version or delete marker.
    pub noncurrent_since: Option<OffsetDateTime>,
    /// How many newer versions of its key are not the newest either, without delete markers; counted up to 1000.
    pub newer_noncurrent: u32,
    /// Whether it is a delete marker without any version of its key beside it.
    pub lone_marker: bool,
}

impl ScannedVersion {
    /// The place behind it.
    pub fn place(&self) -> ScanPlace {
        ScanPlace {
            key: self.listed.object.key.clone(),
            seq: self.listed.seq,
        }
    }
}

/// What the scan remembers of the versions of a key that it has passed.
#[derive(Default)]
struct Passed {
    key: String,
    /// Time of the last one.
    modified: Option<OffsetDateTime>,
    noncurrent: u32,
}

impl Index {
    /// The next versions of a bucket behind a place, ordered by key, the newest of a key first. No more than `limit`;
    /// fewer only at the end.
    pub async fn scan_versions(
        &self,
        bucket_id: i64,
        after: Option<&ScanPlace>,
        limit: usize,
    ) -> Result<Vec<ScannedVersion>> {
        self.scan_versions_below(bucket_id, "", after, limit).await
    }

    /// As [`Index::scan_versions`], only of the keys that begin with a prefix.
    pub async fn scan_versions_below(
        &self,
        bucket_id: i64,
        prefix: &str,
        after: Option<&ScanPlace>,
        limit: usize,
    ) -> Result<Vec<ScannedVersion>> {
        let mut found = Vec::new();
        if limit == 0 {
            return Ok(found);
        }
        self.read(|conn| {
            let mut passed = match after {
                Some(place) => passed(conn, bucket_id, place)?,
                None => Passed::default(),
            };
            let mut show = |version: ListedVersion| -> Result<ControlFlow<Next>> {
                found.push(scanned(conn, bucket_id, &mut passed, version)?);
                Ok(if found.len() == limit {
                    ControlFlow::Break(Next::Stop)
                } else {
                    ControlFlow::Continue(())
                })
            };
            let start = match after {
                None => prefix.as_bytes().to_vec(),
                Some(place) => {
                    if older(conn, bucket_id, &place.key, place.seq, &mut show)?.is_break() {
                        return Ok(());
                    }
                    behind(&place.key)
                }
            };
            merge(conn, bucket_id, start, &successor(prefix.as_bytes()), show)
        })?;
        Ok(found)
    }
}

/// What was passed of the key at a place.
fn passed(conn: &Connection, bucket_id: i64, place: &ScanPlace) -> Result<Passed> {
    let key = place.key.as_bytes();
    // The version at the place itself may be gone: the next newer one is then what this key goes on from.
    let modified = first(
        conn,
        "SELECT modified FROM history WHERE bucket_id = ?1 AND key = ?2 AND seq >= ?3 ORDER BY seq LIMIT 1",
        params![bucket_id, key, place.seq],
        |row| time(row, 0),
    )?;
    let newest = history::newest(conn, bucket_id, &place.key)?.map(|(seq, _)| seq);
    let noncurrent = first(
        conn,
        "SELECT count(*) FROM (SELECT 1 FROM history WHERE bucket_id = ?1 AND key = ?2 AND seq >= ?3 AND seq < ?4
                               AND delete_marker = 0 LIMIT ?5)",
        params![bucket_id, key, place.seq, newest, COUNTED],
        |row| Ok(row.get(0)?),
    )?;
    Ok(Passed {
        key: place.key.clone(),
        modified,
        noncurrent: noncurrent.unwrap_or(0),
    })
}

fn scanned(
    conn: &Connection,
    bucket_id: i64,
    passed: &mut Passed,
    listed: ListedVersion,
) -> Result<ScannedVersion> {
    if passed.key != listed.object.key || listed.is_latest {
        *passed = Passed {
            key: listed.object.key.clone(),
            ..Passed::default()
        };
    }
    let noncurrent_since = passed.modified.replace(listed.object.modified);
    let newer_noncurrent = passed.noncurrent;
    if !listed.is_latest && !listed.delete_marker {
        passed.noncurrent = COUNTED.min(passed.noncurrent + 1);
    }
    let (lock, tags, replication) = first(
        conn,
        "SELECT retention, retain_until, legal_hold, tags, (SELECT status FROM replications r WHERE r.seq = v.seq)
         FROM versions v WHERE seq = ?1",
        [listed.seq],
        |row| {
            let tags: Option<Vec<u8>> = row.get(3)?;
            Ok((
                Lock::from_columns(row, 0)?,
                tags.map(Bytes::from),
                Replication::from_column(row.get(4)?)?,
            ))
        },
    )?
    .ok_or_else(|| IndexError::damaged("a version that is listed is missing"))?;
    Ok(ScannedVersion {
        lone_marker: listed.delete_marker
            && listed.is_latest
            && alone(conn, bucket_id, &listed.object.key)?,
        listed,
        tags,
        lock,
        replication,
        noncurrent_since,
        newer_noncurrent,
    })
}

/// Whether a key of `history` has no second version there.
fn alone(conn: &Connection, bucket_id: i64, key: &str) -> Result<bool> {
    let second = first(
        conn,
        "SELECT 1 FROM history WHERE bucket_id = ?1 AND key = ?2 LIMIT 1 OFFSET 1",
        params![bucket_id, key.as_bytes()],
        |_| Ok(()),
    )?;
    Ok(second.is_none())
}
