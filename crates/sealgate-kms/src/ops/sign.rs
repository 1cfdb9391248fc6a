//! Sign, Verify.

use sealgate_policy::Context;

use crate::access::Found;
use crate::approved;
use crate::asymmetric::{self, off_the_workers};
use crate::attempt::Attempt;
use crate::ciphertext::{MAX_CIPHERTEXT, MAX_PLAINTEXT};
use crate::error::KmsError;
use crate::kind::{KeySpec, KeyUsage, MessageType, SigningAlgorithm};
use crate::kms::Kms;
use crate::operation::Operation;
use crate::ops::crypto::{check_size, public_key, refuse_dry_run};
use crate::types::Call;

/// Parameters of Sign, and those that Verify has in common with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SignRequest {
    /// `KeyId`.
    pub key_id: String,
    /// `Message`.
    pub message: Vec<u8>,
    /// `MessageType`.
    pub message_type: Option<String>,
    /// `SigningAlgorithm`.
    pub signing_algorithm: String,
    /// `GrantTokens`.
    pub grant_tokens: Vec<String>,
    /// `DryRun`.
    pub dry_run: bool,
}

/// The answer of Sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// `Signature`.
    pub signature: Vec<u8>,
    /// `KeyId`: the ARN.
    pub key_arn: String,
    /// `SigningAlgorithm`.
    pub signing_algorithm: SigningAlgorithm,
}

/// The answer of Verify: the signature is valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// `KeyId`: the ARN.
    pub key_arn: String,
    /// `SigningAlgorithm`.
    pub signing_algorithm: SigningAlgorithm,
}

impl Kms {
    /// Sign.
    ///
    /// # Errors
    /// As AWS documents for Sign.
    pub async fn sign(&self, call: &Call<'_>, request: SignRequest) -> Result<Signed, KmsError> {
        let mut attempt = Attempt::begin(call, Operation::Sign);
        note_request(&mut attempt, &request);
        let result = async {
            let (found, algorithm, message_type) = self.signer(&mut attempt, &request).await?;
            refuse_dry_run(request.dry_run)?;
            let key = self.current_material(&found)?;
            let message = request.message;
            let work = move || {
                let key = key.private()?;
                Ok::<_, KmsError>(key.sign(algorithm, message_type, &message))
            };
            let signature = match found.key.record.spec {
                // A few hundred microseconds at most.
                KeySpec::EccNistP256 | KeySpec::EccSecgP256K1 | KeySpec::EccNistEdwards25519 => {
                    work()
                }
                _ => off_the_workers(work).await?,
            }?;
            Ok(Signed {
                signature: signature.ok_or_else(|| {
                    KmsError::Internal(format!("the key {} did not sign", found.key.record.id))
                })?,
                key_arn: found.key.arn.clone(),
                signing_algorithm: algorithm,
            })
        }
        .await;
        self.conclude(attempt, result).await
    }

    /// Verify.
    ///
    /// # Errors
    /// As AWS documents for Verify; [`KmsError::InvalidSignature`] if the signature is not valid.
    pub async fn verify(
        &self,
        call: &Call<'_>,
        request: SignRequest,
        signature: &[u8],
    ) -> Result<Verified, KmsError> {
        let mut attempt = Attempt::begin(call, Operation::Verify);
        note_request(&mut attempt, &request);
        let result = async {
            check_size("signature", signature.len(), MAX_CIPHERTEXT)?;
            let (found, algorithm, message_type) = self.signer(&mut attempt, &request).await?;
            refuse_dry_run(request.dry_run)?;
            let record = &found.key.record;
            let valid = asymmetric::verify(
                record.spec,
                &public_key(record)?,
                algorithm,
                message_type,
                &request.message,
                signature,
            );
            if !valid {
                return Err(KmsError::InvalidSignature);
            }
            Ok(Verified {
                key_arn: found.key.arn.clone(),
                signing_algorithm: algorithm,
            })
        }
        .await;
        self.conclude(attempt, result).await
    }

    /// Finds the key, and makes sure that it may sign such a message so.
    async fn signer(
        &self,
        attempt: &mut Attempt,
        request: &SignRequest,
    ) -> Result<(Found, SigningAlgorithm, MessageType), KmsError> {
        check_size("message", request.message.len(), MAX_PLAINTEXT)?;
        let algorithm =
            SigningAlgorithm::of_parameter(&request.signing_algorithm, "signingAlgorithm")?;
        let message_type = match &request.message_type {
            None => MessageType::default(),
            Some(text) => MessageType::of_parameter(text, "messageType")?,
        };
        let complete = |context: &mut Context| {
            context.insert("kms:SigningAlgorithm", algorithm.as_str());
            context.insert("kms:MessageType", message_type.as_str());
        };
        let found = self
            .find_for(attempt, &request.key_id, &request.grant_tokens, complete)
            .await?;
        let spec = found.key.record.spec;
        spec.check_algorithm(KeyUsage::SignVerify, algorithm.as_str())?;
        check_message(spec, algorithm, message_type, request.message.len())?;
        approved::signature(spec, algorithm, message_type)?;
        Ok((found, algorithm, message_type))
    }
}

fn note_request(attempt: &mut Attempt, request: &SignRequest) {
    attempt.parameter("keyId", request.key_id.as_str());
    attempt.parameter(
        "messageType",
        request.message_type.as_deref().unwrap_or("RAW"),
    );
    attempt.parameter("signingAlgorithm", request.signing_algorithm.as_str());
    if request.dry_run {
        attempt.parameter("dryRun", true);
    }
}

/// Which types of messages an algorithm signs, and how long their digests are.
/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html>
fn check_message(
    spec: KeySpec,
    algorithm: SigningAlgorithm,
    message_type: MessageType,
    length: usize,
) -> Result<(), KmsError> {
    use SigningAlgorithm as A;
    let incompatible = |with: String| {
        Err(KmsError::Validation(format!(
            "Message type {message_type} is incompatible with {with}."
        )))
    };
    let digest = match (algorithm, message_type) {
        (A::MlDsaShake256, MessageType::Digest) => {
            return incompatible(format!("key spec {spec}"));
        }
        (A::MlDsaShake256, MessageType::ExternalMu) => 64,
        (_, MessageType::ExternalMu) => return incompatible(format!("key spec {spec}")),
        (A::Ed25519PhSha512, MessageType::Raw) | (A::Ed25519Sha512, MessageType::Digest) => {
            return incompatible(format!("algorithm {algorithm}"));
        }
        (_, MessageType::Raw) => return Ok(()),
        (A::RsassaPssSha256 | A::RsassaPkcs1V15Sha256 | A::EcdsaSha256 | A::Sm2Dsa, _) => 32,
        (A::RsassaPssSha384 | A::RsassaPkcs1V15Sha384 | A::EcdsaSha384, _) => 48,
        (A::RsassaPssSha512 | A::RsassaPkcs1V15Sha512 | A::EcdsaSha512 | A::Ed25519PhSha512, _) => {
            64
        }
    };
    if length == digest {
        return Ok(());
    }
    Err(KmsError::Validation(format!(
        "Digest is invalid length for algorithm {algorithm}."
    )))
}
