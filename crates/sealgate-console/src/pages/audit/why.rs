//! Why a call was refused, in sentences: of what the record says about what decided.

use serde_json::Value;

/// The sentences of a record of a refusal; none of one that failed for another reason than a policy.
pub(super) fn sentences(record: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let decided = &record["additionalEventData"]["decidedBy"];
    let message = text(&record["errorMessage"]);
    let denial =
        ["AccessDenied", "AccessDeniedException"].contains(&text(&record["errorCode"]).as_str());
    if !denial {
        return Vec::new();
    }
    let (kind, explicit) = match decided["policyType"].as_str() {
        Some(kind) => (kind.to_owned(), decided["effect"] == "Deny"),
        None => match kind_of(&message) {
            Some((kind, explicit)) => (kind.to_owned(), explicit),
            None => return Vec::new(),
        },
    };
    let mut sentences = Vec::new();
    if explicit {
        let statement = match (decided["sid"].as_str(), decided["statement"].as_u64()) {
            (Some(sid), Some(number)) => format!("Statement {number}, “{sid}”,"),
            (None, Some(number)) => format!("Statement {number}"),
            _ => "A statement".to_owned(),
        };
        let policy = match decided["policyName"].as_str() {
            Some(arn) if arn.starts_with("arn:") && kind == "resource-based policy" => {
                format!("the policy of {arn}")
            }
            Some(name) if !name.is_empty() => format!("“{name}”, {},", called(&kind)),
            _ => called(&kind).to_owned(),
        };
        sentences.push(format!("{statement} of {policy} says Deny."));
        sentences.push("A Deny outweighs everything that allows, whoever gave it.".to_owned());
    } else {
        sentences.push(format!(
            "Nothing says Deny; but no statement of {} allows it.",
            called(&kind)
        ));
    }
    sentences.push(remedy(&kind, explicit).to_owned());
    sentences
}

/// What the sentence of the answer names.
fn kind_of(message: &str) -> Option<(&'static str, bool)> {
    let explicit = message.contains("with an explicit deny");
    let kinds = [
        "identity-based policy",
        "resource-based policy",
        "permissions boundary",
        "session policy",
    ];
    let kind = kinds.into_iter().find(|kind| message.contains(kind))?;
    Some((kind, explicit))
}

fn called(kind: &str) -> &'static str {
    match kind {
        "identity-based policy" => "a policy of the principal or of its groups",
        "permissions boundary" => "the principal's permissions boundary",
        "session policy" => "the policy that the session was made with",
        _ => "the resource's own policy (a key policy, a bucket policy, or whom a role trusts)",
    }
}

fn remedy(kind: &str, explicit: bool) -> &'static str {
    match (kind, explicit) {
        (_, true) => {
            "To let it happen, that statement has to be taken out, or its conditions made to leave this call alone."
        }
        ("permissions boundary", _) => {
            "A boundary gives nothing, and limits what policies give: it has to name the action, too."
        }
        ("session policy", _) => {
            "A session may do what its own policy and the role both allow: ask for a session with a wider one."
        }
        ("identity-based policy", _) => {
            "Attach a policy that allows it to the user, role or group, or name the principal in the resource's policy."
        }
        _ => {
            "The resource's policy has to allow it; where it gives authority to the account, a policy of the principal is enough."
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use serde_json::json;

    use super::*;

    #[test]
    fn a_denial_is_told_by_the_statement_that_decided() {
        let record = json!({
            "errorCode": "AccessDenied",
            "errorMessage": "User: x is not authorized",
            "additionalEventData": { "decidedBy": {
                "policyType": "resource-based policy", "effect": "Deny", "policyName": "arn:aws:kms:r:1:key/k", "statement": 2, "sid": "NoBob",
            } },
        });
        let said = sentences(&record).join(" ");
        assert!(
            said.contains(
                "Statement 2, “NoBob”, of the policy of arn:aws:kms:r:1:key/k says Deny."
            ),
            "{said}"
        );
        assert!(said.contains("A Deny outweighs"), "{said}");
    }

    #[test]
    fn other_services_are_told_by_the_words_of_their_answer() {
        let words = "User: x is not authorized to perform: s3:GetObject on resource: y because no identity-based policy allows the s3:GetObject action";
        let said =
            sentences(&json!({ "errorCode": "AccessDenied", "errorMessage": words })).join(" ");
        assert!(
            said.contains("no statement of a policy of the principal"),
            "{said}"
        );
        let denied = words.replace(
            "because no identity-based policy allows",
            "with an explicit deny in a session policy for",
        );
        let said =
            sentences(&json!({ "errorCode": "AccessDenied", "errorMessage": denied })).join(" ");
        assert!(
            said.starts_with("A statement of the policy that the session"),
            "{said}"
        );
        for record in [
            json!({}),
            json!({ "errorCode": "NotFoundException", "errorMessage": words }),
            json!({ "errorCode": "AccessDenied" }),
        ] {
            assert!(sentences(&record).is_empty());
        }
    }
}
