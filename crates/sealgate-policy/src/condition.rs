//! The `Condition` element: a statement applies if all of its conditions hold.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>

pub(crate) mod operand;
mod operator;
mod test;

use crate::error::PolicyError;
use crate::json::{Node, wrong_type};
use crate::key::Key;
use crate::request::Request;
use operator::{Operator, Quantifier};
use test::Test;

/// One operator applied to one key.
#[derive(Debug, Clone)]
pub(crate) struct Condition {
    quantifier: Quantifier,
    if_exists: bool,
    negated: bool,
    key: Key,
    test: Test,
}

impl Condition {
    pub(crate) fn parse_all(node: &Node, variables: bool) -> Result<Box<[Condition]>, PolicyError> {
        let mut conditions = Vec::new();
        for (name, keys) in node.map("Condition")? {
            let operator = Operator::parse(name)?;
            for (key, values) in keys.map(name)? {
                let operands = values
                    .one_or_many()
                    .iter()
                    .map(|value| scalar(value, name))
                    .collect::<Result<Vec<_>, _>>()?;
                if operands.is_empty() {
                    // AWS takes it for a condition that nothing meets, which in a Deny is no protection.
                    return Err(PolicyError::NoOperands {
                        operator: name.clone(),
                        key: key.clone(),
                    });
                }
                conditions.push(Condition {
                    quantifier: operator.quantifier,
                    if_exists: operator.if_exists,
                    negated: operator.negated,
                    key: Key::parse(key)?,
                    test: Test::compile(operator.comparison, name, &operands, variables)?,
                });
            }
        }
        Ok(conditions.into())
    }

    /// Several operands are alternatives; of a negated operator none may match.
    pub(crate) fn holds(&self, request: &Request<'_>) -> bool {
        let values = request.values(&self.key);
        let missing = values.is_missing();
        if let Test::Null(operands) = &self.test {
            return operands.contains(&missing);
        }
        match self.quantifier {
            Quantifier::None if missing => self.negated || self.if_exists,
            Quantifier::None => {
                values.any(|value| self.test.matches(value, request)) != self.negated
            }
            Quantifier::ForAllValues => {
                values.is_null_set()
                    || !values.any(|value| self.test.matches(value, request) == self.negated)
            }
            Quantifier::ForAnyValue if missing => self.if_exists,
            Quantifier::ForAnyValue => {
                !values.is_null_set()
                    && values.any(|value| self.test.matches(value, request) != self.negated)
            }
        }
    }

    /// Whether this exempts values that cannot be told, for want of a variable's value. A key that is
    /// missing is not compared at all where the operator says `IfExists`.
    pub(crate) fn exempts_the_unresolved(&self, request: &Request<'_>) -> bool {
        let compares = !self.if_exists || !request.values(&self.key).is_missing();
        self.negated && compares && self.test.is_unresolved(request)
    }

    pub(crate) fn each_key<'a>(&'a self, visit: &mut dyn FnMut(&'a Key)) {
        visit(&self.key);
        self.test.each_key(visit);
    }
}

/// Operands are strings; JSON numbers and booleans are taken for their text.
fn scalar(node: &Node, operator: &str) -> Result<String, PolicyError> {
    match node {
        Node::Text(text) | Node::Number(text) => Ok(text.clone()),
        Node::Bool(flag) => Ok(flag.to_string()),
        Node::Null | Node::List(_) | Node::Map(_) => Err(wrong_type(
            operator,
            "a string, number or boolean, or a list of them",
        )),
    }
}
