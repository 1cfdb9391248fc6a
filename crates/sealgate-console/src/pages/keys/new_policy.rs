//! The policy of a new key, as the wizard proposes it: the account keeps control, administrators do not use, users
//! do not administer. The statements are those of AWS's own wizard.
//! <https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html>

use serde_json::{Value, json};

/// Who may do what with a key.
pub(crate) struct Plan<'a> {
    pub(crate) account: &'a str,
    pub(crate) usage: &'a str,
    pub(crate) symmetric: bool,
    pub(crate) administrators: &'a [String],
    pub(crate) administrators_may_delete: bool,
    pub(crate) users: &'a [String],
    /// Other accounts, by number or by the ARN of somebody there.
    pub(crate) others: &'a [String],
}

const ADMINISTER: [&str; 13] = [
    "kms:Create*",
    "kms:Describe*",
    "kms:Enable*",
    "kms:List*",
    "kms:Put*",
    "kms:Update*",
    "kms:Revoke*",
    "kms:Disable*",
    "kms:Get*",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:ImportKeyMaterial",
    "kms:RotateKeyOnDemand",
];
const DELETE: [&str; 3] = [
    "kms:Delete*",
    "kms:ScheduleKeyDeletion",
    "kms:CancelKeyDeletion",
];

fn uses(plan: &Plan<'_>) -> &'static [&'static str] {
    match plan.usage {
        "SIGN_VERIFY" => &[
            "kms:Sign",
            "kms:Verify",
            "kms:DescribeKey",
            "kms:GetPublicKey",
        ],
        "GENERATE_VERIFY_MAC" => &["kms:GenerateMac", "kms:VerifyMac", "kms:DescribeKey"],
        "KEY_AGREEMENT" => &[
            "kms:DeriveSharedSecret",
            "kms:DescribeKey",
            "kms:GetPublicKey",
        ],
        _ if plan.symmetric => &[
            "kms:Encrypt",
            "kms:Decrypt",
            "kms:ReEncrypt*",
            "kms:GenerateDataKey*",
            "kms:DescribeKey",
        ],
        _ => &[
            "kms:Encrypt",
            "kms:Decrypt",
            "kms:ReEncrypt*",
            "kms:DescribeKey",
            "kms:GetPublicKey",
        ],
    }
}

fn root(account: &str) -> String {
    format!("arn:aws:iam::{account}:root")
}

/// The document.
pub(crate) fn document(plan: &Plan<'_>) -> String {
    let mut statements = vec![json!({
        "Sid": "Enable IAM User Permissions",
        "Effect": "Allow",
        "Principal": { "AWS": root(plan.account) },
        "Action": "kms:*",
        "Resource": "*",
    })];
    if !plan.administrators.is_empty() {
        let mut actions = ADMINISTER.to_vec();
        if plan.administrators_may_delete {
            actions.extend(DELETE);
        }
        statements.push(statement(
            "Allow access for Key Administrators",
            plan.administrators,
            &actions,
        ));
    }
    let others = plan.others.iter().map(|other| {
        if other.starts_with("arn:") {
            other.clone()
        } else {
            root(other)
        }
    });
    let users: Vec<String> = plan.users.iter().cloned().chain(others).collect();
    if !users.is_empty() {
        statements.push(statement("Allow use of the key", &users, uses(plan)));
        if plan.usage == "ENCRYPT_DECRYPT" {
            let mut grants = statement(
                "Allow attachment of persistent resources",
                &users,
                &["kms:CreateGrant", "kms:ListGrants", "kms:RevokeGrant"],
            );
            grants["Condition"] = json!({ "Bool": { "kms:GrantIsForAWSResource": "true" } });
            statements.push(grants);
        }
    }
    let document =
        json!({ "Version": "2012-10-17", "Id": "key-consolepolicy-3", "Statement": statements });
    serde_json::to_string_pretty(&document).unwrap_or_default()
}

fn statement(sid: &str, principals: &[String], actions: &[&str]) -> Value {
    json!({
        "Sid": sid,
        "Effect": "Allow",
        "Principal": { "AWS": principals },
        "Action": actions,
        "Resource": "*",
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use sealgate_policy::Policy;

    use super::*;

    #[test]
    fn what_the_wizard_proposes_is_a_key_policy() {
        let bob = ["arn:aws:iam::111122223333:user/bob".to_owned()];
        let others = [
            "444455556666".to_owned(),
            "arn:aws:iam::444455556666:role/x".to_owned(),
        ];
        for usage in [
            "ENCRYPT_DECRYPT",
            "SIGN_VERIFY",
            "GENERATE_VERIFY_MAC",
            "KEY_AGREEMENT",
        ] {
            for symmetric in [true, false] {
                let text = document(&Plan {
                    account: "111122223333",
                    usage,
                    symmetric,
                    administrators: &bob,
                    administrators_may_delete: symmetric,
                    users: &bob,
                    others: &others,
                });
                assert!(Policy::parse_key_policy(&text).is_ok(), "{text}");
                assert_eq!(text.contains("ScheduleKeyDeletion"), symmetric);
                assert!(text.contains("arn:aws:iam::444455556666:root"));
            }
        }
    }

    #[test]
    fn nobody_chosen_leaves_the_account_alone() {
        let text = document(&Plan {
            account: "111122223333",
            usage: "ENCRYPT_DECRYPT",
            symmetric: true,
            administrators: &[],
            administrators_may_delete: true,
            users: &[],
            others: &[],
        });
        let document: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(document["Statement"].as_array().unwrap().len(), 1);
    }
}
