//! Grants in the index, and those of one caller fast.
//!
//! - `kms/grant` holds grants (id `ACCOUNT/KEYID/GRANTID`; those to one grantee stand together),
//! - `kms/grant-name` the ids of grants that have a name (`ACCOUNT/KEYID/DIGEST` of all that was asked for),
//! - `kms/grant-retiring` the way from a retiring principal (`DIGEST/ACCOUNT/KEYID/GRANTID`).
//!
//! Every change of a key's grants also changes their number in the record of the key. Its revision
//! therefore tells whether what is in memory still holds, and a key without grants costs nothing.

use std::num::NonZeroUsize;
use std::sync::Arc;

use lru::LruCache;
use parking_lot::Mutex;
use sealgate_crypto::hash::{Digest as _, Sha256};
use sealgate_index::{Expect, Index, Record, RecordWrite};
use sealgate_policy::{Context, Principal, PrincipalKind};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::arn::AccountId;
use crate::error::KmsError;
use crate::grants::principal::{account_principal, names_of};
use crate::grants::{Grant, GrantId, GrantOperation, GrantRecord};
use crate::key::KeyRecord;
use crate::store::{Key, update_key};

const GRANTS: &str = "kms/grant";
const NAMES: &str = "kms/grant-name";
const RETIRING: &str = "kms/grant-retiring";
/// The most grants of one key.
/// <https://docs.aws.amazon.com/kms/latest/developerguide/resource-limits.html>
const MAX_GRANTS: u32 = 50_000;
/// Records per read of the index.
const PAGE: usize = 1000;
/// Lists (a key and a grantee) kept in memory.
const LISTS: NonZeroUsize = match NonZeroUsize::new(8192) {
    Some(lists) => lists,
    None => NonZeroUsize::MIN,
};
/// Grants kept in memory, all lists together.
const KEPT: usize = 200_000;
/// Changes of the grants of one key that collided in the index queue up here for their next try.
const TURNS: usize = 32;

/// Record `kms/grant-name`.
#[derive(Serialize, Deserialize)]
struct NameRecord {
    grant: String,
}

/// The store of grants.
pub(crate) struct GrantStore {
    index: Index,
    known: Mutex<Known>,
    turns: [tokio::sync::Mutex<()>; TURNS],
}

/// A key and a grantee.
type List = (AccountId, Uuid, String);

/// Lists of grants, each as it was at a revision of its key.
struct Known {
    lists: LruCache<List, (i64, Arc<[Grant]>)>,
    grants: usize,
}

impl Known {
    fn get(&mut self, list: &List, revision: i64) -> Option<Arc<[Grant]>> {
        let (known, grants) = self.lists.get(list)?;
        (*known == revision).then(|| Arc::clone(grants))
    }

    fn put(&mut self, list: List, revision: i64, grants: Arc<[Grant]>) {
        self.grants += grants.len();
        if let Some((_, (_, old))) = self.lists.push(list, (revision, grants)) {
            self.grants -= old.len();
        }
        while self.grants > KEPT
            && let Some((_, (_, old))) = self.lists.pop_lru()
        {
            self.grants -= old.len();
        }
    }
}

/// The grants of a key that may concern one caller.
#[derive(Default)]
pub(crate) struct Candidates {
    to_caller: Vec<Arc<[Grant]>>,
    /// To the caller's account, which passes them on to those whom its own policies allow.
    to_account: Option<Arc<[Grant]>>,
}

impl Candidates {
    /// Grants that cover a use: one that names the caller, then one that names the account (`true`).
    pub(crate) fn covering<'a>(
        &'a self,
        action: &str,
        request: &Context,
    ) -> impl Iterator<Item = (&'a Grant, bool)> + use<'a> {
        let operation = GrantOperation::of_action(action);
        let covers = move |grant: &&Grant| {
            operation.is_some_and(|operation| grant.covers(operation, request))
        };
        let to_caller = self
            .to_caller
            .iter()
            .flat_map(|list| list.iter())
            .find(covers);
        let to_account = self
            .to_account
            .iter()
            .flat_map(|list| list.iter())
            .find(covers);
        let to_caller = to_caller.map(|grant| (grant, false));
        to_caller
            .into_iter()
            .chain(to_account.map(|grant| (grant, true)))
    }
}

impl GrantStore {
    pub(crate) fn new(index: Index) -> GrantStore {
        GrantStore {
            index,
            known: Mutex::new(Known {
                lists: LruCache::new(LISTS),
                grants: 0,
            }),
            turns: std::array::from_fn(|_| tokio::sync::Mutex::new(())),
        }
    }

    /// The turn of one change of a key's grants, after it lost to another one.
    pub(crate) async fn turn(&self, key: &KeyRecord) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        let [.., byte] = key.id.as_bytes();
        match self.turns.get(usize::from(*byte) % TURNS) {
            Some(turn) => Some(turn.lock().await),
            None => None,
        }
    }

    /// The grants of a key that may concern a caller.
    pub(crate) async fn candidates(
        &self,
        key: &Key,
        principal: &Principal,
    ) -> Result<Candidates, KmsError> {
        let mut candidates = Candidates::default();
        if key.record.grants == 0 {
            return Ok(candidates);
        }
        for name in names_of(principal) {
            let grants = self.to(key, name).await?;
            if !grants.is_empty() {
                candidates.to_caller.push(grants);
            }
        }
        // The root user was asked for by the name of the account.
        if principal.kind != PrincipalKind::Root && !principal.account_id.is_empty() {
            let account = account_principal(&principal.account_id);
            candidates.to_account = Some(self.to(key, &account).await?);
        }
        Ok(candidates)
    }

    /// The grants of a key to this principal. The key was read before, so that none are older than it.
    async fn to(&self, key: &Key, grantee: &str) -> Result<Arc<[Grant]>, KmsError> {
        let (account, id) = (key.record.account, key.record.id);
        let list = (account, id, grantee.to_owned());
        if let Some(grants) = self.known.lock().get(&list, key.revision) {
            return Ok(grants);
        }
        let mut grants = Vec::new();
        let mut after = None;
        loop {
            let page = self
                .page(account, id, Some(grantee), after.as_deref(), PAGE)
                .await?;
            after = page.last().map(|grant| grant.id.clone());
            let full = page.len() >= PAGE;
            grants.extend(
                page.into_iter()
                    .filter(|grant| grant.record.grantee == grantee),
            );
            if !full {
                break;
            }
        }
        let grants: Arc<[Grant]> = grants.into();
        self.known
            .lock()
            .put(list, key.revision, Arc::clone(&grants));
        Ok(grants)
    }

    /// Grants of a key in the order of their ids, behind `after`; of those to other principals than
    /// `grantee` a few may be among them.
    pub(crate) async fn page(
        &self,
        account: AccountId,
        key: Uuid,
        grantee: Option<&str>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Grant>, KmsError> {
        let prefix = grantee.map(GrantId::prefix).unwrap_or_default();
        let prefix = grant_id(account, key, &prefix);
        let after = after.map(|id| grant_id(account, key, id));
        let records = self
            .index
            .records(GRANTS, &prefix, after.as_deref(), limit)
            .await?;
        records.iter().map(grant).collect()
    }

    pub(crate) async fn get(
        &self,
        account: AccountId,
        key: Uuid,
        id: &str,
    ) -> Result<Option<Grant>, KmsError> {
        let record = self
            .index
            .record(GRANTS, &grant_id(account, key, id))
            .await?;
        record.as_ref().map(grant).transpose()
    }

    /// The grant that was made for the same request under the same name.
    pub(crate) async fn named(
        &self,
        key: &Key,
        wanted: &GrantRecord,
    ) -> Result<Option<GrantId>, KmsError> {
        let Some(identity) = wanted.identity() else {
            return Ok(None);
        };
        let id = grant_id(key.record.account, key.record.id, &identity);
        let Some(record) = self.index.record(NAMES, &id).await? else {
            return Ok(None);
        };
        let damaged = |_| damaged(NAMES, &id);
        let name: NameRecord = serde_json::from_slice(&record.body).map_err(damaged)?;
        GrantId::parse(&name.grant).map(Some)
    }

    /// Grants that a principal may retire, whatever keys they are on, behind `after` (an id that this
    /// returned).
    pub(crate) async fn retirable(
        &self,
        principal: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, AccountId, Uuid, Option<Grant>)>, KmsError> {
        let prefix = retiring_id(principal, "");
        let after = after.map(|id| format!("{prefix}{id}"));
        let found = self
            .index
            .records(RETIRING, &prefix, after.as_deref(), limit)
            .await?;
        let mut grants = Vec::with_capacity(found.len());
        for record in found {
            let id = record.id.strip_prefix(&prefix).unwrap_or_default();
            let (account, key, grant) = parts(id).ok_or_else(|| damaged(RETIRING, &record.id))?;
            let grant = self.get(account, key, grant).await?;
            grants.push((id.to_owned(), account, key, grant));
        }
        Ok(grants)
    }

    /// The writes that add a grant to a key.
    pub(crate) fn insert(
        key: &Key,
        id: &GrantId,
        grant: &GrantRecord,
    ) -> Result<Vec<RecordWrite>, KmsError> {
        let mut record = key.record.clone();
        if record.grants >= MAX_GRANTS {
            return Err(KmsError::LimitExceeded(format!(
                "The KMS key has {MAX_GRANTS} grants, the most that a key can have."
            )));
        }
        record.grants += 1;
        let (account, key_id) = (record.account, record.id);
        let id = grant_id(account, key_id, &id.to_string());
        let mut writes = vec![update_key(key, &record)?];
        if let Some(identity) = grant.identity() {
            let (_, _, grant) = parts(&id).ok_or_else(|| damaged(GRANTS, &id))?;
            let name = NameRecord {
                grant: grant.to_owned(),
            };
            let identity = grant_id(account, key_id, &identity);
            writes.push(put(NAMES, identity, Expect::Absent, &name)?);
        }
        if let Some(principal) = &grant.retiring {
            let retiring = retiring_id(principal, &id);
            writes.push(put(
                RETIRING,
                retiring,
                Expect::Absent,
                &serde_json::json!({}),
            )?);
        }
        writes.push(put(GRANTS, id, Expect::Absent, grant)?);
        Ok(writes)
    }

    /// The writes that take a grant from a key.
    pub(crate) fn delete(key: &Key, grant: &Grant) -> Result<Vec<RecordWrite>, KmsError> {
        let mut record = key.record.clone();
        record.grants = record.grants.saturating_sub(1);
        let mut writes = vec![update_key(key, &record)?];
        writes.extend(removal(record.account, record.id, grant));
        Ok(writes)
    }

    /// Deletes the grants of a key that is about to be deleted itself. In steps, because there may be many:
    /// a key whose time is up can no longer be used, with or without them.
    pub(crate) async fn delete_all(&self, account: AccountId, key: Uuid) -> Result<(), KmsError> {
        loop {
            let grants = self.page(account, key, None, None, PAGE).await?;
            if grants.is_empty() {
                return Ok(());
            }
            let writes = grants.iter().flat_map(|grant| removal(account, key, grant));
            self.index.write_records(writes.collect()).await?;
        }
    }
}

/// The writes that remove what there is of a grant beside its number.
fn removal(account: AccountId, key: Uuid, grant: &Grant) -> Vec<RecordWrite> {
    let id = grant_id(account, key, &grant.id);
    let record = &grant.record;
    let name = record
        .identity()
        .map(|identity| (NAMES, grant_id(account, key, &identity)));
    let retiring = record
        .retiring
        .as_ref()
        .map(|principal| (RETIRING, retiring_id(principal, &id)));
    [name, retiring, Some((GRANTS, id))]
        .into_iter()
        .flatten()
        .map(|(ns, id)| RecordWrite {
            ns: ns.to_owned(),
            id,
            expect: Expect::Any,
            body: None,
        })
        .collect()
}

fn grant_id(account: AccountId, key: Uuid, rest: &str) -> String {
    format!("{account}/{key}/{rest}")
}

fn retiring_id(principal: &str, grant: &str) -> String {
    let digest = Sha256::digest(principal);
    format!("{}/{grant}", hex::encode(digest))
}

/// Account, key and grant of `ACCOUNT/KEYID/GRANTID`.
fn parts(id: &str) -> Option<(AccountId, Uuid, &str)> {
    let (account, rest) = id.split_once('/')?;
    let (key, grant) = rest.split_once('/')?;
    Some((account.parse().ok()?, Uuid::try_parse(key).ok()?, grant))
}

fn grant(record: &Record) -> Result<Grant, KmsError> {
    let damaged = || damaged(GRANTS, &record.id);
    let (_, _, id) = parts(&record.id).ok_or_else(damaged)?;
    let body: GrantRecord = serde_json::from_slice(&record.body).map_err(|_| damaged())?;
    Ok(Grant::new(id.to_owned(), body))
}

fn put(
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

fn damaged(ns: &str, id: &str) -> KmsError {
    KmsError::Internal(format!("the record {id} in {ns} is damaged"))
}
