//! What listings leave out of versions and reports about them ask for.

use bytes::Bytes;

use crate::{
    Index,
    sql::{Result, bytes, first},
};

/// What a version carries beside what a listing tells, without its body. Opaque here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionDetails {
    /// Its metadata.
    pub meta: Bytes,
    /// How its data key is wrapped.
    pub envelope: Bytes,
    /// Its access control list.
    pub acl: Option<Bytes>,
}

impl Index {
    /// The details of versions, by their sequences and in that order; `None` for one that is gone.
    pub async fn version_details(&self, seqs: &[i64]) -> Result<Vec<Option<VersionDetails>>> {
        self.read(|conn| {
            let details = |seq: &i64| {
                first(
                    conn,
                    "SELECT meta, envelope, acl FROM versions WHERE seq = ?1",
                    [seq],
                    |row| {
                        Ok(VersionDetails {
                            meta: bytes(row, 0)?,
                            envelope: bytes(row, 1)?,
                            acl: row.get::<_, Option<Vec<u8>>>(2)?.map(Bytes::from),
                        })
                    },
                )
            };
            seqs.iter().map(details).collect()
        })
    }
}
