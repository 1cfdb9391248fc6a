//! Session tags: attributes that a session has beside those of its user or role.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html>

use std::collections::BTreeSet;

use sealgate_policy::Context;

use super::StsError;
use crate::error::IamError;
use crate::records::Tags;
use crate::tags::parse_tags;

/// The session tags that a caller asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionTags {
    pub(super) tags: Tags,
    pub(super) transitive: BTreeSet<String>,
}

/// Checks `Tags` and `TransitiveTagKeys`: what is to be inherited has to be there.
pub fn parse_session_tags(
    tags: Vec<(String, String)>,
    transitive: Vec<String>,
) -> Result<SessionTags, IamError> {
    let tags = parse_tags(tags)?;
    let mut keys = BTreeSet::new();
    for key in transitive {
        // In the case in which the tag has it.
        let tag = tags
            .keys()
            .find(|known| known.eq_ignore_ascii_case(&key))
            .ok_or_else(|| {
                IamError::Validation(
                    "The specified transitive tag key must be included in the requested tags."
                        .into(),
                )
            })?;
        keys.insert(tag.clone());
    }
    Ok(SessionTags {
        tags,
        transitive: keys,
    })
}

impl SessionTags {
    /// Tags that were checked before.
    pub(super) fn of_token(tags: Tags, transitive: BTreeSet<String>) -> SessionTags {
        SessionTags { tags, transitive }
    }

    /// The tags by key.
    pub fn tags(&self) -> &Tags {
        &self.tags
    }

    /// The keys of those that later sessions inherit.
    pub fn transitive(&self) -> &BTreeSet<String> {
        &self.transitive
    }

    /// Tells policies of the tags.
    pub(super) fn describe(&self, context: &mut Context) {
        if self.tags.is_empty() {
            return;
        }
        for (key, value) in &self.tags {
            context.insert(&format!("aws:RequestTag/{key}"), value);
        }
        context.insert_all("aws:TagKeys", self.tags.keys().cloned().collect());
        if !self.transitive.is_empty() {
            let keys = self.transitive.iter().cloned().collect();
            context.insert_all("sts:TransitiveTagKeys", keys);
        }
    }

    /// Tags and transitive keys of a session that inherits these. An inherited tag cannot be given
    /// again.
    pub(super) fn over(&self, inherited: &Tags) -> Result<(Tags, BTreeSet<String>), StsError> {
        let (mut tags, mut transitive) = (self.tags.clone(), self.transitive.clone());
        for (key, value) in inherited {
            if tags.keys().any(|given| given.eq_ignore_ascii_case(key)) {
                return Err(StsError::validation(
                    "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.",
                ));
            }
            tags.insert(key.clone(), value.clone());
            transitive.insert(key.clone());
        }
        Ok((tags, transitive))
    }
}
