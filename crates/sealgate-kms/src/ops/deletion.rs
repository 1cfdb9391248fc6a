//! ScheduleKeyDeletion, CancelKeyDeletion, and the sweep that really deletes.

use sealgate_audit::{Event, EventType, Resource};
use sealgate_policy::{Caller, Environment, Principal, PrincipalKind};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::arn::AccountId;
use crate::attempt::{Attempt, EVENT_SOURCE};
use crate::error::KmsError;
use crate::key::KeyState;
use crate::key_store::record;
use crate::kms::{Kms, to_the_end};
use crate::operation::Operation;
use crate::ops::keys::whole_millis;
use crate::paging::out_of_range;
use crate::store::{Key, delete_alias_named, delete_key, mark_deletion, retime};
use crate::types::{Call, ScheduledDeletion};

const MIN_WINDOW: usize = 7;
const MAX_WINDOW: usize = 30;
/// Waiting keys looked at per read of the index.
const PAGE: usize = 100;

impl Kms {
    /// ScheduleKeyDeletion. The plaintext of its material is forgotten at once.
    ///
    /// # Errors
    /// As AWS documents for ScheduleKeyDeletion.
    pub async fn schedule_key_deletion(
        &self,
        call: &Call<'_>,
        key_id: &str,
        pending_window_in_days: Option<i64>,
    ) -> Result<ScheduledDeletion, KmsError> {
        let (kms, key_id) = (self.clone(), key_id.to_owned());
        let mut attempt = Attempt::begin(call, Operation::ScheduleKeyDeletion);
        attempt.parameter("keyId", key_id.as_str());
        attempt.optional("pendingWindowInDays", pending_window_in_days);
        to_the_end(async move {
            let result = kms
                .schedule(&mut attempt, &key_id, pending_window_in_days)
                .await;
            kms.conclude(attempt, result).await
        })
        .await
    }

    async fn schedule(
        &self,
        attempt: &mut Attempt,
        key_id: &str,
        window: Option<i64>,
    ) -> Result<ScheduledDeletion, KmsError> {
        let days = window.unwrap_or(MAX_WINDOW as i64);
        if !(MIN_WINDOW as i64..=MAX_WINDOW as i64).contains(&days) {
            return Err(out_of_range(
                "pendingWindowInDays",
                days,
                MIN_WINDOW,
                MAX_WINDOW,
            ));
        }
        let (due, found) = self
            .change_key(
                attempt,
                key_id,
                |context| {
                    let days = days.to_string();
                    context.insert("kms:ScheduleKeyDeletionPendingWindowInDays", days);
                },
                |key, now| {
                    let due = whole_millis(now + Duration::days(days));
                    key.state = KeyState::PendingDeletion;
                    key.deletion = Some(due);
                    Ok((due, vec![mark_deletion(key.account, key.id, true)]))
                },
            )
            .await?;
        let key = &found.key;
        self.inner
            .materials
            .forget(key.record.account, key.record.id);
        attempt.responds("deletionDate", due.format(&Rfc3339).unwrap_or_default());
        attempt.responds("keyState", KeyState::PendingDeletion.as_str());
        attempt.responds("pendingWindowInDays", days);
        Ok(ScheduledDeletion {
            key_arn: key.arn.clone(),
            deletion_date: due,
            state: KeyState::PendingDeletion,
            pending_window_in_days: days,
        })
    }

    /// CancelKeyDeletion; the key is disabled afterwards. Returns its ARN.
    ///
    /// # Errors
    /// As AWS documents for CancelKeyDeletion.
    pub async fn cancel_key_deletion(
        &self,
        call: &Call<'_>,
        key_id: &str,
    ) -> Result<String, KmsError> {
        let (kms, key_id) = (self.clone(), key_id.to_owned());
        let mut attempt = Attempt::begin(call, Operation::CancelKeyDeletion);
        attempt.parameter("keyId", key_id.as_str());
        to_the_end(async move {
            let result = kms
                .change_key(
                    &mut attempt,
                    &key_id,
                    |_| (),
                    |key, _| {
                        // Without its material it cannot be enabled, only imported again.
                        key.state = match key.is_complete() {
                            true => KeyState::Disabled,
                            false => KeyState::PendingImport,
                        };
                        key.deletion = None;
                        Ok(((), vec![mark_deletion(key.account, key.id, false)]))
                    },
                )
                .await
                .map(|((), found)| found.key.arn.clone());
            kms.conclude(attempt, result).await
        })
        .await
    }

    /// Wipes plaintext material that has been in memory for long enough.
    pub fn expire_cache(&self) {
        self.inner.materials.expire();
    }

    /// Deletes the keys whose waiting time is over, with their material and aliases, and wipes what
    /// [`Kms::expire_cache`] wipes. To be called every now and then; a key
    /// that is due does not exist for any operation even before. Returns how many keys were deleted.
    ///
    /// # Errors
    /// If the index fails; what was deleted before stays deleted.
    pub async fn sweep(&self, now: OffsetDateTime) -> Result<usize, KmsError> {
        self.inner.materials.expire();
        let mut deleted = 0;
        let mut after: Option<String> = None;
        loop {
            let waiting = self.inner.store.deletions(after.as_deref(), PAGE).await?;
            for (id, account, key) in waiting.iter() {
                let (kms, account, key) = (self.clone(), *account, *key);
                let gone = to_the_end(async move { kms.delete_if_due(account, key, now).await });
                deleted += usize::from(gone.await?);
                after = Some(id.clone());
            }
            if waiting.len() < PAGE {
                return Ok(deleted);
            }
        }
    }

    async fn delete_if_due(
        &self,
        account: AccountId,
        id: Uuid,
        now: OffsetDateTime,
    ) -> Result<bool, KmsError> {
        let store = &self.inner.store;
        let Some(key) = store.key(account, id).await? else {
            store.write(vec![mark_deletion(account, id, false)]).await?;
            return Ok(false);
        };
        if !key.record.is_due(now) {
            return Ok(false);
        }
        self.inner.grants.delete_all(account, id).await?;
        let usage = self.inner.usage.forget(account, id);
        let mut writes = vec![delete_key(&key), mark_deletion(account, id, false), usage];
        writes.extend(retime(Some(&key.record), None));
        if let Some(external) = &key.record.external
            && let Some(holder) = self.inner.key_stores.get(account, &external.store).await?
        {
            writes.extend(record::remove_key(&holder, external)?);
        }
        let aliases = key.record.aliases.iter();
        writes.extend(aliases.map(|name| delete_alias_named(account, name)));
        // Cancelled in the last moment, perhaps: the next sweep looks again.
        if !store.write(writes).await? {
            return Ok(false);
        }
        self.inner.materials.forget(account, id);
        self.inner
            .trail
            .record(self.service_event("DeleteKey", &key, now))
            .await?;
        Ok(true)
    }

    /// The event of something that the KMS does unasked with a key.
    pub(crate) fn service_event(&self, name: &str, key: &Key, now: OffsetDateTime) -> Event {
        let account_id = key.record.account.to_string();
        let principal = Principal {
            account_id: account_id.clone(),
            kind: PrincipalKind::Service {
                name: EVENT_SOURCE.to_owned(),
            },
            arn: String::new(),
            id: String::new(),
            access_key_id: None,
        };
        let environment = Environment {
            source_ip: None,
            secure_transport: true,
            user_agent: None,
            now,
            region: self.inner.region.clone(),
        };
        let caller = Caller::new(principal, environment);
        let request_id = Uuid::new_v4().to_string();
        let mut event = Event::new(EVENT_SOURCE, name, &caller, request_id);
        event.set_invoked_by("AWS Internal");
        event.event_type = EventType::ServiceEvent;
        event.resources.push(Resource {
            account_id,
            kind: "AWS::KMS::Key".to_owned(),
            arn: key.arn.clone(),
        });
        event
    }
}
