//! Custom key stores: external key managers behind a proxy, that hold the outer of the two keys of a KMS key.
//! <https://docs.aws.amazon.com/kms/latest/developerguide/keystore-external.html>
//!
//! - `record`: what is kept of a store; `settings`: what a client may say of one
//! - `proxy`: the clients of the proxies
//! - `fault`: what the failures of a proxy are to each operation
//! - `seal`: ciphertexts under both keys

pub(crate) mod fault;
pub(crate) mod proxy;
pub(crate) mod record;
mod seal;
pub(crate) mod settings;

pub use fault::KeyStoreFault;
pub use proxy::ExternalKeyStores;
pub use record::{ConnectionErrorCode, ConnectionState};
pub(crate) use seal::told_by_service;

use std::fmt;
use time::OffsetDateTime;
use zeroize::Zeroizing;

/// What a client says of the proxy of an external key store.
#[derive(Default)]
pub struct XksProxySettings {
    /// `XksProxyUriEndpoint`.
    pub uri_endpoint: Option<String>,
    /// `XksProxyUriPath`.
    pub uri_path: Option<String>,
    /// `XksProxyConnectivity`.
    pub connectivity: Option<String>,
    /// `XksProxyVpcEndpointServiceName`.
    pub vpc_endpoint_service_name: Option<String>,
    /// `XksProxyVpcEndpointServiceOwner`.
    pub vpc_endpoint_service_owner: Option<String>,
    /// `XksProxyAuthenticationCredential`.
    pub credential: Option<XksProxyCredential>,
}

/// `XksProxyAuthenticationCredential`.
pub struct XksProxyCredential {
    /// `AccessKeyId`.
    pub access_key_id: String,
    /// `RawSecretAccessKey`.
    pub raw_secret_access_key: Zeroizing<String>,
}

/// What a client says of an AWS CloudHSM cluster. There are none here, so that it is only asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CloudHsmSettings {
    /// `CloudHsmClusterId`.
    pub cluster_id: Option<String>,
    /// Whether there is a `TrustAnchorCertificate`.
    pub trust_anchor_certificate: bool,
    /// Whether there is a `KeyStorePassword`.
    pub key_store_password: bool,
}

/// Parameters of CreateCustomKeyStore.
#[derive(Default)]
pub struct CreateCustomKeyStoreRequest {
    /// `CustomKeyStoreName`.
    pub name: String,
    /// `CustomKeyStoreType`.
    pub kind: Option<String>,
    /// Of the proxy.
    pub proxy: XksProxySettings,
    /// Of the cluster.
    pub cluster: CloudHsmSettings,
}

/// Parameters of UpdateCustomKeyStore.
#[derive(Default)]
pub struct UpdateCustomKeyStoreRequest {
    /// `CustomKeyStoreId`.
    pub id: String,
    /// `NewCustomKeyStoreName`.
    pub new_name: Option<String>,
    /// Of the proxy.
    pub proxy: XksProxySettings,
    /// Of the cluster.
    pub cluster: CloudHsmSettings,
}

/// `CustomKeyStoresListEntry`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomKeyStore {
    /// `CustomKeyStoreId`.
    pub id: String,
    /// `CustomKeyStoreName`.
    pub name: String,
    /// `ConnectionState`.
    pub state: ConnectionState,
    /// `ConnectionErrorCode`, of a store that could not be connected.
    pub error: Option<ConnectionErrorCode>,
    /// `CreationDate`.
    pub created: OffsetDateTime,
    /// `XksProxyConfiguration.AccessKeyId`.
    pub access_key_id: String,
    /// `XksProxyConfiguration.UriEndpoint`.
    pub uri_endpoint: String,
    /// `XksProxyConfiguration.UriPath`.
    pub uri_path: String,
}

/// An external key, and the store that it is in.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ExternalKey {
    /// `CustomKeyStoreId`.
    pub store: String,
    /// `XksKeyConfiguration.Id`.
    pub key: String,
}

impl fmt::Debug for XksProxyCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("XksProxyCredential")
    }
}
