//! GetSessionToken, GetFederationToken, GetAccessKeyInfo, and what their credentials cannot do.

use sealgate_policy::{Access, Authority, Context, Decision, Policy, PrincipalKind, authorize};
use time::Duration;

use super::sts_world::*;
use super::*;
use crate::sts::{
    FederatedName, GetFederationToken, SessionDuration, SessionPolicyRequest, parse_session_tags,
};

fn federate(policy: Option<&str>) -> GetFederationToken {
    GetFederationToken {
        name: FederatedName::parse("bob").unwrap(),
        duration: None,
        policies: SessionPolicyRequest::parse(policy, Vec::new()).unwrap(),
        tags: Default::default(),
    }
}

const FEDERATED: &str = "arn:aws:sts::111111111111:federated-user/bob";

#[tokio::test]
async fn a_session_token_is_its_user_for_a_while() {
    let world = World::new().await;
    let alice = world.calling_user("alice", &[&allow("s3:*", "*")]).await;
    let made = world.iam.session_token(&alice, None).await.unwrap();
    assert_eq!(made.expires, NOW + Duration::hours(12));
    let (caller, _) = world.caller_with(&made, NOW).await.unwrap();
    assert_eq!(caller.principal.arn, alice.principal.arn);
    assert_eq!(caller.principal.id, alice.principal.id);
    assert_eq!(caller.principal.kind, alice.principal.kind);
    assert!(may(&caller, "s3:PutObject", "arn:aws:s3:::b/k"));
    let session = caller.session.clone().unwrap();
    assert!(session.policies.is_none() && session.mfa_at.is_none());

    let root = world.calling_root().await;
    let long = Some(SessionDuration::LONGEST);
    for asked in [None, long] {
        let made = world.iam.session_token(&root, asked).await.unwrap();
        assert_eq!(made.expires, NOW + Duration::hours(1));
        let (caller, _) = world.caller_with(&made, NOW).await.unwrap();
        assert_eq!(caller.principal.kind, PrincipalKind::Root);
    }
    let made = world.iam.session_token(&alice, long).await.unwrap();
    assert_eq!(made.expires, NOW + Duration::hours(36));
}

#[tokio::test]
async fn a_federated_user_may_do_what_both_the_user_and_the_session_allow() {
    let world = World::new().await;
    let policies = [
        allow("s3:*", "*"),
        allow("sts:GetFederationToken", FEDERATED),
    ];
    let alice = world
        .calling_user("alice", &[&policies[0], &policies[1]])
        .await;
    let done = world
        .iam
        .federation_token(&alice, &federate(Some(&allow("*", "arn:aws:s3:::b/*"))))
        .await
        .unwrap();
    assert_eq!(
        (done.arn.as_str(), done.id.as_str()),
        (FEDERATED, "111111111111:bob")
    );
    assert!(done.packed_policy_size.is_some());
    let (caller, _) = world.caller_with(&done.credentials, NOW).await.unwrap();
    assert_eq!(
        caller.principal.kind,
        PrincipalKind::FederatedUser {
            name: "bob".into(),
            user_arn: user_arn("alice")
        }
    );
    assert_eq!(caller.tags["team"], "red");
    assert!(may(&caller, "s3:GetObject", "arn:aws:s3:::b/k"));
    assert!(!may(&caller, "s3:GetObject", "arn:aws:s3:::c/k"));
    assert!(!may(&caller, "kms:CreateKey", "*"));

    // The user's permissions as they are now.
    world
        .iam
        .delete_inline_policy(ACCOUNT, &Holder::User(name("alice")), &policy("p0"))
        .await
        .unwrap();
    let (caller, _) = world.caller_with(&done.credentials, NOW).await.unwrap();
    assert!(!may(&caller, "s3:GetObject", "arn:aws:s3:::b/k"));
}

#[tokio::test]
async fn without_session_policies_a_federated_user_has_only_what_resources_give() {
    let world = World::new().await;
    let alice = world.calling_user("alice", &[&allow("*", "*")]).await;
    let done = world
        .iam
        .federation_token(&alice, &federate(None))
        .await
        .unwrap();
    let (caller, _) = world.caller_with(&done.credentials, NOW).await.unwrap();
    assert!(!may(&caller, "s3:GetObject", "arn:aws:s3:::b/k"));
    let of_bucket = Policy::parse_bucket_policy(&format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"{FEDERATED}"}},"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}}]}}"#
    ))
    .unwrap();
    let decision = authorize(&Access {
        caller: &caller,
        action: "s3:GetObject",
        resource: "arn:aws:s3:::b/k",
        resource_account: ACCOUNT,
        context: &Context::new(),
        resource_policy: Some(&of_bucket),
        authority: Authority::Account,
        grant: None,
    });
    assert_eq!(decision, Decision::Allowed);
}

#[tokio::test]
async fn federation_needs_permission_and_so_do_its_tags() {
    let world = World::new().await;
    let nobody = world.calling_user("nobody", &[]).await;
    let refused = world.iam.federation_token(&nobody, &federate(None)).await;
    assert_eq!(refused.err().unwrap().code(), "AccessDenied");
    let untagged = allow("sts:GetFederationToken", "*");
    let alice = world.calling_user("alice", &[&untagged]).await;
    let tags = parse_session_tags(vec![("team".into(), "blue".into())], Vec::new()).unwrap();
    let tagged = GetFederationToken {
        tags,
        ..federate(None)
    };
    let refused = world.iam.federation_token(&alice, &tagged).await;
    assert_eq!(refused.err().unwrap().code(), "AccessDenied");
    let admin = world.calling_user("admin", &[&allow("*", "*")]).await;
    let done = world.iam.federation_token(&admin, &tagged).await.unwrap();
    let (caller, _) = world.caller_with(&done.credentials, NOW).await.unwrap();
    assert_eq!(caller.tags["team"], "blue");

    let root = world.calling_root().await;
    let of_root = federate(Some(&allow("s3:*", "*")));
    let done = world.iam.federation_token(&root, &of_root).await.unwrap();
    assert_eq!(done.credentials.expires, NOW + Duration::hours(1));
    let (caller, _) = world.caller_with(&done.credentials, NOW).await.unwrap();
    assert!(may(&caller, "s3:GetObject", "arn:aws:s3:::b/k"));
    assert!(!may(&caller, "kms:CreateKey", "*"));
}

#[tokio::test]
async fn temporary_credentials_do_not_get_more_of_their_kind() {
    let world = World::new().await;
    let everything = allow("*", "*");
    let admin = world.calling_user("admin", &[&everything]).await;
    let principal = format!(r#"{{"AWS":"arn:aws:iam::{ACCOUNT}:root"}}"#);
    let trusting = trust(&principal, r#""sts:AssumeRole""#, "");
    world
        .role(ACCOUNT, "reader", &trusting, &[&everything])
        .await;
    let assume = request(ACCOUNT, "reader");
    let of_role = world.assume(&admin, &assume).await.unwrap().credentials;
    let of_user = world.iam.session_token(&admin, None).await.unwrap();
    let asked = federate(Some(&everything));
    let federated = world
        .iam
        .federation_token(&admin, &asked)
        .await
        .unwrap()
        .credentials;
    for (credentials, may_assume, may_look) in [
        (&of_role, true, true),
        (&of_user, true, false),
        (&federated, false, false),
    ] {
        let (caller, _) = world.caller_with(credentials, NOW).await.unwrap();
        let again = world.iam.session_token(&caller, None).await;
        assert_eq!(
            again.err().unwrap().message(),
            "Cannot call GetSessionToken with session credentials"
        );
        let again = world.iam.federation_token(&caller, &asked).await;
        assert_eq!(
            again.err().unwrap().message(),
            "Cannot call GetFederationToken with session credentials"
        );
        assert_eq!(world.assume(&caller, &assume).await.is_ok(), may_assume);
        let key = &of_role.access_key_id;
        assert_eq!(
            world.iam.access_key_account(&caller, key).await.is_ok(),
            may_look
        );
    }
}

#[tokio::test]
async fn a_key_id_tells_its_account() {
    let world = World::new().await;
    let root = world.calling_root().await;
    let made = world.iam.session_token(&root, None).await.unwrap();
    for id in [ROOT_KEY, &made.access_key_id] {
        assert_eq!(
            world.iam.access_key_account(&root, id).await.unwrap(),
            ACCOUNT
        );
    }
    let unknown = world
        .iam
        .access_key_account(&root, "AKIAUNKNOWNUNKNOWN00")
        .await;
    assert_eq!(unknown.err().unwrap().code(), "ValidationError");
    let nobody = world.calling_user("nobody", &[]).await;
    let refused = world.iam.access_key_account(&nobody, ROOT_KEY).await;
    assert_eq!(refused.err().unwrap().code(), "AccessDenied");
}
