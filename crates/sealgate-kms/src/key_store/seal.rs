//! Ciphertexts of symmetric keys, made and opened: under the material of the key, and where the key is in an
//! external key store, also under the external key. Both are needed to open what both closed.

use sealgate_trust::xks::{Encrypted, RequestMetadata};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::ExternalKey;
use super::fault;
use super::record::{ConnectionState, KeyStore};
use crate::arn::AccountId;
use crate::attempt::EVENT_SOURCE;
use crate::ciphertext::{self, MadeWith};
use crate::context::EncryptionContext;
use crate::error::KmsError;
use crate::key::MaterialVersion;
use crate::kms::Kms;
use crate::material::Moment;
use crate::store::Key;

/// What a proxy is told of a use that the gateway makes of its own accord.
pub(crate) fn told_by_service(
    operation: &str,
    request_id: String,
    key_arn: &str,
) -> RequestMetadata {
    RequestMetadata {
        // As the specification asks where a service is the principal.
        aws_principal_arn: EVENT_SOURCE.to_owned(),
        kms_key_arn: Some(key_arn.to_owned()),
        kms_operation: operation.to_owned(),
        kms_request_id: request_id,
        kms_via_service: None,
    }
}

impl Kms {
    /// Makes a ciphertext.
    pub(crate) async fn seal_symmetric(
        &self,
        key: &Key,
        material: &MaterialVersion,
        moment: Moment,
        context: &EncryptionContext,
        plaintext: &[u8],
        told: impl FnOnce() -> RequestMetadata,
    ) -> Result<Vec<u8>, KmsError> {
        let record = &key.record;
        let own = self.inner.materials.open(record, material, moment)?;
        let made_with = MadeWith {
            account: record.account,
            key: record.id,
            version: material.version,
            external: record.external.is_some(),
        };
        let wrapped = ciphertext::wrap_own(own.symmetric()?, made_with, context, plaintext);
        let Some(external) = &record.external else {
            return Ok(made_with.with_header(&wrapped));
        };
        let store = self.connected_store(record.account, external).await?;
        let client = self.inner.proxies.client(&store.record)?;
        let aad = external_aad(made_with, context);
        let sealed = client
            .encrypt(&external.key, &told(), &aad, &wrapped)
            .await
            .map_err(|error| failed(&store, external, &error, fault::of_use))?;
        let body = encode(&sealed)
            .ok_or_else(|| KmsError::Internal("an external ciphertext is too long".to_owned()))?;
        Ok(made_with.with_header(&body))
    }

    /// Opens what is in a ciphertext behind its header.
    pub(crate) async fn open_symmetric(
        &self,
        key: &Key,
        made_with: MadeWith,
        moment: Moment,
        context: &EncryptionContext,
        body: &[u8],
        told: impl FnOnce() -> RequestMetadata,
    ) -> Result<(Zeroizing<Vec<u8>>, String), KmsError> {
        let record = &key.record;
        let material = record
            .material
            .iter()
            .find(|material| material.version == made_with.version)
            .filter(|_| made_with.external == record.external.is_some())
            .ok_or(KmsError::InvalidCiphertext)?;
        let opened;
        let wrapped = match &record.external {
            None => body,
            Some(external) => {
                let sealed = decode(body).ok_or(KmsError::InvalidCiphertext)?;
                let store = self.connected_store(record.account, external).await?;
                let client = self.inner.proxies.client(&store.record)?;
                let aad = external_aad(made_with, context);
                opened = client
                    .decrypt(&external.key, &told(), &aad, &sealed)
                    .await
                    .map_err(|error| failed(&store, external, &error, fault::of_use))?;
                opened.as_slice()
            }
        };
        let own = self.inner.materials.open(record, material, moment)?;
        let plaintext = ciphertext::unwrap_own(own.symmetric()?, made_with, context, wrapped)
            .ok_or(KmsError::InvalidCiphertext)?;
        Ok((plaintext, material.id.clone()))
    }

    /// The store of a key, if it can be used.
    async fn connected_store(
        &self,
        account: AccountId,
        external: &ExternalKey,
    ) -> Result<KeyStore, KmsError> {
        let store = self.inner.key_stores.get(account, &external.store).await?;
        store
            .filter(|store| store.record.state == ConnectionState::Connected)
            .ok_or_else(|| {
                KmsError::InvalidState(format!(
                    "The custom key store {} is not connected.",
                    external.store
                ))
            })
    }
}

/// The failure of a proxy, with its words in the log alone.
pub(crate) fn failed(
    store: &KeyStore,
    external: &ExternalKey,
    error: &sealgate_trust::xks::XksError,
    name: impl Fn(&sealgate_trust::xks::XksError) -> KmsError,
) -> KmsError {
    tracing::warn!(store = store.record.id, key = external.key, %error, "an external key could not be used");
    name(error)
}

/// What the external key authenticates besides: a hash, so that the encryption context stays here.
fn external_aad(made_with: MadeWith, context: &EncryptionContext) -> Vec<u8> {
    Sha256::digest(made_with.aad(context)).to_vec()
}

/// length (1 byte) ‖ metadata ‖ length (1 byte) ‖ IV ‖ tag (16 bytes) ‖ ciphertext
fn encode(sealed: &Encrypted) -> Option<Vec<u8>> {
    let mut body = vec![u8::try_from(sealed.metadata.len()).ok()?];
    body.extend_from_slice(&sealed.metadata);
    body.push(u8::try_from(sealed.iv.len()).ok()?);
    body.extend_from_slice(&sealed.iv);
    body.extend_from_slice(&sealed.tag);
    body.extend_from_slice(&sealed.ciphertext);
    Some(body)
}

fn decode(body: &[u8]) -> Option<Encrypted> {
    let (&length, rest) = body.split_first()?;
    let (metadata, rest) = rest.split_at_checked(length.into())?;
    let (&length, rest) = rest.split_first()?;
    let (iv, rest) = rest.split_at_checked(length.into())?;
    let (tag, ciphertext) = rest.split_first_chunk()?;
    Some(Encrypted {
        ciphertext: ciphertext.to_vec(),
        metadata: metadata.to_vec(),
        iv: iv.to_vec(),
        tag: *tag,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_a_proxy_gave_is_found_again(
            ciphertext in prop::collection::vec(any::<u8>(), 0..100),
            metadata in prop::collection::vec(any::<u8>(), 0..=20),
            iv in prop::collection::vec(any::<u8>(), 12..=16),
            tag in any::<[u8; 16]>(),
        ) {
            let sealed = Encrypted { ciphertext, metadata, iv, tag };
            prop_assert_eq!(decode(&encode(&sealed).unwrap()), Some(sealed));
        }

        #[test]
        fn arbitrary_bytes_never_panic(body in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = decode(&body);
        }
    }
}
