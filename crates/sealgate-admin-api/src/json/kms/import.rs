//! Import of key material.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealgate_kms::ImportKeyMaterialRequest;
use serde_json::json;

use super::{Operation, Output, timestamp};

impl Operation<'_> {
    pub(super) async fn get_parameters_for_import(mut self) -> Output {
        let algorithm = self.input.required("WrappingAlgorithm")?;
        let spec = self.input.required("WrappingKeySpec")?;
        let key_id = self.key_id()?;
        let parameters = self
            .kms
            .get_parameters_for_import(self.call, &key_id, &algorithm, &spec)
            .await?;
        Ok(Some(json!({
            "KeyId": parameters.key_arn,
            "ImportToken": STANDARD.encode(&parameters.import_token),
            "PublicKey": STANDARD.encode(&parameters.public_key),
            "ParametersValidTo": timestamp(parameters.valid_to),
        })))
    }

    pub(super) async fn import_key_material(mut self) -> Output {
        let request = ImportKeyMaterialRequest {
            import_token: self.input.required_blob("ImportToken")?.to_vec(),
            encrypted_key_material: self.input.required_blob("EncryptedKeyMaterial")?.to_vec(),
            valid_to: self.input.time("ValidTo")?,
            expiration_model: self.input.string("ExpirationModel")?,
            import_type: self.input.string("ImportType")?,
            key_material_description: self.input.string("KeyMaterialDescription")?,
            key_material_id: self.input.string("KeyMaterialId")?,
        };
        let key_id = self.key_id()?;
        let imported = self
            .kms
            .import_key_material(self.call, &key_id, request)
            .await?;
        Ok(Some(json!({
            "KeyId": imported.key_arn,
            "KeyMaterialId": imported.key_material_id,
        })))
    }

    pub(super) async fn delete_imported_key_material(mut self) -> Output {
        let material = self.input.string("KeyMaterialId")?;
        let key_id = self.key_id()?;
        let deleted = self
            .kms
            .delete_imported_key_material(self.call, &key_id, material.as_deref())
            .await?;
        Ok(Some(json!({
            "KeyId": deleted.key_arn,
            "KeyMaterialId": deleted.key_material_id,
        })))
    }
}
