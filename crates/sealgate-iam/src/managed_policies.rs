//! Managed policies and their versions: those of the account, and, to be read, those of AWS.

use crate::Iam;
use crate::accounts::now;
use crate::aws_policies;
use crate::error::IamError;
use crate::ids;
use crate::inline_policies::{check_document, counted};
use crate::model::{ManagedPolicy, Page, Paging, PolicyVersion};
use crate::names::{EntityPath, PolicyArn, PolicyName, constraint};
use crate::records::{self, POLICIES, PolicyRecord, Tags, VersionRecord, id_in};

/// White space not counted.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
pub(crate) const MAX_SIZE: usize = 6144;
pub(crate) const MAX_VERSIONS: usize = 5;
const MAX_DESCRIPTION: usize = 1000;

/// What a new managed policy is made of.
#[derive(Debug, Clone)]
pub struct NewPolicy {
    /// Its name.
    pub name: PolicyName,
    /// Its path.
    pub path: EntityPath,
    /// Its first version.
    pub document: String,
    /// For people.
    pub description: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

/// Whose policies are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyScope {
    /// Those of the account and those of AWS.
    All,
    /// Those of AWS.
    Aws,
    /// Those of the account.
    Local,
}

/// The uses of policies that count in a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyUsage {
    /// Attached to users, groups and roles.
    Permissions,
    /// The boundary of users and roles.
    Boundary,
}

/// Which managed policies are listed.
#[derive(Debug, Clone)]
pub struct PolicyFilter {
    /// Whose.
    pub scope: PolicyScope,
    /// Only those in use.
    pub only_attached: bool,
    /// Only those whose path begins so.
    pub path_prefix: String,
    /// Only those in this use.
    pub usage: Option<PolicyUsage>,
}

fn check_new_document(document: &str) -> Result<(), IamError> {
    check_document(document)?;
    if counted(document) > MAX_SIZE {
        return Err(IamError::LimitExceeded(format!(
            "Cannot exceed quota for PolicySize: {MAX_SIZE}"
        )));
    }
    Ok(())
}

fn not_found(arn: &PolicyArn) -> IamError {
    IamError::NoSuchEntity(format!("Policy {arn} was not found."))
}

fn no_such_version(arn: &PolicyArn, number: u32) -> IamError {
    IamError::NoSuchEntity(format!(
        "Policy {arn} version v{number} does not exist or is not attachable."
    ))
}

/// Reads the id of a version, `v1` and on.
pub fn parse_version_id(text: &str) -> Result<u32, IamError> {
    text.strip_prefix('v')
        .filter(|digits| !digits.starts_with(['0', '+']))
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| {
            constraint(
                "versionId",
                text,
                r"Member must satisfy regular expression pattern: v[1-9][0-9]*(\.[A-Za-z0-9-]*)?",
            )
        })
}

impl Iam {
    /// Makes a managed policy.
    pub async fn create_policy(
        &self,
        account_id: &str,
        new: &NewPolicy,
    ) -> Result<ManagedPolicy, IamError> {
        check_new_document(&new.document)?;
        if let Some(text) = &new.description
            && text.chars().count() > MAX_DESCRIPTION
        {
            return Err(constraint(
                "description",
                text,
                "Member must have length less than or equal to 1000",
            ));
        }
        let mut change = self.begin(account_id).await?;
        let id = id_in(account_id, &new.name.folded());
        if self.index().record(POLICIES, &id).await?.is_some() {
            return Err(IamError::EntityAlreadyExists(format!(
                "A policy called {} already exists. Duplicate names are not allowed.",
                new.name
            )));
        }
        let created = now();
        let record = PolicyRecord {
            id: ids::policy_id()?,
            account_id: account_id.to_owned(),
            name: new.name.as_str().to_owned(),
            path: new.path.as_str().to_owned(),
            description: new.description.clone(),
            created,
            updated: created,
            tags: new.tags.clone(),
            versions: vec![VersionRecord {
                number: 1,
                document: new.document.clone(),
                created,
            }],
            default_version: 1,
            next_version: 2,
        };
        change.create(POLICIES, &id, &record)?;
        change.commit().await?;
        Ok(record.policy())
    }

    /// A managed policy and how much it is used.
    pub async fn get_policy(
        &self,
        account_id: &str,
        arn: &PolicyArn,
    ) -> Result<ManagedPolicy, IamError> {
        let policy = if arn.is_of_aws() {
            let known = aws_policies::find(arn.name()).map(aws_policies::AwsPolicy::policy);
            known
                .filter(|policy| policy.arn == arn.as_str())
                .ok_or_else(|| not_found(arn))?
        } else {
            self.load_policy(account_id, arn).await?.policy()
        };
        self.with_uses(account_id, policy).await
    }

    async fn with_uses(
        &self,
        account_id: &str,
        policy: ManagedPolicy,
    ) -> Result<ManagedPolicy, IamError> {
        let (attachments, boundaries) = self.uses(account_id, &policy.arn).await?;
        Ok(ManagedPolicy {
            attachments,
            boundaries,
            ..policy
        })
    }

    /// Managed policies: those of the account by name, then those of AWS by name.
    pub async fn list_policies(
        &self,
        account_id: &str,
        filter: &PolicyFilter,
        paging: &Paging,
    ) -> Result<Page<ManagedPolicy>, IamError> {
        let mut found = Vec::new();
        if filter.scope != PolicyScope::Aws {
            let all = id_in(account_id, "");
            for name in records::rests(self.index(), POLICIES, &all).await? {
                let id = id_in(account_id, &name);
                if let Some(record) =
                    records::load::<PolicyRecord>(self.index(), POLICIES, &id).await?
                {
                    found.push((format!("0{name}"), record.policy()));
                }
            }
        }
        if filter.scope != PolicyScope::Local {
            found.extend(aws_policies::ALL.iter().map(|policy| {
                let key = format!("1{}", policy.name.to_ascii_lowercase());
                (key, policy.policy())
            }));
        }
        let mut kept = Vec::new();
        for (key, policy) in found {
            if !policy.path.starts_with(&filter.path_prefix) {
                continue;
            }
            let policy = self.with_uses(account_id, policy).await?;
            let used = match filter.usage {
                None => policy.attachments + policy.boundaries,
                Some(PolicyUsage::Permissions) => policy.attachments,
                Some(PolicyUsage::Boundary) => policy.boundaries,
            };
            if used > 0 || (!filter.only_attached && filter.usage.is_none()) {
                kept.push((key, policy));
            }
        }
        let page = paging.take(kept, |(key, _)| key)?;
        Ok(Page {
            items: page.items.into_iter().map(|(_, policy)| policy).collect(),
            marker: page.marker,
        })
    }

    /// Deletes a policy that nobody uses and that has one version.
    pub async fn delete_policy(&self, account_id: &str, arn: &PolicyArn) -> Result<(), IamError> {
        let mut change = self.begin(account_id).await?;
        let record = self.load_policy(account_id, arn).await?;
        if self.uses(account_id, arn.as_str()).await? != (0, 0) {
            return Err(IamError::DeleteConflict(
                "Cannot delete a policy attached to entities.".into(),
            ));
        }
        if record.versions.len() > 1 {
            return Err(IamError::DeleteConflict(
                "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.".into(),
            ));
        }
        change.delete(POLICIES, &policy_record_id(account_id, arn));
        change.commit().await
    }

    /// Adds a version, and puts it in force if asked to.
    pub async fn create_policy_version(
        &self,
        account_id: &str,
        arn: &PolicyArn,
        document: &str,
        set_as_default: bool,
    ) -> Result<PolicyVersion, IamError> {
        check_new_document(document)?;
        self.change_policy(account_id, arn, |record| {
            if record.versions.len() >= MAX_VERSIONS {
                return Err(IamError::LimitExceeded(format!(
                    "A managed policy can have up to {MAX_VERSIONS} versions. Before you create a new version, you must delete an existing version."
                )));
            }
            let version = VersionRecord {
                number: record.next_version,
                document: document.to_owned(),
                created: now(),
            };
            record.next_version += 1;
            record.updated = version.created;
            if set_as_default {
                record.default_version = version.number;
            }
            let made = record.policy_version(&version);
            record.versions.push(version);
            Ok(made)
        })
        .await
    }

    /// One version of a policy.
    pub async fn policy_version(
        &self,
        account_id: &str,
        arn: &PolicyArn,
        number: u32,
    ) -> Result<PolicyVersion, IamError> {
        self.versions(account_id, arn)
            .await?
            .into_iter()
            .find(|version| version.number == number)
            .ok_or_else(|| no_such_version(arn, number))
    }

    /// The versions of a policy, newest first.
    pub async fn list_policy_versions(
        &self,
        account_id: &str,
        arn: &PolicyArn,
        paging: &Paging,
    ) -> Result<Page<PolicyVersion>, IamError> {
        let versions = self.versions(account_id, arn).await?;
        // Numbers in descending order become keys in ascending order.
        let keyed = versions
            .into_iter()
            .map(|version| (format!("{:010}", u32::MAX - version.number), version));
        let page = paging.take(keyed, |(key, _)| key)?;
        Ok(Page {
            items: page.items.into_iter().map(|(_, version)| version).collect(),
            marker: page.marker,
        })
    }

    /// Puts a version in force.
    pub async fn set_default_policy_version(
        &self,
        account_id: &str,
        arn: &PolicyArn,
        number: u32,
    ) -> Result<(), IamError> {
        self.change_policy(account_id, arn, |record| {
            if record.version(number).is_none() {
                return Err(no_such_version(arn, number));
            }
            record.default_version = number;
            Ok(())
        })
        .await
    }

    /// Deletes a version that is not in force.
    pub async fn delete_policy_version(
        &self,
        account_id: &str,
        arn: &PolicyArn,
        number: u32,
    ) -> Result<(), IamError> {
        self.change_policy(account_id, arn, |record| {
            if record.version(number).is_none() {
                return Err(no_such_version(arn, number));
            }
            if record.default_version == number {
                return Err(IamError::DeleteConflict(
                    "Cannot delete the default version of a policy.".into(),
                ));
            }
            record.versions.retain(|version| version.number != number);
            Ok(())
        })
        .await
    }

    pub(crate) async fn versions(
        &self,
        account_id: &str,
        arn: &PolicyArn,
    ) -> Result<Vec<PolicyVersion>, IamError> {
        if arn.is_of_aws() {
            return aws_policies::find(arn.name())
                .filter(|policy| policy.arn() == arn.as_str())
                .map(|policy| vec![policy.policy_version()])
                .ok_or_else(|| not_found(arn));
        }
        let record = self.load_policy(account_id, arn).await?;
        let newest_first = record.versions.iter().rev();
        Ok(newest_first
            .map(|version| record.policy_version(version))
            .collect())
    }

    /// The record of a policy of the account.
    pub(crate) async fn load_policy(
        &self,
        account_id: &str,
        arn: &PolicyArn,
    ) -> Result<PolicyRecord, IamError> {
        let id = policy_record_id(account_id, arn);
        records::load::<PolicyRecord>(self.index(), POLICIES, &id)
            .await?
            .filter(|record| record.arn() == arn.as_str())
            .ok_or_else(|| not_found(arn))
    }

    pub(crate) async fn change_policy<T>(
        &self,
        account_id: &str,
        arn: &PolicyArn,
        alter: impl FnOnce(&mut PolicyRecord) -> Result<T, IamError>,
    ) -> Result<T, IamError> {
        let mut change = self.begin(account_id).await?;
        let mut record = self.load_policy(account_id, arn).await?;
        let made = alter(&mut record)?;
        change.put(POLICIES, &policy_record_id(account_id, arn), &record)?;
        change.commit().await?;
        Ok(made)
    }
}

fn policy_record_id(account_id: &str, arn: &PolicyArn) -> String {
    id_in(account_id, &arn.name().to_ascii_lowercase())
}
