//! GetParametersForImport, ImportKeyMaterial, DeleteImportedKeyMaterial.
//! <https://docs.aws.amazon.com/kms/latest/developerguide/importing-keys.html>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sealgate_policy::Context;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

use crate::asymmetric::{self, off_the_workers};
use crate::attempt::Attempt;
use crate::error::KmsError;
use crate::import::token::{self, Token};
use crate::import::{ImportKeyMaterialRequest, ImportParameters, ImportedKeyMaterial, wrapping};
use crate::key::{KeyRecord, KeyState};
use crate::kind::{
    ExpirationModel, ImportType, KeySpec, Origin, WrappingAlgorithm, WrappingKeySpec,
};
use crate::kms::{Kms, to_the_end};
use crate::operation::Operation;
use crate::ops::keys::whole_millis;
use crate::types::Call;

const TOKEN_LIFETIME: Duration = Duration::hours(24);
/// The longest life of imported material that expires.
const MAX_LIFETIME: Duration = Duration::days(365);
/// The longest wrapped material.
const MAX_WRAPPED: usize = 6144;
const MAX_DESCRIPTION: usize = 256;

/// What is asked for, checked as far as it can be without the key.
struct Request {
    import_token: Vec<u8>,
    wrapped: Vec<u8>,
    valid_to: Option<OffsetDateTime>,
    import_type: Option<ImportType>,
    description: Option<String>,
    material_id: Option<String>,
}

impl Kms {
    /// GetParametersForImport.
    ///
    /// # Errors
    /// As AWS documents for GetParametersForImport.
    pub async fn get_parameters_for_import(
        &self,
        call: &Call<'_>,
        key_id: &str,
        wrapping_algorithm: &str,
        wrapping_key_spec: &str,
    ) -> Result<ImportParameters, KmsError> {
        let mut attempt = Attempt::begin(call, Operation::GetParametersForImport);
        attempt.parameter("keyId", key_id);
        attempt.parameter("wrappingAlgorithm", wrapping_algorithm);
        attempt.parameter("wrappingKeySpec", wrapping_key_spec);
        let result = self
            .import_parameters(&mut attempt, key_id, wrapping_algorithm, wrapping_key_spec)
            .await;
        self.conclude(attempt, result).await
    }

    async fn import_parameters(
        &self,
        attempt: &mut Attempt,
        key_id: &str,
        algorithm: &str,
        spec: &str,
    ) -> Result<ImportParameters, KmsError> {
        let algorithm = WrappingAlgorithm::of_parameter(algorithm, "wrappingAlgorithm")?;
        let spec = WrappingKeySpec::of_parameter(spec, "wrappingKeySpec")?;
        let found = self
            .find_permitted(attempt, key_id, "keyId", |context| {
                context.insert("kms:WrappingAlgorithm", algorithm.as_str());
                context.insert("kms:WrappingKeySpec", spec.as_str());
            })
            .await?;
        let key = &found.key.record;
        if !wrapping::suits(key.spec, algorithm, spec) {
            return Err(KmsError::Unsupported(format!(
                "Key material for a key of spec {} cannot be wrapped with {algorithm} under a wrapping key of \
                 spec {spec}.",
                key.spec
            )));
        }
        let sealing = self.inner.materials.root().derive(token::ROOT_PURPOSE)?;
        let made = off_the_workers(move || wrapping::make(spec)).await?;
        let failed = || KmsError::Internal(format!("no wrapping key {spec} could be made"));
        let made = made.ok_or_else(failed)?;
        let token = Token {
            algorithm,
            valid_to: whole_millis(attempt.now() + TOKEN_LIFETIME),
            private_key: made.private,
        };
        Ok(ImportParameters {
            key_arn: found.key.arn.clone(),
            import_token: token::seal(&sealing, key.account, key.id, &token).ok_or_else(failed)?,
            public_key: made.public,
            valid_to: token.valid_to,
        })
    }

    /// ImportKeyMaterial.
    ///
    /// # Errors
    /// As AWS documents for ImportKeyMaterial.
    pub async fn import_key_material(
        &self,
        call: &Call<'_>,
        key_id: &str,
        request: ImportKeyMaterialRequest,
    ) -> Result<ImportedKeyMaterial, KmsError> {
        let (kms, key_id) = (self.clone(), key_id.to_owned());
        let mut attempt = Attempt::begin(call, Operation::ImportKeyMaterial);
        attempt.parameter("keyId", key_id.as_str());
        let valid_to = request
            .valid_to
            .map(|time| time.format(&Rfc3339).unwrap_or_default());
        attempt.optional("validTo", valid_to);
        let model = request.expiration_model.as_deref();
        attempt.parameter(
            "expirationModel",
            model.unwrap_or(ExpirationModel::default().as_str()),
        );
        attempt.optional("importType", request.import_type.as_deref());
        let description = request.key_material_description.as_deref();
        attempt.optional("keyMaterialDescription", description);
        attempt.optional("keyMaterialId", request.key_material_id.as_deref());
        to_the_end(async move {
            let result = kms.import(&mut attempt, &key_id, request).await;
            kms.conclude(attempt, result).await
        })
        .await
    }

    async fn import(
        &self,
        attempt: &mut Attempt,
        key_id: &str,
        request: ImportKeyMaterialRequest,
    ) -> Result<ImportedKeyMaterial, KmsError> {
        let now = attempt.now();
        let request = check(request, now)?;
        let complete = |context: &mut Context| {
            let model = match request.valid_to {
                Some(_) => ExpirationModel::Expires,
                None => ExpirationModel::DoesNotExpire,
            };
            context.insert("kms:ExpirationModel", model.as_str());
            if let Some(valid_to) = request.valid_to {
                context.insert("kms:ValidTo", valid_to.format(&Rfc3339).unwrap_or_default());
            }
        };
        let found = self
            .find_permitted(attempt, key_id, "keyId", complete)
            .await?;
        let key = &found.key.record;
        check_symmetric_only(key, &request)?;
        let sealing = self.inner.materials.root().derive(token::ROOT_PURPOSE)?;
        let token = token::open(&sealing, key.account, key.id, &request.import_token)
            .ok_or(KmsError::InvalidImportToken)?;
        if token.valid_to <= now {
            return Err(KmsError::ExpiredImportToken);
        }
        let (spec, wrapped) = (key.spec, request.wrapped.clone());
        let material = off_the_workers(move || {
            let material = wrapping::unwrap(token.algorithm, &token.private_key, &wrapped)
                .ok_or(KmsError::InvalidCiphertext)?;
            match wrapping::is_material(spec, &material) {
                true => Ok(material),
                false => Err(KmsError::IncorrectKeyMaterial(format!(
                    "The key material is not that of a key of spec {spec}."
                ))),
            }
        })
        .await??;
        let ((id, expired), found) = self
            .change_key(attempt, key_id, complete, |key, now| {
                let expired = key.expire(now);
                let id = self.place(key, now, &request, &material)?;
                if key.state == KeyState::PendingImport && key.is_complete() {
                    key.state = KeyState::Enabled;
                }
                Ok(((id, expired), Vec::new()))
            })
            .await?;
        self.note_expired(&found.key, &expired, now).await?;
        attempt.responds("keyMaterialId", id.as_str());
        Ok(ImportedKeyMaterial {
            key_arn: found.key.arn.clone(),
            key_material_id: id,
        })
    }

    /// Puts unwrapped material in its place in the key; returns its id.
    fn place(
        &self,
        key: &mut KeyRecord,
        now: OffsetDateTime,
        request: &Request,
        material: &Zeroizing<Vec<u8>>,
    ) -> Result<String, KmsError> {
        let materials = &self.inner.materials;
        let id = materials.imported_id(key.account, key.id, material)?;
        let incorrect = |why: &str| Err(KmsError::IncorrectKeyMaterial(why.to_owned()));
        let first = key.material.is_empty();
        let import_type = request.import_type.unwrap_or(match first {
            true => ImportType::New,
            false => ImportType::Existing,
        });
        if request
            .material_id
            .as_ref()
            .is_some_and(|asked| *asked != id)
        {
            return incorrect("The key material is not the one that KeyMaterialId names.");
        }
        let place = key.material.iter().position(|known| known.id == id);
        let (version, created) = match (import_type, place) {
            (ImportType::New, Some(_)) => {
                return incorrect("The key material is associated with the KMS key already.");
            }
            (ImportType::Existing, None) => {
                return incorrect(
                    "The key material is not one that was imported into the KMS key before.",
                );
            }
            (ImportType::Existing, Some(place)) => key
                .material
                .get(place)
                .map(|known| (known.version, known.created))
                .unwrap_or((1, now)),
            (ImportType::New, None) => {
                if key.material.iter().any(|known| known.pending_rotation) {
                    return Err(KmsError::InvalidState(format!(
                        "{} has key material that is pending rotation already.",
                        key.arn(&self.inner.region)
                    )));
                }
                let version = key.next_version().ok_or_else(|| {
                    KmsError::LimitExceeded("The key has too many key materials.".to_owned())
                })?;
                (version, whole_millis(now))
            }
        };
        let mut sealed = materials.seal(key.account, key.id, version, created, material)?;
        sealed.id.clone_from(&id);
        sealed.valid_to = request.valid_to;
        sealed.description.clone_from(&request.description);
        if key.spec.is_asymmetric() {
            let public = asymmetric::public_key(key.spec, material);
            key.public_key = public.map(|der| BASE64.encode(der));
        }
        match place.and_then(|place| key.material.get_mut(place)) {
            Some(known) => {
                sealed.pending_rotation = known.pending_rotation;
                sealed.rotated = known.rotated;
                sealed.description = sealed.description.or(known.description.take());
                *known = sealed;
            }
            None => {
                sealed.pending_rotation = !first;
                key.material.push(sealed);
            }
        }
        Ok(id)
    }

    /// DeleteImportedKeyMaterial; without an id, of the current material. Its plaintext is forgotten at once.
    ///
    /// # Errors
    /// As AWS documents for DeleteImportedKeyMaterial.
    pub async fn delete_imported_key_material(
        &self,
        call: &Call<'_>,
        key_id: &str,
        key_material_id: Option<&str>,
    ) -> Result<ImportedKeyMaterial, KmsError> {
        let (kms, key_id) = (self.clone(), key_id.to_owned());
        let mut attempt = Attempt::begin(call, Operation::DeleteImportedKeyMaterial);
        attempt.parameter("keyId", key_id.as_str());
        attempt.optional("keyMaterialId", key_material_id);
        let material_id = key_material_id.map(str::to_owned);
        to_the_end(async move {
            let result = kms
                .delete_material(&mut attempt, &key_id, material_id.as_deref())
                .await;
            kms.conclude(attempt, result).await
        })
        .await
    }

    async fn delete_material(
        &self,
        attempt: &mut Attempt,
        key_id: &str,
        material_id: Option<&str>,
    ) -> Result<ImportedKeyMaterial, KmsError> {
        let ((id, expired), found) = self
            .change_key(
                attempt,
                key_id,
                |_| (),
                |key, now| {
                    let expired = key.expire(now);
                    let id = delete(key, material_id)?;
                    Ok(((id, expired), Vec::new()))
                },
            )
            .await?;
        let key = &found.key.record;
        self.inner.materials.forget(key.account, key.id);
        self.note_expired(&found.key, &expired, attempt.now())
            .await?;
        attempt.responds("keyMaterialId", id.as_str());
        Ok(ImportedKeyMaterial {
            key_arn: found.key.arn.clone(),
            key_material_id: id,
        })
    }

    /// Refuses keys that take no imported material, in whatever state they are: footnotes 8 and 9 of
    /// <https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html>.
    pub(crate) fn check_imports(&self, key: &KeyRecord) -> Result<(), KmsError> {
        match key.origin {
            Origin::External => Ok(()),
            _ => Err(self.wrong_origin(key)),
        }
    }
}

/// Deletes a material; returns its id, or nothing where there is nothing.
fn delete(key: &mut KeyRecord, material_id: Option<&str>) -> Result<String, KmsError> {
    let Some(id) = material_id
        .or(key.current().map(|material| material.id.as_str()))
        .map(str::to_owned)
    else {
        return Ok(String::new());
    };
    let place = key.material.iter().position(|material| material.id == id);
    let Some((place, material)) =
        place.and_then(|place| Some((place, key.material.get_mut(place)?)))
    else {
        return Err(KmsError::NotFound(format!(
            "The key material {} is not associated with the KMS key.",
            id.chars().take(64).collect::<String>()
        )));
    };
    if material.pending_rotation {
        // It was never used, so the key is as it was.
        key.material.remove(place);
        return Ok(id);
    }
    material.wipe();
    if matches!(key.state, KeyState::Enabled | KeyState::Disabled) {
        key.state = KeyState::PendingImport;
    }
    Ok(id)
}

fn check(request: ImportKeyMaterialRequest, now: OffsetDateTime) -> Result<Request, KmsError> {
    check_length("importToken", request.import_token.len(), token::MAX_TOKEN)?;
    check_length(
        "encryptedKeyMaterial",
        request.encrypted_key_material.len(),
        MAX_WRAPPED,
    )?;
    let import_type = request
        .import_type
        .map(|text| ImportType::of_parameter(&text, "importType"))
        .transpose()?;
    if request.key_material_id.is_some() && import_type == Some(ImportType::New) {
        return Err(KmsError::Validation(
            "You cannot specify KeyMaterialId when ImportType is NEW_KEY_MATERIAL.".to_owned(),
        ));
    }
    let legal = |c: char| c.is_ascii_alphanumeric() || c.is_whitespace() || ":/_.-".contains(c);
    let description = request.key_material_description;
    if let Some(text) = &description
        && (text.chars().count() > MAX_DESCRIPTION || !text.chars().all(legal))
    {
        return Err(KmsError::Validation(format!(
            "1 validation error detected: Value at 'keyMaterialDescription' failed to satisfy constraint: Member \
             must satisfy regular expression pattern: ^[a-zA-Z0-9:/_\\s.-]+$ and have length less than or equal \
             to {MAX_DESCRIPTION}"
        )));
    }
    Ok(Request {
        valid_to: check_expiry(request.expiration_model.as_deref(), request.valid_to, now)?,
        import_token: request.import_token,
        wrapped: request.encrypted_key_material,
        import_type,
        description,
        material_id: request.key_material_id,
    })
}

fn check_expiry(
    model: Option<&str>,
    valid_to: Option<OffsetDateTime>,
    now: OffsetDateTime,
) -> Result<Option<OffsetDateTime>, KmsError> {
    let invalid = |why: &str| Err(KmsError::Validation(why.to_owned()));
    let model = model
        .map(|text| ExpirationModel::of_parameter(text, "expirationModel"))
        .transpose()?
        .unwrap_or_default();
    match (model, valid_to.map(whole_millis)) {
        (ExpirationModel::DoesNotExpire, None) => Ok(None),
        (ExpirationModel::DoesNotExpire, Some(_)) => invalid(
            "A validTo date cannot be set if the ExpirationModel is KEY_MATERIAL_DOES_NOT_EXPIRE",
        ),
        (ExpirationModel::Expires, None) => {
            invalid("A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES")
        }
        (ExpirationModel::Expires, Some(time)) if time <= now => {
            invalid("The validTo date must be in the future.")
        }
        (ExpirationModel::Expires, Some(time)) if time > now + MAX_LIFETIME => {
            invalid("The validTo date must be at most 365 days ahead.")
        }
        (ExpirationModel::Expires, Some(time)) => Ok(Some(time)),
    }
}

/// Only symmetric encryption keys can have more than one material.
fn check_symmetric_only(key: &KeyRecord, request: &Request) -> Result<(), KmsError> {
    let given = request.import_type.is_some()
        || request.description.is_some()
        || request.material_id.is_some();
    match key.spec {
        KeySpec::SymmetricDefault => Ok(()),
        _ if given => Err(KmsError::Unsupported(
            "ImportType, KeyMaterialDescription and KeyMaterialId are supported only for symmetric encryption \
             KMS keys."
                .to_owned(),
        )),
        _ => Ok(()),
    }
}

fn check_length(parameter: &str, length: usize, max: usize) -> Result<(), KmsError> {
    if (1..=max).contains(&length) {
        return Ok(());
    }
    Err(KmsError::Validation(format!(
        "1 validation error detected: Value at '{parameter}' failed to satisfy constraint: Member must have \
         length between 1 and {max}"
    )))
}
