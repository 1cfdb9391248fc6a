//! Delivery: what a trail has still to put into its bucket, file by file.
//!
//! A file is put first and the position moved then, so nothing is left out after a crash; what was put just
//! before it may be delivered twice, under another name.

use sealgate_index::TrailRow;
use time::OffsetDateTime;

use super::model::{Stretch, TrailSettings, TrailStatus};
use crate::error::AuditError;
use crate::files::{AuditFile, DigestRange, LogFile, Owner, PreviousDigest, digest_file, log_file};
use crate::trail::Trail;

const BATCH: usize = 1000;
/// Bytes of events of one file, before compression.
const FILE_BYTES: usize = 16 << 20;

/// A trail whose delivery is due.
#[derive(Debug, Clone)]
pub struct DueTrail {
    /// Its settings: bucket and key.
    pub settings: TrailSettings,
    /// When it became due: the time of the files.
    now: OffsetDateTime,
}

/// A step of a delivery.
#[derive(Debug)]
pub struct Delivery {
    /// The file to put; none where nothing was covered.
    pub file: Option<AuditFile>,
    done: Done,
}

/// What is so once the file is put.
#[derive(Debug)]
enum Done {
    /// The stretch that began there is delivered up to here.
    Records {
        from: i64,
        to: i64,
        file: Option<LogFile>,
    },
    Digest(PreviousDigest),
}

impl Trail {
    /// The trails that have something to deliver, a period after their last attempt.
    ///
    /// # Errors
    /// If the index fails.
    pub async fn due_trails(&self, now: OffsetDateTime) -> Result<Vec<DueTrail>, AuditError> {
        let mut due = Vec::new();
        for settings in self.trails(None).await? {
            let status = self.status(&settings.account_id, &settings.name).await?;
            let waited = status
                .attempted
                .is_none_or(|last| now - last >= self.delivery_period());
            if waited && !(status.stretches.is_empty() && status.files.is_empty()) {
                due.push(DueTrail { settings, now });
            }
        }
        Ok(due)
    }

    /// The next step of a trail's delivery; `None` when all is delivered. The caller puts the file and
    /// then says so by [`delivered`](Trail::delivered), or by
    /// [`delivery_failed`](Trail::delivery_failed).
    ///
    /// # Errors
    /// If the index fails, or a digest cannot be signed.
    pub async fn next_delivery(&self, due: &DueTrail) -> Result<Option<Delivery>, AuditError> {
        let (settings, now) = (&due.settings, due.now);
        let status = self.status(&settings.account_id, &settings.name).await?;
        let owner = Owner {
            account_id: settings.account_id.clone(),
            region: settings.region.clone(),
            prefix: settings.prefix.clone(),
        };
        let end = self.index().trail_state().await?.last;
        let mut stretches = status.stretches.iter();
        if let Some(stretch) = stretches.find(|s| s.after < s.until.unwrap_or(end)) {
            let until = stretch.until.unwrap_or(end);
            let (rows, to) = self.covered_rows(settings, stretch.after, until).await?;
            let made = if rows.is_empty() {
                None
            } else {
                Some(log_file(&owner, &settings.bucket, &rows, now)?)
            };
            let (file, summary) = made.unzip();
            return Ok(Some(Delivery {
                file,
                done: Done::Records {
                    from: stretch.after,
                    to,
                    file: summary,
                },
            }));
        }
        self.next_digest(settings, &status, &owner, now).await
    }

    async fn next_digest(
        &self,
        settings: &TrailSettings,
        status: &TrailStatus,
        owner: &Owner,
        now: OffsetDateTime,
    ) -> Result<Option<Delivery>, AuditError> {
        let Some(start) = status.digest_start.filter(|_| settings.validation) else {
            return Ok(None);
        };
        let ended = !status.is_logging() && !status.files.is_empty();
        if now - start < self.digest_period() && !ended || now <= start {
            return Ok(None);
        }
        let range = DigestRange {
            name: &settings.name,
            bucket: &settings.bucket,
            start,
            end: now,
            files: &status.files,
            previous: status.previous.as_ref(),
        };
        let signer = self.keys()?.digest().await?;
        let (file, this) = digest_file(owner, &range, signer)?;
        Ok(Some(Delivery {
            file: Some(file),
            done: Done::Digest(this),
        }))
    }

    /// Moves the trail's position behind a step, whose file is put and durable.
    ///
    /// # Errors
    /// If the index fails: the step will be done again.
    pub async fn delivered(&self, due: &DueTrail, delivery: Delivery) -> Result<(), AuditError> {
        let (settings, now) = (&due.settings, due.now);
        let _one_at_a_time = self.trails_lock().await;
        if !self.exists(settings).await? {
            return Ok(());
        }
        self.change_status(&settings.account_id, &settings.name, |status| {
            status.attempted = Some(now);
            match delivery.done {
                Done::Records { from, to, file } => {
                    let mut stretches = status.stretches.iter_mut();
                    if let Some(stretch) = stretches.find(|s| s.after == from && s.is_open()) {
                        stretch.after = to;
                    }
                    status.error = None;
                    if let Some(file) = file {
                        status.delivered = Some(now);
                        if settings.validation {
                            status.files.push(file);
                        }
                    }
                }
                Done::Digest(this) => {
                    status.digested = Some(now);
                    status.digest_start = Some(now);
                    status.digest_error = None;
                    status.files.clear();
                    status.previous = Some(this);
                }
            }
        })
        .await
    }

    /// Notes why a step could not be done. It is tried again a period later.
    ///
    /// # Errors
    /// If the index fails.
    pub async fn delivery_failed(
        &self,
        due: &DueTrail,
        delivery: &Delivery,
        code: &str,
    ) -> Result<(), AuditError> {
        let (settings, now) = (&due.settings, due.now);
        let _one_at_a_time = self.trails_lock().await;
        if !self.exists(settings).await? {
            return Ok(());
        }
        self.change_status(&settings.account_id, &settings.name, |status| {
            status.attempted = Some(now);
            match delivery.done {
                Done::Records { .. } => status.error = Some(code.to_owned()),
                Done::Digest(_) => status.digest_error = Some(code.to_owned()),
            }
        })
        .await
    }

    /// Ends a trail's turn: the next comes a period later, also if there was nothing to deliver.
    ///
    /// # Errors
    /// If the index fails.
    pub async fn delivery_done(&self, due: &DueTrail) -> Result<(), AuditError> {
        let settings = &due.settings;
        let _one_at_a_time = self.trails_lock().await;
        if !self.exists(settings).await? {
            return Ok(());
        }
        self.change_status(&settings.account_id, &settings.name, |status| {
            status.attempted = Some(due.now);
            status.stretches.retain(Stretch::is_open);
        })
        .await
    }

    /// Whether the trail was not deleted meanwhile.
    async fn exists(&self, settings: &TrailSettings) -> Result<bool, AuditError> {
        let trails = self.trails(Some(&settings.account_id)).await?;
        Ok(trails.iter().any(|trail| trail.name == settings.name))
    }

    /// The rows behind `after` that the trail covers, and up to where was looked.
    async fn covered_rows(
        &self,
        settings: &TrailSettings,
        after: i64,
        until: i64,
    ) -> Result<(Vec<TrailRow>, i64), AuditError> {
        let selectors = settings.effective_selectors();
        let (mut chosen, mut size, mut at) = (Vec::new(), 0, after);
        while at < until && size < FILE_BYTES {
            let rows = self.index().trail_rows(at, BATCH, FILE_BYTES).await?;
            let Some(last) = rows.last() else { break };
            at = last.sequence.min(until);
            for row in rows {
                let entry = &row.entry;
                if row.sequence <= until
                    && entry.account_id == settings.account_id
                    && selectors.iter().any(|selector| selector.covers(entry))
                {
                    size += entry.event.len();
                    chosen.push(row);
                }
            }
        }
        // Where rows are missing there is nothing to wait for.
        Ok((chosen, if size < FILE_BYTES { until } else { at }))
    }
}
