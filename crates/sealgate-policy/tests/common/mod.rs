//! Callers and shorthands that the policy tests share.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use sealgate_policy::*;
use serde_json::{Value, json};
use time::OffsetDateTime;

pub const ACCOUNT: &str = "111122223333";
pub const OTHER: &str = "444455556666";
pub const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

pub fn environment() -> Environment {
    Environment {
        source_ip: Some("203.0.113.7".parse().unwrap()),
        secure_transport: true,
        user_agent: Some("aws-cli/2.0".to_owned()),
        now: OffsetDateTime::from_unix_timestamp(1_770_000_000).unwrap(), // 2026-02-02T02:40:00Z
        region: "us-east-1".to_owned(),
    }
}

fn caller(principal: Principal, policies: &[Value]) -> Caller {
    let parse = |policy: &Value| Arc::new(Policy::parse_identity(&policy.to_string()).unwrap());
    Caller {
        principal,
        identity_policies: policies.iter().map(parse).collect(),
        environment: environment(),
    }
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
    })
}

/// Whether an identity policy of bob's alone allows.
pub fn permits(document: Value, action: &str, resource: &str) -> bool {
    s3(&bob(&[document]), action, resource, None) == Decision::Allowed
}

pub fn reason(decision: Decision) -> Reason {
    match decision {
        Decision::Allowed => panic!("allowed"),
        Decision::Denied(denial) => denial.reason().clone(),
    }
}

pub fn no_allow(policy: PolicyType) -> Reason {
    Reason::NoAllow { policy }
}

pub fn explicit(policy: PolicyType) -> Reason {
    Reason::ExplicitDeny { policy, sid: None }
}
