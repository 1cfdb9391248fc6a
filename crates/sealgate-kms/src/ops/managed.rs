//! The AWS-managed keys: made on first use, with a fixed policy, and not for the customer to change.

use sealgate_policy::{Policy, aws_s3_key_policy};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::arn::{AccountId, KeyId};
use crate::error::KmsError;
use crate::key::{AliasRecord, KeyManager, KeyRecord, KeyState};
use crate::kind::{KeySpec, KeyUsage, Origin};
use crate::kms::{Kms, to_the_end};
use crate::ops::keys::{trail_metadata, whole_millis};
use crate::store::{Key, insert_alias, insert_key, retime};

/// The alias of the key that S3 uses where none is named.
pub(crate) const S3_ALIAS: &str = "alias/aws/s3";
const DESCRIPTION: &str = "Default key that protects my S3 objects when no other key is defined";

impl Kms {
    /// The ARN of the AWS-managed key of a service (`s3`) in an account; makes it on first use. Nobody asks
    /// for this through an API: using the key is what has to be authorized.
    ///
    /// # Errors
    /// [`KmsError::Unsupported`] for other services; or if the index or the trail fails.
    pub async fn aws_managed_key(
        &self,
        account_id: &str,
        service: &str,
    ) -> Result<String, KmsError> {
        if service != "s3" {
            return Err(KmsError::Unsupported(format!(
                "There is no AWS managed key for the service {service}."
            )));
        }
        let account = account_id.parse().map_err(|()| {
            KmsError::Internal("the account id does not have 12 digits".to_owned())
        })?;
        self.managed_s3_key(account).await
    }

    pub(crate) async fn managed_s3_key(&self, account: AccountId) -> Result<String, KmsError> {
        if let Some(alias) = self.inner.store.alias(account, S3_ALIAS).await? {
            return Ok(crate::arn::key_arn(
                &self.inner.region,
                account,
                alias.record.target,
            ));
        }
        let kms = self.clone();
        to_the_end(async move { kms.make_s3_key(account).await }).await
    }

    async fn make_s3_key(&self, account: AccountId) -> Result<String, KmsError> {
        let (id, now) = (Uuid::new_v4(), whole_millis(OffsetDateTime::now_utc()));
        let record = KeyRecord {
            account,
            id,
            created: now,
            description: DESCRIPTION.to_owned(),
            manager: KeyManager::Aws,
            state: KeyState::Enabled,
            spec: KeySpec::default(),
            usage: KeyUsage::default(),
            origin: Origin::default(),
            multi_region: false,
            external: None,
            public_key: None,
            deletion: None,
            policy: aws_s3_key_policy(&account.to_string(), &self.inner.region),
            tags: Default::default(),
            aliases: vec![S3_ALIAS.to_owned()],
            grants: 0,
            material: vec![self.inner.materials.generate(account, id, 1, now)?],
            rotation: Default::default(),
        };
        let policy = Policy::parse_key_policy(&record.policy)
            .map_err(|error| KmsError::Internal(format!("the policy of aws/s3: {error}")))?;
        let alias = AliasRecord {
            target: KeyId::Uuid(id),
            created: now,
            updated: now,
        };
        // The alias decides a race: it must not exist yet, and whoever comes second takes the other's key.
        let mut writes = vec![
            insert_alias(account, S3_ALIAS, &alias)?,
            insert_key(&record)?,
        ];
        writes.extend(retime(None, Some(&record)));
        if !self.inner.store.write(writes).await? {
            let alias = self
                .inner
                .store
                .alias(account, S3_ALIAS)
                .await?
                .ok_or_else(|| {
                    KmsError::Internal("aws/s3 was made by another request and is gone".to_owned())
                })?;
            return Ok(crate::arn::key_arn(
                &self.inner.region,
                account,
                alias.record.target,
            ));
        }
        let arn = record.arn(&self.inner.region);
        let metadata = trail_metadata(&record.metadata(&self.inner.region));
        let key = Key {
            record,
            revision: 0,
            policy,
            arn,
            kept_state: None,
        };
        let mut event = self.service_event("CreateKey", &key, now);
        event.response_elements = serde_json::json!({ "keyMetadata": metadata });
        self.inner.trail.record(event).await?;
        Ok(key.arn)
    }
}
