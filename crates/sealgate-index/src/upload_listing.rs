//! Listing uploads in progress, by key and then by id, which is by time of creation.

use rusqlite::params;

use crate::{
    Index, UploadEntry, UploadPage,
    listing::Rolling,
    sql::{Result, key, successor},
    uploads::{COLUMNS, upload},
};

impl Index {
    /// A page of the uploads to a bucket. With an `upload_id_marker` the page starts behind that upload of the
    /// marker's key, otherwise behind the key.
    pub async fn list_uploads(
        &self,
        bucket_id: i64,
        prefix: &str,
        delimiter: Option<&str>,
        key_marker: Option<&str>,
        upload_id_marker: Option<&str>,
        limit: usize,
    ) -> Result<UploadPage> {
        let mut page = UploadPage::default();
        if limit == 0 {
            return Ok(page);
        }
        let rolling = Rolling::new(prefix, delimiter);
        let end = successor(prefix.as_bytes());
        let (mut seek, mut behind_id) = match (key_marker, upload_id_marker) {
            (Some(key), Some(id)) if key >= prefix && rolling.common_prefix(key).is_none() => {
                (key.as_bytes().to_vec(), id.to_owned())
            }
            _ => (rolling.start(key_marker), String::new()),
        };
        self.read(|conn| {
            // Ids are not empty: behind (key, '') comes every upload of the key.
            let mut statement = conn.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM uploads WHERE bucket_id = ?1 AND (key, id) > (?2, ?3) AND key < ?4
                 ORDER BY key, id"
            ))?;
            'seek: loop {
                let mut rows = statement.query(params![bucket_id, seek, behind_id, end])?;
                while let Some(row) = rows.next()? {
                    if page.entries.len() == limit {
                        page.truncated = true;
                        (page.next_key, page.next_upload_id) = match page.entries.last() {
                            Some(UploadEntry::Upload(last)) => (Some(last.key.clone()), Some(last.id.clone())),
                            Some(UploadEntry::Prefix(last)) => (Some(last.clone()), None),
                            None => (None, None),
                        };
                        break;
                    }
                    if let Some(prefix) = rolling.common_prefix(key(row, 2)?) {
                        page.entries.push(UploadEntry::Prefix(prefix.to_owned()));
                        seek = successor(prefix.as_bytes());
                        behind_id.clear();
                        continue 'seek;
                    }
                    page.entries.push(UploadEntry::Upload(upload(row)?));
                }
                return Ok(page);
            }
        })
    }
}
