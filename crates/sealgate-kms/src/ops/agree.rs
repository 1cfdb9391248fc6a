//! DeriveSharedSecret.

use sealgate_policy::Context;
use zeroize::Zeroizing;

use crate::asymmetric::agreement_peer;
use crate::attempt::Attempt;
use crate::error::KmsError;
use crate::kind::{KeyAgreementAlgorithm, KeyUsage, Origin};
use crate::kms::Kms;
use crate::operation::Operation;
use crate::ops::crypto::{check_size, refuse_dry_run};
use crate::types::Call;

/// The longest public key that is looked at.
const MAX_PUBLIC_KEY: usize = 8192;

/// Parameters of DeriveSharedSecret.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeriveSharedSecretRequest {
    /// `KeyId`.
    pub key_id: String,
    /// `KeyAgreementAlgorithm`.
    pub key_agreement_algorithm: String,
    /// `PublicKey`: the peer's SubjectPublicKeyInfo in DER.
    pub public_key: Vec<u8>,
    /// `GrantTokens`.
    pub grant_tokens: Vec<String>,
    /// `DryRun`.
    pub dry_run: bool,
}

/// The answer of DeriveSharedSecret. Wiped on drop.
pub struct SharedSecret {
    /// `SharedSecret`: the x-coordinate of the shared point.
    pub secret: Zeroizing<Vec<u8>>,
    /// `KeyId`: the ARN.
    pub key_arn: String,
    /// `KeyAgreementAlgorithm`.
    pub key_agreement_algorithm: KeyAgreementAlgorithm,
    /// `KeyOrigin`.
    pub key_origin: Origin,
}

impl Kms {
    /// DeriveSharedSecret.
    ///
    /// # Errors
    /// As AWS documents for DeriveSharedSecret.
    pub async fn derive_shared_secret(
        &self,
        call: &Call<'_>,
        request: &DeriveSharedSecretRequest,
    ) -> Result<SharedSecret, KmsError> {
        let mut attempt = Attempt::begin(call, Operation::DeriveSharedSecret);
        attempt.parameter("keyId", request.key_id.as_str());
        let algorithm = request.key_agreement_algorithm.as_str();
        attempt.parameter("keyAgreementAlgorithm", algorithm);
        if request.dry_run {
            attempt.parameter("dryRun", true);
        }
        let result = self.agree(&mut attempt, request).await;
        self.conclude(attempt, result).await
    }

    async fn agree(
        &self,
        attempt: &mut Attempt,
        request: &DeriveSharedSecretRequest,
    ) -> Result<SharedSecret, KmsError> {
        check_size("publicKey", request.public_key.len(), MAX_PUBLIC_KEY)?;
        let algorithm = KeyAgreementAlgorithm::of_parameter(
            &request.key_agreement_algorithm,
            "keyAgreementAlgorithm",
        )?;
        let complete = |context: &mut Context| {
            context.insert("kms:KeyAgreementAlgorithm", algorithm.as_str());
        };
        let found = self
            .find_for(attempt, &request.key_id, &request.grant_tokens, complete)
            .await?;
        let record = &found.key.record;
        record
            .spec
            .check_algorithm(KeyUsage::KeyAgreement, algorithm.as_str())?;
        let peer = agreement_peer(record.spec, &request.public_key).ok_or_else(|| {
            KmsError::Validation(format!(
                "The public key is not a valid DER-encoded X.509 SubjectPublicKeyInfo of key spec {}.",
                record.spec
            ))
        })?;
        refuse_dry_run(request.dry_run)?;
        let secret = self.current_material(&found)?.private()?.agree(peer);
        Ok(SharedSecret {
            secret: secret.ok_or_else(|| {
                KmsError::Internal(format!("the key {} did not agree", record.id))
            })?,
            key_arn: found.key.arn.clone(),
            key_agreement_algorithm: algorithm,
            key_origin: record.origin,
        })
    }
}
