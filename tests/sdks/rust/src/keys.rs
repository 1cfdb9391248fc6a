//! Keys used directly: data keys, and signatures that another library verifies.

use anyhow::{Context as _, Result, anyhow, ensure};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{DataKeySpec, KeySpec, KeyUsageType, MessageType, SigningAlgorithmSpec};

use crate::environment::Environment;
use crate::run::{Run, refused, same};

pub async fn check(run: &Run, env: &Environment) {
    run.check("kms/data-key", data_key(&env.kms)).await;
    let rsa = (KeySpec::Rsa2048, SigningAlgorithmSpec::RsassaPssSha256);
    run.check(
        "kms/rsa-signature",
        signature(&env.kms, rsa, &RSA_PSS_2048_8192_SHA256),
    )
    .await;
    let ec = (KeySpec::EccNistP256, SigningAlgorithmSpec::EcdsaSha256);
    run.check(
        "kms/ec-signature",
        signature(&env.kms, ec, &ECDSA_P256_SHA256_ASN1),
    )
    .await;
}

async fn data_key(kms: &aws_sdk_kms::Client) -> Result<()> {
    let key = kms.create_key().send().await?;
    let id = key.key_metadata().context("a key")?.key_id();
    let made = kms
        .generate_data_key()
        .key_id(id)
        .key_spec(DataKeySpec::Aes256);
    let made = made.encryption_context("tenant", "one").send().await?;
    let decrypt = || {
        kms.decrypt()
            .set_ciphertext_blob(made.ciphertext_blob.clone())
    };
    let opened = decrypt().encryption_context("tenant", "one").send().await?;
    same(made.plaintext().map(|key| key.as_ref().len()), Some(32))?;
    ensure!(
        opened.plaintext() == made.plaintext(),
        "the data key is the same"
    );
    let other = decrypt().encryption_context("tenant", "two").send().await;
    refused(other, 400, Some("InvalidCiphertextException"), &[])
}

async fn signature(
    kms: &aws_sdk_kms::Client,
    (spec, algorithm): (KeySpec, SigningAlgorithmSpec),
    verifier: &'static dyn VerificationAlgorithm,
) -> Result<()> {
    let key = kms
        .create_key()
        .key_spec(spec)
        .key_usage(KeyUsageType::SignVerify)
        .send()
        .await?;
    let id = key.key_metadata().context("a key")?.key_id();
    let message = b"a message";
    let signed = kms
        .sign()
        .key_id(id)
        .message(Blob::new(message))
        .signing_algorithm(algorithm.clone());
    let signature = signed.send().await?.signature.context("a signature")?;

    let public = kms
        .get_public_key()
        .key_id(id)
        .send()
        .await?
        .public_key
        .context("a public key")?;
    UnparsedPublicKey::new(verifier, public.as_ref())
        .verify(message, signature.as_ref())
        .map_err(|_| anyhow!("aws-lc-rs does not verify the signature"))?;

    let verify = || {
        kms.verify()
            .key_id(id)
            .signature(signature.clone())
            .signing_algorithm(algorithm.clone())
    };
    let digest = Blob::new(digest(&SHA256, message).as_ref());
    let verified = verify()
        .message(digest)
        .message_type(MessageType::Digest)
        .send()
        .await?;
    ensure!(verified.signature_valid(), "the signature is valid");
    let altered = verify().message(Blob::new("A message")).send().await;
    refused(altered, 400, Some("KMSInvalidSignatureException"), &[])
}
