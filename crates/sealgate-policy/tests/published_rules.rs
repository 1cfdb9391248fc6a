//! AWS's published evaluation rules, case by case. The tables are in `tests/cases`; each heading there
//! names the page that states the rule.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::*;
use sealgate_policy::*;
use serde_json::{Value, json};

const TABLES: &[(&str, &str)] = &[
    ("same_account", include_str!("cases/same_account.txt")),
    ("limits", include_str!("cases/limits.txt")),
    ("cross_account", include_str!("cases/cross_account.txt")),
    ("kms", include_str!("cases/kms.txt")),
    ("trust", include_str!("cases/trust.txt")),
    ("operators", include_str!("cases/operators.txt")),
    ("multivalued", include_str!("cases/multivalued.txt")),
    ("keys", include_str!("cases/keys.txt")),
    ("variables", include_str!("cases/variables.txt")),
    ("actions", include_str!("cases/actions.txt")),
    ("refused", include_str!("cases/refused.txt")),
];

/// A row of a table: its cells, and where a failure is to be looked up.
struct Case {
    cells: Vec<&'static str>,
    place: String,
}

fn table(name: &str) -> Vec<Case> {
    let (_, text) = TABLES.iter().find(|(table, _)| *table == name).unwrap();
    let mut source = None;
    let mut cases = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if let Some(heading) = line.strip_prefix("## ") {
            assert!(heading.contains("<https://docs.aws.amazon.com/"), "{line}");
            source = Some(heading);
        } else if !line.is_empty() && !line.starts_with('#') && !line.starts_with("at ") {
            cases.push(Case {
                cells: line.split('|').map(str::trim).collect(),
                place: format!("{name}.txt:{}: {line} [{}]", number + 1, source.unwrap()),
            });
        }
    }
    cases
}

#[test]
fn there_are_at_least_three_hundred_cases() {
    let count: usize = TABLES.iter().map(|(name, _)| table(name).len()).sum();
    assert!(count >= 300, "{count}");
}

// --- decisions: who, with which policies, on what

#[derive(Clone, Copy)]
enum At {
    Bucket,
    Key,
    Role,
}

impl At {
    /// The action in question, another action, and the resource.
    fn target(self) -> (&'static str, &'static str, &'static str) {
        match self {
            At::Bucket => ("s3:GetObject", "s3:PutObject", "arn:aws:s3:::bucket/key"),
            At::Key => ("kms:Decrypt", "kms:Encrypt", KEY),
            At::Role => (
                "sts:AssumeRole",
                "sts:TagSession",
                "arn:aws:iam::111122223333:role/Target",
            ),
        }
    }

    fn parse(self, document: &str) -> Result<Policy, PolicyError> {
        match self {
            At::Bucket => Policy::parse_bucket_policy(document),
            At::Key => Policy::parse_key_policy(document),
            At::Role => Policy::parse_trust(document),
        }
    }

    /// `Allow`, `Deny other`, and of a resource's policy `Allow bob`, `Deny other !bob,account`.
    fn statement(self, words: &str, of_resource: bool) -> Value {
        let mut words = words.split_whitespace().peekable();
        let effect = words.next().unwrap();
        let (action, other, _) = self.target();
        let action = if words.next_if_eq(&"other").is_some() {
            other
        } else {
            action
        };
        let mut statement = json!({ "Effect": effect, "Action": action });
        if !matches!(self, At::Role) || !of_resource {
            statement["Resource"] = json!("*");
        }
        if of_resource {
            let names = words.next().unwrap();
            match names.strip_prefix('!') {
                Some(names) => statement["NotPrincipal"] = principals(names),
                None => statement["Principal"] = principals(names),
            }
        }
        assert_eq!(words.next(), None);
        statement
    }

    /// The policies of an identity, a boundary or a session: `-` for none, `()` for an empty list.
    fn attached(self, cell: &str) -> Option<Vec<AttachedPolicy>> {
        match cell {
            "-" => None,
            "()" => Some(Vec::new()),
            _ => Some(
                cell.split(';')
                    .map(|words| attached(&policy(self.statement(words, false))))
                    .collect(),
            ),
        }
    }
}

fn principals(names: &str) -> Value {
    if names == "*" {
        return json!("*");
    }
    let mut principals = json!({});
    for name in names.split(',') {
        let (kind, text) = match name {
            "account" => ("AWS", ACCOUNT),
            "other-account" => ("AWS", "arn:aws:iam::444455556666:root"),
            "bob" | "alice" => ("AWS", &*format!("arn:aws:iam::111122223333:user/{name}")),
            "eve" => ("AWS", "arn:aws:iam::444455556666:user/eve"),
            "role" => ("AWS", ROLE),
            "session" => ("AWS", "arn:aws:sts::111122223333:assumed-role/Reader/s1"),
            "other-session" => ("AWS", "arn:aws:sts::111122223333:assumed-role/Reader/s2"),
            "other-role" => ("AWS", "arn:aws:iam::444455556666:role/app/Reader"),
            "its-session" => ("AWS", "arn:aws:sts::444455556666:assumed-role/Reader/s1"),
            "federated" => ("AWS", "arn:aws:sts::111122223333:federated-user/fed"),
            "service" => ("Service", "logging.s3.amazonaws.com"),
            "web" => ("Federated", PROVIDER),
            "other-web" => ("Federated", "accounts.google.com"),
            _ => panic!("no principal {name}"),
        };
        match principals.get_mut(kind) {
            Some(list) => list.as_array_mut().unwrap().push(json!(text)),
            None => principals[kind] = json!([text]),
        }
    }
    principals
}

fn caller_named(name: &str) -> Caller {
    match name {
        "bob" => bob(&[]),
        "eve" => user_of(OTHER, "eve", &[]),
        "root" => root_of(ACCOUNT),
        "other-root" => root_of(OTHER),
        "role" => session_of_role(ACCOUNT),
        "other-role" => session_of_role(OTHER),
        "federated" => federated("arn:aws:iam::111122223333:user/bob"),
        "root-federated" => federated("arn:aws:iam::111122223333:root"),
        "anonymous" => anonymous(),
        "service" => service("logging.s3.amazonaws.com"),
        "web" => web_identity(),
        _ => panic!("no caller {name}"),
    }
}

/// The decision in a word or two, and that `explain` says the same.
fn verdict(access: &Access<'_>) -> String {
    let decision = authorize(access);
    let explanation = explain(access);
    assert_eq!(decision, explanation.decision);
    match decision {
        Decision::Allowed => {
            match explanation.decided_by {
                DecidedBy::Statement(statement) => assert_eq!(statement.effect, Effect::Allow),
                DecidedBy::Grant(id) => assert_eq!(access.grant, Some(&*id)),
                DecidedBy::RootUser => {}
                DecidedBy::NoAllow(_) => panic!("allowed by nothing"),
            }
            "allowed".to_owned()
        }
        Decision::Denied(denial) => {
            let how = if denial.explicit() {
                "explicit"
            } else {
                "implicit"
            };
            let policy = match denial.policy_type() {
                PolicyType::Identity => "identity",
                PolicyType::Boundary => "boundary",
                PolicyType::Session => "session",
                PolicyType::Resource => "resource",
            };
            format!("{how} {policy}")
        }
    }
}

fn decisions(name: &str, at: At) {
    for Case { cells, place } in table(name) {
        let [who, identity, boundary, session, resource, expected] = cells[..] else {
            panic!("{place}");
        };
        let mut caller = caller_named(who);
        caller.identity_policies = at.attached(identity).unwrap_or_default().into();
        caller.boundary = at.attached(boundary).map(|policies| {
            let statements: Vec<Value> = boundary
                .split(';')
                .map(|words| at.statement(words, false))
                .collect();
            assert_eq!(policies.len(), statements.len());
            attached(&policy(json!(statements)))
        });
        if let Some(policies) = at.attached(session) {
            limit_session(&mut caller, policies);
        }
        let mut grant = None;
        let mut statements = Vec::new();
        for words in resource.split(';').map(str::trim) {
            match words {
                "-" => {}
                "grant" => grant = Some("grant-1"),
                _ => statements.push(at.statement(words, true)),
            }
        }
        let document = policy(json!(statements)).to_string();
        let resource_policy = (!statements.is_empty()).then(|| at.parse(&document).unwrap());
        let (action, _, resource) = at.target();
        let access = Access {
            caller: &caller,
            action,
            resource,
            resource_account: ACCOUNT,
            context: &Context::new(),
            resource_policy: resource_policy.as_ref(),
            authority: match at {
                At::Bucket => Authority::Account,
                At::Key | At::Role => Authority::KeyPolicy,
            },
            grant,
        };
        assert_eq!(verdict(&access), expected, "{place}");
    }
}

#[test]
fn within_an_account() {
    decisions("same_account", At::Bucket);
}

#[test]
fn boundaries_and_session_policies_limit() {
    decisions("limits", At::Bucket);
}

#[test]
fn across_accounts() {
    decisions("cross_account", At::Bucket);
}

#[test]
fn keys_and_grants() {
    decisions("kms", At::Key);
}

#[test]
fn trust_policies() {
    decisions("trust", At::Role);
}

// --- single statements: whether one applies

/// Whether a statement of this effect, with these elements beside, applies to the caller's request.
fn applies(
    caller: &Caller,
    elements: Value,
    action: &str,
    resource: &str,
    context: &Context,
) -> bool {
    let mut seen = Vec::new();
    for effect in ["Allow", "Deny"] {
        let mut statement = elements.clone();
        statement["Effect"] = json!(effect);
        for (element, default) in [("Action", "NotAction"), ("Resource", "NotResource")] {
            if statement.get(element).is_none() && statement.get(default).is_none() {
                statement[element] = json!("*");
            }
        }
        let mut caller = caller.clone();
        let mut policies = vec![attached(&policy(statement))];
        if effect == "Deny" {
            policies.push(attached(&allow("*", "*")));
        }
        caller.identity_policies = policies.into();
        let access = Access {
            caller: &caller,
            action,
            resource,
            resource_account: ACCOUNT,
            context,
            resource_policy: None,
            authority: Authority::Account,
            grant: None,
        };
        seen.push((verdict(&access) == "allowed") == (effect == "Allow"));
    }
    // Where a variable has no value the two may differ: see `Statement::applies`.
    assert!(seen[0] == seen[1] || !seen[0], "{elements}");
    seen[0]
}

fn yes(cell: &str) -> bool {
    match cell {
        "yes" => true,
        "no" => false,
        _ => panic!("neither yes nor no: {cell}"),
    }
}

fn conditions(name: &str) {
    for Case { cells, place } in table(name) {
        let [operator, operands, values, expected] = cells[..] else {
            panic!("{place}");
        };
        let operands: Value = serde_json::from_str(operands).expect(&place);
        let mut context = Context::new();
        match values {
            "missing" => {}
            values => match serde_json::from_str(values).expect(&place) {
                Value::String(value) => context.insert("aws:RequestTag/k", value),
                list => {
                    context.insert_all("aws:RequestTag/k", serde_json::from_value(list).unwrap());
                }
            },
        }
        let condition = json!({ "Condition": { operator: { "aws:RequestTag/k": operands } } });
        let holds = applies(&bob(&[]), condition, "iam:TagUser", "*", &context);
        assert_eq!(holds, yes(expected), "{place}");
    }
}

#[test]
fn operators() {
    conditions("operators");
}

#[test]
fn multivalued_keys() {
    conditions("multivalued");
}

#[test]
fn keys_of_every_request() {
    for Case { cells, place } in table("keys") {
        let [who, condition, expected] = cells[..] else {
            panic!("{place}");
        };
        let condition: Value = serde_json::from_str(condition).expect(&place);
        let caller = caller_named(who);
        let holds = applies(
            &caller,
            json!({ "Condition": condition }),
            "s3:GetObject",
            "arn:aws:s3:::bucket/key",
            &Context::new(),
        );
        assert_eq!(holds, yes(expected), "{place}");
    }
}

#[test]
fn variables_and_resources() {
    for Case { cells, place } in table("variables") {
        let [who, pattern, resource, expected] = cells[..] else {
            panic!("{place}");
        };
        let (element, pattern) = pattern.split_once(' ').expect(&place);
        let caller = caller_named(who);
        let covers = applies(
            &caller,
            json!({ element: pattern }),
            "s3:GetObject",
            resource,
            &Context::new(),
        );
        assert_eq!(covers, yes(expected), "{place}");
    }
}

#[test]
fn actions() {
    for Case { cells, place } in table("actions") {
        let [pattern, action, expected] = cells[..] else {
            panic!("{place}");
        };
        let (element, pattern) = pattern.split_once(' ').expect(&place);
        let pattern: Value = serde_json::from_str(pattern).expect(&place);
        let elements = json!({ element: pattern });
        let covers = applies(
            &bob(&[]),
            elements,
            action,
            "arn:aws:s3:::a",
            &Context::new(),
        );
        assert_eq!(covers, yes(expected), "{place}");
    }
}

#[test]
fn what_is_refused() {
    for Case { cells, place } in table("refused") {
        let [kind, statement, words] = cells[..] else {
            panic!("{place}");
        };
        let document = format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#);
        let parsed = match kind {
            "identity" => Policy::parse_identity(&document),
            "key" => Policy::parse_key_policy(&document),
            "trust" => Policy::parse_trust(&document),
            _ => panic!("{place}"),
        };
        let error = parsed.expect_err(&place).to_string();
        assert!(error.starts_with(words), "{place}: {error}");
    }
}
