//! Inline policies of users, groups and roles.

use sealgate_policy::Policy;

use crate::Iam;
use crate::error::IamError;
use crate::holder::{Holder, HolderKind};
use crate::model::{Page, Paging};
use crate::names::PolicyName;
use crate::records::InlinePolicy;

/// What the API takes at all.
const MAX_DOCUMENT: usize = 131_072;

impl HolderKind {
    /// All inline policies of one entity together, in characters, white space not counted.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
    pub(crate) fn max_inline_size(self) -> usize {
        match self {
            HolderKind::User => 2048,
            HolderKind::Group => 5120,
            HolderKind::Role => 10_240,
        }
    }
}

/// The size of a document as quotas count it.
pub(crate) fn counted(document: &str) -> usize {
    document
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(char::len_utf8)
        .sum()
}

/// Checks the length that the API takes.
pub(crate) fn check_length(document: &str) -> Result<(), IamError> {
    if document.is_empty() || document.len() > MAX_DOCUMENT {
        return Err(IamError::Validation(format!(
            "1 validation error detected: Value at 'policyDocument' failed to satisfy constraint: Member must have length between 1 and {MAX_DOCUMENT}"
        )));
    }
    Ok(())
}

/// Checks a document before anything is looked up.
pub(crate) fn check_document(document: &str) -> Result<(), IamError> {
    check_length(document)?;
    Policy::parse_identity(document)
        .map(drop)
        .map_err(|error| IamError::MalformedPolicyDocument(error.to_string()))
}

fn no_such_policy(holder: &Holder, name: &PolicyName) -> IamError {
    IamError::NoSuchEntity(format!(
        "The {} policy with name {name} cannot be found.",
        holder.kind().as_str()
    ))
}

impl Iam {
    /// Adds an inline policy to a user, group or role, or replaces the one of that name.
    pub async fn put_inline_policy(
        &self,
        account_id: &str,
        holder: &Holder,
        name: &PolicyName,
        document: &str,
    ) -> Result<(), IamError> {
        check_document(document)?;
        self.change_holder(account_id, holder, |record, _| {
            let policies = &mut record.held_mut().policies;
            policies.retain(|policy| policy.name != name.as_str());
            let others: usize = policies
                .iter()
                .map(|policy| counted(&policy.document))
                .sum();
            let limit = holder.kind().max_inline_size();
            if others + counted(document) > limit {
                return Err(IamError::LimitExceeded(format!(
                    "Maximum policy size of {limit} bytes exceeded for {} {}",
                    holder.kind().as_str(),
                    holder.name()
                )));
            }
            policies.push(InlinePolicy {
                name: name.as_str().to_owned(),
                document: document.to_owned(),
            });
            policies.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(())
        })
        .await
    }

    /// The document of an inline policy, as it was given.
    pub async fn inline_policy(
        &self,
        account_id: &str,
        holder: &Holder,
        name: &PolicyName,
    ) -> Result<String, IamError> {
        let mut record = self.load_holder(account_id, holder).await?;
        std::mem::take(&mut record.held_mut().policies)
            .into_iter()
            .find(|policy| policy.name == name.as_str())
            .map(|policy| policy.document)
            .ok_or_else(|| no_such_policy(holder, name))
    }

    /// The names of the inline policies, in order.
    pub async fn inline_policies(
        &self,
        account_id: &str,
        holder: &Holder,
        paging: &Paging,
    ) -> Result<Page<String>, IamError> {
        let mut record = self.load_holder(account_id, holder).await?;
        let names = std::mem::take(&mut record.held_mut().policies)
            .into_iter()
            .map(|policy| policy.name);
        paging.take(names, |name| name)
    }

    /// Deletes an inline policy.
    pub async fn delete_inline_policy(
        &self,
        account_id: &str,
        holder: &Holder,
        name: &PolicyName,
    ) -> Result<(), IamError> {
        self.change_holder(account_id, holder, |record, _| {
            let policies = &mut record.held_mut().policies;
            let before = policies.len();
            policies.retain(|policy| policy.name != name.as_str());
            if policies.len() == before {
                return Err(no_such_policy(holder, name));
            }
            Ok(())
        })
        .await
    }
}
