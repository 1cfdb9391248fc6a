//! What an account asks of passwords.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_passwords_account-policy.html>

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use crate::error::IamError;
use crate::names::constraint;

const SYMBOLS: &str = "!@#$%^&*()_+-=[]{}|'";
/// Where the account has no policy of its own.
const DEFAULT_LENGTH: usize = 8;
const DEFAULT_CLASSES: usize = 3;

/// The rules of an account for the passwords of its users.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordPolicy {
    /// Characters at least, 6 to 128.
    pub minimum_length: u8,
    /// One of them a symbol.
    pub require_symbols: bool,
    /// One of them a digit.
    pub require_numbers: bool,
    /// One of them a capital letter.
    pub require_uppercase: bool,
    /// One of them a small letter.
    pub require_lowercase: bool,
    /// Users may change their own password without a policy that says so.
    pub allow_users_to_change: bool,
    /// Days after which it has to be changed, 1 to 1095.
    pub max_age: Option<u16>,
    /// How many of the last passwords may not come again, 1 to 24.
    pub reuse_prevention: Option<u8>,
    /// Who has a password that is too old cannot change it.
    pub hard_expiry: bool,
}

pub(super) fn missing(account_id: &str) -> IamError {
    IamError::NoSuchEntity(format!(
        "The Password Policy with domain name {account_id} cannot be found."
    ))
}

impl PasswordPolicy {
    /// Checks the numbers.
    pub(super) fn validate(&self) -> Result<(), IamError> {
        let between = |field: &str, value: u16, least: u16, most: u16| {
            if (least..=most).contains(&value) {
                return Ok(());
            }
            let rule = format!("Member must have value between {least} and {most}");
            Err(constraint(field, &value.to_string(), &rule))
        };
        between("minimumPasswordLength", self.minimum_length.into(), 6, 128)?;
        if let Some(days) = self.max_age {
            between("maxPasswordAge", days, 1, 1095)?;
        }
        if let Some(count) = self.reuse_prevention {
            between("passwordReusePrevention", count.into(), 1, 24)?;
        }
        Ok(())
    }

    /// When a password that was set then is too old.
    pub(crate) fn expires(&self, changed: OffsetDateTime) -> Option<OffsetDateTime> {
        Some(changed + Duration::days(self.max_age?.into()))
    }
}

struct Classes {
    upper: bool,
    lower: bool,
    digit: bool,
    symbol: bool,
}

impl Classes {
    fn of(password: &str) -> Classes {
        let any = |class: fn(char) -> bool| password.chars().any(class);
        Classes {
            upper: any(|c| c.is_ascii_uppercase()),
            lower: any(|c| c.is_ascii_lowercase()),
            digit: any(|c| c.is_ascii_digit()),
            symbol: any(|c| SYMBOLS.contains(c)),
        }
    }

    fn count(&self) -> usize {
        [self.upper, self.lower, self.digit, self.symbol]
            .into_iter()
            .filter(|has| *has)
            .count()
    }
}

/// Whether a user may have this password.
pub(super) fn check(
    policy: Option<&PasswordPolicy>,
    password: &str,
    user_name: &str,
) -> Result<(), IamError> {
    let (classes, length) = (Classes::of(password), password.chars().count());
    let least = policy.map_or(DEFAULT_LENGTH, |policy| policy.minimum_length.into());
    let asks = |part: fn(&PasswordPolicy) -> bool| policy.is_some_and(part);
    let problem = if length < least {
        format!("Password should have a minimum length of {least}")
    } else if asks(|policy| policy.require_uppercase) && !classes.upper {
        "Password should have at least one uppercase letter".to_owned()
    } else if asks(|policy| policy.require_lowercase) && !classes.lower {
        "Password should have at least one lowercase letter".to_owned()
    } else if asks(|policy| policy.require_numbers) && !classes.digit {
        "Password should have at least one number".to_owned()
    } else if asks(|policy| policy.require_symbols) && !classes.symbol {
        "Password should have at least one symbol".to_owned()
    } else if policy.is_none() && classes.count() < DEFAULT_CLASSES {
        "Password should have at least three of: uppercase letters, lowercase letters, numbers, symbols"
            .to_owned()
    } else if password.eq_ignore_ascii_case(user_name) {
        "Password should not be the name of the user".to_owned()
    } else {
        return Ok(());
    };
    Err(IamError::PasswordPolicyViolation(problem))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn lenient() -> PasswordPolicy {
        PasswordPolicy {
            minimum_length: 6,
            require_symbols: false,
            require_numbers: false,
            require_uppercase: false,
            require_lowercase: false,
            allow_users_to_change: false,
            max_age: None,
            reuse_prevention: None,
            hard_expiry: false,
        }
    }

    #[test]
    fn without_a_policy_eight_characters_of_three_kinds_are_asked_for() {
        for good in ["Passw0rd", "pass-w0rd", "PASSWORD-1", "Long Enough!"] {
            assert!(check(None, good, "bob").is_ok(), "{good}");
        }
        for bad in ["Passw0r", "password", "passw0rd", "PASSWORD1"] {
            assert!(check(None, bad, "bob").is_err(), "{bad}");
        }
        assert!(check(None, "Bob-Bob-1", "bob-bob-1").is_err());
    }

    #[test]
    fn a_policy_asks_for_what_it_says() {
        assert!(check(Some(&lenient()), "aaaaaa", "bob").is_ok());
        let strict = PasswordPolicy {
            minimum_length: 10,
            require_symbols: true,
            require_numbers: true,
            require_uppercase: true,
            require_lowercase: true,
            ..lenient()
        };
        assert!(check(Some(&strict), "Abcdefg-1x", "bob").is_ok());
        for bad in [
            "Abcdef-1x",
            "abcdefg-1x",
            "ABCDEFG-1X",
            "Abcdefg-xx",
            "Abcdefg01x",
        ] {
            assert!(check(Some(&strict), bad, "bob").is_err(), "{bad}");
        }
    }

    #[test]
    fn the_numbers_of_a_policy_have_bounds() {
        assert!(lenient().validate().is_ok());
        for bad in [
            PasswordPolicy {
                minimum_length: 5,
                ..lenient()
            },
            PasswordPolicy {
                minimum_length: 129,
                ..lenient()
            },
            PasswordPolicy {
                max_age: Some(0),
                ..lenient()
            },
            PasswordPolicy {
                max_age: Some(1096),
                ..lenient()
            },
            PasswordPolicy {
                reuse_prevention: Some(25),
                ..lenient()
            },
        ] {
            assert!(bad.validate().is_err(), "{bad:?}");
        }
    }
}
