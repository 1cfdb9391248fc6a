//! The ways to name a key: key id, key ARN, alias name, alias ARN. Parsed once, at the edge.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::KmsError;

/// The longest text that names a key.
const MAX_KEY_ID: usize = 2048;
/// The longest alias name.
const MAX_ALIAS: usize = 256;

/// A 12-digit account id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(crate) struct AccountId(u64);

impl AccountId {
    const LIMIT: u64 = 1_000_000_000_000;

    /// The number, as ciphertexts carry it.
    pub(crate) fn number(self) -> u64 {
        self.0
    }

    pub(crate) fn from_number(number: u64) -> Option<AccountId> {
        (number < AccountId::LIMIT).then_some(AccountId(number))
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:012}", self.0)
    }
}

impl FromStr for AccountId {
    type Err = ();

    fn from_str(text: &str) -> Result<AccountId, ()> {
        if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
            text.parse().map(AccountId).map_err(|_| ())
        } else {
            Err(())
        }
    }
}

impl From<AccountId> for String {
    fn from(id: AccountId) -> String {
        id.to_string()
    }
}

impl TryFrom<String> for AccountId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<AccountId, &'static str> {
        text.parse().map_err(|()| "an account id has 12 digits")
    }
}

pub(crate) fn key_arn(region: &str, account: AccountId, id: impl fmt::Display) -> String {
    format!("arn:aws:kms:{region}:{account}:key/{id}")
}

pub(crate) fn alias_arn(region: &str, account: AccountId, name: &str) -> String {
    format!("arn:aws:kms:{region}:{account}:{name}")
}

/// What a name says: which key or which alias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    Key(KeyId),
    /// The name, with `alias/`.
    Alias(String),
}

/// A key id of valid form. Records and ciphertexts hold its number; the form says whether the key is a
/// multi-Region key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(crate) enum KeyId {
    /// `1234abcd-12ab-34cd-56ef-1234567890ab`.
    Uuid(Uuid),
    /// `mrk-1234abcd12ab34cd56ef1234567890ab`.
    MultiRegion(Uuid),
}

impl KeyId {
    /// The number alone.
    pub(crate) fn uuid(self) -> Uuid {
        match self {
            KeyId::Uuid(id) | KeyId::MultiRegion(id) => id,
        }
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyId::Uuid(id) => id.fmt(f),
            KeyId::MultiRegion(id) => write!(f, "mrk-{}", id.simple()),
        }
    }
}

impl From<KeyId> for String {
    fn from(id: KeyId) -> String {
        id.to_string()
    }
}

impl TryFrom<String> for KeyId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<KeyId, &'static str> {
        KeyId::parse(&text).ok_or("a key id is a UUID, or mrk- and 32 hexadecimal digits")
    }
}

/// A name of a key, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyName {
    /// The account that an ARN names.
    pub account: Option<AccountId>,
    pub target: Target,
}

impl KeyName {
    /// Parses what a client gave as `KeyId` (or as the parameter `parameter`).
    pub(crate) fn parse(text: &str, region: &str, parameter: &str) -> Result<KeyName, KmsError> {
        check_length(text, parameter, MAX_KEY_ID)?;
        let invalid = || KmsError::NotFound(format!("Invalid keyId '{text}'"));
        let Some(rest) = text.strip_prefix("arn:") else {
            let target = Target::parse(text).ok_or_else(invalid)?;
            return Ok(KeyName {
                account: None,
                target,
            });
        };
        let mut fields = rest.splitn(5, ':');
        let mut field = || fields.next().ok_or_else(invalid);
        let (partition, service, arn_region, account, resource) =
            (field()?, field()?, field()?, field()?, field()?);
        if partition != "aws" || service != "kms" {
            return Err(invalid());
        }
        if arn_region != region {
            return Err(KmsError::NotFound(format!("Invalid arn {arn_region}")));
        }
        let account = account.parse().map_err(|()| invalid())?;
        let target = match resource.strip_prefix("key/") {
            Some(id) => KeyId::parse(id).map(Target::Key),
            None => Target::parse(resource).filter(|target| matches!(target, Target::Alias(_))),
        };
        Ok(KeyName {
            account: Some(account),
            target: target.ok_or_else(invalid)?,
        })
    }
}

impl Target {
    fn parse(text: &str) -> Option<Target> {
        if text.starts_with("alias/") {
            is_alias_name(text).then(|| Target::Alias(text.to_owned()))
        } else {
            KeyId::parse(text).map(Target::Key)
        }
    }
}

impl KeyId {
    pub(crate) fn parse(text: &str) -> Option<KeyId> {
        let id = match text.strip_prefix("mrk-") {
            Some(id) => KeyId::MultiRegion(Uuid::try_parse(id).ok()?),
            None => KeyId::Uuid(Uuid::try_parse(text).ok()?),
        };
        // Only the form that AWS prints, of the many that the parser would take.
        (id.to_string() == text).then_some(id)
    }
}

/// Checks the name of an alias that a client wants to make, change or remove; returns it.
pub(crate) fn parse_alias_name(name: &str) -> Result<&str, KmsError> {
    check_length(name, "aliasName", MAX_ALIAS)?;
    if !name.bytes().all(is_alias_byte) {
        return Err(KmsError::Validation(format!(
            "1 validation error detected: Value '{name}' at 'aliasName' failed to satisfy constraint: \
             Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$"
        )));
    }
    match name.strip_prefix("alias/") {
        None => Err(KmsError::Validation(
            "Alias must start with the prefix \"alias/\". Please see \
             https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html"
                .to_owned(),
        )),
        Some("") => Err(KmsError::InvalidAliasName(
            "Alias must have a name after the prefix.".to_owned(),
        )),
        Some(rest) if rest.starts_with("aws/") => Err(KmsError::NotAuthorized(
            "The prefix alias/aws/ is reserved for AWS managed keys.".to_owned(),
        )),
        Some(_) => Ok(name),
    }
}

fn is_alias_name(text: &str) -> bool {
    text.len() <= MAX_ALIAS && text.len() > "alias/".len() && text.bytes().all(is_alias_byte)
}

fn is_alias_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'/' | b'_' | b'-')
}

/// The refusal of a text that is empty or too long, in AWS's words.
pub(crate) fn check_length(text: &str, parameter: &str, max: usize) -> Result<(), KmsError> {
    let constraint = if text.is_empty() {
        "greater than or equal to 1".to_owned()
    } else if text.chars().count() > max {
        format!("less than or equal to {max}")
    } else {
        return Ok(());
    };
    Err(KmsError::Validation(format!(
        "1 validation error detected: Value '{}' at '{parameter}' failed to satisfy constraint: \
         Member must have length {constraint}",
        text.chars().take(MAX_KEY_ID).collect::<String>()
    )))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn account_ids_have_twelve_digits() {
        for text in [
            "",
            "1",
            "1111222233334",
            "11112222333x",
            "+11112222333",
            "-11112222333",
        ] {
            assert!(text.parse::<AccountId>().is_err(), "{text}");
        }
        for text in ["000000000001", "999999999999"] {
            let id: AccountId = text.parse().unwrap();
            assert_eq!(id.to_string(), text);
            assert_eq!(AccountId::from_number(id.number()), Some(id));
        }
        assert_eq!(AccountId::from_number(1_000_000_000_000), None);
    }

    #[test]
    fn the_form_of_a_key_id_says_whether_the_key_is_a_multi_region_key() {
        let number = Uuid::from_u128(0x1234_abcd);
        for id in [KeyId::Uuid(number), KeyId::MultiRegion(number)] {
            assert_eq!(KeyId::parse(&id.to_string()), Some(id));
            assert_eq!(id.uuid(), number);
        }
        let hyphens = format!("mrk-{number}");
        let upper = "mrk-1234ABCD12ab34cd56ef1234567890ab";
        for text in [
            hyphens.as_str(),
            upper,
            "mrk-",
            "1234abcd12ab34cd56ef1234567890ab",
        ] {
            assert_eq!(KeyId::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn names_of_any_form_are_parsed_or_refused(text in "(arn:)?(aws:)?(kms:)?.{0,40}(:key/|:alias/)?.{0,40}") {
            let _ = KeyName::parse(&text, "us-east-1", "keyId");
            let _ = parse_alias_name(&text);
        }
    }
}
