//! The policy of a form: what its fields may be, how long its file, and until when.
//!
//! Codes and sentences are those of S3, as far as they have been seen.
//! AWS: <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html>

use std::ops::RangeInclusive;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

use super::Form;
use crate::error::{Code, Result, S3Error};
use crate::writer::MAX_BODY;

const EXPIRATION: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second][optional [.[subsecond]]]Z");
/// The fields that need no condition: what is signed, what signs it, and the file.
const FREE: [&str; 5] = [
    "awsaccesskeyid",
    "file",
    "policy",
    "signature",
    "x-amz-signature",
];
const FREE_PREFIX: &str = "x-ignore-";

/// A policy.
#[derive(Debug)]
pub(crate) struct Policy {
    expiration: OffsetDateTime,
    conditions: Vec<Condition>,
}

#[derive(Debug)]
struct Condition {
    /// As S3 shows it when it fails.
    shown: String,
    rule: Rule,
}

#[derive(Debug)]
enum Rule {
    /// A field, in lower case, equals or begins with a text. A list that names a field without `$`
    /// names none, and fails.
    Field {
        name: Option<String>,
        operator: Operator,
        text: String,
    },
    /// The length of the file; `None` of bounds that are no numbers, which fail.
    Length(Option<RangeInclusive<u64>>),
}

#[derive(Debug, Clone, Copy)]
enum Operator {
    Equals,
    StartsWith,
}

impl Policy {
    /// From the field `policy`.
    pub(crate) fn parse(field: &str) -> Result<Self> {
        let encoded: String = field.split_ascii_whitespace().collect();
        let document = STANDARD
            .decode(encoded)
            .map_err(|_| invalid("Invalid base64 encoding."))?;
        let document = String::from_utf8(document).map_err(|_| invalid_json())?;
        let value = serde_json::from_str(&plain_json(&document)).map_err(|_| invalid_json())?;
        let Value::Object(members) = value else {
            return Err(invalid_json());
        };
        let (mut expiration, mut conditions) = (None, None);
        for (name, value) in &members {
            match name.as_str() {
                "expiration" => expiration = Some(value),
                "conditions" => conditions = Some(value),
                other => {
                    return Err(invalid(&format!("Unexpected: '{}'", other.to_lowercase())));
                }
            }
        }
        let expiration = expiration.ok_or_else(|| invalid("Policy missing expiration."))?;
        let conditions = conditions.ok_or_else(|| invalid("Policy missing conditions."))?;
        let Value::Array(conditions) = conditions else {
            return Err(invalid("Invalid 'conditions' value: must be a List."));
        };
        Ok(Self {
            expiration: parse_expiration(expiration)?,
            conditions: conditions
                .iter()
                .map(Condition::parse)
                .collect::<Result<_>>()?,
        })
    }

    /// Whether the form for this bucket is what the policy allows now; if so, how long its file may
    /// be.
    pub(crate) fn check(
        &self,
        bucket: &str,
        form: &Form,
        now: OffsetDateTime,
    ) -> Result<RangeInclusive<u64>> {
        if now >= self.expiration {
            return Err(denied("Policy expired."));
        }
        let (mut least, mut most) = (0, MAX_BODY);
        for condition in &self.conditions {
            let holds = match &condition.rule {
                Rule::Length(None) => false,
                Rule::Length(Some(range)) => {
                    least = least.max(*range.start());
                    most = most.min(*range.end());
                    true
                }
                Rule::Field {
                    name,
                    operator,
                    text,
                } => match name.as_deref() {
                    None => false,
                    // The bucket is no field; it is in the URL.
                    Some("bucket") => operator.holds("bucket", bucket, text),
                    Some(name) => form
                        .get(name)
                        .is_some_and(|value| operator.holds(name, value, text)),
                },
            };
            if !holds {
                return Err(denied(&format!(
                    "Policy Condition failed: {}",
                    condition.shown
                )));
            }
        }
        let fields = form.iter().map(|(name, _)| name);
        for name in fields.chain(["bucket"]) {
            if !self.covers(&name.to_ascii_lowercase()) {
                return Err(denied(&format!("Extra input fields: {name}")));
            }
        }
        Ok(least..=most)
    }

    /// Whether a field, in lower case, is free or has a condition.
    fn covers(&self, field: &str) -> bool {
        FREE.contains(&field)
            || field.starts_with(FREE_PREFIX)
            || self
                .conditions
                .iter()
                .any(|condition| match &condition.rule {
                    Rule::Field { name, .. } => name.as_deref() == Some(field),
                    Rule::Length(_) => false,
                })
    }
}

impl Operator {
    fn holds(self, name: &str, value: &str, text: &str) -> bool {
        match self {
            Operator::Equals => value == text,
            // A list of types: each of them must do.
            Operator::StartsWith if name == "content-type" => value
                .split(',')
                .all(|value| value.trim_start().starts_with(text)),
            Operator::StartsWith => value.starts_with(text),
        }
    }
}

impl Condition {
    fn parse(value: &Value) -> Result<Self> {
        match value {
            Value::Object(members) => {
                let mut members = members.iter();
                let (Some((name, value)), None) = (members.next(), members.next()) else {
                    return Err(simple(
                        "Simple-Conditions must have exactly one property specified.",
                    ));
                };
                let text = match value {
                    Value::String(text) => text,
                    Value::Null => return Err(invalid_json()),
                    _ => return Err(simple("value must be a string.")),
                };
                let parts = ["eq".into(), format!("${name}").into(), value.clone()];
                Ok(Self {
                    shown: show(&parts),
                    rule: Rule::Field {
                        name: Some(name.to_ascii_lowercase()),
                        operator: Operator::Equals,
                        text: text.clone(),
                    },
                })
            }
            Value::Array(parts) => Self::parse_list(parts),
            _ => Err(invalid("Invalid Condition: must be a List or Object.")),
        }
    }

    fn parse_list(parts: &[Value]) -> Result<Self> {
        let Some(operation) = parts.first() else {
            return Err(invalid("Invalid Condition: missing operation identifier."));
        };
        let operation = operation.as_str().ok_or_else(invalid_json)?;
        let operator = match operation.to_ascii_lowercase().as_str() {
            "eq" => Some(Operator::Equals),
            "starts-with" => Some(Operator::StartsWith),
            "content-length-range" => None,
            _ => {
                return Err(invalid(&format!(
                    "Invalid Condition: unknown operation '{operation}'."
                )));
            }
        };
        let [_, first, second] = parts else {
            return Err(invalid(&format!(
                "Invalid {operation}: wrong number of arguments."
            )));
        };
        let rule = match operator {
            None => Rule::Length(
                match (bound(operation, first)?, bound(operation, second)?) {
                    (Some(least), Some(most)) => Some(least..=most),
                    _ => None,
                },
            ),
            Some(operator) => {
                let (Value::String(field), Value::String(text)) = (first, second) else {
                    return Err(invalid_json());
                };
                Rule::Field {
                    name: field.strip_prefix('$').map(str::to_ascii_lowercase),
                    operator,
                    text: text.clone(),
                }
            }
        };
        Ok(Self {
            shown: show(parts),
            rule,
        })
    }
}

/// A bound of a length: a number, or a text, which may turn out to be none.
fn bound(operation: &str, value: &Value) -> Result<Option<u64>> {
    match value {
        Value::String(text) => Ok(text.parse().ok()),
        Value::Number(number) if number.is_u64() => Ok(number.as_u64()),
        Value::Number(number) if number.is_i64() => {
            Err(invalid(&format!("Invalid {operation}: negative length.")))
        }
        _ => Err(invalid_json()),
    }
}

/// A condition as S3 shows it: a list of JSON.
fn show(parts: &[Value]) -> String {
    let parts: Vec<String> = parts.iter().map(Value::to_string).collect();
    format!("[{}]", parts.join(", "))
}

/// In UTC, and in no other form: `2007-12-01T12:00:00.000Z`.
fn parse_expiration(value: &Value) -> Result<OffsetDateTime> {
    let Value::String(text) = value else {
        return Err(invalid(&format!("Invalid 'expiration' value: '{value}'")));
    };
    Some(text)
        // The parser takes signed and longer years.
        .filter(|text| text.as_bytes().get(4) == Some(&b'-'))
        .and_then(|text| PrimitiveDateTime::parse(text, EXPIRATION).ok())
        .map(PrimitiveDateTime::assume_utc)
        .ok_or_else(|| invalid(&format!("Invalid 'expiration' value: '{text}'")))
}

/// The escapes `\$` and `\v`, which policies have and JSON has not.
fn plain_json(document: &str) -> String {
    let mut plain = String::with_capacity(document.len());
    let mut characters = document.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            plain.push(character);
            continue;
        }
        match characters.next() {
            Some('$') => plain.push('$'),
            Some('v') => plain.push_str("\\u000b"),
            Some(other) => plain.extend(['\\', other]),
            None => plain.push('\\'),
        }
    }
    plain
}

fn invalid(reason: &str) -> S3Error {
    S3Error::new(
        Code::InvalidPolicyDocument,
        format!("Invalid Policy: {reason}"),
    )
}

fn invalid_json() -> S3Error {
    invalid("Invalid JSON.")
}

fn simple(reason: &str) -> S3Error {
    invalid(&format!("Invalid Simple-Condition: {reason}"))
}

fn denied(reason: &str) -> S3Error {
    S3Error::new(
        Code::AccessDenied,
        format!("Invalid according to Policy: {reason}"),
    )
}

#[cfg(test)]
mod tests;
