//! Actions, resources and policy variables.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::*;
use sealgate_policy::*;
use serde_json::json;

#[test]
fn actions_match_blind_to_case_and_with_wildcards() {
    for (pattern, action, matches) in [
        ("*", "s3:GetObject", true),
        ("*:*", "s3:GetObject", true),
        ("s3:*", "s3:GetObject", true),
        ("s3:GetObject", "s3:GetObject", true),
        ("S3:getOBJECT", "s3:GetObject", true),
        ("s3:Get*", "s3:GetObjectTagging", true),
        ("s3:Get*", "s3:PutObject", false),
        ("s3:*Object", "s3:GetObject", true),
        ("s3:*Object", "s3:GetObjectAcl", false),
        ("s3:?etObject", "s3:GetObject", true),
        ("s3:?etObject", "s3:etObject", false),
        ("s3:GetObject", "s3:GetObjectVersion", false),
        ("s3:GetObjectVersion", "s3:GetObject", false),
        ("kms:*", "s3:GetObject", false),
        (
            "kms:GenerateDataKey*",
            "kms:GenerateDataKeyWithoutPlaintext",
            true,
        ),
        ("kms:ReEncrypt*", "kms:ReEncryptFrom", true),
    ] {
        assert_eq!(
            permits(allow(pattern, "*"), action, "*"),
            matches,
            "{pattern} {action}"
        );
    }
}

#[test]
fn not_action_covers_all_but_the_named() {
    let document =
        policy(json!({ "Effect": "Allow", "NotAction": ["iam:*", "s3:Delete*"], "Resource": "*" }));
    assert!(permits(document.clone(), "s3:GetObject", "*"));
    assert!(!permits(document.clone(), "s3:DeleteObject", "*"));
    assert!(!permits(document, "IAM:CreateUser", "*"));
}

#[test]
fn resources_match_field_by_field_and_by_case() {
    let object = "arn:aws:s3:::bucket/photos/a:b.jpg";
    for (pattern, resource, matches) in [
        ("*", object, true),
        ("arn:aws:s3:::bucket/photos/a:b.jpg", object, true),
        ("arn:aws:s3:::bucket/*", object, true),
        ("arn:aws:s3:::*", object, true),
        ("arn:aws:s3:::bucket*", object, true),
        ("arn:aws:s3:::bucket", object, false),
        ("arn:aws:s3:::Bucket/*", object, false),
        ("arn:aws:s3:::bucket/Photos/*", object, false),
        ("arn:aws:s3:::bucket/*.jpg", object, true),
        ("arn:aws:s3:::bucket/*/a:?.jpg", object, true),
        ("arn:aws:s3:::bucket/photos/?.jpg", object, false),
        ("arn:aws:s3:::other/*", object, false),
        ("arn:aws:s3", object, true),
        ("arn:aws:s3:*", object, true),
        ("arn:*:s3:*:*:*", object, true),
        ("arn:aws-cn:s3:::*", object, false),
        ("arn:aws:kms:*", object, false),
        // A wildcard stays inside its field.
        ("arn:aws:kms:*:key/*", KEY, false),
        ("arn:aws:kms:*:111122223333:key/*", KEY, true),
        ("arn:aws:kms:us-*-1:*:key/1234abcd*", KEY, true),
        ("arn:aws:kms:us-east-1:444455556666:key/*", KEY, false),
        ("arn:aws:kms:us-east-1:111122223333:alias/*", KEY, false),
    ] {
        assert_eq!(
            permits(allow("*", pattern), "s3:GetObject", resource),
            matches,
            "{pattern} {resource}"
        );
    }
}

#[test]
fn not_resource_covers_all_but_the_named() {
    let document = policy(
        json!({ "Effect": "Allow", "Action": "*", "NotResource": ["arn:aws:s3:::a", "arn:aws:s3:::a/*"] }),
    );
    assert!(permits(
        document.clone(),
        "s3:GetObject",
        "arn:aws:s3:::b/k"
    ));
    assert!(!permits(
        document.clone(),
        "s3:GetObject",
        "arn:aws:s3:::a/k"
    ));
    assert!(permits(document, "s3:ListAllMyBuckets", "*"));
}

#[test]
fn variables_stand_for_values_of_the_request() {
    for (resource, requested, matches) in [
        (
            "arn:aws:s3:::b/${aws:username}/*",
            "arn:aws:s3:::b/bob/x",
            true,
        ),
        (
            "arn:aws:s3:::b/${AWS:UserName}/*",
            "arn:aws:s3:::b/bob/x",
            true,
        ),
        (
            "arn:aws:s3:::b/${aws:username}/*",
            "arn:aws:s3:::b/alice/x",
            false,
        ),
        (
            "arn:aws:s3:::b/${aws:username}/*",
            "arn:aws:s3:::b/${aws:username}/x",
            false,
        ),
        (
            "arn:aws:s3:::b/${aws:userid}",
            "arn:aws:s3:::b/AIDACKCEVSQ6C2EXAMPLE",
            true,
        ),
        (
            "arn:aws:s3:::b-${aws:PrincipalAccount}/*",
            "arn:aws:s3:::b-111122223333/x",
            true,
        ),
        (
            "arn:aws:kms:${aws:RequestedRegion}:${aws:PrincipalAccount}:key/*",
            KEY,
            true,
        ),
        (
            "arn:aws:s3:::b/${aws:SourceIp}",
            "arn:aws:s3:::b/203.0.113.7",
            true,
        ),
        (
            "arn:aws:s3:::b/${aws:CurrentTime}",
            "arn:aws:s3:::b/2026-02-02T02:40:00Z",
            true,
        ),
        // Without a value the variable equals nothing, not even the empty string or a wildcard.
        (
            "arn:aws:s3:::b/${aws:PrincipalTag/team}/*",
            "arn:aws:s3:::b//x",
            false,
        ),
        (
            "arn:aws:s3:::b/*${aws:PrincipalTag/team}*",
            "arn:aws:s3:::b/x",
            false,
        ),
        (
            "arn:aws:s3:::b/${aws:PrincipalTag/team, 'all'}/*",
            "arn:aws:s3:::b/all/x",
            true,
        ),
        (
            "arn:aws:s3:::b/${aws:username, 'all'}/*",
            "arn:aws:s3:::b/all/x",
            false,
        ),
        (
            "arn:aws:s3:::b/${aws:username, 'all'}/*",
            "arn:aws:s3:::b/bob/x",
            true,
        ),
        // Escapes are literal.
        ("arn:aws:s3:::b/${*}", "arn:aws:s3:::b/*", true),
        ("arn:aws:s3:::b/${*}", "arn:aws:s3:::b/x", false),
        ("arn:aws:s3:::b/${?}", "arn:aws:s3:::b/?", true),
        ("arn:aws:s3:::b/${?}", "arn:aws:s3:::b/x", false),
        ("arn:aws:s3:::b/${$}{x}", "arn:aws:s3:::b/${x}", true),
        ("arn:aws:s3:::b/$x$", "arn:aws:s3:::b/$x$", true),
    ] {
        assert_eq!(
            permits(allow("*", resource), "s3:GetObject", requested),
            matches,
            "{resource} {requested}"
        );
    }
}

#[test]
fn a_missing_variable_in_not_resource_leaves_a_deny_in_force() {
    let root_like = service("s3.amazonaws.com"); // has no aws:username
    let bucket = bucket_policy(&policy(json!([
        { "Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*" },
        { "Effect": "Deny", "Principal": "*", "Action": "s3:*", "NotResource": "arn:aws:s3:::b/${aws:username}/*" },
    ])));
    assert!(matches!(
        s3(
            &root_like,
            "s3:GetObject",
            "arn:aws:s3:::b/bob/x",
            Some(&bucket)
        ),
        Decision::Denied(_)
    ));
    assert_eq!(
        s3(
            &bob(&[]),
            "s3:GetObject",
            "arn:aws:s3:::b/bob/x",
            Some(&bucket)
        ),
        Decision::Allowed
    );
}

#[test]
fn wildcards_in_the_value_of_a_variable_are_literal() {
    let star = user_of(
        ACCOUNT,
        "*",
        &[allow("*", "arn:aws:s3:::b/${aws:username}/*")],
    );
    assert!(matches!(
        s3(&star, "s3:GetObject", "arn:aws:s3:::b/alice/x", None),
        Decision::Denied(_)
    ));
    assert_eq!(
        s3(&star, "s3:GetObject", "arn:aws:s3:::b/*/x", None),
        Decision::Allowed
    );
}

#[test]
fn policies_of_2008_have_no_variables() {
    for version in [json!({ "Version": "2008-10-17" }), json!({})] {
        let mut document = version;
        document["Statement"] = json!({ "Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::b/${aws:username}/*" });
        assert!(!permits(
            document.clone(),
            "s3:GetObject",
            "arn:aws:s3:::b/bob/x"
        ));
        assert!(permits(
            document,
            "s3:GetObject",
            "arn:aws:s3:::b/${aws:username}/x"
        ));
    }
}
