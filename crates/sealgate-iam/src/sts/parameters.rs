//! Parameters of STS: checked once, with the words it has for each fault.

use std::fmt;

use crate::error::IamError;
use crate::names::{check_arn_length, constraint, is_account_id};

/// Checks length and characters, as the model of the API gives them.
fn checked(
    field: &str,
    text: &str,
    (shortest, longest): (usize, usize),
    further: &str,
    pattern: &str,
) -> Result<String, IamError> {
    let length = text.chars().count();
    if length < shortest {
        let rule = format!("Member must have length greater than or equal to {shortest}");
        return Err(constraint(field, text, &rule));
    }
    if length > longest {
        let rule = format!("Member must have length less than or equal to {longest}");
        return Err(constraint(field, text, &rule));
    }
    if !text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c) || further.contains(c))
    {
        let rule = format!("Member must satisfy regular expression pattern: {pattern}");
        return Err(constraint(field, text, &rule));
    }
    Ok(text.to_owned())
}

macro_rules! parameter {
    ($(#[$doc:meta])* $name:ident, $field:literal, $lengths:expr, $further:literal, $pattern:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name(String);

        impl $name {
            /// Checks the parameter.
            pub fn parse(text: &str) -> Result<$name, IamError> {
                checked($field, text, $lengths, $further, $pattern).map($name)
            }

            /// The text as given.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

parameter!(
    /// The name of a session of a role.
    RoleSessionName, "roleSessionName", (2, 64), "", r"[\w+=,.@-]*"
);
parameter!(
    /// The name of a federated user.
    FederatedName, "name", (2, 32), "", r"[\w+=,.@-]*"
);
parameter!(
    /// What an account gave to whom it trusts to assume a role.
    ExternalId, "externalId", (2, 1224), ":/", r"[\w+=,.@:\/-]*"
);
parameter!(
    /// Who is behind a session, kept through chains of roles.
    SourceIdentity, "sourceIdentity", (2, 64), "", r"[\w+=,.@-]*"
);

/// The ARN of a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleArn {
    text: String,
    account_id: String,
    name: String,
}

impl RoleArn {
    /// Checks an ARN.
    pub fn parse(text: &str) -> Result<RoleArn, IamError> {
        check_arn_length("roleArn", text)?;
        let invalid = || IamError::Validation(format!("{text} is invalid"));
        let rest = text.strip_prefix("arn:aws:iam::").ok_or_else(invalid)?;
        let (account_id, resource) = rest.split_once(':').ok_or_else(invalid)?;
        let path = resource.strip_prefix("role/").ok_or_else(invalid)?;
        let name = path.rsplit('/').next().unwrap_or(path);
        if !is_account_id(account_id) || name.is_empty() {
            return Err(invalid());
        }
        Ok(RoleArn {
            account_id: account_id.to_owned(),
            name: name.to_owned(),
            text: text.to_owned(),
        })
    }

    /// The ARN as given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The account in it.
    pub fn account_id(&self) -> &str {
        &self.account_id
    }

    /// The name of the role, without path.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// How long a session lasts, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionDuration(u32);

impl SessionDuration {
    /// An hour: the default for roles, the most for the root user and in chains of roles.
    pub const HOUR: SessionDuration = SessionDuration(3600);
    /// Twelve hours: the most for roles, the default for users.
    pub const TWELVE_HOURS: SessionDuration = SessionDuration(43_200);
    /// A day and a half: the most for users.
    pub const LONGEST: SessionDuration = SessionDuration(129_600);
    const SHORTEST: i64 = 900;

    /// Checks `DurationSeconds`; the most depends on the operation.
    pub fn parse(text: &str, most: SessionDuration) -> Result<SessionDuration, IamError> {
        let rule = match text.parse::<i64>() {
            Ok(seconds) if seconds < SessionDuration::SHORTEST => format!(
                "Member must have value greater than or equal to {}",
                SessionDuration::SHORTEST
            ),
            Ok(seconds) if seconds > i64::from(most.0) => {
                format!("Member must have value less than or equal to {}", most.0)
            }
            Ok(seconds) => {
                return u32::try_from(seconds)
                    .map(SessionDuration)
                    .map_err(|_| constraint("durationSeconds", text, "Member must be an integer"));
            }
            Err(_) => "Member must be an integer".into(),
        };
        Err(constraint("durationSeconds", text, &rule))
    }

    /// Seconds.
    pub fn seconds(self) -> u32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn names_have_the_lengths_and_characters_of_the_model() {
        assert_eq!(
            RoleSessionName::parse("a.b@c-_=,+1").unwrap().as_str(),
            "a.b@c-_=,+1"
        );
        for bad in ["", "a", "a b", "a/b", "ä1", &"x".repeat(65)] {
            let error = RoleSessionName::parse(bad).unwrap_err();
            assert_eq!(error.code(), "ValidationError");
            assert!(error.message().contains("'roleSessionName'"), "{bad}");
        }
        assert!(FederatedName::parse(&"x".repeat(33)).is_err());
        assert!(ExternalId::parse("a:b/c").is_ok());
        assert!(ExternalId::parse(&"x".repeat(1225)).is_err());
    }

    #[test]
    fn a_role_arn_is_that_of_a_role() {
        let arn = RoleArn::parse("arn:aws:iam::111111111111:role/a/b/reader").unwrap();
        assert_eq!((arn.account_id(), arn.name()), ("111111111111", "reader"));
        for bad in [
            "arn:aws:iam::111111111111:user/reader",
            "arn:aws:iam::1111:role/reader-reader",
            "arn:aws:iam::111111111111:role/",
            "arn:aws:sts::111111111111:role/reader",
            "arn:aws:iam::111111111111:role",
            "short",
        ] {
            assert_eq!(
                RoleArn::parse(bad).unwrap_err().code(),
                "ValidationError",
                "{bad}"
            );
        }
    }

    #[test]
    fn a_duration_is_between_a_quarter_of_an_hour_and_the_most() {
        let parse = |text| SessionDuration::parse(text, SessionDuration::TWELVE_HOURS);
        assert_eq!(parse("900").unwrap().seconds(), 900);
        assert_eq!(parse("43200").unwrap(), SessionDuration::TWELVE_HOURS);
        for bad in ["899", "43201", "-1", "", "1h", "99999999999999999999"] {
            let error = parse(bad).unwrap_err();
            assert!(error.message().contains("durationSeconds"), "{bad}");
        }
    }
}
