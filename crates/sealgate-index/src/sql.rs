//! Small steps between rows and values: checked numbers, times, ranges of keys.

use bytes::Bytes;
use rusqlite::{Connection, Params, Row};
use time::OffsetDateTime;

use crate::error::IndexError;

pub(crate) type Result<T> = std::result::Result<T, IndexError>;

/// Greater than every key: no byte of UTF-8 is 0xFF.
const BEYOND_ALL_KEYS: u8 = 0xFF;

/// The first row of a query, if there is one.
pub(crate) fn first<T>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    map: impl FnOnce(&Row<'_>) -> Result<T>,
) -> Result<Option<T>> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    rows.next()?.map(map).transpose()
}

/// Every row of a query.
pub(crate) fn all<T>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    mut map: impl FnMut(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(map(row)?);
    }
    Ok(found)
}

/// Runs a statement and tells how many rows it changed.
pub(crate) fn run(conn: &Connection, sql: &str, params: impl Params) -> Result<usize> {
    Ok(conn.prepare_cached(sql)?.execute(params)?)
}

pub(crate) fn size_to_column(size: u64) -> Result<i64> {
    i64::try_from(size).map_err(|_| IndexError::Storage("a size is out of range".into()))
}

pub(crate) fn size(row: &Row<'_>, column: usize) -> Result<u64> {
    u64::try_from(row.get::<_, i64>(column)?).map_err(|_| IndexError::damaged("a size is negative"))
}

/// A SHA-256.
pub(crate) fn hash(row: &Row<'_>, column: usize) -> Result<[u8; 32]> {
    let value = row.get_ref(column)?;
    value
        .as_blob()
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| IndexError::damaged("a hash does not have 32 bytes"))
}

pub(crate) fn bytes(row: &Row<'_>, column: usize) -> Result<Bytes> {
    Ok(Bytes::from(row.get::<_, Vec<u8>>(column)?))
}

/// Limits of pages as SQL takes them.
pub(crate) fn limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// The key in a BLOB column, borrowed from the row.
pub(crate) fn key<'r>(row: &'r Row<'_>, column: usize) -> Result<&'r str> {
    let value = row.get_ref(column)?;
    let bytes = value
        .as_blob()
        .map_err(|_| IndexError::damaged("a key is not a blob"))?;
    std::str::from_utf8(bytes).map_err(|_| IndexError::damaged("a key is not UTF-8"))
}

pub(crate) fn to_millis(time: OffsetDateTime) -> i64 {
    i64::try_from(time.unix_timestamp_nanos().div_euclid(1_000_000)).unwrap_or(i64::MAX)
}

pub(crate) fn from_millis(millis: i64) -> Result<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000)
        .map_err(|_| IndexError::damaged("a time is out of range"))
}

pub(crate) fn time(row: &Row<'_>, column: usize) -> Result<OffsetDateTime> {
    from_millis(row.get(column)?)
}

/// The smallest byte string greater than every string that starts with `prefix`.
/// It need not be UTF-8, which is why keys are compared as BLOBs.
pub(crate) fn successor(prefix: &[u8]) -> Vec<u8> {
    let mut bound = prefix.to_vec();
    while let Some(last) = bound.pop() {
        if last < BEYOND_ALL_KEYS {
            bound.push(last + 1);
            return bound;
        }
    }
    vec![BEYOND_ALL_KEYS]
}

/// The smallest string greater than `text`.
pub(crate) fn just_after(text: &str) -> String {
    format!("{text}\0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn successor_is_the_least_bound_of_a_prefix() {
        assert_eq!(successor(b"a/"), b"a0");
        assert_eq!(successor(b""), [0xFF]);
        assert_eq!(successor(b"a\xff\xff"), b"b");
        assert_eq!(successor(b"\xff"), [0xFF]);
        // "ÿ" ends in 0xBF: the bound is not UTF-8.
        let bound = successor("ÿ".as_bytes());
        assert!(std::str::from_utf8(&bound).is_err());
        assert!(bound.as_slice() > "ÿ\u{10FFFF}".as_bytes());
        assert!(bound.as_slice() <= "Ā".as_bytes());
    }
}
