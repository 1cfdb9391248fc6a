//! Trails in the index: making, changing, starting and stopping them.

use std::collections::BTreeMap;

use sealgate_index::{Expect, IndexError, RecordWrite};
use serde::de::DeserializeOwned;
use time::OffsetDateTime;

use super::fault::TrailFault;
use super::model::{Stretch, TrailChange, TrailSettings, TrailStatus, check_name, check_prefix};
use super::selectors::{EventSelector, check_selectors};
use crate::error::AuditError;
use crate::trail::Trail;

const SETTINGS: &str = "cloudtrail/trail";
const STATUS: &str = "cloudtrail/status";
const PAGE: usize = 1000;
/// Trails of an account.
pub const MAX_TRAILS: usize = 5;
/// Tags of a trail.
pub const MAX_TAGS: usize = 50;

type Result<T> = std::result::Result<T, AuditError>;

impl Trail {
    /// The trails of an account by name; of all accounts if none is given.
    ///
    /// # Errors
    /// If the index fails.
    pub async fn trails(&self, account: Option<&str>) -> Result<Vec<TrailSettings>> {
        let prefix = account
            .map(|account| format!("{account}/"))
            .unwrap_or_default();
        let (mut trails, mut after): (Vec<TrailSettings>, Option<String>) = (Vec::new(), None);
        loop {
            let page = self
                .index()
                .records(SETTINGS, &prefix, after.as_deref(), PAGE)
                .await?;
            for record in &page {
                trails.push(parse(&record.body)?);
            }
            after = page.last().map(|record| record.id.clone());
            if page.len() < PAGE {
                return Ok(trails);
            }
        }
    }

    /// A trail by name or ARN.
    ///
    /// # Errors
    /// [`TrailFault::NotFound`] if there is none; a fault if the name or ARN is none.
    pub async fn named_trail(&self, account: &str, name_or_arn: &str) -> Result<TrailSettings> {
        let name = self.trail_name(account, name_or_arn)?;
        Ok(self.load_trail(account, name).await?.0)
    }

    /// The name in a name or ARN.
    fn trail_name<'a>(&self, account: &str, name_or_arn: &'a str) -> Result<&'a str> {
        let name = if name_or_arn.starts_with("arn:") {
            let invalid = || TrailFault::InvalidArn(name_or_arn.to_owned());
            let mut parts = name_or_arn.splitn(6, ':').skip(1);
            let (partition, service) = (parts.next(), parts.next());
            let (region, owner, resource) = (parts.next(), parts.next(), parts.next());
            if (partition, service) != (Some("aws"), Some("cloudtrail")) {
                return Err(invalid().into());
            }
            let name = resource
                .and_then(|r| r.strip_prefix("trail/"))
                .ok_or_else(invalid)?;
            if (region, owner) != (Some(self.region()), Some(account)) {
                return Err(not_found(name_or_arn, account));
            }
            name
        } else {
            name_or_arn
        };
        check_name(name)?;
        Ok(name)
    }

    /// Makes a trail. It does not log until it is started.
    ///
    /// # Errors
    /// A [`TrailFault`] if the trail cannot be.
    pub async fn create_trail(&self, settings: TrailSettings) -> Result<TrailSettings> {
        let _one_at_a_time = self.trails_lock().await;
        check_name(&settings.name)?;
        self.check_destination(&settings).await?;
        check_tags(&settings.tags)?;
        let account = &settings.account_id;
        let others = self.trails(Some(account)).await?;
        if others.iter().any(|trail| trail.name == settings.name) {
            return Err(TrailFault::AlreadyExists {
                name: settings.name,
                account: account.clone(),
            }
            .into());
        }
        if others.len() >= MAX_TRAILS {
            return Err(TrailFault::TooMany(account.clone()).into());
        }
        let id = id(account, &settings.name);
        self.store(vec![
            write(SETTINGS, &id, Expect::Absent, Some(&settings))?,
            write(STATUS, &id, Expect::Any, Some(&TrailStatus::default()))?,
        ])
        .await?;
        Ok(settings)
    }

    /// Changes a trail.
    ///
    /// # Errors
    /// A [`TrailFault`] if there is no such trail, or it cannot be so.
    pub async fn update_trail(
        &self,
        account: &str,
        name: &str,
        change: TrailChange,
    ) -> Result<TrailSettings> {
        self.change_trail(account, name, |trail| {
            let or_none = |text: String| (!text.is_empty()).then_some(text);
            if let Some(bucket) = change.bucket {
                trail.bucket = bucket;
            }
            if let Some(prefix) = change.prefix {
                trail.prefix = or_none(prefix);
            }
            if let Some(key) = change.kms_key {
                trail.kms_key = or_none(key);
            }
            trail.global_events = change.global_events.unwrap_or(trail.global_events);
            trail.multi_region = change.multi_region.unwrap_or(trail.multi_region);
            trail.validation = change.validation.unwrap_or(trail.validation);
            Ok(())
        })
        .await
    }

    /// Sets which events a trail delivers.
    ///
    /// # Errors
    /// A [`TrailFault`] if there is no such trail, or the selectors break a rule.
    pub async fn put_event_selectors(
        &self,
        account: &str,
        name: &str,
        selectors: Vec<EventSelector>,
    ) -> Result<TrailSettings> {
        check_selectors(&selectors)?;
        self.change_trail(account, name, |trail| {
            trail.selectors = Some(selectors);
            Ok(())
        })
        .await
    }

    /// Sets and removes tags.
    ///
    /// # Errors
    /// A [`TrailFault`] if there is no such trail, or a tag breaks a rule.
    pub async fn tag_trail(
        &self,
        account: &str,
        name: &str,
        set: Vec<(String, String)>,
        removed: &[String],
    ) -> Result<TrailSettings> {
        self.change_trail(account, name, |trail| {
            trail.tags.extend(set);
            trail.tags.retain(|key, _| !removed.contains(key));
            check_tags(&trail.tags)
        })
        .await
    }

    /// Removes a trail. What it did not deliver yet stays in the audit trail alone.
    ///
    /// # Errors
    /// [`TrailFault::NotFound`] if there is none.
    pub async fn delete_trail(&self, account: &str, name_or_arn: &str) -> Result<()> {
        let _one_at_a_time = self.trails_lock().await;
        let name = self.trail_name(account, name_or_arn)?;
        let (_, revision) = self.load_trail(account, name).await?;
        let id = id(account, name);
        let gone: Option<&TrailSettings> = None;
        self.store(vec![
            write(SETTINGS, &id, Expect::Revision(revision), gone)?,
            write(STATUS, &id, Expect::Any, gone)?,
        ])
        .await
    }

    /// Starts or stops logging: events recorded from now on are delivered, or are not.
    ///
    /// # Errors
    /// [`TrailFault::NotFound`] if there is no such trail.
    pub async fn set_logging(
        &self,
        account: &str,
        name_or_arn: &str,
        logging: bool,
        now: OffsetDateTime,
    ) -> Result<()> {
        let _one_at_a_time = self.trails_lock().await;
        let name = self.trail_name(account, name_or_arn)?;
        self.load_trail(account, name).await?;
        // What was accepted before belongs to the time before.
        self.flush().await?;
        let end = self.index().trail_state().await?.last;
        self.change_status(account, name, |status| {
            match (logging, status.is_logging()) {
                (true, false) => {
                    status.stretches.push(Stretch {
                        after: end,
                        until: None,
                    });
                    status.started = Some(now);
                    status.digest_start = Some(now);
                    // Delivery comes a period later.
                    status.attempted = Some(now);
                }
                (false, true) => {
                    if let Some(open) = status.stretches.last_mut() {
                        open.until = Some(end);
                    }
                    status.stopped = Some(now);
                }
                _ => {}
            }
        })
        .await
    }

    /// Where the delivery of a trail stands.
    ///
    /// # Errors
    /// [`TrailFault::NotFound`] if there is no such trail.
    pub async fn trail_status(&self, account: &str, name_or_arn: &str) -> Result<TrailStatus> {
        let name = self.trail_name(account, name_or_arn)?;
        self.load_trail(account, name).await?;
        self.status(account, name).await
    }

    pub(crate) async fn status(&self, account: &str, name: &str) -> Result<TrailStatus> {
        let record = self.index().record(STATUS, &id(account, name)).await?;
        record.map_or_else(|| Ok(TrailStatus::default()), |record| parse(&record.body))
    }

    /// Changes the status. Whoever calls this holds the lock of trails.
    pub(super) async fn change_status(
        &self,
        account: &str,
        name: &str,
        change: impl FnOnce(&mut TrailStatus),
    ) -> Result<()> {
        let mut status = self.status(account, name).await?;
        change(&mut status);
        let id = id(account, name);
        self.store(vec![write(STATUS, &id, Expect::Any, Some(&status))?])
            .await
    }

    async fn change_trail(
        &self,
        account: &str,
        name_or_arn: &str,
        change: impl FnOnce(&mut TrailSettings) -> std::result::Result<(), TrailFault>,
    ) -> Result<TrailSettings> {
        let _one_at_a_time = self.trails_lock().await;
        let name = self.trail_name(account, name_or_arn)?;
        let (mut settings, revision) = self.load_trail(account, name).await?;
        change(&mut settings)?;
        self.check_destination(&settings).await?;
        let id = id(account, name);
        let expect = Expect::Revision(revision);
        self.store(vec![write(SETTINGS, &id, expect, Some(&settings))?])
            .await?;
        Ok(settings)
    }

    /// The bucket must be there and be the account's own.
    async fn check_destination(&self, trail: &TrailSettings) -> Result<()> {
        if let Some(prefix) = &trail.prefix {
            check_prefix(prefix)?;
        }
        match self.index().bucket(&trail.bucket).await {
            Ok(bucket) if bucket.account_id == trail.account_id => Ok(()),
            Ok(_) => Err(TrailFault::BucketNotAllowed(trail.bucket.clone()).into()),
            Err(IndexError::NoSuchBucket) => {
                Err(TrailFault::NoSuchBucket(trail.bucket.clone()).into())
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn load_trail(&self, account: &str, name: &str) -> Result<(TrailSettings, i64)> {
        let record = self.index().record(SETTINGS, &id(account, name)).await?;
        let record = record.ok_or_else(|| not_found(name, account))?;
        Ok((parse(&record.body)?, record.revision))
    }

    /// Writes, and takes over what the trails now select of data events.
    async fn store(&self, writes: Vec<RecordWrite>) -> Result<()> {
        match self.index().write_records(writes).await {
            Ok(()) => self.load_selected().await,
            Err(IndexError::Conflict) => Err(TrailFault::Conflict.into()),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes over what trails that log select of data events.
    pub(crate) async fn load_selected(&self) -> Result<()> {
        let mut logging = Vec::new();
        for trail in self.trails(None).await? {
            if self
                .status(&trail.account_id, &trail.name)
                .await?
                .is_logging()
            {
                logging.push(trail);
            }
        }
        self.selected().set(logging.iter());
        Ok(())
    }
}

fn id(account: &str, name: &str) -> String {
    format!("{account}/{name}")
}

fn not_found(name: &str, account: &str) -> AuditError {
    TrailFault::NotFound {
        name: name.to_owned(),
        account: account.to_owned(),
    }
    .into()
}

fn check_tags(tags: &BTreeMap<String, String>) -> std::result::Result<(), TrailFault> {
    if tags.len() > MAX_TAGS {
        return Err(TrailFault::TooManyTags);
    }
    for (key, value) in tags {
        if key.is_empty() || key.chars().count() > 128 || key.starts_with("aws:") {
            return Err(TrailFault::InvalidTag(
                "A tag key has 1 to 128 characters and does not start with aws:.",
            ));
        }
        if value.chars().count() > 256 {
            return Err(TrailFault::InvalidTag(
                "A tag value has at most 256 characters.",
            ));
        }
    }
    Ok(())
}

fn write<T: serde::Serialize>(
    ns: &str,
    id: &str,
    expect: Expect,
    body: Option<&T>,
) -> Result<RecordWrite> {
    let body = body
        .map(serde_json::to_vec)
        .transpose()
        .map_err(|_| AuditError::Damaged("a trail"))?;
    Ok(RecordWrite {
        ns: ns.to_owned(),
        id: id.to_owned(),
        expect,
        body: body.map(Into::into),
    })
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    serde_json::from_slice(body).map_err(|_| AuditError::Damaged("a trail"))
}
