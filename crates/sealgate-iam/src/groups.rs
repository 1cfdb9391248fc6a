//! Groups of users.

use crate::Iam;
use crate::accounts::now;
use crate::error::IamError;
use crate::holder::{Holder, HolderKind};
use crate::ids;
use crate::model::{Group, Page, Paging, User};
use crate::names::{EntityPath, GroupName, UserName};
use crate::records::{
    self, ATTACHED, GROUPS, GroupRecord, HeldPolicies, MEMBERS, USERS, UserRecord, id_in,
};
use crate::usage::{member_id, use_id};

/// AWS's quota.
pub(crate) const GROUPS_PER_USER: usize = 10;

impl Iam {
    /// Makes a group.
    pub async fn create_group(
        &self,
        account_id: &str,
        name: &GroupName,
        path: &EntityPath,
    ) -> Result<Group, IamError> {
        let mut change = self.begin(account_id).await?;
        let id = id_in(account_id, &name.folded());
        self.check_group_absent(&id, name).await?;
        let record = GroupRecord {
            id: ids::group_id()?,
            account_id: account_id.to_owned(),
            name: name.as_str().to_owned(),
            path: path.as_str().to_owned(),
            created: now(),
            held: HeldPolicies::default(),
        };
        change.create(GROUPS, &id, &record)?;
        change.commit().await?;
        Ok(record.group())
    }

    /// The group with this name.
    pub async fn get_group(&self, account_id: &str, name: &GroupName) -> Result<Group, IamError> {
        Ok(self.load_group(account_id, name).await?.group())
    }

    /// Groups of an account whose path begins so, by name.
    pub async fn list_groups(
        &self,
        account_id: &str,
        path_prefix: &str,
        paging: &Paging,
    ) -> Result<Page<Group>, IamError> {
        let all = id_in(account_id, "");
        records::page(self.index(), GROUPS, &all, paging, |stored| {
            let record: GroupRecord = serde_json::from_slice(&stored.body)?;
            Ok(record.path.starts_with(path_prefix).then(|| record.group()))
        })
        .await
    }

    /// The users in a group, by name.
    pub async fn group_members(
        &self,
        account_id: &str,
        name: &GroupName,
        paging: &Paging,
    ) -> Result<Page<User>, IamError> {
        self.load_group(account_id, name).await?;
        let members = member_id(account_id, &name.folded(), "");
        let page = records::page(self.index(), MEMBERS, &members, paging, |stored| {
            Ok(stored.id.strip_prefix(&members).map(str::to_owned))
        })
        .await?;
        let mut items = Vec::with_capacity(page.items.len());
        for folded in &page.items {
            let id = id_in(account_id, folded);
            if let Some(record) = records::load::<UserRecord>(self.index(), USERS, &id).await? {
                items.push(record.user());
            }
        }
        Ok(Page {
            items,
            marker: page.marker,
        })
    }

    /// The groups that a user is in, by name.
    pub async fn groups_of_user(
        &self,
        account_id: &str,
        name: &UserName,
        paging: &Paging,
    ) -> Result<Page<Group>, IamError> {
        let user = self.load_user(account_id, name).await?;
        let page = paging.take(user.groups, |group| group)?;
        let mut items = Vec::with_capacity(page.items.len());
        for folded in &page.items {
            let id = id_in(account_id, folded);
            if let Some(record) = records::load::<GroupRecord>(self.index(), GROUPS, &id).await? {
                items.push(record.group());
            }
        }
        Ok(Page {
            items,
            marker: page.marker,
        })
    }

    /// Puts a user into a group; one that is in it stays.
    pub async fn add_user_to_group(
        &self,
        account_id: &str,
        group: &GroupName,
        user: &UserName,
    ) -> Result<(), IamError> {
        let mut change = self.begin(account_id).await?;
        self.load_group(account_id, group).await?;
        let mut record = self.load_user(account_id, user).await?;
        let Err(at) = record.groups.binary_search(&group.folded()) else {
            return Ok(());
        };
        if record.groups.len() >= GROUPS_PER_USER {
            return Err(IamError::LimitExceeded(format!(
                "Cannot exceed quota for GroupsPerUser: {GROUPS_PER_USER}"
            )));
        }
        record.groups.insert(at, group.folded());
        let member = member_id(account_id, &group.folded(), &user.folded());
        change.put(MEMBERS, &member, &())?;
        change.put(USERS, &id_in(account_id, &user.folded()), &record)?;
        change.commit().await
    }

    /// Takes a user out of a group.
    pub async fn remove_user_from_group(
        &self,
        account_id: &str,
        group: &GroupName,
        user: &UserName,
    ) -> Result<(), IamError> {
        let mut change = self.begin(account_id).await?;
        self.load_group(account_id, group).await?;
        let mut record = self.load_user(account_id, user).await?;
        let Ok(at) = record.groups.binary_search(&group.folded()) else {
            return Err(IamError::NoSuchEntity(format!(
                "User {user} is not in group {group}."
            )));
        };
        record.groups.remove(at);
        let member = member_id(account_id, &group.folded(), &user.folded());
        change.delete(MEMBERS, &member);
        change.put(USERS, &id_in(account_id, &user.folded()), &record)?;
        change.commit().await
    }

    /// Gives a group another name, another path, or both. Its members and policies stay.
    pub async fn update_group(
        &self,
        account_id: &str,
        name: &GroupName,
        new_name: Option<&GroupName>,
        new_path: Option<&EntityPath>,
    ) -> Result<Group, IamError> {
        let mut change = self.begin(account_id).await?;
        let mut record = self.load_group(account_id, name).await?;
        if let Some(path) = new_path {
            record.path = path.as_str().to_owned();
        }
        if let Some(new) = new_name {
            record.name = new.as_str().to_owned();
        }
        let (old, new) = (name.folded(), record.name.to_ascii_lowercase());
        let new_id = id_in(account_id, &new);
        if let Some(new_name) = new_name.filter(|_| new != old) {
            self.check_group_absent(&new_id, new_name).await?;
            change.delete(GROUPS, &id_in(account_id, &old));
            let members = member_id(account_id, &old, "");
            for user in records::rests(self.index(), MEMBERS, &members).await? {
                change.delete(MEMBERS, &member_id(account_id, &old, &user));
                change.put(MEMBERS, &member_id(account_id, &new, &user), &())?;
                let id = id_in(account_id, &user);
                if let Some(mut user) =
                    records::load::<UserRecord>(self.index(), USERS, &id).await?
                {
                    user.groups.retain(|group| *group != old);
                    user.groups.push(new.clone());
                    user.groups.sort();
                    change.put(USERS, &id, &user)?;
                }
            }
            for arn in &record.held.attached {
                let kind = HolderKind::Group;
                change.delete(ATTACHED, &use_id(account_id, arn, kind, &old));
                change.put(ATTACHED, &use_id(account_id, arn, kind, &new), &())?;
            }
        }
        change.put(GROUPS, &new_id, &record)?;
        change.commit().await?;
        Ok(record.group())
    }

    /// Deletes a group that has neither users nor policies.
    pub async fn delete_group(&self, account_id: &str, name: &GroupName) -> Result<(), IamError> {
        let mut change = self.begin(account_id).await?;
        let record = self.load_group(account_id, name).await?;
        let members = member_id(account_id, &name.folded(), "");
        let dependants = if !self
            .index()
            .records(MEMBERS, &members, None, 1)
            .await?
            .is_empty()
        {
            "remove users from group"
        } else if !record.held.policies.is_empty() {
            "delete policies"
        } else if !record.held.attached.is_empty() {
            "detach all policies"
        } else {
            change.delete(GROUPS, &id_in(account_id, &name.folded()));
            return change.commit().await;
        };
        Err(IamError::DeleteConflict(format!(
            "Cannot delete entity, must {dependants} first."
        )))
    }

    async fn check_group_absent(&self, id: &str, name: &GroupName) -> Result<(), IamError> {
        match self.index().record(GROUPS, id).await? {
            None => Ok(()),
            Some(_) => Err(IamError::EntityAlreadyExists(format!(
                "Group with name {name} already exists."
            ))),
        }
    }

    async fn load_group(
        &self,
        account_id: &str,
        name: &GroupName,
    ) -> Result<GroupRecord, IamError> {
        let id = id_in(account_id, &name.folded());
        records::load::<GroupRecord>(self.index(), GROUPS, &id)
            .await?
            .filter(|record| record.name == name.as_str())
            .ok_or_else(|| Holder::Group(name.clone()).missing())
    }
}
