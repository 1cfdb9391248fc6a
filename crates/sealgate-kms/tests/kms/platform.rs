//! Platform keys.

use proptest::prelude::*;
use sealgate_kms::{Kms, Root, RootKey};
use sealgate_trust::{RootConfig, Secrets, Source};

use crate::world::{REGION, World, code};

#[tokio::test]
async fn a_wrapping_opens_for_its_purpose_and_data_and_after_a_rotation_and_a_restart() {
    let world = World::new().await;
    let old = world
        .kms
        .platform_wrap("sse-s3", b"object", b"data key")
        .unwrap();
    assert_eq!(world.kms.rotate_platform_key().await, Ok(2));
    let new = world
        .kms
        .platform_wrap("sse-s3", b"object", b"data key")
        .unwrap();
    assert_eq!(
        (&old[..5], &new[..5]),
        (&[1, 0, 0, 0, 1][..], &[1, 0, 0, 0, 2][..])
    );
    for kms in [world.kms.clone(), world.restarted().await] {
        for wrapped in [&old, &new] {
            let opened = kms.platform_unwrap("sse-s3", b"object", wrapped).unwrap();
            assert_eq!(opened.as_slice(), b"data key");
            for (purpose, aad) in [("other", &b"object"[..]), ("sse-s3", b"other")] {
                let found = kms.platform_unwrap(purpose, aad, wrapped);
                assert_eq!(code(found), "InvalidCiphertextException");
            }
        }
        assert_eq!(
            kms.platform_wrap("p", b"", b"").unwrap()[..5],
            [1, 0, 0, 0, 2]
        );
    }
}

#[tokio::test]
async fn the_wrong_root_key_is_found_out_at_the_start() {
    let world = World::new().await;
    let other = Root::fixed(RootKey::from_bytes([8; 32]));
    let found = Kms::open(
        world.index.clone(),
        world.trail.clone(),
        &other,
        REGION.to_owned(),
    )
    .await;
    let error = found.err().unwrap();
    assert_eq!(error.status(), 500);
    assert!(error.to_string().contains("root key"), "{error}");
}

#[tokio::test]
async fn without_the_root_nothing_opens_and_with_it_again_everything_does() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let secrets = Secrets::new(|_| Some("07".repeat(32)));
    let config = RootConfig::new(Some(Source::parse("env:KEY").unwrap()), secrets);
    let root = Root::open(&config, folder.path(), true).await.unwrap();
    let (index, trail) = (world.index.clone(), world.trail.clone());
    let kms = Kms::open(index, trail, &root, REGION.to_owned())
        .await
        .unwrap();
    let wrapped = kms.platform_wrap("p", b"", b"secret").unwrap();
    root.lose("the token was pulled");
    let refused = kms.platform_unwrap("p", b"", &wrapped).err().unwrap();
    assert_eq!(
        (refused.code(), refused.status()),
        ("KeyUnavailableException", 500)
    );
    assert!(refused.to_string().contains("the token was pulled"));
    assert!(!refused.message().contains("the token was pulled"));
    assert!(kms.platform_wrap("p", b"", b"secret").is_err());
    assert!(kms.rotate_platform_key().await.is_err());
    root.check().await.unwrap();
    let opened = kms.platform_unwrap("p", b"", &wrapped).unwrap();
    assert_eq!(opened.as_slice(), b"secret");
}

#[test]
fn arbitrary_bytes_never_unwrap_and_never_panic() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let world = runtime.block_on(World::new());
    let good = world.kms.platform_wrap("p", b"", b"secret").unwrap();
    let mut config = ProptestConfig::with_cases(2000);
    config.failure_persistence = None;
    proptest!(config, |(bytes in prop::collection::vec(any::<u8>(), 0..80), keep in 0usize..40)| {
        let mut bytes = bytes;
        let keep = keep.min(bytes.len());
        bytes[..keep].copy_from_slice(&good[..keep]);
        prop_assert!(world.kms.platform_unwrap("p", b"", &bytes).is_err());
    });
}
