//! Listing every version and delete marker by pages of constant cost. The keys with one version come from `current`,
//! those with more from `history`; what a common prefix hides is skipped by seeking behind it in both.

use std::ops::ControlFlow;

use rusqlite::{Connection, params};

use crate::{
    Index, IndexError, ListedObject, VersionRef, Versioning,
    history::{self, LISTED, Standing, listed},
    listing::{Rolling, STEPS},
    replicas,
    sql::{Result, just_after, successor},
    versioning::seq_of,
};

/// Which page of a bucket's versions is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VersionListQuery {
    /// Only keys that start so.
    pub prefix: String,
    /// Keys that hold this after the prefix are rolled up into common prefixes.
    pub delimiter: Option<String>,
    /// Start behind this key or common prefix.
    pub key_marker: Option<String>,
    /// Start behind this version of that key, which need not be there any more; `null` is the null version.
    pub version_id_marker: Option<String>,
    /// Most entries to return.
    pub limit: usize,
}

/// What a listing tells of a version or delete marker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedVersion {
    /// What a listing of objects would tell; of a delete marker without size and ETag.
    pub object: ListedObject,
    /// Its sequence.
    pub seq: i64,
    /// Its id; `None` for the null version.
    pub version_id: Option<String>,
    /// Whether it is the newest of its key.
    pub is_latest: bool,
    /// Whether it is a delete marker.
    pub delete_marker: bool,
}

/// One line of a listing of versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VersionEntry {
    /// A version or delete marker.
    Version(ListedVersion),
    /// A common prefix, with its delimiter.
    Prefix(String),
}

/// A page of versions, in the order of the keys' bytes, the newest version of a key first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VersionPage {
    /// The entries.
    pub entries: Vec<VersionEntry>,
    /// Whether there are more.
    pub truncated: bool,
    /// If there are more: key or common prefix of the last entry.
    pub next_key: Option<String>,
    /// If there are more and the last entry is a version: its id, or `null`.
    pub next_version_id: Option<String>,
}

impl Index {
    /// A page of the versions of a bucket. [`IndexError::NoSuchVersion`] if the marker is no version's id.
    pub async fn list_versions(
        &self,
        bucket_id: i64,
        query: VersionListQuery,
    ) -> Result<VersionPage> {
        let behind = match &query.version_id_marker {
            None => None,
            Some(id) => Some(VersionRef::parse(id).ok_or(IndexError::NoSuchVersion)?),
        };
        if query.limit == 0 {
            return Ok(VersionPage::default());
        }
        let rolling = Rolling::new(&query.prefix, query.delimiter.as_deref());
        let end = successor(query.prefix.as_bytes());
        let mut filling = Filling {
            page: VersionPage::default(),
            limit: query.limit,
            steps: 0,
            rolling: &rolling,
        };
        self.read(|conn| {
            let marker = query.key_marker.as_deref();
            let mut start = rolling.start(marker);
            let within = marker.zip(behind.as_ref()).filter(|(key, _)| {
                key.starts_with(&query.prefix) && rolling.common_prefix(key).is_none()
            });
            if let Some((key, behind)) = within {
                match place(conn, bucket_id, key, behind)? {
                    Some(seq) => {
                        let show = |version| Ok(filling.add(version));
                        if older(conn, bucket_id, key, seq, show)?.is_break() {
                            return Ok(());
                        }
                    }
                    None => start = key.as_bytes().to_vec(),
                }
            }
            merge(conn, bucket_id, start, &end, |version| {
                Ok(filling.add(version))
            })
        })?;
        Ok(filling.page)
    }
}

/// Where a reader of versions goes on.
pub(crate) enum Next {
    /// At the first key that is not less than this one.
    Seek(Vec<u8>),
    /// Nowhere.
    Stop,
}

/// A page that is being filled.
struct Filling<'q> {
    page: VersionPage,
    limit: usize,
    /// Rows of the last common prefix that were stepped over.
    steps: usize,
    rolling: &'q Rolling<'q>,
}

impl Filling<'_> {
    fn add(&mut self, version: ListedVersion) -> ControlFlow<Next> {
        let page = &mut self.page;
        if let Some(VersionEntry::Prefix(prefix)) = page.entries.last()
            && version.object.key.starts_with(prefix.as_str())
        {
            self.steps += 1;
            return if self.steps > STEPS {
                ControlFlow::Break(Next::Seek(successor(prefix.as_bytes())))
            } else {
                ControlFlow::Continue(())
            };
        }
        if page.entries.len() == self.limit {
            page.truncated = true;
            (page.next_key, page.next_version_id) = match page.entries.last() {
                Some(VersionEntry::Version(last)) => (
                    Some(last.object.key.clone()),
                    Some(last.version_id.as_deref().unwrap_or("null").to_owned()),
                ),
                Some(VersionEntry::Prefix(last)) => (Some(last.clone()), None),
                None => (None, None),
            };
            return ControlFlow::Break(Next::Stop);
        }
        self.steps = 0;
        page.entries
            .push(match self.rolling.common_prefix(&version.object.key) {
                Some(prefix) => VersionEntry::Prefix(prefix.to_owned()),
                None => VersionEntry::Version(version),
            });
        ControlFlow::Continue(())
    }
}

/// The sequence that the versions behind a marker are below. The id says it, also where its version is gone. That of a
/// replica does not, nor does the null version: is it gone, its key is begun anew.
fn place(conn: &Connection, bucket_id: i64, key: &str, marker: &VersionRef) -> Result<Option<i64>> {
    if let VersionRef::Id(id) = marker
        && replicas::named(conn, bucket_id, key, id)?.is_none()
    {
        return Ok(seq_of(id));
    }
    let standing = Standing::of(conn, Versioning::Enabled, bucket_id, key)?;
    let found = standing.find(conn, bucket_id, key, marker)?;
    Ok(found.map(|found| found.seq))
}

/// Shows the versions of a key in `history` below a sequence, the newest first. Breaks when told to stop.
pub(crate) fn older(
    conn: &Connection,
    bucket_id: i64,
    key: &str,
    below: i64,
    mut show: impl FnMut(ListedVersion) -> Result<ControlFlow<Next>>,
) -> Result<ControlFlow<()>> {
    let newest = history::newest(conn, bucket_id, key)?.map(|(seq, _)| seq);
    let mut statement = conn.prepare_cached(&format!(
        "SELECT {LISTED}, delete_marker FROM history WHERE bucket_id = ?1 AND key = ?2 AND seq < ?3 ORDER BY seq DESC"
    ))?;
    let mut rows = statement.query(params![bucket_id, key.as_bytes(), below])?;
    while let Some(row) = rows.next()? {
        let mut version = listed(row)?;
        version.is_latest = newest == Some(version.seq);
        match show(version)? {
            ControlFlow::Continue(()) => {}
            ControlFlow::Break(Next::Stop) => return Ok(ControlFlow::Break(())),
            ControlFlow::Break(Next::Seek(_)) => break,
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// Shows every version from a key on, in order.
pub(crate) fn merge(
    conn: &Connection,
    bucket_id: i64,
    mut seek: Vec<u8>,
    end: &[u8],
    mut show: impl FnMut(ListedVersion) -> Result<ControlFlow<Next>>,
) -> Result<()> {
    let mut of_current = conn.prepare_cached(&format!(
        "SELECT {LISTED}, 0 FROM current WHERE bucket_id = ?1 AND key >= ?2 AND key < ?3 ORDER BY key"
    ))?;
    let mut of_history = conn.prepare_cached(&format!(
        "SELECT {LISTED}, delete_marker FROM history WHERE bucket_id = ?1 AND key >= ?2 AND key < ?3
         ORDER BY key, seq DESC"
    ))?;
    'seek: loop {
        let mut currents = of_current.query(params![bucket_id, seek, end])?;
        let mut histories = of_history.query(params![bucket_id, seek, end])?;
        let mut current = currents.next()?.map(listed).transpose()?;
        let mut past = histories.next()?.map(listed).transpose()?;
        // Key of the last version from `history`.
        let mut key: Option<String> = None;
        loop {
            let from_history = match (&current, &past) {
                (None, None) => return Ok(()),
                (Some(_), None) => false,
                (None, Some(_)) => true,
                (Some(current), Some(past)) => past.object.key <= current.object.key,
            };
            let taken = if from_history {
                let taken = past.take();
                past = histories.next()?.map(listed).transpose()?;
                taken
            } else {
                let taken = current.take();
                current = currents.next()?.map(listed).transpose()?;
                taken
            };
            let Some(mut version) = taken else {
                return Ok(());
            };
            version.is_latest = key.as_ref() != Some(&version.object.key);
            if from_history {
                if version.is_latest {
                    key = Some(version.object.key.clone());
                }
                // It is there too, if it is what is current.
                if current
                    .as_ref()
                    .is_some_and(|current| current.object.key == version.object.key)
                {
                    current = currents.next()?.map(listed).transpose()?;
                }
            }
            match show(version)? {
                ControlFlow::Continue(()) => {}
                ControlFlow::Break(Next::Stop) => return Ok(()),
                ControlFlow::Break(Next::Seek(to)) => {
                    seek = to;
                    continue 'seek;
                }
            }
        }
    }
}

/// The first key behind one.
pub(crate) fn behind(key: &str) -> Vec<u8> {
    just_after(key).into_bytes()
}
