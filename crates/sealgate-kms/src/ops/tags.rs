//! TagResource, UntagResource, ListResourceTags.

use std::collections::BTreeMap;

use sealgate_policy::Context;
use serde_json::{Value, json};

use crate::attempt::Attempt;
use crate::error::KmsError;
use crate::kms::{Kms, to_the_end};
use crate::operation::Operation;
use crate::paging::Paging;
use crate::types::{Call, Page, PageRequest, Tag};

const MAX_TAGS: usize = 50;
const MAX_TAG_KEY: usize = 128;
const MAX_TAG_VALUE: usize = 256;

impl Kms {
    /// TagResource.
    ///
    /// # Errors
    /// As AWS documents for TagResource.
    pub async fn tag_resource(
        &self,
        call: &Call<'_>,
        key_id: &str,
        tags: Vec<Tag>,
    ) -> Result<(), KmsError> {
        let (kms, key_id) = (self.clone(), key_id.to_owned());
        let mut attempt = Attempt::begin(call, Operation::TagResource);
        attempt.parameter("keyId", key_id.as_str());
        attempt.parameter("tags", tags_json(&tags));
        to_the_end(async move {
            let result = kms
                .change_key(
                    &mut attempt,
                    &key_id,
                    |context| add_request_tags(context, &tags),
                    |key, _| {
                        key.tags = check_tags(key.tags.clone(), tags.clone())?;
                        Ok(((), Vec::new()))
                    },
                )
                .await
                .map(|((), _)| ());
            kms.conclude(attempt, result).await
        })
        .await
    }

    /// UntagResource.
    ///
    /// # Errors
    /// As AWS documents for UntagResource.
    pub async fn untag_resource(
        &self,
        call: &Call<'_>,
        key_id: &str,
        tag_keys: Vec<String>,
    ) -> Result<(), KmsError> {
        let (kms, key_id) = (self.clone(), key_id.to_owned());
        let mut attempt = Attempt::begin(call, Operation::UntagResource);
        attempt.parameter("keyId", key_id.as_str());
        attempt.parameter("tagKeys", tag_keys.clone());
        to_the_end(async move {
            let result = kms
                .change_key(
                    &mut attempt,
                    &key_id,
                    |context| context.insert_all("aws:TagKeys", tag_keys.clone()),
                    |key, _| {
                        tag_keys.iter().try_for_each(|tag| check_tag_key(tag))?;
                        key.tags.retain(|tag, _| !tag_keys.contains(tag));
                        Ok(((), Vec::new()))
                    },
                )
                .await
                .map(|((), _)| ());
            kms.conclude(attempt, result).await
        })
        .await
    }

    /// ListResourceTags.
    ///
    /// # Errors
    /// As AWS documents for ListResourceTags.
    pub async fn list_resource_tags(
        &self,
        call: &Call<'_>,
        key_id: &str,
        page: PageRequest,
    ) -> Result<Page<Tag>, KmsError> {
        let mut attempt = Attempt::begin(call, Operation::ListResourceTags);
        attempt.parameter("keyId", key_id);
        attempt.optional("limit", page.limit);
        attempt.optional("marker", page.marker.as_deref());
        let result = self
            .find_permitted(&mut attempt, key_id, "keyId", |_| ())
            .await
            .and_then(|found| {
                let paging = Paging::parse(&page, MAX_TAGS, MAX_TAGS)?;
                let after = paging.after.as_deref().unwrap_or_default();
                let tags = found.key.record.tags.iter();
                let tags = tags
                    .filter(|(key, _)| key.as_str() > after)
                    .map(|(key, value)| Tag {
                        key: key.clone(),
                        value: value.clone(),
                    })
                    .collect();
                Ok(paging.page(tags, |tag| &tag.key))
            });
        self.conclude(attempt, result).await
    }
}

/// Adds tags to those that there are, or says why not.
pub(crate) fn check_tags(
    mut tags: BTreeMap<String, String>,
    added: Vec<Tag>,
) -> Result<BTreeMap<String, String>, KmsError> {
    let mut seen = std::collections::HashSet::new();
    for tag in &added {
        check_tag_key(&tag.key)?;
        if tag.value.chars().count() > MAX_TAG_VALUE {
            return Err(KmsError::Tag(format!(
                "A tag value must have at most {MAX_TAG_VALUE} characters."
            )));
        }
        if !seen.insert(tag.key.as_str()) {
            return Err(KmsError::Tag("Duplicate tag keys.".to_owned()));
        }
    }
    tags.extend(added.into_iter().map(|tag| (tag.key, tag.value)));
    // Condition keys are blind to case (`aws:ResourceTag/Team` is `aws:resourcetag/team`): of two tags
    // that differ only in it a policy could see one at TagResource and the other ever after.
    let mut folded = std::collections::HashSet::new();
    if !tags.keys().all(|key| folded.insert(key.to_lowercase())) {
        return Err(KmsError::Tag(
            "Tag keys must not differ only in case.".to_owned(),
        ));
    }
    if tags.len() > MAX_TAGS {
        return Err(KmsError::LimitExceeded(format!(
            "A key can have at most {MAX_TAGS} tags."
        )));
    }
    Ok(tags)
}

fn check_tag_key(key: &str) -> Result<(), KmsError> {
    if key.is_empty() || key.chars().count() > MAX_TAG_KEY {
        return Err(KmsError::Tag(format!(
            "A tag key must have 1 to {MAX_TAG_KEY} characters."
        )));
    }
    if key.to_ascii_lowercase().starts_with("aws:") {
        return Err(KmsError::Tag(
            "Tags beginning with aws: are reserved.".to_owned(),
        ));
    }
    Ok(())
}

/// The condition keys of tags in a request.
pub(crate) fn add_request_tags(context: &mut Context, tags: &[Tag]) {
    for tag in tags {
        context.insert(&format!("aws:RequestTag/{}", tag.key), tag.value.as_str());
    }
    if !tags.is_empty() {
        context.insert_all(
            "aws:TagKeys",
            tags.iter().map(|tag| tag.key.clone()).collect(),
        );
    }
}

/// Tags as CloudTrail writes them.
pub(crate) fn tags_json(tags: &[Tag]) -> Value {
    tags.iter()
        .map(|tag| json!({ "tagKey": tag.key, "tagValue": tag.value }))
        .collect()
}
