//! How identities are kept in the index: one JSON document each, in small namespaces.
//!
//! A user's record names its access keys and holds its policies, so that every rule about a user
//! (two keys at most, nothing deleted that still has dependants) is decided on one revision.

use bytes::Bytes;
use sealgate_index::{Expect, Index, RecordWrite};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::error::IamError;
use crate::model::{AccessKey, Account, KeyStatus, User};

pub(crate) const ACCOUNTS: &str = "iam/account";
pub(crate) const CANONICAL_IDS: &str = "iam/canonical";
pub(crate) const USERS: &str = "iam/user";
pub(crate) const KEYS: &str = "iam/key";
pub(crate) const LAST_USED: &str = "iam/used";

#[derive(Serialize, Deserialize, Clone)]
pub(crate) struct AccountRecord {
    pub id: String,
    pub name: String,
    pub email: Option<String>,
    pub canonical_id: String,
    #[serde(with = "time::serde::rfc3339")]
    pub created: OffsetDateTime,
    /// Access key ids of the root.
    pub keys: Vec<String>,
}

impl From<AccountRecord> for Account {
    fn from(record: AccountRecord) -> Account {
        Account {
            id: record.id,
            name: record.name,
            email: record.email,
            canonical_id: record.canonical_id,
            created: record.created,
        }
    }
}

#[derive(Serialize, Deserialize, Clone)]
pub(crate) struct UserRecord {
    pub id: String,
    pub account_id: String,
    pub name: String,
    pub path: String,
    #[serde(with = "time::serde::rfc3339")]
    pub created: OffsetDateTime,
    /// Access key ids, oldest first.
    pub keys: Vec<String>,
    pub policies: Vec<InlinePolicy>,
}

#[derive(Serialize, Deserialize, Clone)]
pub(crate) struct InlinePolicy {
    pub name: String,
    /// As the caller wrote it; `GetUserPolicy` gives it back unchanged.
    pub document: String,
}

impl UserRecord {
    pub fn user(&self) -> User {
        User {
            id: self.id.clone(),
            account_id: self.account_id.clone(),
            name: self.name.clone(),
            path: self.path.clone(),
            created: self.created,
        }
    }
}

#[derive(Serialize, Deserialize, Clone)]
pub(crate) struct KeyRecord {
    pub account_id: String,
    /// The folded name of the user; `None` for the root.
    pub user: Option<String>,
    pub status: KeyStatus,
    #[serde(with = "time::serde::rfc3339")]
    pub created: OffsetDateTime,
    /// The secret, wrapped under the sealing key with the access key id as AAD; base 64.
    pub sealed_secret: String,
}

impl KeyRecord {
    pub fn access_key(&self, id: &str, user_name: Option<String>) -> AccessKey {
        AccessKey {
            id: id.to_owned(),
            account_id: self.account_id.clone(),
            user_name,
            status: self.status,
            created: self.created,
        }
    }
}

/// A document and the revision it was read at.
pub(crate) struct Stored<T> {
    pub revision: i64,
    pub value: T,
}

impl<T> Stored<T> {
    pub fn expect(&self) -> Expect {
        Expect::Revision(self.revision)
    }
}

pub(crate) async fn load<T: DeserializeOwned>(
    index: &Index,
    ns: &str,
    id: &str,
) -> Result<Option<Stored<T>>, IamError> {
    match index.record(ns, id).await? {
        None => Ok(None),
        Some(record) => Ok(Some(Stored {
            revision: record.revision,
            value: serde_json::from_slice(&record.body)?,
        })),
    }
}

pub(crate) fn write<T: Serialize>(
    ns: &str,
    id: &str,
    expect: Expect,
    value: &T,
) -> Result<RecordWrite, IamError> {
    Ok(RecordWrite {
        ns: ns.to_owned(),
        id: id.to_owned(),
        expect,
        body: Some(Bytes::from(serde_json::to_vec(value)?)),
    })
}

pub(crate) fn delete(ns: &str, id: &str, expect: Expect) -> RecordWrite {
    RecordWrite {
        ns: ns.to_owned(),
        id: id.to_owned(),
        expect,
        body: None,
    }
}

/// The record id of a user.
pub(crate) fn user_id(account_id: &str, folded_name: &str) -> String {
    format!("{account_id}/{folded_name}")
}
