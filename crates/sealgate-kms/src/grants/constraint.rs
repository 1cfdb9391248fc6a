//! Constraints: a grant that counts only under certain encryption contexts.
//! <https://docs.aws.amazon.com/kms/latest/APIReference/API_GrantConstraints.html>
//!
//! A constraint is blind to the case of keys and not to that of values, exactly as the condition keys
//! `kms:EncryptionContext:KEY` are: it is checked on them.

use sealgate_policy::Context;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::context::EncryptionContext;
use crate::error::KmsError;
use crate::grants::GrantConstraints;

const MAX_PAIRS: usize = 8;
/// The longest key or value.
const MAX_TEXT: usize = 384;
const EQUALS: &str = "EncryptionContextEquals";
const SUBSET: &str = "EncryptionContextSubset";

/// Under which encryption contexts a grant counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum GrantConstraint {
    /// Under this one.
    #[serde(rename = "EncryptionContextEquals")]
    Equals(EncryptionContext),
    /// Under those that have these pairs among theirs.
    #[serde(rename = "EncryptionContextSubset")]
    Subset(EncryptionContext),
}

impl GrantConstraint {
    /// Parses the `Constraints` of a request. An empty map counts as not given, as at AWS.
    pub(crate) fn parse(given: &GrantConstraints) -> Result<Option<GrantConstraint>, KmsError> {
        let (equals, subset) = (
            &given.encryption_context_equals,
            &given.encryption_context_subset,
        );
        let constraint = match (equals.is_empty(), subset.is_empty()) {
            (true, true) => return Ok(None),
            (false, true) => GrantConstraint::Equals(equals.clone()),
            (true, false) => GrantConstraint::Subset(subset.clone()),
            (false, false) => {
                return Err(KmsError::Validation(format!(
                    "A grant can have only one constraint, {EQUALS} or {SUBSET}."
                )));
            }
        };
        let pairs = constraint.pairs();
        if pairs.len() > MAX_PAIRS {
            return Err(KmsError::Validation(format!(
                "The grant constraint {} can have at most {MAX_PAIRS} encryption context pairs.",
                constraint.name()
            )));
        }
        let fits = |text: &str| text.chars().count() <= MAX_TEXT;
        if pairs
            .iter()
            .any(|(key, value)| key.is_empty() || !fits(key) || !fits(value))
        {
            return Err(KmsError::Validation(format!(
                "The keys and values of the grant constraint {} can have at most {MAX_TEXT} characters.",
                constraint.name()
            )));
        }
        if pairs.ambiguous_key().is_some() {
            return Err(KmsError::Validation(
                "The grant constraint has keys that differ only in case.".to_owned(),
            ));
        }
        Ok(Some(constraint))
    }

    /// The name of its kind, as in the API and in `kms:GrantConstraintType`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            GrantConstraint::Equals(_) => EQUALS,
            GrantConstraint::Subset(_) => SUBSET,
        }
    }

    /// The pairs.
    #[must_use]
    pub fn pairs(&self) -> &EncryptionContext {
        match self {
            GrantConstraint::Equals(pairs) | GrantConstraint::Subset(pairs) => pairs,
        }
    }

    /// As the API and the trail write it, but for the case of the first letter.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({ self.name(): self.pairs().to_json() })
    }
}

/// A constraint, ready to be checked.
#[derive(Debug)]
pub(crate) struct Check {
    exactly: bool,
    /// Condition keys, in lower case, and the value that each must have.
    wanted: Box<[(String, String)]>,
}

impl Check {
    pub(crate) fn new(constraint: &GrantConstraint) -> Check {
        let wanted = constraint.pairs().iter().map(|(key, value)| {
            let key = format!("kms:EncryptionContext:{key}").to_ascii_lowercase();
            (key, value.to_owned())
        });
        Check {
            exactly: matches!(constraint, GrantConstraint::Equals(_)),
            wanted: wanted.collect(),
        }
    }

    /// Whether the encryption context of a request meets the constraint.
    pub(crate) fn is_met(&self, request: &Context) -> bool {
        let given = request
            .get("kms:encryptioncontextkeys")
            .map_or(0, <[String]>::len);
        (!self.exactly || given == self.wanted.len())
            && self
                .wanted
                .iter()
                .all(|(key, value)| matches!(request.get(key), Some([given]) if given == value))
    }

    /// Whether the constraint of a new grant, whose condition keys these are, lets through nothing that
    /// this one keeps out.
    pub(crate) fn is_kept(&self, new_grant: &Context) -> bool {
        let exact = matches!(
            new_grant.get("kms:grantconstrainttype"),
            Some([kind]) if kind == EQUALS
        );
        (exact || !self.exactly) && self.is_met(new_grant)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use crate::access::add_encryption_context;

    fn pairs(text: &str) -> EncryptionContext {
        EncryptionContext::from_pairs(text.split_whitespace().map(|pair| {
            let (key, value) = pair.split_once('=').unwrap();
            (key, value)
        }))
    }

    fn request(text: &str, kind: Option<&str>) -> Context {
        let mut context = Context::new();
        add_encryption_context(&mut context, &pairs(text));
        if let Some(kind) = kind {
            context.insert("kms:GrantConstraintType", kind);
        }
        context
    }

    #[test]
    fn keys_match_in_any_case_and_values_only_in_theirs() {
        let equals = Check::new(&GrantConstraint::Equals(pairs("Dept=IT")));
        let subset = Check::new(&GrantConstraint::Subset(pairs("Dept=IT")));
        for (context, is_equal, is_superset) in [
            ("Dept=IT", true, true),
            ("dEPT=IT", true, true),
            ("Dept=it", false, false),
            ("Dept=IT a=b", false, true),
            ("a=b", false, false),
            ("", false, false),
        ] {
            assert_eq!(
                equals.is_met(&request(context, None)),
                is_equal,
                "{context}"
            );
            assert_eq!(
                subset.is_met(&request(context, None)),
                is_superset,
                "{context}"
            );
        }
    }

    #[test]
    fn a_constraint_is_kept_by_one_that_is_as_strict() {
        let equals = Check::new(&GrantConstraint::Equals(pairs("a=1")));
        let subset = Check::new(&GrantConstraint::Subset(pairs("a=1")));
        for (context, kind, keeps_equals, keeps_subset) in [
            ("a=1", Some(EQUALS), true, true),
            ("a=1", Some(SUBSET), false, true),
            ("a=1 b=2", Some(EQUALS), false, true),
            ("a=1 b=2", Some(SUBSET), false, true),
            ("b=2", Some(SUBSET), false, false),
            ("", None, false, false),
        ] {
            let new_grant = request(context, kind);
            assert_eq!(
                equals.is_kept(&new_grant),
                keeps_equals,
                "{context} {kind:?}"
            );
            assert_eq!(
                subset.is_kept(&new_grant),
                keeps_subset,
                "{context} {kind:?}"
            );
        }
    }

    #[test]
    fn constraints_have_limits() {
        let equals = |pairs| GrantConstraints {
            encryption_context_equals: pairs,
            ..Default::default()
        };
        let many = EncryptionContext::from_pairs((0..9).map(|n| (format!("k{n}"), "v")));
        let long = EncryptionContext::from_pairs([("k", "v".repeat(385))]);
        let both = GrantConstraints {
            encryption_context_equals: pairs("a=1"),
            encryption_context_subset: pairs("a=1"),
        };
        for bad in [equals(many), equals(long), equals(pairs("a=1 A=2")), both] {
            let refused = GrantConstraint::parse(&bad).unwrap_err();
            assert_eq!(refused.code(), "ValidationException");
        }
        let edge =
            EncryptionContext::from_pairs((0..8).map(|n| (format!("k{n}"), "v".repeat(384))));
        assert!(GrantConstraint::parse(&equals(edge)).unwrap().is_some());
        assert_eq!(
            GrantConstraint::parse(&GrantConstraints::default()),
            Ok(None)
        );
    }
}
