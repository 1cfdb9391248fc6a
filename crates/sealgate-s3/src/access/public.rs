//! Whether a bucket policy is public, by AWS's definition: it is, unless each `Allow` is only to fixed values
//! of principals or of certain condition keys.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html#access-control-block-public-access-policy-status>

use std::net::IpAddr;

use serde_json::Value;

/// Condition keys that, with fixed values, limit a statement to somebody.
const LIMITING_KEYS: [&str; 13] = [
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:principalservicename",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceowner",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:userid",
    "s3:dataaccesspointaccount",
    "s3:dataaccesspointarn",
];

/// Operators that hold only if the key is there and equals an operand. Their `IfExists` and `ForAllValues`
/// forms hold also without the key, and so limit nothing.
const LIMITING_OPERATORS: [&str; 5] = [
    "ArnEquals",
    "ArnLike",
    "StringEquals",
    "StringEqualsIgnoreCase",
    "StringLike",
];

/// Prefixes shorter than these are most of the Internet.
const MIN_PREFIX_V4: u8 = 8;
const MIN_PREFIX_V6: u8 = 32;

/// Whether a policy, which was parsed before, is public.
pub(crate) fn is_public(policy: &Value) -> bool {
    one_or_many(policy.get("Statement"))
        .iter()
        .any(statement_is_public)
}

/// One value, or the values of a list.
pub(super) fn one_or_many(value: Option<&Value>) -> &[Value] {
    match value {
        None => &[],
        Some(Value::Array(values)) => values,
        Some(value) => std::slice::from_ref(value),
    }
}

fn statement_is_public(statement: &Value) -> bool {
    if statement.get("Effect").and_then(Value::as_str) == Some("Deny") {
        return false;
    }
    let everyone = match statement.get("Principal") {
        Some(Value::Object(kinds)) => kinds
            .values()
            .any(|names| one_or_many(Some(names)).iter().any(|name| name == "*")),
        Some(names) => names == "*",
        None => true,
    };
    everyone && !is_limited(statement.get("Condition"))
}

/// Whether a condition, all of which have to hold, lets in fixed values only.
fn is_limited(condition: Option<&Value>) -> bool {
    let Some(Value::Object(operators)) = condition else {
        return false;
    };
    operators.iter().any(|(operator, keys)| {
        let operator = operator.strip_prefix("ForAnyValue:").unwrap_or(operator);
        keys.as_object().is_some_and(|keys| {
            keys.iter()
                .any(|(key, operands)| limits(operator, &key.to_ascii_lowercase(), operands))
        })
    })
}

fn limits(operator: &str, key: &str, operands: &Value) -> bool {
    let operands = one_or_many(Some(operands));
    let every = |test: fn(&str) -> bool| {
        !operands.is_empty() && operands.iter().all(|it| it.as_str().is_some_and(test))
    };
    if operator == "IpAddress" {
        return key == "aws:sourceip" && every(is_narrow);
    }
    if !LIMITING_OPERATORS.contains(&operator) || !LIMITING_KEYS.contains(&key) {
        return false;
    }
    if key == "s3:dataaccesspointarn" {
        every(has_fixed_account)
    } else {
        every(is_fixed)
    }
}

fn is_fixed(value: &str) -> bool {
    !value.contains(['*', '?']) && !value.contains("${")
}

/// The name of an access point may be anything as long as its account is fixed.
fn has_fixed_account(arn: &str) -> bool {
    arn.split(':')
        .nth(4)
        .is_some_and(|account| !account.is_empty() && account.bytes().all(|b| b.is_ascii_digit()))
}

/// A network in CIDR notation that is not a great part of the Internet.
fn is_narrow(network: &str) -> bool {
    let (address, prefix) = match network.split_once('/') {
        Some((address, prefix)) => (address, prefix.parse::<u8>().ok()),
        None => (network, Some(u8::MAX)),
    };
    match (address.parse::<IpAddr>(), prefix) {
        (Ok(IpAddr::V4(_)), Some(prefix)) => prefix >= MIN_PREFIX_V4,
        (Ok(IpAddr::V6(address)), Some(prefix)) if address.to_ipv4_mapped().is_some() => {
            prefix >= 96 + MIN_PREFIX_V4
        }
        (Ok(IpAddr::V6(_)), Some(prefix)) => prefix >= MIN_PREFIX_V6,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn public(principal: Value, condition: Value) -> bool {
        let statement = json!({
            "Effect": "Allow", "Principal": principal, "Action": "s3:PutObject", "Resource": "*",
            "Condition": condition,
        });
        is_public(&json!({ "Statement": statement }))
            && is_public(&json!({"Statement": [statement]}))
    }

    #[test]
    fn a_policy_is_public_by_whom_it_names() {
        for (principal, expected) in [
            (json!("*"), true),
            (json!({"AWS": "*"}), true),
            (json!({"AWS": ["111122223333", "*"]}), true),
            (json!({"AWS": "111122223333"}), false),
            (json!({"AWS": "arn:aws:iam::111122223333:user/a"}), false),
            (json!({"Service": "cloudtrail.amazonaws.com"}), false),
            (json!({"Service": "logs.amazonaws.com", "AWS": "*"}), true),
        ] {
            assert_eq!(
                public(principal.clone(), json!({})),
                expected,
                "{principal}"
            );
        }
    }

    /// The rules and examples of AWS's page.
    #[test]
    fn conditions_on_fixed_values_make_a_policy_non_public() {
        for (condition, expected) in [
            (json!({"StringLike": {"aws:SourceVpc": "vpc-*"}}), true),
            (
                json!({"StringEquals": {"aws:SourceVpc": "vpc-91237329"}}),
                false,
            ),
            (
                json!({"StringLike": {"aws:SourceVpc": "vpc-91237329"}}),
                false,
            ),
            (
                json!({"StringEquals": {"aws:SourceVpce": ["vpce-1", "vpce-2"]}}),
                false,
            ),
            (
                json!({"StringEquals": {"AWS:SOURCEACCOUNT": "111122223333"}}),
                false,
            ),
            (
                json!({"StringEquals": {"aws:SourceOwner": "111122223333"}}),
                false,
            ),
            (
                json!({"StringEquals": {"aws:PrincipalOrgID": "o-1"}}),
                false,
            ),
            (
                json!({"ArnEquals": {"aws:SourceArn": "arn:aws:sns:us-east-1:1:t"}}),
                false,
            ),
            (
                json!({"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:1:t"}}),
                true,
            ),
            (
                json!({"StringEquals": {"aws:userid": "AIDAEXAMPLE"}}),
                false,
            ),
            (json!({"StringLike": {"aws:userid": "AROAEXAMPLE:*"}}), true),
            (
                json!({"StringEquals": {"aws:PrincipalArn": "${aws:userid}"}}),
                true,
            ),
            (
                json!({"StringEquals": {"s3:DataAccessPointAccount": "111122223333"}}),
                false,
            ),
            (
                json!({"ArnLike": {"s3:DataAccessPointArn": "arn:aws:s3:us-east-1:111122223333:accesspoint/*"}}),
                false,
            ),
            (
                json!({"ArnLike": {"s3:DataAccessPointArn": "arn:aws:s3:us-east-1:*:accesspoint/a"}}),
                true,
            ),
            // Networks.
            (
                json!({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}),
                false,
            ),
            (json!({"IpAddress": {"aws:SourceIp": "203.0.113.7"}}), false),
            (json!({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}), false),
            (json!({"IpAddress": {"aws:SourceIp": "0.0.0.0/1"}}), true),
            (
                json!({"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "0.0.0.0/0"]}}),
                true,
            ),
            (
                json!({"IpAddress": {"aws:SourceIp": "2001:db8::/32"}}),
                false,
            ),
            (json!({"IpAddress": {"aws:SourceIp": "2000::/3"}}), true),
            (
                json!({"IpAddress": {"aws:SourceIp": "::ffff:0.0.0.0/97"}}),
                true,
            ),
            // Not limits.
            (
                json!({"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}}),
                true,
            ),
            (json!({"StringNotEquals": {"aws:SourceVpc": "vpc-1"}}), true),
            (
                json!({"StringEqualsIfExists": {"aws:SourceVpc": "vpc-1"}}),
                true,
            ),
            (
                json!({"ForAllValues:StringEquals": {"aws:SourceVpc": "vpc-1"}}),
                true,
            ),
            (
                json!({"ForAnyValue:StringEquals": {"aws:SourceVpc": "vpc-1"}}),
                false,
            ),
            (json!({"Null": {"aws:SourceVpc": "false"}}), true),
            (json!({"Bool": {"aws:SecureTransport": "true"}}), true),
            (json!({"StringEquals": {"s3:prefix": "a"}}), true),
            (
                json!({"StringLike": {"aws:Referer": "http://example.com/a"}}),
                true,
            ),
            // One limit is enough, since all conditions have to hold.
            (
                json!({"Bool": {"aws:SecureTransport": "true"}, "StringEquals": {"s3:prefix": "a", "aws:SourceVpc": "vpc-1"}}),
                false,
            ),
            (json!({}), true),
        ] {
            assert_eq!(
                public(json!("*"), condition.clone()),
                expected,
                "{condition}"
            );
        }
    }

    #[test]
    fn one_public_statement_makes_a_policy_public_and_denials_never_do() {
        let deny = json!({"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"});
        let own = json!({"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "s3:*", "Resource": "*"});
        let all = json!({"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"});
        assert!(!is_public(&json!({"Statement": [deny, own]})));
        assert!(is_public(&json!({"Statement": [deny, own, all]})));
    }
}
