//! CreateKey, DescribeKey, ListKeys, EnableKey, DisableKey, UpdateKeyDescription.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sealgate_policy::default_key_policy;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use crate::access::describe_key;
use crate::approved;
use crate::arn::{KeyId, key_arn};
use crate::asymmetric;
use crate::attempt::Attempt;
use crate::error::KmsError;
use crate::key::{KeyManager, KeyRecord, KeyState, millis};
use crate::key_store::ExternalKey;
use crate::key_store::record::add_key;
use crate::kind::{KeySpec, KeyUsage, Origin};
use crate::kms::{Kms, to_the_end};
use crate::operation::Operation;
use crate::ops::change::{TRIES, too_busy};
use crate::ops::key_stores::not_found;
use crate::ops::policies::accept_policy;
use crate::ops::random::random_bytes;
use crate::ops::tags::{add_request_tags, check_tags, tags_json};
use crate::paging::Paging;
use crate::store::insert_key;
use crate::types::{Call, CreateKeyRequest, KeyMetadata, ListedKey, Page, PageRequest};

const MAX_DESCRIPTION: usize = 8192;

impl Kms {
    /// CreateKey.
    ///
    /// # Errors
    /// As AWS documents for CreateKey; SM2 is [`KmsError::Unsupported`].
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
        let kind = Kind::requested(&request)?;
        let (spec, usage, origin) = (kind.spec, kind.usage, kind.origin);
        describe_key(&mut context, spec, usage, origin, request.multi_region);
        let bypass = request.bypass_policy_lockout_safety_check;
        context.insert("kms:BypassPolicyLockoutSafetyCheck", bypass.to_string());
        add_request_tags(&mut context, &request.tags);
        let account = self.permit_in_account(attempt, "kms:CreateKey", "*", &context)?;
        if !request.tags.is_empty() {
            self.permit_in_account(attempt, "kms:TagResource", "*", &context)?;
        }
        kind.check(&request)?;
        check_description(request.description.as_deref().unwrap_or_default())?;
        let id = Uuid::new_v4();
        let policy = match &request.policy {
            // Not checked for lock-out: it gives the account authority.
            None => default_key_policy(&account.to_string()),
            Some(policy) => {
                let key_id = match request.multi_region {
                    true => KeyId::MultiRegion(id),
                    false => KeyId::Uuid(id),
                };
                let arn = key_arn(&self.inner.region, account, key_id);
                accept_policy(attempt, policy, &arn, account, &context, bypass)?;
                policy.clone()
            }
        };
        let external = request
            .custom_key_store_id
            .zip(request.xks_key_id)
            .filter(|_| origin == Origin::ExternalKeyStore)
            .map(|(store, key)| ExternalKey { store, key });
        let now = whole_millis(attempt.now());
        let mut record = KeyRecord {
            account,
            id,
            created: now,
            description: request.description.unwrap_or_default(),
            manager: KeyManager::Customer,
            state: KeyState::PendingImport,
            spec,
            usage,
            origin,
            multi_region: request.multi_region,
            external,
            public_key: None,
            deletion: None,
            policy,
            tags: check_tags(Default::default(), request.tags)?,
            aliases: Vec::new(),
            grants: 0,
            material: Vec::new(),
            rotation: Default::default(),
        };
        if matches!(origin, Origin::AwsKms | Origin::ExternalKeyStore) {
            self.make_material(&mut record).await?;
            record.state = KeyState::Enabled;
        }
        let metadata = record.metadata(&self.inner.region);
        self.keep_key(attempt, &record).await?;
        attempt.touched(account, &metadata.arn);
        attempt.responds("keyMetadata", trail_metadata(&metadata));
        Ok(metadata)
    }

    /// Writes a new key, and where it is in a key store, that it is there.
    async fn keep_key(&self, attempt: &Attempt, key: &KeyRecord) -> Result<(), KmsError> {
        for _ in 0..TRIES {
            let mut writes = vec![insert_key(key)?];
            if let Some(external) = &key.external {
                let store = self.external_key(attempt, key.account, external).await?;
                writes.extend(add_key(&store, external)?);
            }
            if self.inner.store.write(writes).await? {
                return Ok(());
            }
            if key.external.is_none() {
                return Err(KmsError::Internal(
                    "a new key id was in use already".to_owned(),
                ));
            }
        }
        Err(too_busy())
    }

    /// Makes the material of a new key.
    async fn make_material(&self, key: &mut KeyRecord) -> Result<(), KmsError> {
        let (account, id, now) = (key.account, key.id, key.created);
        let materials = &self.inner.materials;
        let material = if key.spec.is_asymmetric() {
            let pair = asymmetric::generate(key.spec).await?;
            key.public_key = Some(BASE64.encode(&pair.public));
            materials.seal(account, id, 1, now, &pair.private)?
        } else if let Some(size) = key.spec.mac_key_size() {
            materials.seal(account, id, 1, now, &random_bytes(size)?)?
        } else {
            materials.generate(account, id, 1, now)?
        };
        key.material.push(material);
        Ok(())
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
                    key_id: key.record.key_id().to_string(),
                    arn: key.arn.clone(),
                };
                let due = key.record.is_due(attempt.now());
                (key.record.id.to_string(), listed, due)
            })
            .collect();
        // A key that is due is left out only here, so that it does not disturb the paging. Nor does the form
        // of an id: the order is that of the numbers.
        let page = paging.page(keys, |(number, ..)| number);
        Ok(Page {
            items: page
                .items
                .into_iter()
                .filter(|(.., due)| !due)
                .map(|(_, key, _)| key)
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
}

fn note_create_key(attempt: &mut Attempt, request: &CreateKeyRequest) {
    attempt.optional("description", request.description.as_deref());
    attempt.parameter(
        "keyUsage",
        request
            .key_usage
            .as_deref()
            .unwrap_or(KeyUsage::default().as_str()),
    );
    attempt.parameter(
        "keySpec",
        request
            .key_spec
            .as_deref()
            .unwrap_or(KeySpec::default().as_str()),
    );
    attempt.optional(
        "customerMasterKeySpec",
        request.customer_master_key_spec.as_deref(),
    );
    attempt.parameter(
        "origin",
        request
            .origin
            .as_deref()
            .unwrap_or(Origin::default().as_str()),
    );
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

/// The kind of key that a request asks for.
#[derive(Debug, Clone, Copy)]
struct Kind {
    spec: KeySpec,
    usage: KeyUsage,
    origin: Origin,
}

impl Kind {
    /// Reads the names. A usage that is missing where it must not is found by [`Kind::check`]; until then the
    /// policies are asked about the first one of the spec.
    fn requested(request: &CreateKeyRequest) -> Result<Kind, KmsError> {
        let spec = match (&request.key_spec, &request.customer_master_key_spec) {
            (Some(_), Some(_)) => {
                return Err(KmsError::Validation(
                    "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. \
                     CustomerMasterKeySpec is deprecated."
                        .to_owned(),
                ));
            }
            (Some(spec), None) => KeySpec::of_parameter(spec, "keySpec")?,
            (None, Some(spec)) => KeySpec::of_parameter(spec, "customerMasterKeySpec")?,
            (None, None) => KeySpec::default(),
        };
        let usage = match &request.key_usage {
            Some(usage) => KeyUsage::of_parameter(usage, "keyUsage")?,
            None => spec.usages().first().copied().unwrap_or_default(),
        };
        let origin = match &request.origin {
            Some(origin) => Origin::of_parameter(origin, "origin")?,
            None => Origin::default(),
        };
        Ok(Kind {
            spec,
            usage,
            origin,
        })
    }

    /// Refuses what does not go together, and what there is not here.
    fn check(self, request: &CreateKeyRequest) -> Result<(), KmsError> {
        let Kind {
            spec,
            usage,
            origin,
        } = self;
        if request.key_usage.is_none() && spec != KeySpec::SymmetricDefault {
            return Err(KmsError::Validation(
                "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys."
                    .to_owned(),
            ));
        }
        if !spec.usages().contains(&usage) {
            return Err(KmsError::Validation(format!(
                "KeyUsage {usage} is not compatible with KeySpec {spec}"
            )));
        }
        if spec == KeySpec::Sm2 {
            return Err(KmsError::Unsupported(
                "KeySpec SM2 is not supported: it is available only in the Regions of China."
                    .to_owned(),
            ));
        }
        approved::key_spec(spec)?;
        if origin != Origin::ExternalKeyStore && request.xks_key_id.is_some() {
            return Err(KmsError::Validation(
                "XksKeyId is valid only with Origin EXTERNAL_KEY_STORE.".to_owned(),
            ));
        }
        match origin {
            Origin::AwsCloudHsm | Origin::ExternalKeyStore => in_key_store(self, request),
            _ if request.custom_key_store_id.is_some() => Err(KmsError::Validation(format!(
                "CustomKeyStoreId is not valid with Origin {origin}."
            ))),
            Origin::External if spec.is_ml_dsa() => Err(KmsError::Unsupported(format!(
                "Key material for KeySpec {spec} cannot be imported."
            ))),
            Origin::External | Origin::AwsKms => Ok(()),
        }
    }
}

/// What is asked of a key in a custom key store. There are none in AWS CloudHSM.
fn in_key_store(kind: Kind, request: &CreateKeyRequest) -> Result<(), KmsError> {
    let origin = kind.origin;
    let Some(store) = &request.custom_key_store_id else {
        return Err(KmsError::Validation(format!(
            "CustomKeyStoreId is required with Origin {origin}."
        )));
    };
    if origin == Origin::ExternalKeyStore && request.xks_key_id.is_none() {
        return Err(KmsError::Validation(format!(
            "XksKeyId is required with Origin {origin}."
        )));
    }
    if request.multi_region {
        return Err(KmsError::Unsupported(format!(
            "MultiRegion keys are not supported with Origin {origin}."
        )));
    }
    if kind.spec != KeySpec::SymmetricDefault {
        return Err(KmsError::Unsupported(format!(
            "KeySpec {} is not supported with Origin {origin}.",
            kind.spec
        )));
    }
    match origin {
        Origin::ExternalKeyStore => Ok(()),
        _ => Err(not_found(store)),
    }
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
    let mut metadata = json!({
        "aWSAccountId": key.account_id,
        "keyId": key.key_id,
        "arn": key.arn,
        "creationDate": key.created.format(&Rfc3339).unwrap_or_default(),
        "enabled": key.enabled,
        "description": key.description,
        "keyUsage": key.key_usage.as_str(),
        "keyState": key.state.as_str(),
        "origin": key.origin.as_str(),
        "keyManager": key.manager.as_str(),
        "customerMasterKeySpec": key.key_spec.as_str(),
        "keySpec": key.key_spec.as_str(),
        "multiRegion": key.multi_region.is_some(),
    });
    if let (Some(config), Some(members)) = (&key.multi_region, metadata.as_object_mut()) {
        let config = json!({
            "multiRegionKeyType": "PRIMARY",
            "primaryKey": { "arn": config.primary_arn, "region": config.primary_region },
            "replicaKeys": [],
        });
        members.insert("multiRegionConfiguration".to_owned(), config);
    }
    if let (Some(external), Some(members)) = (&key.external_key, metadata.as_object_mut()) {
        members.insert(
            "customKeyStoreId".to_owned(),
            external.store.as_str().into(),
        );
        let config = json!({ "id": external.key });
        members.insert("xksKeyConfiguration".to_owned(), config);
    }
    if let (Some(algorithms), Some(members)) = (key.algorithms, metadata.as_object_mut()) {
        let mut member = algorithms.member().to_owned();
        member.replace_range(..1, &member[..1].to_ascii_lowercase());
        members.insert(member, algorithms.names().into());
    }
    metadata
}
