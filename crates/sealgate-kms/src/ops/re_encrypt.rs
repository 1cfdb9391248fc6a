//! ReEncrypt: opens under one key and seals under another, and the plaintext stays inside.

use sealgate_policy::Context;

use crate::attempt::Attempt;
use crate::error::KmsError;
use crate::kms::Kms;
use crate::operation::Operation;
use crate::ops::crypto::{check_algorithm, check_context, check_grant_tokens};
use crate::types::{Call, ReEncryptRequest, ReEncrypted, SYMMETRIC_DEFAULT};

const FROM: &str = "kms:ReEncryptFrom";
const TO: &str = "kms:ReEncryptTo";

impl Kms {
    /// ReEncrypt.
    ///
    /// # Errors
    /// As AWS documents for ReEncrypt.
    pub async fn re_encrypt(
        &self,
        call: &Call<'_>,
        request: ReEncryptRequest,
    ) -> Result<ReEncrypted, KmsError> {
        let mut attempt = Attempt::begin(call, Operation::ReEncrypt);
        note_request(&mut attempt, &request);
        let result = self.open_and_seal(&mut attempt, &request).await;
        self.conclude(attempt, result).await
    }

    async fn open_and_seal(
        &self,
        attempt: &mut Attempt,
        request: &ReEncryptRequest,
    ) -> Result<ReEncrypted, KmsError> {
        check_context(&request.source_context)?;
        check_context(&request.destination_context)?;
        let algorithm = request.source_encryption_algorithm.as_deref();
        check_algorithm(algorithm, "sourceEncryptionAlgorithm")?;
        let algorithm = request.destination_encryption_algorithm.as_deref();
        check_algorithm(algorithm, "destinationEncryptionAlgorithm")?;
        check_grant_tokens(&request.grant_tokens)?;

        let source_key_id = request.source_key_id.as_deref();
        let (source, made_with, wrapped) = self
            .find_opener(attempt, FROM, source_key_id, &request.ciphertext)
            .await?;
        let key_id = &request.destination_key_id;
        let destination = self.find(attempt, TO, key_id, "destinationKeyId").await?;
        let same = (source.key.arn == destination.key.arn).to_string();
        let on_same =
            |context: &mut Context| context.insert("kms:ReEncryptOnSameKey", same.clone());
        self.permit_use(attempt, &source, FROM, &request.source_context, on_same)?;
        self.permit_use(
            attempt,
            &destination,
            TO,
            &request.destination_context,
            on_same,
        )?;
        self.check_opener(attempt, &source, made_with)?;
        let state = destination.key.record.state;
        attempt.operation.check_state(state, &destination.key.arn)?;

        let (plaintext, material) =
            self.open_with(&source, made_with, &request.source_context, wrapped)?;
        if request.dry_run {
            return Err(KmsError::DryRun);
        }
        attempt.used_material("sourceKeyMaterialId", &material.id);
        let context = &request.destination_context;
        let sealed = self.seal(attempt, &destination, context, &plaintext)?;
        Ok(ReEncrypted {
            ciphertext: sealed.ciphertext,
            source_key_arn: source.key.arn.clone(),
            key_arn: sealed.key_arn,
            source_key_material_id: material.id.clone(),
            destination_key_material_id: sealed.key_material_id,
        })
    }
}

fn note_request(attempt: &mut Attempt, request: &ReEncryptRequest) {
    for (name, context) in [
        ("sourceEncryptionContext", &request.source_context),
        ("destinationEncryptionContext", &request.destination_context),
    ] {
        if !context.is_empty() {
            attempt.parameter(name, context.to_json());
        }
    }
    attempt.optional("sourceKeyId", request.source_key_id.as_deref());
    attempt.parameter("destinationKeyId", request.destination_key_id.as_str());
    for (name, algorithm) in [
        (
            "sourceEncryptionAlgorithm",
            &request.source_encryption_algorithm,
        ),
        (
            "destinationEncryptionAlgorithm",
            &request.destination_encryption_algorithm,
        ),
    ] {
        attempt.parameter(name, algorithm.as_deref().unwrap_or(SYMMETRIC_DEFAULT));
    }
    if request.dry_run {
        attempt.parameter("dryRun", true);
    }
}
