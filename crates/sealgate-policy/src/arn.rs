//! ARNs and patterns of them: six fields, each matched on its own.
//!
//! A wildcard does not reach over a colon into the next field, and fields that a pattern leaves out
//! match anything. The last field may itself contain colons.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html>

use crate::error::PolicyError;
use crate::key::Key;
use crate::pattern::{Pattern, Syntax};
use crate::request::Request;

/// Partition, service, region, account, resource.
const FIELDS: usize = 5;

/// An ARN split into its fields.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arn<'a>([&'a str; FIELDS]);

impl<'a> Arn<'a> {
    pub(crate) fn parse(text: &'a str) -> Option<Arn<'a>> {
        let mut fields = text.strip_prefix("arn:")?.splitn(FIELDS, ':');
        let mut next = || fields.next();
        Some(Arn([next()?, next()?, next()?, next()?, next()?]))
    }

    /// Partition, service, region, account, resource.
    pub(crate) fn fields(self) -> [&'a str; FIELDS] {
        self.0
    }
}

/// `*`, or an ARN with wildcards and variables.
#[derive(Debug, Clone)]
pub(crate) enum ArnPattern {
    Any,
    Fields(Box<[Pattern]>),
}

impl ArnPattern {
    pub(crate) fn parse(text: &str, variables: bool) -> Result<ArnPattern, PolicyError> {
        if text == "*" {
            return Ok(ArnPattern::Any);
        }
        let invalid = || PolicyError::InvalidResource(text.to_owned());
        let rest = text.strip_prefix("arn:").ok_or_else(invalid)?;
        let syntax = Syntax {
            wildcards: true,
            variables,
        };
        let mut fields = Pattern::parse_fields(rest, FIELDS, syntax)?;
        if let Some(partition) = fields.first().and_then(Pattern::literal)
            && !matches!(partition, "aws" | "aws-cn" | "aws-us-gov")
        {
            return Err(PolicyError::InvalidPartition {
                partition: partition.to_owned(),
                resource: text.to_owned(),
            });
        }
        if fields.get(1).is_none_or(|service| service.is_exactly("")) {
            return Err(invalid());
        }
        fields.resize(FIELDS, Pattern::ANY);
        Ok(ArnPattern::Fields(fields.into()))
    }

    /// Whether a variable has no value in the request.
    pub(crate) fn is_unresolved(&self, request: &Request<'_>) -> bool {
        match self {
            ArnPattern::Any => false,
            ArnPattern::Fields(patterns) => patterns
                .iter()
                .any(|pattern| pattern.is_unresolved(request)),
        }
    }

    /// `None` stands for what is not an ARN, such as the resource of an action that has none.
    pub(crate) fn matches(&self, arn: Option<&Arn<'_>>, request: &Request<'_>) -> bool {
        match (self, arn) {
            (ArnPattern::Any, _) => true,
            (ArnPattern::Fields(_), None) => false,
            (ArnPattern::Fields(patterns), Some(Arn(fields))) => {
                // The resource tells most ARNs apart: compare it first.
                patterns
                    .iter()
                    .zip(fields)
                    .rev()
                    .all(|(pattern, field)| pattern.matches(field, request))
            }
        }
    }

    pub(crate) fn each_key<'a>(&'a self, visit: &mut dyn FnMut(&'a Key)) {
        if let ArnPattern::Fields(patterns) = self {
            for pattern in patterns {
                pattern.each_key(visit);
            }
        }
    }
}
