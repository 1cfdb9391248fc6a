//! Rotation: by itself, on demand, listed; and what was encrypted before.

use sealgate_index::{Expect, RecordWrite};
use sealgate_kms::{CreateKeyRequest, KeyMaterialState, Kms, KmsError, PageRequest, RotationType};
use time::Duration;

use crate::world::{ACCOUNT, World, arn, call, code, pairs, refusal};

/// The material that a ciphertext was made with.
async fn made_with(world: &World, blob: &[u8]) -> String {
    let root = world.root();
    let opened = world
        .kms
        .decrypt(&call(&root), None, blob, &pairs(&[]))
        .await
        .unwrap();
    assert_eq!(opened.plaintext.as_slice(), b"attack at dawn");
    opened.key_material_id.unwrap()
}

async fn enable(world: &World, key: &str, days: Option<i64>) -> Result<(), KmsError> {
    let root = world.root();
    world.kms.enable_key_rotation(&call(&root), key, days).await
}

async fn on_demand(world: &World, key: &str) -> Result<String, KmsError> {
    let root = world.root();
    world.kms.rotate_key_on_demand(&call(&root), key).await
}

/// `KeyRotationEnabled`, the period, and the days until the next rotation.
async fn status(world: &World, key: &str) -> (bool, Option<u16>, Option<i64>) {
    let root = world.root();
    let status = world
        .kms
        .get_key_rotation_status(&call(&root), key)
        .await
        .unwrap();
    assert_eq!(status.key_arn, arn(key));
    let next = status
        .next_rotation_date
        .map(|next| (next - world.now()).whole_days());
    (status.enabled, status.rotation_period_in_days, next)
}

async fn due(world: &World) -> usize {
    world.kms.rotate_due(world.now()).await.unwrap()
}

#[tokio::test]
async fn keys_rotate_at_their_time_and_whatever_was_encrypted_before_still_opens() {
    let world = World::new().await;
    let (root, key) = (world.root(), world.key().await);
    assert_eq!(status(&world, &key).await, (false, None, None));
    enable(&world, &key, Some(90)).await.unwrap();
    assert_eq!(status(&world, &key).await, (true, Some(90), Some(90)));

    let mut blobs = vec![world.encrypt(&root, &key).await.unwrap()];
    for _ in 0..3 {
        world.pass(Duration::days(90) - Duration::milliseconds(1));
        assert_eq!(due(&world).await, 0);
        world.pass(Duration::milliseconds(1));
        assert_eq!(due(&world).await, 1);
        assert_eq!(due(&world).await, 0);
        blobs.push(world.encrypt(&root, &key).await.unwrap());
    }
    assert_eq!(status(&world, &key).await, (true, Some(90), Some(90)));
    let mut materials = Vec::new();
    for blob in &blobs {
        materials.push(made_with(&world, blob).await);
    }
    let distinct: std::collections::BTreeSet<_> = materials.iter().collect();
    assert_eq!(distinct.len(), 4);
    let described = world.kms.describe_key(&call(&root), &key).await.unwrap();
    assert_eq!(described.current_key_material_id.as_ref(), materials.last());

    // After a restart, too.
    let again = world.restarted().await;
    for blob in &blobs {
        again
            .decrypt(&call(&root), None, blob, &pairs(&[]))
            .await
            .unwrap();
    }

    let records = world.records(ACCOUNT).await;
    let rotations: Vec<_> = records
        .iter()
        .filter(|r| r["eventName"] == "RotateKey")
        .collect();
    assert_eq!(rotations.len(), 3);
    assert_eq!(rotations[0]["eventType"], "AwsServiceEvent");
    assert_eq!(rotations[0]["userIdentity"]["invokedBy"], "AWS Internal");
    let details = &rotations[0]["serviceEventDetails"];
    assert_eq!(details["rotationType"], "AUTOMATIC");
    assert_eq!(details["keyId"], key.as_str());
    assert_eq!(details["previousKeyMaterialId"], materials[0].as_str());
    assert_eq!(details["currentKeyMaterialId"], materials[1].as_str());
}

#[tokio::test]
async fn two_processes_rotate_a_key_once() {
    let world = World::new().await;
    let key = world.key().await;
    enable(&world, &key, Some(90)).await.unwrap();
    world.pass(Duration::days(90));
    let other = world.restarted().await;
    let (one, two) = tokio::join!(
        world.kms.rotate_due(world.now()),
        other.rotate_due(world.now())
    );
    assert_eq!(one.unwrap() + two.unwrap(), 1);
    assert_eq!(rotations(&world.kms, &world, &key, None).await.len(), 1);
}

#[tokio::test]
async fn a_key_that_rests_is_rotated_when_it_is_enabled_again() {
    let world = World::new().await;
    let (root, key) = (world.root(), world.key().await);
    enable(&world, &key, Some(90)).await.unwrap();
    world.kms.disable_key(&call(&root), &key).await.unwrap();
    world.pass(Duration::days(200));
    assert_eq!(due(&world).await, 0);
    assert!(status(&world, &key).await.0);
    let root = world.root();
    world.kms.enable_key(&call(&root), &key).await.unwrap();
    assert_eq!(due(&world).await, 1);
    // Two periods were missed; they are not made up for.
    assert_eq!(status(&world, &key).await, (true, Some(90), Some(90)));
    assert_eq!(due(&world).await, 0);

    world
        .kms
        .schedule_key_deletion(&call(&root), &key, Some(7))
        .await
        .unwrap();
    assert_eq!(status(&world, &key).await, (false, None, None));
    world
        .kms
        .cancel_key_deletion(&call(&root), &key)
        .await
        .unwrap();
    assert!(status(&world, &key).await.0);
}

#[tokio::test]
async fn the_period_is_checked_and_asking_again_does_not_put_the_rotation_off() {
    let world = World::new().await;
    let (root, key) = (world.root(), world.key().await);
    for (days, expected) in [
        (89, "ValidationException"),
        (2561, "ValidationException"),
        (2560, "OK"),
    ] {
        assert_eq!(
            code(enable(&world, &key, Some(days)).await),
            expected,
            "{days}"
        );
    }
    enable(&world, &key, None).await.unwrap();
    assert_eq!(status(&world, &key).await, (true, Some(365), Some(365)));
    world.pass(Duration::days(100));
    enable(&world, &key, Some(365)).await.unwrap();
    assert_eq!(status(&world, &key).await, (true, Some(365), Some(265)));
    enable(&world, &key, Some(180)).await.unwrap();
    assert_eq!(status(&world, &key).await, (true, Some(180), Some(180)));
    world
        .kms
        .disable_key_rotation(&call(&root), &key)
        .await
        .unwrap();
    assert_eq!(status(&world, &key).await, (false, None, None));
    world.pass(Duration::days(1000));
    assert_eq!(due(&world).await, 0);
}

#[tokio::test]
async fn the_period_is_a_condition_of_policies() {
    let world = World::new().await;
    let key = world.key().await;
    let policy = r#"{ "Version": "2012-10-17", "Statement": [ { "Effect": "Allow",
        "Action": "kms:EnableKeyRotation", "Resource": "*",
        "Condition": { "NumericLessThanEquals": { "kms:RotationPeriodInDays": "180" } } } ] }"#;
    let user = world.user("alice", &[policy]);
    for (days, expected) in [
        (Some(180), "OK"),
        (Some(181), "AccessDeniedException"),
        (None, "AccessDeniedException"),
    ] {
        let done = world
            .kms
            .enable_key_rotation(&call(&user), &key, days)
            .await;
        assert_eq!(code(done), expected, "{days:?}");
    }
}

#[tokio::test]
async fn rotations_on_demand_are_limited_and_leave_the_schedule() {
    let world = World::new().await;
    let (root, key) = (world.root(), world.key().await);
    enable(&world, &key, Some(90)).await.unwrap();
    world.pass(Duration::days(10));
    let before = world.encrypt(&root, &key).await.unwrap();
    for _ in 0..25 {
        assert_eq!(on_demand(&world, &key).await.unwrap(), arn(&key));
    }
    assert_eq!(status(&world, &key).await, (true, Some(90), Some(80)));
    assert_eq!(
        code(on_demand(&world, &key).await),
        "LimitExceededException"
    );
    let after = world.encrypt(&root, &key).await.unwrap();
    assert_ne!(
        made_with(&world, &before).await,
        made_with(&world, &after).await
    );

    let other = world.key().await;
    enable(&world, &other, Some(90)).await.unwrap();
    world.pass(Duration::days(90) - Duration::minutes(20));
    let refused = refusal(on_demand(&world, &other).await);
    assert_eq!(refused.0, "ConflictException");
    world.pass(Duration::minutes(20));
    assert_eq!(due(&world).await, 2);
    on_demand(&world, &other).await.unwrap();
}

async fn rotations(
    kms: &Kms,
    world: &World,
    key: &str,
    include: Option<&str>,
) -> Vec<sealgate_kms::KeyRotation> {
    let root = world.root();
    let (mut items, mut marker) = (Vec::new(), None);
    loop {
        let page = PageRequest {
            limit: Some(2),
            marker,
        };
        let page = kms
            .list_key_rotations(&call(&root), key, include, page)
            .await
            .unwrap();
        assert!(page.items.len() <= 2);
        items.extend(page.items);
        marker = page.next_marker;
        if marker.is_none() {
            return items;
        }
    }
}

#[tokio::test]
async fn rotations_are_listed_by_pages_with_or_without_the_first_material() {
    let world = World::new().await;
    let key = world.key().await;
    enable(&world, &key, Some(90)).await.unwrap();
    for _ in 0..3 {
        on_demand(&world, &key).await.unwrap();
    }
    world.pass(Duration::days(90));
    due(&world).await;
    let listed = rotations(&world.kms, &world, &key, None).await;
    let kinds: Vec<_> = listed
        .iter()
        .map(|rotation| rotation.rotation_type.unwrap())
        .collect();
    use RotationType::{Automatic, OnDemand};
    assert_eq!(kinds, [OnDemand, OnDemand, OnDemand, Automatic]);
    assert_eq!(listed[3].rotation_date, Some(world.now()));
    assert_eq!(listed[3].key_material_state, KeyMaterialState::Current);
    assert_eq!(listed[2].key_material_state, KeyMaterialState::NonCurrent);
    assert_eq!(listed[0].import_state, None);
    assert_eq!(listed[0].key_id, key);
    assert_eq!(listed[0].key_material_id.len(), 64);

    let all = rotations(&world.kms, &world, &key, Some("ALL_KEY_MATERIAL")).await;
    assert_eq!(all.len(), 5);
    assert_eq!((all[0].rotation_date, all[0].rotation_type), (None, None));
    assert_eq!(all[1..], listed[..]);

    let root = world.root();
    let listed = world
        .kms
        .list_key_rotations(&call(&root), &key, Some("SOME"), PageRequest::default())
        .await;
    assert_eq!(code(listed), "ValidationException");
    let page = PageRequest {
        limit: None,
        marker: Some("x".to_owned()),
    };
    let listed = world
        .kms
        .list_key_rotations(&call(&root), &key, None, page)
        .await;
    assert_eq!(code(listed), "InvalidMarkerException");
}

#[tokio::test]
async fn only_symmetric_keys_made_here_rotate() {
    let world = World::new().await;
    let root = world.root();
    let call = call(&root);
    for (spec, usage) in [
        ("HMAC_256", "GENERATE_VERIFY_MAC"),
        ("ECC_NIST_P256", "SIGN_VERIFY"),
    ] {
        let key = world
            .key_with(CreateKeyRequest {
                key_spec: Some(spec.to_owned()),
                key_usage: Some(usage.to_owned()),
                ..Default::default()
            })
            .await;
        let kms = &world.kms;
        let page = PageRequest::default();
        let codes = [
            code(kms.enable_key_rotation(&call, &key, None).await),
            code(kms.disable_key_rotation(&call, &key).await),
            code(kms.get_key_rotation_status(&call, &key).await),
            code(kms.rotate_key_on_demand(&call, &key).await),
            code(kms.list_key_rotations(&call, &key, None, page).await),
        ];
        assert_eq!(codes, ["UnsupportedOperationException"; 5], "{spec}");
    }
}

#[tokio::test]
async fn the_aws_managed_key_rotates_every_year_and_its_rotation_cannot_be_changed() {
    let world = World::new().await;
    let key = world.kms.aws_managed_key(ACCOUNT, "s3").await.unwrap();
    let root = world.root();
    let made = world
        .kms
        .describe_key(&call(&root), &key)
        .await
        .unwrap()
        .created;
    let status = world
        .kms
        .get_key_rotation_status(&call(&root), &key)
        .await
        .unwrap();
    assert!(status.enabled);
    assert_eq!(status.next_rotation_date, Some(made + Duration::days(365)));
    for done in [
        world
            .kms
            .enable_key_rotation(&call(&root), &key, Some(90))
            .await,
        world.kms.disable_key_rotation(&call(&root), &key).await,
        world
            .kms
            .rotate_key_on_demand(&call(&root), &key)
            .await
            .map(drop),
    ] {
        assert_eq!(code(done), "AccessDeniedException");
    }
    for year in 1..=2 {
        let at = made + Duration::days(365 * year);
        assert_eq!(
            world.kms.rotate_due(at - Duration::milliseconds(1)).await,
            Ok(0)
        );
        assert_eq!(world.kms.rotate_due(at).await, Ok(1));
    }
    assert_eq!(rotations(&world.kms, &world, &key, None).await.len(), 2);
}

#[tokio::test]
async fn keys_of_data_folders_without_a_list_of_times_are_put_there() {
    let world = World::new().await;
    let key = world.key().await;
    enable(&world, &key, Some(90)).await.unwrap();
    let times = world
        .index
        .records("kms/timer", "", None, 10)
        .await
        .unwrap();
    assert_eq!(times.len(), 1);
    let gone = RecordWrite {
        ns: "kms/timer".to_owned(),
        id: times[0].id.clone(),
        expect: Expect::Any,
        body: None,
    };
    world.index.write_records(vec![gone]).await.unwrap();
    world.pass(Duration::days(90));
    let again = world.restarted().await;
    assert_eq!(again.rotate_due(world.now()).await, Ok(1));
    // The list has one line for the key, and none after its end.
    let times = world
        .index
        .records("kms/timer", "", None, 10)
        .await
        .unwrap();
    assert_eq!(times.len(), 1);
    let root = world.root();
    world
        .kms
        .schedule_key_deletion(&call(&root), &key, Some(7))
        .await
        .unwrap();
    let times = world
        .index
        .records("kms/timer", "", None, 10)
        .await
        .unwrap();
    assert_eq!(times.len(), 0);
}

#[tokio::test]
async fn the_platform_key_rotates_after_a_year() {
    let world = World::new().await;
    let now = time::OffsetDateTime::now_utc();
    let wrapped = world.kms.platform_wrap("p", b"", b"secret").unwrap();
    let kms = &world.kms;
    assert_eq!(
        kms.rotate_platform_if_due(now + Duration::days(364)).await,
        Ok(None)
    );
    assert_eq!(
        kms.rotate_platform_if_due(now + Duration::days(366)).await,
        Ok(Some(2))
    );
    assert_eq!(
        kms.platform_wrap("p", b"", b"x").unwrap()[..5],
        [1, 0, 0, 0, 2]
    );
    assert_eq!(
        kms.platform_unwrap("p", b"", &wrapped).unwrap().as_slice(),
        b"secret"
    );
    // It is the age of the newest that counts.
    assert_eq!(
        kms.rotate_platform_if_due(now + Duration::days(100)).await,
        Ok(None)
    );
}
