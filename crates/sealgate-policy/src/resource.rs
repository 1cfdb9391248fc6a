//! The `Resource` and `NotResource` elements: ARN patterns, case-sensitive, or `*`.

use crate::arn::ArnPattern;
use crate::error::PolicyError;
use crate::json::Node;
use crate::key::Key;
use crate::request::Request;

/// The resources of a statement.
#[derive(Debug, Clone)]
pub(crate) struct Resources {
    negated: bool,
    patterns: Box<[ArnPattern]>,
}

impl Resources {
    pub(crate) fn parse(
        element: &str,
        node: &Node,
        negated: bool,
        variables: bool,
    ) -> Result<Resources, PolicyError> {
        let patterns = node
            .texts(element)?
            .into_iter()
            .map(|text| ArnPattern::parse(text, variables))
            .collect::<Result<Box<[_]>, _>>()?;
        if patterns.is_empty() {
            return Err(PolicyError::NoResources);
        }
        Ok(Resources { negated, patterns })
    }

    pub(crate) fn cover(&self, request: &Request<'_>) -> bool {
        let arn = request.resource.as_ref();
        self.patterns
            .iter()
            .any(|pattern| pattern.matches(arn, request))
            != self.negated
    }

    /// Whether this exempts resources that cannot be told, for want of a variable's value.
    pub(crate) fn exempts_the_unresolved(&self, request: &Request<'_>) -> bool {
        self.negated
            && self
                .patterns
                .iter()
                .any(|pattern| pattern.is_unresolved(request))
    }

    pub(crate) fn each_key<'a>(&'a self, visit: &mut dyn FnMut(&'a Key)) {
        for pattern in &self.patterns {
            pattern.each_key(visit);
        }
    }
}
