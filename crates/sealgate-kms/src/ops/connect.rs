//! ConnectCustomKeyStore, DisconnectCustomKeyStore, and keys that are made in a store.

use crate::arn::AccountId;
use crate::attempt::Attempt;
use crate::error::KmsError;
use crate::key_store::record::{self, KeyStore, StoreRecord};
use crate::key_store::settings::{check_id, check_key_id};
use crate::key_store::{
    ConnectionErrorCode, ConnectionState, ExternalKey, KeyStoreFault, fault, proxy,
};
use crate::kms::{Kms, to_the_end};
use crate::operation::Operation;
use crate::ops::change::{TRIES, too_busy};
use crate::ops::key_stores::wrong_state;
use crate::types::Call;

impl Kms {
    /// ConnectCustomKeyStore. It is answered when it is known whether the store is connected, and succeeds also
    /// where it is not: the description of the store says so.
    ///
    /// # Errors
    /// As AWS documents for ConnectCustomKeyStore.
    pub async fn connect_custom_key_store(
        &self,
        call: &Call<'_>,
        id: &str,
    ) -> Result<(), KmsError> {
        let (kms, id) = (self.clone(), id.to_owned());
        let mut attempt = Attempt::begin(call, Operation::ConnectCustomKeyStore);
        attempt.parameter("customKeyStoreId", id.as_str());
        to_the_end(async move {
            let result = kms.connect(&mut attempt, &id).await;
            kms.conclude(attempt, result).await
        })
        .await
    }

    async fn connect(&self, attempt: &mut Attempt, id: &str) -> Result<(), KmsError> {
        check_id(id)?;
        let account = self.permit_on_stores(attempt)?;
        let store = self
            .change_state(account, id, |store| match store.record.state {
                ConnectionState::Failed => {
                    Err(wrong_state(store, store.record.state, "DISCONNECTED"))
                }
                ConnectionState::Connected => Ok(None),
                // Also one that was being connected when the gateway ended.
                ConnectionState::Disconnected | ConnectionState::Connecting => {
                    Ok(Some((ConnectionState::Connecting, None)))
                }
            })
            .await?;
        if store.state == ConnectionState::Connected {
            return Ok(());
        }
        let found = match self.inner.proxies.client(&store) {
            Err(error) => {
                tracing::error!(store = store.id, %error, "an external key store cannot be connected");
                Err(ConnectionErrorCode::InternalError)
            }
            Ok(client) => match proxy::health(&client, &attempt.told(None)).await {
                Ok(Some(_)) => Ok(()),
                Ok(None) => Err(ConnectionErrorCode::XksProxyNotReachable),
                Err(error) => {
                    tracing::warn!(store = store.id, %error, "an external key store cannot be connected");
                    Err(fault::of_connection(&error))
                }
            },
        };
        self.change_state(account, id, |store| match store.record.state {
            ConnectionState::Connecting => Ok(Some(match found {
                Ok(()) => (ConnectionState::Connected, None),
                Err(code) => (ConnectionState::Failed, Some(code)),
            })),
            // Somebody disconnected it meanwhile, and has the last word.
            _ => Ok(None),
        })
        .await
        .map(drop)
    }

    /// DisconnectCustomKeyStore. The plaintext of materials, and the secret of the proxy, are forgotten at once.
    ///
    /// # Errors
    /// As AWS documents for DisconnectCustomKeyStore.
    pub async fn disconnect_custom_key_store(
        &self,
        call: &Call<'_>,
        id: &str,
    ) -> Result<(), KmsError> {
        let (kms, id) = (self.clone(), id.to_owned());
        let mut attempt = Attempt::begin(call, Operation::DisconnectCustomKeyStore);
        attempt.parameter("customKeyStoreId", id.as_str());
        to_the_end(async move {
            let result = kms.disconnect(&mut attempt, &id).await;
            kms.conclude(attempt, result).await
        })
        .await
    }

    async fn disconnect(&self, attempt: &mut Attempt, id: &str) -> Result<(), KmsError> {
        check_id(id)?;
        let account = self.permit_on_stores(attempt)?;
        self.change_state(account, id, |store| match store.record.state {
            ConnectionState::Disconnected => {
                let wanted = "CONNECTED, CONNECTING or FAILED";
                Err(wrong_state(store, store.record.state, wanted))
            }
            _ => Ok(Some((ConnectionState::Disconnected, None))),
        })
        .await?;
        self.inner.proxies.forget(account, id);
        self.inner.materials.forget_all();
        Ok(())
    }

    /// Moves a store to another state, which `next` chooses, or leaves it.
    async fn change_state(
        &self,
        account: AccountId,
        id: &str,
        next: impl Fn(
            &KeyStore,
        )
            -> Result<Option<(ConnectionState, Option<ConnectionErrorCode>)>, KmsError>,
    ) -> Result<StoreRecord, KmsError> {
        for _ in 0..TRIES {
            let store = self.key_store(account, id).await?;
            let Some((state, error)) = next(&store)? else {
                return Ok(store.record);
            };
            let mut changed = store.record.clone();
            (changed.state, changed.error) = (state, error);
            let writes = record::update(&store, &changed)?;
            if self.inner.store.write(writes).await? {
                return Ok(changed);
            }
        }
        Err(too_busy())
    }

    /// The external key that a new key shall have, and its store, if they are fit for it.
    pub(crate) async fn external_key(
        &self,
        attempt: &Attempt,
        account: AccountId,
        external: &ExternalKey,
    ) -> Result<KeyStore, KmsError> {
        check_id(&external.store)?;
        check_key_id(&external.key)?;
        let store = self.key_store(account, &external.store).await?;
        match store.record.state {
            ConnectionState::Connected => {}
            state => return Err(wrong_state(&store, state, "CONNECTED")),
        }
        if self.inner.key_stores.has_key(external).await? {
            return Err(KeyStoreFault::XksKeyAlreadyInUse.because(format!(
                "Another KMS key of the custom key store {} has the external key {}.",
                external.store, external.key
            )));
        }
        let client = self.inner.proxies.client(&store.record)?;
        let metadata = client
            .key_metadata(&external.key, &attempt.told(None))
            .await
            .map_err(|error| {
                tracing::warn!(store = store.record.id, key = external.key, %error, "an external key cannot be used");
                fault::of_new_key(&error)
            })?;
        let does = |usage: &str| metadata.key_usage.iter().any(|found| found == usage);
        let fit = metadata.key_spec == "AES_256"
            && metadata.key_status == "ENABLED"
            && does("ENCRYPT")
            && does("DECRYPT");
        match fit {
            true => Ok(store),
            false => Err(KeyStoreFault::XksKeyInvalidConfiguration.because(
                "The external key must be an AES-256 symmetric key that is enabled and performs encryption and \
                 decryption.",
            )),
        }
    }
}
