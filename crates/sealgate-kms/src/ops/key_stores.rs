//! CreateCustomKeyStore, UpdateCustomKeyStore, DeleteCustomKeyStore, DescribeCustomKeyStores.
//! <https://docs.aws.amazon.com/kms/latest/developerguide/keystore-external.html>

use sealgate_policy::Context;

use crate::arn::AccountId;
use crate::attempt::Attempt;
use crate::error::KmsError;
use crate::key_store::record::{self, Address, KeyStore, StoreRecord};
use crate::key_store::settings::{Said, check_id, check_name};
use crate::key_store::{
    CloudHsmSettings, ConnectionState, CreateCustomKeyStoreRequest, CustomKeyStore, KeyStoreFault,
    UpdateCustomKeyStoreRequest, XksProxyCredential, fault, proxy,
};
use crate::kind::not_in_enum;
use crate::kms::{Kms, to_the_end};
use crate::material::no_random;
use crate::operation::Operation;
use crate::ops::change::{TRIES, too_busy};
use crate::ops::keys::whole_millis;
use crate::paging::Paging;
use crate::types::{Call, Page, PageRequest};

const CLOUD_HSM: &str = "AWS_CLOUDHSM";
const EXTERNAL: &str = "EXTERNAL_KEY_STORE";
/// The most stores of an account, as at AWS.
const MAX_STORES: usize = 10;

/// Parameters of DescribeCustomKeyStores.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FindKeyStores {
    /// `CustomKeyStoreId`.
    pub id: Option<String>,
    /// `CustomKeyStoreName`.
    pub name: Option<String>,
    /// `Limit` and `Marker`.
    pub page: PageRequest,
}

impl Kms {
    /// CreateCustomKeyStore; returns the id of the store, which is not connected yet.
    ///
    /// # Errors
    /// As AWS documents for CreateCustomKeyStore; there is no CloudHSM cluster, and no endpoint service of a VPC.
    pub async fn create_custom_key_store(
        &self,
        call: &Call<'_>,
        request: CreateCustomKeyStoreRequest,
    ) -> Result<String, KmsError> {
        let (kms, mut attempt) = (
            self.clone(),
            Attempt::begin(call, Operation::CreateCustomKeyStore),
        );
        attempt.parameter("customKeyStoreName", request.name.as_str());
        attempt.optional("customKeyStoreType", request.kind.as_deref());
        attempt.optional("cloudHsmClusterId", request.cluster.cluster_id.as_deref());
        note_proxy(&mut attempt, &request.proxy);
        to_the_end(async move {
            let result = kms.make_key_store(&mut attempt, request).await;
            kms.conclude(attempt, result).await
        })
        .await
    }

    async fn make_key_store(
        &self,
        attempt: &mut Attempt,
        request: CreateCustomKeyStoreRequest,
    ) -> Result<String, KmsError> {
        check_name(&request.name, "customKeyStoreName")?;
        let external = match request.kind.as_deref() {
            None | Some(CLOUD_HSM) => false,
            Some(EXTERNAL) => true,
            Some(other) => {
                let names = [CLOUD_HSM, EXTERNAL];
                return Err(not_in_enum(other, "customKeyStoreType", &names));
            }
        };
        let said = Said::parse(request.proxy, self.inner.proxies.options.allow_http)?;
        let account = self.permit_on_stores(attempt)?;
        if !external {
            return Err(no_cluster(&said, &request.cluster));
        }
        if request.cluster != CloudHsmSettings::default() {
            return Err(KmsError::Validation(format!(
                "CloudHsmClusterId, TrustAnchorCertificate and KeyStorePassword are not valid for a custom key \
                 store of type {EXTERNAL}."
            )));
        }
        refuse_vpc(&said)?;
        let (Some(endpoint), Some(path), Some(credential), Some(_)) =
            (said.endpoint, said.path, said.credential, said.vpc)
        else {
            return Err(KmsError::Validation(format!(
                "XksProxyUriEndpoint, XksProxyUriPath, XksProxyAuthenticationCredential and XksProxyConnectivity \
                 are required for a custom key store of type {EXTERNAL}."
            )));
        };
        let stores = &self.inner.key_stores;
        if stores.named(account, &request.name).await?.is_some() {
            return Err(name_in_use(&request.name));
        }
        if stores.list(account, None, MAX_STORES).await?.len() >= MAX_STORES {
            return Err(KmsError::LimitExceeded(format!(
                "An account can have at most {MAX_STORES} custom key stores."
            )));
        }
        let id = new_id()?;
        let store = StoreRecord {
            account,
            name: request.name,
            created: whole_millis(attempt.now()),
            proxy: self.address(account, &id, endpoint, path, &credential)?,
            id,
            state: ConnectionState::Disconnected,
            error: None,
            keys: 0,
        };
        self.check_proxy(attempt, &store, None).await?;
        let kept = self.inner.store.write(record::insert(&store)?).await?;
        if !kept {
            self.inner.proxies.forget(account, &store.id);
            // Another one came first, with the same name or the same address.
            return Err(match stores.at(account, &store.proxy).await? {
                Some(_) => uri_in_use(&store.proxy),
                None => name_in_use(&store.name),
            });
        }
        attempt.responds("customKeyStoreId", store.id.as_str());
        Ok(store.id)
    }

    /// UpdateCustomKeyStore.
    ///
    /// # Errors
    /// As AWS documents for UpdateCustomKeyStore.
    pub async fn update_custom_key_store(
        &self,
        call: &Call<'_>,
        request: UpdateCustomKeyStoreRequest,
    ) -> Result<(), KmsError> {
        let (kms, mut attempt) = (
            self.clone(),
            Attempt::begin(call, Operation::UpdateCustomKeyStore),
        );
        attempt.parameter("customKeyStoreId", request.id.as_str());
        attempt.optional("newCustomKeyStoreName", request.new_name.as_deref());
        attempt.optional("cloudHsmClusterId", request.cluster.cluster_id.as_deref());
        note_proxy(&mut attempt, &request.proxy);
        to_the_end(async move {
            let result = kms.change_key_store(&mut attempt, request).await;
            kms.conclude(attempt, result).await
        })
        .await
    }

    async fn change_key_store(
        &self,
        attempt: &mut Attempt,
        request: UpdateCustomKeyStoreRequest,
    ) -> Result<(), KmsError> {
        check_id(&request.id)?;
        if let Some(name) = &request.new_name {
            check_name(name, "newCustomKeyStoreName")?;
        }
        let said = Said::parse(request.proxy, self.inner.proxies.options.allow_http)?;
        let account = self.permit_on_stores(attempt)?;
        for _ in 0..TRIES {
            let store = self.key_store(account, &request.id).await?;
            if request.cluster != CloudHsmSettings::default() {
                return Err(KmsError::Validation(format!(
                    "CloudHsmClusterId and KeyStorePassword are not valid for a custom key store of type \
                     {EXTERNAL}."
                )));
            }
            if said.is_empty() && request.new_name.is_none() {
                return Err(KmsError::Validation(
                    "There is nothing to update.".to_owned(),
                ));
            }
            refuse_vpc(&said)?;
            let state = store.record.state;
            // Name, credential and path may change while the store is in use.
            let while_in_use = said.endpoint.is_none() && said.vpc.is_none();
            match state {
                ConnectionState::Disconnected => {}
                ConnectionState::Connected if while_in_use => {}
                state => return Err(wrong_state(&store, state, "DISCONNECTED")),
            }
            let mut changed = store.record.clone();
            if let Some(name) = &request.new_name {
                changed.name.clone_from(name);
            }
            if let Some(endpoint) = &said.endpoint {
                changed.proxy.endpoint.clone_from(endpoint);
            }
            if let Some(path) = &said.path {
                changed.proxy.path.clone_from(path);
            }
            if let Some(credential) = &said.credential {
                let (endpoint, path) = (changed.proxy.endpoint, changed.proxy.path);
                changed.proxy = self.address(account, &changed.id, endpoint, path, credential)?;
            }
            let named = self.inner.key_stores.named(account, &changed.name).await?;
            if named.is_some_and(|named| named.record.id != changed.id) {
                return Err(name_in_use(&changed.name));
            }
            if changed.proxy != store.record.proxy {
                self.check_proxy(attempt, &changed, Some(&changed.id))
                    .await?;
            }
            let writes = record::update(&store, &changed)?;
            if self.inner.store.write(writes).await? {
                return Ok(());
            }
        }
        Err(too_busy())
    }

    /// DeleteCustomKeyStore.
    ///
    /// # Errors
    /// As AWS documents for DeleteCustomKeyStore.
    pub async fn delete_custom_key_store(&self, call: &Call<'_>, id: &str) -> Result<(), KmsError> {
        let (kms, id) = (self.clone(), id.to_owned());
        let mut attempt = Attempt::begin(call, Operation::DeleteCustomKeyStore);
        attempt.parameter("customKeyStoreId", id.as_str());
        to_the_end(async move {
            let result = kms.remove_key_store(&mut attempt, &id).await;
            kms.conclude(attempt, result).await
        })
        .await
    }

    async fn remove_key_store(&self, attempt: &mut Attempt, id: &str) -> Result<(), KmsError> {
        check_id(id)?;
        let account = self.permit_on_stores(attempt)?;
        for _ in 0..TRIES {
            let store = self.key_store(account, id).await?;
            match store.record.state {
                ConnectionState::Disconnected => {}
                state => return Err(wrong_state(&store, state, "DISCONNECTED")),
            }
            if store.record.keys > 0 {
                return Err(KeyStoreFault::CustomKeyStoreHasCMKs.because(format!(
                    "The custom key store {id} contains {} KMS keys.",
                    store.record.keys
                )));
            }
            if self.inner.store.write(record::remove(&store)).await? {
                self.inner.proxies.forget(account, id);
                return Ok(());
            }
        }
        Err(too_busy())
    }

    /// DescribeCustomKeyStores: one of them, or all.
    ///
    /// # Errors
    /// As AWS documents for DescribeCustomKeyStores.
    pub async fn describe_custom_key_stores(
        &self,
        call: &Call<'_>,
        request: FindKeyStores,
    ) -> Result<Page<CustomKeyStore>, KmsError> {
        let mut attempt = Attempt::begin(call, Operation::DescribeCustomKeyStores);
        attempt.optional("customKeyStoreId", request.id.as_deref());
        attempt.optional("customKeyStoreName", request.name.as_deref());
        attempt.optional("limit", request.page.limit);
        attempt.optional("marker", request.page.marker.as_deref());
        let result = self.page_of_key_stores(&mut attempt, &request).await;
        self.conclude(attempt, result).await
    }

    async fn page_of_key_stores(
        &self,
        attempt: &mut Attempt,
        request: &FindKeyStores,
    ) -> Result<Page<CustomKeyStore>, KmsError> {
        if let Some(id) = &request.id {
            check_id(id)?;
        }
        if let Some(name) = &request.name {
            check_name(name, "customKeyStoreName")?;
        }
        if request.id.is_some() && request.name.is_some() {
            return Err(KmsError::Validation(
                "Specify either CustomKeyStoreId or CustomKeyStoreName, but not both.".to_owned(),
            ));
        }
        let account = self.permit_on_stores(attempt)?;
        let paging = Paging::parse(&request.page, 100, 1000)?;
        let found = match (&request.id, &request.name) {
            (Some(id), _) => vec![self.key_store(account, id).await?],
            (None, Some(name)) => {
                let named = self.inner.key_stores.named(account, name).await?;
                vec![named.ok_or_else(|| not_found(name))?]
            }
            (None, None) => {
                let (after, limit) = (paging.after.as_deref(), paging.limit + 1);
                self.inner.key_stores.list(account, after, limit).await?
            }
        };
        let found = found.iter().map(|store| store.record.described()).collect();
        Ok(paging.page(found, |store: &CustomKeyStore| &store.id))
    }

    /// Asks whether the caller may do this with key stores. They have no ARNs: it is all or none.
    pub(crate) fn permit_on_stores(&self, attempt: &mut Attempt) -> Result<AccountId, KmsError> {
        let context: Context = attempt.context();
        let action = attempt.operation.action();
        self.permit_in_account(attempt, action, "*", &context)
    }

    /// The store of this id.
    pub(crate) async fn key_store(
        &self,
        account: AccountId,
        id: &str,
    ) -> Result<KeyStore, KmsError> {
        let store = self.inner.key_stores.get(account, id).await?;
        store.ok_or_else(|| not_found(id))
    }

    fn address(
        &self,
        account: AccountId,
        id: &str,
        endpoint: String,
        path: String,
        credential: &XksProxyCredential,
    ) -> Result<Address, KmsError> {
        let secret = &credential.raw_secret_access_key;
        Ok(Address {
            endpoint,
            path,
            access_key_id: credential.access_key_id.clone(),
            secret: self.inner.proxies.seal(account, id, secret)?,
        })
    }

    /// Refuses a proxy that another store has, or that does not answer as one. Only the caller is answerable for
    /// what is asked there, and it is no more than how the proxy is.
    async fn check_proxy(
        &self,
        attempt: &Attempt,
        store: &StoreRecord,
        own: Option<&str>,
    ) -> Result<(), KmsError> {
        let user = self
            .inner
            .key_stores
            .at(store.account, &store.proxy)
            .await?;
        if user.is_some_and(|user| own != Some(user.as_str())) {
            return Err(uri_in_use(&store.proxy));
        }
        let client = self.inner.proxies.client(store)?;
        let health = proxy::health(&client, &attempt.told(None)).await;
        let refused = match health {
            Ok(Some(_)) => return Ok(()),
            Ok(None) => fault::no_key_manager(),
            Err(error) => {
                tracing::warn!(store = store.name, %error, "an external key store proxy is not accepted");
                fault::of_store(&error)
            }
        };
        self.inner.proxies.forget(store.account, &store.id);
        Err(refused)
    }
}

fn note_proxy(attempt: &mut Attempt, proxy: &crate::key_store::XksProxySettings) {
    // Of the credential nothing is noted, not even whose it is.
    attempt.optional("xksProxyUriEndpoint", proxy.uri_endpoint.as_deref());
    attempt.optional("xksProxyUriPath", proxy.uri_path.as_deref());
    attempt.optional("xksProxyConnectivity", proxy.connectivity.as_deref());
    attempt.optional(
        "xksProxyVpcEndpointServiceName",
        proxy.vpc_endpoint_service_name.as_deref(),
    );
    attempt.optional(
        "xksProxyVpcEndpointServiceOwner",
        proxy.vpc_endpoint_service_owner.as_deref(),
    );
}

/// `cks-` and 17 hexadecimal digits.
fn new_id() -> Result<String, KmsError> {
    let mut random = [0; 9];
    getrandom::fill(&mut random).map_err(no_random)?;
    let mut digits = hex::encode(random);
    digits.truncate(17);
    Ok(format!("cks-{digits}"))
}

/// The refusal of a store in AWS CloudHSM: of what is missing, or else of its cluster.
fn no_cluster(said: &Said, cluster: &CloudHsmSettings) -> KmsError {
    if !said.is_empty() {
        return KmsError::Validation(format!(
            "The XksProxy parameters are valid only for a custom key store of type {EXTERNAL}."
        ));
    }
    match &cluster.cluster_id {
        Some(id) if cluster.trust_anchor_certificate && cluster.key_store_password => {
            KeyStoreFault::CloudHsmClusterNotFound.because(format!(
                "KMS cannot find the CloudHSM cluster {}.",
                id.chars().take(24).collect::<String>()
            ))
        }
        _ => KmsError::Validation(format!(
            "CloudHsmClusterId, TrustAnchorCertificate and KeyStorePassword are required for a custom key store \
             of type {CLOUD_HSM}."
        )),
    }
}

/// There are no VPCs here, and so no endpoint services in them.
fn refuse_vpc(said: &Said) -> Result<(), KmsError> {
    match said.vpc {
        Some(true) => Err(
            KeyStoreFault::XksProxyVpcEndpointServiceNotFound.because(
                "KMS could not find the specified VPC endpoint service: there are none here. Use PUBLIC_ENDPOINT.",
            ),
        ),
        _ => Ok(()),
    }
}

fn name_in_use(name: &str) -> KmsError {
    KeyStoreFault::CustomKeyStoreNameInUse.because(format!(
        "The custom key store name {name} is in use already."
    ))
}

fn uri_in_use(proxy: &Address) -> KmsError {
    KeyStoreFault::XksProxyUriInUse.because(format!(
        "Another external key store uses {}{}.",
        proxy.endpoint, proxy.path
    ))
}

pub(crate) fn not_found(name: &str) -> KmsError {
    KeyStoreFault::CustomKeyStoreNotFound.because(format!(
        "Custom key store {} is not found.",
        name.chars().take(64).collect::<String>()
    ))
}

pub(crate) fn wrong_state(store: &KeyStore, state: ConnectionState, wanted: &str) -> KmsError {
    KeyStoreFault::CustomKeyStoreInvalidState.because(format!(
        "The ConnectionState of the custom key store {} is {state}; it must be {wanted} for this operation.",
        store.record.id
    ))
}
