//! KMS over JSON 1.1: members in, the KMS's own types out, and back. What the values mean, who may
//! do it, and the audit record are the KMS's.
//! <https://docs.aws.amazon.com/kms/latest/APIReference/API_Operations.html>

mod aliases;
mod crypto;
mod grants;
mod import;
mod key_stores;
mod keys;
mod policies;
mod rotation;
mod sign;

use http::request::Parts;
use sealgate_iam::Authenticated;
use sealgate_kms::{Call, CryptoOptions, EncryptionContext, Kms, KmsError, Page, PageRequest, Tag};
use sealgate_wire::Connection;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

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
            "EnableKeyRotation" => self.enable_key_rotation().await,
            "DisableKeyRotation" => self.disable_key_rotation().await,
            "RotateKeyOnDemand" => self.rotate_key_on_demand().await,
            "ListKeyRotations" => self.list_key_rotations().await,
            "GetKeyLastUsage" => self.get_key_last_usage().await,
            "GetParametersForImport" => self.get_parameters_for_import().await,
            "ImportKeyMaterial" => self.import_key_material().await,
            "DeleteImportedKeyMaterial" => self.delete_imported_key_material().await,
            "ConnectCustomKeyStore" => self.connect_custom_key_store().await,
            "CreateCustomKeyStore" => self.create_custom_key_store().await,
            "DeleteCustomKeyStore" => self.delete_custom_key_store().await,
            "DescribeCustomKeyStores" => self.describe_custom_key_stores().await,
            "DisconnectCustomKeyStore" => self.disconnect_custom_key_store().await,
            "UpdateCustomKeyStore" => self.update_custom_key_store().await,
            "ReplicateKey" => self.replicate_key().await,
            "UpdatePrimaryRegion" => self.update_primary_region().await,
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
            "CreateGrant" => self.create_grant().await,
            "ListGrants" => self.list_grants().await,
            "ListRetirableGrants" => self.list_retirable_grants().await,
            "RetireGrant" => self.retire_grant().await,
            "RevokeGrant" => self.revoke_grant().await,
            "Encrypt" => self.encrypt().await,
            "Decrypt" => self.decrypt().await,
            "ReEncrypt" => self.re_encrypt().await,
            "GenerateDataKey" => self.generate_data_key(true).await,
            "GenerateDataKeyWithoutPlaintext" => self.generate_data_key(false).await,
            "GenerateRandom" => self.generate_random().await,
            "GenerateDataKeyPair" => self.generate_data_key_pair(true).await,
            "GenerateDataKeyPairWithoutPlaintext" => self.generate_data_key_pair(false).await,
            "Sign" => self.sign().await,
            "Verify" => self.verify().await,
            "GetPublicKey" => self.get_public_key().await,
            "GenerateMac" => self.generate_mac().await,
            "VerifyMac" => self.verify_mac().await,
            "DeriveSharedSecret" => self.derive_shared_secret().await,
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
        Ok(CryptoOptions {
            encryption_algorithm: self.input.string("EncryptionAlgorithm")?,
            grant_tokens: self.grant_tokens()?,
            dry_run: self.input.boolean("DryRun")?,
            ignore_ciphertext: false,
        })
    }

    fn grant_tokens(&mut self) -> Result<Vec<String>, Failure> {
        Ok(self.input.strings("GrantTokens")?.unwrap_or_default())
    }

    /// True if the `DryRunModifiers` say that a dry run shall look at no ciphertext.
    fn ignores_ciphertext(&mut self, dry_run: bool) -> Result<bool, Failure> {
        let modifiers = self.input.strings("DryRunModifiers")?.unwrap_or_default();
        if let Some(other) = modifiers.iter().find(|text| *text != "IGNORE_CIPHERTEXT") {
            return Err(Failure::refused(
                "ValidationException",
                format!(
                    "1 validation error detected: Value '{}' at 'dryRunModifiers' failed to satisfy constraint: \
                     Member must satisfy enum value set: [IGNORE_CIPHERTEXT]",
                    other.chars().take(64).collect::<String>()
                ),
            ));
        }
        if !modifiers.is_empty() && !dry_run {
            return Err(Failure::refused(
                "ValidationException",
                "DryRunModifiers are valid only if DryRun is true.",
            ));
        }
        Ok(!modifiers.is_empty())
    }

    /// `CiphertextBlob`, which a dry run that looks at none need not have.
    fn ciphertext(&mut self, ignored: bool) -> Result<Zeroizing<Vec<u8>>, Failure> {
        if ignored {
            return Ok(self.input.blob("CiphertextBlob")?.unwrap_or_default());
        }
        self.input.required_blob("CiphertextBlob")
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
