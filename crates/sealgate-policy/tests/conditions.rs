//! Condition operators and keys.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::*;
use sealgate_policy::*;
use serde_json::{Value, json};

/// Whether the condition holds for `caller` with these keys supplied by the operation.
fn holds_for(caller: Caller, condition: &Value, keys: &[(&str, &[&str])]) -> bool {
    let document = policy(
        json!({ "Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition }),
    );
    let caller = Caller {
        identity_policies: [attached(&document)].into(),
        ..caller
    };
    let mut context = Context::new();
    for (key, values) in keys {
        context.insert_all(
            key,
            values.iter().map(|value| (*value).to_owned()).collect(),
        );
    }
    let access = Access {
        caller: &caller,
        action: "kms:CreateKey",
        resource: "*",
        resource_account: ACCOUNT,
        context: &context,
        resource_policy: None,
        authority: Authority::Account,
        grant: None,
    };
    authorize(&access) == Decision::Allowed
}

fn holds(condition: Value, keys: &[(&str, &[&str])]) -> bool {
    holds_for(bob(&[]), &condition, keys)
}

/// `operator` with one or more operands against one value of `s3:prefix`.
fn compare(operator: &str, operands: Value, value: &str) -> bool {
    holds(
        json!({ operator: { "s3:prefix": operands } }),
        &[("s3:prefix", &[value])],
    )
}

#[test]
fn single_values() {
    for (operator, operands, value, expected) in [
        ("StringEquals", json!("a"), "a", true),
        ("StringEquals", json!("a"), "A", false),
        ("StringEquals", json!("a*"), "ab", false),
        ("StringEquals", json!("a*"), "a*", true),
        ("StringEquals", json!(["x", "a"]), "a", true),
        ("StringEquals", json!(""), "", true),
        ("StringEquals", json!(7), "7", true),
        ("StringEquals", json!(true), "true", true),
        ("StringEquals", json!("${aws:username}"), "bob", true),
        ("StringEquals", json!("${aws:PrincipalTag/x}"), "", false),
        ("StringNotEquals", json!("a"), "a", false),
        ("StringNotEquals", json!("a"), "b", true),
        ("StringNotEquals", json!(["a", "b"]), "b", false),
        ("StringNotEquals", json!(["a", "b"]), "c", true),
        (
            "StringNotEquals",
            json!("${aws:PrincipalTag/x}"),
            "a",
            false,
        ),
        ("StringEqualsIgnoreCase", json!("AbC"), "aBc", true),
        ("StringEqualsIgnoreCase", json!("É"), "é", true),
        (
            "StringEqualsIgnoreCase",
            json!("${aws:username}"),
            "BOB",
            true,
        ),
        ("StringEqualsIgnoreCase", json!("a*"), "ab", false),
        ("StringNotEqualsIgnoreCase", json!("AbC"), "aBc", false),
        ("StringNotEqualsIgnoreCase", json!("AbC"), "abd", true),
        ("StringLike", json!("a*"), "abc", true),
        ("StringLike", json!("a?c"), "abc", true),
        ("StringLike", json!("A*"), "abc", false),
        ("StringLike", json!(["x*", "*c"]), "abc", true),
        (
            "StringLike",
            json!("home/${aws:username}/*"),
            "home/bob/x",
            true,
        ),
        (
            "StringLike",
            json!("home/${aws:username}/*"),
            "home/eve/x",
            false,
        ),
        ("StringLike", json!("a${*}"), "abc", false),
        ("StringNotLike", json!("a*"), "abc", false),
        ("StringNotLike", json!(["x*", "y*"]), "abc", true),
        ("NumericEquals", json!("10"), "10", true),
        ("NumericEquals", json!(10), "10.0", true),
        ("NumericEquals", json!("10"), "ten", false),
        ("NumericNotEquals", json!("10"), "11", true),
        ("NumericNotEquals", json!("10"), "10", false),
        ("NumericLessThan", json!("10"), "9", true),
        ("NumericLessThan", json!("10"), "10", false),
        ("NumericLessThan", json!(["5", "10"]), "7", true),
        ("NumericLessThanEquals", json!("10"), "10", true),
        ("NumericLessThanEquals", json!("10"), "10.01", false),
        ("NumericGreaterThan", json!("-1"), "0", true),
        ("NumericGreaterThan", json!("0"), "0", false),
        ("NumericGreaterThanEquals", json!("2.5"), "2.5", true),
        ("NumericGreaterThanEquals", json!("2.5"), "", false),
        (
            "DateEquals",
            json!("2026-01-01T00:00:00Z"),
            "2026-01-01T01:00:00+01:00",
            true,
        ),
        ("DateEquals", json!("1767225600"), "2026-01-01", true),
        ("DateNotEquals", json!("2026"), "2026-01-01", false),
        (
            "DateLessThan",
            json!("2026-01-02"),
            "2026-01-01T23:59:59Z",
            true,
        ),
        ("DateLessThan", json!("2026-01-02"), "2026-01-02", false),
        (
            "DateLessThanEquals",
            json!("2026-01-02"),
            "2026-01-02",
            true,
        ),
        ("DateGreaterThan", json!("2026-01-02"), "2026-01-03", true),
        ("DateGreaterThan", json!("2026-01-02"), "never", false),
        (
            "DateGreaterThanEquals",
            json!("2026-01-02"),
            "2026-01-02",
            true,
        ),
        ("Bool", json!("true"), "true", true),
        ("Bool", json!(true), "TRUE", true),
        ("Bool", json!("false"), "true", false),
        ("Bool", json!("true"), "1", false),
        ("BinaryEquals", json!("AQID"), "AQID", true),
        ("BinaryEquals", json!("AQID"), "AQIE", false),
        ("BinaryEquals", json!("AQID"), "%%", false),
        ("IpAddress", json!("10.0.0.0/8"), "10.255.0.1", true),
        ("IpAddress", json!("10.0.0.0/8"), "11.0.0.1", false),
        ("IpAddress", json!("10.0.0.0/8"), "::ffff:10.0.0.1", true),
        ("IpAddress", json!("10.1.2.3"), "10.1.2.3", true),
        ("IpAddress", json!("10.1.2.3"), "10.1.2.4", false),
        (
            "IpAddress",
            json!(["192.0.2.0/24", "2001:db8::/32"]),
            "2001:db8::1",
            true,
        ),
        ("IpAddress", json!("0.0.0.0/0"), "2001:db8::1", false),
        ("IpAddress", json!("::/0"), "10.0.0.1", false),
        ("IpAddress", json!("10.0.0.0/8"), "elsewhere", false),
        ("NotIpAddress", json!("10.0.0.0/8"), "10.0.0.1", false),
        ("NotIpAddress", json!("10.0.0.0/8"), "11.0.0.1", true),
        (
            "NotIpAddress",
            json!(["10.0.0.0/8", "11.0.0.0/8"]),
            "11.0.0.1",
            false,
        ),
        (
            "ArnEquals",
            json!("arn:aws:iam::111122223333:user/*"),
            "arn:aws:iam::111122223333:user/a/b",
            true,
        ),
        (
            "ArnEquals",
            json!("arn:aws:iam::111122223333:user/bob"),
            "arn:aws:iam::111122223333:user/Bob",
            false,
        ),
        (
            "ArnLike",
            json!("arn:aws:iam::*:user/bob"),
            "arn:aws:iam::444455556666:user/bob",
            true,
        ),
        (
            "ArnLike",
            json!("arn:aws:*:bob"),
            "arn:aws:iam::444455556666:user/bob",
            false,
        ),
        (
            "ArnLike",
            json!("arn:aws:s3:::b/${aws:username}"),
            "arn:aws:s3:::b/bob",
            true,
        ),
        ("ArnLike", json!("arn:aws:s3:::b/*"), "not an arn", false),
        (
            "ArnNotEquals",
            json!("arn:aws:s3:::b"),
            "arn:aws:s3:::c",
            true,
        ),
        (
            "ArnNotLike",
            json!("arn:aws:s3:::b*"),
            "arn:aws:s3:::b/x",
            false,
        ),
        (
            "ArnNotLike",
            json!(["arn:aws:s3:::b*", "arn:aws:s3:::c*"]),
            "arn:aws:s3:::d",
            true,
        ),
    ] {
        assert_eq!(
            compare(operator, operands.clone(), value),
            expected,
            "{operator} {operands} {value}"
        );
    }
}

#[test]
fn a_missing_key_fails_positive_operators_and_meets_negated_and_if_exists() {
    for (operator, operand, negated) in [
        ("StringEquals", "a", false),
        ("StringLike", "*", false),
        ("StringEqualsIgnoreCase", "a", false),
        ("NumericLessThan", "1", false),
        ("DateGreaterThan", "1970", false),
        ("Bool", "false", false),
        ("BinaryEquals", "AQID", false),
        ("IpAddress", "0.0.0.0/0", false),
        ("ArnLike", "*", false),
        ("StringNotEquals", "a", true),
        ("StringNotLike", "*", true),
        ("StringNotEqualsIgnoreCase", "a", true),
        ("NumericNotEquals", "1", true),
        ("DateNotEquals", "1970", true),
        ("NotIpAddress", "0.0.0.0/0", true),
        ("ArnNotEquals", "arn:aws:s3:::b", true),
        ("ArnNotLike", "*", true),
    ] {
        let with = |name: String| json!({ name: { "s3:prefix": operand } });
        assert_eq!(holds(with(operator.to_owned()), &[]), negated, "{operator}");
        // An empty list of values is no value.
        assert_eq!(
            holds(with(operator.to_owned()), &[("s3:prefix", &[])]),
            negated,
            "{operator}"
        );
        assert!(
            holds(with(format!("{operator}IfExists")), &[]),
            "{operator}"
        );
        assert!(
            holds(with(format!("ForAllValues:{operator}")), &[]),
            "{operator}"
        );
        assert!(
            !holds(with(format!("ForAnyValue:{operator}")), &[]),
            "{operator}"
        );
        assert!(
            holds(with(format!("ForAnyValue:{operator}IfExists")), &[]),
            "{operator}"
        );
    }
}

#[test]
fn if_exists_still_compares_a_key_that_is_there() {
    assert!(!compare("StringEqualsIfExists", json!("a"), "b"));
    assert!(compare("StringEqualsIfExists", json!("a"), "a"));
    assert!(!compare("StringNotEqualsIfExists", json!("a"), "a"));
    assert!(!compare("BoolIfExists", json!("true"), "false"));
}

#[test]
fn null_asks_whether_the_key_is_there() {
    let null = |wanted: Value| json!({ "Null": { "s3:prefix": wanted } });
    for (wanted, present, expected) in [
        (json!("true"), false, true),
        (json!("true"), true, false),
        (json!(false), false, false),
        (json!("false"), true, true),
        (json!(["true", "false"]), true, true),
    ] {
        let keys: &[(&str, &[&str])] = if present {
            &[("s3:prefix", &["x"])]
        } else {
            &[]
        };
        assert_eq!(
            holds(null(wanted.clone()), keys),
            expected,
            "{wanted} {present}"
        );
    }
    assert!(holds(null(json!("true")), &[("s3:prefix", &[])]));
    assert!(holds(json!({ "Null": { "aws:username": "false" } }), &[]));
}

#[test]
fn quantifiers_count_the_values_of_the_request() {
    let keys = |operator: &str, values: &[&str]| {
        holds(
            json!({ operator: { "aws:TagKeys": ["a", "b"] } }),
            &[("aws:TagKeys", values)],
        )
    };
    for (operator, values, expected) in [
        ("ForAllValues:StringEquals", &["a"][..], true),
        ("ForAllValues:StringEquals", &["a", "b"], true),
        ("ForAllValues:StringEquals", &["a", "c"], false),
        ("ForAllValues:StringEquals", &[""], true),
        ("ForAllValues:StringEquals", &["", "c"], false),
        ("ForAllValues:StringNotEquals", &["c", "d"], true),
        ("ForAllValues:StringNotEquals", &["a", "d"], false),
        ("ForAnyValue:StringEquals", &["a", "c"], true),
        ("ForAnyValue:StringEquals", &["c", "d"], false),
        ("ForAnyValue:StringEquals", &[""], false),
        ("ForAnyValue:StringNotEquals", &["a", "c"], true),
        ("ForAnyValue:StringNotEquals", &["a", "b"], false),
        ("ForAnyValue:StringNotEquals", &[""], false),
        // Without a quantifier one value is enough, and of a negated operator none may match.
        ("StringEquals", &["a", "c"], true),
        ("StringEquals", &["c", "d"], false),
        ("StringNotEquals", &["a", "c"], false),
        ("StringNotEquals", &["c", "d"], true),
    ] {
        assert_eq!(keys(operator, values), expected, "{operator} {values:?}");
    }
}

#[test]
fn all_conditions_have_to_hold() {
    let condition = json!({
        "StringEquals": { "s3:prefix": ["a", "b"], "s3:delimiter": "/" },
        "NumericLessThan": { "s3:max-keys": "11" },
    });
    let keys = |prefix, delimiter, max| {
        holds(
            condition.clone(),
            &[
                ("s3:prefix", &[prefix]),
                ("s3:delimiter", &[delimiter]),
                ("s3:max-keys", &[max]),
            ],
        )
    };
    assert!(keys("a", "/", "10"));
    assert!(keys("b", "/", "10"));
    assert!(!keys("c", "/", "10"));
    assert!(!keys("a", ":", "10"));
    assert!(!keys("a", "/", "11"));
}

#[test]
fn names_of_keys_are_blind_to_case() {
    let condition = json!({ "StringEquals": { "S3:PREFIX": "a" } });
    assert!(holds(condition.clone(), &[("s3:prefix", &["a"])]));
    assert!(holds(condition, &[("s3:Prefix", &["a"])]));
    let context = json!({ "StringEquals": { "kms:EncryptionContext:AppName": "ExampleApp" } });
    assert!(holds(
        context.clone(),
        &[("kms:EncryptionContext:appname", &["ExampleApp"])]
    ));
    assert!(!holds(
        context,
        &[("kms:EncryptionContext:appname", &["exampleapp"])]
    ));
}

#[test]
fn the_same_key_twice_in_different_case_is_two_conditions() {
    let condition = json!({ "StringEquals": { "s3:prefix": "a", "s3:Prefix": "b" } });
    assert!(!holds(condition, &[("s3:prefix", &["a"])]));
}

#[test]
fn facts_about_a_user() {
    for condition in [
        json!({ "ArnEquals": { "aws:PrincipalArn": "arn:aws:iam::111122223333:user/bob" } }),
        json!({ "StringLike": { "aws:PrincipalArn": "arn:aws:iam::*:user/b?b" } }),
        json!({ "StringEquals": { "aws:PrincipalAccount": ACCOUNT } }),
        json!({ "StringEquals": { "aws:PrincipalType": "User" } }),
        json!({ "StringEquals": { "aws:username": "bob" } }),
        json!({ "StringEquals": { "aws:userid": "AIDACKCEVSQ6C2EXAMPLE" } }),
        json!({ "StringEquals": { "aws:ResourceAccount": "${aws:PrincipalAccount}" } }),
        json!({ "StringEquals": { "kms:CallerAccount": ACCOUNT } }),
        json!({ "StringEquals": { "aws:RequestedRegion": "us-east-1" } }),
        json!({ "StringLike": { "aws:UserAgent": "aws-cli/*" } }),
        json!({ "Bool": { "aws:SecureTransport": "true", "aws:PrincipalIsAWSService": "false" } }),
        json!({ "StringEquals": { "aws:SecureTransport": "true" } }),
        json!({ "IpAddress": { "aws:SourceIp": "203.0.113.0/24" } }),
        json!({ "StringEquals": { "aws:SourceIp": "203.0.113.7" } }),
        json!({ "DateEquals": { "aws:CurrentTime": "2026-02-02T02:40:00Z" } }),
        json!({ "DateGreaterThan": { "aws:CurrentTime": "2026-02-02", "aws:EpochTime": "2026-02-02" } }),
        json!({ "NumericEquals": { "aws:EpochTime": 1_770_000_000 } }),
        json!({ "Null": { "aws:PrincipalServiceName": "true", "aws:TokenIssueTime": "true" } }),
    ] {
        assert!(holds(condition.clone(), &[]), "{condition}");
    }
}

#[test]
fn facts_about_the_caller_cannot_be_supplied_by_an_operation() {
    let keys: &[(&str, &[&str])] = &[
        ("aws:username", &["alice"]),
        ("kms:CallerAccount", &[OTHER]),
    ];
    assert!(!holds(
        json!({ "StringEquals": { "aws:username": "alice" } }),
        keys
    ));
    assert!(!holds(
        json!({ "StringEquals": { "kms:CallerAccount": OTHER } }),
        keys
    ));
}

#[test]
fn facts_about_other_callers() {
    let root = |condition| holds_for(root_of(ACCOUNT), &condition, &[]);
    // The root user needs no policy, so look through the eyes of a deny.
    let denies = |caller: &Caller, condition: Value| {
        let bucket = bucket_policy(&policy(json!({
            "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*", "Condition": condition
        })));
        match s3(caller, "s3:GetObject", "arn:aws:s3:::b/k", Some(&bucket)) {
            Decision::Denied(denial) => denial.explicit(),
            Decision::Allowed => false,
        }
    };
    assert!(root(json!({})));
    assert!(denies(
        &root_of(ACCOUNT),
        json!({ "StringEquals": { "aws:PrincipalType": "Account", "aws:userid": ACCOUNT } })
    ));
    assert!(denies(
        &root_of(ACCOUNT),
        json!({ "ArnEquals": { "aws:PrincipalArn": "arn:aws:iam::111122223333:root" } })
    ));
    assert!(denies(
        &root_of(ACCOUNT),
        json!({ "Null": { "aws:username": "true" } })
    ));
    assert!(denies(
        &anonymous(),
        json!({ "StringEquals": { "aws:PrincipalType": "Anonymous", "aws:userid": "anonymous" } })
    ));
    assert!(denies(
        &anonymous(),
        json!({ "Null": { "aws:PrincipalArn": "true", "aws:PrincipalAccount": "true", "aws:username": "true" } })
    ));
    let logging = service("logging.s3.amazonaws.com");
    assert!(denies(
        &logging,
        json!({ "Bool": { "aws:PrincipalIsAWSService": "true" } })
    ));
    assert!(denies(
        &logging,
        json!({ "StringEquals": { "aws:PrincipalServiceName": "logging.s3.amazonaws.com" } })
    ));
}

#[test]
fn an_ipv4_address_in_ipv6_form_is_the_ipv4_address() {
    let mut caller = bob(&[]);
    caller.environment.source_ip = Some("::ffff:203.0.113.7".parse().unwrap());
    assert!(holds_for(
        caller.clone(),
        &json!({ "IpAddress": { "aws:SourceIp": "203.0.113.0/24" } }),
        &[]
    ));
    assert!(holds_for(
        caller,
        &json!({ "IpAddress": { "aws:SourceIp": "::ffff:203.0.113.0/120" } }),
        &[]
    ));
}

#[test]
fn without_an_address_only_not_ip_address_holds() {
    let mut caller = bob(&[]);
    caller.environment.source_ip = None;
    assert!(!holds_for(
        caller.clone(),
        &json!({ "IpAddress": { "aws:SourceIp": "0.0.0.0/0" } }),
        &[]
    ));
    assert!(holds_for(
        caller,
        &json!({ "NotIpAddress": { "aws:SourceIp": "0.0.0.0/0" } }),
        &[]
    ));
}

#[test]
fn the_usual_demand_for_sse_kms_with_one_key_is_enforced() {
    // <https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html>
    let deny = json!({ "StringNotEquals": { "s3:x-amz-server-side-encryption": "aws:kms" } });
    assert!(holds(deny.clone(), &[]));
    assert!(holds(
        deny.clone(),
        &[("s3:x-amz-server-side-encryption", &["AES256"])]
    ));
    assert!(!holds(
        deny,
        &[("s3:x-amz-server-side-encryption", &["aws:kms"])]
    ));
    let deny = json!({ "ArnNotEqualsIfExists": { "s3:x-amz-server-side-encryption-aws-kms-key-id": KEY } });
    assert!(!holds(
        deny.clone(),
        &[("s3:x-amz-server-side-encryption-aws-kms-key-id", &[KEY])]
    ));
    assert!(holds(
        deny,
        &[(
            "s3:x-amz-server-side-encryption-aws-kms-key-id",
            &["alias/mine"]
        )]
    ));
}

/// AWS: "If AWS cannot resolve a variable this might cause the entire statement to be invalid."
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html>
#[test]
fn an_exemption_by_a_variable_without_a_value_allows_nothing_and_denies_all() {
    let unresolved = "${aws:PrincipalTag/team}";
    let exemptions = [
        json!({ "NotResource": format!("arn:aws:s3:::bucket/{unresolved}/*") }),
        json!({ "NotResource": ["arn:aws:s3:::other/*", format!("arn:aws:s3:::{unresolved}/*")] }),
        json!({ "Resource": "*", "Condition": { "StringNotEquals": { "aws:username": unresolved } } }),
        json!({ "Resource": "*", "Condition": { "StringNotLike": { "aws:username": ["x", unresolved] } } }),
        json!({ "Resource": "*", "Condition": { "StringNotEquals": { "s3:prefix": unresolved } } }),
        json!({ "Resource": "*", "Condition": { "StringNotEqualsIgnoreCase": { "aws:username": unresolved } } }),
        json!({ "Resource": "*", "Condition": { "ArnNotLike": { "aws:PrincipalArn": format!("arn:aws:iam::*:user/{unresolved}") } } }),
        json!({ "Resource": "*", "Condition": { "ForAllValues:StringNotEquals": { "aws:username": unresolved } } }),
    ];
    let statement = |effect: &str, exemption: &Value| {
        let mut statement = exemption.clone();
        statement["Effect"] = json!(effect);
        statement["Action"] = json!("s3:GetObject");
        policy(statement)
    };
    let get = |policies: &[Value]| {
        s3(
            &bob(policies),
            "s3:GetObject",
            "arn:aws:s3:::bucket/key",
            None,
        )
    };
    for exemption in &exemptions {
        let allowed = get(&[statement("Allow", exemption)]);
        assert_ne!(allowed, Decision::Allowed, "{exemption}");
        let denied = get(&[allow("s3:*", "*"), statement("Deny", exemption)]);
        assert_ne!(denied, Decision::Allowed, "{exemption}");
    }
    let default = "${aws:PrincipalTag/team, 'none'}";
    for exemption in [
        json!({ "NotResource": format!("arn:aws:s3:::bucket/{default}/*") }),
        json!({ "Resource": "*", "Condition": { "StringNotEquals": { "aws:username": default } } }),
        // Not compared, because the key is not there.
        json!({ "Resource": "*", "Condition": { "StringNotEqualsIfExists": { "s3:prefix": unresolved } } }),
    ] {
        let allowed = get(&[statement("Allow", &exemption)]);
        assert_eq!(allowed, Decision::Allowed, "{exemption}");
    }
}
