//! Encrypt, Decrypt, GenerateDataKey, GenerateDataKeyWithoutPlaintext.

use sealgate_policy::Context;
use zeroize::Zeroizing;

use crate::access::{Found, add_encryption_context, key_context};
use crate::attempt::Attempt;
use crate::ciphertext::{self, MAX_CIPHERTEXT, MAX_PLAINTEXT, MadeWith};
use crate::context::EncryptionContext;
use crate::error::KmsError;
use crate::key::MaterialVersion;
use crate::kms::Kms;
use crate::operation::Operation;
use crate::ops::random::{byte_count, random_bytes};
use crate::types::{
    Call, CryptoOptions, DataKey, DataKeySize, Decrypted, Encrypted, SYMMETRIC_DEFAULT,
};

/// The most grant tokens of one call.
const MAX_GRANT_TOKENS: usize = 10;
/// The longest grant token.
const MAX_GRANT_TOKEN: usize = 8192;

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
            let found = self
                .find_usable(&mut attempt, key_id, context, options)
                .await?;
            refuse_dry_run(options)?;
            self.seal(&mut attempt, &found, context, plaintext)
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
            check_use(context, options)?;
            let action = Operation::Decrypt.action();
            let (found, made_with, wrapped) =
                self.find_opener(&mut attempt, action, key_id, blob).await?;
            self.permit_use(&mut attempt, &found, action, context, |_| ())?;
            self.check_opener(&attempt, &found, made_with)?;
            let (plaintext, material) = self.open_with(&found, made_with, context, wrapped)?;
            refuse_dry_run(options)?;
            attempt.used_material("keyMaterialId", &material.id);
            Ok(Decrypted {
                plaintext,
                key_arn: found.key.arn.clone(),
                key_material_id: material.id.clone(),
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
            refuse_dry_run(options)?;
            let plaintext = random_bytes(bytes)?;
            let sealed = self.seal(&mut attempt, &found, context, &plaintext)?;
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
        check_use(context, options)?;
        let action = attempt.operation.action();
        let found = self.find(attempt, action, key_id, "keyId").await?;
        self.permit_use(attempt, &found, action, context, |_| ())?;
        attempt
            .operation
            .check_state(found.key.record.state, &found.key.arn)?;
        Ok(found)
    }

    /// Asks whether the caller may use a key under this encryption context.
    pub(crate) fn permit_use(
        &self,
        attempt: &mut Attempt,
        found: &Found,
        action: &str,
        pairs: &EncryptionContext,
        complete: impl Fn(&mut Context),
    ) -> Result<(), KmsError> {
        let mut context = key_context(attempt, found);
        context.insert("kms:EncryptionAlgorithm", SYMMETRIC_DEFAULT);
        add_encryption_context(&mut context, pairs);
        complete(&mut context);
        self.permit(attempt, found, action, &context)
    }

    /// Finds the key to open a ciphertext with: the one that is named, or else the one in the ciphertext.
    /// What the ciphertext says counts only after [`Kms::check_opener`].
    pub(crate) async fn find_opener<'b>(
        &self,
        attempt: &mut Attempt,
        action: &str,
        key_id: Option<&str>,
        blob: &'b [u8],
    ) -> Result<(Found, Option<MadeWith>, &'b [u8]), KmsError> {
        check_size("ciphertextBlob", blob.len(), MAX_CIPHERTEXT)?;
        let parsed = ciphertext::parse(blob);
        let found = match (key_id, parsed) {
            (Some(key_id), _) => self.find(attempt, action, key_id, "keyId").await?,
            (None, Some((made_with, _))) => self.find_made_with(attempt, action, made_with).await?,
            (None, None) => return Err(KmsError::InvalidCiphertext),
        };
        let (made_with, wrapped) = parsed.unzip();
        Ok((found, made_with, wrapped.unwrap_or_default()))
    }

    /// Refuses a key whose state forbids its use or that did not make the ciphertext.
    pub(crate) fn check_opener(
        &self,
        attempt: &Attempt,
        found: &Found,
        made_with: Option<MadeWith>,
    ) -> Result<(), KmsError> {
        let record = &found.key.record;
        attempt
            .operation
            .check_state(record.state, &found.key.arn)?;
        let made_with = made_with.ok_or(KmsError::InvalidCiphertext)?;
        if (made_with.account, made_with.key) == (record.account, record.id) {
            Ok(())
        } else {
            Err(KmsError::IncorrectKey)
        }
    }

    /// Opens what a ciphertext wraps, with the version of the key's material that made it.
    pub(crate) fn open_with<'f>(
        &self,
        found: &'f Found,
        made_with: Option<MadeWith>,
        context: &EncryptionContext,
        wrapped: &[u8],
    ) -> Result<(Zeroizing<Vec<u8>>, &'f MaterialVersion), KmsError> {
        let record = &found.key.record;
        let made_with = made_with.ok_or(KmsError::InvalidCiphertext)?;
        let material = record
            .material
            .iter()
            .find(|material| material.version == made_with.version)
            .ok_or(KmsError::InvalidCiphertext)?;
        let key = self.inner.materials.open(record, material, found.moment)?;
        let plaintext = ciphertext::open(&key, made_with, context, wrapped)
            .ok_or(KmsError::InvalidCiphertext)?;
        Ok((plaintext, material))
    }

    /// Makes a ciphertext with the current material of a key.
    pub(crate) fn seal(
        &self,
        attempt: &mut Attempt,
        found: &Found,
        context: &EncryptionContext,
        plaintext: &[u8],
    ) -> Result<Encrypted, KmsError> {
        let record = &found.key.record;
        let material = record
            .material
            .last()
            .ok_or_else(|| KmsError::Internal(format!("the key {} has no material", record.id)))?;
        let key = self.inner.materials.open(record, material, found.moment)?;
        let made_with = MadeWith {
            account: record.account,
            key: record.id,
            version: material.version,
        };
        let field = match attempt.operation {
            Operation::ReEncrypt => "destinationKeyMaterialId",
            _ => "keyMaterialId",
        };
        attempt.used_material(field, &material.id);
        Ok(Encrypted {
            ciphertext: ciphertext::seal(&key, made_with, context, plaintext),
            key_arn: found.key.arn.clone(),
            key_material_id: material.id.clone(),
        })
    }
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
        Operation::GenerateDataKey | Operation::GenerateDataKeyWithoutPlaintext
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
fn check_use(context: &EncryptionContext, options: &CryptoOptions) -> Result<(), KmsError> {
    check_context(context)?;
    check_algorithm(
        options.encryption_algorithm.as_deref(),
        "encryptionAlgorithm",
    )?;
    check_grant_tokens(&options.grant_tokens)
}

pub(crate) fn check_context(context: &EncryptionContext) -> Result<(), KmsError> {
    match context.ambiguous_key() {
        None => Ok(()),
        Some(_) => Err(KmsError::Validation(
            "The encryption context has keys that differ only in case.".to_owned(),
        )),
    }
}

pub(crate) fn check_algorithm(algorithm: Option<&str>, parameter: &str) -> Result<(), KmsError> {
    match algorithm {
        None | Some(SYMMETRIC_DEFAULT) => Ok(()),
        Some(other @ ("RSAES_OAEP_SHA_1" | "RSAES_OAEP_SHA_256" | "SM2PKE")) => {
            Err(KmsError::InvalidKeyUsage(format!(
                "Algorithm {other} is incompatible with key spec {SYMMETRIC_DEFAULT}."
            )))
        }
        Some(other) => Err(KmsError::Validation(format!(
            "1 validation error detected: Value '{}' at '{parameter}' failed to satisfy constraint: Member \
             must satisfy enum value set: [SYMMETRIC_DEFAULT, RSAES_OAEP_SHA_1, RSAES_OAEP_SHA_256, SM2PKE]",
            other.chars().take(64).collect::<String>()
        ))),
    }
}

/// Grant tokens may be given, but there are no grants that they could belong to: they permit nothing.
pub(crate) fn check_grant_tokens(tokens: &[String]) -> Result<(), KmsError> {
    if tokens.len() > MAX_GRANT_TOKENS {
        return Err(KmsError::Validation(format!(
            "1 validation error detected: Value at 'grantTokens' failed to satisfy constraint: Member must \
             have length less than or equal to {MAX_GRANT_TOKENS}"
        )));
    }
    match tokens
        .iter()
        .find(|token| token.is_empty() || token.len() > MAX_GRANT_TOKEN)
    {
        None => Ok(()),
        Some(_) => Err(KmsError::Validation(format!(
            "1 validation error detected: Value at 'grantTokens' failed to satisfy constraint: Member must \
             have length between 1 and {MAX_GRANT_TOKEN}"
        ))),
    }
}

fn check_size(parameter: &str, size: usize, max: usize) -> Result<(), KmsError> {
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

fn refuse_dry_run(options: &CryptoOptions) -> Result<(), KmsError> {
    if options.dry_run {
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
