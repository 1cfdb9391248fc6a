//! Whether a bucket keeps versions, and how versions are named.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rusqlite::{Row, params};

use crate::{
    Index, IndexError,
    buckets::name_of,
    cache::Change,
    sql::{Result, run},
    writer::Tx,
};

const SEQ_BYTES: usize = 8;
const RANDOM_BYTES: usize = 16;
/// What the version without an id is called.
const NULL: &str = "null";

/// Whether a bucket keeps versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Versioning {
    /// It never has.
    #[default]
    Off,
    /// It does.
    Enabled,
    /// It has; new writes go to the null version.
    Suspended,
}

impl Versioning {
    pub(crate) fn from_column(row: &Row<'_>, column: usize) -> Result<Self> {
        match row.get::<_, i64>(column)? {
            0 => Ok(Versioning::Off),
            1 => Ok(Versioning::Enabled),
            2 => Ok(Versioning::Suspended),
            _ => Err(IndexError::damaged("a bucket has an unknown versioning")),
        }
    }

    pub(crate) fn to_column(self) -> i64 {
        match self {
            Versioning::Off => 0,
            Versioning::Enabled => 1,
            Versioning::Suspended => 2,
        }
    }

    /// How a version of a bucket in this state is named to clients: not at all where there never were versions.
    pub fn name_of(self, version_id: Option<&str>) -> Option<&str> {
        match self {
            Versioning::Off => None,
            Versioning::Enabled | Versioning::Suspended => Some(version_id.unwrap_or(NULL)),
        }
    }
}

/// Which version of a key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum VersionRef {
    /// The newest.
    #[default]
    Current,
    /// The one without an id.
    Null,
    /// The one with this id.
    Id(String),
}

impl VersionRef {
    /// What a `versionId` says; `None` if it is not of the form of one.
    pub fn parse(version_id: &str) -> Option<Self> {
        if version_id == NULL {
            return Some(VersionRef::Null);
        }
        seq_of(version_id).map(|_| VersionRef::Id(version_id.to_owned()))
    }

    /// Refers to a version that was read.
    pub fn to(version_id: Option<&str>) -> Self {
        version_id.map_or(VersionRef::Null, |id| VersionRef::Id(id.to_owned()))
    }
}

/// An id for the version of that sequence. It begins with the sequence, so that a version is found without an index of
/// ids, and a place in a listing also after its version is gone; 128 random bits keep it from being guessed.
pub(crate) fn new_id(seq: i64) -> Result<String> {
    let mut id = [0; SEQ_BYTES + RANDOM_BYTES];
    let (of_seq, random) = id.split_at_mut(SEQ_BYTES);
    of_seq.copy_from_slice(&seq.to_be_bytes());
    getrandom::fill(random)
        .map_err(|error| IndexError::Storage(format!("no random bytes: {error}")))?;
    Ok(URL_SAFE_NO_PAD.encode(id))
}

/// The sequence that an id names, if it has the form of one.
pub(crate) fn seq_of(version_id: &str) -> Option<i64> {
    let id: [u8; SEQ_BYTES + RANDOM_BYTES] =
        URL_SAFE_NO_PAD.decode(version_id).ok()?.try_into().ok()?;
    let of_seq = id.first_chunk::<SEQ_BYTES>()?;
    Some(i64::from_be_bytes(*of_seq)).filter(|seq| *seq > 0)
}

impl Index {
    /// Has a bucket keep versions, or no more. [`IndexError::InvalidBucketState`]: once it has, there is no way back
    /// to [`Versioning::Off`], and with object lock none from [`Versioning::Enabled`].
    pub async fn set_versioning(&self, bucket_id: i64, versioning: Versioning) -> Result<()> {
        self.write(move |tx| {
            let bucket = tx.bucket(bucket_id)?;
            let back = versioning == Versioning::Off && bucket.versioning != Versioning::Off;
            if back || (bucket.object_lock && versioning != Versioning::Enabled) {
                return Err(IndexError::InvalidBucketState);
            }
            set(tx, bucket_id, "versioning", versioning.to_column())
        })
        .await
    }

    /// Lets versions of a bucket be locked, for good. [`IndexError::InvalidBucketState`] if it does not keep versions.
    pub async fn enable_object_lock(&self, bucket_id: i64) -> Result<()> {
        self.write(move |tx| {
            if tx.bucket(bucket_id)?.versioning != Versioning::Enabled {
                return Err(IndexError::InvalidBucketState);
            }
            set(tx, bucket_id, "object_lock", 1)
        })
        .await
    }
}

fn set(tx: &mut Tx<'_>, bucket_id: i64, column: &str, value: i64) -> Result<()> {
    let name = name_of(tx, bucket_id)?;
    run(
        tx.conn,
        &format!("UPDATE buckets SET {column} = ?2 WHERE id = ?1"),
        params![bucket_id, value],
    )?;
    tx.changed(Change::Bucket(name));
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn ids_name_their_sequence_and_nothing_else_does() {
        let id = new_id(4711).unwrap();
        assert_eq!((id.len(), seq_of(&id)), (32, Some(4711)));
        assert_ne!(new_id(4711).unwrap(), id);
        assert_eq!(VersionRef::parse(&id), Some(VersionRef::Id(id.clone())));
        assert_eq!(VersionRef::parse("null"), Some(VersionRef::Null));
        for wrong in [
            "",
            "NULL",
            "null ",
            &id[1..],
            &format!("{id}A"),
            &id.replace('A', "+"),
        ] {
            assert_eq!(VersionRef::parse(wrong), None, "{wrong}");
        }
        assert_eq!(seq_of(&URL_SAFE_NO_PAD.encode([0xFF; 24])), None);
        assert_eq!(seq_of(&URL_SAFE_NO_PAD.encode([0; 24])), None);
    }
}
