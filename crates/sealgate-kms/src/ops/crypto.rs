//! Encrypt, Decrypt, GenerateDataKey, GenerateDataKeyWithoutPlaintext.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sealgate_policy::Context;

use crate::access::{Found, add_encryption_context, key_context};
use crate::asymmetric;
use crate::attempt::Attempt;
use crate::ciphertext::MAX_PLAINTEXT;
use crate::context::EncryptionContext;
use crate::error::KmsError;
use crate::key::KeyRecord;
use crate::kind::EncryptionAlgorithm;
use crate::kms::Kms;
use crate::material::Material;
use crate::operation::Operation;
use crate::ops::random::{byte_count, random_bytes};
use crate::types::{
    Call, CryptoOptions, DataKey, DataKeySize, Decrypted, Encrypted, SYMMETRIC_DEFAULT,
};

/// Bytes of the keys and values of an encryption context, which stands in the trail's record of each use. AWS
/// documents no limit of its own; the headers of an S3 request have 8 KiB together there.
const MAX_CONTEXT: usize = 8192;

impl Kms {
    /// Encrypt.
    ///
    /// # Errors
    /// As AWS documents for Encrypt.
    pub async fn encrypt(
        &self,
        call: &Call<'_>,
        key_id: &str,
        plaintext: &[u8],
        context: &EncryptionContext,
        options: &CryptoOptions,
    ) -> Result<Encrypted, KmsError> {
        let mut attempt = Attempt::begin(call, Operation::Encrypt);
        attempt.parameter("keyId", key_id);
        note_use(&mut attempt, context, options);
        let result = async {
            check_size("plaintext", plaintext.len(), MAX_PLAINTEXT)?;
            let algorithm = check_use(context, options)?;
            let found = self
                .find_usable(&mut attempt, key_id, context, options)
                .await?;
            check_sealing(&found, algorithm, context, plaintext.len())?;
            refuse_dry_run(options.dry_run)?;
            self.seal(&mut attempt, &found, algorithm, context, plaintext)
                .await
        }
        .await;
        self.conclude(attempt, result).await
    }

    /// Decrypt, without options.
    ///
    /// # Errors
    /// As AWS documents for Decrypt.
    pub async fn decrypt(
        &self,
        call: &Call<'_>,
        key_id: Option<&str>,
        blob: &[u8],
        context: &EncryptionContext,
    ) -> Result<Decrypted, KmsError> {
        self.decrypt_with(call, key_id, blob, context, &CryptoOptions::default())
            .await
    }

    /// Decrypt.
    ///
    /// # Errors
    /// As AWS documents for Decrypt.
    pub async fn decrypt_with(
        &self,
        call: &Call<'_>,
        key_id: Option<&str>,
        blob: &[u8],
        context: &EncryptionContext,
        options: &CryptoOptions,
    ) -> Result<Decrypted, KmsError> {
        let mut attempt = Attempt::begin(call, Operation::Decrypt);
        attempt.optional("keyId", key_id);
        note_use(&mut attempt, context, options);
        let result = async {
            let algorithm = check_use(context, options)?;
            self.check_grant_tokens(&options.grant_tokens)?;
            let action = Operation::Decrypt.action();
            let opener = if options.dry_run && options.ignore_ciphertext {
                self.find_named_opener(&mut attempt, action, key_id, algorithm)
                    .await?
            } else {
                self.find_opener(&mut attempt, action, key_id, algorithm, blob)
                    .await?
            };
            self.permit_use(
                &mut attempt,
                &opener.found,
                action,
                algorithm,
                context,
                |_| (),
            )?;
            opener.check(attempt.operation, context)?;
            if opener.ciphertext.is_none() {
                return Err(KmsError::DryRun);
            }
            let (plaintext, key_material_id) = self.open_with(&attempt, &opener, context).await?;
            refuse_dry_run(options.dry_run)?;
            if let Some(id) = &key_material_id {
                attempt.used_material("keyMaterialId", id);
            }
            Ok(Decrypted {
                plaintext,
                key_arn: opener.found.key.arn.clone(),
                encryption_algorithm: algorithm,
                key_material_id,
            })
        }
        .await;
        self.conclude(attempt, result).await
    }

    /// GenerateDataKey for that many bytes, without options.
    ///
    /// # Errors
    /// As AWS documents for GenerateDataKey.
    pub async fn generate_data_key(
        &self,
        call: &Call<'_>,
        key_id: &str,
        context: &EncryptionContext,
        bytes: usize,
    ) -> Result<DataKey, KmsError> {
        let (size, options) = (DataKeySize::bytes(bytes), CryptoOptions::default());
        self.generate_data_key_with(call, key_id, context, &size, &options)
            .await
    }

    /// GenerateDataKey.
    ///
    /// # Errors
    /// As AWS documents for GenerateDataKey.
    pub async fn generate_data_key_with(
        &self,
        call: &Call<'_>,
        key_id: &str,
        context: &EncryptionContext,
        size: &DataKeySize,
        options: &CryptoOptions,
    ) -> Result<DataKey, KmsError> {
        self.make_data_key(
            call,
            Operation::GenerateDataKey,
            key_id,
            context,
            size,
            options,
        )
        .await
    }

    /// GenerateDataKeyWithoutPlaintext.
    ///
    /// # Errors
    /// As AWS documents for GenerateDataKeyWithoutPlaintext.
    pub async fn generate_data_key_without_plaintext(
        &self,
        call: &Call<'_>,
        key_id: &str,
        context: &EncryptionContext,
        size: &DataKeySize,
        options: &CryptoOptions,
    ) -> Result<Encrypted, KmsError> {
        let operation = Operation::GenerateDataKeyWithoutPlaintext;
        let data_key = self
            .make_data_key(call, operation, key_id, context, size, options)
            .await?;
        Ok(Encrypted {
            ciphertext: data_key.ciphertext,
            key_arn: data_key.key_arn,
            encryption_algorithm: EncryptionAlgorithm::SymmetricDefault,
            key_material_id: data_key.key_material_id,
        })
    }

    async fn make_data_key(
        &self,
        call: &Call<'_>,
        operation: Operation,
        key_id: &str,
        context: &EncryptionContext,
        size: &DataKeySize,
        options: &CryptoOptions,
    ) -> Result<DataKey, KmsError> {
        let mut attempt = Attempt::begin(call, operation);
        attempt.parameter("keyId", key_id);
        attempt.optional("keySpec", size.key_spec.as_deref());
        attempt.optional("numberOfBytes", size.number_of_bytes);
        note_use(&mut attempt, context, options);
        let result = async {
            let bytes = data_key_bytes(size)?;
            let found = self
                .find_usable(&mut attempt, key_id, context, options)
                .await?;
            refuse_dry_run(options.dry_run)?;
            let plaintext = random_bytes(bytes)?;
            let algorithm = EncryptionAlgorithm::SymmetricDefault;
            let sealed = self
                .seal(&mut attempt, &found, algorithm, context, &plaintext)
                .await?;
            Ok(DataKey {
                plaintext,
                ciphertext: sealed.ciphertext,
                key_arn: sealed.key_arn,
                key_material_id: sealed.key_material_id,
            })
        }
        .await;
        self.conclude(attempt, result).await
    }

    /// Finds a key by name and makes sure that the caller may use it so and that it is usable.
    pub(crate) async fn find_usable(
        &self,
        attempt: &mut Attempt,
        key_id: &str,
        context: &EncryptionContext,
        options: &CryptoOptions,
    ) -> Result<Found, KmsError> {
        self.find_usable_if(attempt, key_id, context, options, |_| ())
            .await
    }

    /// The same with more condition keys.
    pub(crate) async fn find_usable_if(
        &self,
        attempt: &mut Attempt,
        key_id: &str,
        context: &EncryptionContext,
        options: &CryptoOptions,
        complete: impl Fn(&mut Context),
    ) -> Result<Found, KmsError> {
        let algorithm = check_use(context, options)?;
        self.check_grant_tokens(&options.grant_tokens)?;
        let action = attempt.operation.action();
        let found = self.find(attempt, action, key_id, "keyId").await?;
        self.permit_use(attempt, &found, action, algorithm, context, complete)?;
        let record = &found.key.record;
        attempt.operation.check_use(record, &found.key.arn)?;
        if record.spec.is_asymmetric() && attempt.operation != Operation::Encrypt {
            return Err(KmsError::InvalidKeyUsage(
                "You cannot generate a data key with an asymmetric CMK".to_owned(),
            ));
        }
        Ok(found)
    }

    /// The same for the operations that know no encryption context.
    pub(crate) async fn find_for(
        &self,
        attempt: &mut Attempt,
        key_id: &str,
        grant_tokens: &[String],
        complete: impl Fn(&mut Context),
    ) -> Result<Found, KmsError> {
        self.check_grant_tokens(grant_tokens)?;
        let action = attempt.operation.action();
        let found = self.find(attempt, action, key_id, "keyId").await?;
        let mut context = key_context(attempt, &found);
        complete(&mut context);
        self.permit(attempt, &found, action, &context)?;
        attempt
            .operation
            .check_use(&found.key.record, &found.key.arn)?;
        Ok(found)
    }

    /// Asks whether the caller may use a key with this algorithm and encryption context.
    pub(crate) fn permit_use(
        &self,
        attempt: &mut Attempt,
        found: &Found,
        action: &str,
        algorithm: EncryptionAlgorithm,
        pairs: &EncryptionContext,
        complete: impl Fn(&mut Context),
    ) -> Result<(), KmsError> {
        let mut context = key_context(attempt, found);
        context.insert("kms:EncryptionAlgorithm", algorithm.as_str());
        add_encryption_context(&mut context, pairs);
        complete(&mut context);
        self.permit(attempt, found, action, &context)
    }

    /// The current material of a key.
    pub(crate) fn current_material(&self, found: &Found) -> Result<Arc<Material>, KmsError> {
        let record = &found.key.record;
        let current = record.current().ok_or_else(|| no_material(record))?;
        self.inner.materials.open(record, current, found.moment)
    }

    /// Makes a ciphertext with the current material of a key, or with its public key.
    pub(crate) async fn seal(
        &self,
        attempt: &mut Attempt,
        found: &Found,
        algorithm: EncryptionAlgorithm,
        context: &EncryptionContext,
        plaintext: &[u8],
    ) -> Result<Encrypted, KmsError> {
        let record = &found.key.record;
        let (ciphertext, key_material_id) = match algorithm {
            EncryptionAlgorithm::SymmetricDefault => {
                let material = record.current().ok_or_else(|| no_material(record))?;
                let field = match attempt.operation {
                    Operation::ReEncrypt => "destinationKeyMaterialId",
                    _ => "keyMaterialId",
                };
                let id = Some(&material.id).filter(|_| record.rotates());
                if let Some(id) = id {
                    attempt.used_material(field, id);
                }
                let told = || attempt.told(Some(&found.key.arn));
                let sealed = self
                    .seal_symmetric(&found.key, material, found.moment, context, plaintext, told)
                    .await?;
                (sealed, id.cloned())
            }
            _ => {
                let sealed = asymmetric::encrypt(&public_key(record)?, algorithm, plaintext);
                let sealed = sealed.ok_or_else(|| {
                    KmsError::Internal(format!("the key {} does not encrypt", record.id))
                })?;
                (sealed, None)
            }
        };
        Ok(Encrypted {
            ciphertext,
            key_arn: found.key.arn.clone(),
            encryption_algorithm: algorithm,
            key_material_id,
        })
    }
}

/// Refuses to encrypt what the key does not take.
pub(crate) fn check_sealing(
    found: &Found,
    algorithm: EncryptionAlgorithm,
    context: &EncryptionContext,
    plaintext: usize,
) -> Result<(), KmsError> {
    let record = &found.key.record;
    check_kind(record, algorithm, context)?;
    match asymmetric::max_plaintext(record.spec, algorithm) {
        Some(most) if plaintext > most => Err(KmsError::Validation(format!(
            "Algorithm {algorithm} and key spec {} cannot encrypt data larger than {most} bytes.",
            record.spec
        ))),
        _ => Ok(()),
    }
}

pub(crate) fn check_kind(
    record: &KeyRecord,
    algorithm: EncryptionAlgorithm,
    context: &EncryptionContext,
) -> Result<(), KmsError> {
    record
        .spec
        .check_algorithm(record.usage, algorithm.as_str())?;
    if record.spec.is_asymmetric() && !context.is_empty() {
        return Err(KmsError::Validation(
            "An encryption context is not supported with an asymmetric KMS key.".to_owned(),
        ));
    }
    Ok(())
}

/// The public key of a key pair, in DER.
pub(crate) fn public_key(record: &KeyRecord) -> Result<Vec<u8>, KmsError> {
    record
        .public_key
        .as_ref()
        .and_then(|text| BASE64.decode(text).ok())
        .ok_or_else(|| KmsError::Internal(format!("the key {} has no public key", record.id)))
}

fn no_material(record: &KeyRecord) -> KmsError {
    KmsError::Internal(format!("the key {} has no material", record.id))
}

pub(crate) fn note_use(
    attempt: &mut Attempt,
    context: &EncryptionContext,
    options: &CryptoOptions,
) {
    if !context.is_empty() {
        attempt.parameter("encryptionContext", context.to_json());
    }
    if !matches!(
        attempt.operation,
        Operation::GenerateDataKey
            | Operation::GenerateDataKeyWithoutPlaintext
            | Operation::GenerateDataKeyPair
            | Operation::GenerateDataKeyPairWithoutPlaintext
    ) {
        let algorithm = options
            .encryption_algorithm
            .as_deref()
            .unwrap_or(SYMMETRIC_DEFAULT);
        attempt.parameter("encryptionAlgorithm", algorithm);
    }
    if options.dry_run {
        attempt.parameter("dryRun", true);
    }
}

/// Checks encryption context and options before anything is looked at.
fn check_use(
    context: &EncryptionContext,
    options: &CryptoOptions,
) -> Result<EncryptionAlgorithm, KmsError> {
    check_context(context)?;
    encryption_algorithm(
        options.encryption_algorithm.as_deref(),
        "encryptionAlgorithm",
    )
}

pub(crate) fn check_context(context: &EncryptionContext) -> Result<(), KmsError> {
    if context.size() > MAX_CONTEXT {
        return Err(KmsError::Validation(format!(
            "The encryption context has more than {MAX_CONTEXT} bytes."
        )));
    }
    match context.ambiguous_key() {
        None => Ok(()),
        Some(_) => Err(KmsError::Validation(
            "The encryption context has keys that differ only in case.".to_owned(),
        )),
    }
}

pub(crate) fn encryption_algorithm(
    text: Option<&str>,
    parameter: &str,
) -> Result<EncryptionAlgorithm, KmsError> {
    match text {
        None => Ok(EncryptionAlgorithm::default()),
        Some(text) => EncryptionAlgorithm::of_parameter(text, parameter),
    }
}

pub(crate) fn check_size(parameter: &str, size: usize, max: usize) -> Result<(), KmsError> {
    let constraint = match size {
        0 => "greater than or equal to 1".to_owned(),
        size if size > max => format!("less than or equal to {max}"),
        _ => return Ok(()),
    };
    Err(KmsError::Validation(format!(
        "1 validation error detected: Value at '{parameter}' failed to satisfy constraint: Member must have \
         length {constraint}"
    )))
}

pub(crate) fn refuse_dry_run(dry_run: bool) -> Result<(), KmsError> {
    if dry_run {
        Err(KmsError::DryRun)
    } else {
        Ok(())
    }
}

fn data_key_bytes(size: &DataKeySize) -> Result<usize, KmsError> {
    match (size.key_spec.as_deref(), size.number_of_bytes) {
        (Some("AES_256"), None) => Ok(32),
        (Some("AES_128"), None) => Ok(16),
        (Some(other), None) => Err(KmsError::Validation(format!(
            "1 validation error detected: Value '{}' at 'keySpec' failed to satisfy constraint: Member must \
             satisfy enum value set: [AES_256, AES_128]",
            other.chars().take(64).collect::<String>()
        ))),
        (None, Some(bytes)) => byte_count(bytes),
        (Some(_), Some(_)) | (None, None) => Err(KmsError::Validation(
            "Please specify either number of bytes or key spec.".to_owned(),
        )),
    }
}
