//! The clients of the proxies, and the secrets that they sign with: sealed under the root in the index, and in
//! plaintext only inside a client.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use lru::LruCache;
use parking_lot::Mutex;
use sealgate_seal::wrap;
use sealgate_trust::Root;
use sealgate_trust::xks::{self, Client, Health, RequestMetadata, XksError};
use zeroize::Zeroizing;

use super::record::{Address, StoreRecord};
use crate::arn::AccountId;
use crate::error::KmsError;

const PURPOSE: &str = "kms external key store credential";
/// What a key manager that can be used says of itself; one that is degraded works, too.
const UNAVAILABLE: &str = "UNAVAILABLE";
/// Clients in memory at once.
const CAPACITY: NonZeroUsize = match NonZeroUsize::new(64) {
    Some(capacity) => capacity,
    None => NonZeroUsize::MIN,
};

/// How the proxies of external key stores are talked to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalKeyStores {
    /// The authorities to trust instead of those of the system.
    pub ca_file: Option<PathBuf>,
    /// The longest wait for an answer.
    pub timeout: Duration,
    /// Whether a proxy on this machine may be talked to over plain http.
    pub allow_http: bool,
}

impl Default for ExternalKeyStores {
    fn default() -> ExternalKeyStores {
        ExternalKeyStores {
            ca_file: None,
            timeout: xks::TIMEOUT,
            allow_http: false,
        }
    }
}

/// The proxies.
pub(crate) struct Proxies {
    pub options: ExternalKeyStores,
    root: Root,
    region: String,
    /// By store; a client that was made for another address or secret is not used.
    clients: Mutex<LruCache<(AccountId, String), Made>>,
}

/// A client and what it was made for.
type Made = (Address, Arc<Client>);

impl Proxies {
    pub(crate) fn new(root: Root, region: String, options: ExternalKeyStores) -> Proxies {
        Proxies {
            options,
            root,
            region,
            clients: Mutex::new(LruCache::new(CAPACITY)),
        }
    }

    /// The secret of a store as it is kept.
    pub(crate) fn seal(
        &self,
        account: AccountId,
        store: &str,
        secret: &str,
    ) -> Result<String, KmsError> {
        let sealing = self.root.derive(PURPOSE)?;
        let aad = binding(account, store);
        let wrapped = wrap::wrap(&sealing, PURPOSE, &aad, secret.as_bytes());
        Ok(BASE64.encode(wrapped))
    }

    /// The client of a store's proxy.
    pub(crate) fn client(&self, store: &StoreRecord) -> Result<Arc<Client>, KmsError> {
        let id = (store.account, store.id.clone());
        if let Some((address, client)) = self.clients.lock().get(&id)
            && *address == store.proxy
        {
            return Ok(Arc::clone(client));
        }
        let client = Arc::new(self.make_client(store)?);
        let made = (store.proxy.clone(), Arc::clone(&client));
        self.clients.lock().put(id, made);
        Ok(client)
    }

    fn make_client(&self, store: &StoreRecord) -> Result<Client, KmsError> {
        let damaged = || {
            KmsError::Internal(format!(
                "the credential of the key store {} does not open under the root key",
                store.id
            ))
        };
        let sealing = self.root.derive(PURPOSE)?;
        let wrapped = BASE64.decode(&store.proxy.secret).map_err(|_| damaged())?;
        let aad = binding(store.account, &store.id);
        let secret = wrap::unwrap(&sealing, PURPOSE, &aad, &wrapped).map_err(|_| damaged())?;
        let secret = std::str::from_utf8(&secret).map_err(|_| damaged())?;
        let config = xks::Config {
            endpoint: store.proxy.endpoint.clone(),
            path: store.proxy.path.clone(),
            access_key_id: store.proxy.access_key_id.clone(),
            secret_access_key: Zeroizing::new(secret.to_owned()),
            region: self.region.clone(),
            ca_file: self.options.ca_file.clone(),
            timeout: self.options.timeout,
        };
        Client::new(config).map_err(|error| KmsError::Internal(error.to_string()))
    }

    /// Forgets a client, and the secret with it.
    pub(crate) fn forget(&self, account: AccountId, store: &str) {
        self.clients.lock().pop(&(account, store.to_owned()));
    }

    /// Forgets everything: the root of trust is gone.
    pub(crate) fn forget_all(&self) {
        self.clients.lock().clear();
    }
}

/// Whether the proxy answers; `None` if it does, but for none of its key managers.
pub(crate) async fn health(
    client: &Client,
    told: &RequestMetadata,
) -> Result<Option<Health>, XksError> {
    let health = client.health(told).await?;
    let usable = |manager: &xks::KeyManager| manager.health_status != UNAVAILABLE;
    Ok(health
        .ekm_fleet_details
        .iter()
        .any(usable)
        .then_some(health))
}

/// What a sealed secret is bound to, so that none can take another's place.
fn binding(account: AccountId, store: &str) -> Vec<u8> {
    [&account.number().to_be_bytes()[..], store.as_bytes()].concat()
}
