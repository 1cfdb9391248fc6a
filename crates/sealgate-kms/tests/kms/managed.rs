//! `aws/s3`, the key that the gateway manages.

use sealgate_kms::{KeyManager, PutKeyPolicyRequest};

use crate::world::{ACCOUNT, ALL, OTHER, World, call, code, pairs, through_s3};

#[tokio::test]
async fn the_key_is_made_on_first_use_and_once() {
    let world = World::new().await;
    let attempts: Vec<_> = (0..8)
        .map(|_| {
            let kms = world.kms.clone();
            tokio::spawn(async move { kms.aws_managed_key(ACCOUNT, "s3").await.unwrap() })
        })
        .collect();
    let mut arns = Vec::new();
    for attempt in attempts {
        arns.push(attempt.await.unwrap());
    }
    arns.dedup();
    assert_eq!(arns.len(), 1);
    let info = world.kms.resolve(ACCOUNT, "alias/aws/s3").await.unwrap();
    assert_eq!(
        (info.arn.as_str(), info.manager),
        (arns[0].as_str(), KeyManager::Aws)
    );
    assert_ne!(
        world.kms.aws_managed_key(OTHER, "s3").await.unwrap(),
        arns[0]
    );
    assert_eq!(
        code(world.kms.aws_managed_key(ACCOUNT, "ebs").await),
        "UnsupportedOperationException"
    );
    let made = world.records(ACCOUNT).await;
    assert_eq!(
        made.iter()
            .filter(|record| record["eventName"] == "CreateKey")
            .count(),
        1
    );
}

#[tokio::test]
async fn naming_the_alias_makes_the_key_too() {
    let world = World::new().await;
    let found = world
        .kms
        .describe_key(&call(&world.root()), "alias/aws/s3")
        .await
        .unwrap();
    assert_eq!(found.manager, KeyManager::Aws);
}

#[tokio::test]
async fn whoever_uses_s3_in_the_account_uses_the_key_through_s3_and_not_otherwise() {
    let world = World::new().await;
    let arn = world.kms.aws_managed_key(ACCOUNT, "s3").await.unwrap();
    let nobody = world.user("nobody", &[]);
    let context = pairs(&[("aws:s3:arn", "arn:aws:s3:::b/k")]);
    let made = world
        .kms
        .generate_data_key(&through_s3(&nobody), &arn, &context, 32)
        .await
        .unwrap();
    let opened = world
        .kms
        .decrypt(&through_s3(&nobody), Some(&arn), &made.ciphertext, &context)
        .await;
    assert_eq!(opened.unwrap().plaintext, made.plaintext);
    let root = world.root();
    let direct = world
        .kms
        .decrypt(&call(&root), Some(&arn), &made.ciphertext, &context)
        .await;
    assert_eq!(code(direct), "AccessDeniedException");
    let stranger = world.user_of(OTHER, "mallory", &[ALL]);
    let foreign = world
        .kms
        .generate_data_key(&through_s3(&stranger), &arn, &context, 32)
        .await;
    assert_eq!(code(foreign), "AccessDeniedException");
}

#[tokio::test]
async fn the_account_may_look_at_it_and_change_nothing() {
    let world = World::new().await;
    let arn = world.kms.aws_managed_key(ACCOUNT, "s3").await.unwrap();
    let root = world.root();
    let (kms, call) = (&world.kms, call(&root));
    assert_eq!(code(kms.describe_key(&call, &arn).await), "OK");
    assert_eq!(code(kms.get_key_policy(&call, &arn, None).await), "OK");
    let policy = ALL.replace("\"Action\"", "\"Principal\": \"*\", \"Action\"");
    let put = PutKeyPolicyRequest {
        policy,
        ..Default::default()
    };
    for found in [
        code(kms.disable_key(&call, &arn).await),
        code(kms.schedule_key_deletion(&call, &arn, Some(7)).await),
        code(kms.put_key_policy(&call, &arn, put).await),
        code(kms.create_alias(&call, "alias/mine", &arn).await),
        code(kms.update_key_description(&call, &arn, "mine").await),
        code(kms.tag_resource(&call, &arn, Vec::new()).await),
    ] {
        assert_eq!(found, "AccessDeniedException");
    }
    let key = world.key().await;
    assert_eq!(
        code(kms.update_alias(&call, "alias/aws/s3", &key).await),
        "NotAuthorizedException"
    );
    assert_eq!(
        code(kms.delete_alias(&call, "alias/aws/s3").await),
        "NotAuthorizedException"
    );
}
