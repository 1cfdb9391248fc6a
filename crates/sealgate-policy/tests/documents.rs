//! What is a policy document and what is refused, with what words.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::*;
use sealgate_policy::{Policy, PolicyError};
use serde_json::{Value, json};

fn identity(document: Value) -> Result<Policy, PolicyError> {
    Policy::parse_identity(&document.to_string())
}

fn statement(extra: Value) -> Value {
    let mut base = json!({ "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*" });
    for (name, value) in extra.as_object().unwrap() {
        match value {
            Value::Null => base.as_object_mut().unwrap().remove(name),
            value => base
                .as_object_mut()
                .unwrap()
                .insert(name.clone(), value.clone()),
        };
    }
    policy(base)
}

#[test]
fn the_source_is_kept_as_given() {
    let text = " {\"Version\":\"2012-10-17\",\n\"Statement\":{\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*\"}}";
    assert_eq!(Policy::parse_identity(text).unwrap().source(), text);
}

#[test]
fn accepted_identity_documents() {
    for document in [
        statement(json!({})),
        policy(
            json!([{ "Effect": "Deny", "NotAction": ["iam:*", "sts:*"], "NotResource": ["arn:aws:s3:::a", "arn:aws:s3:::a/*"] }]),
        ),
        json!({ "Statement": { "Effect": "Allow", "Action": "*", "Resource": "*" } }),
        json!({ "Version": "2008-10-17", "Id": "x", "Statement": [{ "Sid": "", "Effect": "Allow", "Action": "*:*", "Resource": "*" }, { "Sid": "", "Effect": "Allow", "Action": "*", "Resource": "*" }] }),
        statement(json!({ "Sid": "Abc123" })),
        statement(json!({ "Action": "S3:get*" })),
        statement(json!({ "Action": "ec2:Describe?nstances" })),
        statement(json!({ "Resource": "arn:aws:sqs" })),
        statement(json!({ "Resource": "arn:*:s3:::bucket/${aws:username}/*" })),
        statement(
            json!({ "Resource": "arn:aws:s3:::b/${ aws:PrincipalTag/team , 'none' }/${*}${?}${$}" }),
        ),
        statement(json!({ "Condition": {} })),
        statement(json!({ "Condition": { "StringEquals": {} } })),
        statement(
            json!({ "Condition": { "NumericLessThan": { "s3:max-keys": 10 }, "Bool": { "aws:SecureTransport": true } } }),
        ),
        statement(json!({ "Condition": { "StringEquals": { "ec2:Region": "x" } } })),
    ] {
        identity(document.clone()).unwrap_or_else(|error| panic!("{document}: {error}"));
    }
}

#[test]
fn refused_identity_documents() {
    for (document, words) in [
        (json!([]), "The policy must be an object"),
        (json!({}), "Missing required field Statement"),
        (
            json!({ "Version": "2012-10-17", "Statement": [] }),
            "Missing required field Statement",
        ),
        (
            json!({ "Version": "2012-10-18", "Statement": [] }),
            "valid version string",
        ),
        (
            json!({ "Version": 2012, "Statement": [] }),
            "Version must be a string",
        ),
        (json!({ "version": "2012-10-17" }), "Unknown field version"),
        (
            json!({ "Statement": "Allow" }),
            "Statement must be an object",
        ),
        (json!({ "Statement": [[]] }), "Statement must be an object"),
        (
            statement(json!({ "Effect": null })),
            "Missing required field Effect",
        ),
        (
            statement(json!({ "Effect": "allow" })),
            "Invalid effect: allow",
        ),
        (
            statement(json!({ "Effect": ["Allow"] })),
            "Effect must be a string",
        ),
        (statement(json!({ "Sid": "with space" })), "alpha-numeric"),
        (statement(json!({ "Sid": 5 })), "Sid must be a string"),
        (
            statement(json!({ "Actions": "s3:*" })),
            "Unknown field Actions",
        ),
        (
            statement(json!({ "Principal": "*" })),
            "should not specify a principal",
        ),
        (
            statement(json!({ "NotPrincipal": "*" })),
            "should not specify a principal",
        ),
        (statement(json!({ "Action": null })), "must contain actions"),
        (statement(json!({ "Action": [] })), "must contain actions"),
        (statement(json!({ "Action": 7 })), "Action must be a string"),
        (
            statement(json!({ "Action": "GetObject" })),
            "prefaced by a vendor",
        ),
        (
            statement(json!({ "Action": "s*:GetObject" })),
            "invalid action",
        ),
        (
            statement(json!({ "Action": ":GetObject" })),
            "invalid action",
        ),
        (statement(json!({ "Action": "s3:" })), "invalid action"),
        (
            statement(json!({ "Action": "s3:Get Object" })),
            "invalid action",
        ),
        (
            statement(json!({ "NotAction": "s3:*" })),
            "Action and NotAction",
        ),
        (
            statement(json!({ "Resource": null })),
            "must contain resources",
        ),
        (
            statement(json!({ "Resource": [] })),
            "must contain resources",
        ),
        (
            statement(json!({ "Resource": "bucket" })),
            "Resource bucket must be in ARN format or \"*\"",
        ),
        (
            statement(json!({ "Resource": "arn:aws" })),
            "must be in ARN format",
        ),
        (
            statement(json!({ "Resource": "arn:aws::x" })),
            "must be in ARN format",
        ),
        (
            statement(json!({ "Resource": "arn:gcp:s3:::b" })),
            "Partition \"gcp\" is not valid",
        ),
        (
            statement(json!({ "NotResource": "*" })),
            "Resource and NotResource",
        ),
        (
            statement(json!({ "Resource": "arn:aws:s3:::b/${aws:username" })),
            "Invalid policy variable",
        ),
        (
            statement(json!({ "Resource": "arn:aws:s3:::b/${}" })),
            "Invalid policy variable",
        ),
        (
            statement(json!({ "Resource": "arn:aws:s3:::b/${username}" })),
            "Invalid policy variable",
        ),
        (
            statement(json!({ "Resource": "arn:aws:s3:::b/${aws:username, x}" })),
            "Invalid policy variable",
        ),
        (
            statement(json!({ "Resource": "arn:aws:s3:::b/${aws:usernam}" })),
            "invalid condition key: aws:usernam",
        ),
        (
            statement(json!({ "Condition": "x" })),
            "Condition must be an object",
        ),
        (
            statement(json!({ "Condition": { "StringEquals": "x" } })),
            "StringEquals must be an object",
        ),
        (
            statement(json!({ "Condition": { "StringEquals": { "aws:username": [] } } })),
            "must contain values",
        ),
        (
            statement(json!({ "Condition": { "StringEquals": { "aws:username": null } } })),
            "StringEquals must be a string, number",
        ),
        (
            statement(json!({ "Condition": { "StringEquals": { "aws:username": { "a": 1 } } } })),
            "StringEquals must be",
        ),
        (
            statement(json!({ "Condition": { "StringEquals": { "aws:username": [["a"]] } } })),
            "StringEquals must be",
        ),
        (
            json!({ "Statement": [{ "Sid": "A", "Effect": "Allow", "Action": "*", "Resource": "*" }, { "Sid": "A", "Effect": "Allow", "Action": "*", "Resource": "*" }] }),
            "must be unique",
        ),
    ] {
        let error = identity(document.clone())
            .expect_err(&document.to_string())
            .to_string();
        assert!(error.contains(words), "{document}: {error}");
    }
}

#[test]
fn not_json_is_refused() {
    for text in [
        "",
        "{",
        "nonsense",
        "{}{}",
        "{\"Version\":\"2012-10-17\",}",
        "\u{feff}{}",
        "{'a':1}",
    ] {
        assert!(Policy::parse_identity(text).is_err(), "{text}");
    }
    let deep = "[".repeat(100_000) + &"]".repeat(20_000);
    assert!(matches!(
        Policy::parse_identity(&deep),
        Err(PolicyError::Syntax(_))
    ));
}

#[test]
fn a_key_that_is_named_twice_is_refused_at_every_depth() {
    for text in [
        r#"{"Version":"2012-10-17","Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}"#,
        r#"{"Statement":{"Effect":"Deny","Effect":"Allow","Action":"*","Resource":"*"}}"#,
        r#"{"Statement":{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"Bool":{},"Bool":{}}}}"#,
        r#"{"Statement":{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"true","aws:SecureTransport":"false"}}}}"#,
        // The same name, written with an escape.
        r#"{"Statement":{"Effect":"Deny","\u0045ffect":"Allow","Action":"*","Resource":"*"}}"#,
    ] {
        let error = Policy::parse_identity(text).unwrap_err().to_string();
        assert!(error.contains("Duplicate key"), "{error}");
    }
}

#[test]
fn a_document_over_the_limit_is_refused_before_it_is_read() {
    let text = " ".repeat(Policy::MAX_SIZE + 1);
    assert_eq!(
        Policy::parse_key_policy(&text).unwrap_err(),
        PolicyError::TooLarge { limit: 131_072 }
    );
}

#[test]
fn every_operator_of_aws_is_known_with_its_suffix_and_quantifiers() {
    for (operator, value) in [
        ("StringEquals", "a"),
        ("StringNotEquals", "a"),
        ("StringEqualsIgnoreCase", "a"),
        ("StringNotEqualsIgnoreCase", "a"),
        ("StringLike", "a*"),
        ("StringNotLike", "a*"),
        ("NumericEquals", "1"),
        ("NumericNotEquals", "1"),
        ("NumericLessThan", "1"),
        ("NumericLessThanEquals", "1.5"),
        ("NumericGreaterThan", "-1"),
        ("NumericGreaterThanEquals", "1"),
        ("DateEquals", "2026-01-01T00:00:00Z"),
        ("DateNotEquals", "2026"),
        ("DateLessThan", "2026-01"),
        ("DateLessThanEquals", "1700000000"),
        ("DateGreaterThan", "2026-01-01"),
        ("DateGreaterThanEquals", "2026-01-01T00:00+01:00"),
        ("Bool", "true"),
        ("BinaryEquals", "QmluYXJ5VmFsdWVJbkJhc2U2NA=="),
        ("IpAddress", "10.0.0.0/8"),
        ("NotIpAddress", "2001:db8::/32"),
        ("ArnEquals", "arn:aws:iam::*:user/*"),
        ("ArnNotEquals", "arn:aws:s3:::b"),
        ("ArnLike", "*"),
        ("ArnNotLike", "arn:aws:s3:::${aws:username}"),
    ] {
        for name in [
            operator.to_owned(),
            format!("{operator}IfExists"),
            format!("ForAllValues:{operator}"),
            format!("ForAnyValue:{operator}IfExists"),
        ] {
            let document = statement(json!({ "Condition": { &name: { "s3:prefix": value } } }));
            identity(document).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
    identity(statement(
        json!({ "Condition": { "Null": { "s3:prefix": "true" } } }),
    ))
    .unwrap();
}

#[test]
fn an_unknown_operator_is_refused() {
    for name in [
        "StringMatches",
        "stringequals",
        "StringEqual",
        "NotBool",
        "BoolNotEquals",
        "",
        "IfExists",
        "NullIfExists",
        "ForAllValues:Null",
        "ForAllValues:",
        "ForSomeValues:StringEquals",
        "forallvalues:StringEquals",
        "ForAllValues:ForAnyValue:StringEquals",
        "StringEqualsIfExistsIfExists",
        "StringEquals ",
    ] {
        let document = statement(json!({ "Condition": { name: { "s3:prefix": "1" } } }));
        let error = identity(document).unwrap_err();
        assert_eq!(error, PolicyError::UnknownOperator(name.to_owned()));
        assert_eq!(
            error.to_string(),
            format!("Invalid Condition type : {name}.")
        );
    }
}

#[test]
fn an_operand_that_its_operator_cannot_take_is_refused() {
    for (operator, value) in [
        ("NumericEquals", "ten"),
        ("NumericLessThan", "1e3"),
        ("NumericEquals", "${aws:EpochTime}"),
        ("DateLessThan", "tomorrow"),
        ("DateLessThan", "2026-02-30"),
        ("DateLessThan", "2026-01-01T00:00:00"),
        ("Bool", "yes"),
        ("Bool", "1"),
        ("Null", "maybe"),
        ("BinaryEquals", "%%%"),
        ("IpAddress", "10.0.0.0/40"),
        ("IpAddress", "example.com"),
        ("NotIpAddress", "10.0.0.*"),
        ("ArnLike", "user/bob"),
        ("ArnEquals", "arn:aws"),
    ] {
        let document = statement(json!({ "Condition": { operator: { "s3:prefix": value } } }));
        let error = identity(document).unwrap_err();
        let expected = PolicyError::InvalidOperand {
            operator: operator.to_owned(),
            value: value.to_owned(),
        };
        assert_eq!(error, expected);
    }
}

#[test]
fn a_condition_key_that_aws_does_not_have_is_refused() {
    for key in [
        "aws:SourceIP4",
        "aws:",
        "kms:ViaServices",
        "kms:EncryptionContext",
        "kms:EncryptionContext:",
        "kms:Foo",
        "s3:prefixes",
        "s3:ExistingObjectTag",
        "aws:PrincipalTag/",
        "username",
        "",
        ":x",
        "a b:c",
    ] {
        let condition = json!({ "StringEquals": { key: "x" } });
        for parsed in [
            identity(statement(json!({ "Condition": condition }))),
            Policy::parse_key_policy(
                &statement(json!({ "Principal": "*", "Condition": condition })).to_string(),
            ),
            Policy::parse_bucket_policy(
                &statement(json!({ "Principal": "*", "Condition": condition })).to_string(),
            ),
        ] {
            assert_eq!(
                parsed.unwrap_err(),
                PolicyError::UnknownConditionKey(key.to_owned())
            );
        }
    }
}

#[test]
fn condition_keys_of_aws_are_known_in_any_case() {
    for key in [
        "AWS:sourceip",
        "aws:SourceVpce",
        "aws:PrincipalTag/cost center",
        "aws:RequestTag/x",
        "aws:TagKeys",
        "kms:EncryptionContext:aws:s3:arn",
        "kms:encryptioncontext:AppName",
        "kms:EncryptionContextKeys",
        "kms:CallerAccount",
        "kms:ViaService",
        "kms:GrantIsForAWSResource",
        "kms:ReEncryptOnSameKey",
        "kms:RecipientAttestation:PCR0",
        "s3:x-amz-server-side-encryption-aws-kms-key-id",
        "s3:VersionId",
        "s3:versionid",
        "s3:ExistingObjectTag/k",
        "s3:signatureAge",
        "s3:authType",
    ] {
        identity(statement(
            json!({ "Condition": { "StringEquals": { key: "x" } } }),
        ))
        .unwrap_or_else(|error| panic!("{key}: {error}"));
    }
}

#[test]
fn a_resource_policy_needs_a_principal() {
    let document = allow("kms:*", "*").to_string();
    let missing = PolicyError::MissingElement("Principal");
    assert_eq!(Policy::parse_key_policy(&document).unwrap_err(), missing);
    assert_eq!(
        Policy::parse_bucket_policy(&allow("s3:*", "*").to_string()).unwrap_err(),
        missing
    );
}

#[test]
fn accepted_principals() {
    for principal in [
        json!("*"),
        json!({ "AWS": "*" }),
        json!({ "AWS": "111122223333" }),
        json!({ "AWS": ["arn:aws:iam::111122223333:root", "arn:aws:iam::111122223333:user/bob"] }),
        json!({ "AWS": "arn:aws:iam::111122223333:user/division/team/bob@example.com" }),
        json!({ "AWS": "arn:aws-cn:iam::111122223333:role/service-role/x" }),
        json!({ "AWS": "arn:aws:sts::111122223333:assumed-role/r/session" }),
        json!({ "Service": ["s3.amazonaws.com", "logs.us-east-1.amazonaws.com"] }),
        json!({ "Federated": "cognito-identity.amazonaws.com" }),
        json!({ "Federated": "arn:aws:iam::111122223333:saml-provider/x" }),
        json!({ "AWS": "111122223333", "Service": "s3.amazonaws.com" }),
    ] {
        let document = grant("Allow", principal, "s3:*").to_string();
        Policy::parse_key_policy(&document).unwrap_or_else(|error| panic!("{document}: {error}"));
        Policy::parse_bucket_policy(&document)
            .unwrap_or_else(|error| panic!("{document}: {error}"));
    }
    let canonical = grant("Allow", json!({ "CanonicalUser": "a1".repeat(32) }), "s3:*").to_string();
    Policy::parse_bucket_policy(&canonical).unwrap();
    // Keys know no canonical users.
    Policy::parse_key_policy(&canonical).unwrap_err();
}

#[test]
fn refused_principals() {
    for principal in [
        json!("arn:aws:iam::111122223333:root"),
        json!("111122223333"),
        json!(""),
        json!({}),
        json!({ "AWS": [] }),
        json!({ "AWS": "" }),
        json!({ "AWS": "1111" }),
        json!({ "AWS": "AIDACKCEVSQ6C2EXAMPLE" }),
        json!({ "AWS": "bob" }),
        json!({ "AWS": "arn:aws:iam::111122223333:user/*" }),
        json!({ "AWS": "arn:aws:iam::111122223333:user/" }),
        json!({ "AWS": "arn:aws:iam::111122223333:group/admins" }),
        json!({ "AWS": "arn:aws:iam::*:root" }),
        json!({ "AWS": "arn:aws:iam:us-east-1:111122223333:root" }),
        json!({ "AWS": "arn:aws:s3:::bucket" }),
        json!({ "AWS": "arn:gcp:iam::111122223333:root" }),
        json!({ "AWS": "arn:aws:iam::111122223333:user/${aws:username}" }),
        json!({ "Service": "*" }),
        json!({ "Service": "s3.example.com" }),
        json!({ "Service": ".amazonaws.com" }),
        json!({ "Federated": "*" }),
        json!({ "CanonicalUser": "abc" }),
        json!({ "aws": "*" }),
        json!({ "Google": "x" }),
    ] {
        let document = grant("Allow", principal, "kms:*").to_string();
        let error = Policy::parse_key_policy(&document).unwrap_err();
        assert_eq!(
            error.to_string(),
            "Policy contains a statement with one or more invalid principals.",
            "{document}"
        );
    }
    for principal in [
        json!(5),
        json!(["*"]),
        json!({ "AWS": 111_122_223_333_u64 }),
        json!(null),
    ] {
        let document = grant("Allow", principal, "kms:*").to_string();
        assert!(matches!(
            Policy::parse_key_policy(&document),
            Err(PolicyError::WrongType { .. })
        ));
    }
}

#[test]
fn not_principal_goes_only_with_deny_and_not_with_principal() {
    let statement = |effect, extra: bool| {
        let mut statement =
            json!({ "Effect": effect, "NotPrincipal": "*", "Action": "kms:*", "Resource": "*" });
        if extra {
            statement["Principal"] = json!("*");
        }
        Policy::parse_key_policy(&policy(statement).to_string())
    };
    statement("Deny", false).unwrap();
    assert_eq!(
        statement("Allow", false).unwrap_err(),
        PolicyError::NotPrincipalWithAllow
    );
    assert_eq!(
        statement("Deny", true).unwrap_err(),
        PolicyError::Exclusive("Principal", "NotPrincipal")
    );
}

#[test]
fn a_bucket_policy_has_actions_of_s3_only() {
    Policy::parse_bucket_policy(&grant("Deny", json!("*"), "*").to_string()).unwrap();
    assert_eq!(
        Policy::parse_bucket_policy(&grant("Allow", json!("*"), "kms:Decrypt").to_string())
            .unwrap_err(),
        PolicyError::InvalidAction("kms:Decrypt".to_owned())
    );
}

#[test]
fn key_policies_may_have_sids_with_spaces_and_twice() {
    let one = json!({ "Sid": "Enable IAM User Permissions", "Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*" });
    key_policy(&policy(json!([one, one])));
}
