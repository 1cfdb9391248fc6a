//! KMS over JSON 1.1: members in, the KMS's own types out, and back. What the values mean, who may
//! do it, and the audit record are the KMS's.
//! <https://docs.aws.amazon.com/kms/latest/APIReference/API_Operations.html>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::request::Parts;
use sealgate_iam::Authenticated;
use sealgate_kms::{
    Call, CreateKeyRequest, CryptoOptions, DataKeySize, EncryptionContext, KeyMetadata, Kms,
    KmsError, Page, PageRequest, PutKeyPolicyRequest, ReEncryptRequest, SYMMETRIC_DEFAULT, Tag,
};
use sealgate_wire::Connection;
use serde_json::{Map, Value, json};

use super::input::Input;
use super::{Failure, failure, operation, success, timestamp};
use crate::audit::CallRecord;
use crate::operations::{KMS, Known};
use crate::reply::Reply;
use crate::{AdminApi, words};

const SOURCE: &str = "kms.amazonaws.com";
const TARGET: &str = "TrentService";

impl From<KmsError> for Failure {
    fn from(error: KmsError) -> Failure {
        if let KmsError::Internal(detail) = &error {
            tracing::error!(%detail, "a KMS operation failed");
        }
        Failure {
            status: error.status(),
            code: error.code(),
            message: error.message(),
        }
    }
}

/// How an operation ended: refused here, which this module must record, or answered by the KMS,
/// which has recorded it.
enum Outcome {
    RefusedHere(Failure),
    ByKms(Result<Option<Value>, Failure>),
}

/// Refusals of this module end an operation before the KMS sees it.
impl From<Failure> for Outcome {
    fn from(failure: Failure) -> Outcome {
        Outcome::RefusedHere(failure)
    }
}

/// Answers a request of the KMS.
pub async fn handle(
    api: &AdminApi,
    parts: &Parts,
    body: &[u8],
    auth: &Authenticated,
    conn: &Connection,
    request_id: &str,
) -> Reply {
    let known = match operation(parts, &KMS, &[TARGET]) {
        Ok(known) => known,
        Err(refused) => return failure(refused.status, refused.code, &refused.message, request_id),
    };
    let (name, outcome) = match known {
        Known::Implemented(name) if !api.cleartext.permits(conn) => {
            let refused = Failure::refused("InvalidRequestException", words::CLEARTEXT);
            (name, Outcome::RefusedHere(refused))
        }
        Known::Implemented(name) => {
            let call = Call {
                caller: &auth.caller,
                request_id,
                via: None,
            };
            (name, run(&api.kms, &call, name, body).await)
        }
        Known::NotImplemented(name) => (
            name,
            Outcome::RefusedHere(Failure::not_implemented("KMS", name)),
        ),
        Known::Unknown => (
            "",
            Outcome::RefusedHere(Failure::refused("UnknownOperationException", "")),
        ),
    };
    let result = match outcome {
        Outcome::ByKms(result) => result,
        Outcome::RefusedHere(refused) => {
            let mut record = CallRecord::new(SOURCE, name);
            record.read_only = is_read_only(name);
            record.error = Some((refused.code.to_owned(), refused.message.clone()));
            match api.record(record, &auth.caller, request_id).await {
                Ok(()) => Err(refused),
                Err(error) => Err(KmsError::from(error).into()),
            }
        }
    };
    match result {
        Ok(output) => success(output.as_ref(), request_id),
        Err(refused) => failure(refused.status, refused.code, &refused.message, request_id),
    }
}

/// CloudTrail calls the cryptographic operations read-only: they change no key.
fn is_read_only(operation: &str) -> bool {
    const VERBS: [&str; 11] = [
        "Describe",
        "Get",
        "List",
        "Encrypt",
        "Decrypt",
        "ReEncrypt",
        "Generate",
        "Sign",
        "Verify",
        "Derive",
        "Retrieve",
    ];
    VERBS.iter().any(|verb| operation.starts_with(verb))
}

async fn run(kms: &Kms, call: &Call<'_>, name: &str, body: &[u8]) -> Outcome {
    let mut input = match Input::parse(body) {
        Ok(input) => input,
        Err(refused) => return refused.into(),
    };
    let operation = Operation {
        kms,
        call,
        input: &mut input,
    };
    match operation.run(name).await {
        Ok(output) => Outcome::ByKms(Ok(output)),
        Err(Stop::Here(refused)) => Outcome::RefusedHere(refused),
        Err(Stop::Kms(error)) => Outcome::ByKms(Err(error.into())),
    }
}

/// Where an operation stopped.
enum Stop {
    Here(Failure),
    Kms(KmsError),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Stop {
        Stop::Here(failure)
    }
}

impl From<KmsError> for Stop {
    fn from(error: KmsError) -> Stop {
        Stop::Kms(error)
    }
}

type Output = Result<Option<Value>, Stop>;

struct Operation<'a> {
    kms: &'a Kms,
    call: &'a Call<'a>,
    input: &'a mut Input,
}

impl Operation<'_> {
    async fn run(self, name: &str) -> Output {
        match name {
            "CreateKey" => self.create_key().await,
            "DescribeKey" => self.describe_key().await,
            "ListKeys" => self.list_keys().await,
            "EnableKey" => self.enable_key().await,
            "DisableKey" => self.disable_key().await,
            "UpdateKeyDescription" => self.update_key_description().await,
            "GetKeyRotationStatus" => self.get_key_rotation_status().await,
            "ScheduleKeyDeletion" => self.schedule_key_deletion().await,
            "CancelKeyDeletion" => self.cancel_key_deletion().await,
            "CreateAlias" => self.create_alias().await,
            "UpdateAlias" => self.update_alias().await,
            "DeleteAlias" => self.delete_alias().await,
            "ListAliases" => self.list_aliases().await,
            "PutKeyPolicy" => self.put_key_policy().await,
            "GetKeyPolicy" => self.get_key_policy().await,
            "ListKeyPolicies" => self.list_key_policies().await,
            "TagResource" => self.tag_resource().await,
            "UntagResource" => self.untag_resource().await,
            "ListResourceTags" => self.list_resource_tags().await,
            "Encrypt" => self.encrypt().await,
            "Decrypt" => self.decrypt().await,
            "ReEncrypt" => self.re_encrypt().await,
            "GenerateDataKey" => self.generate_data_key(true).await,
            "GenerateDataKeyWithoutPlaintext" => self.generate_data_key(false).await,
            "GenerateRandom" => self.generate_random().await,
            other => Err(Failure::not_implemented("KMS", other).into()),
        }
    }

    // --- members that several operations share

    /// `KeyId`, of an operation that takes nothing else that could be missing.
    fn key_id(&mut self) -> Result<String, Failure> {
        let key_id = self.input.required("KeyId")?;
        self.input.finish()?;
        Ok(key_id)
    }

    fn page(&mut self) -> Result<PageRequest, Failure> {
        Ok(PageRequest {
            limit: self.input.integer("Limit")?,
            marker: self.input.string("Marker")?,
        })
    }

    fn context(&mut self, name: &str) -> Result<EncryptionContext, Failure> {
        Ok(EncryptionContext::from_pairs(self.input.map(name)?))
    }

    fn options(&mut self) -> Result<CryptoOptions, Failure> {
        self.no_dry_run_modifiers()?;
        Ok(CryptoOptions {
            encryption_algorithm: self.input.string("EncryptionAlgorithm")?,
            grant_tokens: self.input.strings("GrantTokens")?.unwrap_or_default(),
            dry_run: self.input.boolean("DryRun")?,
        })
    }

    fn no_dry_run_modifiers(&mut self) -> Result<(), Failure> {
        match self.input.strings("DryRunModifiers")? {
            Some(list) if !list.is_empty() => Err(Failure::refused(
                "UnsupportedOperationException",
                "DryRunModifiers are not supported by Sealgate.",
            )),
            _ => Ok(()),
        }
    }

    /// A caller that names a recipient wants the plaintext sealed to its enclave. To ignore that
    /// would hand it out in the clear.
    fn no_recipient(&self) -> Result<(), Failure> {
        if self.input.has("Recipient") {
            return Err(Failure::refused(
                "UnsupportedOperationException",
                "Recipient is not supported by Sealgate: it seals answers to attested AWS Nitro enclaves.",
            ));
        }
        Ok(())
    }

    fn tags(pairs: Vec<(String, String)>) -> Vec<Tag> {
        pairs
            .into_iter()
            .map(|(key, value)| Tag { key, value })
            .collect()
    }

    // --- keys

    async fn create_key(self) -> Output {
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

    async fn describe_key(mut self) -> Output {
        // Grant tokens are taken and not needed: there are no grants that a token could stand for.
        self.input.strings("GrantTokens")?;
        let key_id = self.key_id()?;
        let key = self.kms.describe_key(self.call, &key_id).await?;
        Ok(Some(json!({ "KeyMetadata": metadata(&key) })))
    }

    async fn list_keys(mut self) -> Output {
        let page = self.page()?;
        let page = self.kms.list_keys(self.call, page).await?;
        Ok(Some(paged(
            "Keys",
            page,
            |key| json!({ "KeyId": key.key_id, "KeyArn": key.arn }),
        )))
    }

    async fn enable_key(mut self) -> Output {
        let key_id = self.key_id()?;
        self.kms.enable_key(self.call, &key_id).await?;
        Ok(None)
    }

    async fn disable_key(mut self) -> Output {
        let key_id = self.key_id()?;
        self.kms.disable_key(self.call, &key_id).await?;
        Ok(None)
    }

    async fn update_key_description(mut self) -> Output {
        let description = self.input.required("Description")?;
        let key_id = self.key_id()?;
        self.kms
            .update_key_description(self.call, &key_id, &description)
            .await?;
        Ok(None)
    }

    async fn get_key_rotation_status(mut self) -> Output {
        let key_id = self.key_id()?;
        let status = self.kms.get_key_rotation_status(self.call, &key_id).await?;
        Ok(Some(
            json!({ "KeyId": status.key_arn, "KeyRotationEnabled": status.enabled }),
        ))
    }

    async fn schedule_key_deletion(mut self) -> Output {
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

    async fn cancel_key_deletion(mut self) -> Output {
        let key_id = self.key_id()?;
        let arn = self.kms.cancel_key_deletion(self.call, &key_id).await?;
        Ok(Some(json!({ "KeyId": arn })))
    }

    // --- aliases

    async fn create_alias(self) -> Output {
        let name = self.input.required("AliasName")?;
        let target = self.input.required("TargetKeyId")?;
        self.input.finish()?;
        self.kms.create_alias(self.call, &name, &target).await?;
        Ok(None)
    }

    async fn update_alias(self) -> Output {
        let name = self.input.required("AliasName")?;
        let target = self.input.required("TargetKeyId")?;
        self.input.finish()?;
        self.kms.update_alias(self.call, &name, &target).await?;
        Ok(None)
    }

    async fn delete_alias(self) -> Output {
        let name = self.input.required("AliasName")?;
        self.input.finish()?;
        self.kms.delete_alias(self.call, &name).await?;
        Ok(None)
    }

    async fn list_aliases(mut self) -> Output {
        let key_id = self.input.string("KeyId")?;
        let page = self.page()?;
        let page = self
            .kms
            .list_aliases(self.call, key_id.as_deref(), page)
            .await?;
        Ok(Some(paged("Aliases", page, |alias| {
            json!({
                "AliasName": alias.name,
                "AliasArn": alias.arn,
                "TargetKeyId": alias.target_key_id,
                "CreationDate": timestamp(alias.created),
                "LastUpdatedDate": timestamp(alias.updated),
            })
        })))
    }

    // --- policies and tags

    async fn put_key_policy(mut self) -> Output {
        let request = PutKeyPolicyRequest {
            policy_name: self.input.string("PolicyName")?,
            policy: self.input.required("Policy")?,
            bypass_policy_lockout_safety_check: self
                .input
                .boolean("BypassPolicyLockoutSafetyCheck")?,
        };
        let key_id = self.key_id()?;
        self.kms.put_key_policy(self.call, &key_id, request).await?;
        Ok(None)
    }

    async fn get_key_policy(mut self) -> Output {
        let policy_name = self.input.string("PolicyName")?;
        let key_id = self.key_id()?;
        let policy = self
            .kms
            .get_key_policy(self.call, &key_id, policy_name.as_deref())
            .await?;
        Ok(Some(json!({ "Policy": policy, "PolicyName": "default" })))
    }

    async fn list_key_policies(mut self) -> Output {
        let page = self.page()?;
        let key_id = self.key_id()?;
        let page = self.kms.list_key_policies(self.call, &key_id, page).await?;
        Ok(Some(paged("PolicyNames", page, |name| json!(name))))
    }

    async fn tag_resource(mut self) -> Output {
        let tags = self.input.required_pairs("Tags", "TagKey", "TagValue")?;
        let key_id = self.key_id()?;
        self.kms
            .tag_resource(self.call, &key_id, Self::tags(tags))
            .await?;
        Ok(None)
    }

    async fn untag_resource(mut self) -> Output {
        let keys = self.input.required_strings("TagKeys")?;
        let key_id = self.key_id()?;
        self.kms.untag_resource(self.call, &key_id, keys).await?;
        Ok(None)
    }

    async fn list_resource_tags(mut self) -> Output {
        let page = self.page()?;
        let key_id = self.key_id()?;
        let page = self
            .kms
            .list_resource_tags(self.call, &key_id, page)
            .await?;
        Ok(Some(paged(
            "Tags",
            page,
            |tag| json!({ "TagKey": tag.key, "TagValue": tag.value }),
        )))
    }

    // --- cryptography

    async fn encrypt(mut self) -> Output {
        let plaintext = self.input.required_blob("Plaintext")?;
        let context = self.context("EncryptionContext")?;
        let options = self.options()?;
        let key_id = self.key_id()?;
        let encrypted = self
            .kms
            .encrypt(self.call, &key_id, &plaintext, &context, &options)
            .await?;
        Ok(Some(json!({
            "CiphertextBlob": STANDARD.encode(&encrypted.ciphertext),
            "KeyId": encrypted.key_arn,
            "EncryptionAlgorithm": SYMMETRIC_DEFAULT,
        })))
    }

    async fn decrypt(mut self) -> Output {
        self.no_recipient()?;
        let ciphertext = self.input.required_blob("CiphertextBlob")?;
        let context = self.context("EncryptionContext")?;
        let options = self.options()?;
        let key_id = self.input.string("KeyId")?;
        self.input.finish()?;
        let decrypted = self
            .kms
            .decrypt_with(
                self.call,
                key_id.as_deref(),
                &ciphertext,
                &context,
                &options,
            )
            .await?;
        Ok(Some(json!({
            "KeyId": decrypted.key_arn,
            "Plaintext": STANDARD.encode(decrypted.plaintext.as_slice()),
            "EncryptionAlgorithm": SYMMETRIC_DEFAULT,
            "KeyMaterialId": decrypted.key_material_id,
        })))
    }

    async fn re_encrypt(mut self) -> Output {
        self.no_dry_run_modifiers()?;
        let request = ReEncryptRequest {
            ciphertext: self.input.required_blob("CiphertextBlob")?.to_vec(),
            source_key_id: self.input.string("SourceKeyId")?,
            source_context: self.context("SourceEncryptionContext")?,
            source_encryption_algorithm: self.input.string("SourceEncryptionAlgorithm")?,
            destination_key_id: self.input.required("DestinationKeyId")?,
            destination_context: self.context("DestinationEncryptionContext")?,
            destination_encryption_algorithm: self
                .input
                .string("DestinationEncryptionAlgorithm")?,
            grant_tokens: self.input.strings("GrantTokens")?.unwrap_or_default(),
            dry_run: self.input.boolean("DryRun")?,
        };
        self.input.finish()?;
        let done = self.kms.re_encrypt(self.call, request).await?;
        Ok(Some(json!({
            "CiphertextBlob": STANDARD.encode(&done.ciphertext),
            "SourceKeyId": done.source_key_arn,
            "KeyId": done.key_arn,
            "SourceEncryptionAlgorithm": SYMMETRIC_DEFAULT,
            "DestinationEncryptionAlgorithm": SYMMETRIC_DEFAULT,
            "SourceKeyMaterialId": done.source_key_material_id,
            "DestinationKeyMaterialId": done.destination_key_material_id,
        })))
    }

    async fn generate_data_key(mut self, with_plaintext: bool) -> Output {
        self.no_recipient()?;
        let context = self.context("EncryptionContext")?;
        let options = self.options()?;
        let size = DataKeySize {
            key_spec: self.input.string("KeySpec")?,
            number_of_bytes: self.input.integer("NumberOfBytes")?,
        };
        let key_id = self.key_id()?;
        let (kms, call) = (self.kms, self.call);
        if with_plaintext {
            let key = kms
                .generate_data_key_with(call, &key_id, &context, &size, &options)
                .await?;
            Ok(Some(json!({
                "CiphertextBlob": STANDARD.encode(&key.ciphertext),
                "Plaintext": STANDARD.encode(key.plaintext.as_slice()),
                "KeyId": key.key_arn,
                "KeyMaterialId": key.key_material_id,
            })))
        } else {
            let key = kms
                .generate_data_key_without_plaintext(call, &key_id, &context, &size, &options)
                .await?;
            Ok(Some(json!({
                "CiphertextBlob": STANDARD.encode(&key.ciphertext),
                "KeyId": key.key_arn,
                "KeyMaterialId": key.key_material_id,
            })))
        }
    }

    async fn generate_random(self) -> Output {
        self.no_recipient()?;
        if self.input.has("CustomKeyStoreId") {
            return Err(Failure::refused(
                "CustomKeyStoreNotFoundException",
                "There are no custom key stores in Sealgate.",
            )
            .into());
        }
        let bytes = self.input.integer("NumberOfBytes")?;
        let random = self.kms.generate_random(self.call, bytes).await?;
        Ok(Some(
            json!({ "Plaintext": STANDARD.encode(random.as_slice()) }),
        ))
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
        "KeyUsage": key.key_usage,
        "KeyState": key.state.as_str(),
        "Origin": key.origin,
        "KeyManager": key.manager.as_str(),
        "CustomerMasterKeySpec": key.key_spec,
        "KeySpec": key.key_spec,
        "EncryptionAlgorithms": key.encryption_algorithms,
        "MultiRegion": key.multi_region,
        "CurrentKeyMaterialId": key.current_key_material_id,
    });
    if let (Some(date), Some(members)) = (key.deletion_date, output.as_object_mut()) {
        members.insert("DeletionDate".into(), timestamp(date));
    }
    output
}

fn paged<T>(member: &str, page: Page<T>, item: impl Fn(T) -> Value) -> Value {
    let mut output = Map::new();
    output.insert(
        member.to_owned(),
        page.items.into_iter().map(item).collect(),
    );
    output.insert("Truncated".into(), page.next_marker.is_some().into());
    if let Some(marker) = page.next_marker {
        output.insert("NextMarker".into(), marker.into());
    }
    Value::Object(output)
}
