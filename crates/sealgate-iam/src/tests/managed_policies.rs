//! Managed policies: versions, attachment, boundaries, and what keeps them from being deleted.

use super::*;
use crate::{
    EntityFilter, HolderKind, IamError, ManagedPolicy, NewPolicy, Paging, PolicyArn, PolicyFilter,
    PolicyScope, PolicyUsage,
};

const ADMIN: &str = "arn:aws:iam::aws:policy/AdministratorAccess";

fn arn(text: &str) -> PolicyArn {
    PolicyArn::parse(text).unwrap()
}

async fn make(world: &World, name: &str) -> (ManagedPolicy, PolicyArn) {
    let made = world
        .iam
        .create_policy(
            ACCOUNT,
            &NewPolicy {
                name: policy(name),
                path: EntityPath::parse("/team/").unwrap(),
                document: ALLOW_ALL.into(),
                description: Some("all".into()),
                tags: crate::Tags::new(),
            },
        )
        .await
        .unwrap();
    let arn = arn(&made.arn);
    (made, arn)
}

#[tokio::test]
async fn a_policy_has_five_versions_at_most_and_one_in_force() {
    let world = World::new().await;
    let iam = &world.iam;
    let (made, arn) = make(&world, "p").await;
    assert_eq!(made.arn, "arn:aws:iam::111111111111:policy/team/p");
    for number in 2..=5 {
        let version = iam
            .create_policy_version(ACCOUNT, &arn, ALLOW_ALL, number == 3)
            .await
            .unwrap();
        assert_eq!((version.number, version.is_default), (number, number == 3));
    }
    let sixth = iam.create_policy_version(ACCOUNT, &arn, ALLOW_ALL, false).await;
    assert_eq!(sixth.unwrap_err().code(), "LimitExceeded");
    let default = iam.delete_policy_version(ACCOUNT, &arn, 3).await;
    assert_eq!(
        default.unwrap_err(),
        IamError::DeleteConflict("Cannot delete the default version of a policy.".into())
    );
    iam.delete_policy_version(ACCOUNT, &arn, 5).await.unwrap();
    // Numbers are not given twice.
    let next = iam
        .create_policy_version(ACCOUNT, &arn, ALLOW_ALL, false)
        .await
        .unwrap();
    assert_eq!(next.number, 6);
    let page = iam
        .list_policy_versions(ACCOUNT, &arn, &Paging::default())
        .await
        .unwrap();
    let numbers: Vec<_> = page.items.iter().map(|version| version.number).collect();
    assert_eq!(numbers, [6, 4, 3, 2, 1]);
    assert_eq!(iam.delete_policy(ACCOUNT, &arn).await.unwrap_err().code(), "DeleteConflict");
    iam.set_default_policy_version(ACCOUNT, &arn, 1).await.unwrap();
    for number in [6, 4, 3, 2] {
        iam.delete_policy_version(ACCOUNT, &arn, number).await.unwrap();
    }
    let missing = iam.policy_version(ACCOUNT, &arn, 2).await;
    assert_eq!(missing.unwrap_err().code(), "NoSuchEntity");
    iam.delete_policy(ACCOUNT, &arn).await.unwrap();
    assert_eq!(iam.get_policy(ACCOUNT, &arn).await.unwrap_err().code(), "NoSuchEntity");
}

#[tokio::test]
async fn a_policy_in_use_is_not_deleted() {
    let world = World::new().await;
    let iam = &world.iam;
    world.user("alice").await;
    let (_, policy) = make(&world, "p").await;
    let alice = user("alice");
    for _ in 0..2 {
        iam.attach_policy(ACCOUNT, &alice, &policy).await.unwrap();
    }
    iam.put_boundary(ACCOUNT, &alice, &policy).await.unwrap();
    let used = iam.get_policy(ACCOUNT, &policy).await.unwrap();
    assert_eq!((used.attachments, used.boundaries), (1, 1));
    let filter = |usage| EntityFilter {
        kind: Some(HolderKind::User),
        path_prefix: "/".into(),
        usage,
    };
    for usage in [None, Some(PolicyUsage::Boundary), Some(PolicyUsage::Permissions)] {
        let entities = iam
            .entities_for_policy(ACCOUNT, &policy, &filter(usage), &Paging::default())
            .await
            .unwrap();
        assert_eq!(entities.items.len(), 1);
        assert_eq!(entities.items[0].name, "alice");
    }
    // A new name takes the relations along.
    iam.update_user(ACCOUNT, &name("alice"), Some(&name("carol")), None)
        .await
        .unwrap();
    let carol = user("carol");
    assert_eq!(iam.delete_policy(ACCOUNT, &policy).await.unwrap_err().code(), "DeleteConflict");
    iam.detach_policy(ACCOUNT, &carol, &policy).await.unwrap();
    let twice = iam.detach_policy(ACCOUNT, &carol, &policy).await;
    assert_eq!(twice.unwrap_err().code(), "NoSuchEntity");
    assert_eq!(iam.delete_policy(ACCOUNT, &policy).await.unwrap_err().code(), "DeleteConflict");
    iam.delete_boundary(ACCOUNT, &carol).await.unwrap();
    assert_eq!(
        iam.delete_boundary(ACCOUNT, &carol).await.unwrap_err().code(),
        "NoSuchEntity"
    );
    iam.delete_policy(ACCOUNT, &policy).await.unwrap();
}

#[tokio::test]
async fn ten_policies_are_attached_at_most() {
    let world = World::new().await;
    world.user("alice").await;
    for number in 0..11 {
        let (_, policy) = make(&world, &format!("p{number}")).await;
        let attached = world.iam.attach_policy(ACCOUNT, &user("alice"), &policy).await;
        assert_eq!(attached.is_ok(), number < 10);
    }
    let page = world
        .iam
        .attached_policies(ACCOUNT, &user("alice"), "/team/", &Paging::default())
        .await
        .unwrap();
    assert_eq!(page.items.len(), 10);
    let none = world
        .iam
        .attached_policies(ACCOUNT, &user("alice"), "/other/", &Paging::default())
        .await
        .unwrap();
    assert!(none.items.is_empty());
}

#[tokio::test]
async fn policies_of_aws_are_for_everybody_and_of_other_accounts_for_nobody() {
    let world = World::new().await;
    let iam = &world.iam;
    world.user("alice").await;
    iam.attach_policy(ACCOUNT, &user("alice"), &arn(ADMIN))
        .await
        .unwrap();
    let admin = iam.get_policy(ACCOUNT, &arn(ADMIN)).await.unwrap();
    assert_eq!(admin.attachments, 1);
    assert_eq!(iam.get_policy(OTHER, &arn(ADMIN)).await.unwrap().attachments, 0);
    let (_, policy) = make(&world, "p").await;
    let foreign = iam.managed_policy(OTHER, policy.as_str()).await.unwrap();
    assert!(foreign.is_none());
    let missing = iam
        .attach_policy(ACCOUNT, &user("alice"), &arn("arn:aws:iam::aws:policy/Nothing"))
        .await;
    assert_eq!(
        missing.unwrap_err().message(),
        "Policy arn:aws:iam::aws:policy/Nothing does not exist or is not attachable."
    );
    let service_role = arn("arn:aws:iam::aws:policy/aws-service-role/X");
    let refused = iam.attach_policy(ACCOUNT, &user("alice"), &service_role).await;
    assert_eq!(refused.unwrap_err().code(), "PolicyNotAttachable");
    for bad in [
        "arn:aws:iam::aws:policy",
        "arn:aws:iam::1:policy/aaaaaaaaaa",
        "arn:aws:s3:::bucket/aaaaaaaaaa",
    ] {
        assert!(PolicyArn::parse(bad).is_err(), "{bad}");
    }
}

#[tokio::test]
async fn policies_are_listed_by_scope_and_use() {
    let world = World::new().await;
    world.user("alice").await;
    make(&world, "p").await;
    let iam = &world.iam;
    let list = |scope, only_attached| {
        let filter = PolicyFilter {
            scope,
            only_attached,
            path_prefix: "/".into(),
            usage: None,
        };
        async move {
            let page = iam.list_policies(ACCOUNT, &filter, &Paging::default()).await;
            page.unwrap().items.len()
        }
    };
    assert_eq!(list(PolicyScope::Local, false).await, 1);
    assert_eq!(list(PolicyScope::Local, true).await, 0);
    let of_aws = list(PolicyScope::Aws, false).await;
    assert_eq!(list(PolicyScope::All, false).await, of_aws + 1);
    iam.attach_policy(ACCOUNT, &user("alice"), &arn(ADMIN))
        .await
        .unwrap();
    assert_eq!(list(PolicyScope::All, true).await, 1);
}

#[tokio::test]
async fn a_policy_has_6144_characters_at_most() {
    let world = World::new().await;
    let (_, policy) = make(&world, "p").await;
    let filled = |length: usize| {
        let action = format!("s3:{}", "a".repeat(length));
        ALLOW_ALL.replacen("\"*\"", &format!("\"{action}\""), 1)
    };
    let large = world
        .iam
        .create_policy_version(ACCOUNT, &policy, &filled(6144), false)
        .await;
    assert_eq!(
        large.unwrap_err(),
        IamError::LimitExceeded("Cannot exceed quota for PolicySize: 6144".into())
    );
    world
        .iam
        .create_policy_version(ACCOUNT, &policy, &filled(6000), false)
        .await
        .unwrap();
}
