//! Listing objects by pages of constant cost: what a common prefix hides is skipped by seeking behind it.

use rusqlite::params;

use crate::{
    Entry, Index, ListQuery, ListedObject, Page,
    sql::{Result, just_after, key, size, successor, time},
};

/// Rows of a common prefix that are stepped over before seeking, which costs about as much as this many steps.
pub(crate) const STEPS: usize = 8;

impl Index {
    /// A page of the current versions of a bucket, in the order of the keys' bytes.
    pub async fn list_objects(&self, bucket_id: i64, query: ListQuery) -> Result<Page> {
        if query.limit == 0 {
            return Ok(Page::default());
        }
        let rolling = Rolling::new(&query.prefix, query.delimiter.as_deref());
        let mut seek = rolling.start(query.after.as_deref());
        let end = successor(query.prefix.as_bytes());
        let mut page = Page::default();
        self.read(|conn| {
            let mut statement = conn.prepare_cached(
                "SELECT key, size, etag, modified, checksum_algorithm, checksum_type, owner, storage_class FROM current
                 WHERE bucket_id = ?1 AND key >= ?2 AND key < ?3 ORDER BY key",
            )?;
            'seek: loop {
                let mut rows = statement.query(params![bucket_id, seek, end])?;
                let mut steps = 0;
                while let Some(row) = rows.next()? {
                    let key = key(row, 0)?;
                    if let Some(Entry::Prefix(prefix)) = page.entries.last()
                        && key.starts_with(prefix.as_str())
                    {
                        steps += 1;
                        if steps > STEPS {
                            seek = successor(prefix.as_bytes());
                            continue 'seek;
                        }
                        continue;
                    }
                    if page.entries.len() == query.limit {
                        page.truncated = true;
                        page.next = page.entries.last().map(|entry| entry.name().to_owned());
                        break;
                    }
                    steps = 0;
                    page.entries.push(match rolling.common_prefix(key) {
                        Some(prefix) => Entry::Prefix(prefix.to_owned()),
                        None => Entry::Object(ListedObject {
                            key: key.to_owned(),
                            size: size(row, 1)?,
                            etag: row.get(2)?,
                            modified: time(row, 3)?,
                            checksum_algorithm: row.get(4)?,
                            checksum_type: row.get(5)?,
                            owner: row.get(6)?,
                            storage_class: row.get(7)?,
                        }),
                    });
                }
                return Ok(page);
            }
        })
    }
}

/// How keys roll up into common prefixes.
pub(crate) struct Rolling<'q> {
    prefix: &'q str,
    delimiter: Option<&'q str>,
}

impl<'q> Rolling<'q> {
    pub fn new(prefix: &'q str, delimiter: Option<&'q str>) -> Self {
        Rolling {
            prefix,
            delimiter: delimiter.filter(|delimiter| !delimiter.is_empty()),
        }
    }

    /// The common prefix that a key is shown as, with the delimiter, if it is.
    pub fn common_prefix<'k>(&self, key: &'k str) -> Option<&'k str> {
        let delimiter = self.delimiter?;
        let rest = key.strip_prefix(self.prefix)?;
        let found = rest.find(delimiter)?;
        key.get(..self.prefix.len() + found + delimiter.len())
    }

    /// The first key that may be shown behind a marker. A marker within a common prefix stands for all of it: that
    /// one was returned before, or is not greater than the marker.
    pub fn start(&self, after: Option<&str>) -> Vec<u8> {
        let start = match after.map(|after| (after, self.common_prefix(after))) {
            None => Vec::new(),
            Some((_, Some(prefix))) => successor(prefix.as_bytes()),
            Some((after, None)) => just_after(after).into_bytes(),
        };
        start.max(self.prefix.as_bytes().to_vec())
    }
}
