//! Moving a wrapped secret to the newest material of its key, or to another key, for `sealgate rewrap`.
//!
//! The operator of the gateway asks for it, who holds the root of trust: no policy is asked. The secret
//! stays inside, the states of both keys count, and every move is an event of the service in the trail.

use serde_json::json;
use time::OffsetDateTime;

use crate::arn::{AccountId, KeyId, KeyName, Target};
use crate::ciphertext::{self, MadeWith};
use crate::context::EncryptionContext;
use crate::error::KmsError;
use crate::key_store::told_by_service;
use crate::kind::KeySpec;
use crate::kms::{Kms, not_found};
use crate::operation::Operation;
use crate::store::Key;
use crate::types::Rewrapped;

impl Kms {
    /// The same secret under the current material of its key, or of the key `to` (an ARN) of the same
    /// account. `None` if that is what it is under.
    ///
    /// # Errors
    /// As ReEncrypt, permissions aside.
    pub async fn rewrap(
        &self,
        blob: &[u8],
        context: &EncryptionContext,
        to: Option<&str>,
    ) -> Result<Option<Rewrapped>, KmsError> {
        let inner = &self.inner;
        let now = OffsetDateTime::now_utc();
        // Before the keys are looked at: see [`Moment`](crate::material::Moment).
        let moment = inner.materials.moment();
        let (made_with, wrapped) = ciphertext::parse(blob).ok_or(KmsError::InvalidCiphertext)?;
        let account = made_with.account;
        let source = self.key_at(account, made_with.key, now).await?;
        let source = source.ok_or_else(|| {
            let own = Target::Key(KeyId::Uuid(made_with.key));
            not_found(&inner.region, account, &own)
        })?;
        Operation::ReEncrypt.check_state(source.record.state, &source.arn)?;
        let destination = match to {
            None => source.clone(),
            Some(arn) => {
                let name = KeyName::parse(arn, &inner.region, "keyId")?;
                if name.account.is_some_and(|other| other != account) {
                    return Err(KmsError::Validation(
                        "Objects stay under the keys of their account.".to_owned(),
                    ));
                }
                self.key_of_operator(account, &name.target, now).await?
            }
        };
        if destination.record.spec != KeySpec::SymmetricDefault {
            return Err(KmsError::InvalidKeyUsage(format!(
                "{} is not a symmetric encryption key.",
                destination.arn
            )));
        }
        let current = destination.record.current().ok_or_else(|| {
            KmsError::InvalidState(format!("{} has no key material.", destination.arn))
        })?;
        let target = MadeWith {
            account,
            key: destination.record.id,
            version: current.version,
            external: destination.record.external.is_some(),
        };
        if target == made_with {
            return Ok(None);
        }
        let mut event = self.service_event("ReEncrypt", &source, now);
        let told = |key: &Key| told_by_service("ReEncrypt", event.request_id.clone(), &key.arn);
        let (secret, material) = self
            .open_symmetric(&source, made_with, moment, context, wrapped, || {
                told(&source)
            })
            .await?;
        let told = || told(&destination);
        let ciphertext = self
            .seal_symmetric(&destination, current, moment, context, &secret, told)
            .await?;
        event.read_only = true;
        event.request_parameters = json!({
            "sourceEncryptionContext": context.to_json(),
            "destinationEncryptionContext": context.to_json(),
            "destinationKeyId": destination.arn,
        });
        event.additional = json!({
            "sourceKeyMaterialId": material,
            "destinationKeyMaterialId": current.id,
        });
        inner.trail.record_batched(event).await?;
        Ok(Some(Rewrapped {
            ciphertext,
            key_arn: destination.arn.clone(),
        }))
    }

    async fn key_of_operator(
        &self,
        account: AccountId,
        target: &Target,
        now: OffsetDateTime,
    ) -> Result<std::sync::Arc<Key>, KmsError> {
        let key = self.look_up(account, target, now).await?;
        let key = key.ok_or_else(|| not_found(&self.inner.region, account, target))?;
        Operation::ReEncrypt.check_state(key.record.state, &key.arn)?;
        Ok(key)
    }
}
