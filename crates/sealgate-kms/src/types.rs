//! What operations take and give: typed, but with the client's own texts where the KMS has to judge them,
//! so that a refusal is recorded like any other.

use std::collections::BTreeMap;

use sealgate_policy::Caller;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::key::{KeyManager, KeyState};
use crate::key_store::ExternalKey;
use crate::kind::{
    Algorithms, EncryptionAlgorithm, ExpirationModel, ImportState, KeyMaterialState, KeySpec,
    KeyUsage, Origin, RotationType,
};

/// The encryption algorithm of symmetric keys.
pub const SYMMETRIC_DEFAULT: &str = "SYMMETRIC_DEFAULT";

/// Who calls, in which request, and through which service.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The caller; the time of its environment is the time of the call.
    pub caller: &'a Caller,
    /// The request id that the answer carries.
    pub request_id: &'a str,
    /// The service that calls on the caller's behalf (`kms:ViaService`), such as `s3.us-east-1.amazonaws.com`.
    pub via: Option<&'a str>,
}

/// A tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// Key.
    pub key: String,
    /// Value.
    pub value: String,
}

/// Parameters of CreateKey.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CreateKeyRequest {
    /// `Description`.
    pub description: Option<String>,
    /// `KeyUsage`.
    pub key_usage: Option<String>,
    /// `KeySpec`.
    pub key_spec: Option<String>,
    /// `CustomerMasterKeySpec`, the old name of `KeySpec`.
    pub customer_master_key_spec: Option<String>,
    /// `Origin`.
    pub origin: Option<String>,
    /// `CustomKeyStoreId`.
    pub custom_key_store_id: Option<String>,
    /// `XksKeyId`.
    pub xks_key_id: Option<String>,
    /// `MultiRegion`.
    pub multi_region: bool,
    /// `Policy`; without one the account has authority.
    pub policy: Option<String>,
    /// `BypassPolicyLockoutSafetyCheck`.
    pub bypass_policy_lockout_safety_check: bool,
    /// `Tags`.
    pub tags: Vec<Tag>,
}

/// Parameters of PutKeyPolicy besides the key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PutKeyPolicyRequest {
    /// `PolicyName`; only `default` is known.
    pub policy_name: Option<String>,
    /// `Policy`.
    pub policy: String,
    /// `BypassPolicyLockoutSafetyCheck`.
    pub bypass_policy_lockout_safety_check: bool,
}

/// `Limit` and `Marker` of the listing operations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageRequest {
    /// `Limit`.
    pub limit: Option<i64>,
    /// `Marker`.
    pub marker: Option<String>,
}

/// A page of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// `NextMarker`; the page is `Truncated` if there is one.
    pub next_marker: Option<String>,
}

/// `KeyMetadata`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyMetadata {
    /// `AWSAccountId`.
    pub account_id: String,
    /// `KeyId`.
    pub key_id: String,
    /// `Arn`.
    pub arn: String,
    /// `CreationDate`.
    pub created: OffsetDateTime,
    /// `Enabled`.
    pub enabled: bool,
    /// `Description`.
    pub description: String,
    /// `KeyUsage`.
    pub key_usage: KeyUsage,
    /// `KeyState`.
    pub state: KeyState,
    /// `DeletionDate`, while deletion is pending.
    pub deletion_date: Option<OffsetDateTime>,
    /// `Origin`.
    pub origin: Origin,
    /// `KeyManager`.
    pub manager: KeyManager,
    /// `KeySpec` and `CustomerMasterKeySpec`.
    pub key_spec: KeySpec,
    /// `EncryptionAlgorithms`, `SigningAlgorithms`, `MacAlgorithms` or `KeyAgreementAlgorithms`.
    pub algorithms: Option<Algorithms>,
    /// `MultiRegion` and `MultiRegionConfiguration`, of a multi-Region key.
    pub multi_region: Option<MultiRegion>,
    /// `ExpirationModel`, of keys with imported material.
    pub expiration_model: Option<ExpirationModel>,
    /// `ValidTo`: when the first of its imported materials expires.
    pub valid_to: Option<OffsetDateTime>,
    /// `CustomKeyStoreId` and `XksKeyConfiguration`, of keys in external key stores.
    pub external_key: Option<ExternalKey>,
    /// `CurrentKeyMaterialId`, of symmetric encryption keys that have material.
    pub current_key_material_id: Option<String>,
}

/// `MultiRegionConfiguration` of a primary key; there are no replicas, because a gateway serves one Region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MultiRegion {
    /// `PrimaryKey.Arn`.
    pub primary_arn: String,
    /// `PrimaryKey.Region`.
    pub primary_region: String,
}

/// A line of ListKeys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedKey {
    /// `KeyId`.
    pub key_id: String,
    /// `KeyArn`.
    pub arn: String,
}

/// A line of ListAliases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedAlias {
    /// `AliasName`, with `alias/`.
    pub name: String,
    /// `AliasArn`.
    pub arn: String,
    /// `TargetKeyId`.
    pub target_key_id: String,
    /// `CreationDate`.
    pub created: OffsetDateTime,
    /// `LastUpdatedDate`.
    pub updated: OffsetDateTime,
}

/// The answer of ScheduleKeyDeletion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduledDeletion {
    /// `KeyId`: the ARN.
    pub key_arn: String,
    /// `DeletionDate`.
    pub deletion_date: OffsetDateTime,
    /// `KeyState`.
    pub state: KeyState,
    /// `PendingWindowInDays`.
    pub pending_window_in_days: i64,
}

/// The answer of GetKeyRotationStatus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRotationStatus {
    /// `KeyId`: the ARN.
    pub key_arn: String,
    /// `KeyRotationEnabled`.
    pub enabled: bool,
    /// `RotationPeriodInDays`, of a rotation that is enabled.
    pub rotation_period_in_days: Option<u16>,
    /// `NextRotationDate`, of a rotation that is enabled. There is no `OnDemandRotationStartDate`: a rotation
    /// on demand is complete when it is answered.
    pub next_rotation_date: Option<OffsetDateTime>,
}

/// A line of ListKeyRotations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRotation {
    /// `KeyId`.
    pub key_id: String,
    /// `KeyMaterialId`.
    pub key_material_id: String,
    /// `KeyMaterialDescription`, of imported material.
    pub key_material_description: Option<String>,
    /// `ImportState`, of keys with imported material.
    pub import_state: Option<ImportState>,
    /// `KeyMaterialState`.
    pub key_material_state: KeyMaterialState,
    /// `ExpirationModel`, of imported material.
    pub expiration_model: Option<ExpirationModel>,
    /// `ValidTo`, of imported material that expires.
    pub valid_to: Option<OffsetDateTime>,
    /// `RotationDate`, of what came by a rotation.
    pub rotation_date: Option<OffsetDateTime>,
    /// `RotationType`, of what came by a rotation.
    pub rotation_type: Option<RotationType>,
}

/// The answer of GetKeyLastUsage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyLastUsage {
    /// `KeyId`.
    pub key_id: String,
    /// `KeyLastUsage`; `None` if the key was not used since uses are noted.
    pub last: Option<LastUse>,
    /// `TrackingStartDate`.
    pub tracked_since: OffsetDateTime,
    /// `KeyCreationDate`.
    pub created: OffsetDateTime,
    /// How often each material was used, by its id; the API does not show it.
    pub uses: BTreeMap<String, u64>,
}

/// A use of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastUse {
    /// `Operation`.
    pub operation: String,
    /// `Timestamp`.
    pub at: OffsetDateTime,
    /// `CloudTrailEventId`.
    pub event_id: String,
    /// `KmsRequestId`.
    pub request_id: String,
}

/// Options that the cryptographic operations share.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CryptoOptions {
    /// `EncryptionAlgorithm`.
    pub encryption_algorithm: Option<String>,
    /// `GrantTokens`.
    pub grant_tokens: Vec<String>,
    /// `DryRun`: check everything and do nothing.
    pub dry_run: bool,
    /// `IGNORE_CIPHERTEXT` among the `DryRunModifiers` of Decrypt: the dry run looks at no ciphertext.
    pub ignore_ciphertext: bool,
}

/// `KeySpec` and `NumberOfBytes` of GenerateDataKey, of which one is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DataKeySize {
    /// `AES_256` or `AES_128`.
    pub key_spec: Option<String>,
    /// 1 to 1024.
    pub number_of_bytes: Option<i64>,
}

impl DataKeySize {
    /// A data key of that many bytes.
    #[must_use]
    pub fn bytes(bytes: usize) -> DataKeySize {
        DataKeySize {
            key_spec: None,
            number_of_bytes: Some(i64::try_from(bytes).unwrap_or(i64::MAX)),
        }
    }
}

/// Parameters of ReEncrypt.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReEncryptRequest {
    /// `CiphertextBlob`.
    pub ciphertext: Vec<u8>,
    /// `SourceKeyId`.
    pub source_key_id: Option<String>,
    /// `SourceEncryptionContext`.
    pub source_context: crate::EncryptionContext,
    /// `SourceEncryptionAlgorithm`.
    pub source_encryption_algorithm: Option<String>,
    /// `DestinationKeyId`.
    pub destination_key_id: String,
    /// `DestinationEncryptionContext`.
    pub destination_context: crate::EncryptionContext,
    /// `DestinationEncryptionAlgorithm`.
    pub destination_encryption_algorithm: Option<String>,
    /// `GrantTokens`.
    pub grant_tokens: Vec<String>,
    /// `DryRun`.
    pub dry_run: bool,
    /// `IGNORE_CIPHERTEXT` among the `DryRunModifiers`.
    pub ignore_ciphertext: bool,
}

/// The answer of Encrypt and of GenerateDataKeyWithoutPlaintext.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encrypted {
    /// `CiphertextBlob`.
    pub ciphertext: Vec<u8>,
    /// `KeyId`: the ARN.
    pub key_arn: String,
    /// `EncryptionAlgorithm`.
    pub encryption_algorithm: EncryptionAlgorithm,
    /// `KeyMaterialId`, of a symmetric key (Encrypt does not answer it).
    pub key_material_id: Option<String>,
}

/// The answer of Decrypt. Wiped on drop.
pub struct Decrypted {
    /// `Plaintext`.
    pub plaintext: Zeroizing<Vec<u8>>,
    /// `KeyId`: the ARN.
    pub key_arn: String,
    /// `EncryptionAlgorithm`.
    pub encryption_algorithm: EncryptionAlgorithm,
    /// `KeyMaterialId`, of a symmetric key.
    pub key_material_id: Option<String>,
}

/// The answer of ReEncrypt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReEncrypted {
    /// `CiphertextBlob`.
    pub ciphertext: Vec<u8>,
    /// `SourceKeyId`: the ARN.
    pub source_key_arn: String,
    /// `KeyId`: the ARN of the destination.
    pub key_arn: String,
    /// `SourceEncryptionAlgorithm`.
    pub source_encryption_algorithm: EncryptionAlgorithm,
    /// `DestinationEncryptionAlgorithm`.
    pub destination_encryption_algorithm: EncryptionAlgorithm,
    /// `SourceKeyMaterialId`, of a symmetric key.
    pub source_key_material_id: Option<String>,
    /// `DestinationKeyMaterialId`, of a symmetric key.
    pub destination_key_material_id: Option<String>,
}

/// What [`Kms::rewrap`](crate::Kms::rewrap) makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewrapped {
    /// The new ciphertext.
    pub ciphertext: Vec<u8>,
    /// ARN of the key that made it.
    pub key_arn: String,
}

/// The answer of GenerateDataKey. The plaintext is wiped on drop.
pub struct DataKey {
    /// `Plaintext`.
    pub plaintext: Zeroizing<Vec<u8>>,
    /// `CiphertextBlob`.
    pub ciphertext: Vec<u8>,
    /// `KeyId`: the ARN.
    pub key_arn: String,
    /// `KeyMaterialId`.
    pub key_material_id: Option<String>,
}

/// What a key id, ARN or alias stands for, without regard to who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyArnInfo {
    /// ARN of the key.
    pub arn: String,
    /// The bare key id.
    pub key_id: String,
    /// Account that owns it.
    pub account_id: String,
    /// State.
    pub state: KeyState,
    /// Who manages it.
    pub manager: KeyManager,
}
