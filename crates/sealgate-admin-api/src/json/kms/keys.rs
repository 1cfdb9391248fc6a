//! Keys themselves: made, described, listed, enabled, disabled, deleted.

use sealgate_kms::{CreateKeyRequest, KeyMetadata};
use serde_json::{Value, json};

use super::{Operation, Output, paged, timestamp};

impl Operation<'_> {
    pub(super) async fn create_key(self) -> Output {
        let input = self.input;
        let request = CreateKeyRequest {
            description: input.string("Description")?,
            key_usage: input.string("KeyUsage")?,
            key_spec: input.string("KeySpec")?,
            customer_master_key_spec: input.string("CustomerMasterKeySpec")?,
            origin: input.string("Origin")?,
            custom_key_store_id: input.string("CustomKeyStoreId")?,
            xks_key_id: input.string("XksKeyId")?,
            multi_region: input.boolean("MultiRegion")?,
            policy: input.string("Policy")?,
            bypass_policy_lockout_safety_check: input.boolean("BypassPolicyLockoutSafetyCheck")?,
            tags: Self::tags(
                input
                    .pairs("Tags", "TagKey", "TagValue")?
                    .unwrap_or_default(),
            ),
        };
        input.finish()?;
        let key = self.kms.create_key(self.call, request).await?;
        Ok(Some(json!({ "KeyMetadata": metadata(&key) })))
    }

    pub(super) async fn describe_key(mut self) -> Output {
        // Grant tokens are taken and not needed: there are no grants that a token could stand for.
        self.input.strings("GrantTokens")?;
        let key_id = self.key_id()?;
        let key = self.kms.describe_key(self.call, &key_id).await?;
        Ok(Some(json!({ "KeyMetadata": metadata(&key) })))
    }

    pub(super) async fn list_keys(mut self) -> Output {
        let page = self.page()?;
        let page = self.kms.list_keys(self.call, page).await?;
        Ok(Some(paged(
            "Keys",
            page,
            |key| json!({ "KeyId": key.key_id, "KeyArn": key.arn }),
        )))
    }

    pub(super) async fn enable_key(mut self) -> Output {
        let key_id = self.key_id()?;
        self.kms.enable_key(self.call, &key_id).await?;
        Ok(None)
    }

    pub(super) async fn disable_key(mut self) -> Output {
        let key_id = self.key_id()?;
        self.kms.disable_key(self.call, &key_id).await?;
        Ok(None)
    }

    pub(super) async fn update_key_description(mut self) -> Output {
        let description = self.input.required("Description")?;
        let key_id = self.key_id()?;
        self.kms
            .update_key_description(self.call, &key_id, &description)
            .await?;
        Ok(None)
    }

    pub(super) async fn schedule_key_deletion(mut self) -> Output {
        let days = self.input.integer("PendingWindowInDays")?;
        let key_id = self.key_id()?;
        let scheduled = self
            .kms
            .schedule_key_deletion(self.call, &key_id, days)
            .await?;
        Ok(Some(json!({
            "KeyId": scheduled.key_arn,
            "DeletionDate": timestamp(scheduled.deletion_date),
            "KeyState": scheduled.state.as_str(),
            "PendingWindowInDays": scheduled.pending_window_in_days,
        })))
    }

    pub(super) async fn replicate_key(mut self) -> Output {
        // What would be given to the replica is read, so that its types are checked.
        self.input.string("Policy")?;
        self.input.string("Description")?;
        self.input.boolean("BypassPolicyLockoutSafetyCheck")?;
        self.input.pairs("Tags", "TagKey", "TagValue")?;
        let region = self.input.required("ReplicaRegion")?;
        let key_id = self.key_id()?;
        match self.kms.replicate_key(self.call, &key_id, &region).await? {}
    }

    pub(super) async fn update_primary_region(mut self) -> Output {
        let region = self.input.required("PrimaryRegion")?;
        let key_id = self.key_id()?;
        match self
            .kms
            .update_primary_region(self.call, &key_id, &region)
            .await? {}
    }

    pub(super) async fn cancel_key_deletion(mut self) -> Output {
        let key_id = self.key_id()?;
        let arn = self.kms.cancel_key_deletion(self.call, &key_id).await?;
        Ok(Some(json!({ "KeyId": arn })))
    }
}

fn metadata(key: &KeyMetadata) -> Value {
    let mut output = json!({
        "AWSAccountId": key.account_id,
        "KeyId": key.key_id,
        "Arn": key.arn,
        "CreationDate": timestamp(key.created),
        "Enabled": key.enabled,
        "Description": key.description,
        "KeyUsage": key.key_usage.as_str(),
        "KeyState": key.state.as_str(),
        "Origin": key.origin.as_str(),
        "KeyManager": key.manager.as_str(),
        "CustomerMasterKeySpec": key.key_spec.as_str(),
        "KeySpec": key.key_spec.as_str(),
        "MultiRegion": key.multi_region.is_some(),
    });
    if let Some(members) = output.as_object_mut() {
        if let Some(config) = &key.multi_region {
            let primary = json!({ "Arn": config.primary_arn, "Region": config.primary_region });
            let config = json!({
                "MultiRegionKeyType": "PRIMARY",
                "PrimaryKey": primary,
                "ReplicaKeys": [],
            });
            members.insert("MultiRegionConfiguration".into(), config);
        }
        if let Some(algorithms) = key.algorithms {
            members.insert(algorithms.member().into(), algorithms.names().into());
        }
        if let Some(external) = &key.external_key {
            members.insert("CustomKeyStoreId".into(), external.store.as_str().into());
            members.insert("XksKeyConfiguration".into(), json!({ "Id": external.key }));
        }
        if let Some(id) = &key.current_key_material_id {
            members.insert("CurrentKeyMaterialId".into(), id.as_str().into());
        }
        if let Some(model) = key.expiration_model {
            members.insert("ExpirationModel".into(), model.as_str().into());
        }
        if let Some(date) = key.valid_to {
            members.insert("ValidTo".into(), timestamp(date));
        }
        if let Some(date) = key.deletion_date {
            members.insert("DeletionDate".into(), timestamp(date));
        }
    }
    output
}
