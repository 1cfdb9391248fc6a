//! Keys and aliases in the index.
//!
//! `kms/key` holds keys (id `ACCOUNT/KEYID`), `kms/alias` aliases (`ACCOUNT/alias/NAME`), `kms/deletion` the
//! keys that wait for their deletion. Whoever changes more than one does it in one write.

use std::num::NonZeroUsize;
use std::sync::Arc;

use lru::LruCache;
use parking_lot::Mutex;
use sealgate_index::{Expect, Index, IndexError, Record, RecordWrite};
use sealgate_policy::Policy;
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::arn::AccountId;
use crate::error::KmsError;
use crate::key::{AliasRecord, KeyRecord};

const KEYS: &str = "kms/key";
const ALIASES: &str = "kms/alias";
const DELETIONS: &str = "kms/deletion";
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
}

/// An alias as it was at one revision.
#[derive(Debug)]
pub(crate) struct Alias {
    pub name: String,
    pub record: AliasRecord,
    pub revision: i64,
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
    write_of(
        KEYS,
        key_id(key.account, key.id),
        Expect::Revision(over.revision),
        key,
    )
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

fn key_id(account: AccountId, id: Uuid) -> String {
    format!("{account}/{id}")
}

fn alias_id(account: AccountId, name: &str) -> String {
    format!("{account}/{name}")
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

fn delete(ns: &str, id: String, expect: Expect) -> RecordWrite {
    RecordWrite {
        ns: ns.to_owned(),
        id,
        expect,
        body: None,
    }
}

fn decode<T: DeserializeOwned>(ns: &str, record: &Record) -> Result<T, KmsError> {
    serde_json::from_slice(&record.body).map_err(|_| damaged(ns, &record.id))
}

fn damaged(ns: &str, id: &str) -> KmsError {
    KmsError::Internal(format!("the record {id} in {ns} is damaged"))
}
