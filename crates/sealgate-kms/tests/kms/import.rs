//! Import: wrapped here by aws-lc-rs, and by an independent AES key wrap.

use aes_kw::KwpAes256;
use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrapPadded as _};
use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey,
};
use sealgate_kms::{
    CreateKeyRequest, ExpirationModel, ImportKeyMaterialRequest, ImportParameters, ImportState,
    ImportedKeyMaterial, KeyMaterialState, KeyState, KmsError, PageRequest,
};
use time::Duration;

use crate::world::{ACCOUNT, World, arn, call, code, pairs};

const ALGORITHMS: [&str; 4] = [
    "RSAES_OAEP_SHA_1",
    "RSAES_OAEP_SHA_256",
    "RSA_AES_KEY_WRAP_SHA_1",
    "RSA_AES_KEY_WRAP_SHA_256",
];
const SIZES: [&str; 3] = ["RSA_2048", "RSA_3072", "RSA_4096"];
const FIRST: [u8; 32] = [1; 32];
const SECOND: [u8; 32] = [2; 32];

/// Which implementation wraps under AES.
#[derive(Clone, Copy, Debug)]
enum Wrapper {
    AwsLc,
    RustCrypto,
}

fn wrap(public_key: &[u8], algorithm: &str, wrapper: Wrapper, material: &[u8]) -> Vec<u8> {
    let key = PublicEncryptingKey::from_der(public_key).unwrap();
    let key = OaepPublicEncryptingKey::new(key).unwrap();
    let oaep = match algorithm.ends_with("SHA_1") {
        true => &OAEP_SHA1_MGF1SHA1,
        false => &OAEP_SHA256_MGF1SHA256,
    };
    let encrypt = |plaintext: &[u8]| {
        let mut out = vec![0; key.ciphertext_size()];
        key.encrypt(oaep, plaintext, &mut out, None)
            .unwrap()
            .to_vec()
    };
    if algorithm.starts_with("RSAES") {
        return encrypt(material);
    }
    let kek = [9; 32];
    let mut out = vec![0; material.len() + 16];
    let wrapped = match wrapper {
        Wrapper::AwsLc => AesKek::new(&AES_256, &kek)
            .unwrap()
            .wrap_with_padding(material, &mut out)
            .unwrap()
            .to_vec(),
        Wrapper::RustCrypto => {
            use aes_kw::cipher::KeyInit as _;
            KwpAes256::new(&kek.into())
                .wrap_key(material, &mut out)
                .unwrap()
                .to_vec()
        }
    };
    [encrypt(&kek), wrapped].concat()
}

async fn external(world: &World, spec: &str, usage: &str) -> String {
    world
        .key_with(CreateKeyRequest {
            origin: Some("EXTERNAL".to_owned()),
            key_spec: Some(spec.to_owned()),
            key_usage: Some(usage.to_owned()),
            ..Default::default()
        })
        .await
}

pub async fn symmetric(world: &World) -> String {
    external(world, "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT").await
}

pub async fn parameters(
    world: &World,
    key: &str,
    algorithm: &str,
    size: &str,
) -> Result<ImportParameters, KmsError> {
    let root = world.root();
    world
        .kms
        .get_parameters_for_import(&call(&root), key, algorithm, size)
        .await
}

/// A request with this material, which does not expire.
pub async fn request(world: &World, key: &str, material: &[u8]) -> ImportKeyMaterialRequest {
    let algorithm = "RSA_AES_KEY_WRAP_SHA_256";
    let parameters = parameters(world, key, algorithm, "RSA_2048").await.unwrap();
    ImportKeyMaterialRequest {
        encrypted_key_material: wrap(&parameters.public_key, algorithm, Wrapper::AwsLc, material),
        import_token: parameters.import_token,
        expiration_model: Some("KEY_MATERIAL_DOES_NOT_EXPIRE".to_owned()),
        ..Default::default()
    }
}

async fn import_with(
    world: &World,
    key: &str,
    request: ImportKeyMaterialRequest,
) -> Result<ImportedKeyMaterial, KmsError> {
    let root = world.root();
    world
        .kms
        .import_key_material(&call(&root), key, request)
        .await
}

pub async fn import(
    world: &World,
    key: &str,
    material: &[u8],
) -> Result<ImportedKeyMaterial, KmsError> {
    let request = request(world, key, material).await;
    import_with(world, key, request).await
}

async fn import_new(world: &World, key: &str, material: &[u8]) -> Result<String, KmsError> {
    let mut request = request(world, key, material).await;
    request.import_type = Some("NEW_KEY_MATERIAL".to_owned());
    import_with(world, key, request)
        .await
        .map(|imported| imported.key_material_id)
}

async fn import_until(world: &World, key: &str, material: &[u8], life: Duration) {
    let mut request = request(world, key, material).await;
    request.expiration_model = None;
    request.valid_to = Some(world.now() + life);
    import_with(world, key, request).await.unwrap();
}

async fn delete(world: &World, key: &str, id: Option<&str>) -> Result<String, KmsError> {
    let root = world.root();
    let deleted = world
        .kms
        .delete_imported_key_material(&call(&root), key, id)
        .await;
    deleted.map(|deleted| deleted.key_material_id)
}

async fn state(world: &World, key: &str) -> KeyState {
    let root = world.root();
    world
        .kms
        .describe_key(&call(&root), key)
        .await
        .unwrap()
        .state
}

async fn decrypts(world: &World, blob: &[u8]) -> &'static str {
    let root = world.root();
    code(
        world
            .kms
            .decrypt(&call(&root), None, blob, &pairs(&[]))
            .await,
    )
}

#[tokio::test]
async fn material_is_imported_under_every_algorithm_and_size_by_two_implementations() {
    let world = World::new().await;
    for algorithm in ALGORITHMS {
        for size in SIZES {
            for wrapper in [Wrapper::AwsLc, Wrapper::RustCrypto] {
                if algorithm.starts_with("RSAES") && matches!(wrapper, Wrapper::RustCrypto) {
                    continue;
                }
                let key = symmetric(&world).await;
                assert_eq!(state(&world, &key).await, KeyState::PendingImport);
                let parameters = parameters(&world, &key, algorithm, size).await.unwrap();
                assert_eq!(parameters.key_arn, arn(&key));
                assert_eq!(parameters.valid_to, world.now() + Duration::hours(24));
                assert!(parameters.import_token.len() <= 6144);
                let request = ImportKeyMaterialRequest {
                    encrypted_key_material: wrap(
                        &parameters.public_key,
                        algorithm,
                        wrapper,
                        &FIRST,
                    ),
                    import_token: parameters.import_token,
                    expiration_model: Some("KEY_MATERIAL_DOES_NOT_EXPIRE".to_owned()),
                    ..Default::default()
                };
                import_with(&world, &key, request).await.unwrap();
                assert_eq!(state(&world, &key).await, KeyState::Enabled);
                let blob = world.encrypt(&world.root(), &key).await.unwrap();
                assert_eq!(
                    decrypts(&world, &blob).await,
                    "OK",
                    "{algorithm} {size} {wrapper:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn material_of_every_kind_is_checked_for_its_spec() {
    let world = World::new().await;
    let p256 = pkcs8(&aws_lc_rs::signature::ECDSA_P256_SHA256_ASN1_SIGNING);
    let p384 = pkcs8(&aws_lc_rs::signature::ECDSA_P384_SHA384_ASN1_SIGNING);
    let rsa = {
        use aws_lc_rs::encoding::AsDer as _;
        let pair = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
        let der: aws_lc_rs::encoding::Pkcs8V1Der = pair.as_der().unwrap();
        der.as_ref().to_vec()
    };
    for (spec, usage, material, expected) in [
        ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", vec![0; 31], false),
        ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", vec![0; 33], false),
        ("HMAC_224", "GENERATE_VERIFY_MAC", vec![0; 28], true),
        ("HMAC_256", "GENERATE_VERIFY_MAC", vec![0; 32], true),
        ("HMAC_384", "GENERATE_VERIFY_MAC", vec![0; 48], true),
        ("HMAC_512", "GENERATE_VERIFY_MAC", vec![0; 64], true),
        ("HMAC_512", "GENERATE_VERIFY_MAC", vec![0; 32], false),
        ("ECC_NIST_P256", "SIGN_VERIFY", p256.clone(), true),
        ("ECC_NIST_P256", "SIGN_VERIFY", p384.clone(), false),
        ("ECC_NIST_P384", "KEY_AGREEMENT", p384.clone(), true),
        ("ECC_NIST_P384", "SIGN_VERIFY", vec![0; 48], false),
        ("RSA_2048", "SIGN_VERIFY", rsa.clone(), true),
        ("RSA_3072", "SIGN_VERIFY", rsa.clone(), false),
        ("RSA_2048", "ENCRYPT_DECRYPT", p256.clone(), false),
    ] {
        let key = external(&world, spec, usage).await;
        let expected = match expected {
            true => "OK",
            false => "IncorrectKeyMaterialException",
        };
        assert_eq!(
            code(import(&world, &key, &material).await),
            expected,
            "{spec} {usage}"
        );
    }
    // Keys of one material take neither another one nor a name for it.
    let key = external(&world, "HMAC_256", "GENERATE_VERIFY_MAC").await;
    import(&world, &key, &FIRST).await.unwrap();
    import(&world, &key, &FIRST).await.unwrap();
    assert_eq!(
        code(import(&world, &key, &SECOND).await),
        "IncorrectKeyMaterialException"
    );
    assert_eq!(
        code(import_new(&world, &key, &SECOND).await),
        "UnsupportedOperationException"
    );
}

fn pkcs8(curve: &'static aws_lc_rs::signature::EcdsaSigningAlgorithm) -> Vec<u8> {
    let random = aws_lc_rs::rand::SystemRandom::new();
    aws_lc_rs::signature::EcdsaKeyPair::generate_pkcs8(curve, &random)
        .unwrap()
        .as_ref()
        .to_vec()
}

#[tokio::test]
async fn algorithms_that_do_not_suit_the_material_are_refused() {
    let world = World::new().await;
    let unsupported = "UnsupportedOperationException";
    for (spec, usage, algorithm, size, expected) in [
        (
            "SYMMETRIC_DEFAULT",
            "ENCRYPT_DECRYPT",
            "RSAES_PKCS1_V1_5",
            "RSA_2048",
            unsupported,
        ),
        (
            "SYMMETRIC_DEFAULT",
            "ENCRYPT_DECRYPT",
            "SM2PKE",
            "SM2",
            unsupported,
        ),
        (
            "SYMMETRIC_DEFAULT",
            "ENCRYPT_DECRYPT",
            "RSAES_OAEP_SHA_256",
            "SM2",
            unsupported,
        ),
        (
            "SYMMETRIC_DEFAULT",
            "ENCRYPT_DECRYPT",
            "RSA",
            "RSA_2048",
            "ValidationException",
        ),
        (
            "SYMMETRIC_DEFAULT",
            "ENCRYPT_DECRYPT",
            "RSAES_OAEP_SHA_256",
            "RSA_1024",
            "ValidationException",
        ),
        (
            "RSA_2048",
            "SIGN_VERIFY",
            "RSAES_OAEP_SHA_256",
            "RSA_4096",
            unsupported,
        ),
        (
            "ECC_NIST_P521",
            "SIGN_VERIFY",
            "RSAES_OAEP_SHA_1",
            "RSA_2048",
            unsupported,
        ),
        (
            "ECC_NIST_P521",
            "SIGN_VERIFY",
            "RSAES_OAEP_SHA_1",
            "RSA_3072",
            "OK",
        ),
    ] {
        let key = external(&world, spec, usage).await;
        let found = code(parameters(&world, &key, algorithm, size).await);
        assert_eq!(found, expected, "{spec} {algorithm} {size}");
    }
    let own = world.key().await;
    assert_eq!(
        code(parameters(&world, &own, ALGORITHMS[1], SIZES[0]).await),
        unsupported
    );
    assert_eq!(code(delete(&world, &own, None).await), unsupported);
}

#[tokio::test]
async fn tokens_of_other_keys_expired_or_changed_are_refused() {
    let world = World::new().await;
    let (key, other) = (symmetric(&world).await, symmetric(&world).await);
    let good = request(&world, &key, &FIRST).await;
    assert_eq!(
        code(import_with(&world, &other, good.clone()).await),
        "InvalidImportTokenException"
    );
    let mut changed = good.clone();
    *changed.import_token.last_mut().unwrap() ^= 1;
    assert_eq!(
        code(import_with(&world, &key, changed).await),
        "InvalidImportTokenException"
    );
    // The wrapping key of another token does not open the material.
    let mut mixed = good.clone();
    mixed.import_token = request(&world, &key, &FIRST).await.import_token;
    assert_eq!(
        code(import_with(&world, &key, mixed).await),
        "InvalidCiphertextException"
    );
    let mut cut = good.clone();
    cut.encrypted_key_material.truncate(100);
    assert_eq!(
        code(import_with(&world, &key, cut).await),
        "InvalidCiphertextException"
    );
    for (token, material) in [
        (Vec::new(), vec![1]),
        (vec![1], Vec::new()),
        (vec![1; 6145], vec![1]),
    ] {
        let mut bad = good.clone();
        (bad.import_token, bad.encrypted_key_material) = (token, material);
        assert_eq!(
            code(import_with(&world, &key, bad).await),
            "ValidationException"
        );
    }
    world.pass(Duration::hours(24) - Duration::milliseconds(1));
    import_with(&world, &key, good.clone()).await.unwrap();
    world.pass(Duration::milliseconds(1));
    assert_eq!(
        code(import_with(&world, &key, good).await),
        "ExpiredImportTokenException"
    );
}

#[tokio::test]
async fn parameters_that_contradict_each_other_are_refused() {
    let world = World::new().await;
    let key = symmetric(&world).await;
    let good = request(&world, &key, &FIRST).await;
    let soon = Some(world.now() + Duration::days(1));
    type Change<'a> = Box<dyn Fn(&mut ImportKeyMaterialRequest) + 'a>;
    let changes: Vec<Change<'_>> = vec![
        Box::new(|r| r.valid_to = soon),
        Box::new(|r| r.expiration_model = None),
        Box::new(|r| r.expiration_model = Some("NEVER".to_owned())),
        Box::new(|r| {
            r.expiration_model = None;
            r.valid_to = Some(world.now());
        }),
        Box::new(|r| {
            r.expiration_model = None;
            r.valid_to = Some(world.now() + Duration::days(365) + Duration::milliseconds(1));
        }),
        Box::new(|r| r.import_type = Some("OLD".to_owned())),
        Box::new(|r| {
            r.import_type = Some("NEW_KEY_MATERIAL".to_owned());
            r.key_material_id = Some("a".repeat(64));
        }),
        Box::new(|r| r.key_material_description = Some("é".to_owned())),
        Box::new(|r| r.key_material_description = Some("a".repeat(257))),
    ];
    for (at, change) in changes.iter().enumerate() {
        let mut bad = good.clone();
        change(&mut bad);
        assert_eq!(
            code(import_with(&world, &key, bad).await),
            "ValidationException",
            "{at}"
        );
    }
    let mut existing = good.clone();
    existing.import_type = Some("EXISTING_KEY_MATERIAL".to_owned());
    let refused = code(import_with(&world, &key, existing).await);
    assert_eq!(refused, "IncorrectKeyMaterialException");
    import_with(&world, &key, good).await.unwrap();
}

#[tokio::test]
async fn only_the_same_material_comes_back_after_it_was_deleted() {
    let world = World::new().await;
    let (root, key) = (world.root(), symmetric(&world).await);
    assert_eq!(delete(&world, &key, None).await.unwrap(), "");
    let id = import(&world, &key, &FIRST).await.unwrap().key_material_id;
    assert_eq!(id.len(), 64);
    let blob = world.encrypt(&root, &key).await.unwrap();
    assert_eq!(
        delete(&world, &key, Some(&"0".repeat(64)))
            .await
            .err()
            .map(|e| e.code()),
        Some("NotFoundException")
    );
    assert_eq!(delete(&world, &key, None).await.unwrap(), id);
    assert_eq!(state(&world, &key).await, KeyState::PendingImport);
    assert_eq!(decrypts(&world, &blob).await, "KMSInvalidStateException");
    assert_eq!(
        code(world.kms.enable_key(&call(&root), &key).await),
        "KMSInvalidStateException"
    );
    assert_eq!(
        code(import(&world, &key, &SECOND).await),
        "IncorrectKeyMaterialException"
    );
    let mut named = request(&world, &key, &FIRST).await;
    named.key_material_id = Some("0".repeat(64));
    assert_eq!(
        code(import_with(&world, &key, named.clone()).await),
        "IncorrectKeyMaterialException"
    );
    named.key_material_id = Some(id.clone());
    assert_eq!(
        import_with(&world, &key, named)
            .await
            .unwrap()
            .key_material_id,
        id
    );
    assert_eq!(decrypts(&world, &blob).await, "OK");
    // The same bytes have another id in another key.
    let other = symmetric(&world).await;
    assert_ne!(
        import(&world, &other, &FIRST)
            .await
            .unwrap()
            .key_material_id,
        id
    );
}

#[tokio::test]
async fn a_disabled_key_is_not_enabled_by_an_import_that_changes_its_expiry() {
    let world = World::new().await;
    let (root, key) = (world.root(), symmetric(&world).await);
    import(&world, &key, &FIRST).await.unwrap();
    world.kms.disable_key(&call(&root), &key).await.unwrap();
    import_until(&world, &key, &FIRST, Duration::days(1)).await;
    assert_eq!(state(&world, &key).await, KeyState::Disabled);
}

#[tokio::test]
async fn deletion_of_a_key_without_material_ends_in_waiting_for_it() {
    let world = World::new().await;
    let (root, key) = (world.root(), symmetric(&world).await);
    import(&world, &key, &FIRST).await.unwrap();
    world
        .kms
        .schedule_key_deletion(&call(&root), &key, Some(7))
        .await
        .unwrap();
    delete(&world, &key, None).await.unwrap();
    assert_eq!(state(&world, &key).await, KeyState::PendingDeletion);
    assert_eq!(
        code(parameters(&world, &key, ALGORITHMS[1], SIZES[0]).await),
        "KMSInvalidStateException"
    );
    world
        .kms
        .cancel_key_deletion(&call(&root), &key)
        .await
        .unwrap();
    assert_eq!(state(&world, &key).await, KeyState::PendingImport);
    import(&world, &key, &FIRST).await.unwrap();
    assert_eq!(state(&world, &key).await, KeyState::Enabled);
}

#[tokio::test]
async fn material_expires_on_the_tick_and_is_wiped_afterwards() {
    let world = World::new().await;
    let key = symmetric(&world).await;
    import_until(&world, &key, &FIRST, Duration::days(30)).await;
    let root = world.root();
    let described = world.kms.describe_key(&call(&root), &key).await.unwrap();
    assert_eq!(described.expiration_model, Some(ExpirationModel::Expires));
    assert_eq!(described.valid_to, Some(world.now() + Duration::days(30)));
    let blob = world.encrypt(&root, &key).await.unwrap();
    world.pass(Duration::days(30) - Duration::milliseconds(1));
    assert_eq!(world.kms.rotate_due(world.now()).await, Ok(0));
    assert_eq!(decrypts(&world, &blob).await, "OK");
    world.pass(Duration::milliseconds(1));
    // Nobody has swept yet.
    assert_eq!(decrypts(&world, &blob).await, "KMSInvalidStateException");
    assert_eq!(state(&world, &key).await, KeyState::PendingImport);
    assert_eq!(world.kms.rotate_due(world.now()).await, Ok(1));
    assert_eq!(world.kms.rotate_due(world.now()).await, Ok(0));
    assert_eq!(decrypts(&world, &blob).await, "KMSInvalidStateException");
    let record = world
        .index
        .record("kms/key", &format!("{ACCOUNT}/{key}"))
        .await
        .unwrap()
        .unwrap();
    assert!(!String::from_utf8_lossy(&record.body).contains("wrapped"));
    let records = world.records(ACCOUNT).await;
    let expiry: Vec<_> = records
        .iter()
        .filter(|record| record["eventName"] == "DeleteExpiredKeyMaterial")
        .collect();
    assert_eq!(expiry.len(), 1);
    assert_eq!(expiry[0]["serviceEventDetails"]["keyId"], key.as_str());

    import(&world, &key, &FIRST).await.unwrap();
    assert_eq!(decrypts(&world, &blob).await, "OK");
    let described = world.kms.describe_key(&call(&root), &key).await.unwrap();
    assert_eq!(
        described.expiration_model,
        Some(ExpirationModel::DoesNotExpire)
    );
}

#[tokio::test]
async fn new_material_takes_over_on_demand_and_all_materials_are_needed() {
    let world = World::new().await;
    let (root, key) = (world.root(), symmetric(&world).await);
    let rotate = async || {
        let root = world.root();
        code(world.kms.rotate_key_on_demand(&call(&root), &key).await)
    };
    let first = import(&world, &key, &FIRST).await.unwrap().key_material_id;
    let old = world.encrypt(&root, &key).await.unwrap();
    assert_eq!(rotate().await, "KMSInvalidStateException");
    assert_eq!(
        code(
            world
                .kms
                .enable_key_rotation(&call(&root), &key, None)
                .await
        ),
        "UnsupportedOperationException"
    );
    assert_eq!(
        code(import_new(&world, &key, &FIRST).await),
        "IncorrectKeyMaterialException"
    );

    // What waits for its rotation is not the key's yet, and may be replaced.
    let third = import_new(&world, &key, &[3; 32]).await.unwrap();
    assert_eq!(
        code(import_new(&world, &key, &SECOND).await),
        "KMSInvalidStateException"
    );
    assert_eq!(delete(&world, &key, Some(&third)).await.unwrap(), third);
    assert_eq!(state(&world, &key).await, KeyState::Enabled);
    let second = import_new(&world, &key, &SECOND).await.unwrap();
    let listed = list(&world, &key).await;
    assert_eq!(listed[0].1, KeyMaterialState::Current);
    assert_eq!(
        listed[1],
        (
            second.clone(),
            KeyMaterialState::PendingRotation,
            ImportState::Imported
        )
    );
    assert_eq!(rotate().await, "OK");
    let new = world.encrypt(&root, &key).await.unwrap();
    let made = world
        .kms
        .decrypt(&call(&root), None, &new, &pairs(&[]))
        .await
        .unwrap();
    assert_eq!(made.key_material_id, Some(second.clone()));
    assert_eq!(decrypts(&world, &old).await, "OK");

    // Without the first one the key is incomplete, though the current one is there.
    assert_eq!(delete(&world, &key, Some(&first)).await.unwrap(), first);
    assert_eq!(state(&world, &key).await, KeyState::PendingImport);
    assert_eq!(delete(&world, &key, None).await.unwrap(), second);
    import(&world, &key, &SECOND).await.unwrap();
    assert_eq!(state(&world, &key).await, KeyState::PendingImport);
    assert_eq!(rotate().await, "KMSInvalidStateException");
    let listed = list(&world, &key).await;
    assert_eq!(
        listed[0],
        (
            first,
            KeyMaterialState::NonCurrent,
            ImportState::PendingImport
        )
    );
    assert_eq!(listed[1].1, KeyMaterialState::Current);
    import(&world, &key, &FIRST).await.unwrap();
    assert_eq!(state(&world, &key).await, KeyState::Enabled);
    for blob in [&old, &new] {
        assert_eq!(decrypts(&world, blob).await, "OK");
    }
}

async fn list(world: &World, key: &str) -> Vec<(String, KeyMaterialState, ImportState)> {
    let root = world.root();
    let include = Some("ALL_KEY_MATERIAL");
    let page = world
        .kms
        .list_key_rotations(&call(&root), key, include, PageRequest::default())
        .await
        .unwrap();
    page.items
        .into_iter()
        .map(|item| {
            (
                item.key_material_id,
                item.key_material_state,
                item.import_state.unwrap(),
            )
        })
        .collect()
}

#[tokio::test]
async fn descriptions_stay_until_another_is_given() {
    let world = World::new().await;
    let key = symmetric(&world).await;
    let root = world.root();
    let description = async || {
        let page = PageRequest::default();
        let listed = world
            .kms
            .list_key_rotations(&call(&root), &key, Some("ALL_KEY_MATERIAL"), page)
            .await;
        listed.unwrap().items[0].key_material_description.clone()
    };
    for (given, expected) in [
        (Some("from HSM 1"), "from HSM 1"),
        (None, "from HSM 1"),
        (Some("b"), "b"),
    ] {
        let mut request = request(&world, &key, &FIRST).await;
        request.key_material_description = given.map(str::to_owned);
        import_with(&world, &key, request).await.unwrap();
        assert_eq!(description().await.as_deref(), Some(expected));
    }
}

#[tokio::test]
async fn policies_may_ask_for_algorithm_size_and_expiry() {
    let world = World::new().await;
    let key = symmetric(&world).await;
    let policy = r#"{ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "kms:GetParametersForImport", "Resource": "*", "Condition": { "StringEquals": {
            "kms:WrappingAlgorithm": "RSA_AES_KEY_WRAP_SHA_256", "kms:WrappingKeySpec": "RSA_3072" } } },
        { "Effect": "Allow", "Action": "kms:ImportKeyMaterial", "Resource": "*", "Condition": {
            "StringEquals": { "kms:ExpirationModel": "KEY_MATERIAL_EXPIRES" },
            "DateLessThan": { "kms:ValidTo": "2026-12-01T00:00:00Z" } } } ] }"#;
    let user = world.user("alice", &[policy]);
    let (kms, denied) = (&world.kms, "AccessDeniedException");
    for (algorithm, size, expected) in [
        ("RSA_AES_KEY_WRAP_SHA_256", "RSA_3072", "OK"),
        ("RSA_AES_KEY_WRAP_SHA_256", "RSA_2048", denied),
        ("RSAES_OAEP_SHA_256", "RSA_3072", denied),
    ] {
        let asked = kms
            .get_parameters_for_import(&call(&user), &key, algorithm, size)
            .await;
        assert_eq!(code(asked), expected, "{algorithm} {size}");
    }
    for (days, expected) in [(None, denied), (Some(30), denied), (Some(1), "OK")] {
        let mut request = request(&world, &key, &FIRST).await;
        if let Some(days) = days {
            request.expiration_model = None;
            request.valid_to = Some(world.now() + Duration::days(days));
        }
        let done = kms.import_key_material(&call(&user), &key, request).await;
        assert_eq!(code(done), expected, "{days:?}");
    }
}

#[tokio::test]
async fn the_trail_has_the_parameters_and_no_material() {
    let world = World::new().await;
    let key = symmetric(&world).await;
    let request = request(&world, &key, &FIRST).await;
    let secrets = [
        hex::encode(&request.import_token),
        hex::encode(FIRST),
        hex::encode(&request.encrypted_key_material),
    ];
    let id = import_with(&world, &key, request)
        .await
        .unwrap()
        .key_material_id;
    delete(&world, &key, None).await.unwrap();
    let records = world.records(ACCOUNT).await;
    let find = |name: &str| {
        records
            .iter()
            .find(|record| record["eventName"] == name)
            .unwrap()
    };
    let parameters = find("GetParametersForImport");
    assert_eq!(parameters["readOnly"], true);
    assert_eq!(
        parameters["requestParameters"]["wrappingKeySpec"],
        "RSA_2048"
    );
    let imported = find("ImportKeyMaterial");
    assert_eq!(
        imported["requestParameters"]["expirationModel"],
        "KEY_MATERIAL_DOES_NOT_EXPIRE"
    );
    assert_eq!(imported["responseElements"]["keyMaterialId"], id.as_str());
    assert_eq!(
        find("DeleteImportedKeyMaterial")["responseElements"]["keyMaterialId"],
        id.as_str()
    );
    let text = serde_json::to_string(&records).unwrap();
    for secret in secrets {
        assert!(!text.contains(&secret));
    }
}
