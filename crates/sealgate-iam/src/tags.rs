//! Tags of users, roles, policies and identity providers.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html>

use crate::Iam;
use crate::error::IamError;
use crate::holder::Holder;
use crate::names::{PolicyArn, RoleName, UserName, constraint};
use crate::providers::{OidcArn, SamlArn};
use crate::records::Tags;

/// On one thing at once.
const MAX_TAGS: usize = 50;
const MAX_KEY: usize = 128;
const MAX_VALUE: usize = 256;

/// What can have tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taggable {
    /// A user.
    User(UserName),
    /// A role.
    Role(RoleName),
    /// A managed policy of the account.
    Policy(PolicyArn),
    /// An OpenID Connect provider.
    Oidc(OidcArn),
    /// A SAML provider.
    Saml(SamlArn),
}

impl Taggable {
    /// Tag keys of users and roles that differ only in case are the same key; of other things they
    /// are not.
    fn folds_case(&self) -> bool {
        matches!(self, Taggable::User(_) | Taggable::Role(_))
    }
}

fn is_tag_char(c: char) -> bool {
    c.is_alphanumeric() || c.is_whitespace() && !c.is_control() || "_.:/=+-@".contains(c)
}

fn check_key(key: &str, field: &str) -> Result<(), IamError> {
    if key.is_empty() || key.chars().count() > MAX_KEY {
        return Err(constraint(
            field,
            key,
            "Member must have length between 1 and 128",
        ));
    }
    if !key.chars().all(is_tag_char) {
        return Err(constraint(
            field,
            key,
            r"Member must satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]+",
        ));
    }
    Ok(())
}

/// Checks tags as a caller gives them. Keys that differ only in case may not be given together.
pub fn parse_tags(given: Vec<(String, String)>) -> Result<Tags, IamError> {
    if given.len() > MAX_TAGS {
        return Err(IamError::Validation(format!(
            "1 validation error detected: Value at 'tags' failed to satisfy constraint: Member must have length less than or equal to {MAX_TAGS}"
        )));
    }
    let mut tags = Tags::new();
    for (key, value) in given {
        check_key(&key, "tags.member.key")?;
        if value.chars().count() > MAX_VALUE {
            return Err(constraint(
                "tags.member.value",
                &value,
                "Member must have length less than or equal to 256",
            ));
        }
        if !value.chars().all(is_tag_char) {
            return Err(constraint(
                "tags.member.value",
                &value,
                r"Member must satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]*",
            ));
        }
        if key
            .get(..4)
            .is_some_and(|start| start.eq_ignore_ascii_case("aws:"))
        {
            return Err(IamError::InvalidInput(
                "Tag keys that begin with aws: are reserved.".into(),
            ));
        }
        if tags.keys().any(|known| same(known, &key, true)) {
            return Err(IamError::InvalidInput(
                "Duplicate tag keys found. Please note that Tag keys are case insensitive.".into(),
            ));
        }
        tags.insert(key, value);
    }
    Ok(tags)
}

/// Checks the keys of tags to be taken away.
pub fn parse_tag_keys(given: Vec<String>) -> Result<Vec<String>, IamError> {
    if given.len() > MAX_TAGS {
        return Err(IamError::Validation(format!(
            "1 validation error detected: Value at 'tagKeys' failed to satisfy constraint: Member must have length less than or equal to {MAX_TAGS}"
        )));
    }
    for key in &given {
        check_key(key, "tagKeys")?;
    }
    Ok(given)
}

fn same(a: &str, b: &str, fold_case: bool) -> bool {
    if fold_case {
        a.to_lowercase() == b.to_lowercase()
    } else {
        a == b
    }
}

impl Iam {
    /// The tags of something.
    pub async fn tags(&self, account_id: &str, of: &Taggable) -> Result<Tags, IamError> {
        let holder = match of {
            Taggable::User(name) => Holder::User(name.clone()),
            Taggable::Role(name) => Holder::Role(name.clone()),
            Taggable::Policy(arn) => return Ok(self.load_policy(account_id, arn).await?.tags),
            Taggable::Oidc(arn) => return Ok(self.get_oidc_provider(account_id, arn).await?.tags),
            Taggable::Saml(arn) => return Ok(self.get_saml_provider(account_id, arn).await?.tags),
        };
        let mut record = self.load_holder(account_id, &holder).await?;
        Ok(record.tags_mut().map(std::mem::take).unwrap_or_default())
    }

    /// Adds tags; a tag takes the place of the one with its key.
    pub async fn tag(&self, account_id: &str, of: &Taggable, new: &Tags) -> Result<(), IamError> {
        self.change_tags(account_id, of, |tags| {
            for (key, value) in new {
                tags.retain(|known, _| !same(known, key, of.folds_case()));
                tags.insert(key.clone(), value.clone());
            }
            if tags.len() > MAX_TAGS {
                return Err(IamError::LimitExceeded(format!(
                    "The number of tags has reached the maximum limit of {MAX_TAGS}."
                )));
            }
            Ok(())
        })
        .await
    }

    /// Takes tags away; keys that no tag has are passed over.
    pub async fn untag(
        &self,
        account_id: &str,
        of: &Taggable,
        keys: &[String],
    ) -> Result<(), IamError> {
        self.change_tags(account_id, of, |tags| {
            tags.retain(|known, _| !keys.iter().any(|key| same(known, key, of.folds_case())));
            Ok(())
        })
        .await
    }

    async fn change_tags(
        &self,
        account_id: &str,
        of: &Taggable,
        alter: impl FnOnce(&mut Tags) -> Result<(), IamError>,
    ) -> Result<(), IamError> {
        let holder = match of {
            Taggable::User(name) => Holder::User(name.clone()),
            Taggable::Role(name) => Holder::Role(name.clone()),
            Taggable::Policy(arn) => {
                return self
                    .change_policy(account_id, arn, |record| alter(&mut record.tags))
                    .await;
            }
            Taggable::Oidc(arn) => {
                return self
                    .change_oidc(account_id, arn, |record| alter(&mut record.tags))
                    .await;
            }
            Taggable::Saml(arn) => {
                return self
                    .change_saml(account_id, arn, |record| alter(&mut record.tags))
                    .await;
            }
        };
        self.change_holder(account_id, &holder, |record, _| match record.tags_mut() {
            Some(tags) => alter(tags),
            None => Ok(()),
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn parse(pairs: &[(&str, &str)]) -> Result<Tags, IamError> {
        let given = pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        parse_tags(given.collect())
    }

    #[test]
    fn tags_follow_the_pattern() {
        assert_eq!(parse(&[("team", "a b"), ("größe", "")]).unwrap().len(), 2);
        let long = "k".repeat(129);
        for bad in [("", "v"), ("a*", "v"), ("a", "v\n"), (long.as_str(), "v")] {
            assert_eq!(
                parse(&[bad]).unwrap_err().code(),
                "ValidationError",
                "{bad:?}"
            );
        }
        for bad in [&[("aws:x", "v")][..], &[("Team", "a"), ("team", "b")]] {
            assert_eq!(parse(bad).unwrap_err().code(), "InvalidInput", "{bad:?}");
        }
        let many: Vec<_> = (0..51).map(|n| (format!("k{n}"), String::new())).collect();
        assert_eq!(parse_tags(many).unwrap_err().code(), "ValidationError");
    }
}
