//! Inline policies of users.

use sealgate_policy::Policy;

use crate::Iam;
use crate::error::IamError;
use crate::model::{Page, Paging, marker};
use crate::names::{PolicyName, UserName};
use crate::records::InlinePolicy;

/// All inline policies of one user together, white space not counted.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
const MAX_POLICY_BYTES: usize = 2048;
/// What the API takes at all.
const MAX_DOCUMENT: usize = 131_072;

fn counted(document: &str) -> usize {
    document
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(char::len_utf8)
        .sum()
}

fn no_such_policy(name: &PolicyName) -> IamError {
    IamError::NoSuchEntity(format!(
        "The user policy with name {} cannot be found.",
        name.as_str()
    ))
}

/// Checks a document before anything is looked up.
pub(crate) fn check_document(document: &str) -> Result<(), IamError> {
    if document.is_empty() || document.len() > MAX_DOCUMENT {
        return Err(IamError::Validation(format!(
            "1 validation error detected: Value at 'policyDocument' failed to satisfy constraint: Member must have length between 1 and {MAX_DOCUMENT}"
        )));
    }
    Policy::parse_identity(document)
        .map(drop)
        .map_err(|error| IamError::MalformedPolicyDocument(error.to_string()))
}

impl Iam {
    /// Adds an inline policy to a user, or replaces the one of that name.
    pub async fn put_user_policy(
        &self,
        account_id: &str,
        user: &UserName,
        name: &PolicyName,
        document: &str,
    ) -> Result<(), IamError> {
        check_document(document)?;
        self.change_user(account_id, user, |record| {
            let others: usize = record
                .policies
                .iter()
                .filter(|policy| policy.name != name.as_str())
                .map(|policy| counted(&policy.document))
                .sum();
            if others + counted(document) > MAX_POLICY_BYTES {
                return Err(IamError::LimitExceeded(format!(
                    "Maximum policy size of {MAX_POLICY_BYTES} bytes exceeded for user {user}"
                )));
            }
            record
                .policies
                .retain(|policy| policy.name != name.as_str());
            record.policies.push(InlinePolicy {
                name: name.as_str().to_owned(),
                document: document.to_owned(),
            });
            record.policies.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(Vec::new())
        })
        .await
    }

    /// The document of an inline policy, as it was given.
    pub async fn get_user_policy(
        &self,
        account_id: &str,
        user: &UserName,
        name: &PolicyName,
    ) -> Result<String, IamError> {
        let record = self.load_user(account_id, user).await?.value;
        record
            .policies
            .into_iter()
            .find(|policy| policy.name == name.as_str())
            .map(|policy| policy.document)
            .ok_or_else(|| no_such_policy(name))
    }

    /// The names of a user's inline policies, in order.
    pub async fn list_user_policies(
        &self,
        account_id: &str,
        user: &UserName,
        paging: &Paging,
    ) -> Result<Page<String>, IamError> {
        let record = self.load_user(account_id, user).await?.value;
        let after = paging.after()?;
        let mut names = record
            .policies
            .into_iter()
            .map(|policy| policy.name)
            .filter(|name| after.as_deref().is_none_or(|after| name.as_str() > after));
        let items: Vec<String> = names.by_ref().take(paging.limit()).collect();
        let marker = names
            .next()
            .and_then(|_| items.last().map(|last| marker(last)));
        Ok(Page { items, marker })
    }

    /// Deletes an inline policy.
    pub async fn delete_user_policy(
        &self,
        account_id: &str,
        user: &UserName,
        name: &PolicyName,
    ) -> Result<(), IamError> {
        self.change_user(account_id, user, |record| {
            let before = record.policies.len();
            record
                .policies
                .retain(|policy| policy.name != name.as_str());
            if record.policies.len() == before {
                return Err(no_such_policy(name));
            }
            Ok(Vec::new())
        })
        .await
    }
}
