//! What the cryptographic operations do with plaintext, ciphertext and encryption context.

use proptest::prelude::*;
use sealgate_kms::{CryptoOptions, DataKeySize, EncryptionContext, ReEncryptRequest};

use crate::world::{World, call, code, pairs, refusal};

fn dry() -> CryptoOptions {
    CryptoOptions {
        dry_run: true,
        ..Default::default()
    }
}

#[tokio::test]
async fn what_was_encrypted_is_decrypted_with_and_without_the_name_of_the_key() {
    let world = World::new().await;
    let (kms, root) = (&world.kms, world.root());
    let key = world.key().await;
    kms.create_alias(&call(&root), "alias/a", &key)
        .await
        .unwrap();
    let context = pairs(&[("a", "1"), ("b", "2")]);
    let made = kms
        .encrypt(&call(&root), &key, b"secret", &context, &Default::default())
        .await
        .unwrap();
    let arn = crate::world::arn(&key);
    assert_eq!(made.key_arn, arn);
    for name in [
        None,
        Some(key.as_str()),
        Some(arn.as_str()),
        Some("alias/a"),
    ] {
        let opened = kms
            .decrypt(&call(&root), name, &made.ciphertext, &context)
            .await
            .unwrap();
        assert_eq!(opened.plaintext.as_slice(), b"secret");
        assert_eq!(
            (opened.key_arn, opened.key_material_id),
            (arn.clone(), made.key_material_id.clone())
        );
    }
    let again = world.restarted().await;
    let opened = again
        .decrypt(&call(&root), None, &made.ciphertext, &context)
        .await
        .unwrap();
    assert_eq!(opened.plaintext.as_slice(), b"secret");
}

#[tokio::test]
async fn a_context_has_8_kib_at_most() {
    let world = World::new().await;
    let (root, key) = (world.root(), world.key().await);
    let value = "v".repeat(8191);
    for (name, expected) in [("a", "OK"), ("ab", "ValidationException")] {
        let (context, options) = (pairs(&[(name, value.as_str())]), CryptoOptions::default());
        let made = world
            .kms
            .encrypt(&call(&root), &key, b"x", &context, &options)
            .await;
        assert_eq!(code(made), expected);
    }
}

#[tokio::test]
async fn another_context_or_a_damaged_ciphertext_says_nothing_more() {
    let world = World::new().await;
    let (kms, root) = (&world.kms, world.root());
    let key = world.key().await;
    let context = pairs(&[("a", "1")]);
    let blob = kms
        .encrypt(&call(&root), &key, b"secret", &context, &Default::default())
        .await
        .unwrap()
        .ciphertext;
    for other in [
        pairs(&[]),
        pairs(&[("a", "2")]),
        pairs(&[("A", "1")]),
        pairs(&[("a", "1"), ("b", "")]),
    ] {
        let found = refusal(kms.decrypt(&call(&root), None, &blob, &other).await);
        assert_eq!(found, ("InvalidCiphertextException", String::new()));
    }
    for place in 0..blob.len() {
        let mut damaged = blob.clone();
        damaged[place] ^= 1;
        let found = code(
            kms.decrypt(&call(&root), Some(&key), &damaged, &context)
                .await,
        );
        let expected = match place {
            // Another account or key id: the ciphertext of another key. The upper bytes of the account are
            // zero in every one that there can be.
            4..25 => "IncorrectKeyException",
            _ => "InvalidCiphertextException",
        };
        assert_eq!(found, expected, "byte {place}");
    }
    for length in 1..blob.len() {
        let found = code(
            kms.decrypt(&call(&root), Some(&key), &blob[..length], &context)
                .await,
        );
        assert_eq!(found, "InvalidCiphertextException", "{length} bytes");
    }
}

#[tokio::test]
async fn the_wrong_key_is_named_as_such() {
    let world = World::new().await;
    let (kms, root) = (&world.kms, world.root());
    let (key, other) = (world.key().await, world.key().await);
    let blob = world.encrypt(&root, &key).await.unwrap();
    let found = refusal(
        kms.decrypt(&call(&root), Some(&other), &blob, &pairs(&[]))
            .await,
    );
    assert_eq!(
        found,
        (
            "IncorrectKeyException",
            "The key ID in the request does not identify a CMK that can perform this operation."
                .to_owned()
        )
    );
}

#[tokio::test]
async fn sizes_are_checked_in_the_words_of_aws() {
    let world = World::new().await;
    let (kms, root) = (&world.kms, world.root());
    let (context, options) = (pairs(&[]), CryptoOptions::default());
    let key = world.key().await;
    let most = vec![1; 4096];
    let blob = kms
        .encrypt(&call(&root), &key, &most, &context, &options)
        .await
        .unwrap()
        .ciphertext;
    assert!(blob.len() <= 6144);
    let opened = kms
        .decrypt(&call(&root), None, &blob, &context)
        .await
        .unwrap();
    assert_eq!(opened.plaintext.as_slice(), most);
    let found = refusal(
        kms.encrypt(&call(&root), &key, &[1; 4097], &context, &options)
            .await,
    );
    assert_eq!(
        found,
        (
            "ValidationException",
            "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member must \
             have length less than or equal to 4096"
                .to_owned()
        )
    );
    assert_eq!(
        code(
            kms.encrypt(&call(&root), &key, &[], &context, &options)
                .await
        ),
        "ValidationException"
    );
    for blob in [vec![], vec![1; 6145]] {
        assert_eq!(
            code(kms.decrypt(&call(&root), None, &blob, &context).await),
            "ValidationException"
        );
    }
}

#[tokio::test]
async fn a_data_key_has_the_size_that_is_asked_for() {
    let world = World::new().await;
    let (kms, root) = (&world.kms, world.root());
    let (context, options) = (pairs(&[("a", "1")]), CryptoOptions::default());
    let key = world.key().await;
    let spec = |spec: &str| DataKeySize {
        key_spec: Some(spec.to_owned()),
        number_of_bytes: None,
    };
    for (size, bytes) in [
        (spec("AES_256"), 32),
        (spec("AES_128"), 16),
        (DataKeySize::bytes(1), 1),
        (DataKeySize::bytes(1024), 1024),
    ] {
        let made = kms
            .generate_data_key_with(&call(&root), &key, &context, &size, &options)
            .await
            .unwrap();
        assert_eq!(made.plaintext.len(), bytes);
        let opened = kms
            .decrypt(&call(&root), None, &made.ciphertext, &context)
            .await
            .unwrap();
        assert_eq!(opened.plaintext, made.plaintext);
        let sealed = kms
            .generate_data_key_without_plaintext(&call(&root), &key, &context, &size, &options)
            .await
            .unwrap();
        let opened = kms
            .decrypt(&call(&root), None, &sealed.ciphertext, &context)
            .await
            .unwrap();
        assert_eq!(opened.plaintext.len(), bytes);
    }
    let both = DataKeySize {
        key_spec: Some("AES_256".to_owned()),
        number_of_bytes: Some(32),
    };
    for size in [
        DataKeySize::default(),
        both,
        spec("AES_512"),
        DataKeySize::bytes(0),
        DataKeySize::bytes(1025),
        DataKeySize {
            key_spec: None,
            number_of_bytes: Some(-1),
        },
    ] {
        let found = kms
            .generate_data_key_with(&call(&root), &key, &context, &size, &options)
            .await;
        assert_eq!(code(found), "ValidationException", "{size:?}");
    }
}

#[tokio::test]
async fn random_bytes_come_in_the_number_that_is_asked_for() {
    let world = World::new().await;
    let (kms, root) = (&world.kms, world.root());
    assert_eq!(
        kms.generate_random(&call(&root), Some(1024), None)
            .await
            .unwrap()
            .len(),
        1024
    );
    for bytes in [None, Some(0), Some(1025), Some(i64::MIN)] {
        assert_eq!(
            code(kms.generate_random(&call(&root), bytes, None).await),
            "ValidationException"
        );
    }
}

#[tokio::test]
async fn re_encrypt_changes_key_and_context() {
    let world = World::new().await;
    let (kms, root) = (&world.kms, world.root());
    let (from, to) = (world.key().await, world.key().await);
    let (old, new) = (pairs(&[("a", "1")]), pairs(&[("b", "2")]));
    let options = CryptoOptions::default();
    let blob = kms
        .encrypt(&call(&root), &from, b"secret", &old, &options)
        .await
        .unwrap()
        .ciphertext;
    let request = ReEncryptRequest {
        ciphertext: blob,
        source_context: old.clone(),
        destination_key_id: to.clone(),
        destination_context: new.clone(),
        ..Default::default()
    };
    let made = kms.re_encrypt(&call(&root), request.clone()).await.unwrap();
    assert_eq!(made.source_key_arn, crate::world::arn(&from));
    assert_eq!(made.key_arn, crate::world::arn(&to));
    let opened = kms
        .decrypt(&call(&root), Some(&to), &made.ciphertext, &new)
        .await
        .unwrap();
    assert_eq!(opened.plaintext.as_slice(), b"secret");

    let wrong_context = ReEncryptRequest {
        source_context: new,
        ..request.clone()
    };
    assert_eq!(
        code(kms.re_encrypt(&call(&root), wrong_context).await),
        "InvalidCiphertextException"
    );
    let wrong_key = ReEncryptRequest {
        source_key_id: Some(to),
        ..request.clone()
    };
    assert_eq!(
        code(kms.re_encrypt(&call(&root), wrong_key).await),
        "IncorrectKeyException"
    );
    let dry = ReEncryptRequest {
        dry_run: true,
        ..request
    };
    assert_eq!(
        code(kms.re_encrypt(&call(&root), dry).await),
        "DryRunOperationException"
    );
}

#[tokio::test]
async fn a_dry_run_checks_everything_and_does_nothing() {
    let world = World::new().await;
    let (kms, root) = (&world.kms, world.root());
    let context = pairs(&[]);
    let key = world.key().await;
    let size = DataKeySize::bytes(32);
    let blob = world.encrypt(&root, &key).await.unwrap();
    let nobody = world.user("nobody", &[]);
    for (caller, expected) in [
        (&root, "DryRunOperationException"),
        (&nobody, "AccessDeniedException"),
    ] {
        let call = call(caller);
        let found = [
            code(kms.encrypt(&call, &key, b"x", &context, &dry()).await),
            code(kms.decrypt_with(&call, None, &blob, &context, &dry()).await),
            code(
                kms.generate_data_key_with(&call, &key, &context, &size, &dry())
                    .await,
            ),
            code(
                kms.generate_data_key_without_plaintext(&call, &key, &context, &size, &dry())
                    .await,
            ),
        ];
        assert_eq!(found, [expected; 4]);
    }
}

#[tokio::test]
async fn options_are_checked() {
    let world = World::new().await;
    let (kms, root) = (&world.kms, world.root());
    let key = world.key().await;
    let tokens = |count: usize| CryptoOptions {
        grant_tokens: vec!["token".to_owned(); count],
        ..Default::default()
    };
    let algorithm = |name: &str| CryptoOptions {
        encryption_algorithm: Some(name.to_owned()),
        ..Default::default()
    };
    for (options, expected) in [
        (tokens(10), "InvalidGrantTokenException"),
        (tokens(11), "ValidationException"),
        (algorithm("SYMMETRIC_DEFAULT"), "OK"),
        (algorithm("RSAES_OAEP_SHA_256"), "InvalidKeyUsageException"),
        (algorithm("ROT13"), "ValidationException"),
    ] {
        let found = kms
            .encrypt(&call(&root), &key, b"x", &pairs(&[]), &options)
            .await;
        assert_eq!(code(found), expected, "{options:?}");
    }
}

#[tokio::test]
async fn context_keys_that_differ_only_in_case_are_refused() {
    // A policy condition cannot tell them apart, so the second could pass for the first.
    let world = World::new().await;
    let root = world.root();
    let key = world.key().await;
    let context = pairs(&[("aws:s3:arn", "mine"), ("AWS:S3:ARN", "yours")]);
    let made = world
        .kms
        .generate_data_key(&call(&root), &key, &context, 32)
        .await;
    assert_eq!(code(made), "ValidationException");
}

#[test]
fn arbitrary_bytes_never_open_and_never_panic() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let world = runtime.block_on(World::new());
    let root = world.root();
    let key = runtime.block_on(world.key());
    let blob = runtime.block_on(world.encrypt(&root, &key)).unwrap();
    let mut config = ProptestConfig::with_cases(300);
    config.failure_persistence = None;
    proptest!(config, |(bytes in prop::collection::vec(any::<u8>(), 0..200), keep in 0usize..30, named: bool)| {
        let mut bytes = bytes;
        let keep = keep.min(bytes.len());
        bytes[..keep].copy_from_slice(&blob[..keep]);
        let name = named.then_some(key.as_str());
        let found = runtime.block_on(world.kms.decrypt(&call(&root), name, &bytes, &EncryptionContext::new()));
        prop_assert!(found.is_err());
        prop_assert_ne!(found.err().unwrap().status(), 500);
    });
}
