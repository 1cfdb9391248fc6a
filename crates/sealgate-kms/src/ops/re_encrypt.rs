//! ReEncrypt: opens under one key and seals under another, and the plaintext stays inside.

use sealgate_policy::Context;

use crate::attempt::Attempt;
use crate::error::KmsError;
use crate::kms::Kms;
use crate::operation::Operation;
use crate::ops::crypto::{check_context, check_sealing, encryption_algorithm, refuse_dry_run};
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
        let from = encryption_algorithm(
            request.source_encryption_algorithm.as_deref(),
            "sourceEncryptionAlgorithm",
        )?;
        let to = encryption_algorithm(
            request.destination_encryption_algorithm.as_deref(),
            "destinationEncryptionAlgorithm",
        )?;
        self.check_grant_tokens(&request.grant_tokens)?;

        let source_key_id = request.source_key_id.as_deref();
        let opener = if request.dry_run && request.ignore_ciphertext {
            self.find_named_opener(attempt, FROM, source_key_id, from)
                .await?
        } else {
            self.find_opener(attempt, FROM, source_key_id, from, &request.ciphertext)
                .await?
        };
        let source = &opener.found;
        let key_id = &request.destination_key_id;
        let destination = self.find(attempt, TO, key_id, "destinationKeyId").await?;
        let same = (source.key.arn == destination.key.arn).to_string();
        let on_same =
            |context: &mut Context| context.insert("kms:ReEncryptOnSameKey", same.clone());
        let context = &request.source_context;
        self.permit_use(attempt, source, FROM, from, context, on_same)?;
        let context = &request.destination_context;
        self.permit_use(attempt, &destination, TO, to, context, on_same)?;
        opener.check(attempt.operation, &request.source_context)?;
        let (record, arn) = (&destination.key.record, &destination.key.arn);
        attempt.operation.check_use(record, arn)?;
        check_sealing(&destination, to, context, 0)?;
        if opener.ciphertext.is_none() {
            return Err(KmsError::DryRun);
        }

        let (plaintext, source_key_material_id) = self
            .open_with(attempt, &opener, &request.source_context)
            .await?;
        // Only now is it known whether the other key takes as much.
        check_sealing(&destination, to, context, plaintext.len())?;
        refuse_dry_run(request.dry_run)?;
        if let Some(id) = &source_key_material_id {
            attempt.used_material("sourceKeyMaterialId", id);
        }
        let sealed = self
            .seal(attempt, &destination, to, context, &plaintext)
            .await?;
        Ok(ReEncrypted {
            ciphertext: sealed.ciphertext,
            source_key_arn: source.key.arn.clone(),
            key_arn: sealed.key_arn,
            source_encryption_algorithm: from,
            destination_encryption_algorithm: to,
            source_key_material_id,
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
