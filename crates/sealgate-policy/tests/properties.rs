//! What holds for all policies.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::*;
use proptest::prelude::*;
use sealgate_policy::*;
use serde_json::{Value, json};

/// `PROPTEST_CASES` makes a longer search of it: millions of cases for the parser take minutes.
fn cases(usual: u32) -> ProptestConfig {
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => ProptestConfig::default(),
        None => ProptestConfig::with_cases(usual),
    }
}

const ACTIONS: &[&str] = &[
    "s3:GetObject",
    "s3:PutObject",
    "s3:DeleteObject",
    "s3:ListBucket",
];
const RESOURCES: &[&str] = &["arn:aws:s3:::a", "arn:aws:s3:::a/x", "arn:aws:s3:::b/x/y"];

fn action_pattern() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "*",
        "s3:*",
        "s3:Get*",
        "s3:GetObject",
        "s3:PutObject",
        "s3:*Object",
        "kms:*",
    ])
}

fn resource_pattern() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "*",
        "arn:aws:s3:::a",
        "arn:aws:s3:::a/*",
        "arn:aws:s3:::*",
        "arn:aws:s3:::b/${aws:username}",
        "arn:aws:kms",
    ])
}

fn condition() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!({}),
        json!({ "Bool": { "aws:SecureTransport": "true" } }),
        json!({ "StringNotEquals": { "s3:prefix": "x" } }),
        json!({ "IpAddress": { "aws:SourceIp": "10.0.0.0/8" } }),
        json!({ "Null": { "aws:username": "false" } }),
        json!({ "ForAllValues:StringEquals": { "aws:TagKeys": ["a"] } }),
    ])
}

fn statement() -> impl Strategy<Value = Value> {
    let effect = prop::sample::select(vec!["Allow", "Deny"]);
    (
        effect,
        any::<bool>(),
        action_pattern(),
        any::<bool>(),
        resource_pattern(),
        condition(),
    )
        .prop_map(
            |(effect, not_action, action, not_resource, resource, condition)| {
                json!({
                    "Effect": effect,
                    if not_action { "NotAction" } else { "Action" }: action,
                    if not_resource { "NotResource" } else { "Resource" }: resource,
                    "Condition": condition,
                })
            },
        )
}

fn statements() -> impl Strategy<Value = Vec<Value>> {
    prop::collection::vec(statement(), 1..5)
}

fn principal() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!("*"),
        json!({ "AWS": ACCOUNT }),
        json!({ "AWS": "arn:aws:iam::111122223333:user/bob" }),
        json!({ "AWS": OTHER }),
    ])
}

fn with_principal(mut statements: Vec<Value>, principal: &Value) -> Value {
    for statement in &mut statements {
        statement["Principal"] = principal.clone();
    }
    policy(json!(statements))
}

fn callers(policies: &[Value]) -> Vec<Caller> {
    vec![
        bob(policies),
        user_of(OTHER, "eve", policies),
        with_policies(session_of_role(ACCOUNT), policies),
        with_policies(session_of_role(OTHER), policies),
        root_of(ACCOUNT),
        anonymous(),
    ]
}

/// All answers of a set of callers, actions, resources and authorities. On the way: `explain` decides
/// as `authorize` does, with a statement that is among those that matched.
fn answers(identity: &[Value], resource_policy: &Policy) -> Vec<Decision> {
    answers_to(callers(identity), resource_policy)
}

fn with_policies(mut caller: Caller, policies: &[Value]) -> Caller {
    caller.identity_policies = policies.iter().map(attached).collect();
    caller
}

fn answers_to(callers: Vec<Caller>, resource_policy: &Policy) -> Vec<Decision> {
    let context = Context::new();
    let mut answers = Vec::new();
    for caller in callers {
        for action in ACTIONS {
            for resource in RESOURCES {
                for authority in [Authority::Account, Authority::KeyPolicy] {
                    let access = Access {
                        caller: &caller,
                        action,
                        resource,
                        resource_account: ACCOUNT,
                        context: &context,
                        resource_policy: Some(resource_policy),
                        authority,
                        grant: None,
                    };
                    let decision = authorize(&access);
                    let explanation = explain(&access);
                    assert_eq!(decision, explanation.decision);
                    if let DecidedBy::Statement(statement) = &explanation.decided_by {
                        assert!(explanation.matched.contains(statement));
                        let denied = decision != Decision::Allowed;
                        assert_eq!(denied, statement.effect == Effect::Deny);
                    }
                    answers.push(decision);
                }
            }
        }
    }
    answers
}

/// Decisions without the place of the statement, which moves when another is put before it.
fn reasons(decisions: Vec<Decision>) -> Vec<Option<Why>> {
    let each = |decision| match decision {
        Decision::Allowed => None,
        denied => Some(reason(denied)),
    };
    decisions.into_iter().map(each).collect()
}

fn insert(statements: &[Value], at: prop::sample::Index, extra: Value) -> Vec<Value> {
    let mut longer = statements.to_vec();
    longer.insert(at.index(statements.len() + 1), extra);
    longer
}

proptest! {
    #![proptest_config(cases(128))]

    #[test]
    fn an_explicit_deny_is_never_overridden(
        identity in statements(), resource in statements(), principal in principal(), at in any::<prop::sample::Index>()
    ) {
        let everything = json!({ "Effect": "Deny", "Action": "*", "Resource": "*" });
        let identity = policy(json!(identity));
        let denying = bucket_or_key(&insert(&resource, at, everything), &json!("*"), None);
        for decision in answers(&[identity], &denying) {
            prop_assert!(matches!(decision, Decision::Denied(denial) if denial.explicit()));
        }
        let open = bucket_or_key(&resource, &principal, Some(allow_all()));
        let denied = policy(json!(insert(&resource, at, json!({ "Effect": "Deny", "Action": "*", "Resource": "*" }))));
        let caller = bob(&[allow("*", "*"), denied]);
        let decision = s3(&caller, "s3:GetObject", "arn:aws:s3:::a/x", Some(&open));
        prop_assert!(matches!(decision, Decision::Denied(denial) if denial.explicit()));
    }

    #[test]
    fn an_unrelated_statement_changes_nothing(
        identity in statements(), resource in statements(), principal in principal(), at in any::<prop::sample::Index>(), effect in prop::sample::select(vec!["Allow", "Deny"])
    ) {
        let unrelated = json!({ "Effect": effect, "Action": "sqs:SendMessage", "Resource": "*" });
        let before = answers(&[policy(json!(identity))], &key_policy(&with_principal(resource.clone(), &principal)));
        let longer = with_principal(insert(&resource, at, unrelated.clone()), &principal);
        let after = answers(&[policy(json!(insert(&identity, at, unrelated)))], &key_policy(&longer));
        prop_assert_eq!(reasons(before), reasons(after));
    }

    #[test]
    fn an_allow_never_takes_and_a_deny_never_gives(
        identity in statements(), resource in statements(), extra in statement(), principal in principal(), at in any::<prop::sample::Index>()
    ) {
        let key = key_policy(&with_principal(resource, &principal));
        let allowing = extra["Effect"] == "Allow";
        let before = answers(&[policy(json!(identity))], &key);
        let after = answers(&[policy(json!(insert(&identity, at, extra)))], &key);
        for (before, after) in before.iter().zip(&after) {
            let (gains, keeps) = (*after == Decision::Allowed, *before == Decision::Allowed);
            let holds = if allowing { gains >= keeps } else { gains <= keeps };
            prop_assert!(holds);
        }
    }

    #[test]
    fn a_statement_taken_away_from_a_resource_gives_nothing_if_it_allowed(
        identity in statements(), resource in statements(), extra in statement(), principal in principal(), at in any::<prop::sample::Index>()
    ) {
        let identity = [policy(json!(identity))];
        let allowing = extra["Effect"] == "Allow";
        let with = answers(&identity, &key_policy(&with_principal(insert(&resource, at, extra), &principal)));
        let without = answers(&identity, &key_policy(&with_principal(resource, &principal)));
        for (with, without) in with.iter().zip(&without) {
            let (with, without) = (*with == Decision::Allowed, *without == Decision::Allowed);
            let holds = if allowing { without <= with } else { with <= without };
            prop_assert!(holds);
        }
    }

    #[test]
    fn boundary_and_session_policies_only_ever_narrow(
        identity in statements(), resource in statements(), principal in principal(), limits in statements(), boundary in any::<bool>(), session in any::<bool>()
    ) {
        let key = key_policy(&with_principal(resource, &principal));
        let free = || callers(&[policy(json!(identity))]);
        let limits = attached(&policy(json!(limits)));
        let mut limited = free();
        for caller in &mut limited {
            if boundary {
                caller.boundary = Some(limits.clone());
            }
            if session {
                limit_session(caller, vec![limits.clone()]);
            }
        }
        for (free, limited) in answers_to(free(), &key).iter().zip(&answers_to(limited, &key)) {
            prop_assert!(*free == Decision::Allowed || *limited != Decision::Allowed);
        }
    }

    #[test]
    fn the_order_of_statements_does_not_matter_to_whether_access_is_allowed(
        identity in statements(), resource in statements(), principal in principal()
    ) {
        let reversed = |statements: &[Value]| statements.iter().rev().cloned().collect::<Vec<_>>();
        let allowed = |decisions: Vec<Decision>| {
            decisions.into_iter().map(|decision| decision == Decision::Allowed).collect::<Vec<_>>()
        };
        let forward = answers(&[policy(json!(identity))], &key_policy(&with_principal(resource.clone(), &principal)));
        let backward = answers(
            &[policy(json!(reversed(&identity)))],
            &key_policy(&with_principal(reversed(&resource), &principal)),
        );
        prop_assert_eq!(allowed(forward), allowed(backward));
    }

    #[test]
    fn an_unknown_operator_never_allows(name in "[A-Za-z:]{0,30}", key in "(aws|s3|kms):[A-Za-z]{1,20}", value in ".{0,10}") {
        let document = policy(json!({
            "Effect": "Allow", "Action": "*", "Resource": "*", "Condition": { format!("X{name}"): { key: value } }
        }));
        prop_assert!(Policy::parse_identity(&document.to_string()).is_err());
    }
}

fn allow_all() -> Value {
    json!({ "Effect": "Allow", "Action": "*", "Resource": "*" })
}

fn bucket_or_key(statements: &[Value], principal: &Value, extra: Option<Value>) -> Policy {
    let statements = statements.iter().cloned().chain(extra).collect();
    key_policy(&with_principal(statements, principal))
}

// --- the parser meets anything

fn parse_all(text: &str) {
    for parsed in [
        Policy::parse_identity(text),
        Policy::parse_key_policy(text),
        Policy::parse_bucket_policy(text),
        Policy::parse_trust(text),
    ] {
        match parsed {
            Err(error) => assert!(!error.to_string().is_empty()),
            Ok(policy) => {
                assert_eq!(policy.source(), text);
                for caller in callers(&[allow("*", "*")]) {
                    let context = Context::new();
                    let _ = kms(&caller, "kms:Decrypt", &policy, &context);
                    policy_context_keys(&policy);
                    let _ = s3(&caller, "s3:GetObject", "arn:aws:s3:::a/🗝:é", Some(&policy));
                }
            }
        }
    }
}

/// JSON made of the words of the policy language, so that it often gets past the first checks.
fn nearly_policy() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec![
        "Allow",
        "Deny",
        "2012-10-17",
        "2008-10-17",
        "*",
        "s3:*",
        "kms:Decrypt",
        "arn:aws:s3:::a/*",
        "true",
        "10",
        "${aws:username}",
        "arn:aws:s3:::${aws:PrincipalTag/x, 'y'}",
        "arn:aws:iam::111122223333:root",
        "10.0.0.0/8",
        "${",
        "${}",
        "${*}",
        "arn:",
        "arn:::",
        "é*?",
        "s3.amazonaws.com",
        "2026-01-01T00:00:00Z",
        "AQID",
        "",
    ]);
    let name = prop::sample::select(vec![
        "Version",
        "Id",
        "Statement",
        "Sid",
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
        "AWS",
        "Service",
        "Federated",
        "CanonicalUser",
        "StringLike",
        "ArnLike",
        "IpAddress",
        "NumericLessThan",
        "DateLessThan",
        "Bool",
        "Null",
        "BinaryEquals",
        "ForAllValues:StringNotEqualsIfExists",
        "aws:SourceIp",
        "aws:CurrentTime",
        "s3:prefix",
        "kms:EncryptionContext:a",
    ]);
    let leaf = prop_oneof![
        8 => word.prop_map(|word| json!(word)),
        1 => any::<i64>().prop_map(|number| json!(number)),
        1 => any::<bool>().prop_map(|flag| json!(flag)),
        1 => Just(Value::Null),
        1 => ".{0,12}".prop_map(|text| json!(text)),
    ];
    leaf.prop_recursive(5, 60, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| json!(items)),
            prop::collection::btree_map(name.clone().prop_map(str::to_owned), inner, 0..8)
                .prop_map(|map| json!(map)),
        ]
    })
}

/// A well-formed statement in which one element is replaced by anything.
fn damaged_policy() -> impl Strategy<Value = Value> {
    let element = prop::sample::select(vec![
        "Sid",
        "Effect",
        "Principal",
        "Action",
        "Resource",
        "Condition",
        "Other",
    ]);
    (element, nearly_policy()).prop_map(|(element, value)| {
        let mut statement =
            json!({ "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*" });
        statement[element] = value;
        policy(statement)
    })
}

proptest! {
    #![proptest_config(cases(1024))]

    #[test]
    fn arbitrary_bytes_never_panic_the_parser(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        parse_all(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn arbitrary_json_never_panics_the_parser(value in nearly_policy()) {
        parse_all(&value.to_string());
    }

    #[test]
    fn a_damaged_statement_never_panics_the_parser(value in damaged_policy()) {
        parse_all(&value.to_string());
    }

    #[test]
    fn a_damaged_text_never_panics_the_parser(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = aws_s3_key_policy(ACCOUNT, "us-east-1").into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        parse_all(&String::from_utf8_lossy(&bytes));
    }
}
