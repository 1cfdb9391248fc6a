//! When each key was last used, and how often which of its materials: noted in memory, written once a minute.
//!
//! A note is worth little and uses are many: so nothing here makes a use wait, and a crash may lose the last
//! minute. The trail has every use.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use parking_lot::Mutex;
use sealgate_index::{Expect, Index, IndexError, RecordWrite};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::arn::AccountId;
use crate::error::KmsError;
use crate::key::millis;
use crate::kms::Kms;
use crate::ops::keys::whole_millis;

const NAMESPACE: &str = "kms/usage";
const SINCE_NAMESPACE: &str = "kms/usage-since";
const SINCE: &str = "since";
/// Records in one write.
const BATCH: usize = 256;

/// Record `kms/usage`, id `ACCOUNT/KEYID`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct UsageRecord {
    pub operation: String,
    #[serde(with = "millis")]
    pub at: OffsetDateTime,
    pub event_id: Uuid,
    pub request_id: String,
    /// Uses by the id of the material, where the operation names one.
    #[serde(default)]
    pub uses: BTreeMap<String, u64>,
}

/// Record `kms/usage-since`: when noting began.
#[derive(Serialize, Deserialize)]
struct SinceRecord {
    #[serde(with = "millis")]
    since: OffsetDateTime,
}

/// The notes.
pub(crate) struct Usage {
    index: Index,
    /// Since when uses are noted.
    pub since: OffsetDateTime,
    pending: Mutex<HashMap<(AccountId, Uuid), UsageRecord>>,
}

/// A key that was used.
pub(crate) struct KeyUse {
    pub account: AccountId,
    pub key: Uuid,
    /// The id of its material, where the operation names it.
    pub material: Option<String>,
}

impl Usage {
    pub(crate) async fn open(index: Index) -> Result<Usage, KmsError> {
        let since = whole_millis(OffsetDateTime::now_utc());
        let write = write_of(
            SINCE_NAMESPACE,
            SINCE.to_owned(),
            Expect::Absent,
            &SinceRecord { since },
        )?;
        let since = match index.record(SINCE_NAMESPACE, SINCE).await? {
            Some(record) => decode::<SinceRecord>(&record.body)?.since,
            None => match index.write_records(vec![write]).await {
                // Another process began in the same moment.
                Ok(()) | Err(IndexError::Conflict) => since,
                Err(error) => return Err(error.into()),
            },
        };
        Ok(Usage {
            index,
            since,
            pending: Mutex::default(),
        })
    }

    pub(crate) fn note(&self, used: KeyUse, last: UsageRecord) {
        let mut pending = self.pending.lock();
        let record = match pending.entry((used.account, used.key)) {
            Entry::Vacant(place) => place.insert(last),
            Entry::Occupied(place) => {
                let record = place.into_mut();
                let uses = std::mem::take(&mut record.uses);
                *record = UsageRecord { uses, ..last };
                record
            }
        };
        if let Some(material) = used.material {
            *record.uses.entry(material).or_default() += 1;
        }
    }

    /// The last use of a key.
    pub(crate) async fn last(
        &self,
        account: AccountId,
        key: Uuid,
    ) -> Result<Option<UsageRecord>, KmsError> {
        let written = self.index.record(NAMESPACE, &id(account, key)).await?;
        let written = written
            .map(|record| decode::<UsageRecord>(&record.body))
            .transpose()?;
        let noted = self.pending.lock().get(&(account, key)).cloned();
        Ok(match (written, noted) {
            (Some(written), Some(noted)) => Some(merge(written, noted)),
            (written, noted) => noted.or(written),
        })
    }

    /// Forgets a key that is deleted.
    pub(crate) fn forget(&self, account: AccountId, key: Uuid) -> RecordWrite {
        self.pending.lock().remove(&(account, key));
        RecordWrite {
            ns: NAMESPACE.to_owned(),
            id: id(account, key),
            expect: Expect::Any,
            body: None,
        }
    }
}

impl Kms {
    /// Writes down when which key was last used; every minute, and at shutdown.
    ///
    /// # Errors
    /// If the index fails. What was not written is kept for the next time.
    pub async fn flush_usage(&self) -> Result<(), KmsError> {
        let usage = &self.inner.usage;
        let noted: Vec<_> = usage.pending.lock().drain().collect();
        let mut failure = None;
        for batch in noted.chunks(BATCH) {
            if let Err(error) = self.write_usage(batch).await {
                failure = Some(error);
                let mut pending = usage.pending.lock();
                for (key, record) in batch {
                    let merged = match pending.remove(key) {
                        Some(newer) => merge(record.clone(), newer),
                        None => record.clone(),
                    };
                    pending.insert(*key, merged);
                }
            }
        }
        failure.map_or(Ok(()), Err)
    }

    async fn write_usage(
        &self,
        batch: &[((AccountId, Uuid), UsageRecord)],
    ) -> Result<(), KmsError> {
        let index = &self.inner.usage.index;
        let mut writes = Vec::with_capacity(batch.len());
        for ((account, key), noted) in batch {
            // What was deleted in the meantime leaves no trace behind.
            if self.inner.store.key(*account, *key).await?.is_none() {
                continue;
            }
            let id = id(*account, *key);
            let record = match index.record(NAMESPACE, &id).await? {
                Some(written) => merge(decode(&written.body)?, noted.clone()),
                None => noted.clone(),
            };
            writes.push(write_of(NAMESPACE, id, Expect::Any, &record)?);
        }
        if writes.is_empty() {
            return Ok(());
        }
        Ok(index.write_records(writes).await?)
    }
}

/// The later use, and the sums of both.
fn merge(mut earlier: UsageRecord, later: UsageRecord) -> UsageRecord {
    let mut uses = std::mem::take(&mut earlier.uses);
    for (material, count) in &later.uses {
        *uses.entry(material.clone()).or_default() += count;
    }
    let last = if earlier.at > later.at {
        earlier
    } else {
        later
    };
    UsageRecord { uses, ..last }
}

fn id(account: AccountId, key: Uuid) -> String {
    format!("{account}/{key}")
}

fn write_of(
    ns: &str,
    id: String,
    expect: Expect,
    body: &impl Serialize,
) -> Result<RecordWrite, KmsError> {
    let body = serde_json::to_vec(body).map_err(|error| KmsError::Internal(error.to_string()))?;
    Ok(RecordWrite {
        ns: ns.to_owned(),
        id,
        expect,
        body: Some(body.into()),
    })
}

fn decode<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, KmsError> {
    serde_json::from_slice(body)
        .map_err(|_| KmsError::Internal(format!("a record in {NAMESPACE} is damaged")))
}
