//! Compiled operands and the comparison of one value with them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ipnet::IpNet;
use time::OffsetDateTime;

use super::operand::{Number, parse_date, parse_flag, parse_network};
use super::operator::{Comparison, Relation};
use crate::arn::{Arn, ArnPattern};
use crate::error::PolicyError;
use crate::key::Key;
use crate::pattern::{Pattern, Syntax};
use crate::request::{Request, Value};

/// A comparison with all of its operands.
#[derive(Debug, Clone)]
pub(super) enum Test {
    /// Equal or alike: the patterns were compiled with or without wildcards.
    Text(Box<[Pattern]>),
    TextIgnoringCase(Box<[Pattern]>),
    Number(Relation, Box<[Number]>),
    Date(Relation, Box<[OffsetDateTime]>),
    Flag(Box<[bool]>),
    Binary(Box<[Vec<u8>]>),
    Network(Box<[IpNet]>),
    Arn(Box<[ArnPattern]>),
    /// Whether the key has to be missing.
    Null(Box<[bool]>),
}

impl Test {
    /// Only strings and ARNs may hold policy variables.
    pub(super) fn compile(
        comparison: Comparison,
        operator: &str,
        operands: &[String],
        variables: bool,
    ) -> Result<Test, PolicyError> {
        let pattern = |wildcards| {
            move |text: &str| {
                Pattern::parse(
                    text,
                    Syntax {
                        wildcards,
                        variables,
                    },
                )
            }
        };
        let typed = Typed { operator, operands };
        Ok(match comparison {
            Comparison::StringEquals => Test::Text(each(operands, pattern(false))?),
            Comparison::StringEqualsIgnoreCase => {
                Test::TextIgnoringCase(each(operands, pattern(false))?)
            }
            Comparison::StringLike => Test::Text(each(operands, pattern(true))?),
            Comparison::Arn => Test::Arn(each(operands, |text| {
                ArnPattern::parse(text, variables).map_err(|error| match error {
                    variable @ (PolicyError::InvalidVariable(_)
                    | PolicyError::UnknownConditionKey(_)) => variable,
                    _ => typed.invalid(text),
                })
            })?),
            Comparison::Numeric(relation) => Test::Number(relation, typed.parse(Number::parse)?),
            Comparison::Date(relation) => Test::Date(relation, typed.parse(parse_date)?),
            Comparison::Bool => Test::Flag(typed.parse(parse_flag)?),
            Comparison::BinaryEquals => {
                Test::Binary(typed.parse(|text| STANDARD.decode(text).ok())?)
            }
            Comparison::IpAddress => Test::Network(typed.parse(parse_network)?),
            Comparison::Null => Test::Null(typed.parse(parse_flag)?),
        })
    }

    /// Whether a variable of an operand has no value in the request.
    pub(super) fn is_unresolved(&self, request: &Request<'_>) -> bool {
        match self {
            Test::Text(patterns) | Test::TextIgnoringCase(patterns) => patterns
                .iter()
                .any(|pattern| pattern.is_unresolved(request)),
            Test::Arn(patterns) => patterns
                .iter()
                .any(|pattern| pattern.is_unresolved(request)),
            Test::Number(..)
            | Test::Date(..)
            | Test::Flag(_)
            | Test::Binary(_)
            | Test::Network(_)
            | Test::Null(_) => false,
        }
    }

    pub(super) fn each_key<'a>(&'a self, visit: &mut dyn FnMut(&'a Key)) {
        match self {
            Test::Text(patterns) | Test::TextIgnoringCase(patterns) => {
                patterns.iter().for_each(|pattern| pattern.each_key(visit));
            }
            Test::Arn(patterns) => patterns.iter().for_each(|pattern| pattern.each_key(visit)),
            _ => {}
        }
    }

    /// Whether the value matches one of the operands. A value that is not of the operator's type
    /// matches none.
    pub(super) fn matches(&self, value: Value<'_>, request: &Request<'_>) -> bool {
        match self {
            Test::Text(patterns) => {
                let text = value.text();
                patterns
                    .iter()
                    .any(|pattern| pattern.matches(&text, request))
            }
            Test::TextIgnoringCase(patterns) => {
                let text = value.text();
                patterns
                    .iter()
                    .any(|pattern| pattern.equals_ignoring_case(&text, request))
            }
            Test::Arn(patterns) => {
                let text = value.text();
                let Some(arn) = Arn::parse(&text) else {
                    return false;
                };
                patterns
                    .iter()
                    .any(|pattern| pattern.matches(Some(&arn), request))
            }
            Test::Number(relation, operands) => value.number().is_some_and(|number| {
                let holds = |operand: &Number| {
                    number
                        .compare(*operand)
                        .is_some_and(|order| relation.holds(order))
                };
                operands.iter().any(holds)
            }),
            Test::Date(relation, operands) => value.instant().is_some_and(|at| {
                operands
                    .iter()
                    .any(|operand| relation.holds(at.cmp(operand)))
            }),
            Test::Flag(operands) => value.flag().is_some_and(|flag| operands.contains(&flag)),
            Test::Binary(operands) => STANDARD
                .decode(value.text().as_bytes())
                .is_ok_and(|bytes| operands.contains(&bytes)),
            Test::Network(networks) => value
                .address()
                .is_some_and(|address| networks.iter().any(|network| network.contains(&address))),
            // Answered from the presence of the key alone, before any value is looked at.
            Test::Null(_) => false,
        }
    }
}

fn each<T>(
    operands: &[String],
    parse: impl Fn(&str) -> Result<T, PolicyError>,
) -> Result<Box<[T]>, PolicyError> {
    operands.iter().map(|text| parse(text)).collect()
}

struct Typed<'a> {
    operator: &'a str,
    operands: &'a [String],
}

impl Typed<'_> {
    fn parse<T>(&self, parse: impl Fn(&str) -> Option<T>) -> Result<Box<[T]>, PolicyError> {
        each(self.operands, |text| {
            parse(text).ok_or_else(|| self.invalid(text))
        })
    }

    fn invalid(&self, text: &str) -> PolicyError {
        PolicyError::InvalidOperand {
            operator: self.operator.to_owned(),
            value: text.to_owned(),
        }
    }
}
