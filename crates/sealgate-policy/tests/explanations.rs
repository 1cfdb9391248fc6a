//! What `explain` says beside the decision, and the context of simulations.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::*;
use sealgate_policy::*;
use serde_json::{Value, json};

fn access<'a>(caller: &'a Caller, context: &'a Context, bucket: Option<&'a Policy>) -> Access<'a> {
    Access {
        caller,
        action: "s3:GetObject",
        resource: "arn:aws:s3:::bucket/key",
        resource_account: ACCOUNT,
        context,
        resource_policy: bucket,
        authority: Authority::Account,
        grant: None,
    }
}

fn named(name: &str, statements: Value) -> AttachedPolicy {
    let document = policy(statements).to_string();
    AttachedPolicy::new(name, Policy::parse_identity(&document).unwrap())
}

#[test]
fn every_statement_that_applies_is_listed_and_the_one_that_decides_is_named() {
    let mut caller = bob(&[]);
    caller.identity_policies = vec![
        named(
            "first",
            json!([
                { "Sid": "Read", "Effect": "Allow", "Action": "s3:Get*", "Resource": "*" },
                { "Effect": "Allow", "Action": "s3:Put*", "Resource": "*" },
                { "Sid": "Secret", "Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::bucket/k*" },
            ]),
        ),
        named("second", json!({ "Effect": "Deny", "Action": "*", "Resource": "*" })),
    ]
    .into();
    let bucket = bucket_policy(&grant("Allow", json!("*"), "s3:GetObject"));
    let context = Context::new();
    let explanation = explain(&access(&caller, &context, Some(&bucket)));
    assert_eq!(explanation.eval_decision().as_str(), "explicitDeny");
    let listed: Vec<_> = explanation
        .matched
        .iter()
        .map(|it| {
            (
                it.policy_type,
                &*it.policy_name,
                it.sid.as_deref(),
                it.index,
            )
        })
        .collect();
    assert_eq!(
        listed,
        [
            (PolicyType::Identity, "first", Some("Read"), 0),
            (PolicyType::Identity, "first", Some("Secret"), 2),
            (PolicyType::Identity, "second", None, 0),
            (PolicyType::Resource, "arn:aws:s3:::bucket/key", None, 0),
        ]
    );
    let DecidedBy::Statement(decided) = explanation.decided_by else {
        panic!("not a statement");
    };
    assert_eq!(
        decided.to_string(),
        "statement \"Secret\" of first (identity-based policy)"
    );
    assert_eq!(
        explanation.by_type,
        [
            (PolicyType::Identity, EvalDecision::ExplicitDeny),
            (PolicyType::Resource, EvalDecision::Allowed),
        ]
    );
    let Decision::Denied(denial) = explanation.decision else {
        panic!("allowed");
    };
    assert_eq!(denial.statement(), Some(&decided));
}

#[test]
fn a_boundary_that_does_not_allow_is_told_apart() {
    let mut caller = bob(&[allow("s3:*", "*")]);
    caller.boundary = Some(attached(&allow("kms:*", "*")));
    let context = Context::new();
    let explanation = explain(&access(&caller, &context, None));
    assert_eq!(explanation.eval_decision(), EvalDecision::ImplicitDeny);
    assert_eq!(
        explanation.decided_by,
        DecidedBy::NoAllow(PolicyType::Boundary)
    );
    assert_eq!(explanation.allowed_by_boundary(), Some(false));
    caller.boundary = None;
    let explanation = explain(&access(&caller, &context, None));
    assert_eq!(explanation.allowed_by_boundary(), None);
}

#[test]
fn refusals_by_limits_speak_with_the_words_of_aws() {
    let end = |caller: &Caller| match authorize(&access(caller, &Context::new(), None)) {
        Decision::Denied(denial) => denial.message().split_once("key\" ").unwrap().1.to_owned(),
        Decision::Allowed => panic!("allowed"),
    };
    let mut caller = session_of_role(ACCOUNT);
    caller.identity_policies = [attached(&allow("*", "*"))].into();
    limit_session(&mut caller, Vec::new());
    assert_eq!(
        end(&caller),
        "because no session policy allows the s3:GetObject action"
    );
    limit_session(&mut caller, vec![attached(&deny("*", "*"))]);
    assert_eq!(end(&caller), "with an explicit deny in a session policy");
    caller.boundary = Some(attached(&deny("*", "*")));
    assert_eq!(
        end(&caller),
        "with an explicit deny in a permissions boundary"
    );
    caller.session = None;
    caller.boundary = Some(attached(&allow("kms:*", "*")));
    assert_eq!(
        end(&caller),
        "because no permissions boundary allows the s3:GetObject action"
    );
}

#[test]
fn a_web_identity_is_told_nothing_but_the_action() {
    let trust = Policy::parse_trust(
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Federated":"accounts.google.com"},
            "Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"accounts.google.com:aud":"app"}}}}"#,
    )
    .unwrap();
    let mut caller = web_identity();
    let mut context = Context::new();
    let decide = |caller: &Caller, context: &Context| {
        authorize(&Access {
            action: "sts:AssumeRoleWithWebIdentity",
            resource: ROLE,
            authority: Authority::KeyPolicy,
            ..access(caller, context, Some(&trust))
        })
    };
    let Decision::Denied(denial) = decide(&caller, &context) else {
        panic!("allowed");
    };
    assert_eq!(
        denial.message(),
        "Not authorized to perform sts:AssumeRoleWithWebIdentity"
    );
    if let PrincipalKind::WebIdentity { provider, .. } = &mut caller.principal.kind {
        "accounts.google.com".clone_into(provider);
    }
    assert!(decide(&caller, &context) != Decision::Allowed);
    context.insert("accounts.google.com:aud", "app");
    assert_eq!(decide(&caller, &context), Decision::Allowed);
}

#[test]
fn keys_that_a_request_lacks_are_listed_as_they_are_written() {
    let mut caller = bob(&[]);
    caller.identity_policies = [named(
        "conditions",
        json!([
            { "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::${aws:PrincipalTag/Team}/*",
              "Condition": { "StringEquals": { "s3:ExistingObjectTag/Kind": "a", "AWS:username": "bob" } } },
            { "Effect": "Allow", "Action": "s3:PutObject", "Resource": "*",
              "Condition": { "StringEquals": { "s3:x-amz-acl": "private" } } },
        ]),
    )]
    .into();
    let context = Context::new();
    assert_eq!(
        explain(&access(&caller, &context, None)).missing_context,
        ["aws:PrincipalTag/Team", "s3:ExistingObjectTag/Kind"]
    );
    let keys = policy_context_keys(&caller.identity_policies[0].policy);
    assert_eq!(
        keys.into_iter().collect::<Vec<_>>(),
        [
            "AWS:username",
            "aws:PrincipalTag/Team",
            "s3:ExistingObjectTag/Kind",
            "s3:x-amz-acl"
        ]
    );
}

#[test]
fn a_simulation_takes_the_connection_from_its_context_alone() {
    let caller = bob(&[policy(json!({
        "Effect": "Allow", "Action": "*", "Resource": "*",
        "Condition": { "IpAddress": { "aws:SourceIp": "10.0.0.0/8" }, "StringEquals": { "aws:username": "bob" } }
    }))]);
    let mut context = Context::simulated();
    let explanation = explain(&access(&caller, &context, None));
    assert_eq!(explanation.eval_decision(), EvalDecision::ImplicitDeny);
    assert_eq!(explanation.missing_context, ["aws:SourceIp"]);
    context.insert("aws:SourceIp", "10.1.2.3");
    let explanation = explain(&access(&caller, &context, None));
    assert_eq!(explanation.eval_decision(), EvalDecision::Allowed);
    context.insert("aws:username", "alice");
    assert_eq!(
        explain(&access(&caller, &context, None)).eval_decision(),
        EvalDecision::ImplicitDeny
    );
    // A request of flesh and blood is not asked what it says of itself.
    let mut context = Context::new();
    context.insert("aws:SourceIp", "10.1.2.3");
    assert!(authorize(&access(&caller, &context, None)) != Decision::Allowed);
}

#[test]
fn a_call_through_a_service_is_known_as_one() {
    let caller = bob(&[policy(json!({
        "Effect": "Allow", "Action": "*", "Resource": "*",
        "Condition": { "Bool": { "aws:ViaAWSService": "true" } , "StringEqualsIfExists": {
            "aws:CalledViaFirst": "athena.amazonaws.com", "aws:CalledViaLast": "dynamodb.amazonaws.com" } }
    }))]);
    let mut context = Context::new();
    assert!(authorize(&access(&caller, &context, None)) != Decision::Allowed);
    context.insert("kms:ViaService", "s3.us-east-1.amazonaws.com");
    assert_eq!(
        authorize(&access(&caller, &context, None)),
        Decision::Allowed
    );
    let chain = ["athena.amazonaws.com", "dynamodb.amazonaws.com"];
    context.insert_all("aws:CalledVia", chain.map(str::to_owned).to_vec());
    assert_eq!(
        authorize(&access(&caller, &context, None)),
        Decision::Allowed
    );
    context.insert("aws:CalledVia", "athena.amazonaws.com");
    assert!(authorize(&access(&caller, &context, None)) != Decision::Allowed);
}
