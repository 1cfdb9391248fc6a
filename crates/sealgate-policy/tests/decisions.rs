//! Who may do what: explicit deny, accounts, key policies.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::*;
use sealgate_policy::*;
use serde_json::json;

const OBJECT: &str = "arn:aws:s3:::bucket/key";
const IDENTITY: PolicyType = PolicyType::Identity;
const RESOURCE: PolicyType = PolicyType::Resource;

fn root_arn(account: &str) -> serde_json::Value {
    json!({ "AWS": format!("arn:aws:iam::{account}:root") })
}

fn bob_arn() -> serde_json::Value {
    json!({ "AWS": "arn:aws:iam::111122223333:user/bob" })
}

fn get(caller: &Caller, bucket: Option<&Policy>) -> Decision {
    s3(caller, "s3:GetObject", OBJECT, bucket)
}

fn decrypt(caller: &Caller, policy: &Policy) -> Decision {
    kms(caller, "kms:Decrypt", policy, &Context::new())
}

// --- the account is the authority (S3, IAM)

#[test]
fn nothing_is_allowed_by_default() {
    assert_eq!(reason(get(&bob(&[]), None)), no_allow(IDENTITY));
}

#[test]
fn an_identity_policy_is_enough_in_the_own_account() {
    assert_eq!(get(&bob(&[allow("s3:*", "*")]), None), Decision::Allowed);
    assert_eq!(
        get(
            &bob(&[allow("kms:*", "*"), allow("s3:GetObject", OBJECT)]),
            None
        ),
        Decision::Allowed
    );
}

#[test]
fn a_bucket_policy_that_names_the_user_is_enough_in_the_own_account() {
    for principal in [bob_arn(), json!("*"), json!({ "AWS": "*" })] {
        let bucket = bucket_policy(&grant("Allow", principal, "s3:GetObject"));
        assert_eq!(get(&bob(&[]), Some(&bucket)), Decision::Allowed);
    }
    let alice = bucket_policy(&grant(
        "Allow",
        json!({ "AWS": "arn:aws:iam::111122223333:user/alice" }),
        "s3:*",
    ));
    assert_eq!(reason(get(&bob(&[]), Some(&alice))), no_allow(IDENTITY));
}

#[test]
fn a_bucket_policy_that_names_the_account_only_delegates() {
    for principal in [root_arn(ACCOUNT), json!({ "AWS": ACCOUNT })] {
        let bucket = bucket_policy(&grant("Allow", principal, "s3:*"));
        assert_eq!(reason(get(&bob(&[]), Some(&bucket))), no_allow(IDENTITY));
        assert_eq!(
            get(&bob(&[allow("s3:*", "*")]), Some(&bucket)),
            Decision::Allowed
        );
    }
}

#[test]
fn an_explicit_deny_wins_wherever_it_stands() {
    let open = bucket_policy(&grant("Allow", json!("*"), "s3:*"));
    let denied = bob(&[allow("*", "*"), deny("s3:GetObject", "*")]);
    assert_eq!(reason(get(&denied, Some(&open))), explicit(IDENTITY));

    for principal in [
        bob_arn(),
        json!("*"),
        root_arn(ACCOUNT),
        json!({ "AWS": ACCOUNT }),
    ] {
        let closed = bucket_policy(&grant("Deny", principal, "s3:*"));
        assert_eq!(
            reason(get(&bob(&[allow("*", "*")]), Some(&closed))),
            explicit(RESOURCE)
        );
    }
}

#[test]
fn a_denial_knows_the_sid_of_the_statement_that_decided() {
    let bucket = bucket_policy(&policy(json!([
        { "Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*" },
        { "Sid": "Only TLS", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*",
          "Condition": { "Bool": { "aws:SecureTransport": "false" } } },
    ])));
    let mut caller = bob(&[]);
    assert_eq!(get(&caller, Some(&bucket)), Decision::Allowed);
    caller.environment.secure_transport = false;
    assert_eq!(
        reason(get(&caller, Some(&bucket))),
        Why::Denied(RESOURCE, Some("Only TLS".to_owned()))
    );
}

#[test]
fn the_root_user_needs_no_identity_policy_but_heeds_the_deny_of_a_bucket_policy() {
    let root = root_of(ACCOUNT);
    assert_eq!(get(&root, None), Decision::Allowed);
    let silent = bucket_policy(&grant("Allow", bob_arn(), "s3:*"));
    assert_eq!(get(&root, Some(&silent)), Decision::Allowed);
    for principal in [json!("*"), root_arn(ACCOUNT)] {
        let closed = bucket_policy(&grant("Deny", principal, "s3:*"));
        assert_eq!(reason(get(&root, Some(&closed))), explicit(RESOURCE));
    }
    let about_bob = bucket_policy(&grant("Deny", bob_arn(), "s3:*"));
    assert_eq!(get(&root, Some(&about_bob)), Decision::Allowed);
}

#[test]
fn across_accounts_both_sides_must_allow() {
    let willing = user_of(OTHER, "eve", &[allow("s3:*", "*")]);
    let bare = user_of(OTHER, "eve", &[]);
    assert_eq!(reason(get(&willing, None)), no_allow(RESOURCE));
    assert_eq!(reason(get(&bare, None)), no_allow(RESOURCE));
    for principal in [
        root_arn(OTHER),
        json!({ "AWS": OTHER }),
        json!("*"),
        json!({ "AWS": "arn:aws:iam::444455556666:user/eve" }),
    ] {
        let bucket = bucket_policy(&grant("Allow", principal, "s3:*"));
        assert_eq!(get(&willing, Some(&bucket)), Decision::Allowed);
        assert_eq!(reason(get(&bare, Some(&bucket))), no_allow(IDENTITY));
    }
    let ours = bucket_policy(&grant("Allow", root_arn(ACCOUNT), "s3:*"));
    assert_eq!(reason(get(&willing, Some(&ours))), no_allow(RESOURCE));
}

#[test]
fn the_root_user_of_another_account_needs_the_resource_policy() {
    let root = root_of(OTHER);
    assert_eq!(reason(get(&root, None)), no_allow(RESOURCE));
    let bucket = bucket_policy(&grant("Allow", root_arn(OTHER), "s3:*"));
    assert_eq!(get(&root, Some(&bucket)), Decision::Allowed);
}

#[test]
fn a_user_of_the_same_name_in_another_account_is_another_user() {
    let bucket = bucket_policy(&grant("Allow", bob_arn(), "s3:*"));
    let other = user_of(OTHER, "bob", &[allow("*", "*")]);
    assert_eq!(reason(get(&other, Some(&bucket))), no_allow(RESOURCE));
}

#[test]
fn only_a_resource_policy_for_everyone_admits_anonymous_callers() {
    assert_eq!(reason(get(&anonymous(), None)), no_allow(RESOURCE));
    for (principal, admitted) in [
        (json!("*"), true),
        (json!({ "AWS": "*" }), true),
        (root_arn(ACCOUNT), false),
        (bob_arn(), false),
    ] {
        let bucket = bucket_policy(&grant("Allow", principal, "s3:*"));
        assert_eq!(
            get(&anonymous(), Some(&bucket)) == Decision::Allowed,
            admitted
        );
    }
    // Not even where the resource has no account to compare with.
    let access = Access {
        caller: &anonymous(),
        action: "s3:GetObject",
        resource: OBJECT,
        resource_account: "",
        context: &Context::new(),
        resource_policy: None,
        authority: Authority::Account,
        grant: None,
    };
    assert_eq!(reason(authorize(&access)), no_allow(RESOURCE));
}

#[test]
fn a_service_is_admitted_by_its_name() {
    let bucket = bucket_policy(&grant(
        "Allow",
        json!({ "Service": "logging.s3.amazonaws.com" }),
        "s3:*",
    ));
    assert_eq!(
        get(&service("logging.s3.amazonaws.com"), Some(&bucket)),
        Decision::Allowed
    );
    assert_eq!(
        reason(get(&service("other.amazonaws.com"), Some(&bucket))),
        no_allow(RESOURCE)
    );
    assert_eq!(reason(get(&bob(&[]), Some(&bucket))), no_allow(IDENTITY));
}

#[test]
fn not_principal_denies_all_but_the_named() {
    let bucket = bucket_policy(&policy(json!({
        "Effect": "Deny",
        "NotPrincipal": { "AWS": ["arn:aws:iam::111122223333:user/bob", "arn:aws:iam::111122223333:root"] },
        "Action": "s3:*", "Resource": "*"
    })));
    let all = [allow("*", "*")];
    assert_eq!(get(&bob(&all), Some(&bucket)), Decision::Allowed);
    assert_eq!(get(&root_of(ACCOUNT), Some(&bucket)), Decision::Allowed);
    // The account is listed for bob's sake; its other users are not exempt.
    assert_eq!(
        reason(get(&user_of(ACCOUNT, "alice", &all), Some(&bucket))),
        explicit(RESOURCE)
    );
    assert_eq!(
        reason(get(&user_of(OTHER, "bob", &all), Some(&bucket))),
        explicit(RESOURCE)
    );
    assert_eq!(reason(get(&anonymous(), Some(&bucket))), explicit(RESOURCE));
}

#[test]
fn a_canonical_user_that_cannot_be_told_denies_and_never_allows() {
    let someone = json!({ "CanonicalUser": "0a".repeat(32) });
    let allowing = bucket_policy(&grant("Allow", someone.clone(), "s3:*"));
    assert_eq!(reason(get(&bob(&[]), Some(&allowing))), no_allow(IDENTITY));
    let denying = bucket_policy(&grant("Deny", someone, "s3:*"));
    assert_eq!(
        reason(get(&bob(&[allow("*", "*")]), Some(&denying))),
        explicit(RESOURCE)
    );
}

#[test]
fn an_action_without_resource_is_covered_by_the_star_alone() {
    for (resource, covered) in [
        ("*", true),
        ("arn:aws:s3:::*", false),
        ("arn:*:*:*:*:*", false),
    ] {
        assert_eq!(
            permits(
                allow("s3:ListAllMyBuckets", resource),
                "s3:ListAllMyBuckets",
                "*"
            ),
            covered
        );
    }
}

// --- the key policy is the authority (KMS)
// <https://docs.aws.amazon.com/kms/latest/developerguide/policy-evaluation.html>

#[test]
fn a_key_policy_that_names_the_user_is_enough() {
    let policy = key_policy(&grant("Allow", bob_arn(), "kms:Decrypt"));
    assert_eq!(decrypt(&bob(&[]), &policy), Decision::Allowed);
    assert_eq!(
        reason(kms(&bob(&[]), "kms:Encrypt", &policy, &Context::new())),
        no_allow(RESOURCE)
    );
}

#[test]
fn an_identity_allow_is_void_without_the_key_policy() {
    let policy = key_policy(&grant(
        "Allow",
        json!({ "AWS": "arn:aws:iam::111122223333:user/alice" }),
        "kms:*",
    ));
    assert_eq!(
        reason(decrypt(&bob(&[allow("*", "*")]), &policy)),
        no_allow(RESOURCE)
    );
}

#[test]
fn a_key_policy_that_allows_the_account_lets_identity_policies_decide() {
    let policy = Policy::parse_key_policy(&default_key_policy(ACCOUNT)).unwrap();
    assert_eq!(reason(decrypt(&bob(&[]), &policy)), no_allow(IDENTITY));
    assert_eq!(
        reason(decrypt(&bob(&[allow("s3:*", "*")]), &policy)),
        no_allow(IDENTITY)
    );
    assert_eq!(
        decrypt(&bob(&[allow("kms:Decrypt", KEY)]), &policy),
        Decision::Allowed
    );
}

#[test]
fn the_account_delegates_no_more_than_its_statement_says() {
    let policy = key_policy(&grant("Allow", root_arn(ACCOUNT), "kms:Describe*"));
    let all = bob(&[allow("kms:*", "*")]);
    assert_eq!(
        kms(&all, "kms:DescribeKey", &policy, &Context::new()),
        Decision::Allowed
    );
    assert_eq!(reason(decrypt(&all, &policy)), no_allow(RESOURCE));
}

#[test]
fn an_identity_deny_counts_against_a_key_policy() {
    let policy = key_policy(&grant("Allow", bob_arn(), "kms:*"));
    assert_eq!(
        reason(decrypt(&bob(&[deny("kms:Decrypt", "*")]), &policy)),
        explicit(IDENTITY)
    );
}

#[test]
fn a_key_policy_deny_counts_against_everyone_it_reaches() {
    let policy = key_policy(&policy(json!([
        { "Effect": "Allow", "Principal": { "AWS": ACCOUNT }, "Action": "kms:*", "Resource": "*" },
        { "Effect": "Deny", "Principal": { "AWS": ACCOUNT }, "Action": "kms:Decrypt", "Resource": "*" },
    ])));
    assert_eq!(
        reason(decrypt(&bob(&[allow("*", "*")]), &policy)),
        explicit(RESOURCE)
    );
    assert_eq!(
        reason(decrypt(&root_of(ACCOUNT), &policy)),
        explicit(RESOURCE)
    );
}

#[test]
fn the_root_user_needs_the_account_statement_too() {
    let root = root_of(ACCOUNT);
    let default = Policy::parse_key_policy(&default_key_policy(ACCOUNT)).unwrap();
    assert_eq!(decrypt(&root, &default), Decision::Allowed);
    let bobs = key_policy(&grant("Allow", bob_arn(), "kms:*"));
    assert_eq!(reason(decrypt(&root, &bobs)), no_allow(RESOURCE));
}

#[test]
fn without_a_key_policy_nothing_is_allowed() {
    for caller in [root_of(ACCOUNT), bob(&[allow("*", "*")]), anonymous()] {
        let access = Access {
            caller: &caller,
            action: "kms:Decrypt",
            resource: KEY,
            resource_account: ACCOUNT,
            context: &Context::new(),
            resource_policy: None,
            authority: Authority::KeyPolicy,
            grant: None,
        };
        assert_eq!(reason(authorize(&access)), no_allow(RESOURCE));
    }
}

#[test]
fn a_key_of_another_account_needs_both_sides() {
    let willing = user_of(OTHER, "eve", &[allow("kms:Decrypt", KEY)]);
    let bare = user_of(OTHER, "eve", &[]);
    let default = Policy::parse_key_policy(&default_key_policy(ACCOUNT)).unwrap();
    assert_eq!(reason(decrypt(&willing, &default)), no_allow(RESOURCE));
    for principal in [
        root_arn(OTHER),
        json!({ "AWS": "arn:aws:iam::444455556666:user/eve" }),
        json!("*"),
    ] {
        let policy = key_policy(&grant("Allow", principal, "kms:Decrypt"));
        assert_eq!(decrypt(&willing, &policy), Decision::Allowed);
        assert_eq!(reason(decrypt(&bare, &policy)), no_allow(IDENTITY));
    }
}

#[test]
fn everyone_in_a_key_policy_includes_users_without_identity_policies() {
    let policy = key_policy(&grant("Allow", json!("*"), "kms:Decrypt"));
    assert_eq!(decrypt(&bob(&[]), &policy), Decision::Allowed);
}

#[test]
fn the_policy_of_aws_s3_admits_its_account_through_s3_only() {
    let policy = Policy::parse_key_policy(&aws_s3_key_policy(ACCOUNT, "us-east-1")).unwrap();
    let mut through_s3 = Context::new();
    through_s3.insert("kms:ViaService", "s3.us-east-1.amazonaws.com");
    let mut through_ebs = Context::new();
    through_ebs.insert("kms:ViaService", "ec2.us-east-1.amazonaws.com");
    let direct = Context::new();
    let all = [allow("*", "*")];
    for action in [
        "kms:Encrypt",
        "kms:Decrypt",
        "kms:ReEncryptFrom",
        "kms:GenerateDataKey",
        "kms:CreateGrant",
        "kms:DescribeKey",
    ] {
        assert_eq!(
            kms(&bob(&[]), action, &policy, &through_s3),
            Decision::Allowed,
            "{action}"
        );
        assert_eq!(
            kms(&root_of(ACCOUNT), action, &policy, &through_s3),
            Decision::Allowed
        );
        // Other accounts are out, whatever their own policies say.
        let other = user_of(OTHER, "eve", &all);
        assert_eq!(
            reason(kms(&other, action, &policy, &through_s3)),
            no_allow(RESOURCE)
        );
    }
    for action in [
        "kms:Encrypt",
        "kms:Decrypt",
        "kms:GenerateDataKey",
        "kms:CreateGrant",
    ] {
        assert_eq!(
            reason(kms(&bob(&all), action, &policy, &direct)),
            no_allow(RESOURCE)
        );
        assert_eq!(
            reason(kms(&bob(&all), action, &policy, &through_ebs)),
            no_allow(RESOURCE)
        );
        assert_eq!(
            reason(kms(&root_of(ACCOUNT), action, &policy, &direct)),
            no_allow(RESOURCE)
        );
    }
    for action in [
        "kms:DescribeKey",
        "kms:GetKeyPolicy",
        "kms:ListGrants",
        "kms:RevokeGrant",
    ] {
        assert_eq!(
            kms(&bob(&all), action, &policy, &direct),
            Decision::Allowed,
            "{action}"
        );
    }
    for action in [
        "kms:PutKeyPolicy",
        "kms:ScheduleKeyDeletion",
        "kms:DisableKey",
        "kms:UpdateKeyDescription",
    ] {
        assert_eq!(
            reason(kms(&root_of(ACCOUNT), action, &policy, &through_s3)),
            no_allow(RESOURCE)
        );
    }
}

#[test]
fn the_lockout_check_asks_whether_the_caller_could_put_the_policy_again() {
    let could = |policy: &Policy, caller: &Caller| {
        policy.allows_principal_action(caller, "kms:PutKeyPolicy", KEY, ACCOUNT, &Context::new())
    };
    let default = Policy::parse_key_policy(&default_key_policy(ACCOUNT)).unwrap();
    assert!(could(&default, &root_of(ACCOUNT)));
    assert!(could(&default, &bob(&[allow("kms:*", "*")])));
    assert!(!could(&default, &bob(&[])));
    let only_bob = key_policy(&grant("Allow", bob_arn(), "kms:PutKeyPolicy"));
    assert!(could(&only_bob, &bob(&[])));
    assert!(!could(&only_bob, &root_of(ACCOUNT)));
    assert!(!could(
        &key_policy(&grant("Allow", bob_arn(), "kms:Decrypt")),
        &bob(&[allow("*", "*")])
    ));
}

// --- what a denial says

fn message(decision: Decision) -> String {
    match decision {
        Decision::Allowed => panic!("allowed"),
        Decision::Denied(denial) => denial.message(),
    }
}

#[test]
fn denials_speak_with_the_words_of_aws() {
    let default = Policy::parse_key_policy(&default_key_policy(ACCOUNT)).unwrap();
    let bobs = key_policy(&grant("Deny", bob_arn(), "kms:Decrypt"));
    let silent = key_policy(&grant("Allow", root_arn(OTHER), "kms:Decrypt"));
    let start = format!(
        "User: arn:aws:iam::111122223333:user/bob is not authorized to perform: kms:Decrypt on resource: {KEY} "
    );
    assert_eq!(
        message(decrypt(&bob(&[]), &default)),
        start.clone() + "because no identity-based policy allows the kms:Decrypt action"
    );
    assert_eq!(
        message(decrypt(&bob(&[]), &silent)),
        start.clone() + "because no resource-based policy allows the kms:Decrypt action"
    );
    assert_eq!(
        message(decrypt(&bob(&[]), &bobs)),
        start.clone() + "with an explicit deny in a resource-based policy"
    );
    assert_eq!(
        message(decrypt(&bob(&[deny("kms:*", "*")]), &default)),
        start + "with an explicit deny in an identity-based policy"
    );
    assert_eq!(
        message(get(&bob(&[]), None)),
        "User: arn:aws:iam::111122223333:user/bob is not authorized to perform: s3:GetObject on resource: \
         \"arn:aws:s3:::bucket/key\" because no identity-based policy allows the s3:GetObject action"
    );
    assert_eq!(message(get(&anonymous(), None)), "Access Denied");
}
