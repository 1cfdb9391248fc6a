//! Names of condition operators. They are matched as AWS writes them; any other name is refused.

use crate::error::PolicyError;

/// An operator as named in a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Operator {
    pub(super) quantifier: Quantifier,
    pub(super) if_exists: bool,
    pub(super) negated: bool,
    pub(super) comparison: Comparison,
}

/// How the several values of a key count.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quantifier {
    None,
    /// Every value; true of none at all.
    ForAllValues,
    /// At least one; false of none at all.
    ForAnyValue,
}

/// What is compared, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    StringEquals,
    StringEqualsIgnoreCase,
    StringLike,
    Numeric(Relation),
    Date(Relation),
    Bool,
    BinaryEquals,
    IpAddress,
    /// `ArnEquals` and `ArnLike`, which behave the same.
    Arn,
    Null,
}

/// The order that a value must have to the operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Relation {
    pub(super) fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Relation::Equal => order.is_eq(),
            Relation::Less => order.is_lt(),
            Relation::LessOrEqual => order.is_le(),
            Relation::Greater => order.is_gt(),
            Relation::GreaterOrEqual => order.is_ge(),
        }
    }
}

impl Operator {
    pub(super) fn parse(name: &str) -> Result<Operator, PolicyError> {
        let unknown = || PolicyError::UnknownOperator(name.to_owned());
        let (quantifier, rest) = if let Some(rest) = name.strip_prefix("ForAllValues:") {
            (Quantifier::ForAllValues, rest)
        } else if let Some(rest) = name.strip_prefix("ForAnyValue:") {
            (Quantifier::ForAnyValue, rest)
        } else {
            (Quantifier::None, name)
        };
        let (base, if_exists) = match rest.strip_suffix("IfExists") {
            Some(base) => (base, true),
            None => (rest, false),
        };
        let (comparison, negated) = comparison(base).ok_or_else(unknown)?;
        // Null asks whether the key exists: neither suffix nor quantifier has a meaning there.
        if comparison == Comparison::Null && (if_exists || quantifier != Quantifier::None) {
            return Err(unknown());
        }
        Ok(Operator {
            quantifier,
            if_exists,
            negated,
            comparison,
        })
    }
}

fn comparison(name: &str) -> Option<(Comparison, bool)> {
    use Comparison as C;
    Some(match name {
        "StringEquals" => (C::StringEquals, false),
        "StringNotEquals" => (C::StringEquals, true),
        "StringEqualsIgnoreCase" => (C::StringEqualsIgnoreCase, false),
        "StringNotEqualsIgnoreCase" => (C::StringEqualsIgnoreCase, true),
        "StringLike" => (C::StringLike, false),
        "StringNotLike" => (C::StringLike, true),
        "NumericEquals" => (C::Numeric(Relation::Equal), false),
        "NumericNotEquals" => (C::Numeric(Relation::Equal), true),
        "NumericLessThan" => (C::Numeric(Relation::Less), false),
        "NumericLessThanEquals" => (C::Numeric(Relation::LessOrEqual), false),
        "NumericGreaterThan" => (C::Numeric(Relation::Greater), false),
        "NumericGreaterThanEquals" => (C::Numeric(Relation::GreaterOrEqual), false),
        "DateEquals" => (C::Date(Relation::Equal), false),
        "DateNotEquals" => (C::Date(Relation::Equal), true),
        "DateLessThan" => (C::Date(Relation::Less), false),
        "DateLessThanEquals" => (C::Date(Relation::LessOrEqual), false),
        "DateGreaterThan" => (C::Date(Relation::Greater), false),
        "DateGreaterThanEquals" => (C::Date(Relation::GreaterOrEqual), false),
        "Bool" => (C::Bool, false),
        "BinaryEquals" => (C::BinaryEquals, false),
        "IpAddress" => (C::IpAddress, false),
        "NotIpAddress" => (C::IpAddress, true),
        "ArnEquals" | "ArnLike" => (C::Arn, false),
        "ArnNotEquals" | "ArnNotLike" => (C::Arn, true),
        "Null" => (C::Null, false),
        _ => return None,
    })
}
