//! Users: create, read, list, rename, delete.

use crate::Iam;
use crate::accounts::now;
use crate::error::IamError;
use crate::holder::{Holder, HolderKind};
use crate::ids;
use crate::model::{Page, Paging, User};
use crate::names::{EntityPath, PolicyArn, UserName};
use crate::passwords::password_use;
use crate::records::{
    self, ATTACHED, BOUNDED, HeldPolicies, KEYS, KeyRecord, LAST_USED, MEMBERS, MFA, MfaRecord,
    Tags, USERS, UserRecord, id_in,
};
use crate::usage::{member_id, use_id};

/// What a new user is made of.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// Its name.
    pub name: UserName,
    /// Its path.
    pub path: EntityPath,
    /// The policy that limits what its policies can allow.
    pub boundary: Option<PolicyArn>,
    /// Its tags.
    pub tags: Tags,
}

impl NewUser {
    /// A user with the path `/`, without boundary and tags.
    pub fn named(name: UserName) -> NewUser {
        NewUser {
            name,
            path: EntityPath::root(),
            boundary: None,
            tags: Tags::new(),
        }
    }
}

impl Iam {
    /// Makes a user.
    pub async fn create_user(&self, account_id: &str, new: &NewUser) -> Result<User, IamError> {
        let mut change = self.begin(account_id).await?;
        let folded = new.name.folded();
        let id = id_in(account_id, &folded);
        if self.index().record(USERS, &id).await?.is_some() {
            return Err(IamError::EntityAlreadyExists(format!(
                "User with name {} already exists.",
                new.name
            )));
        }
        if let Some(boundary) = &new.boundary {
            self.check_boundary(account_id, boundary).await?;
            let bounded = use_id(account_id, boundary.as_str(), HolderKind::User, &folded);
            change.put(BOUNDED, &bounded, &())?;
        }
        let record = UserRecord {
            id: ids::user_id()?,
            account_id: account_id.to_owned(),
            name: new.name.as_str().to_owned(),
            path: new.path.as_str().to_owned(),
            created: now(),
            keys: Vec::new(),
            held: HeldPolicies::default(),
            groups: Vec::new(),
            boundary: new.boundary.as_ref().map(|arn| arn.as_str().to_owned()),
            tags: new.tags.clone(),
            password: None,
            mfa: Vec::new(),
        };
        change.create(USERS, &id, &record)?;
        change.commit().await?;
        Ok(record.user())
    }

    /// The user with this name.
    pub async fn get_user(&self, account_id: &str, name: &UserName) -> Result<User, IamError> {
        Ok(self.load_user(account_id, name).await?.user())
    }

    /// Users of an account whose path begins so, by name.
    pub async fn list_users(
        &self,
        account_id: &str,
        path_prefix: &str,
        paging: &Paging,
    ) -> Result<Page<User>, IamError> {
        let all = id_in(account_id, "");
        records::page(self.index(), USERS, &all, paging, |stored| {
            let record: UserRecord = serde_json::from_slice(&stored.body)?;
            Ok(record.path.starts_with(path_prefix).then(|| record.user()))
        })
        .await
    }

    /// Gives a user another name, another path, or both. Its keys, policies and groups stay.
    pub async fn update_user(
        &self,
        account_id: &str,
        name: &UserName,
        new_name: Option<&UserName>,
        new_path: Option<&EntityPath>,
    ) -> Result<User, IamError> {
        let mut change = self.begin(account_id).await?;
        let mut record = self.load_user(account_id, name).await?;
        if let Some(path) = new_path {
            record.path = path.as_str().to_owned();
        }
        if let Some(new) = new_name {
            record.name = new.as_str().to_owned();
        }
        let (old, new) = (name.folded(), record.name.to_ascii_lowercase());
        if new != old {
            let new_id = id_in(account_id, &new);
            if self.index().record(USERS, &new_id).await?.is_some() {
                return Err(IamError::EntityAlreadyExists(format!(
                    "User with name {} already exists.",
                    record.name
                )));
            }
            change.delete(USERS, &id_in(account_id, &old));
            for key_id in &record.keys {
                let Some(key) = records::load::<KeyRecord>(self.index(), KEYS, key_id).await?
                else {
                    continue;
                };
                let moved = KeyRecord {
                    user: Some(new.clone()),
                    ..key
                };
                change.put(KEYS, key_id, &moved)?;
            }
            for rest in &record.mfa {
                let id = id_in(account_id, rest);
                let Some(device) = records::load::<MfaRecord>(self.index(), MFA, &id).await? else {
                    continue;
                };
                let moved = MfaRecord {
                    user: Some(new.clone()),
                    ..device
                };
                change.put(MFA, &id, &moved)?;
            }
            let note = password_use(&id_in(account_id, &old));
            if let Some(used) = self.last_used(&note).await? {
                change.put(LAST_USED, &password_use(&new_id), &used)?;
                change.delete(LAST_USED, &note);
            }
            for group in &record.groups {
                change.delete(MEMBERS, &member_id(account_id, group, &old));
                change.put(MEMBERS, &member_id(account_id, group, &new), &())?;
            }
            let kind = HolderKind::User;
            let attached = record.held.attached.iter().map(|arn| (ATTACHED, arn));
            let bounded = record.boundary.iter().map(|arn| (BOUNDED, arn));
            for (ns, arn) in attached.chain(bounded) {
                change.delete(ns, &use_id(account_id, arn, kind, &old));
                change.put(ns, &use_id(account_id, arn, kind, &new), &())?;
            }
        }
        change.put(USERS, &id_in(account_id, &new), &record)?;
        change.commit().await?;
        Ok(record.user())
    }

    /// Deletes a user that has neither credentials nor policies and is in no group.
    pub async fn delete_user(&self, account_id: &str, name: &UserName) -> Result<(), IamError> {
        let mut change = self.begin(account_id).await?;
        let record = self.load_user(account_id, name).await?;
        let dependants = if record.password.is_some() {
            "delete login profile"
        } else if !record.mfa.is_empty() {
            "delete MFA device"
        } else if !record.keys.is_empty() {
            "delete access keys"
        } else if !record.held.policies.is_empty() {
            "delete policies"
        } else if !record.held.attached.is_empty() {
            "detach all policies"
        } else if !record.groups.is_empty() {
            "remove users from group"
        } else {
            let folded = name.folded();
            if let Some(arn) = &record.boundary {
                change.delete(BOUNDED, &use_id(account_id, arn, HolderKind::User, &folded));
            }
            change.delete(USERS, &id_in(account_id, &folded));
            return change.commit().await;
        };
        Err(IamError::DeleteConflict(format!(
            "Cannot delete entity, must {dependants} first."
        )))
    }

    /// The record of a user. Names are unique without regard to case, but must be given in the
    /// case they have.
    pub(crate) async fn load_user(
        &self,
        account_id: &str,
        name: &UserName,
    ) -> Result<UserRecord, IamError> {
        let id = id_in(account_id, &name.folded());
        records::load::<UserRecord>(self.index(), USERS, &id)
            .await?
            .filter(|record| record.name == name.as_str())
            .ok_or_else(|| Holder::User(name.clone()).missing())
    }
}
