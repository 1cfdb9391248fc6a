//! Effective permissions: from where they come, and that every change counts at once.

use std::sync::Arc;

use sealgate_index::{Expect, RecordWrite};
use sealgate_policy::{Environment, PrincipalKind};
use time::OffsetDateTime;

use super::entities::{TRUST, group, role};
use super::*;
use crate::records::{GENERATIONS, USERS};
use crate::{NewPolicy, NewRole, PolicyArn, Taggable, parse_tags};

fn environment() -> Environment {
    Environment {
        source_ip: None,
        secure_transport: true,
        user_agent: None,
        now: OffsetDateTime::now_utc(),
        region: "us-east-1".into(),
    }
}

async fn names(world: &World) -> Vec<String> {
    let found = world.iam.user_permissions(ACCOUNT, "alice").await;
    let found = found.unwrap().unwrap();
    found
        .policies
        .iter()
        .map(|policy| policy.name.to_string())
        .collect()
}

async fn managed(world: &World) -> PolicyArn {
    let made = world
        .iam
        .create_policy(
            ACCOUNT,
            &NewPolicy {
                name: policy("managed"),
                path: EntityPath::root(),
                document: ALLOW_ALL.into(),
                description: None,
                tags: crate::Tags::new(),
            },
        )
        .await
        .unwrap();
    PolicyArn::parse(&made.arn).unwrap()
}

#[tokio::test]
async fn a_user_has_its_own_policies_and_those_of_its_groups() {
    let world = World::new().await;
    let iam = &world.iam;
    let alice = world.user("alice").await;
    let arn = managed(&world).await;
    let devs = Holder::Group(group("devs"));
    iam.create_group(ACCOUNT, &group("devs"), &EntityPath::root())
        .await
        .unwrap();
    iam.put_inline_policy(ACCOUNT, &user("alice"), &policy("own"), ALLOW_ALL)
        .await
        .unwrap();
    assert_eq!(names(&world).await, ["inline policy own of user alice"]);
    iam.attach_policy(ACCOUNT, &devs, &arn).await.unwrap();
    iam.put_inline_policy(ACCOUNT, &devs, &policy("g"), ALLOW_ALL)
        .await
        .unwrap();
    iam.add_user_to_group(ACCOUNT, &group("devs"), &alice)
        .await
        .unwrap();
    assert_eq!(
        names(&world).await,
        [
            "inline policy own of user alice",
            "inline policy g of group devs",
            arn.as_str()
        ]
    );
    iam.put_boundary(ACCOUNT, &user("alice"), &arn).await.unwrap();
    let tags = parse_tags(vec![("team".into(), "a".into())]).unwrap();
    iam.tag(ACCOUNT, &Taggable::User(alice.clone()), &tags)
        .await
        .unwrap();
    let found = iam.user_permissions(ACCOUNT, "alice").await.unwrap().unwrap();
    assert_eq!(found.boundary.as_ref().unwrap().name.as_ref(), arn.as_str());
    assert_eq!(*found.tags, tags);
    assert_eq!(found.canonical_id, "canonical-111111111111");
    iam.remove_user_from_group(ACCOUNT, &group("devs"), &alice)
        .await
        .unwrap();
    assert_eq!(names(&world).await.len(), 1);
}

#[tokio::test]
async fn changes_of_policies_and_groups_reach_who_signs_at_once() {
    let world = World::new().await;
    let iam = &world.iam;
    world.user("alice").await;
    let key = iam.create_access_key(ACCOUNT, &owner("alice")).await.unwrap();
    let arn = managed(&world).await;
    iam.attach_policy(ACCOUNT, &user("alice"), &arn).await.unwrap();
    let source = async || {
        let identity = iam.identity(&key.key.id).await.unwrap().unwrap();
        identity.policies[0].policy.source().to_owned()
    };
    assert_eq!(source().await, ALLOW_ALL);
    let narrower = ALLOW_ALL.replace("\"Allow\"", "\"Deny\"");
    iam.create_policy_version(ACCOUNT, &arn, &narrower, true)
        .await
        .unwrap();
    assert_eq!(source().await, narrower);
    iam.set_default_policy_version(ACCOUNT, &arn, 1).await.unwrap();
    assert_eq!(source().await, ALLOW_ALL);
    // Without a change it is the same entry, and changes of another account do not matter.
    let first = iam.identity(&key.key.id).await.unwrap().unwrap();
    iam.create_user(OTHER, &NewUser::named(name("bob"))).await.unwrap();
    let second = iam.identity(&key.key.id).await.unwrap().unwrap();
    assert!(Arc::ptr_eq(&first, &second));
}

#[tokio::test]
async fn a_role_has_its_policies_and_its_trust() {
    let world = World::new().await;
    let iam = &world.iam;
    iam.create_role(ACCOUNT, &NewRole::named(role("App"), TRUST))
        .await
        .unwrap();
    iam.put_inline_policy(ACCOUNT, &Holder::Role(role("App")), &policy("p"), ALLOW_ALL)
        .await
        .unwrap();
    let found = iam.role_permissions(ACCOUNT, "App").await.unwrap().unwrap();
    assert_eq!(found.trust.source(), TRUST);
    assert_eq!(found.policies[0].name.as_ref(), "inline policy p of role App");
    let now = OffsetDateTime::now_utc().replace_nanosecond(0).unwrap();
    iam.note_role_use(&found, "s3", "us-east-1", now);
    let last_used = || async { iam.role(ACCOUNT, "App").await.unwrap().unwrap().last_used };
    assert_eq!(last_used().await.unwrap().time, now);
    iam.flush_last_used().await.unwrap();
    assert_eq!(last_used().await.unwrap().time, now);
    // Another case is another name; cached or not.
    assert!(iam.role_permissions(ACCOUNT, "app").await.unwrap().is_none());
    iam.delete_role(ACCOUNT, &role("App")).await.unwrap();
    assert!(iam.role_permissions(ACCOUNT, "App").await.unwrap().is_none());
}

#[tokio::test]
async fn an_arn_stands_for_a_caller() {
    let world = World::new().await;
    let iam = &world.iam;
    world.user("alice").await;
    iam.create_role(ACCOUNT, &NewRole::named(role("App"), TRUST))
        .await
        .unwrap();
    iam.create_group(ACCOUNT, &group("devs"), &EntityPath::root())
        .await
        .unwrap();
    let of = |arn: &str| {
        let arn = arn.to_owned();
        async move { iam.caller_of(&arn, environment()).await.unwrap() }
    };
    let root = of("arn:aws:iam::111111111111:root").await.unwrap();
    assert_eq!(root.principal.kind, PrincipalKind::Root);
    let alice = of("arn:aws:iam::111111111111:user/alice").await.unwrap();
    assert!(alice.principal.id.starts_with("AIDA"));
    let session = of("arn:aws:sts::111111111111:assumed-role/App/me").await.unwrap();
    assert_eq!(
        session.principal.kind,
        PrincipalKind::AssumedRole {
            role_name: "App".into(),
            role_arn: "arn:aws:iam::111111111111:role/App".into(),
            session_name: "me".into(),
        }
    );
    assert!(of("arn:aws:iam::111111111111:role/App").await.is_some());
    assert!(of("arn:aws:iam::111111111111:group/devs").await.is_some());
    for missing in [
        "arn:aws:iam::111111111111:user/bob",
        "arn:aws:iam::111111111111:user/path/alice",
        "arn:aws:iam::222222222222:user/alice",
        "arn:aws:iam::333333333333:root",
        "arn:aws:iam::111111111111:role/app",
        "alice",
        "arn:aws:s3:::bucket",
    ] {
        assert!(of(missing).await.is_none(), "{missing}");
    }
}

#[tokio::test]
async fn records_of_the_first_version_still_load() {
    let world = World::new().await;
    let user = r#"{"id":"AIDAOLDOLDOLDOLDOLDO","account_id":"111111111111","name":"alice","path":"/","created":"2026-01-02T03:04:05Z","keys":[],"policies":[{"name":"p","document":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}]}"}]}"#;
    let account = r#"{"id":"333333333333","name":"old","email":null,"canonical_id":"old","created":"2026-01-02T03:04:05Z","keys":[]}"#;
    let write = |ns: &str, id: &str, body: Option<&'static str>| RecordWrite {
        ns: ns.into(),
        id: id.into(),
        expect: Expect::Any,
        body: body.map(|text| bytes::Bytes::from_static(text.as_bytes())),
    };
    world
        .index
        .write_records(vec![
            write(USERS, "111111111111/alice", Some(user)),
            write(crate::records::ACCOUNTS, "333333333333", Some(account)),
            write(GENERATIONS, ACCOUNT, None),
        ])
        .await
        .unwrap();
    assert_eq!(names(&world).await, ["inline policy p of user alice"]);
    let old = world.iam.account("333333333333").await.unwrap().unwrap();
    assert_eq!(old.alias, None);
    let arn = managed(&world).await;
    world
        .iam
        .attach_policy(ACCOUNT, &super::user("alice"), &arn)
        .await
        .unwrap();
    assert_eq!(names(&world).await.len(), 2);
}
