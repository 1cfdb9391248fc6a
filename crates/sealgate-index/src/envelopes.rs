//! Envelopes of all versions, read in the order of their sequence and replaced one by one: what moving data
//! keys to other wrapping keys needs. Bodies and listings are not touched.

use bytes::Bytes;
use rusqlite::params;

use crate::{
    Index, IndexError,
    sql::{Result, all, bytes, first, key, run, successor},
};

/// Which versions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EnvelopeScope {
    /// Only those of this bucket.
    pub bucket_id: Option<i64>,
    /// Only those whose key begins so.
    pub prefix: String,
}

/// The envelope of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEnvelope {
    /// The version's sequence.
    pub seq: i64,
    /// Its bucket.
    pub bucket_id: i64,
    /// Its key.
    pub key: String,
    /// Bytes of plaintext.
    pub size: u64,
    /// Its envelope.
    pub envelope: Bytes,
}

const IN_SCOPE: &str =
    "delete_marker = 0 AND (?1 IS NULL OR bucket_id = ?1) AND key >= ?2 AND key < ?3";

impl Index {
    /// Envelopes in a scope with a sequence above `after`, in order.
    pub async fn envelopes(
        &self,
        scope: &EnvelopeScope,
        after: i64,
        limit: usize,
    ) -> Result<Vec<StoredEnvelope>> {
        self.read(|conn| {
            let sql = format!(
                "SELECT seq, bucket_id, key, size, envelope FROM versions \
                 WHERE seq > ?4 AND {IN_SCOPE} ORDER BY seq LIMIT ?5"
            );
            let prefix = scope.prefix.as_bytes();
            let end = successor(prefix);
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            all(
                conn,
                &sql,
                params![scope.bucket_id, prefix, end, after, limit],
                |row| {
                    Ok(StoredEnvelope {
                        seq: row.get(0)?,
                        bucket_id: row.get(1)?,
                        key: key(row, 2)?.to_owned(),
                        size: u64::try_from(row.get::<_, i64>(3)?)
                            .map_err(|_| IndexError::damaged("a size is negative"))?,
                        envelope: bytes(row, 4)?,
                    })
                },
            )
        })
    }

    /// How many versions are in a scope, above a sequence.
    pub async fn count_envelopes(&self, scope: &EnvelopeScope, after: i64) -> Result<u64> {
        self.read(|conn| {
            let sql = format!("SELECT count(*) FROM versions WHERE seq > ?4 AND {IN_SCOPE}");
            let prefix = scope.prefix.as_bytes();
            let end = successor(prefix);
            let count = first(
                conn,
                &sql,
                params![scope.bucket_id, prefix, end, after],
                |row| Ok(row.get::<_, i64>(0)?),
            )?;
            Ok(count.and_then(|count| count.try_into().ok()).unwrap_or(0))
        })
    }

    /// Gives a version another envelope in place of the one that was read.
    /// [`IndexError::Conflict`] if the version is gone, or has another envelope by now.
    pub async fn replace_envelope(&self, seq: i64, from: Bytes, to: Bytes) -> Result<()> {
        self.write(move |tx| {
            let changed = run(
                tx.conn,
                "UPDATE versions SET envelope = ?3 WHERE seq = ?1 AND envelope = ?2",
                params![seq, &from[..], &to[..]],
            )?;
            if changed == 1 {
                Ok(())
            } else {
                Err(IndexError::Conflict)
            }
        })
        .await
    }
}
