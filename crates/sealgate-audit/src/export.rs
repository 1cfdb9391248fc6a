//! Export: a part of an account's trail as the files that CloudTrail would have delivered.

use std::path::Path;

use sealgate_index::TrailRow;
use time::OffsetDateTime;

use crate::error::AuditError;
use crate::files::{AuditFile, DigestRange, LogFile, Owner, digest_file, log_file};
use crate::trail::Trail;

const BATCH: usize = 1000;
/// Bytes of events of one file, before compression.
const FILE_BYTES: usize = 16 << 20;
/// Records of one file.
const FILE_RECORDS: usize = 20_000;

/// What to export.
#[derive(Debug, Clone)]
pub struct ExportRequest {
    /// Whose trail.
    pub account_id: String,
    /// Only events of this time or later.
    pub start: Option<OffsetDateTime>,
    /// Only events of this time or earlier.
    pub end: Option<OffsetDateTime>,
    /// What stands before `AWSLogs/` in the names, without a slash at the end.
    pub prefix: Option<String>,
    /// The bucket that the digest names as the place of its files; any word for an export into a folder.
    pub bucket: String,
}

/// What an export wrote.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exported {
    /// Records.
    pub records: u64,
    /// Files with records; one digest comes with them.
    pub files: u64,
}

/// An export under way: gives one file after the other, the digest last.
pub struct Export {
    trail: Trail,
    request: ExportRequest,
    owner: Owner,
    begun: OffsetDateTime,
    at: i64,
    end: i64,
    files: Vec<LogFile>,
    done: bool,
    exported: Exported,
}

impl Export {
    /// Begins an export of what the trail has now.
    ///
    /// # Errors
    /// If the index fails.
    pub async fn begin(trail: &Trail, request: ExportRequest) -> Result<Export, AuditError> {
        trail.flush().await?;
        Ok(Export {
            owner: Owner {
                account_id: request.account_id.clone(),
                region: trail.region().to_owned(),
                prefix: request.prefix.clone(),
            },
            begun: OffsetDateTime::now_utc(),
            at: 0,
            end: trail.index().trail_state().await?.last,
            files: Vec::new(),
            done: false,
            exported: Exported::default(),
            trail: trail.clone(),
            request,
        })
    }

    /// The next file.
    ///
    /// # Errors
    /// If the index fails, or the digest cannot be signed.
    pub async fn next(&mut self) -> Result<Option<AuditFile>, AuditError> {
        if self.done {
            return Ok(None);
        }
        let rows = self.next_rows().await?;
        if !rows.is_empty() {
            let (file, summary) = log_file(&self.owner, &self.request.bucket, &rows, self.begun)?;
            self.files.push(summary);
            self.exported.files += 1;
            self.exported.records += rows.len() as u64;
            return Ok(Some(file));
        }
        self.done = true;
        let range = DigestRange {
            name: "export",
            bucket: &self.request.bucket,
            start: self.request.start.unwrap_or(OffsetDateTime::UNIX_EPOCH),
            end: self.begun,
            files: &self.files,
            previous: None,
        };
        let signer = self.trail.keys()?.digest().await?;
        Ok(Some(digest_file(&self.owner, &range, signer)?.0))
    }

    /// What was given so far.
    #[must_use]
    pub fn exported(&self) -> Exported {
        self.exported
    }

    /// The rows of the next file; none at the end.
    async fn next_rows(&mut self) -> Result<Vec<TrailRow>, AuditError> {
        let (mut chosen, mut size) = (Vec::new(), 0);
        while self.at < self.end && size < FILE_BYTES && chosen.len() < FILE_RECORDS {
            let rows = self
                .trail
                .index()
                .trail_rows(self.at, BATCH, FILE_BYTES)
                .await?;
            let Some(last) = rows.last() else { break };
            self.at = last.sequence;
            for row in rows {
                let entry = &row.entry;
                if row.sequence <= self.end
                    && entry.account_id == self.request.account_id
                    && self.request.start.is_none_or(|start| entry.time >= start)
                    && self.request.end.is_none_or(|end| entry.time <= end)
                {
                    size += entry.event.len();
                    chosen.push(row);
                }
            }
            tokio::task::yield_now().await;
        }
        Ok(chosen)
    }
}

impl Trail {
    /// Exports into a folder. What would be metadata of an object (the signature of a digest) is in a file
    /// beside it, named `….metadata.json`.
    ///
    /// # Errors
    /// If the index fails or a file cannot be written.
    pub async fn export_to_folder(
        &self,
        request: ExportRequest,
        folder: &Path,
        mut progress: impl FnMut(Exported),
    ) -> Result<Exported, AuditError> {
        let mut export = Export::begin(self, request).await?;
        while let Some(file) = export.next().await? {
            write_file(folder, &file).map_err(|error| AuditError::Export(error.to_string()))?;
            progress(export.exported());
        }
        Ok(export.exported())
    }
}

fn write_file(folder: &Path, file: &AuditFile) -> std::io::Result<()> {
    let path = folder.join(&file.key);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::write(&path, &file.body)?;
    if !file.metadata.is_empty() {
        let metadata: serde_json::Map<String, serde_json::Value> = file
            .metadata
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.as_str().into()))
            .collect();
        let text = serde_json::Value::Object(metadata).to_string();
        std::fs::write(format!("{}.metadata.json", path.display()), text)?;
    }
    Ok(())
}
