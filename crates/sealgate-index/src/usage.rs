//! What is in a bucket and what may be. Counts are kept up in the transactions that change them, once for each group
//! and bucket, so that a write pays nearly nothing for them.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row, params};

use crate::{
    Index, IndexError,
    buckets::name_of,
    cache::Change,
    sql::{Result, first, run},
    writer::Tx,
};

/// What is in a bucket, or in all buckets of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Current versions that are no delete markers.
    pub objects: u64,
    /// Versions, current or not, that are no delete markers.
    pub versions: u64,
    /// Delete markers.
    pub markers: u64,
    /// Bytes of plaintext of all versions.
    pub bytes: u64,
}

impl Usage {
    fn after(self, delta: Delta) -> Self {
        Usage {
            objects: self.objects.saturating_add_signed(delta.objects),
            versions: self.versions.saturating_add_signed(delta.versions),
            markers: self.markers.saturating_add_signed(delta.markers),
            bytes: self.bytes.saturating_add_signed(delta.bytes),
        }
    }
}

/// What may be in a bucket, or in all buckets of an account. What is there already stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quota {
    /// Most bytes of plaintext of all versions.
    pub bytes: Option<u64>,
    /// Most versions, current or not, without delete markers.
    pub objects: Option<u64>,
}

impl Quota {
    fn is_none(self) -> bool {
        self == Quota::default()
    }

    pub(crate) fn from_columns(row: &Row<'_>, start: usize) -> Result<Self> {
        let limit = |column| -> Result<Option<u64>> {
            let limit: Option<i64> = row.get(column)?;
            limit
                .map(|limit| {
                    u64::try_from(limit).map_err(|_| IndexError::damaged("a quota is negative"))
                })
                .transpose()
        };
        Ok(Quota {
            bytes: limit(start)?,
            objects: limit(start + 1)?,
        })
    }

    /// The same columns to write. A limit beyond what a column holds is none that can be reached.
    fn to_columns(self) -> (Option<i64>, Option<i64>) {
        let limit = |limit: u64| i64::try_from(limit).unwrap_or(i64::MAX);
        (self.bytes.map(limit), self.objects.map(limit))
    }
}

/// By how much an operation changes what is in a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Delta {
    pub objects: i64,
    pub versions: i64,
    pub markers: i64,
    pub bytes: i64,
}

impl Delta {
    fn add(&mut self, other: Delta) {
        self.objects += other.objects;
        self.versions += other.versions;
        self.markers += other.markers;
        self.bytes += other.bytes;
    }
}

/// What the operations of a group have changed and the file does not say yet.
#[derive(Default)]
pub(crate) struct Tally(Vec<(i64, Delta)>);

impl Tally {
    pub fn note(&mut self, bucket_id: i64, delta: Delta) {
        self.0.push((bucket_id, delta));
    }

    /// A place to return to.
    pub fn mark(&self) -> usize {
        self.0.len()
    }

    /// Forgets what was noted since `mark`.
    pub fn rewind(&mut self, mark: usize) {
        self.0.truncate(mark);
    }

    /// The sum of what was noted, by bucket.
    fn sums(&self) -> BTreeMap<i64, Delta> {
        let mut sums: BTreeMap<i64, Delta> = BTreeMap::new();
        for (bucket_id, delta) in &self.0 {
            sums.entry(*bucket_id).or_default().add(*delta);
        }
        sums
    }

    /// Writes what was noted.
    pub fn flush(&mut self, conn: &Connection) -> Result<()> {
        let sums = self.sums();
        self.0.clear();
        for (bucket_id, sum) in sums {
            if sum != Delta::default() {
                run(
                    conn,
                    "UPDATE buckets SET objects = objects + ?2, versions = versions + ?3, markers = markers + ?4,
                                        bytes = bytes + ?5
                     WHERE id = ?1",
                    params![bucket_id, sum.objects, sum.versions, sum.markers, sum.bytes],
                )?;
            }
        }
        Ok(())
    }
}

const COLUMNS: &str = "objects, versions, markers, bytes";
const SUMS: &str = "coalesce(sum(objects), 0), coalesce(sum(versions), 0), coalesce(sum(markers), 0), \
                    coalesce(sum(bytes), 0)";

impl Index {
    /// What is in a bucket.
    pub async fn usage(&self, bucket_id: i64) -> Result<Usage> {
        self.read(|conn| of_bucket(conn, bucket_id))
    }

    /// What is in the buckets of an account.
    pub async fn account_usage(&self, account_id: &str) -> Result<Usage> {
        self.read(|conn| of_account(conn, account_id))
    }

    /// Limits what may be in a bucket.
    pub async fn set_bucket_quota(&self, bucket_id: i64, quota: Quota) -> Result<()> {
        self.write(move |tx| {
            let name = name_of(tx, bucket_id)?;
            let (bytes, objects) = quota.to_columns();
            run(
                tx.conn,
                "UPDATE buckets SET quota_bytes = ?2, quota_objects = ?3 WHERE id = ?1",
                params![bucket_id, bytes, objects],
            )?;
            tx.changed(Change::Bucket(name));
            Ok(())
        })
        .await
    }

    /// Limits what may be in all buckets of an account together.
    pub async fn set_account_quota(&self, account_id: &str, quota: Quota) -> Result<()> {
        let account_id = account_id.to_owned();
        self.write(move |tx| {
            if quota.is_none() {
                run(
                    tx.conn,
                    "DELETE FROM account_quotas WHERE account_id = ?1",
                    [&account_id],
                )?;
            } else {
                let (bytes, objects) = quota.to_columns();
                run(
                    tx.conn,
                    "INSERT OR REPLACE INTO account_quotas (account_id, bytes, objects) VALUES (?1, ?2, ?3)",
                    params![account_id, bytes, objects],
                )?;
            }
            tx.forget_buckets();
            Ok(())
        })
        .await
    }

    /// What may be in all buckets of an account together.
    pub async fn account_quota(&self, account_id: &str) -> Result<Quota> {
        self.read(|conn| {
            let sql = "SELECT bytes, objects FROM account_quotas WHERE account_id = ?1";
            let quota = first(conn, sql, [account_id], |row| Quota::from_columns(row, 0))?;
            Ok(quota.unwrap_or_default())
        })
    }
}

/// Refuses what has put a bucket or its account over a quota. `delta` is what the operation added, already noted:
/// what makes nothing worse is allowed also where there is too much.
pub(crate) fn within_quotas(tx: &mut Tx<'_>, bucket_id: i64, delta: Delta) -> Result<()> {
    let bucket = tx.bucket(bucket_id)?;
    if bucket.quota.is_none() && bucket.account_quota.is_none() {
        return Ok(());
    }
    let over = |usage: Usage, quota: Quota| {
        let more = |grown: i64, now: u64, limit: Option<u64>| {
            grown > 0 && limit.is_some_and(|limit| now > limit)
        };
        more(delta.bytes, usage.bytes, quota.bytes)
            || more(delta.versions, usage.versions, quota.objects)
    };
    // The file says what was there before the group.
    let noted = tx.usage.sums();
    let own = noted.get(&bucket_id).copied().unwrap_or_default();
    if !bucket.quota.is_none() && over(of_bucket(tx.conn, bucket_id)?.after(own), bucket.quota) {
        return Err(IndexError::QuotaExceeded);
    }
    if !bucket.account_quota.is_none() {
        let account = account_of(tx.conn, bucket_id)?.ok_or(IndexError::NoSuchBucket)?;
        let mut usage = of_account(tx.conn, &account)?;
        for (other, sum) in noted {
            if account_of(tx.conn, other)?.as_ref() == Some(&account) {
                usage = usage.after(sum);
            }
        }
        if over(usage, bucket.account_quota) {
            return Err(IndexError::QuotaExceeded);
        }
    }
    Ok(())
}

fn account_of(conn: &Connection, bucket_id: i64) -> Result<Option<String>> {
    let sql = "SELECT account_id FROM buckets WHERE id = ?1";
    first(conn, sql, [bucket_id], |row| Ok(row.get(0)?))
}

fn of_bucket(conn: &Connection, bucket_id: i64) -> Result<Usage> {
    let sql = format!("SELECT {COLUMNS} FROM buckets WHERE id = ?1");
    first(conn, &sql, [bucket_id], usage)?.ok_or(IndexError::NoSuchBucket)
}

fn of_account(conn: &Connection, account_id: &str) -> Result<Usage> {
    let sql = format!("SELECT {SUMS} FROM buckets WHERE account_id = ?1");
    Ok(first(conn, &sql, [account_id], usage)?.unwrap_or_default())
}

fn usage(row: &Row<'_>) -> Result<Usage> {
    let count = |column| -> Result<u64> {
        u64::try_from(row.get::<_, i64>(column)?)
            .map_err(|_| IndexError::damaged("a count is negative"))
    };
    Ok(Usage {
        objects: count(0)?,
        versions: count(1)?,
        markers: count(2)?,
        bytes: count(3)?,
    })
}
