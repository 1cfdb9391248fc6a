//! What is kept of key stores.
//!
//! `kms/key-store` holds stores (id `ACCOUNT/STORE`), `kms/key-store-name` and `kms/key-store-uri` what is in use
//! by one (id `ACCOUNT/NAME`, `ACCOUNT/ENDPOINT/PATH`), `kms/key-store-key` the external keys that KMS keys have
//! (id `STORE/EXTERNAL KEY`). A store counts its keys, in the same write as each of them.

use std::fmt;

use sealgate_index::{Expect, Index, RecordWrite};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{CustomKeyStore, ExternalKey};
use crate::arn::AccountId;
use crate::error::KmsError;
use crate::key::millis;
use crate::store::{damaged, decode, delete, write_of};

const STORES: &str = "kms/key-store";
const NAMES: &str = "kms/key-store-name";
const URIS: &str = "kms/key-store-uri";
const KEYS: &str = "kms/key-store-key";

/// Whether a store can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ConnectionState {
    /// It can.
    Connected,
    /// It is being found out.
    Connecting,
    /// It could not be connected.
    Failed,
    /// It was never connected, or was disconnected on purpose.
    Disconnected,
}

impl fmt::Display for ConnectionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ConnectionState::Connected => "CONNECTED",
            ConnectionState::Connecting => "CONNECTING",
            ConnectionState::Failed => "FAILED",
            ConnectionState::Disconnected => "DISCONNECTED",
        })
    }
}

/// Why a store could not be connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ConnectionErrorCode {
    /// The gateway itself failed.
    InternalError,
    /// The proxy refuses the credential or the request.
    XksProxyAccessDenied,
    /// There is nobody at its address, or none of its key managers answers.
    XksProxyNotReachable,
    /// It did not answer in time.
    XksProxyTimedOut,
    /// Its answer is not one of the specification.
    XksProxyInvalidResponse,
    /// It does not know what it is asked.
    XksProxyInvalidConfiguration,
    /// Its certificate is not trusted.
    XksProxyInvalidTlsConfiguration,
}

impl fmt::Display for ConnectionErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ConnectionErrorCode::InternalError => "INTERNAL_ERROR",
            ConnectionErrorCode::XksProxyAccessDenied => "XKS_PROXY_ACCESS_DENIED",
            ConnectionErrorCode::XksProxyNotReachable => "XKS_PROXY_NOT_REACHABLE",
            ConnectionErrorCode::XksProxyTimedOut => "XKS_PROXY_TIMED_OUT",
            ConnectionErrorCode::XksProxyInvalidResponse => "XKS_PROXY_INVALID_RESPONSE",
            ConnectionErrorCode::XksProxyInvalidConfiguration => "XKS_PROXY_INVALID_CONFIGURATION",
            ConnectionErrorCode::XksProxyInvalidTlsConfiguration => {
                "XKS_PROXY_INVALID_TLS_CONFIGURATION"
            }
        })
    }
}

/// Where a proxy is, and how it knows us.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Address {
    pub endpoint: String,
    pub path: String,
    pub access_key_id: String,
    /// `wrap` of the secret under the root, in base64.
    pub secret: String,
}

/// Record `kms/key-store`, id `ACCOUNT/STORE`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StoreRecord {
    pub account: AccountId,
    pub id: String,
    pub name: String,
    #[serde(with = "millis")]
    pub created: OffsetDateTime,
    pub proxy: Address,
    pub state: ConnectionState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ConnectionErrorCode>,
    /// How many KMS keys are in it.
    #[serde(default)]
    pub keys: u32,
}

impl StoreRecord {
    pub(crate) fn described(&self) -> CustomKeyStore {
        CustomKeyStore {
            id: self.id.clone(),
            name: self.name.clone(),
            state: self.state,
            error: self.error,
            created: self.created,
            access_key_id: self.proxy.access_key_id.clone(),
            uri_endpoint: self.proxy.endpoint.clone(),
            uri_path: self.proxy.path.clone(),
        }
    }
}

/// A store as it was at one revision.
#[derive(Debug, Clone)]
pub(crate) struct KeyStore {
    pub record: StoreRecord,
    pub revision: i64,
}

/// What stands in the index for a name or an address that is in use: the store that uses it.
#[derive(Serialize, Deserialize)]
struct UsedBy {
    store: String,
}

/// The stores in the index.
pub(crate) struct KeyStores {
    index: Index,
}

impl KeyStores {
    pub(crate) fn new(index: Index) -> KeyStores {
        KeyStores { index }
    }

    pub(crate) async fn get(
        &self,
        account: AccountId,
        id: &str,
    ) -> Result<Option<KeyStore>, KmsError> {
        let record = self.index.record(STORES, &store_id(account, id)).await?;
        let Some(record) = record else {
            return Ok(None);
        };
        Ok(Some(KeyStore {
            record: decode(STORES, &record)?,
            revision: record.revision,
        }))
    }

    /// The stores of an account, by id, behind `after`.
    pub(crate) async fn list(
        &self,
        account: AccountId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<KeyStore>, KmsError> {
        let after = after.map(|id| store_id(account, id));
        let prefix = format!("{account}/");
        let found = self.index.records(STORES, &prefix, after.as_deref(), limit);
        let found = found.await?.into_iter().map(|record| {
            Ok(KeyStore {
                record: decode(STORES, &record)?,
                revision: record.revision,
            })
        });
        found.collect()
    }

    /// The store of this name.
    pub(crate) async fn named(
        &self,
        account: AccountId,
        name: &str,
    ) -> Result<Option<KeyStore>, KmsError> {
        match self.user(NAMES, &name_id(account, name)).await? {
            Some(id) => self.get(account, &id).await,
            None => Ok(None),
        }
    }

    /// The id of the store whose proxy has this address.
    pub(crate) async fn at(
        &self,
        account: AccountId,
        proxy: &Address,
    ) -> Result<Option<String>, KmsError> {
        self.user(URIS, &uri_id(account, proxy)).await
    }

    async fn user(&self, ns: &str, id: &str) -> Result<Option<String>, KmsError> {
        let record = self.index.record(ns, id).await?;
        let used = record.map(|record| decode::<UsedBy>(ns, &record));
        Ok(used.transpose()?.map(|used| used.store))
    }

    /// Whether a KMS key has this external key.
    pub(crate) async fn has_key(&self, key: &ExternalKey) -> Result<bool, KmsError> {
        Ok(self.index.record(KEYS, &key_id(key)).await?.is_some())
    }
}

/// The writes that make a store.
pub(crate) fn insert(store: &StoreRecord) -> Result<Vec<RecordWrite>, KmsError> {
    let id = store_id(store.account, &store.id);
    Ok(vec![
        write_of(STORES, id, Expect::Absent, store)?,
        use_name(store)?,
        use_uri(store)?,
    ])
}

/// The writes that change a store.
pub(crate) fn update(over: &KeyStore, store: &StoreRecord) -> Result<Vec<RecordWrite>, KmsError> {
    let old = &over.record;
    let id = store_id(store.account, &store.id);
    let mut writes = vec![write_of(
        STORES,
        id,
        Expect::Revision(over.revision),
        store,
    )?];
    if old.name != store.name {
        writes.extend([free_name(old), use_name(store)?]);
    }
    if uri_id(old.account, &old.proxy) != uri_id(store.account, &store.proxy) {
        writes.extend([free_uri(old), use_uri(store)?]);
    }
    Ok(writes)
}

/// The writes that take a store away.
pub(crate) fn remove(store: &KeyStore) -> Vec<RecordWrite> {
    let record = &store.record;
    let id = store_id(record.account, &record.id);
    let gone = delete(STORES, id, Expect::Revision(store.revision));
    vec![gone, free_name(record), free_uri(record)]
}

/// The writes that put a key into a store.
pub(crate) fn add_key(store: &KeyStore, key: &ExternalKey) -> Result<Vec<RecordWrite>, KmsError> {
    let mut record = store.record.clone();
    record.keys = record
        .keys
        .checked_add(1)
        .ok_or_else(|| damaged(STORES, &record.id))?;
    let mut writes = update(store, &record)?;
    let used = serde_json::json!({});
    writes.push(write_of(KEYS, key_id(key), Expect::Absent, &used)?);
    Ok(writes)
}

/// The writes that take a key out of a store.
pub(crate) fn remove_key(
    store: &KeyStore,
    key: &ExternalKey,
) -> Result<Vec<RecordWrite>, KmsError> {
    let mut record = store.record.clone();
    record.keys = record.keys.saturating_sub(1);
    let mut writes = update(store, &record)?;
    writes.push(delete(KEYS, key_id(key), Expect::Any));
    Ok(writes)
}

fn use_name(store: &StoreRecord) -> Result<RecordWrite, KmsError> {
    let id = name_id(store.account, &store.name);
    write_of(NAMES, id, Expect::Absent, &used_by(store))
}

fn free_name(store: &StoreRecord) -> RecordWrite {
    delete(NAMES, name_id(store.account, &store.name), Expect::Any)
}

fn use_uri(store: &StoreRecord) -> Result<RecordWrite, KmsError> {
    let id = uri_id(store.account, &store.proxy);
    write_of(URIS, id, Expect::Absent, &used_by(store))
}

fn free_uri(store: &StoreRecord) -> RecordWrite {
    delete(URIS, uri_id(store.account, &store.proxy), Expect::Any)
}

fn used_by(store: &StoreRecord) -> UsedBy {
    UsedBy {
        store: store.id.clone(),
    }
}

fn store_id(account: AccountId, id: &str) -> String {
    format!("{account}/{id}")
}

fn name_id(account: AccountId, name: &str) -> String {
    format!("{account}/{name}")
}

/// Hosts are the same in capitals, and the port of https goes without saying.
fn uri_id(account: AccountId, proxy: &Address) -> String {
    let endpoint = proxy.endpoint.to_ascii_lowercase();
    let endpoint = endpoint.strip_suffix(":443").unwrap_or(&endpoint);
    format!("{account}/{endpoint}{}", proxy.path)
}

fn key_id(key: &ExternalKey) -> String {
    format!("{}/{}", key.store, key.key)
}
