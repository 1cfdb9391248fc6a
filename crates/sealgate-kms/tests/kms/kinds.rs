//! Which kind of key does what: every spec with every usage and algorithm, in every state, and the refusals
//! in AWS's words.

use proptest::prelude::*;
use sealgate_kms::{
    Call, CreateKeyRequest, CryptoOptions, DeriveSharedSecretRequest, EncryptionAlgorithm,
    EncryptionContext, KeySpec, KeyState, KeyUsage, Kms, KmsError, MacAlgorithm, MacRequest,
    ReEncryptRequest, SignRequest, SigningAlgorithm,
};
use serde_json::json;

use crate::world::{ACCOUNT, World, arn, call, code, pairs, refusal};

pub fn request(spec: KeySpec, usage: KeyUsage) -> CreateKeyRequest {
    CreateKeyRequest {
        key_spec: Some(spec.to_string()),
        key_usage: Some(usage.to_string()),
        ..Default::default()
    }
}

pub fn signing(key: &str, algorithm: SigningAlgorithm, message: &[u8]) -> SignRequest {
    let digest = algorithm == SigningAlgorithm::Ed25519PhSha512;
    SignRequest {
        key_id: key.to_owned(),
        message: message.to_vec(),
        message_type: digest.then(|| "DIGEST".to_owned()),
        signing_algorithm: algorithm.to_string(),
        ..Default::default()
    }
}

pub fn mac(key: &str, algorithm: MacAlgorithm) -> MacRequest {
    MacRequest {
        key_id: key.to_owned(),
        message: b"message".to_vec(),
        mac_algorithm: algorithm.to_string(),
        ..Default::default()
    }
}

pub fn with(algorithm: EncryptionAlgorithm) -> CryptoOptions {
    CryptoOptions {
        encryption_algorithm: Some(algorithm.to_string()),
        ..Default::default()
    }
}

fn agreeing(key: &str, public_key: &[u8]) -> DeriveSharedSecretRequest {
    DeriveSharedSecretRequest {
        key_id: key.to_owned(),
        key_agreement_algorithm: "ECDH".to_owned(),
        public_key: public_key.to_vec(),
        ..Default::default()
    }
}

fn none() -> EncryptionContext {
    EncryptionContext::new()
}

/// Every kind of key there is here.
fn kinds() -> impl Iterator<Item = (KeySpec, KeyUsage)> {
    KeySpec::ALL
        .iter()
        .filter(|spec| **spec != KeySpec::Sm2)
        .flat_map(|spec| spec.usages().iter().map(|usage| (*spec, *usage)))
}

#[tokio::test]
async fn a_spec_has_its_usages_and_no_other() {
    let world = World::new().await;
    let root = world.root();
    for spec in KeySpec::ALL
        .iter()
        .copied()
        .filter(|spec| *spec != KeySpec::Sm2)
    {
        for usage in KeyUsage::ALL.iter().copied() {
            if spec.usages().contains(&usage) {
                continue; // Made in the next test.
            }
            let made = world
                .kms
                .create_key(&call(&root), request(spec, usage))
                .await;
            let text = format!("KeyUsage {usage} is not compatible with KeySpec {spec}");
            assert_eq!(refusal(made), ("ValidationException", text));
        }
        let mut bare = request(spec, KeyUsage::SignVerify);
        bare.key_usage = None;
        if spec != KeySpec::SymmetricDefault {
            let text = "You must specify a KeyUsage value for all KMS keys except for symmetric \
                        encryption keys.";
            let made = world.kms.create_key(&call(&root), bare).await;
            assert_eq!(refusal(made), ("ValidationException", text.to_owned()));
        }
    }
}

#[tokio::test]
async fn every_key_does_what_its_usage_and_algorithms_say_and_refuses_the_rest() {
    let world = World::new().await;
    let (kms, root) = (&world.kms, world.root());
    for (spec, usage) in kinds() {
        let made = kms
            .create_key(&call(&root), request(spec, usage))
            .await
            .unwrap();
        let key = made.key_id.as_str();
        assert_eq!((made.key_spec, made.key_usage), (spec, usage));
        assert_eq!(made.algorithms, spec.algorithms(usage));
        assert_eq!(
            made.current_key_material_id.is_some(),
            spec == KeySpec::SymmetricDefault
        );
        let names = spec.algorithms(usage).unwrap().names();
        let expected = |of: KeyUsage, algorithm: &str, operation: &str| {
            if usage != of {
                let arn = arn(key);
                let text =
                    format!("{arn} key usage is {usage} which is not valid for {operation}.");
                ("InvalidKeyUsageException", text)
            } else if names.contains(&algorithm) {
                ("OK", String::new())
            } else {
                let text = format!("Algorithm {algorithm} is incompatible with key spec {spec}.");
                ("InvalidKeyUsageException", text)
            }
        };
        for algorithm in EncryptionAlgorithm::ALL.iter().copied() {
            let sealed = kms
                .encrypt(&call(&root), key, b"x", &none(), &with(algorithm))
                .await;
            if let Ok(sealed) = &sealed {
                assert_eq!(sealed.encryption_algorithm, algorithm);
                let opened = kms
                    .decrypt_with(
                        &call(&root),
                        Some(key),
                        &sealed.ciphertext,
                        &none(),
                        &with(algorithm),
                    )
                    .await
                    .unwrap();
                assert_eq!(opened.plaintext.as_slice(), b"x");
            }
            assert_eq!(
                refusal(sealed),
                expected(KeyUsage::EncryptDecrypt, algorithm.as_str(), "Encrypt")
            );
        }
        for algorithm in SigningAlgorithm::ALL.iter().copied() {
            let wanted = signing(key, algorithm, &[7; 64]);
            let signed = kms.sign(&call(&root), wanted.clone()).await;
            if let Ok(signed) = &signed {
                let verified = kms
                    .verify(&call(&root), wanted.clone(), &signed.signature)
                    .await;
                assert_eq!(verified.unwrap().signing_algorithm, algorithm);
                let mut other = wanted;
                other.message[0] ^= 1;
                let verified = kms.verify(&call(&root), other, &signed.signature).await;
                assert_eq!(
                    refusal(verified),
                    ("KMSInvalidSignatureException", String::new())
                );
            }
            assert_eq!(
                refusal(signed),
                expected(KeyUsage::SignVerify, algorithm.as_str(), "Sign")
            );
        }
        for algorithm in MacAlgorithm::ALL.iter().copied() {
            let wanted = mac(key, algorithm);
            let made = kms.generate_mac(&call(&root), &wanted).await;
            if let Ok(made) = &made {
                kms.verify_mac(&call(&root), &wanted, &made.mac)
                    .await
                    .unwrap();
            }
            assert_eq!(
                refusal(made),
                expected(
                    KeyUsage::GenerateVerifyMac,
                    algorithm.as_str(),
                    "GenerateMac"
                )
            );
        }
        let public = kms.get_public_key(&call(&root), key, &[]).await;
        if !spec.is_asymmetric() {
            assert_eq!(
                refusal(public),
                ("UnsupportedOperationException", String::new())
            );
            continue;
        }
        let public = public.unwrap();
        assert_eq!((public.key_spec, public.key_usage), (spec, usage));
        assert_eq!(public.algorithms, spec.algorithms(usage));
        let shared = kms
            .derive_shared_secret(&call(&root), &agreeing(key, &public.public_key))
            .await;
        assert_eq!(
            code(shared),
            expected(KeyUsage::KeyAgreement, "ECDH", "DeriveSharedSecret").0
        );
    }
}

#[tokio::test]
async fn data_keys_come_from_symmetric_encryption_keys_alone() {
    let world = World::new().await;
    let (kms, root) = (&world.kms, world.root());
    let rsa = request(KeySpec::Rsa2048, KeyUsage::EncryptDecrypt);
    let rsa = world.key_with(rsa).await;
    let hmac = request(KeySpec::Hmac256, KeyUsage::GenerateVerifyMac);
    let hmac = world.key_with(hmac).await;
    for (key, text) in [
        (
            &rsa,
            "You cannot generate a data key with an asymmetric CMK".to_owned(),
        ),
        (
            &hmac,
            format!(
                "{} key usage is GENERATE_VERIFY_MAC which is not valid for GenerateDataKey.",
                arn(&hmac)
            ),
        ),
    ] {
        let made = kms.generate_data_key(&call(&root), key, &none(), 32).await;
        assert_eq!(refusal(made), ("InvalidKeyUsageException", text));
        let options = CryptoOptions::default();
        let made = kms
            .generate_data_key_pair(&call(&root), key, "RSA_2048", &none(), &options, true)
            .await;
        assert_eq!(code(made), "InvalidKeyUsageException");
    }
}

#[tokio::test]
async fn messages_and_digests_have_their_sizes_and_types() {
    let world = World::new().await;
    let (kms, root) = (&world.kms, world.root());
    let key = |spec| world.key_with(request(spec, KeyUsage::SignVerify));
    let (ecc, edwards, ml_dsa) = (
        key(KeySpec::EccNistP384).await,
        key(KeySpec::EccNistEdwards25519).await,
        key(KeySpec::MlDsa44).await,
    );
    let (ecdsa, ed, ph, ml) = (
        SigningAlgorithm::EcdsaSha384,
        SigningAlgorithm::Ed25519Sha512,
        SigningAlgorithm::Ed25519PhSha512,
        SigningAlgorithm::MlDsaShake256,
    );
    let length = |constraint: &str| {
        format!(
            "1 validation error detected: Value at 'message' failed to satisfy constraint: Member must \
             have length {constraint}"
        )
    };
    let incompatible =
        |kind: &str, with: &str| format!("Message type {kind} is incompatible with {with}.");
    let digest = |algorithm| format!("Digest is invalid length for algorithm {algorithm}.");
    for (key, algorithm, kind, size, text) in [
        (&ecc, ecdsa, "RAW", 4096, String::new()),
        (&ecc, ecdsa, "RAW", 4097, length("less than or equal to 4096")),
        (&ecc, ecdsa, "RAW", 0, length("greater than or equal to 1")),
        (&ecc, ecdsa, "DIGEST", 48, String::new()),
        (&ecc, ecdsa, "DIGEST", 32, digest(ecdsa)),
        (&ecc, ecdsa, "DIGEST", 49, digest(ecdsa)),
        (&edwards, ed, "RAW", 1, String::new()),
        (
            &edwards,
            ed,
            "DIGEST",
            64,
            incompatible("DIGEST", "algorithm ED25519_SHA_512"),
        ),
        (
            &edwards,
            ph,
            "RAW",
            64,
            incompatible("RAW", "algorithm ED25519_PH_SHA_512"),
        ),
        (&edwards, ph, "DIGEST", 63, digest(ph)),
        (&edwards, ph, "DIGEST", 64, String::new()),
        (
            &ml_dsa,
            ml,
            "DIGEST",
            64,
            incompatible("DIGEST", "key spec ML_DSA_44"),
        ),
        (&ml_dsa, ml, "EXTERNAL_MU", 64, String::new()),
        (&ml_dsa, ml, "EXTERNAL_MU", 32, digest(ml)),
        (
            &ecc,
            ecdsa,
            "EXTERNAL_MU",
            64,
            incompatible("EXTERNAL_MU", "key spec ECC_NIST_P384"),
        ),
        (
            &ecc,
            ecdsa,
            "COOKED",
            48,
            "1 validation error detected: Value 'COOKED' at 'messageType' failed to satisfy constraint: \
             Member must satisfy enum value set: [RAW, DIGEST, EXTERNAL_MU]"
                .to_owned(),
        ),
    ] {
        let mut wanted = signing(key, algorithm, &vec![1; size]);
        wanted.message_type = Some(kind.to_owned());
        let verified = kms.verify(&call(&root), wanted.clone(), &[1; 96]).await;
        let signed = kms.sign(&call(&root), wanted).await;
        let expected = match text.as_str() {
            "" => ("OK", text),
            _ => ("ValidationException", text),
        };
        let invalid = match expected.0 {
            "OK" => "KMSInvalidSignatureException",
            other => other,
        };
        assert_eq!(refusal(signed), expected, "{algorithm} {kind} {size}");
        assert_eq!(code(verified), invalid, "{algorithm} {kind} {size}");
    }
}

#[tokio::test]
async fn rsa_takes_as_much_as_its_modulus_leaves_and_no_context() {
    let world = World::new().await;
    let (kms, root) = (&world.kms, world.root());
    let rsa = request(KeySpec::Rsa2048, KeyUsage::EncryptDecrypt);
    let rsa = world.key_with(rsa).await;
    let sha1 = with(EncryptionAlgorithm::RsaesOaepSha1);
    let sha256 = with(EncryptionAlgorithm::RsaesOaepSha256);
    for (options, most) in [(&sha1, 214), (&sha256, 190)] {
        let sealed = kms
            .encrypt(&call(&root), &rsa, &vec![1; most], &none(), options)
            .await
            .unwrap();
        assert_eq!(
            (sealed.ciphertext.len(), sealed.key_material_id),
            (256, None)
        );
        let sealed = kms
            .encrypt(&call(&root), &rsa, &vec![1; most + 1], &none(), options)
            .await;
        assert_eq!(code(sealed), "ValidationException");
    }
    let context = pairs(&[("a", "b")]);
    let sealed = kms
        .encrypt(&call(&root), &rsa, b"x", &context, &sha256)
        .await;
    assert_eq!(code(sealed), "ValidationException");
    let blob = kms
        .encrypt(&call(&root), &rsa, b"x", &none(), &sha256)
        .await
        .unwrap()
        .ciphertext;
    let symmetric = CryptoOptions::default();
    let foreign = world.encrypt(&root, &world.key().await).await.unwrap();
    for (key, blob, context, options, expected) in [
        (None, &blob, none(), &sha256, "ValidationException"),
        (Some(&rsa), &blob, context, &sha256, "ValidationException"),
        (
            Some(&rsa),
            &blob,
            none(),
            &sha1,
            "InvalidCiphertextException",
        ),
        (
            Some(&rsa),
            &blob,
            none(),
            &symmetric,
            "InvalidCiphertextException",
        ),
        (
            Some(&rsa),
            &foreign,
            none(),
            &symmetric,
            "IncorrectKeyException",
        ),
        (
            Some(&rsa),
            &foreign,
            none(),
            &sha256,
            "InvalidCiphertextException",
        ),
        (
            None,
            &blob,
            none(),
            &symmetric,
            "InvalidCiphertextException",
        ),
    ] {
        let key = key.map(String::as_str);
        let opened = kms
            .decrypt_with(&call(&root), key, blob, &context, options)
            .await;
        assert_eq!(code(opened), expected);
    }
    // A ciphertext that names an RSA key as if it were a symmetric one.
    let mut forged = foreign.clone();
    let id = uuid_bytes(&rsa);
    forged[9..25].copy_from_slice(&id);
    let opened = kms.decrypt(&call(&root), None, &forged, &none()).await;
    assert_eq!(code(opened), "InvalidCiphertextException");
}

fn uuid_bytes(key: &str) -> Vec<u8> {
    hex::decode(key.replace('-', "")).unwrap()
}

#[tokio::test]
async fn re_encrypt_goes_between_any_two_kinds_and_contexts() {
    let world = World::new().await;
    let (kms, root) = (&world.kms, world.root());
    let rsa = request(KeySpec::Rsa2048, KeyUsage::EncryptDecrypt);
    let rsa = world.key_with(rsa).await;
    let key = world.key().await;
    let (first, second) = (pairs(&[("a", "1")]), pairs(&[("b", "2")]));
    let options = CryptoOptions::default();
    let blob = kms
        .encrypt(&call(&root), &key, b"secret", &first, &options)
        .await
        .unwrap()
        .ciphertext;
    let to_rsa = ReEncryptRequest {
        ciphertext: blob,
        source_context: first.clone(),
        destination_key_id: rsa.clone(),
        destination_encryption_algorithm: Some("RSAES_OAEP_SHA_256".to_owned()),
        ..Default::default()
    };
    let moved = kms.re_encrypt(&call(&root), to_rsa.clone()).await.unwrap();
    assert_eq!(
        moved.destination_encryption_algorithm.as_str(),
        "RSAES_OAEP_SHA_256"
    );
    assert!(moved.source_key_material_id.is_some() && moved.destination_key_material_id.is_none());
    let back = ReEncryptRequest {
        ciphertext: moved.ciphertext,
        source_key_id: Some(rsa.clone()),
        source_encryption_algorithm: Some("RSAES_OAEP_SHA_256".to_owned()),
        destination_key_id: key.clone(),
        destination_context: second.clone(),
        ..Default::default()
    };
    let moved = kms.re_encrypt(&call(&root), back.clone()).await.unwrap();
    let opened = kms
        .decrypt(&call(&root), None, &moved.ciphertext, &second)
        .await
        .unwrap();
    assert_eq!(opened.plaintext.as_slice(), b"secret");

    let mut without = to_rsa.clone();
    without.destination_encryption_algorithm = None;
    let refused = kms.re_encrypt(&call(&root), without).await;
    assert_eq!(
        refusal(refused),
        (
            "InvalidKeyUsageException",
            "Algorithm SYMMETRIC_DEFAULT is incompatible with key spec RSA_2048.".to_owned()
        )
    );
    let large = kms
        .encrypt(&call(&root), &key, &[1; 191], &first, &options)
        .await
        .unwrap()
        .ciphertext;
    let large = ReEncryptRequest {
        ciphertext: large,
        ..to_rsa.clone()
    };
    let refused = kms.re_encrypt(&call(&root), large).await;
    assert_eq!(code(refused), "ValidationException");
    let nameless = ReEncryptRequest {
        source_key_id: None,
        ..back.clone()
    };
    let refused = kms.re_encrypt(&call(&root), nameless).await;
    assert_eq!(code(refused), "ValidationException");
    for request in [to_rsa, back] {
        let dry = ReEncryptRequest {
            dry_run: true,
            ..request
        };
        let refused = kms.re_encrypt(&call(&root), dry.clone()).await;
        assert_eq!(code(refused), "DryRunOperationException");
        let blind = ReEncryptRequest {
            ciphertext: Vec::new(),
            source_key_id: dry.source_key_id.clone().or(Some(key.clone())),
            ignore_ciphertext: true,
            ..dry
        };
        let refused = kms.re_encrypt(&call(&root), blind).await;
        assert_eq!(code(refused), "DryRunOperationException");
    }
}

#[tokio::test]
async fn a_public_key_that_is_none_of_the_curve_is_refused() {
    let world = World::new().await;
    let (kms, root) = (&world.kms, world.root());
    let agreement = |spec| world.key_with(request(spec, KeyUsage::KeyAgreement));
    let (own, other) = (
        agreement(KeySpec::EccNistP256).await,
        agreement(KeySpec::EccNistP384).await,
    );
    let mut spkis = Vec::new();
    for key in [&own, &other] {
        let public = kms.get_public_key(&call(&root), key, &[]).await;
        spkis.push(public.unwrap().public_key);
    }
    let (good, other) = (spkis[0].clone(), spkis[1].clone());
    let mut off_curve = good.clone();
    *off_curve.last_mut().unwrap() ^= 1;
    let infinity = [&good[..23], &[3, 2, 0, 0]].concat();
    let mut trailing = good.clone();
    trailing.push(0);
    for (public_key, expected) in [
        (good.as_slice(), "OK"),
        (&good[26..], "ValidationException"),
        (&other, "ValidationException"),
        (&off_curve, "ValidationException"),
        (&infinity, "ValidationException"),
        (&trailing, "ValidationException"),
        (&[], "ValidationException"),
        (&[0; 8193], "ValidationException"),
    ] {
        let shared = kms
            .derive_shared_secret(&call(&root), &agreeing(&own, public_key))
            .await;
        assert_eq!(code(shared), expected, "{}", hex::encode(public_key));
    }
}

const OPERATIONS: [&str; 7] = [
    "Sign",
    "Verify",
    "GenerateMac",
    "VerifyMac",
    "DeriveSharedSecret",
    "GetPublicKey",
    "GenerateDataKeyPair",
];

/// What keys there are for the operations: to sign, for codes, to agree, to encrypt.
struct Keys([String; 4]);

async fn keys(world: &World, origin: &str) -> Keys {
    let make = |spec, usage| {
        let request = CreateKeyRequest {
            origin: Some(origin.to_owned()),
            ..request(spec, usage)
        };
        world.key_with(request)
    };
    Keys([
        make(KeySpec::EccNistP256, KeyUsage::SignVerify).await,
        make(KeySpec::Hmac256, KeyUsage::GenerateVerifyMac).await,
        make(KeySpec::EccNistP256, KeyUsage::KeyAgreement).await,
        make(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt).await,
    ])
}

async fn attempt(
    kms: &Kms,
    call: &Call<'_>,
    keys: &Keys,
    operation: &str,
    dry_run: bool,
) -> Result<(), KmsError> {
    let Keys([sign_key, mac_key, agree_key, key]) = keys;
    let signing = SignRequest {
        dry_run,
        ..signing(sign_key, SigningAlgorithm::EcdsaSha256, b"m")
    };
    let mac = MacRequest {
        dry_run,
        ..mac(mac_key, MacAlgorithm::HmacSha256)
    };
    match operation {
        "Sign" => kms.sign(call, signing).await.map(drop),
        "Verify" => kms.verify(call, signing, b"s").await.map(drop),
        "GenerateMac" => kms.generate_mac(call, &mac).await.map(drop),
        "VerifyMac" => kms.verify_mac(call, &mac, b"m").await.map(drop),
        "DeriveSharedSecret" => {
            let spki = "3059301306072a8648ce3d020106082a8648ce3d030107034200046b17d1f2e12c4247f8bce6e563a440f2\
                        77037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb640\
                        6837bf51f5";
            let request = DeriveSharedSecretRequest {
                dry_run,
                ..agreeing(agree_key, &hex::decode(spki).unwrap())
            };
            kms.derive_shared_secret(call, &request).await.map(drop)
        }
        "GetPublicKey" => kms.get_public_key(call, sign_key, &[]).await.map(drop),
        _ => {
            let options = CryptoOptions {
                dry_run,
                ..Default::default()
            };
            kms.generate_data_key_pair(call, key, "ECC_NIST_P256", &none(), &options, true)
                .await
                .map(drop)
        }
    }
}

#[tokio::test]
async fn no_operation_works_in_a_state_that_forbids_it() {
    let world = World::new().await;
    let (kms, root) = (&world.kms, world.root());
    let call = call(&root);
    for state in [
        KeyState::Enabled,
        KeyState::Disabled,
        KeyState::PendingDeletion,
        KeyState::PendingImport,
    ] {
        let origin = match state {
            KeyState::PendingImport => "EXTERNAL",
            _ => "AWS_KMS",
        };
        let keys = keys(&world, origin).await;
        for key in &keys.0 {
            match state {
                KeyState::Disabled => kms.disable_key(&call, key).await.unwrap(),
                KeyState::PendingDeletion => {
                    kms.schedule_key_deletion(&call, key, None).await.unwrap();
                }
                _ => {}
            }
            assert_eq!(kms.describe_key(&call, key).await.unwrap().state, state);
        }
        for operation in OPERATIONS {
            let expected = match (state, operation) {
                (KeyState::Enabled, "Verify") => "KMSInvalidSignatureException",
                (KeyState::Enabled, "VerifyMac") => "KMSInvalidMacException",
                (KeyState::Enabled, _) => "OK",
                (KeyState::Disabled, _) => "DisabledException",
                _ => "KMSInvalidStateException",
            };
            let found = code(attempt(kms, &call, &keys, operation, false).await);
            assert_eq!(found, expected, "{operation} {state}");
            let expected = match (state, operation) {
                (_, "GetPublicKey") => expected,
                (KeyState::Enabled, _) => "DryRunOperationException",
                _ => expected,
            };
            let found = code(attempt(kms, &call, &keys, operation, true).await);
            assert_eq!(found, expected, "dry run of {operation} {state}");
        }
    }
}

#[tokio::test]
async fn policies_see_the_algorithm_and_the_type_of_the_message() {
    let world = World::new().await;
    let kms = &world.kms;
    let keys = keys(&world, "AWS_KMS").await;
    for (operation, condition, wrong) in [
        (
            "Sign",
            "\"kms:SigningAlgorithm\": \"ECDSA_SHA_256\"",
            "ECDSA_SHA_384",
        ),
        ("Sign", "\"kms:MessageType\": \"RAW\"", "DIGEST"),
        (
            "GenerateMac",
            "\"kms:MacAlgorithm\": \"HMAC_SHA_256\"",
            "HMAC_SHA_384",
        ),
        (
            "DeriveSharedSecret",
            "\"kms:KeyAgreementAlgorithm\": \"ECDH\"",
            "X",
        ),
        (
            "GenerateDataKeyPair",
            "\"kms:DataKeyPairSpec\": \"ECC_NIST_P256\"",
            "RSA_2048",
        ),
        (
            "GetPublicKey",
            "\"kms:KeySpec\": \"ECC_NIST_P256\"",
            "RSA_2048",
        ),
        (
            "VerifyMac",
            "\"kms:KeyUsage\": \"GENERATE_VERIFY_MAC\"",
            "SIGN_VERIFY",
        ),
    ] {
        let policy = |condition: &str| {
            format!(
                r#"{{ "Version": "2012-10-17", "Statement": [ {{ "Effect": "Allow", "Action": "kms:*",
                     "Resource": "*", "Condition": {{ "StringEquals": {{ {condition} }} }} }} ] }}"#
            )
        };
        let alice = world.user("alice", &[&policy(condition)]);
        let found = code(attempt(kms, &call(&alice), &keys, operation, false).await);
        assert_ne!(found, "AccessDeniedException", "{operation} {condition}");
        let name = condition.split(": ").next().unwrap();
        let other = policy(&format!("{name}: \"{wrong}\""));
        let alice = world.user("alice", &[&other]);
        let found = code(attempt(kms, &call(&alice), &keys, operation, false).await);
        assert_eq!(found, "AccessDeniedException", "{operation} {condition}");
    }
}

#[tokio::test]
async fn the_trail_shows_the_parameters_and_never_the_message() {
    let world = World::new().await;
    let (kms, root) = (&world.kms, world.root());
    let keys = keys(&world, "AWS_KMS").await;
    for operation in OPERATIONS {
        let _ = attempt(kms, &call(&root), &keys, operation, false).await;
    }
    let records = world.records(ACCOUNT).await;
    let of = |name: &str| {
        let found: Vec<_> = records
            .iter()
            .filter(|record| record["eventName"] == name)
            .collect();
        assert_eq!(found.len(), 1, "{name}");
        (
            found[0]["requestParameters"].clone(),
            found[0]["readOnly"].clone(),
        )
    };
    let Keys([sign_key, mac_key, agree_key, key]) = &keys;
    for (name, parameters) in [
        (
            "Sign",
            json!({ "keyId": sign_key, "messageType": "RAW", "signingAlgorithm": "ECDSA_SHA_256" }),
        ),
        (
            "GenerateMac",
            json!({ "keyId": mac_key, "macAlgorithm": "HMAC_SHA_256" }),
        ),
        (
            "DeriveSharedSecret",
            json!({ "keyId": agree_key, "keyAgreementAlgorithm": "ECDH" }),
        ),
        ("GetPublicKey", json!({ "keyId": sign_key })),
        (
            "GenerateDataKeyPair",
            json!({ "keyId": key, "keyPairSpec": "ECC_NIST_P256" }),
        ),
    ] {
        assert_eq!(of(name), (parameters, json!(true)), "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_changed_bit_spoils_a_signature_and_no_garbage_opens(
        message in prop::collection::vec(any::<u8>(), 1..100),
        at in any::<prop::sample::Index>(),
        bit in 0..8_u8,
        garbage in prop::collection::vec(any::<u8>(), 1..600),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let world = World::new().await;
            let (kms, root) = (&world.kms, world.root());
            for (spec, algorithm) in [
                (KeySpec::EccSecgP256K1, SigningAlgorithm::EcdsaSha256),
                (KeySpec::EccNistEdwards25519, SigningAlgorithm::Ed25519Sha512),
                (KeySpec::MlDsa44, SigningAlgorithm::MlDsaShake256),
            ] {
                let key = world.key_with(request(spec, KeyUsage::SignVerify)).await;
                let wanted = signing(&key, algorithm, &message);
                let mut signature = kms.sign(&call(&root), wanted.clone()).await.unwrap().signature;
                kms.verify(&call(&root), wanted.clone(), &signature).await.unwrap();
                let found = kms.verify(&call(&root), wanted.clone(), &garbage).await;
                assert_eq!(code(found), "KMSInvalidSignatureException");
                let at = at.index(signature.len());
                signature[at] ^= 1 << bit;
                let found = kms.verify(&call(&root), wanted, &signature).await;
                assert_eq!(code(found), "KMSInvalidSignatureException");
            }
            let key = world.key().await;
            let found = kms.decrypt(&call(&root), Some(&key), &garbage, &none()).await;
            assert!(found.is_err());
        });
    }
}
