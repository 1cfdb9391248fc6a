//! Signatures, authentication codes, public keys, shared secrets.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealgate_kms::{DeriveSharedSecretRequest, MacRequest, SignRequest};
use serde_json::json;

use super::{Failure, Operation, Output};

impl Operation<'_> {
    pub(super) async fn sign(mut self) -> Output {
        let request = self.sign_request()?;
        self.input.finish()?;
        let signed = self.kms.sign(self.call, request).await?;
        Ok(Some(json!({
            "KeyId": signed.key_arn,
            "Signature": STANDARD.encode(&signed.signature),
            "SigningAlgorithm": signed.signing_algorithm.as_str(),
        })))
    }

    pub(super) async fn verify(mut self) -> Output {
        let request = self.sign_request()?;
        let signature = self.input.required_blob("Signature")?;
        self.input.finish()?;
        let verified = self.kms.verify(self.call, request, &signature).await?;
        Ok(Some(json!({
            "KeyId": verified.key_arn,
            "SignatureValid": true,
            "SigningAlgorithm": verified.signing_algorithm.as_str(),
        })))
    }

    pub(super) async fn get_public_key(mut self) -> Output {
        let grant_tokens = self.grant_tokens()?;
        let key_id = self.key_id()?;
        let key = self
            .kms
            .get_public_key(self.call, &key_id, &grant_tokens)
            .await?;
        let mut output = json!({
            "KeyId": key.key_arn,
            "PublicKey": STANDARD.encode(&key.public_key),
            "CustomerMasterKeySpec": key.key_spec.as_str(),
            "KeySpec": key.key_spec.as_str(),
            "KeyUsage": key.key_usage.as_str(),
        });
        if let (Some(members), Some(algorithms)) = (output.as_object_mut(), key.algorithms) {
            members.insert(algorithms.member().into(), algorithms.names().into());
        }
        Ok(Some(output))
    }

    pub(super) async fn generate_mac(mut self) -> Output {
        let request = self.mac_request()?;
        self.input.finish()?;
        let made = self.kms.generate_mac(self.call, &request).await?;
        Ok(Some(json!({
            "Mac": STANDARD.encode(&made.mac),
            "MacAlgorithm": made.mac_algorithm.as_str(),
            "KeyId": made.key_arn,
        })))
    }

    pub(super) async fn verify_mac(mut self) -> Output {
        let request = self.mac_request()?;
        let mac = self.input.required_blob("Mac")?;
        self.input.finish()?;
        let verified = self.kms.verify_mac(self.call, &request, &mac).await?;
        Ok(Some(json!({
            "KeyId": verified.key_arn,
            "MacValid": true,
            "MacAlgorithm": verified.mac_algorithm.as_str(),
        })))
    }

    pub(super) async fn derive_shared_secret(mut self) -> Output {
        self.no_recipient()?;
        let request = DeriveSharedSecretRequest {
            key_id: self.input.required("KeyId")?,
            key_agreement_algorithm: self.input.required("KeyAgreementAlgorithm")?,
            public_key: self.input.required_blob("PublicKey")?.to_vec(),
            grant_tokens: self.grant_tokens()?,
            dry_run: self.input.boolean("DryRun")?,
        };
        self.input.finish()?;
        let shared = self.kms.derive_shared_secret(self.call, &request).await?;
        Ok(Some(json!({
            "KeyId": shared.key_arn,
            "SharedSecret": STANDARD.encode(shared.secret.as_slice()),
            "KeyAgreementAlgorithm": shared.key_agreement_algorithm.as_str(),
            "KeyOrigin": shared.key_origin.as_str(),
        })))
    }

    fn sign_request(&mut self) -> Result<SignRequest, Failure> {
        Ok(SignRequest {
            key_id: self.input.required("KeyId")?,
            message: self.input.required_blob("Message")?.to_vec(),
            message_type: self.input.string("MessageType")?,
            signing_algorithm: self.input.required("SigningAlgorithm")?,
            grant_tokens: self.grant_tokens()?,
            dry_run: self.input.boolean("DryRun")?,
        })
    }

    fn mac_request(&mut self) -> Result<MacRequest, Failure> {
        Ok(MacRequest {
            key_id: self.input.required("KeyId")?,
            message: self.input.required_blob("Message")?.to_vec(),
            mac_algorithm: self.input.required("MacAlgorithm")?,
            grant_tokens: self.grant_tokens()?,
            dry_run: self.input.boolean("DryRun")?,
        })
    }
}
