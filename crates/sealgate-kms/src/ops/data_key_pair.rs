//! GenerateDataKeyPair, GenerateDataKeyPairWithoutPlaintext.

use sealgate_policy::Context;
use zeroize::Zeroizing;

use crate::approved;
use crate::asymmetric;
use crate::attempt::Attempt;
use crate::context::EncryptionContext;
use crate::error::KmsError;
use crate::kind::{EncryptionAlgorithm, KeySpec, Origin, not_in_enum};
use crate::kms::Kms;
use crate::operation::Operation;
use crate::ops::crypto::{note_use, refuse_dry_run};
use crate::types::{Call, CryptoOptions};

/// The answer of GenerateDataKeyPair. The private key is wiped on drop.
pub struct DataKeyPair {
    /// `PrivateKeyPlaintext`: PKCS #8 in DER. GenerateDataKeyPairWithoutPlaintext does not answer it.
    pub private_key: Zeroizing<Vec<u8>>,
    /// `PrivateKeyCiphertextBlob`.
    pub private_key_ciphertext: Vec<u8>,
    /// `PublicKey`: the SubjectPublicKeyInfo in DER.
    pub public_key: Vec<u8>,
    /// `KeyPairSpec`.
    pub key_pair_spec: KeySpec,
    /// `KeyId`: the ARN.
    pub key_arn: String,
    /// `KeyMaterialId`.
    pub key_material_id: Option<String>,
}

impl Kms {
    /// GenerateDataKeyPair, or, if `plaintext` is false, GenerateDataKeyPairWithoutPlaintext, whose answer
    /// must not show the private key.
    ///
    /// # Errors
    /// As AWS documents for GenerateDataKeyPair.
    pub async fn generate_data_key_pair(
        &self,
        call: &Call<'_>,
        key_id: &str,
        key_pair_spec: &str,
        context: &EncryptionContext,
        options: &CryptoOptions,
        plaintext: bool,
    ) -> Result<DataKeyPair, KmsError> {
        let operation = match plaintext {
            true => Operation::GenerateDataKeyPair,
            false => Operation::GenerateDataKeyPairWithoutPlaintext,
        };
        let mut attempt = Attempt::begin(call, operation);
        attempt.parameter("keyId", key_id);
        attempt.parameter("keyPairSpec", key_pair_spec);
        note_use(&mut attempt, context, options);
        let result = self
            .make_data_key_pair(&mut attempt, key_id, key_pair_spec, context, options)
            .await;
        self.conclude(attempt, result).await
    }

    async fn make_data_key_pair(
        &self,
        attempt: &mut Attempt,
        key_id: &str,
        key_pair_spec: &str,
        context: &EncryptionContext,
        options: &CryptoOptions,
    ) -> Result<DataKeyPair, KmsError> {
        let spec = data_key_pair_spec(key_pair_spec)?;
        let complete = |context: &mut Context| {
            context.insert("kms:DataKeyPairSpec", spec.as_str());
        };
        let found = self
            .find_usable_if(attempt, key_id, context, options, complete)
            .await?;
        let origin = found.key.record.origin;
        if matches!(origin, Origin::AwsCloudHsm | Origin::ExternalKeyStore) {
            return Err(KmsError::Unsupported(format!(
                "{} origin is {origin} which is not valid for this operation.",
                found.key.arn
            )));
        }
        if spec == KeySpec::Sm2 {
            return Err(KmsError::Unsupported(
                "KeyPairSpec SM2 is not supported: it is available only in the Regions of China."
                    .to_owned(),
            ));
        }
        approved::key_spec(spec)?;
        refuse_dry_run(options.dry_run)?;
        let pair = asymmetric::generate(spec).await?;
        let algorithm = EncryptionAlgorithm::SymmetricDefault;
        let sealed = self
            .seal(attempt, &found, algorithm, context, &pair.private)
            .await?;
        Ok(DataKeyPair {
            private_key: pair.private,
            private_key_ciphertext: sealed.ciphertext,
            public_key: pair.public,
            key_pair_spec: spec,
            key_arn: sealed.key_arn,
            key_material_id: sealed.key_material_id,
        })
    }
}

fn data_key_pair_spec(text: &str) -> Result<KeySpec, KmsError> {
    let specs = KeySpec::DATA_KEY_PAIRS;
    KeySpec::parse(text)
        .filter(|spec| specs.contains(spec))
        .ok_or_else(|| {
            let names: Vec<&str> = specs.iter().map(|spec| spec.as_str()).collect();
            not_in_enum(text, "keyPairSpec", &names)
        })
}
