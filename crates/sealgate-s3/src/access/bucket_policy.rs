//! The policy of a bucket: what S3 takes for one, and what is known of one that is in force.
//!
//! It is kept as the text that was put, which is what a read answers.

use bytes::Bytes;
use sealgate_index::Bucket;
use sealgate_policy::{Policy, PolicyError};
use serde_json::Value;

use super::public::{is_public, one_or_many};
use crate::S3;
use crate::error::{Code, Result, S3Error};
use crate::operation::{Level, Operation};

/// Kind of the document in the index.
pub(crate) const KIND: &str = "policy";

/// Longest policy, in bytes.
pub(crate) const MAX_SIZE: usize = 20 * 1024;

/// Prefix of the condition keys that need the tags of the object.
pub(crate) const EXISTING_TAG: &str = "s3:existingobjecttag/";

const ARN: &str = "arn:aws:s3:::";

/// Actions that a policy may name and that no operation needs for itself, and whether they are about objects.
const MORE_ACTIONS: [(&str, bool); 13] = [
    ("s3:BypassGovernanceRetention", true),
    ("s3:GetObjectVersionForReplication", true),
    ("s3:InitiateReplication", true),
    ("s3:ListTagsForResource", false),
    ("s3:ObjectOwnerOverrideToBucketOwner", true),
    ("s3:PauseReplication", false),
    ("s3:ReplicateDelete", true),
    ("s3:ReplicateObject", true),
    ("s3:ReplicateTags", true),
    ("s3:TagResource", false),
    ("s3:UntagResource", false),
    ("s3:PutBucketPublicAccessBlock", false),
    ("s3:GetBucketPolicyStatus", false),
];

/// A policy in force.
#[derive(Debug)]
pub(crate) struct BucketPolicy {
    /// As evaluated.
    pub(crate) policy: Policy,
    /// Whether it lets the public in.
    pub(crate) is_public: bool,
    /// Whether it asks for tags of the object.
    pub(crate) asks_for_tags: bool,
}

impl BucketPolicy {
    /// The policy of a bucket. One that cannot be read is an error: it may forbid what is about to happen.
    pub(crate) fn of(bucket: &Bucket) -> Result<Option<Self>> {
        let Some(stored) = bucket.config.get(KIND) else {
            return Ok(None);
        };
        let damaged = || {
            tracing::error!(bucket = bucket.name, "the bucket policy is damaged");
            S3Error::from(Code::InternalError)
        };
        let text = std::str::from_utf8(stored).map_err(|_| damaged())?;
        let (policy, json) = read(text).map_err(|_| damaged())?;
        Ok(Some(Self::new(policy, &json)))
    }

    fn new(policy: Policy, json: &Value) -> Self {
        Self {
            is_public: is_public(json),
            asks_for_tags: policy.asks_for(EXISTING_TAG),
            policy,
        }
    }

    /// Judge a policy that is to be put: what will be stored, and what it is.
    pub(crate) async fn accept(s3: &S3, bucket: &str, document: &[u8]) -> Result<(Bytes, Self)> {
        if document.len() > MAX_SIZE {
            return Err(malformed(
                "Policy exceeds the maximum allowed document size.",
            ));
        }
        let text = std::str::from_utf8(document).map_err(|_| not_json())?;
        let (policy, mut json) = read(text).map_err(refusal)?;
        for statement in one_or_many(json.get("Statement")) {
            check_scope(statement, bucket)?;
        }
        if !name_accounts(s3, &mut json).await? {
            let stored = Bytes::copy_from_slice(document);
            return Ok((stored, Self::new(policy, &json)));
        }
        let text = json.to_string();
        let policy = Policy::parse_bucket_policy(&text).map_err(refusal)?;
        Ok((text.into(), Self::new(policy, &json)))
    }
}

/// The strict reader decides; the tree is for what S3 asks beyond the language of policies.
fn read(text: &str) -> Result<(Policy, Value), PolicyError> {
    let policy = Policy::parse_bucket_policy(text)?;
    let json = serde_json::from_str(text).map_err(|e| PolicyError::Syntax(e.to_string()))?;
    Ok((policy, json))
}

fn malformed(message: impl Into<String>) -> S3Error {
    S3Error::new(Code::MalformedPolicy, message)
}

fn not_json() -> S3Error {
    malformed("This policy contains invalid Json")
}

/// What is wrong with a document, in S3's words where they are known.
fn refusal(error: PolicyError) -> S3Error {
    match error {
        PolicyError::Syntax(_) => not_json(),
        PolicyError::WrongType { element, .. } if element == "The policy" => {
            malformed("Policies must be valid JSON and the first byte must be '{'")
        }
        PolicyError::UnknownElement(name) => malformed(format!("Unknown field {name}")),
        PolicyError::MissingElement(name) => malformed(format!("Missing required field {name}")),
        PolicyError::NoActions => malformed("Missing required field Action"),
        PolicyError::NoResources => malformed("Missing required field Resource"),
        PolicyError::InvalidPrincipal(name) => {
            malformed("Invalid principal in policy").with("Detail", name)
        }
        PolicyError::ActionWithoutVendor(name) | PolicyError::InvalidAction(name) => {
            invalid_action(&name)
        }
        PolicyError::InvalidResource(name)
        | PolicyError::InvalidPartition { resource: name, .. } => invalid_resource(&name),
        PolicyError::UnknownConditionKey(name) => {
            malformed("Policy has an invalid condition key").with("Detail", name)
        }
        error => malformed(error.to_string()),
    }
}

fn invalid_action(name: &str) -> S3Error {
    malformed("Policy has invalid action").with("Detail", name)
}

fn invalid_resource(name: &str) -> S3Error {
    malformed("Policy has invalid resource").with("Detail", name)
}

/// Actions have to be S3's, resources of this bucket, and each action about one of the resources.
fn check_scope(statement: &Value, bucket: &str) -> Result<()> {
    let texts = |name: &str| {
        one_or_many(statement.get(name))
            .iter()
            .filter_map(Value::as_str)
            .collect::<Vec<_>>()
    };
    let (mut of_bucket, mut of_objects) = (false, false);
    let resources = texts("Resource");
    for resource in resources.iter().copied().chain(texts("NotResource")) {
        let (with_bucket, with_objects) =
            reach(resource, bucket).ok_or_else(|| invalid_resource(resource))?;
        of_bucket |= with_bucket;
        of_objects |= with_objects;
    }
    let actions = texts("Action");
    for action in actions.iter().copied().chain(texts("NotAction")) {
        let (on_bucket, on_objects) = subjects(action);
        if !on_bucket && !on_objects {
            return Err(invalid_action(action));
        }
        let applies = on_bucket && of_bucket || on_objects && of_objects;
        if !applies && !resources.is_empty() && !actions.is_empty() {
            return Err(malformed(
                "Action does not apply to any resource(s) in statement",
            ));
        }
    }
    Ok(())
}

/// Whether a resource covers the bucket, and whether objects of it; `None` if neither.
fn reach(resource: &str, bucket: &str) -> Option<(bool, bool)> {
    if resource == "*" {
        return Some((true, true));
    }
    let rest = resource.strip_prefix(ARN)?;
    let (name, objects) = match rest.split_once('/') {
        Some((name, _)) => (name, true),
        None => (rest, false),
    };
    if !glob(name.as_bytes(), bucket.as_bytes()) {
        return None;
    }
    // A wildcard in the bucket's place reaches over the slash.
    Some((!objects, objects || name.ends_with('*')))
}

/// Whether actions of this pattern are about buckets, and whether about objects.
fn subjects(pattern: &str) -> (bool, bool) {
    let pattern = pattern.to_ascii_lowercase();
    let is = |action: &str| glob(pattern.as_bytes(), action.to_ascii_lowercase().as_bytes());
    let about_objects = |action: &str| {
        Operation::ALL
            .iter()
            .any(|op| op.level() == Level::Object && op.action() == action)
    };
    let mut found = (false, false);
    let mut add = |action: &str, objects: bool| {
        if is(action) {
            if objects {
                found.1 = true;
            } else {
                found.0 = true;
            }
        }
    };
    let of_buckets = Operation::ALL
        .iter()
        .filter(|op| op.level() != Level::Account);
    for op in of_buckets {
        let objects = op.level() == Level::Object || about_objects(op.action());
        add(op.action(), objects);
        add(op.version_action(), objects);
    }
    for (action, objects) in MORE_ACTIONS {
        add(action, objects);
    }
    found
}

/// Whether the whole of `text` matches a pattern of `*` and `?`.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to go on if the last `*` has to take one more.
    let mut retry: Option<(usize, usize)> = None;
    while let Some(byte) = text.get(t) {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p, t));
                p += 1;
            }
            Some(b'?') => (p, t) = (p + 1, t + 1),
            Some(wanted) if wanted == byte => (p, t) = (p + 1, t + 1),
            _ => match retry {
                Some((star, taken)) => {
                    retry = Some((star, taken + 1));
                    (p, t) = (star + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern
        .get(p..)
        .is_some_and(|rest| rest.iter().all(|b| *b == b'*'))
}

/// Replace canonical user ids by the accounts that they are, as S3 does; one that is nobody's is refused.
/// Whether there were any.
async fn name_accounts(s3: &S3, json: &mut Value) -> Result<bool> {
    let mut found = false;
    let statements = match json.get_mut("Statement") {
        Some(Value::Array(statements)) => statements.as_mut_slice(),
        Some(statement) => std::slice::from_mut(statement),
        None => return Ok(false),
    };
    for statement in statements {
        for element in ["Principal", "NotPrincipal"] {
            let Some(Value::Object(kinds)) = statement.get_mut(element) else {
                continue;
            };
            let Some(ids) = kinds.remove("CanonicalUser") else {
                continue;
            };
            found = true;
            let mut accounts = one_or_many(kinds.get("AWS")).to_vec();
            for id in one_or_many(Some(&ids)).iter().filter_map(Value::as_str) {
                let account = s3
                    .iam
                    .account_by_canonical_id(id)
                    .await
                    .map_err(|error| {
                        tracing::error!(%error, "an account cannot be looked up");
                        Code::InternalError
                    })?
                    .ok_or_else(|| malformed("Invalid principal in policy").with("Detail", id))?;
                accounts.push(format!("arn:aws:iam::{}:root", account.id).into());
            }
            kinds.insert("AWS".to_owned(), Value::Array(accounts));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn judge(statement: Value) -> Result<(), String> {
        let text = json!({ "Statement": statement }).to_string();
        let judged = read(&text).map_err(refusal).and_then(|(_, json)| {
            one_or_many(json.get("Statement"))
                .iter()
                .try_for_each(|statement| check_scope(statement, "mine"))
        });
        judged.map_err(|error| {
            assert_eq!(error.kind(), Code::MalformedPolicy);
            error.message
        })
    }

    #[test]
    fn a_policy_is_about_its_own_bucket_and_each_action_about_a_resource() {
        let unfit = "Action does not apply to any resource(s) in statement";
        let resource = "Policy has invalid resource";
        let action = "Policy has invalid action";
        for (actions, resources, refused) in [
            (json!("s3:*"), json!("*"), None),
            (json!("*"), json!("arn:aws:s3:::mine"), None),
            (json!("s3:GetObject"), json!("arn:aws:s3:::mine/*"), None),
            (json!("S3:getobject"), json!("arn:aws:s3:::mine/a"), None),
            (json!("s3:Get*"), json!("arn:aws:s3:::mine"), None),
            (json!("s3:GetObject"), json!("arn:aws:s3:::mine*"), None),
            (
                json!("s3:GetObjectVersion"),
                json!("arn:aws:s3:::mine/*"),
                None,
            ),
            (
                json!("s3:BypassGovernanceRetention"),
                json!("arn:aws:s3:::mine/*"),
                None,
            ),
            (json!("s3:ListBucket"), json!("arn:aws:s3:::mine"), None),
            (
                json!(["s3:ListBucket", "s3:GetObject"]),
                json!(["arn:aws:s3:::mine", "arn:aws:s3:::mine/*"]),
                None,
            ),
            (
                json!("s3:DeleteObject"),
                json!("arn:aws:s3:::mine"),
                Some(unfit),
            ),
            (
                json!("s3:ListBucket"),
                json!("arn:aws:s3:::mine/*"),
                Some(unfit),
            ),
            (
                json!(["s3:ListBucket", "s3:GetObject"]),
                json!("arn:aws:s3:::mine/*"),
                Some(unfit),
            ),
            (
                json!("s3:GetObject"),
                json!("arn:aws:s3:::other/*"),
                Some(resource),
            ),
            (
                json!("s3:GetObject"),
                json!("arn:aws:s3:::mine2/*"),
                Some(resource),
            ),
            (
                json!("s3:GetObject"),
                json!("arn:aws:sns:::mine/*"),
                Some(resource),
            ),
            (json!("s3:GetObject"), json!("mine/*"), Some(resource)),
            (json!("s3:GetObjekt"), json!("*"), Some(action)),
            (json!("kms:Decrypt"), json!("*"), Some(action)),
            (json!("GetObject"), json!("*"), Some(action)),
        ] {
            let judged = judge(json!({
                "Effect": "Allow", "Principal": "*", "Action": actions, "Resource": resources,
            }));
            assert_eq!(judged.err().as_deref(), refused, "{actions} {resources}");
        }
    }

    #[test]
    fn what_is_missing_or_unknown_is_named_in_the_words_of_s3() {
        for (statement, refused) in [
            (
                json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*"}),
                "Missing required field Principal",
            ),
            (
                json!({"Principal": "*", "Action": "s3:*", "Resource": "*"}),
                "Missing required field Effect",
            ),
            (
                json!({"Effect": "Allow", "Principal": "*", "Resource": "*"}),
                "Missing required field Action",
            ),
            (
                json!({"Effect": "Allow", "Principal": "*", "Action": "s3:*"}),
                "Missing required field Resource",
            ),
            (
                json!({"Effect": "Allow", "Principal": {"AWS": "alice"}, "Action": "s3:*", "Resource": "*"}),
                "Invalid principal in policy",
            ),
            (
                json!({"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*", "Else": 1}),
                "Unknown field Else",
            ),
        ] {
            assert_eq!(judge(statement).unwrap_err(), refused);
        }
    }

    proptest! {
        #[test]
        fn wildcards_take_any_text(text in "[a-c]{0,8}", at in 0usize..8) {
            let at = at.min(text.len());
            let (before, after) = text.split_at(at);
            let star = format!("{before}*{after}");
            prop_assert!(glob(star.as_bytes(), text.as_bytes()));
            let wide = format!("{before}abc{after}");
            prop_assert!(glob(star.as_bytes(), wide.as_bytes()));
            prop_assert_eq!(glob(text.as_bytes(), wide.as_bytes()), false);
        }
    }
}
