//! Callers and shorthands that the policy tests share.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use sealgate_policy::*;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

pub const ACCOUNT: &str = "111122223333";
pub const OTHER: &str = "444455556666";
pub const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

pub const ROLE: &str = "arn:aws:iam::111122223333:role/app/Reader";
pub const PROVIDER: &str = "arn:aws:iam::111122223333:oidc-provider/idp.example.com";

pub fn environment() -> Environment {
    Environment {
        source_ip: Some("203.0.113.7".parse().unwrap()),
        secure_transport: true,
        user_agent: Some("aws-cli/2.0".to_owned()),
        now: OffsetDateTime::from_unix_timestamp(1_770_000_000).unwrap(), // 2026-02-02T02:40:00Z
        region: "us-east-1".to_owned(),
    }
}

/// A policy for an identity, a boundary or a session, called by its own text.
pub fn attached(document: &Value) -> AttachedPolicy {
    let text = document.to_string();
    let policy = Policy::parse_identity(&text).unwrap();
    AttachedPolicy::new(text, policy)
}

pub fn caller(principal: Principal, policies: &[Value]) -> Caller {
    let mut caller = Caller::new(principal, environment());
    caller.identity_policies = policies.iter().map(attached).collect();
    caller
}

pub fn user_of(account: &str, name: &str, policies: &[Value]) -> Caller {
    let principal = Principal {
        account_id: account.to_owned(),
        kind: PrincipalKind::User {
            name: name.to_owned(),
        },
        arn: format!("arn:aws:iam::{account}:user/{name}"),
        id: "AIDACKCEVSQ6C2EXAMPLE".to_owned(),
        access_key_id: Some("AKIAIOSFODNN7EXAMPLE".to_owned()),
    };
    caller(principal, policies)
}

pub fn bob(policies: &[Value]) -> Caller {
    user_of(ACCOUNT, "bob", policies)
}

pub fn root_of(account: &str) -> Caller {
    let principal = Principal {
        account_id: account.to_owned(),
        kind: PrincipalKind::Root,
        arn: format!("arn:aws:iam::{account}:root"),
        id: account.to_owned(),
        access_key_id: None,
    };
    caller(principal, &[])
}

pub fn anonymous() -> Caller {
    let principal = Principal {
        account_id: String::new(),
        kind: PrincipalKind::Anonymous,
        arn: String::new(),
        id: String::new(),
        access_key_id: None,
    };
    caller(principal, &[])
}

pub fn service(name: &str) -> Caller {
    let principal = Principal {
        account_id: String::new(),
        kind: PrincipalKind::Service {
            name: name.to_owned(),
        },
        arn: name.to_owned(),
        id: name.to_owned(),
        access_key_id: None,
    };
    caller(principal, &[])
}

fn session(mfa: bool) -> Session {
    let now = environment().now;
    Session {
        issued: now - Duration::hours(1),
        expires: now + Duration::hours(1),
        mfa_at: mfa.then_some(now - Duration::minutes(10)),
        source_identity: None,
        federated_provider: None,
        policies: None,
    }
}

/// Session `s1` of the role `app/Reader`, with everything that a session can have but policies.
pub fn session_of_role(account: &str) -> Caller {
    let principal = Principal {
        account_id: account.to_owned(),
        kind: PrincipalKind::AssumedRole {
            role_name: "Reader".to_owned(),
            role_arn: format!("arn:aws:iam::{account}:role/app/Reader"),
            session_name: "s1".to_owned(),
        },
        arn: format!("arn:aws:sts::{account}:assumed-role/Reader/s1"),
        id: "AROACKCEVSQ6C2EXAMPLE:s1".to_owned(),
        access_key_id: Some("ASIAIOSFODNN7EXAMPLE".to_owned()),
    };
    let mut caller = caller(principal, &[]);
    caller.tags = Arc::new([("Team".to_owned(), "red".to_owned())].into());
    caller.session = Some(Arc::new(Session {
        source_identity: Some("carol".to_owned()),
        federated_provider: Some(PROVIDER.to_owned()),
        ..session(true)
    }));
    caller
}

/// The federated user `fed` of this user (or root user).
pub fn federated(user_arn: &str) -> Caller {
    let principal = Principal {
        account_id: ACCOUNT.to_owned(),
        kind: PrincipalKind::FederatedUser {
            name: "fed".to_owned(),
            user_arn: user_arn.to_owned(),
        },
        arn: format!("arn:aws:sts::{ACCOUNT}:federated-user/fed"),
        id: format!("{ACCOUNT}:fed"),
        access_key_id: Some("ASIAIOSFODNN7EXAMPLE".to_owned()),
    };
    let mut caller = caller(principal, &[]);
    caller.session = Some(Arc::new(session(false)));
    caller
}

/// A subject of [`PROVIDER`] that is about to assume a role.
pub fn web_identity() -> Caller {
    let principal = Principal {
        account_id: String::new(),
        kind: PrincipalKind::WebIdentity {
            provider: PROVIDER.to_owned(),
            subject: "subject".to_owned(),
        },
        arn: String::new(),
        id: String::new(),
        access_key_id: None,
    };
    caller(principal, &[])
}

/// Gives the caller's session these session policies.
pub fn limit_session(caller: &mut Caller, policies: Vec<AttachedPolicy>) {
    let mut limited = caller.session.as_deref().cloned().unwrap_or(session(false));
    limited.policies = Some(policies.into());
    caller.session = Some(Arc::new(limited));
}

/// A policy of version 2012-10-17 with one statement.
pub fn policy(statement: Value) -> Value {
    json!({ "Version": "2012-10-17", "Statement": statement })
}

pub fn allow(action: &str, resource: &str) -> Value {
    policy(json!({ "Effect": "Allow", "Action": action, "Resource": resource }))
}

pub fn deny(action: &str, resource: &str) -> Value {
    policy(json!({ "Effect": "Deny", "Action": action, "Resource": resource }))
}

/// A one-statement resource policy.
pub fn grant(effect: &str, principal: Value, action: &str) -> Value {
    policy(json!({ "Effect": effect, "Principal": principal, "Action": action, "Resource": "*" }))
}

pub fn key_policy(document: &Value) -> Policy {
    Policy::parse_key_policy(&document.to_string()).unwrap()
}

pub fn bucket_policy(document: &Value) -> Policy {
    Policy::parse_bucket_policy(&document.to_string()).unwrap()
}

/// A KMS call on a key of [`ACCOUNT`].
pub fn kms(caller: &Caller, action: &str, key_policy: &Policy, context: &Context) -> Decision {
    authorize(&Access {
        caller,
        action,
        resource: KEY,
        resource_account: ACCOUNT,
        context,
        resource_policy: Some(key_policy),
        authority: Authority::KeyPolicy,
        grant: None,
    })
}

/// An S3 call on a resource of [`ACCOUNT`].
pub fn s3(caller: &Caller, action: &str, resource: &str, bucket: Option<&Policy>) -> Decision {
    authorize(&Access {
        caller,
        action,
        resource,
        resource_account: ACCOUNT,
        context: &Context::new(),
        resource_policy: bucket,
        authority: Authority::Account,
        grant: None,
    })
}

/// Whether an identity policy of bob's alone allows.
pub fn permits(document: Value, action: &str, resource: &str) -> bool {
    s3(&bob(&[document]), action, resource, None) == Decision::Allowed
}

/// A reason without the place of the statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Why {
    Denied(PolicyType, Option<String>),
    NoAllow(PolicyType),
}

pub fn reason(decision: Decision) -> Why {
    match decision {
        Decision::Allowed => panic!("allowed"),
        Decision::Denied(denial) => match denial.statement() {
            Some(statement) => Why::Denied(statement.policy_type, statement.sid.clone()),
            None => Why::NoAllow(denial.policy_type()),
        },
    }
}

pub fn no_allow(policy: PolicyType) -> Why {
    Why::NoAllow(policy)
}

pub fn explicit(policy: PolicyType) -> Why {
    Why::Denied(policy, None)
}
