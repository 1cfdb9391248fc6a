//! CreateKey, DescribeKey, ListKeys, EnableKey, DisableKey, UpdateKeyDescription, GetKeyRotationStatus.

use sealgate_policy::default_key_policy;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use crate::access::describe_symmetric_key;
use crate::arn::key_arn;
use crate::attempt::Attempt;
use crate::error::KmsError;
use crate::key::{KeyManager, KeyRecord, KeyState, millis};
use crate::kms::{Kms, to_the_end};
use crate::operation::Operation;
use crate::ops::policies::accept_policy;
use crate::ops::tags::{add_request_tags, check_tags, tags_json};
use crate::paging::Paging;
use crate::store::insert_key;
use crate::types::{
    AWS_KMS, Call, CreateKeyRequest, ENCRYPT_DECRYPT, KeyMetadata, KeyRotationStatus, ListedKey,
    Page, PageRequest, SYMMETRIC_DEFAULT,
};

const MAX_DESCRIPTION: usize = 8192;

impl Kms {
    /// CreateKey.
    ///
    /// # Errors
    /// As AWS documents for CreateKey; everything but symmetric encryption keys made here is
    /// [`KmsError::Unsupported`].
    pub async fn create_key(
        &self,
        call: &Call<'_>,
        request: CreateKeyRequest,
    ) -> Result<KeyMetadata, KmsError> {
        let (kms, mut attempt) = (self.clone(), Attempt::begin(call, Operation::CreateKey));
        to_the_end(async move {
            let result = kms.make_key(&mut attempt, request).await;
            kms.conclude(attempt, result).await
        })
        .await
    }

    async fn make_key(
        &self,
        attempt: &mut Attempt,
        request: CreateKeyRequest,
    ) -> Result<KeyMetadata, KmsError> {
        note_create_key(attempt, &request);
        let mut context = attempt.context();
        describe_symmetric_key(&mut context);
        let bypass = request.bypass_policy_lockout_safety_check;
        context.insert("kms:BypassPolicyLockoutSafetyCheck", bypass.to_string());
        add_request_tags(&mut context, &request.tags);
        let account = self.permit_in_account(attempt, "kms:CreateKey", "*", &context)?;
        if !request.tags.is_empty() {
            self.permit_in_account(attempt, "kms:TagResource", "*", &context)?;
        }
        check_supported(&request)?;
        check_description(request.description.as_deref().unwrap_or_default())?;
        let id = Uuid::new_v4();
        let policy = match &request.policy {
            // Not checked for lock-out: it gives the account authority.
            None => default_key_policy(&account.to_string()),
            Some(policy) => {
                let arn = key_arn(&self.inner.region, account, id);
                accept_policy(attempt, policy, &arn, account, &context, bypass)?;
                policy.clone()
            }
        };
        let now = whole_millis(attempt.now());
        let record = KeyRecord {
            account,
            id,
            created: now,
            description: request.description.unwrap_or_default(),
            manager: KeyManager::Customer,
            state: KeyState::Enabled,
            deletion: None,
            policy,
            tags: check_tags(Default::default(), request.tags)?,
            aliases: Vec::new(),
            material: vec![self.inner.materials.generate(account, id, 1, now)?],
        };
        let metadata = record.metadata(&self.inner.region);
        if !self.inner.store.write(vec![insert_key(&record)?]).await? {
            return Err(KmsError::Internal(
                "a new key id was in use already".to_owned(),
            ));
        }
        attempt.touched(account, &metadata.arn);
        attempt.responds("keyMetadata", trail_metadata(&metadata));
        Ok(metadata)
    }

    /// DescribeKey.
    ///
    /// # Errors
    /// As AWS documents for DescribeKey.
    pub async fn describe_key(
        &self,
        call: &Call<'_>,
        key_id: &str,
    ) -> Result<KeyMetadata, KmsError> {
        let mut attempt = Attempt::begin(call, Operation::DescribeKey);
        attempt.parameter("keyId", key_id);
        let result = self
            .find_permitted(&mut attempt, key_id, "keyId", |_| ())
            .await
            .map(|found| found.key.record.metadata(&self.inner.region));
        self.conclude(attempt, result).await
    }

    /// ListKeys.
    ///
    /// # Errors
    /// As AWS documents for ListKeys.
    pub async fn list_keys(
        &self,
        call: &Call<'_>,
        page: PageRequest,
    ) -> Result<Page<ListedKey>, KmsError> {
        let mut attempt = Attempt::begin(call, Operation::ListKeys);
        let result = self.page_of_keys(&mut attempt, &page).await;
        self.conclude(attempt, result).await
    }

    async fn page_of_keys(
        &self,
        attempt: &mut Attempt,
        page: &PageRequest,
    ) -> Result<Page<ListedKey>, KmsError> {
        attempt.optional("limit", page.limit);
        attempt.optional("marker", page.marker.as_deref());
        let context = attempt.context();
        let account = self.permit_in_account(attempt, "kms:ListKeys", "*", &context)?;
        let paging = Paging::parse(page, 100, 1000)?;
        let keys = self
            .inner
            .store
            .keys(account, paging.after.as_deref(), paging.limit + 1)
            .await?;
        let keys = keys
            .iter()
            .map(|key| {
                let listed = ListedKey {
                    key_id: key.record.id.to_string(),
                    arn: key.arn.clone(),
                };
                (listed, key.record.is_due(attempt.now()))
            })
            .collect();
        // A key that is due is left out only here, so that it does not disturb the paging.
        let page = paging.page(keys, |(key, _)| &key.key_id);
        Ok(Page {
            items: page
                .items
                .into_iter()
                .filter(|(_, due)| !due)
                .map(|(key, _)| key)
                .collect(),
            next_marker: page.next_marker,
        })
    }

    /// EnableKey.
    ///
    /// # Errors
    /// As AWS documents for EnableKey.
    pub async fn enable_key(&self, call: &Call<'_>, key_id: &str) -> Result<(), KmsError> {
        self.set_state(call, Operation::EnableKey, key_id, KeyState::Enabled)
            .await
    }

    /// DisableKey. The plaintext of its material is forgotten at once.
    ///
    /// # Errors
    /// As AWS documents for DisableKey.
    pub async fn disable_key(&self, call: &Call<'_>, key_id: &str) -> Result<(), KmsError> {
        self.set_state(call, Operation::DisableKey, key_id, KeyState::Disabled)
            .await
    }

    async fn set_state(
        &self,
        call: &Call<'_>,
        operation: Operation,
        key_id: &str,
        state: KeyState,
    ) -> Result<(), KmsError> {
        let (kms, key_id) = (self.clone(), key_id.to_owned());
        let mut attempt = Attempt::begin(call, operation);
        attempt.parameter("keyId", key_id.as_str());
        to_the_end(async move {
            let result = kms
                .change_key(
                    &mut attempt,
                    &key_id,
                    |_| (),
                    move |key, _| {
                        key.state = state;
                        Ok(((), Vec::new()))
                    },
                )
                .await
                .map(|((), found)| {
                    if state != KeyState::Enabled {
                        let key = &found.key.record;
                        kms.inner.materials.forget(key.account, key.id);
                    }
                });
            kms.conclude(attempt, result).await
        })
        .await
    }

    /// UpdateKeyDescription.
    ///
    /// # Errors
    /// As AWS documents for UpdateKeyDescription.
    pub async fn update_key_description(
        &self,
        call: &Call<'_>,
        key_id: &str,
        description: &str,
    ) -> Result<(), KmsError> {
        let (kms, key_id, description) = (self.clone(), key_id.to_owned(), description.to_owned());
        let mut attempt = Attempt::begin(call, Operation::UpdateKeyDescription);
        attempt.parameter("keyId", key_id.as_str());
        attempt.parameter("description", description.as_str());
        to_the_end(async move {
            let result = kms
                .change_key(
                    &mut attempt,
                    &key_id,
                    |_| (),
                    |key, _| {
                        check_description(&description)?;
                        key.description.clone_from(&description);
                        Ok(((), Vec::new()))
                    },
                )
                .await
                .map(|((), _)| ());
            kms.conclude(attempt, result).await
        })
        .await
    }

    /// GetKeyRotationStatus: material is not rotated by itself.
    ///
    /// # Errors
    /// As AWS documents for GetKeyRotationStatus.
    pub async fn get_key_rotation_status(
        &self,
        call: &Call<'_>,
        key_id: &str,
    ) -> Result<KeyRotationStatus, KmsError> {
        let mut attempt = Attempt::begin(call, Operation::GetKeyRotationStatus);
        attempt.parameter("keyId", key_id);
        let result = self
            .find_permitted(&mut attempt, key_id, "keyId", |_| ())
            .await
            .map(|found| KeyRotationStatus {
                key_arn: found.key.arn.clone(),
                enabled: false,
            });
        self.conclude(attempt, result).await
    }
}

fn note_create_key(attempt: &mut Attempt, request: &CreateKeyRequest) {
    attempt.optional("description", request.description.as_deref());
    attempt.parameter(
        "keyUsage",
        request.key_usage.as_deref().unwrap_or(ENCRYPT_DECRYPT),
    );
    attempt.parameter(
        "keySpec",
        request.key_spec.as_deref().unwrap_or(SYMMETRIC_DEFAULT),
    );
    attempt.optional(
        "customerMasterKeySpec",
        request.customer_master_key_spec.as_deref(),
    );
    attempt.parameter("origin", request.origin.as_deref().unwrap_or(AWS_KMS));
    attempt.optional("customKeyStoreId", request.custom_key_store_id.as_deref());
    attempt.optional("xksKeyId", request.xks_key_id.as_deref());
    attempt.parameter("multiRegion", request.multi_region);
    attempt.optional("policy", request.policy.as_deref());
    attempt.parameter(
        "bypassPolicyLockoutSafetyCheck",
        request.bypass_policy_lockout_safety_check,
    );
    if !request.tags.is_empty() {
        attempt.parameter("tags", tags_json(&request.tags));
    }
}

fn check_supported(request: &CreateKeyRequest) -> Result<(), KmsError> {
    let unsupported = |what: &str, value: &str| {
        Err(KmsError::Unsupported(format!(
            "{what} {value} is not supported."
        )))
    };
    if request.key_spec.is_some() && request.customer_master_key_spec.is_some() {
        return Err(KmsError::Validation(
            "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. \
             CustomerMasterKeySpec is deprecated."
                .to_owned(),
        ));
    }
    if request.custom_key_store_id.is_some() || request.xks_key_id.is_some() {
        return unsupported("A key in a", "custom key store");
    }
    if request.multi_region {
        return unsupported("MultiRegion", "true");
    }
    let spec = request
        .key_spec
        .as_deref()
        .or(request.customer_master_key_spec.as_deref());
    for (what, given, supported) in [
        ("KeySpec", spec, SYMMETRIC_DEFAULT),
        ("KeyUsage", request.key_usage.as_deref(), ENCRYPT_DECRYPT),
        ("Origin", request.origin.as_deref(), AWS_KMS),
    ] {
        if let Some(given) = given.filter(|given| *given != supported) {
            return unsupported(what, &given.chars().take(64).collect::<String>());
        }
    }
    Ok(())
}

fn check_description(description: &str) -> Result<(), KmsError> {
    if description.chars().count() <= MAX_DESCRIPTION {
        return Ok(());
    }
    Err(KmsError::Validation(format!(
        "1 validation error detected: Value at 'description' failed to satisfy constraint: Member must \
         have length less than or equal to {MAX_DESCRIPTION}"
    )))
}

/// The time as it will be read back.
pub(crate) fn whole_millis(time: time::OffsetDateTime) -> time::OffsetDateTime {
    millis::from_millis(millis::to_millis(time)).unwrap_or(time)
}

/// Metadata as CloudTrail writes it.
pub(crate) fn trail_metadata(key: &KeyMetadata) -> Value {
    json!({
        "aWSAccountId": key.account_id,
        "keyId": key.key_id,
        "arn": key.arn,
        "creationDate": key.created.format(&Rfc3339).unwrap_or_default(),
        "enabled": key.enabled,
        "description": key.description,
        "keyUsage": key.key_usage,
        "keyState": key.state.as_str(),
        "origin": key.origin,
        "keyManager": key.manager.as_str(),
        "customerMasterKeySpec": key.key_spec,
        "keySpec": key.key_spec,
        "encryptionAlgorithms": key.encryption_algorithms,
        "multiRegion": key.multi_region,
    })
}
