//! GenerateMac, VerifyMac.

use aws_lc_rs::hmac;
use sealgate_policy::Context;

use crate::access::Found;
use crate::attempt::Attempt;
use crate::ciphertext::{MAX_CIPHERTEXT, MAX_PLAINTEXT};
use crate::error::KmsError;
use crate::kind::{KeyUsage, MacAlgorithm};
use crate::kms::Kms;
use crate::operation::Operation;
use crate::ops::crypto::{check_size, refuse_dry_run};
use crate::types::Call;

/// Parameters of GenerateMac, and those that VerifyMac has in common with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MacRequest {
    /// `KeyId`.
    pub key_id: String,
    /// `Message`.
    pub message: Vec<u8>,
    /// `MacAlgorithm`.
    pub mac_algorithm: String,
    /// `GrantTokens`.
    pub grant_tokens: Vec<String>,
    /// `DryRun`.
    pub dry_run: bool,
}

/// The answer of GenerateMac.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GeneratedMac {
    /// `Mac`.
    pub mac: Vec<u8>,
    /// `KeyId`: the ARN.
    pub key_arn: String,
    /// `MacAlgorithm`.
    pub mac_algorithm: MacAlgorithm,
}

/// The answer of VerifyMac: the code is valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedMac {
    /// `KeyId`: the ARN.
    pub key_arn: String,
    /// `MacAlgorithm`.
    pub mac_algorithm: MacAlgorithm,
}

impl Kms {
    /// GenerateMac.
    ///
    /// # Errors
    /// As AWS documents for GenerateMac.
    pub async fn generate_mac(
        &self,
        call: &Call<'_>,
        request: &MacRequest,
    ) -> Result<GeneratedMac, KmsError> {
        let mut attempt = Attempt::begin(call, Operation::GenerateMac);
        note_request(&mut attempt, request);
        let result = async {
            let (found, mac_algorithm) = self.mac_key(&mut attempt, request).await?;
            refuse_dry_run(request.dry_run)?;
            let material = self.current_material(&found)?;
            let key = hmac::Key::new(hmac_of(mac_algorithm), material.mac()?);
            Ok(GeneratedMac {
                mac: hmac::sign(&key, &request.message).as_ref().to_vec(),
                key_arn: found.key.arn.clone(),
                mac_algorithm,
            })
        }
        .await;
        self.conclude(attempt, result).await
    }

    /// VerifyMac. The comparison takes the same time wherever the codes differ.
    ///
    /// # Errors
    /// As AWS documents for VerifyMac; [`KmsError::InvalidMac`] if the code is not valid.
    pub async fn verify_mac(
        &self,
        call: &Call<'_>,
        request: &MacRequest,
        mac: &[u8],
    ) -> Result<VerifiedMac, KmsError> {
        let mut attempt = Attempt::begin(call, Operation::VerifyMac);
        note_request(&mut attempt, request);
        let result = async {
            check_size("mac", mac.len(), MAX_CIPHERTEXT)?;
            let (found, mac_algorithm) = self.mac_key(&mut attempt, request).await?;
            refuse_dry_run(request.dry_run)?;
            let material = self.current_material(&found)?;
            let key = hmac::Key::new(hmac_of(mac_algorithm), material.mac()?);
            hmac::verify(&key, &request.message, mac).map_err(|_| KmsError::InvalidMac)?;
            Ok(VerifiedMac {
                key_arn: found.key.arn.clone(),
                mac_algorithm,
            })
        }
        .await;
        self.conclude(attempt, result).await
    }

    /// Finds the key, and makes sure that it has the algorithm.
    async fn mac_key(
        &self,
        attempt: &mut Attempt,
        request: &MacRequest,
    ) -> Result<(Found, MacAlgorithm), KmsError> {
        check_size("message", request.message.len(), MAX_PLAINTEXT)?;
        let algorithm = MacAlgorithm::of_parameter(&request.mac_algorithm, "macAlgorithm")?;
        let complete = |context: &mut Context| {
            context.insert("kms:MacAlgorithm", algorithm.as_str());
        };
        let found = self
            .find_for(attempt, &request.key_id, &request.grant_tokens, complete)
            .await?;
        let spec = found.key.record.spec;
        spec.check_algorithm(KeyUsage::GenerateVerifyMac, algorithm.as_str())?;
        Ok((found, algorithm))
    }
}

fn note_request(attempt: &mut Attempt, request: &MacRequest) {
    attempt.parameter("keyId", request.key_id.as_str());
    attempt.parameter("macAlgorithm", request.mac_algorithm.as_str());
    if request.dry_run {
        attempt.parameter("dryRun", true);
    }
}

fn hmac_of(algorithm: MacAlgorithm) -> hmac::Algorithm {
    match algorithm {
        MacAlgorithm::HmacSha224 => hmac::HMAC_SHA224,
        MacAlgorithm::HmacSha256 => hmac::HMAC_SHA256,
        MacAlgorithm::HmacSha384 => hmac::HMAC_SHA384,
        MacAlgorithm::HmacSha512 => hmac::HMAC_SHA512,
    }
}
