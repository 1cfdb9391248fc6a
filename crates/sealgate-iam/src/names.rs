//! Names that callers give: checked once, here, with the words IAM has for each fault.

use std::fmt;

use crate::error::IamError;

/// True for the characters `[\w+=,.@-]` that IAM allows in names.
fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_+=,.@-".contains(c)
}

fn check_name(field: &str, value: &str, max: usize) -> Result<(), IamError> {
    if value.is_empty() {
        return Err(constraint(
            field,
            value,
            "Member must have length greater than or equal to 1",
        ));
    }
    if value.chars().count() > max {
        return Err(constraint(
            field,
            value,
            &format!("Member must have length less than or equal to {max}"),
        ));
    }
    if !value.chars().all(is_name_char) {
        return Err(IamError::Validation(format!(
            "The specified value for {field} is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-"
        )));
    }
    Ok(())
}

/// The form of IAM's complaint about a broken constraint of one parameter.
pub fn constraint(field: &str, value: &str, rule: &str) -> IamError {
    IamError::Validation(format!(
        "1 validation error detected: Value '{value}' at '{field}' failed to satisfy constraint: {rule}"
    ))
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $field:literal, $new:literal, $existing:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name(String);

        impl $name {
            /// Checks a name that is to be given.
            pub fn parse(text: &str) -> Result<$name, IamError> {
                check_name($field, text, $new)?;
                Ok($name(text.to_owned()))
            }

            /// Checks a name that is to be looked up (IAM takes longer ones there than it gives).
            pub fn parse_existing(text: &str) -> Result<$name, IamError> {
                check_name($field, text, $existing)?;
                Ok($name(text.to_owned()))
            }

            /// The name as given.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// What records are filed under, so that `Alice` and `alice` cannot both exist.
            pub(crate) fn folded(&self) -> String {
                self.0.to_ascii_lowercase()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// A user's name: `[\w+=,.@-]{1,64}`. Two names that differ only in case are the same name.
    UserName, "userName", 64, 128
}
name! {
    /// A group's name: `[\w+=,.@-]{1,128}`, unique without regard to case.
    GroupName, "groupName", 128, 128
}
name! {
    /// A role's name: `[\w+=,.@-]{1,64}`, unique without regard to case.
    RoleName, "roleName", 64, 64
}
name! {
    /// The name of a policy: `[\w+=,.@-]{1,128}`. Managed policies' are unique without regard to
    /// case, those of inline policies with.
    PolicyName, "policyName", 128, 128
}

/// The path of a user, group, role or policy: `/` or `/…/`, printable ASCII.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityPath(String);

impl EntityPath {
    /// Checks a path.
    pub fn parse(text: &str) -> Result<EntityPath, IamError> {
        if text.len() > 512 {
            return Err(constraint(
                "path",
                text,
                "Member must have length less than or equal to 512",
            ));
        }
        let printable = text.bytes().all(|b| (0x21..=0x7e).contains(&b));
        if !printable || !text.starts_with('/') || !text.ends_with('/') || text == "//" {
            return Err(IamError::Validation(
                "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters.".into(),
            ));
        }
        Ok(EntityPath(text.to_owned()))
    }

    /// The path `/`.
    pub fn root() -> EntityPath {
        EntityPath("/".into())
    }

    /// The path as given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The ARN of a managed policy: `arn:aws:iam::ACCOUNT:policy/PATH/NAME`, the account being `aws` for
/// those of AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyArn {
    text: String,
    account: String,
    name: String,
}

impl PolicyArn {
    /// Checks an ARN.
    pub fn parse(text: &str) -> Result<PolicyArn, IamError> {
        check_arn_length("policyArn", text)?;
        let invalid = || IamError::InvalidInput(format!("ARN {text} is not valid."));
        let rest = text.strip_prefix("arn:aws:iam::").ok_or_else(invalid)?;
        let (account, resource) = rest.split_once(':').ok_or_else(invalid)?;
        let path = resource.strip_prefix("policy").ok_or_else(invalid)?;
        let (_, name) = path.rsplit_once('/').ok_or_else(invalid)?;
        let known = account == "aws" || is_account_id(account);
        let printable = path.bytes().all(|b| (0x21..=0x7e).contains(&b));
        if !known || !path.starts_with('/') || !printable || PolicyName::parse(name).is_err() {
            return Err(invalid());
        }
        Ok(PolicyArn {
            account: account.to_owned(),
            name: name.to_owned(),
            text: text.to_owned(),
        })
    }

    /// The ARN as given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The account in it.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The name of the policy.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Is it a policy that AWS manages?
    pub fn is_of_aws(&self) -> bool {
        self.account == "aws"
    }
}

impl fmt::Display for PolicyArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// IAM's limits for an ARN in a parameter.
pub(crate) fn check_arn_length(field: &str, text: &str) -> Result<(), IamError> {
    let rule = match text.chars().count() {
        ..20 => "Member must have length greater than or equal to 20",
        2049.. => "Member must have length less than or equal to 2048",
        _ => return Ok(()),
    };
    Err(constraint(field, text, rule))
}

/// True for 12 digits.
pub(crate) fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

/// Checks the `PathPrefix` of a listing: begins with `/`, printable ASCII.
pub fn parse_path_prefix(text: &str) -> Result<String, IamError> {
    let printable = text.bytes().all(|b| (0x21..=0x7f).contains(&b));
    if !printable || !text.starts_with('/') || text.len() > 512 {
        return Err(IamError::Validation(
            "The specified value for pathPrefix is invalid. It must begin with / and contain only alphanumeric characters and/or / characters.".into(),
        ));
    }
    Ok(text.to_owned())
}

/// Checks an access key id as a caller names it: `\w{16,128}`.
pub fn parse_access_key_id(text: &str) -> Result<String, IamError> {
    if text.chars().count() < 16 {
        return Err(constraint(
            "accessKeyId",
            text,
            "Member must have length greater than or equal to 16",
        ));
    }
    if text.chars().count() > 128 {
        return Err(constraint(
            "accessKeyId",
            text,
            "Member must have length less than or equal to 128",
        ));
    }
    if !is_word(text) {
        return Err(constraint(
            "accessKeyId",
            text,
            "Member must satisfy regular expression pattern: [\\w]+",
        ));
    }
    Ok(text.to_owned())
}

/// True for a non-empty run of `\w`.
pub(crate) fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn user_names_follow_the_pattern() {
        for good in ["a", "Alice", "a.b@c", "x+y=z,w", "_-_", &"n".repeat(64)] {
            assert!(UserName::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "a b", "é", "a/b", "a*b", &"n".repeat(65)] {
            assert_eq!(
                UserName::parse(bad).unwrap_err().code(),
                "ValidationError",
                "{bad}"
            );
        }
        assert!(UserName::parse_existing(&"n".repeat(128)).is_ok());
    }

    #[test]
    fn a_bad_name_is_refused_in_iams_words() {
        assert_eq!(
            UserName::parse("a b").unwrap_err().message(),
            "The specified value for userName is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-"
        );
        assert_eq!(
            UserName::parse("").unwrap_err().message(),
            "1 validation error detected: Value '' at 'userName' failed to satisfy constraint: Member must have length greater than or equal to 1"
        );
    }

    #[test]
    fn paths_begin_and_end_with_a_slash() {
        for good in ["/", "/a/", "/a/b/"] {
            assert!(EntityPath::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "a", "/a", "a/", "//", "/a b/", "/é/"] {
            assert!(EntityPath::parse(bad).is_err(), "{bad}");
        }
        assert!(parse_path_prefix("/a").is_ok());
        assert!(parse_path_prefix("a").is_err());
    }

    #[test]
    fn access_key_ids_are_words_of_16_to_128() {
        assert!(parse_access_key_id("AKIAIOSFODNN7EXAMPLE").is_ok());
        for bad in ["short", "AKIAIOSFODNN7EXAM/LE", &"A".repeat(129)] {
            assert!(parse_access_key_id(bad).is_err(), "{bad}");
        }
    }
}
