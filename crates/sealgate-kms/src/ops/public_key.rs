//! GetPublicKey.

use crate::attempt::Attempt;
use crate::error::KmsError;
use crate::kind::{Algorithms, KeySpec, KeyUsage};
use crate::kms::Kms;
use crate::operation::Operation;
use crate::ops::crypto::public_key;
use crate::types::Call;

/// The answer of GetPublicKey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// `KeyId`: the ARN.
    pub key_arn: String,
    /// `PublicKey`: the SubjectPublicKeyInfo in DER.
    pub public_key: Vec<u8>,
    /// `KeySpec` and `CustomerMasterKeySpec`.
    pub key_spec: KeySpec,
    /// `KeyUsage`.
    pub key_usage: KeyUsage,
    /// `EncryptionAlgorithms`, `SigningAlgorithms` or `KeyAgreementAlgorithms`.
    pub algorithms: Option<Algorithms>,
}

impl Kms {
    /// GetPublicKey. It needs no key material: the public key is kept with the key.
    ///
    /// # Errors
    /// As AWS documents for GetPublicKey.
    pub async fn get_public_key(
        &self,
        call: &Call<'_>,
        key_id: &str,
        grant_tokens: &[String],
    ) -> Result<PublicKey, KmsError> {
        let mut attempt = Attempt::begin(call, Operation::GetPublicKey);
        attempt.parameter("keyId", key_id);
        let result = async {
            let found = self
                .find_for(&mut attempt, key_id, grant_tokens, |_| ())
                .await?;
            let record = &found.key.record;
            if !record.spec.is_asymmetric() {
                // AWS says nothing more.
                return Err(KmsError::Unsupported(String::new()));
            }
            Ok(PublicKey {
                key_arn: found.key.arn.clone(),
                public_key: public_key(record)?,
                key_spec: record.spec,
                key_usage: record.usage,
                algorithms: record.spec.algorithms(record.usage),
            })
        }
        .await;
        self.conclude(attempt, result).await
    }
}
