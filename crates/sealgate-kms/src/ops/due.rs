//! What time does to keys: automatic rotations, and the end of imported material. A list of times says which
//! key is to be looked at when; what happens is decided by the key's own record, in one write over the revision
//! that was looked at, so that it happens once, whoever comes second and wherever a process ends.

use std::sync::atomic::Ordering;

use sealgate_audit::Event;
use serde_json::json;
use time::OffsetDateTime;

use crate::error::KmsError;
use crate::kind::RotationType;
use crate::kms::{Kms, to_the_end};
use crate::store::{Key, Timer, drop_timer, retime, set_timer, update_key};

/// Records looked at per read of the index.
const PAGE: usize = 100;

impl Kms {
    /// Rotates the keys whose automatic rotation is due, and wipes imported material that has expired (which
    /// counts for nothing from its last moment on, wiped or not). To be called every minute or so. Returns
    /// how many keys were changed.
    ///
    /// # Errors
    /// If the index or the trail fails, or the root of trust is gone; what can be done is done all the same.
    pub async fn rotate_due(&self, now: OffsetDateTime) -> Result<usize, KmsError> {
        if !self.inner.timers_checked.load(Ordering::Relaxed) {
            self.check_timers().await?;
            self.inner.timers_checked.store(true, Ordering::Relaxed);
        }
        let (mut changed, mut failure, mut after) = (0, None, None);
        loop {
            let timers = self.inner.store.timers(after.as_deref(), PAGE).await?;
            let last = timers.len() < PAGE;
            for timer in timers {
                if timer.at > now {
                    return failure.map_or(Ok(changed), Err);
                }
                after = Some(timer.id.clone());
                let kms = self.clone();
                match to_the_end(async move { kms.act(&timer, now).await }).await {
                    Ok(acted) => changed += usize::from(acted),
                    // One key that cannot be changed does not keep the others from their time.
                    Err(error) => failure = Some(error),
                }
            }
            if last {
                return failure.map_or(Ok(changed), Err);
            }
        }
    }

    async fn act(&self, timer: &Timer, now: OffsetDateTime) -> Result<bool, KmsError> {
        let store = &self.inner.store;
        let key = store.key(timer.account, timer.key).await?;
        let Some(key) = key.filter(|key| key.record.timer() == Some(timer.at)) else {
            // The key is gone, or its time has changed meanwhile.
            store.write(vec![drop_timer(&timer.id)]).await?;
            return Ok(false);
        };
        let mut record = key.record.clone();
        let expired = record.expire(now);
        let rotates = record.rotation_due(now);
        if rotates {
            let new = self.inner.materials.next(&record, now)?;
            record.rotate(Some(new), RotationType::Automatic, now);
        }
        let mut writes = vec![update_key(&key, &record)?];
        writes.extend(retime(Some(&key.record), Some(&record)));
        // Another change came first: the next turn looks again.
        if !store.write(writes).await? {
            return Ok(false);
        }
        self.note_expired(&key, &expired, now).await?;
        if rotates && let Some(current) = record.current() {
            let event = self.rotation_event(&key, RotationType::Automatic, &current.id, now);
            self.inner.trail.record(event).await?;
        }
        Ok(rotates || !expired.is_empty())
    }

    /// Forgets and records material that has expired.
    pub(crate) async fn note_expired(
        &self,
        key: &Key,
        expired: &[String],
        now: OffsetDateTime,
    ) -> Result<(), KmsError> {
        if expired.is_empty() {
            return Ok(());
        }
        let record = &key.record;
        self.inner.materials.forget(record.account, record.id);
        for id in expired {
            let mut event = self.service_event("DeleteExpiredKeyMaterial", key, now);
            event.service_details = json!({ "keyId": record.key_id(), "keyMaterialId": id });
            self.inner.trail.record(event).await?;
        }
        Ok(())
    }

    /// The event of a rotation of this key, as it was before.
    /// <https://docs.aws.amazon.com/kms/latest/developerguide/ct-rotatekey.html>
    pub(crate) fn rotation_event(
        &self,
        before: &Key,
        kind: RotationType,
        current: &str,
        now: OffsetDateTime,
    ) -> Event {
        let key = &before.record;
        let mut event = self.service_event("RotateKey", before, now);
        event.service_details = json!({
            "rotationType": kind.as_str(),
            "keyOrigin": key.origin.as_str(),
            "previousKeyMaterialId": key.current().map(|material| material.id.as_str()),
            "currentKeyMaterialId": current,
            "keyId": key.key_id(),
        });
        event
    }

    /// Makes sure that every key is in the list of times that has to be: once a process, for data folders
    /// from before there was one.
    async fn check_timers(&self) -> Result<(), KmsError> {
        let store = &self.inner.store;
        let mut after = None;
        loop {
            let keys = store.all_keys(after.as_deref(), PAGE).await?;
            let last = keys.len() < PAGE;
            for (id, key) in keys {
                if let Some(write) = set_timer(&key.record)
                    && !store.has_timer(&write.id).await?
                {
                    store.write(vec![write]).await?;
                }
                after = Some(id);
            }
            if last {
                return Ok(());
            }
        }
    }
}
