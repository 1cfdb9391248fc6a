//! Inventories: reports on what is in a bucket, made once a day or a week and delivered into another.
//!
//! - `configuration`: what of a configuration is carried out, and when
//! - `columns`, `row`: what a report tells of a version
//! - `csv`, `parquet`: data files
//! - `report`: going through the bucket, and what is put where
//!
//! Memory is bounded whatever the bucket's size: a report is written as versions are read, in batches. One that is
//! cut off is made again; without its manifest nobody takes what was written of it for a report.

pub(crate) mod columns;
mod configuration;
mod csv;
mod parquet;
mod report;
mod row;

use std::collections::BTreeSet;

use sealgate_index::{Expect, IndexError, RecordWrite, StoredConfiguration};
use serde::{Deserialize, Serialize};
use time::{Date, Duration, OffsetDateTime, UtcOffset};

pub use report::Reported;

use crate::S3;
use crate::described::INVENTORY;
use crate::error::{Code, Result};
use configuration::Inventory;
use report::Report;

const NAMESPACE: &str = "inventory";
/// Records read at a time.
const PAGE: usize = 1000;
/// How long a report that failed waits for the next attempt.
const PATIENCE: Duration = Duration::HOUR;

/// What is known of the reports of a configuration.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    /// The day of the last one.
    delivered: Option<Date>,
    /// When one failed, after that.
    failed: Option<OffsetDateTime>,
}

/// An inventory that was reported on the operator's behalf.
#[derive(Debug)]
pub struct Delivery {
    /// The bucket.
    pub bucket: String,
    /// The configuration's id.
    pub id: String,
    /// What became of it: what the report is made of, or code and sentence of the refusal.
    pub outcome: Result<Reported, (&'static str, String)>,
}

impl S3 {
    /// Delivers the reports that are due. One that fails does not keep the others from their turn.
    ///
    /// # Errors
    /// If the index fails.
    pub async fn deliver_inventories(&self, now: OffsetDateTime) -> Result<(), IndexError> {
        let configurations = self.index.configurations_of_kind(INVENTORY.name).await?;
        self.forget_notes(&configurations).await?;
        for stored in configurations {
            if let Err(error) = self.keep_inventory(&stored, now).await {
                let (bucket, code) = (stored.bucket_id, error.code());
                tracing::warn!(
                    bucket,
                    id = stored.id,
                    code,
                    "an inventory was not delivered"
                );
            }
        }
        Ok(())
    }

    async fn keep_inventory(
        &self,
        stored: &StoredConfiguration,
        now: OffsetDateTime,
    ) -> Result<()> {
        let inventory = Inventory::of(&INVENTORY.of_stored(&stored.body)?)?;
        let mut note = self.note(stored).await?;
        let today = now.to_offset(UtcOffset::UTC).date();
        let rests = note.failed.is_some_and(|failed| now - failed < PATIENCE);
        if !inventory.enabled || rests || !inventory.frequency.is_due(note.delivered, today) {
            return Ok(());
        }
        let outcome = self.report(stored.bucket_id, &inventory, now, true).await;
        match &outcome {
            Ok(reported) => {
                let Reported { rows, files } = *reported;
                tracing::info!(
                    bucket = stored.bucket_id,
                    id = stored.id,
                    rows,
                    files,
                    "an inventory was delivered"
                );
                note = Note {
                    delivered: Some(today),
                    failed: None,
                };
            }
            Err(_) => note.failed = Some(now),
        }
        let body = serde_json::to_vec(&note).map_err(|_| Code::InternalError)?;
        self.write_note(&note_id(stored), Some(body)).await?;
        outcome.map(|_| ())
    }

    /// Delivers reports for the operator, of all inventories or those of a bucket, whether they are due or not,
    /// as if it were this time.
    ///
    /// # Errors
    /// If the index fails.
    pub async fn run_inventories(
        &self,
        bucket: Option<&str>,
        id: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<Vec<Delivery>, IndexError> {
        let bucket = match bucket {
            Some(name) => Some(self.index.bucket(name).await?.id),
            None => None,
        };
        let mut deliveries = Vec::new();
        for stored in self.index.configurations_of_kind(INVENTORY.name).await? {
            let other = bucket.is_some_and(|bucket| bucket != stored.bucket_id)
                || id.is_some_and(|id| id != stored.id);
            if other {
                continue;
            }
            let outcome = async {
                let inventory = Inventory::of(&INVENTORY.of_stored(&stored.body)?)?;
                self.report(stored.bucket_id, &inventory, now, false).await
            };
            deliveries.push(Delivery {
                bucket: self
                    .index
                    .bucket_by_id(stored.bucket_id)
                    .await?
                    .name
                    .clone(),
                outcome: outcome.await.map_err(|error| (error.code(), error.message)),
                id: stored.id,
            });
        }
        Ok(deliveries)
    }

    async fn report(
        &self,
        bucket: i64,
        inventory: &Inventory,
        now: OffsetDateTime,
        gentle: bool,
    ) -> Result<Reported> {
        let bucket = self.index.bucket_by_id(bucket).await?;
        let now = now.to_offset(UtcOffset::UTC);
        let report = Report::new(self, bucket, inventory, now, gentle).await?;
        report.deliver().await
    }

    async fn note(&self, stored: &StoredConfiguration) -> Result<Note> {
        let record = self.index.record(NAMESPACE, &note_id(stored)).await?;
        // What cannot be read costs a report more than there should be.
        Ok(record
            .and_then(|record| serde_json::from_slice(&record.body).ok())
            .unwrap_or_default())
    }

    async fn write_note(&self, id: &str, body: Option<Vec<u8>>) -> Result<(), IndexError> {
        let write = RecordWrite {
            ns: NAMESPACE.to_owned(),
            id: id.to_owned(),
            expect: Expect::Any,
            body: body.map(Into::into),
        };
        self.index.write_records(vec![write]).await?;
        Ok(())
    }

    /// Takes away the notes of configurations that are gone.
    async fn forget_notes(&self, there: &[StoredConfiguration]) -> Result<(), IndexError> {
        let there: BTreeSet<String> = there.iter().map(note_id).collect();
        let mut after: Option<String> = None;
        loop {
            let page = self
                .index
                .records(NAMESPACE, "", after.as_deref(), PAGE)
                .await?;
            for record in page.iter().filter(|record| !there.contains(&record.id)) {
                self.write_note(&record.id, None).await?;
            }
            match page.last() {
                Some(last) if page.len() == PAGE => after = Some(last.id.clone()),
                _ => return Ok(()),
            }
        }
    }
}

fn note_id(stored: &StoredConfiguration) -> String {
    format!("{}/{}", stored.bucket_id, stored.id)
}
