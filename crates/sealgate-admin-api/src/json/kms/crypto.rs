//! Encryption: Encrypt, Decrypt, ReEncrypt, data keys, random bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealgate_kms::{DataKeySize, ReEncryptRequest};
use serde_json::{Value, json};

use super::{Operation, Output};

impl Operation<'_> {
    pub(super) async fn encrypt(mut self) -> Output {
        let plaintext = self.input.required_blob("Plaintext")?;
        let context = self.context("EncryptionContext")?;
        let options = self.options()?;
        let key_id = self.key_id()?;
        let encrypted = self
            .kms
            .encrypt(self.call, &key_id, &plaintext, &context, &options)
            .await?;
        Ok(Some(json!({
            "CiphertextBlob": STANDARD.encode(&encrypted.ciphertext),
            "KeyId": encrypted.key_arn,
            "EncryptionAlgorithm": encrypted.encryption_algorithm.as_str(),
        })))
    }

    pub(super) async fn decrypt(mut self) -> Output {
        self.no_recipient()?;
        let context = self.context("EncryptionContext")?;
        let mut options = self.options()?;
        options.ignore_ciphertext = self.ignores_ciphertext(options.dry_run)?;
        let ciphertext = self.ciphertext(options.ignore_ciphertext)?;
        let key_id = self.input.string("KeyId")?;
        self.input.finish()?;
        let decrypted = self
            .kms
            .decrypt_with(
                self.call,
                key_id.as_deref(),
                &ciphertext,
                &context,
                &options,
            )
            .await?;
        let mut output = json!({
            "KeyId": decrypted.key_arn,
            "Plaintext": STANDARD.encode(decrypted.plaintext.as_slice()),
            "EncryptionAlgorithm": decrypted.encryption_algorithm.as_str(),
        });
        add(&mut output, "KeyMaterialId", decrypted.key_material_id);
        Ok(Some(output))
    }

    pub(super) async fn re_encrypt(mut self) -> Output {
        let dry_run = self.input.boolean("DryRun")?;
        let ignore_ciphertext = self.ignores_ciphertext(dry_run)?;
        let request = ReEncryptRequest {
            ciphertext: self.ciphertext(ignore_ciphertext)?.to_vec(),
            source_key_id: self.input.string("SourceKeyId")?,
            source_context: self.context("SourceEncryptionContext")?,
            source_encryption_algorithm: self.input.string("SourceEncryptionAlgorithm")?,
            destination_key_id: self.input.required("DestinationKeyId")?,
            destination_context: self.context("DestinationEncryptionContext")?,
            destination_encryption_algorithm: self
                .input
                .string("DestinationEncryptionAlgorithm")?,
            grant_tokens: self.grant_tokens()?,
            dry_run,
            ignore_ciphertext,
        };
        self.input.finish()?;
        let done = self.kms.re_encrypt(self.call, request).await?;
        let mut output = json!({
            "CiphertextBlob": STANDARD.encode(&done.ciphertext),
            "SourceKeyId": done.source_key_arn,
            "KeyId": done.key_arn,
            "SourceEncryptionAlgorithm": done.source_encryption_algorithm.as_str(),
            "DestinationEncryptionAlgorithm": done.destination_encryption_algorithm.as_str(),
        });
        add(
            &mut output,
            "SourceKeyMaterialId",
            done.source_key_material_id,
        );
        add(
            &mut output,
            "DestinationKeyMaterialId",
            done.destination_key_material_id,
        );
        Ok(Some(output))
    }

    pub(super) async fn generate_data_key_pair(mut self, with_plaintext: bool) -> Output {
        self.no_recipient()?;
        let context = self.context("EncryptionContext")?;
        let options = self.options()?;
        let spec = self.input.required("KeyPairSpec")?;
        let key_id = self.key_id()?;
        let pair = self
            .kms
            .generate_data_key_pair(
                self.call,
                &key_id,
                &spec,
                &context,
                &options,
                with_plaintext,
            )
            .await?;
        let mut output = json!({
            "PrivateKeyCiphertextBlob": STANDARD.encode(&pair.private_key_ciphertext),
            "PublicKey": STANDARD.encode(&pair.public_key),
            "KeyId": pair.key_arn,
            "KeyPairSpec": pair.key_pair_spec.as_str(),
        });
        if with_plaintext {
            let private_key = STANDARD.encode(pair.private_key.as_slice());
            add(&mut output, "PrivateKeyPlaintext", Some(private_key));
        }
        add(&mut output, "KeyMaterialId", pair.key_material_id);
        Ok(Some(output))
    }

    pub(super) async fn generate_data_key(mut self, with_plaintext: bool) -> Output {
        self.no_recipient()?;
        let context = self.context("EncryptionContext")?;
        let options = self.options()?;
        let size = DataKeySize {
            key_spec: self.input.string("KeySpec")?,
            number_of_bytes: self.input.integer("NumberOfBytes")?,
        };
        let key_id = self.key_id()?;
        let (kms, call) = (self.kms, self.call);
        if with_plaintext {
            let key = kms
                .generate_data_key_with(call, &key_id, &context, &size, &options)
                .await?;
            let mut output = json!({
                "CiphertextBlob": STANDARD.encode(&key.ciphertext),
                "Plaintext": STANDARD.encode(key.plaintext.as_slice()),
                "KeyId": key.key_arn,
            });
            add(&mut output, "KeyMaterialId", key.key_material_id);
            Ok(Some(output))
        } else {
            let key = kms
                .generate_data_key_without_plaintext(call, &key_id, &context, &size, &options)
                .await?;
            let mut output = json!({
                "CiphertextBlob": STANDARD.encode(&key.ciphertext),
                "KeyId": key.key_arn,
            });
            add(&mut output, "KeyMaterialId", key.key_material_id);
            Ok(Some(output))
        }
    }

    pub(super) async fn generate_random(self) -> Output {
        self.no_recipient()?;
        let store = self.input.string("CustomKeyStoreId")?;
        let bytes = self.input.integer("NumberOfBytes")?;
        let random = self
            .kms
            .generate_random(self.call, bytes, store.as_deref())
            .await?;
        Ok(Some(
            json!({ "Plaintext": STANDARD.encode(random.as_slice()) }),
        ))
    }
}

/// Adds a member that not every kind of key has.
fn add(output: &mut Value, member: &str, value: Option<String>) {
    if let (Some(members), Some(value)) = (output.as_object_mut(), value) {
        members.insert(member.to_owned(), value.into());
    }
}
