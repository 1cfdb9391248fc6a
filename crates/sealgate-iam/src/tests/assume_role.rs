//! AssumeRole: who may, with what, for how long.

use sealgate_policy::{Caller, PrincipalKind};
use time::Duration;

use super::sts_world::*;
use super::*;
use crate::names::RoleName;
use crate::sts::{
    AssumeRole, ExternalId, SessionDuration, SessionPolicyRequest, SourceIdentity,
    parse_session_tags,
};
use crate::{EntityPath, Holder, NewPolicy, NewRole, NewUser, Tags};

const READ: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}]}"#;

fn of_account(account: &str) -> String {
    format!(r#"{{"AWS":"arn:aws:iam::{account}:root"}}"#)
}

fn everything() -> String {
    trust(
        &of_account(ACCOUNT),
        r#"["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]"#,
        "",
    )
}

fn tagged(pairs: &[(&str, &str)], transitive: &[&str]) -> AssumeRole {
    let pairs = pairs.iter().map(|(k, v)| ((*k).into(), (*v).into()));
    let transitive = transitive.iter().map(|key| (*key).into());
    AssumeRole {
        tags: parse_session_tags(pairs.collect(), transitive.collect()).unwrap(),
        ..request(ACCOUNT, "reader")
    }
}

async fn admin(world: &World) -> Caller {
    world.calling_user("admin", &[&allow("*", "*")]).await
}

#[tokio::test]
async fn a_session_has_the_role_as_it_is_now_and_ends() {
    let world = World::new().await;
    let admin = admin(&world).await;
    world.role(ACCOUNT, "reader", &everything(), &[READ]).await;
    let done = world
        .assume(&admin, &request(ACCOUNT, "reader"))
        .await
        .unwrap();
    assert_eq!(done.arn, "arn:aws:sts::111111111111:assumed-role/reader/s1");
    assert_eq!(done.credentials.expires, NOW + Duration::hours(1));
    assert_eq!(
        (done.packed_policy_size, done.source_identity),
        (None, None)
    );

    let (caller, _) = world.caller_with(&done.credentials, NOW).await.unwrap();
    let principal = &caller.principal;
    assert_eq!((&principal.arn, &principal.id), (&done.arn, &done.id));
    assert!(principal.id.starts_with("AROA") && principal.id.ends_with(":s1"));
    assert_eq!(
        principal.kind,
        PrincipalKind::AssumedRole {
            role_name: "reader".into(),
            role_arn: role_arn(ACCOUNT, "reader"),
            session_name: "s1".into()
        }
    );
    assert_eq!(
        principal.access_key_id.as_ref(),
        Some(&done.credentials.access_key_id)
    );
    assert_eq!(caller.tags["stage"], "test");
    assert!(may(&caller, "s3:GetObject", "arn:aws:s3:::b/k"));
    assert!(!may(&caller, "s3:PutObject", "arn:aws:s3:::b/k"));

    let role = Holder::Role(RoleName::parse("reader").unwrap());
    world
        .iam
        .put_inline_policy(ACCOUNT, &role, &policy("more"), &allow("s3:Put*", "*"))
        .await
        .unwrap();
    let (caller, _) = world.caller_with(&done.credentials, NOW).await.unwrap();
    assert!(may(&caller, "s3:PutObject", "arn:aws:s3:::b/k"));

    let end = done.credentials.expires;
    let last = end - Duration::SECOND;
    assert!(world.caller_with(&done.credentials, last).await.is_ok());
    let fault = world.caller_with(&done.credentials, end).await.unwrap_err();
    assert_eq!(fault.code(), "ExpiredToken");
}

#[tokio::test]
async fn a_role_made_anew_under_the_same_name_is_another_one() {
    let world = World::new().await;
    let admin = admin(&world).await;
    world.role(ACCOUNT, "reader", &everything(), &[]).await;
    let done = world
        .assume(&admin, &request(ACCOUNT, "reader"))
        .await
        .unwrap();
    let role = RoleName::parse("reader").unwrap();
    world.iam.delete_role(ACCOUNT, &role).await.unwrap();
    let fault = world.caller_with(&done.credentials, NOW).await.unwrap_err();
    assert_eq!(fault.code(), "InvalidToken");
    let new = NewRole::named(role, &everything());
    world.iam.create_role(ACCOUNT, &new).await.unwrap();
    let fault = world.caller_with(&done.credentials, NOW).await.unwrap_err();
    assert_eq!(fault.code(), "InvalidToken");
}

#[tokio::test]
async fn the_trust_policy_decides_and_the_account_only_delegates() {
    let world = World::new().await;
    let nobody = world.calling_user("nobody", &[]).await;
    let delegate = allow("sts:AssumeRole", &role_arn(ACCOUNT, "reader"));
    let delegate = world.calling_user("delegate", &[&delegate]).await;
    let named = world.calling_user("named", &[]).await;
    let assume = r#""sts:AssumeRole""#;
    world
        .role(
            ACCOUNT,
            "reader",
            &trust(&of_account(ACCOUNT), assume, ""),
            &[],
        )
        .await;
    let arn = format!(r#"{{"AWS":"{}"}}"#, user_arn("named"));
    world
        .role(ACCOUNT, "personal", &trust(&arn, assume, ""), &[])
        .await;

    let reader = request(ACCOUNT, "reader");
    assert!(world.assume(&delegate, &reader).await.is_ok());
    let (code, message) = world.refused(&nobody, &reader).await;
    assert_eq!(code, "AccessDenied");
    assert!(
        message.starts_with("User: arn:aws:iam::111111111111:user/nobody is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::111111111111:role/reader"),
        "{message}"
    );
    let personal = request(ACCOUNT, "personal");
    assert!(world.assume(&named, &personal).await.is_ok());
    let (code, refused) = world.refused(&delegate, &personal).await;
    assert_eq!(code, "AccessDenied");
    // Whether a role exists is not told to whom it does not trust.
    let (code, absent) = world.refused(&delegate, &request(ACCOUNT, "absent")).await;
    assert_eq!(
        (code, absent.replace("absent", "personal")),
        ("AccessDenied", refused)
    );
    // Nor is a role found under another path than its own.
    let mut elsewhere = request(ACCOUNT, "reader");
    elsewhere.role = crate::RoleArn::parse(&role_arn(ACCOUNT, "path/reader")).unwrap();
    assert_eq!(world.refused(&delegate, &elsewhere).await.0, "AccessDenied");
    let root = world.calling_root().await;
    let (code, message) = world.refused(&root, &reader).await;
    assert_eq!(
        (code, message.as_str()),
        ("AccessDenied", "Roles may not be assumed by root accounts.")
    );
}

#[tokio::test]
async fn another_account_needs_both_sides_and_the_external_id() {
    let world = World::new().await;
    let admin = admin(&world).await;
    let nobody = world.calling_user("nobody", &[]).await;
    let condition = r#","Condition":{"StringEquals":{"sts:ExternalId":"x-1"}}"#;
    let trust = trust(&of_account(ACCOUNT), r#""sts:AssumeRole""#, condition);
    world.role(OTHER, "guest", &trust, &[]).await;
    let with = |id: &str| AssumeRole {
        external_id: Some(ExternalId::parse(id).unwrap()),
        ..request(OTHER, "guest")
    };
    let done = world.assume(&admin, &with("x-1")).await.unwrap();
    assert_eq!(
        done.arn,
        format!("arn:aws:sts::{OTHER}:assumed-role/guest/s1")
    );
    let (caller, _) = world.caller_with(&done.credentials, NOW).await.unwrap();
    assert_eq!(caller.principal.account_id, OTHER);
    for (who, request) in [
        (&admin, with("x-2")),
        (&admin, request(OTHER, "guest")),
        (&nobody, with("x-1")),
    ] {
        assert_eq!(world.refused(who, &request).await.0, "AccessDenied");
    }
}

#[tokio::test]
async fn a_session_lasts_as_long_as_the_role_says() {
    let world = World::new().await;
    let admin = admin(&world).await;
    let policies = [allow("sts:*", "*")];
    world
        .role(ACCOUNT, "reader", &everything(), &[&policies[0]])
        .await;
    let lasting = |seconds: &str| AssumeRole {
        duration: Some(SessionDuration::parse(seconds, SessionDuration::TWELVE_HOURS).unwrap()),
        ..request(ACCOUNT, "reader")
    };
    let done = world.assume(&admin, &lasting("7200")).await.unwrap();
    assert_eq!(done.credentials.expires, NOW + Duration::hours(2));
    assert_eq!(
        world.refused(&admin, &lasting("7201")).await,
        (
            "ValidationError",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
                .into()
        )
    );
    let (chained, _) = world.caller_with(&done.credentials, NOW).await.unwrap();
    assert!(world.assume(&chained, &lasting("3600")).await.is_ok());
    assert_eq!(
        world.refused(&chained, &lasting("3601")).await,
        (
            "ValidationError",
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.".into()
        )
    );
}

#[tokio::test]
async fn session_policies_limit_and_are_limited() {
    let world = World::new().await;
    let admin = admin(&world).await;
    world
        .role(ACCOUNT, "reader", &everything(), &[&allow("s3:*", "*")])
        .await;
    let new = NewPolicy {
        name: policy("limit"),
        path: EntityPath::root(),
        document: allow("s3:List*", "*"),
        description: None,
        tags: Tags::new(),
    };
    let arn = world.iam.create_policy(ACCOUNT, &new).await.unwrap().arn;
    let limited = |inline: Option<&str>, arns: &[&str]| {
        let arns = arns.iter().map(|arn| (*arn).to_owned()).collect();
        Ok::<_, crate::IamError>(AssumeRole {
            policies: SessionPolicyRequest::parse(inline, arns)?,
            ..request(ACCOUNT, "reader")
        })
    };
    let both = limited(Some(READ), &[&arn]).unwrap();
    let done = world.assume(&admin, &both).await.unwrap();
    assert!(
        done.packed_policy_size
            .is_some_and(|percent| (1..=10).contains(&percent))
    );
    let (caller, _) = world.caller_with(&done.credentials, NOW).await.unwrap();
    assert!(may(&caller, "s3:GetObject", "arn:aws:s3:::b/k"));
    assert!(may(&caller, "s3:ListBucket", "arn:aws:s3:::b"));
    assert!(!may(&caller, "s3:PutObject", "arn:aws:s3:::b/k"));

    // A policy that changed counts as it is now; a session whose policy is gone is over.
    let parsed = crate::PolicyArn::parse(&arn).unwrap();
    let nothing = allow("s3:DeleteObject", "*");
    world
        .iam
        .create_policy_version(ACCOUNT, &parsed, &nothing, true)
        .await
        .unwrap();
    let (caller, _) = world.caller_with(&done.credentials, NOW).await.unwrap();
    assert!(!may(&caller, "s3:ListBucket", "arn:aws:s3:::b"));

    let absent = limited(None, &["arn:aws:iam::111111111111:policy/absent"]).unwrap();
    assert_eq!(world.refused(&admin, &absent).await.0, "ValidationError");
    let code = |inline: &str, arns: &[&str]| limited(Some(inline), arns).unwrap_err().code();
    assert_eq!(code("{", &[]), "MalformedPolicyDocument");
    assert_eq!(code("", &[]), "ValidationError");
    assert_eq!(code(&" ".repeat(2049), &[]), "ValidationError");
    assert_eq!(code(READ, &[arn.as_str(); 11]), "ValidationError");
    let long = format!("arn:aws:iam::{ACCOUNT}:policy/{}/x", "p".repeat(500));
    let large = limited(Some(READ), &[long.as_str(); 10]).unwrap();
    let (code, message) = world.refused(&admin, &large).await;
    assert_eq!(code, "PackedPolicyTooLarge");
    assert!(
        message.ends_with("% of allotted space, please use smaller policy."),
        "{message}"
    );
}

#[tokio::test]
async fn session_tags_need_their_own_permission_and_transitive_ones_stay() {
    let world = World::new().await;
    let admin = admin(&world).await;
    let policies = [allow("sts:*", "*")];
    world
        .role(ACCOUNT, "reader", &everything(), &[&policies[0]])
        .await;
    let condition = r#","Condition":{"StringEquals":{"aws:PrincipalTag/team":"blue"}}"#;
    let next = trust(
        &of_account(ACCOUNT),
        r#"["sts:AssumeRole","sts:TagSession"]"#,
        condition,
    );
    world.role(ACCOUNT, "next", &next, &[]).await;
    let plain = trust(&of_account(ACCOUNT), r#""sts:AssumeRole""#, "");
    world.role(ACCOUNT, "plain", &plain, &[]).await;

    let request_tags = tagged(&[("team", "blue"), ("cost", "1")], &["TEAM"]);
    let done = world.assume(&admin, &request_tags).await.unwrap();
    assert_eq!(done.packed_policy_size, Some(1));
    let (caller, inherited) = world.caller_with(&done.credentials, NOW).await.unwrap();
    // Over the role's own tag, whose key differs in case only.
    assert_eq!(caller.tags.get("Team"), None);
    assert_eq!(
        (&*caller.tags["team"], &*caller.tags["cost"]),
        ("blue", "1")
    );
    assert_eq!(caller.tags["stage"], "test");
    assert_eq!(inherited, Tags::from([("team".into(), "blue".into())]));

    let chain = |role: &str, tags: AssumeRole| AssumeRole {
        tags: tags.tags,
        ..request(ACCOUNT, role)
    };
    let done = world
        .iam
        .assume_role(&caller, &inherited, &request(ACCOUNT, "next"))
        .await
        .unwrap();
    let (second, again) = world.caller_with(&done.credentials, NOW).await.unwrap();
    assert_eq!(second.tags["team"], "blue");
    assert_eq!((second.tags.get("cost"), again), (None, inherited.clone()));
    // Inherited tags are session tags, too; and they stay as they are.
    let refused = |request: AssumeRole| {
        let (world, caller, inherited) = (&world, &caller, &inherited);
        async move {
            let done = world.iam.assume_role(caller, inherited, &request).await;
            done.err().unwrap().code()
        }
    };
    assert_eq!(refused(request(ACCOUNT, "plain")).await, "AccessDenied");
    let other = chain("next", tagged(&[("TEAM", "red")], &[]));
    assert_eq!(refused(other).await, "ValidationError");
    let untagged = chain("plain", tagged(&[("a", "b")], &[]));
    assert_eq!(world.refused(&admin, &untagged).await.0, "AccessDenied");

    let pairs = vec![("a".to_owned(), "b".to_owned())];
    let error = parse_session_tags(pairs, vec!["c".into()]).unwrap_err();
    assert_eq!(error.code(), "ValidationError");
    let many = (0..50)
        .map(|at| (format!("k{at}"), "v".repeat(200)))
        .collect();
    let large = AssumeRole {
        tags: parse_session_tags(many, Vec::new()).unwrap(),
        ..request(ACCOUNT, "reader")
    };
    let (code, message) = world.refused(&admin, &large).await;
    assert_eq!(code, "PackedPolicyTooLarge");
    assert!(
        message.starts_with("Packed size of session tags consumes 2"),
        "{message}"
    );
}

#[tokio::test]
async fn conditions_see_tags_names_and_source_identity() {
    let world = World::new().await;
    let admin = admin(&world).await;
    let condition = r#","Condition":{"StringEquals":{"aws:RequestTag/team":"blue","sts:RoleSessionName":"s1","sts:SourceIdentity":"alice","aws:ResourceTag/stage":"test"},"ForAllValues:StringEquals":{"aws:TagKeys":["team"],"sts:TransitiveTagKeys":["team"]}}"#;
    let actions = r#"["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]"#;
    let strict = trust(&of_account(ACCOUNT), actions, condition);
    world
        .role(ACCOUNT, "reader", &strict, &[&allow("sts:*", "*")])
        .await;
    let good = AssumeRole {
        source_identity: Some(SourceIdentity::parse("alice").unwrap()),
        ..tagged(&[("team", "blue")], &["team"])
    };
    let done = world.assume(&admin, &good).await.unwrap();
    assert_eq!(done.source_identity.as_deref(), Some("alice"));
    for bad in [
        AssumeRole {
            source_identity: None,
            ..good.clone()
        },
        AssumeRole {
            source_identity: Some(SourceIdentity::parse("bob").unwrap()),
            ..good.clone()
        },
        AssumeRole {
            session_name: crate::RoleSessionName::parse("s2").unwrap(),
            ..good.clone()
        },
        AssumeRole {
            tags: tagged(&[("team", "red")], &[]).tags,
            ..good.clone()
        },
        AssumeRole {
            tags: tagged(&[("team", "blue"), ("x", "y")], &[]).tags,
            ..good.clone()
        },
    ] {
        assert_eq!(world.refused(&admin, &bad).await.0, "AccessDenied");
    }
}

#[tokio::test]
async fn a_source_identity_stays_through_chains() {
    let world = World::new().await;
    let admin = admin(&world).await;
    world
        .role(ACCOUNT, "reader", &everything(), &[&allow("sts:*", "*")])
        .await;
    let plain = trust(&of_account(ACCOUNT), r#""sts:AssumeRole""#, "");
    world.role(ACCOUNT, "plain", &plain, &[]).await;
    let as_who = |who: &str| AssumeRole {
        source_identity: Some(SourceIdentity::parse(who).unwrap()),
        ..request(ACCOUNT, "reader")
    };
    let done = world.assume(&admin, &as_who("alice")).await.unwrap();
    let (caller, _) = world.caller_with(&done.credentials, NOW).await.unwrap();
    let session = caller.session.clone().unwrap();
    assert_eq!(session.source_identity.as_deref(), Some("alice"));
    let done = world
        .assume(&caller, &request(ACCOUNT, "reader"))
        .await
        .unwrap();
    assert_eq!(done.source_identity.as_deref(), Some("alice"));
    assert!(world.assume(&caller, &as_who("alice")).await.is_ok());
    assert_eq!(
        world.refused(&caller, &as_who("bob")).await.0,
        "AccessDenied"
    );
    // A role that does not let it be set cannot be assumed with it.
    let refused = world.refused(&caller, &request(ACCOUNT, "plain")).await;
    assert_eq!(refused.0, "AccessDenied");
}

#[tokio::test]
async fn the_boundary_of_the_role_holds_in_its_sessions() {
    let world = World::new().await;
    let admin = admin(&world).await;
    let new = NewPolicy {
        name: policy("edge"),
        path: EntityPath::root(),
        document: READ.into(),
        description: None,
        tags: Tags::new(),
    };
    let arn = world.iam.create_policy(ACCOUNT, &new).await.unwrap().arn;
    let name = RoleName::parse("reader").unwrap();
    let new = NewRole {
        boundary: Some(crate::PolicyArn::parse(&arn).unwrap()),
        ..NewRole::named(name.clone(), &everything())
    };
    world.iam.create_role(ACCOUNT, &new).await.unwrap();
    world
        .iam
        .put_inline_policy(
            ACCOUNT,
            &Holder::Role(name),
            &policy("p"),
            &allow("s3:*", "*"),
        )
        .await
        .unwrap();
    let done = world
        .assume(&admin, &request(ACCOUNT, "reader"))
        .await
        .unwrap();
    let (caller, _) = world.caller_with(&done.credentials, NOW).await.unwrap();
    assert!(may(&caller, "s3:GetObject", "arn:aws:s3:::b/k"));
    assert!(!may(&caller, "s3:PutObject", "arn:aws:s3:::b/k"));
}

#[tokio::test]
async fn a_deleted_user_cannot_be_told_from_a_new_one_by_name() {
    let world = World::new().await;
    let alice = world.calling_user("alice", &[]).await;
    let made = world.iam.session_token(&alice, None).await.unwrap();
    assert!(world.caller_with(&made, NOW).await.is_ok());
    world
        .iam
        .delete_user(ACCOUNT, &name("alice"))
        .await
        .unwrap();
    let fault = world.caller_with(&made, NOW).await.unwrap_err();
    assert_eq!(fault.code(), "InvalidToken");
    let new = NewUser {
        name: name("alice"),
        path: EntityPath::root(),
        boundary: None,
        tags: Tags::new(),
    };
    world.iam.create_user(ACCOUNT, &new).await.unwrap();
    let fault = world.caller_with(&made, NOW).await.unwrap_err();
    assert_eq!(fault.code(), "InvalidToken");
}
