//! The `Action` and `NotAction` elements: `service:Name` with wildcards, blind to case.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html>

use crate::document::PolicyKind;
use crate::error::PolicyError;
use crate::json::Node;
use crate::pattern::{MANY, ONE, glob_match};

/// The actions of a statement.
#[derive(Debug, Clone)]
pub(crate) struct Actions {
    negated: bool,
    patterns: Box<[ActionPattern]>,
}

#[derive(Debug, Clone)]
enum ActionPattern {
    Any,
    /// Lower-cased; see [`crate::pattern`] for the bytes.
    Glob(Box<[u8]>),
}

impl Actions {
    pub(crate) fn parse(
        element: &str,
        node: &Node,
        negated: bool,
        kind: PolicyKind,
    ) -> Result<Actions, PolicyError> {
        let patterns = node
            .texts(element)?
            .into_iter()
            .map(|text| ActionPattern::parse(text, kind))
            .collect::<Result<Box<[_]>, _>>()?;
        if patterns.is_empty() {
            return Err(PolicyError::NoActions);
        }
        Ok(Actions { negated, patterns })
    }

    pub(crate) fn covers(&self, action: &str) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(action)) != self.negated
    }
}

impl ActionPattern {
    fn parse(text: &str, kind: PolicyKind) -> Result<ActionPattern, PolicyError> {
        if kind == PolicyKind::Trust
            && !text
                .get(..4)
                .is_some_and(|vendor| vendor.eq_ignore_ascii_case("sts:"))
        {
            return Err(PolicyError::TrustAction(text.to_owned()));
        }
        if matches!(text, "*" | "*:*") {
            return Ok(ActionPattern::Any);
        }
        let (vendor, name) = text
            .split_once(':')
            .ok_or_else(|| PolicyError::ActionWithoutVendor(text.to_owned()))?;
        let invalid = || PolicyError::InvalidAction(text.to_owned());
        if vendor.is_empty()
            || !vendor
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
        {
            return Err(invalid());
        }
        let in_name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'*' | b'?' | b'-' | b'_');
        if name.is_empty() || !name.bytes().all(in_name) {
            return Err(invalid());
        }
        // S3 refuses actions of other services in a bucket policy.
        if kind == PolicyKind::Bucket && !vendor.eq_ignore_ascii_case("s3") {
            return Err(invalid());
        }
        let mut glob: Vec<u8> = text
            .bytes()
            .map(|byte| match byte {
                b'*' => MANY,
                b'?' => ONE,
                other => other.to_ascii_lowercase(),
            })
            .collect();
        glob.dedup_by(|a, b| *a == MANY && *b == MANY);
        Ok(ActionPattern::Glob(glob.into()))
    }

    fn matches(&self, action: &str) -> bool {
        match self {
            ActionPattern::Any => true,
            ActionPattern::Glob(glob) => glob_match::<true>(glob, action.as_bytes()),
        }
    }
}
