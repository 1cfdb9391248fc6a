//! Which managed policies are attached to users, groups and roles, and which are their boundaries.

use crate::Iam;
use crate::error::IamError;
use crate::holder::{Holder, HolderKind};
use crate::managed_policies::PolicyUsage;
use crate::model::{Page, Paging};
use crate::names::PolicyArn;
use crate::records::{
    self, ATTACHED, BOUNDED, GROUPS, GroupRecord, ROLES, RoleRecord, USERS, UserRecord, id_in,
};
use crate::usage::use_id;

/// AWS's default quota, for users, groups and roles.
pub(crate) const MAX_ATTACHED: usize = 10;

/// Somebody who uses a managed policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyEntity {
    /// What it is.
    pub kind: HolderKind,
    /// Its name.
    pub name: String,
    /// Its unique id.
    pub id: String,
}

/// Which users of a policy are listed.
#[derive(Debug, Clone)]
pub struct EntityFilter {
    /// Only of this kind.
    pub kind: Option<HolderKind>,
    /// Only those whose path begins so.
    pub path_prefix: String,
    /// Only those who use the policy so.
    pub usage: Option<PolicyUsage>,
}

/// A policy that a service attaches to its own role alone is not for others.
fn check_attachable(arn: &PolicyArn) -> Result<(), IamError> {
    if arn.is_of_aws() && arn.as_str().contains(":policy/aws-service-role/") {
        return Err(IamError::PolicyNotAttachable(
            "Cannot attach a Service Role Policy to a Customer Role.".into(),
        ));
    }
    Ok(())
}

fn policy_name(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

impl Iam {
    /// Attaches a managed policy; one that is attached stays.
    pub async fn attach_policy(
        &self,
        account_id: &str,
        holder: &Holder,
        arn: &PolicyArn,
    ) -> Result<(), IamError> {
        check_attachable(arn)?;
        let mut change = self.begin(account_id).await?;
        let mut record = self.load_holder(account_id, holder).await?;
        self.check_exists(account_id, arn, "Policy").await?;
        let attached = &mut record.held_mut().attached;
        if attached.iter().any(|known| known == arn.as_str()) {
            return Ok(());
        }
        if attached.len() >= MAX_ATTACHED {
            return Err(IamError::LimitExceeded(format!(
                "Cannot exceed quota for PoliciesPer{}: {MAX_ATTACHED}",
                holder.kind().quota_name()
            )));
        }
        attached.push(arn.as_str().to_owned());
        change.put(ATTACHED, &self.use_of(account_id, holder, arn), &())?;
        record.put(&mut change, &holder.record_id(account_id))?;
        change.commit().await
    }

    /// Detaches a managed policy.
    pub async fn detach_policy(
        &self,
        account_id: &str,
        holder: &Holder,
        arn: &PolicyArn,
    ) -> Result<(), IamError> {
        self.change_holder(account_id, holder, |record, change| {
            let attached = &mut record.held_mut().attached;
            let before = attached.len();
            attached.retain(|known| known != arn.as_str());
            if attached.len() == before {
                return Err(IamError::NoSuchEntity(format!(
                    "Policy {arn} was not found."
                )));
            }
            change.delete(ATTACHED, &self.use_of(account_id, holder, arn));
            Ok(())
        })
        .await
    }

    /// ARNs of the policies attached to a user, group or role whose path begins so, in order.
    pub async fn attached_policies(
        &self,
        account_id: &str,
        holder: &Holder,
        path_prefix: &str,
        paging: &Paging,
    ) -> Result<Page<String>, IamError> {
        let mut record = self.load_holder(account_id, holder).await?;
        let mut arns = std::mem::take(&mut record.held_mut().attached);
        arns.retain(|arn| {
            let path = arn.splitn(6, ':').last().unwrap_or_default();
            path.strip_prefix("policy")
                .and_then(|path| path.strip_suffix(policy_name(arn)))
                .is_some_and(|path| path.starts_with(path_prefix))
        });
        arns.sort();
        paging.take(arns, |arn| arn)
    }

    /// Who uses a policy: groups, then roles, then users, by name.
    pub async fn entities_for_policy(
        &self,
        account_id: &str,
        arn: &PolicyArn,
        filter: &EntityFilter,
        paging: &Paging,
    ) -> Result<Page<PolicyEntity>, IamError> {
        self.get_policy(account_id, arn).await?;
        let mut found: Vec<(String, PolicyEntity)> = Vec::new();
        let prefix = format!("{account_id}/{arn} ");
        for (ns, usage) in [
            (ATTACHED, PolicyUsage::Permissions),
            (BOUNDED, PolicyUsage::Boundary),
        ] {
            if filter.usage.is_some_and(|wanted| wanted != usage) {
                continue;
            }
            for user in records::rests(self.index(), ns, &prefix).await? {
                let Some((kind, folded)) = user.split_once('/') else {
                    continue;
                };
                let kind = HolderKind::from_word(kind)
                    .filter(|kind| filter.kind.is_none_or(|wanted| wanted == *kind));
                let Some(kind) = kind else { continue };
                let Some((path, entity)) = self.entity(account_id, kind, folded).await? else {
                    continue;
                };
                if path.starts_with(&filter.path_prefix) {
                    found.push((user.clone(), entity));
                }
            }
        }
        found.sort_by(|a, b| a.0.cmp(&b.0));
        found.dedup_by(|a, b| a.0 == b.0);
        let page = paging.take(found, |(key, _)| key)?;
        Ok(Page {
            items: page.items.into_iter().map(|(_, entity)| entity).collect(),
            marker: page.marker,
        })
    }

    async fn entity(
        &self,
        account_id: &str,
        kind: HolderKind,
        folded: &str,
    ) -> Result<Option<(String, PolicyEntity)>, IamError> {
        let id = id_in(account_id, folded);
        let index = self.index();
        let found = match kind {
            HolderKind::User => records::load::<UserRecord>(index, USERS, &id)
                .await?
                .map(|record| (record.path, record.name, record.id)),
            HolderKind::Group => records::load::<GroupRecord>(index, GROUPS, &id)
                .await?
                .map(|record| (record.path, record.name, record.id)),
            HolderKind::Role => records::load::<RoleRecord>(index, ROLES, &id)
                .await?
                .map(|record| (record.path, record.name, record.id)),
        };
        Ok(found.map(|(path, name, id)| (path, PolicyEntity { kind, name, id })))
    }

    /// Makes a managed policy the boundary of a user or role, in place of the one it has.
    pub async fn put_boundary(
        &self,
        account_id: &str,
        holder: &Holder,
        arn: &PolicyArn,
    ) -> Result<(), IamError> {
        let mut change = self.begin(account_id).await?;
        let mut record = self.load_holder(account_id, holder).await?;
        self.check_boundary(account_id, arn).await?;
        let Some(boundary) = record.boundary_mut() else {
            return Err(no_boundary(holder));
        };
        let folded = holder.name().to_ascii_lowercase();
        if let Some(old) = boundary.replace(arn.as_str().to_owned()) {
            change.delete(BOUNDED, &use_id(account_id, &old, holder.kind(), &folded));
        }
        change.put(BOUNDED, &self.use_of(account_id, holder, arn), &())?;
        record.put(&mut change, &holder.record_id(account_id))?;
        change.commit().await
    }

    /// Takes the boundary of a user or role away.
    pub async fn delete_boundary(&self, account_id: &str, holder: &Holder) -> Result<(), IamError> {
        self.change_holder(account_id, holder, |record, change| {
            let Some(old) = record.boundary_mut().and_then(Option::take) else {
                return Err(no_boundary(holder));
            };
            let folded = holder.name().to_ascii_lowercase();
            change.delete(BOUNDED, &use_id(account_id, &old, holder.kind(), &folded));
            Ok(())
        })
        .await
    }

    /// Checks that a policy can be a boundary. (To be called within a change.)
    pub(crate) async fn check_boundary(
        &self,
        account_id: &str,
        arn: &PolicyArn,
    ) -> Result<(), IamError> {
        check_attachable(arn)?;
        self.check_exists(account_id, arn, "Scope ARN:").await
    }

    async fn check_exists(
        &self,
        account_id: &str,
        arn: &PolicyArn,
        what: &str,
    ) -> Result<(), IamError> {
        match self.managed_policy(account_id, arn.as_str()).await? {
            Some(_) => Ok(()),
            None => Err(IamError::NoSuchEntity(format!(
                "{what} {arn} does not exist or is not attachable."
            ))),
        }
    }

    fn use_of(&self, account_id: &str, holder: &Holder, arn: &PolicyArn) -> String {
        let folded = holder.name().to_ascii_lowercase();
        use_id(account_id, arn.as_str(), holder.kind(), &folded)
    }
}

fn no_boundary(holder: &Holder) -> IamError {
    IamError::NoSuchEntity(format!(
        "The permissions boundary of the {holder} cannot be found."
    ))
}
