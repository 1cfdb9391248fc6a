//! Keys and aliases in the index.
//!
//! `kms/key` holds keys (id `ACCOUNT/KEYID`), `kms/alias` aliases (`ACCOUNT/alias/NAME`), `kms/deletion` the
//! keys that wait for their deletion, `kms/timer` (`MILLISECONDS/ACCOUNT/KEYID`) those that a rotation or the
//! end of imported material waits for. Whoever changes more than one does it in one write.

use std::num::NonZeroUsize;
use std::sync::Arc;

use lru::LruCache;
use parking_lot::Mutex;
use sealgate_index::{Expect, Index, IndexError, Record, RecordWrite};
use sealgate_policy::Policy;
use serde::Serialize;
use serde::de::DeserializeOwned;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::arn::AccountId;
use crate::error::KmsError;
use crate::key::{AliasRecord, KeyRecord, KeyState, millis};

const KEYS: &str = "kms/key";
const ALIASES: &str = "kms/alias";
const DELETIONS: &str = "kms/deletion";
const TIMERS: &str = "kms/timer";
/// Keys kept parsed, policy included.
const CAPACITY: NonZeroUsize = match NonZeroUsize::new(4096) {
    Some(capacity) => capacity,
    None => NonZeroUsize::MIN,
};

/// A key as it was at one revision.
#[derive(Debug)]
pub(crate) struct Key {
    pub record: KeyRecord,
    pub revision: i64,
    pub policy: Policy,
    pub arn: String,
    /// The state that the key has kept, and has again when its key store is connected, where the record says
    /// that it is unavailable meanwhile.
    pub kept_state: Option<KeyState>,
}

impl Key {
    /// The key while the store that it is in is not connected. That its deletion is pending stays visible.
    pub(crate) fn unavailable(self: Arc<Key>) -> Arc<Key> {
        let state = self.record.state;
        if !matches!(state, KeyState::Enabled | KeyState::Disabled) {
            return self;
        }
        let mut record = self.record.clone();
        record.state = KeyState::Unavailable;
        Arc::new(Key {
            record,
            revision: self.revision,
            policy: self.policy.clone(),
            arn: self.arn.clone(),
            kept_state: Some(state),
        })
    }

    /// The key as it is at that time: what has expired counts from its last moment on, not from when it is
    /// wiped.
    pub(crate) fn at(self: Arc<Key>, now: OffsetDateTime) -> Arc<Key> {
        let state = self.record.state_at(now);
        if state == self.record.state {
            return self;
        }
        let mut record = self.record.clone();
        record.state = state;
        Arc::new(Key {
            record,
            revision: self.revision,
            policy: self.policy.clone(),
            arn: self.arn.clone(),
            kept_state: self.kept_state,
        })
    }
}

/// An alias as it was at one revision.
#[derive(Debug)]
pub(crate) struct Alias {
    pub name: String,
    pub record: AliasRecord,
    pub revision: i64,
}

/// When a key is to be looked at.
#[derive(Debug)]
pub(crate) struct Timer {
    pub id: String,
    pub at: OffsetDateTime,
    pub account: AccountId,
    pub key: Uuid,
}

/// The store.
pub(crate) struct Store {
    index: Index,
    region: String,
    parsed: Mutex<LruCache<String, Arc<Key>>>,
}

impl Store {
    pub(crate) fn new(index: Index, region: String) -> Store {
        Store {
            index,
            region,
            parsed: Mutex::new(LruCache::new(CAPACITY)),
        }
    }

    pub(crate) async fn key(
        &self,
        account: AccountId,
        id: Uuid,
    ) -> Result<Option<Arc<Key>>, KmsError> {
        match self.index.record(KEYS, &key_id(account, id)).await? {
            Some(record) => self.parsed(record).map(Some),
            None => Ok(None),
        }
    }

    /// Keys of an account, by key id, behind `after`.
    pub(crate) async fn keys(
        &self,
        account: AccountId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Arc<Key>>, KmsError> {
        let after = after.map(|id| format!("{account}/{id}"));
        let records = self
            .index
            .records(KEYS, &format!("{account}/"), after.as_deref(), limit)
            .await?;
        records
            .into_iter()
            .map(|record| self.parsed(record))
            .collect()
    }

    pub(crate) async fn alias(
        &self,
        account: AccountId,
        name: &str,
    ) -> Result<Option<Alias>, KmsError> {
        let record = self.index.record(ALIASES, &alias_id(account, name)).await?;
        record.map(|record| alias(&record)).transpose()
    }

    /// Aliases of an account, by name, behind `after`.
    pub(crate) async fn aliases(
        &self,
        account: AccountId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Alias>, KmsError> {
        let after = after.map(|name| alias_id(account, name));
        let records = self
            .index
            .records(ALIASES, &format!("{account}/"), after.as_deref(), limit)
            .await?;
        records.iter().map(alias).collect()
    }

    /// Aliases of an account whose names begin with `prefix`, by name.
    pub(crate) async fn aliases_from(
        &self,
        account: AccountId,
        prefix: &str,
        limit: usize,
    ) -> Result<Vec<Alias>, KmsError> {
        let prefix = alias_id(account, prefix);
        let records = self.index.records(ALIASES, &prefix, None, limit).await?;
        records.iter().map(alias).collect()
    }

    /// The keys that wait for their deletion, behind `after` (an id that this returned).
    pub(crate) async fn deletions(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, AccountId, Uuid)>, KmsError> {
        let records = self.index.records(DELETIONS, "", after, limit).await?;
        records
            .into_iter()
            .map(|record| {
                let parsed = record.id.split_once('/').and_then(|(account, id)| {
                    Some((account.parse().ok()?, Uuid::try_parse(id).ok()?))
                });
                let (account, id) = parsed.ok_or_else(|| damaged(DELETIONS, &record.id))?;
                Ok((record.id, account, id))
            })
            .collect()
    }

    /// The times at which keys are to be looked at, the first one first, behind `after` (an id that this
    /// returned).
    pub(crate) async fn timers(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Timer>, KmsError> {
        let records = self.index.records(TIMERS, "", after, limit).await?;
        records
            .into_iter()
            .map(|record| timer(&record.id).ok_or_else(|| damaged(TIMERS, &record.id)))
            .collect()
    }

    pub(crate) async fn has_timer(&self, id: &str) -> Result<bool, KmsError> {
        Ok(self.index.record(TIMERS, id).await?.is_some())
    }

    /// Keys of all accounts, each with its record's id, behind `after` (an id that this returned).
    pub(crate) async fn all_keys(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Arc<Key>)>, KmsError> {
        let records = self.index.records(KEYS, "", after, limit).await?;
        records
            .into_iter()
            .map(|record| Ok((record.id.clone(), self.parsed(record)?)))
            .collect()
    }

    /// Writes all or nothing. `false` if another write came first; look again and retry.
    pub(crate) async fn write(&self, writes: Vec<RecordWrite>) -> Result<bool, KmsError> {
        match self.index.write_records(writes).await {
            Ok(()) => Ok(true),
            Err(IndexError::Conflict) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn parsed(&self, record: Record) -> Result<Arc<Key>, KmsError> {
        if let Some(key) = self.parsed.lock().get(&record.id)
            && key.revision == record.revision
        {
            return Ok(Arc::clone(key));
        }
        let body: KeyRecord = decode(KEYS, &record)?;
        // Written after it was parsed; a stricter parser must not turn a policy into "no policy".
        let policy = Policy::parse_key_policy(&body.policy).map_err(|error| {
            KmsError::Internal(format!(
                "the policy of key {} is not valid: {error}",
                body.id
            ))
        })?;
        let arn = body.arn(&self.region);
        let key = Arc::new(Key {
            record: body,
            revision: record.revision,
            policy,
            arn,
            kept_state: None,
        });
        self.parsed.lock().put(record.id, Arc::clone(&key));
        Ok(key)
    }
}

fn alias(record: &Record) -> Result<Alias, KmsError> {
    let name = record
        .id
        .split_once('/')
        .ok_or_else(|| damaged(ALIASES, &record.id))?
        .1
        .to_owned();
    Ok(Alias {
        name,
        record: decode(ALIASES, record)?,
        revision: record.revision,
    })
}

/// Writes a new key.
pub(crate) fn insert_key(key: &KeyRecord) -> Result<RecordWrite, KmsError> {
    write_of(KEYS, key_id(key.account, key.id), Expect::Absent, key)
}

/// Writes a changed key over the one it was made from.
pub(crate) fn update_key(over: &Key, key: &KeyRecord) -> Result<RecordWrite, KmsError> {
    let id = key_id(key.account, key.id);
    let expect = Expect::Revision(over.revision);
    match over.kept_state {
        // That it is unavailable is not written down: the key store says it.
        Some(state) if key.state == KeyState::Unavailable => {
            let mut key = key.clone();
            key.state = state;
            write_of(KEYS, id, expect, &key)
        }
        _ => write_of(KEYS, id, expect, key),
    }
}

/// Deletes a key, its material with it.
pub(crate) fn delete_key(key: &Key) -> RecordWrite {
    delete(
        KEYS,
        key_id(key.record.account, key.record.id),
        Expect::Revision(key.revision),
    )
}

/// Writes a new alias.
pub(crate) fn insert_alias(
    account: AccountId,
    name: &str,
    alias: &AliasRecord,
) -> Result<RecordWrite, KmsError> {
    write_of(ALIASES, alias_id(account, name), Expect::Absent, alias)
}

/// Writes a changed alias over the one it was made from.
pub(crate) fn update_alias(
    account: AccountId,
    over: &Alias,
    alias: &AliasRecord,
) -> Result<RecordWrite, KmsError> {
    write_of(
        ALIASES,
        alias_id(account, &over.name),
        Expect::Revision(over.revision),
        alias,
    )
}

/// Deletes an alias.
pub(crate) fn delete_alias(account: AccountId, alias: &Alias) -> RecordWrite {
    delete(
        ALIASES,
        alias_id(account, &alias.name),
        Expect::Revision(alias.revision),
    )
}

/// Deletes whatever alias of that name there is.
pub(crate) fn delete_alias_named(account: AccountId, name: &str) -> RecordWrite {
    delete(ALIASES, alias_id(account, name), Expect::Any)
}

/// Puts a key on the list of those that wait for deletion, or takes it off.
pub(crate) fn mark_deletion(account: AccountId, id: Uuid, waits: bool) -> RecordWrite {
    RecordWrite {
        ns: DELETIONS.to_owned(),
        id: key_id(account, id),
        expect: Expect::Any,
        body: waits.then(|| "{}".into()),
    }
}

/// Moves a key in the list of times from where it was before a change to where it belongs after it.
pub(crate) fn retime(before: Option<&KeyRecord>, after: Option<&KeyRecord>) -> Vec<RecordWrite> {
    let (before, after) = (before.and_then(timer_id), after.and_then(timer_id));
    if before == after {
        return Vec::new();
    }
    let gone = before.as_deref().map(drop_timer);
    gone.into_iter().chain(after.map(put_timer)).collect()
}

/// Puts a key in the list of times, if it belongs there.
pub(crate) fn set_timer(key: &KeyRecord) -> Option<RecordWrite> {
    timer_id(key).map(put_timer)
}

/// Takes an entry out of the list of times.
pub(crate) fn drop_timer(id: &str) -> RecordWrite {
    delete(TIMERS, id.to_owned(), Expect::Any)
}

fn put_timer(id: String) -> RecordWrite {
    RecordWrite {
        ns: TIMERS.to_owned(),
        id,
        expect: Expect::Any,
        body: Some("{}".into()),
    }
}

/// Fourteen digits of milliseconds, so that ids are in the order of time.
fn timer_id(key: &KeyRecord) -> Option<String> {
    let at = millis::to_millis(key.timer()?).max(0);
    Some(format!("{at:014}/{}", key_id(key.account, key.id)))
}

fn timer(id: &str) -> Option<Timer> {
    let (at, rest) = id.split_once('/')?;
    let (account, key) = rest.split_once('/')?;
    Some(Timer {
        id: id.to_owned(),
        at: millis::from_millis(at.parse().ok()?).ok()?,
        account: account.parse().ok()?,
        key: Uuid::try_parse(key).ok()?,
    })
}

fn key_id(account: AccountId, id: Uuid) -> String {
    format!("{account}/{id}")
}

fn alias_id(account: AccountId, name: &str) -> String {
    format!("{account}/{name}")
}

/// A write of a record.
pub(crate) fn write_of(
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

/// The deletion of a record.
pub(crate) fn delete(ns: &str, id: String, expect: Expect) -> RecordWrite {
    RecordWrite {
        ns: ns.to_owned(),
        id,
        expect,
        body: None,
    }
}

pub(crate) fn decode<T: DeserializeOwned>(ns: &str, record: &Record) -> Result<T, KmsError> {
    serde_json::from_slice(&record.body).map_err(|_| damaged(ns, &record.id))
}

pub(crate) fn damaged(ns: &str, id: &str) -> KmsError {
    KmsError::Internal(format!("the record {id} in {ns} is damaged"))
}
