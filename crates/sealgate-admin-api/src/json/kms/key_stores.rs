//! Custom key stores.

use sealgate_kms::{
    CloudHsmSettings, CreateCustomKeyStoreRequest, CustomKeyStore, FindKeyStores,
    UpdateCustomKeyStoreRequest, XksProxyCredential, XksProxySettings,
};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{Failure, Operation, Output, paged, timestamp};

impl Operation<'_> {
    pub(super) async fn create_custom_key_store(mut self) -> Output {
        let request = CreateCustomKeyStoreRequest {
            name: self.input.required("CustomKeyStoreName")?,
            kind: self.input.string("CustomKeyStoreType")?,
            proxy: self.proxy()?,
            cluster: self.cluster()?,
        };
        self.input.finish()?;
        let id = self.kms.create_custom_key_store(self.call, request).await?;
        Ok(Some(json!({ "CustomKeyStoreId": id })))
    }

    pub(super) async fn update_custom_key_store(mut self) -> Output {
        let request = UpdateCustomKeyStoreRequest {
            new_name: self.input.string("NewCustomKeyStoreName")?,
            proxy: self.proxy()?,
            cluster: self.cluster()?,
            id: self.store_id()?,
        };
        self.kms.update_custom_key_store(self.call, request).await?;
        Ok(Some(json!({})))
    }

    pub(super) async fn delete_custom_key_store(mut self) -> Output {
        let id = self.store_id()?;
        self.kms.delete_custom_key_store(self.call, &id).await?;
        Ok(Some(json!({})))
    }

    pub(super) async fn connect_custom_key_store(mut self) -> Output {
        let id = self.store_id()?;
        self.kms.connect_custom_key_store(self.call, &id).await?;
        Ok(Some(json!({})))
    }

    pub(super) async fn disconnect_custom_key_store(mut self) -> Output {
        let id = self.store_id()?;
        self.kms.disconnect_custom_key_store(self.call, &id).await?;
        Ok(Some(json!({})))
    }

    pub(super) async fn describe_custom_key_stores(mut self) -> Output {
        let request = FindKeyStores {
            id: self.input.string("CustomKeyStoreId")?,
            name: self.input.string("CustomKeyStoreName")?,
            page: self.page()?,
        };
        let page = self
            .kms
            .describe_custom_key_stores(self.call, request)
            .await?;
        Ok(Some(paged("CustomKeyStores", page, |store| entry(&store))))
    }

    fn store_id(&mut self) -> Result<String, Failure> {
        let id = self.input.required("CustomKeyStoreId")?;
        self.input.finish()?;
        Ok(id)
    }

    fn proxy(&mut self) -> Result<XksProxySettings, Failure> {
        let input = &mut *self.input;
        let credential = match input.structure("XksProxyAuthenticationCredential")? {
            None => None,
            Some(mut credential) => {
                let read = XksProxyCredential {
                    access_key_id: credential.required("AccessKeyId")?,
                    raw_secret_access_key: Zeroizing::new(
                        credential.required("RawSecretAccessKey")?,
                    ),
                };
                credential.finish()?;
                Some(read)
            }
        };
        Ok(XksProxySettings {
            uri_endpoint: input.string("XksProxyUriEndpoint")?,
            uri_path: input.string("XksProxyUriPath")?,
            connectivity: input.string("XksProxyConnectivity")?,
            vpc_endpoint_service_name: input.string("XksProxyVpcEndpointServiceName")?,
            vpc_endpoint_service_owner: input.string("XksProxyVpcEndpointServiceOwner")?,
            credential,
        })
    }

    fn cluster(&mut self) -> Result<CloudHsmSettings, Failure> {
        Ok(CloudHsmSettings {
            cluster_id: self.input.string("CloudHsmClusterId")?,
            trust_anchor_certificate: self.input.string("TrustAnchorCertificate")?.is_some(),
            key_store_password: self
                .input
                .string("KeyStorePassword")?
                .map(Zeroizing::new)
                .is_some(),
        })
    }
}

fn entry(store: &CustomKeyStore) -> Value {
    let mut output = json!({
        "CustomKeyStoreId": store.id,
        "CustomKeyStoreName": store.name,
        "CustomKeyStoreType": "EXTERNAL_KEY_STORE",
        "ConnectionState": store.state.to_string(),
        "CreationDate": timestamp(store.created),
        "XksProxyConfiguration": {
            "Connectivity": "PUBLIC_ENDPOINT",
            "AccessKeyId": store.access_key_id,
            "UriEndpoint": store.uri_endpoint,
            "UriPath": store.uri_path,
        },
    });
    if let (Some(error), Some(members)) = (store.error, output.as_object_mut()) {
        members.insert("ConnectionErrorCode".into(), error.to_string().into());
    }
    output
}
