//! Imported key material: tokens, wrapping, and what the import operations take and give.
//! <https://docs.aws.amazon.com/kms/latest/developerguide/importing-keys.html>

pub(crate) mod token;
pub(crate) mod wrapping;

use time::OffsetDateTime;

/// The answer of GetParametersForImport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportParameters {
    /// `KeyId`: the ARN.
    pub key_arn: String,
    /// `ImportToken`.
    pub import_token: Vec<u8>,
    /// `PublicKey`: its SubjectPublicKeyInfo.
    pub public_key: Vec<u8>,
    /// `ParametersValidTo`.
    pub valid_to: OffsetDateTime,
}

/// Parameters of ImportKeyMaterial.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportKeyMaterialRequest {
    /// `ImportToken`.
    pub import_token: Vec<u8>,
    /// `EncryptedKeyMaterial`.
    pub encrypted_key_material: Vec<u8>,
    /// `ValidTo`.
    pub valid_to: Option<OffsetDateTime>,
    /// `ExpirationModel`.
    pub expiration_model: Option<String>,
    /// `ImportType`.
    pub import_type: Option<String>,
    /// `KeyMaterialDescription`.
    pub key_material_description: Option<String>,
    /// `KeyMaterialId`.
    pub key_material_id: Option<String>,
}

/// The answer of ImportKeyMaterial and of DeleteImportedKeyMaterial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedKeyMaterial {
    /// `KeyId`: the ARN.
    pub key_arn: String,
    /// `KeyMaterialId`; empty where there was nothing to delete.
    pub key_material_id: String,
}
