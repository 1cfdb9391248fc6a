//! A policy in sentences, for those who do not read JSON.

use serde_json::Value;

/// A statement, in words.
pub(crate) struct Sentence {
    pub(crate) allows: bool,
    pub(crate) text: String,
    pub(crate) detail: String,
}

/// The statements of a policy document; `None` if it is no document.
pub(crate) fn sentences(document: &str) -> Option<Vec<Sentence>> {
    let document: Value = serde_json::from_str(document).ok()?;
    let statements = match document.get("Statement")? {
        Value::Array(list) => list.clone(),
        one @ Value::Object(_) => vec![one.clone()],
        _ => return None,
    };
    Some(statements.iter().map(sentence).collect())
}

fn sentence(statement: &Value) -> Sentence {
    let allows = statement["Effect"] == "Allow";
    let who = principals(statement);
    let (actions, except) = match (statement.get("Action"), statement.get("NotAction")) {
        (Some(actions), _) => (texts(actions), false),
        (None, Some(actions)) => (texts(actions), true),
        (None, None) => (Vec::new(), false),
    };
    let verb = if allows { "may" } else { "may not" };
    let what = match (actions_in_words(&actions), except) {
        (what, false) => what,
        (what, true) => format!("do anything except {what}"),
    };
    let what = resources(statement, what);
    let mut text = format!("{who} {verb} {what}");
    let conditions = conditions(statement);
    if !conditions.is_empty() {
        text.push_str(if allows {
            ", but only where "
        } else {
            ", where "
        });
        text.push_str(&conditions.join(" and "));
    }
    text.push('.');
    let mut detail = String::new();
    if let Some(sid) = statement["Sid"].as_str().filter(|sid| !sid.is_empty()) {
        detail.push_str(sid);
        detail.push_str(": ");
    }
    detail.push_str(&actions.join(", "));
    Sentence {
        allows,
        text,
        detail,
    }
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(list) => list
            .iter()
            .filter_map(|text| text.as_str().map(str::to_owned))
            .collect(),
        _ => Vec::new(),
    }
}

fn listed(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn principals(statement: &Value) -> String {
    let (value, except) = match (statement.get("Principal"), statement.get("NotPrincipal")) {
        (Some(value), _) => (value, false),
        (None, Some(value)) => (value, true),
        (None, None) => return "Whoever has this policy".to_owned(),
    };
    let mut words = Vec::new();
    match value {
        Value::String(_) => words.push("everybody".to_owned()),
        Value::Object(kinds) => {
            for (kind, names) in kinds {
                words.extend(texts(names).iter().map(|name| principal(kind, name)));
            }
        }
        _ => {}
    }
    let text = listed(&words);
    let text = if except {
        format!("everybody except {text}")
    } else {
        text
    };
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => "Nobody".to_owned(),
    }
}

fn principal(kind: &str, name: &str) -> String {
    if name == "*" {
        return "everybody".to_owned();
    }
    if kind == "Service" {
        return format!("the service {name}");
    }
    if name.len() == 12 && name.bytes().all(|byte| byte.is_ascii_digit()) {
        return format!("account {name}, as its own policies allow,");
    }
    let parts: Vec<&str> = name.splitn(6, ':').collect();
    match parts.as_slice() {
        [_, _, _, _, account, "root"] => {
            format!("account {account}, and whom its own policies allow it,")
        }
        [_, _, _, _, _, rest] => match rest.split_once('/') {
            Some((kind, path)) => {
                let short = path.rsplit('/').next().unwrap_or(path);
                format!("{kind} {short}")
            }
            None => name.to_owned(),
        },
        _ => name.to_owned(),
    }
}

const LOOK: &str = "look at it";
/// Actions of the KMS that belong together.
const FAMILIES: [(&str, &[&str]); 6] = [
    (
        "use it to encrypt and decrypt",
        &[
            "kms:Encrypt",
            "kms:Decrypt",
            "kms:ReEncrypt*",
            "kms:GenerateDataKey*",
        ],
    ),
    ("use it to sign and verify", &["kms:Sign", "kms:Verify"]),
    (
        "use it to make and verify MACs",
        &["kms:GenerateMac", "kms:VerifyMac"],
    ),
    ("use it to agree on secrets", &["kms:DeriveSharedSecret"]),
    (LOOK, &["kms:DescribeKey", "kms:GetPublicKey"]),
    (
        "let services use it through grants",
        &["kms:CreateGrant", "kms:ListGrants", "kms:RevokeGrant"],
    ),
];

fn actions_in_words(actions: &[String]) -> String {
    if actions
        .iter()
        .any(|action| action == "*" || action == "kms:*")
    {
        return "do everything".to_owned();
    }
    let administers = [
        "kms:Put*",
        "kms:PutKeyPolicy",
        "kms:ScheduleKeyDeletion",
        "kms:Disable*",
    ];
    if actions
        .iter()
        .any(|action| administers.contains(&action.as_str()))
        && !actions.iter().any(|action| action == "kms:Decrypt")
    {
        return "administer it, but not use it".to_owned();
    }
    let mut left: Vec<String> = actions.to_vec();
    let mut words = Vec::new();
    for (family, members) in FAMILIES {
        let named = left
            .iter()
            .filter(|action| members.contains(&action.as_str()))
            .count();
        // One action of a family is better said by its own name.
        if named > 1 || named == 1 && family == LOOK {
            left.retain(|action| !members.contains(&action.as_str()));
            words.push(family.to_owned());
        }
    }
    words.extend(left);
    listed(&words)
}

fn resources(statement: &Value, what: String) -> String {
    let resources = match (statement.get("Resource"), statement.get("NotResource")) {
        (Some(list), _) => texts(list),
        (None, Some(list)) => {
            return format!("{what} on anything except {}", listed(&texts(list)));
        }
        (None, None) => Vec::new(),
    };
    if resources.is_empty() || resources.iter().any(|name| name == "*") {
        let done = what == "do everything" && statement.get("Principal").is_some();
        return if done {
            "do everything with it".to_owned()
        } else {
            what
        };
    }
    format!("{what} on {}", listed(&resources))
}

fn conditions(statement: &Value) -> Vec<String> {
    let Some(operators) = statement["Condition"].as_object() else {
        return Vec::new();
    };
    let mut words = Vec::new();
    for (operator, keys) in operators {
        let Some(keys) = keys.as_object() else {
            continue;
        };
        for (key, values) in keys {
            let values = match values {
                Value::Bool(value) => value.to_string(),
                values => texts(values).join(" or "),
            };
            words.push(match operator.as_str() {
                "Bool" if key == "kms:GrantIsForAWSResource" => "a service asks for it".to_owned(),
                "StringEquals" | "ArnEquals" | "Bool" | "NumericEquals" | "IpAddress" => {
                    format!("{key} is {values}")
                }
                "StringNotEquals" | "ArnNotEquals" | "NotIpAddress" => {
                    format!("{key} is not {values}")
                }
                "StringLike" | "ArnLike" => format!("{key} is like {values}"),
                other => format!("{key} meets {other} {values}"),
            });
        }
    }
    words
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn first(statement: &str) -> String {
        let document = format!("{{\"Statement\":[{statement}]}}");
        sentences(&document).unwrap().remove(0).text
    }

    #[test]
    fn statements_of_key_policies_read_as_sentences() {
        assert_eq!(
            first(
                r#"{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"kms:*","Resource":"*"}"#
            ),
            "Account 111122223333, and whom its own policies allow it, may do everything with it."
        );
        assert_eq!(
            first(
                r#"{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::1:user/a/bob","arn:aws:iam::1:role/x"]},"Action":["kms:Encrypt","kms:Decrypt","kms:ReEncrypt*","kms:GenerateDataKey*","kms:DescribeKey"],"Resource":"*"}"#
            ),
            "User bob and role x may use it to encrypt and decrypt and look at it."
        );
        assert_eq!(
            first(
                r#"{"Effect":"Deny","Principal":"*","Action":"kms:Decrypt","Resource":"*","Condition":{"StringNotEquals":{"aws:PrincipalTag/team":"red"}}}"#
            ),
            "Everybody may not kms:Decrypt, where aws:PrincipalTag/team is not red."
        );
    }

    #[test]
    fn what_is_no_policy_has_no_sentences() {
        for bad in ["", "[]", "{}", "{\"Statement\":1}", "null"] {
            assert!(sentences(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_strange_statement_is_said_somehow() {
        for strange in ["{}", "1", r#"{"Effect":1,"Action":{},"Condition":[]}"#] {
            assert!(first(strange).ends_with('.'), "{strange}");
        }
    }
}
