//! What the KMS makes, read by other libraries: ring and RustCrypto.

use aws_lc_rs::signature as lc;
use ml_dsa::pkcs8::DecodePublicKey as _;
use ml_dsa::signature::Verifier as _;
use ring::signature as other;
use sealgate_kms::{
    CryptoOptions, DeriveSharedSecretRequest, EncryptionContext, KeySpec, KeyUsage, MacAlgorithm,
    SignRequest, SigningAlgorithm,
};

use crate::kinds::{mac, request, signing};
use crate::world::{World, call, code};

const MESSAGE: &[u8] = b"the quick brown fox";

/// The RSA public key of PKCS #1, or the point, inside a SubjectPublicKeyInfo.
fn bare(spec: KeySpec, spki: &[u8]) -> &[u8] {
    let skip = match spec {
        KeySpec::Rsa2048 | KeySpec::Rsa3072 | KeySpec::Rsa4096 => 24,
        KeySpec::EccNistP256 => spki.len() - 65,
        KeySpec::EccNistP384 => spki.len() - 97,
        _ => spki.len() - 32,
    };
    &spki[skip..]
}

#[tokio::test]
async fn ring_verifies_signatures_of_messages_and_of_digests() {
    let world = World::new().await;
    let (kms, root) = (&world.kms, world.root());
    type Kind = &'static dyn other::VerificationAlgorithm;
    let rsa = world
        .key_with(request(KeySpec::Rsa2048, KeyUsage::SignVerify))
        .await;
    let p256 = world
        .key_with(request(KeySpec::EccNistP256, KeyUsage::SignVerify))
        .await;
    let p384 = world
        .key_with(request(KeySpec::EccNistP384, KeyUsage::SignVerify))
        .await;
    let edwards = request(KeySpec::EccNistEdwards25519, KeyUsage::SignVerify);
    let edwards = world.key_with(edwards).await;
    use SigningAlgorithm as A;
    let (sha256, sha384, sha512) = (
        Some(&ring::digest::SHA256),
        Some(&ring::digest::SHA384),
        Some(&ring::digest::SHA512),
    );
    let table: [(&str, A, Kind, _); 9] = [
        (
            &rsa,
            A::RsassaPssSha256,
            &other::RSA_PSS_2048_8192_SHA256,
            sha256,
        ),
        (
            &rsa,
            A::RsassaPssSha384,
            &other::RSA_PSS_2048_8192_SHA384,
            sha384,
        ),
        (
            &rsa,
            A::RsassaPssSha512,
            &other::RSA_PSS_2048_8192_SHA512,
            sha512,
        ),
        (
            &rsa,
            A::RsassaPkcs1V15Sha256,
            &other::RSA_PKCS1_2048_8192_SHA256,
            sha256,
        ),
        (
            &rsa,
            A::RsassaPkcs1V15Sha384,
            &other::RSA_PKCS1_2048_8192_SHA384,
            sha384,
        ),
        (
            &rsa,
            A::RsassaPkcs1V15Sha512,
            &other::RSA_PKCS1_2048_8192_SHA512,
            sha512,
        ),
        (
            &p256,
            A::EcdsaSha256,
            &other::ECDSA_P256_SHA256_ASN1,
            sha256,
        ),
        (
            &p384,
            A::EcdsaSha384,
            &other::ECDSA_P384_SHA384_ASN1,
            sha384,
        ),
        (&edwards, A::Ed25519Sha512, &other::ED25519, None),
    ];
    for (key, algorithm, kind, digest) in table {
        let public = kms.get_public_key(&call(&root), key, &[]).await.unwrap();
        let public = other::UnparsedPublicKey::new(kind, bare(public.key_spec, &public.public_key));
        let raw = signing(key, algorithm, MESSAGE);
        let signed = kms.sign(&call(&root), raw.clone()).await.unwrap().signature;
        public.verify(MESSAGE, &signed).unwrap();
        let Some(digest) = digest else { continue };
        let digested = SignRequest {
            message: ring::digest::digest(digest, MESSAGE).as_ref().to_vec(),
            message_type: Some("DIGEST".to_owned()),
            ..raw.clone()
        };
        let of_digest = kms
            .sign(&call(&root), digested.clone())
            .await
            .unwrap()
            .signature;
        public.verify(MESSAGE, &of_digest).unwrap();
        // A message and its digest are the same message.
        kms.verify(&call(&root), digested, &signed).await.unwrap();
        kms.verify(&call(&root), raw, &of_digest).await.unwrap();
    }
}

#[tokio::test]
async fn rustcrypto_and_the_kms_agree_on_ml_dsa_and_its_mu() {
    let world = World::new().await;
    let (kms, root) = (&world.kms, world.root());
    let key = request(KeySpec::MlDsa65, KeyUsage::SignVerify);
    let key = world.key_with(key).await;
    let public = kms.get_public_key(&call(&root), &key, &[]).await.unwrap();
    assert_eq!(public.public_key.len(), 1974);
    let public =
        ml_dsa::VerifyingKey::<ml_dsa::MlDsa65>::from_public_key_der(&public.public_key).unwrap();
    let raw = signing(&key, SigningAlgorithm::MlDsaShake256, MESSAGE);
    let signed = kms.sign(&call(&root), raw.clone()).await.unwrap().signature;
    assert_eq!(signed.len(), 3309);
    let signature = ml_dsa::Signature::try_from(signed.as_slice()).unwrap();
    public.verify(MESSAGE, &signature).unwrap();

    let mu = ml_dsa_mu(&public);
    let of_mu = SignRequest {
        message: mu.clone(),
        message_type: Some("EXTERNAL_MU".to_owned()),
        ..raw.clone()
    };
    kms.verify(&call(&root), of_mu.clone(), &signed)
        .await
        .unwrap();
    let mut signed = kms
        .sign(&call(&root), of_mu.clone())
        .await
        .unwrap()
        .signature;
    kms.verify(&call(&root), raw, &signed).await.unwrap();
    kms.verify(&call(&root), of_mu.clone(), &signed)
        .await
        .unwrap();
    signed[100] ^= 1;
    let found = kms.verify(&call(&root), of_mu, &signed).await;
    assert_eq!(code(found), "KMSInvalidSignatureException");
}

fn ml_dsa_mu(public: &ml_dsa::VerifyingKey<ml_dsa::MlDsa65>) -> Vec<u8> {
    use ml_dsa::signature::digest::Update as _;
    let mu = public.compute_mu(
        |hash| {
            hash.update(MESSAGE);
            Ok(())
        },
        b"",
    );
    mu.unwrap().to_vec()
}

#[tokio::test]
async fn a_code_has_its_size_and_no_part_or_change_of_it_is_valid() {
    let world = World::new().await;
    let (kms, root) = (&world.kms, world.root());
    for (spec, algorithm, size) in [
        (KeySpec::Hmac224, MacAlgorithm::HmacSha224, 28),
        (KeySpec::Hmac256, MacAlgorithm::HmacSha256, 32),
        (KeySpec::Hmac384, MacAlgorithm::HmacSha384, 48),
        (KeySpec::Hmac512, MacAlgorithm::HmacSha512, 64),
    ] {
        let key = request(spec, KeyUsage::GenerateVerifyMac);
        let key = world.key_with(key).await;
        let wanted = mac(&key, algorithm);
        let made = kms.generate_mac(&call(&root), &wanted).await.unwrap().mac;
        assert_eq!(made.len(), size);
        for length in [0, 1, size - 1] {
            let found = kms.verify_mac(&call(&root), &wanted, &made[..length]).await;
            assert_ne!(code(found), "OK", "{length} bytes");
        }
        let mut changed = made.clone();
        changed[size - 1] ^= 1;
        let found = kms.verify_mac(&call(&root), &wanted, &changed).await;
        assert_eq!(code(found), "KMSInvalidMacException");
    }
}

#[tokio::test]
async fn ring_derives_the_same_secret() {
    let world = World::new().await;
    let (kms, root) = (&world.kms, world.root());
    let random = ring::rand::SystemRandom::new();
    for (spec, curve, size) in [
        (KeySpec::EccNistP256, &ring::agreement::ECDH_P256, 32),
        (KeySpec::EccNistP384, &ring::agreement::ECDH_P384, 48),
    ] {
        let key = request(spec, KeyUsage::KeyAgreement);
        let key = world.key_with(key).await;
        let spki = kms
            .get_public_key(&call(&root), &key, &[])
            .await
            .unwrap()
            .public_key;
        let point = bare(spec, &spki);
        let private = ring::agreement::EphemeralPrivateKey::generate(curve, &random).unwrap();
        let prefix = &spki[..spki.len() - point.len()];
        let request = DeriveSharedSecretRequest {
            key_id: key,
            key_agreement_algorithm: "ECDH".to_owned(),
            public_key: [prefix, private.compute_public_key().unwrap().as_ref()].concat(),
            ..Default::default()
        };
        let shared = kms
            .derive_shared_secret(&call(&root), &request)
            .await
            .unwrap();
        assert_eq!(shared.secret.len(), size);
        let point = ring::agreement::UnparsedPublicKey::new(curve, point);
        ring::agreement::agree_ephemeral(private, &point, |secret| {
            assert_eq!(secret, shared.secret.as_slice());
        })
        .unwrap();
    }
}

#[tokio::test]
async fn a_data_key_pair_is_whole_and_its_private_key_opens_under_its_context() {
    let world = World::new().await;
    let (kms, root) = (&world.kms, world.root());
    let key = world.key().await;
    let context = EncryptionContext::from_pairs([("a", "b")]);
    let options = CryptoOptions::default();
    for spec in [
        "RSA_2048",
        "RSA_3072",
        "RSA_4096",
        "ECC_NIST_P256",
        "ECC_NIST_P384",
        "ECC_NIST_P521",
        "ECC_SECG_P256K1",
        "ECC_NIST_EDWARDS25519",
    ] {
        let pair = kms
            .generate_data_key_pair(&call(&root), &key, spec, &context, &options, true)
            .await
            .unwrap();
        assert_eq!(pair.key_pair_spec.as_str(), spec);
        let opened = kms
            .decrypt(&call(&root), None, &pair.private_key_ciphertext, &context)
            .await
            .unwrap();
        assert_eq!(opened.plaintext, pair.private_key);
        let private = pair.private_key.as_slice();
        let random = ring::rand::SystemRandom::new();
        match spec {
            "RSA_2048" | "RSA_3072" | "RSA_4096" => {
                let read = other::RsaKeyPair::from_pkcs8(private).unwrap();
                assert_eq!(read.public().as_ref(), &pair.public_key[24..]);
            }
            "ECC_NIST_P256" => {
                let kind = &other::ECDSA_P256_SHA256_ASN1_SIGNING;
                other::EcdsaKeyPair::from_pkcs8(kind, private, &random).unwrap();
            }
            "ECC_NIST_P384" => {
                let kind = &other::ECDSA_P384_SHA384_ASN1_SIGNING;
                other::EcdsaKeyPair::from_pkcs8(kind, private, &random).unwrap();
            }
            "ECC_NIST_EDWARDS25519" => {
                other::Ed25519KeyPair::from_pkcs8_maybe_unchecked(private).unwrap();
            }
            "ECC_NIST_P521" => {
                let kind = &lc::ECDSA_P521_SHA512_ASN1_SIGNING;
                lc::EcdsaKeyPair::from_pkcs8(kind, private).unwrap();
            }
            _ => {
                let kind = &lc::ECDSA_P256K1_SHA256_ASN1_SIGNING;
                lc::EcdsaKeyPair::from_pkcs8(kind, private).unwrap();
            }
        }
    }
    for (spec, expected) in [
        ("SM2", "UnsupportedOperationException"),
        ("ML_DSA_44", "ValidationException"),
        ("SYMMETRIC_DEFAULT", "ValidationException"),
        ("", "ValidationException"),
    ] {
        let made = kms
            .generate_data_key_pair(&call(&root), &key, spec, &context, &options, false)
            .await;
        assert_eq!(code(made), expected, "{spec}");
    }
}
