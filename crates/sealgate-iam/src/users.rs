//! Users: create, read, list, rename, delete.

use sealgate_index::{Expect, IndexError, RecordWrite};

use crate::Iam;
use crate::accounts::now;
use crate::error::IamError;
use crate::ids;
use crate::model::{Page, Paging, User, marker};
use crate::names::{UserName, UserPath};
use crate::records::{self, KEYS, KeyRecord, Stored, USERS, UserRecord};

/// How often a change is tried again when another writer was faster.
const ATTEMPTS: usize = 8;

pub(crate) fn no_such_user(name: &UserName) -> IamError {
    IamError::NoSuchEntity(format!("The user with name {name} cannot be found."))
}

impl Iam {
    /// Makes a user.
    pub async fn create_user(
        &self,
        account_id: &str,
        name: &UserName,
        path: &UserPath,
    ) -> Result<User, IamError> {
        let record = UserRecord {
            id: ids::user_id()?,
            account_id: account_id.to_owned(),
            name: name.as_str().to_owned(),
            path: path.as_str().to_owned(),
            created: now(),
            keys: Vec::new(),
            policies: Vec::new(),
        };
        let id = records::user_id(account_id, &name.folded());
        let write = records::write(USERS, &id, Expect::Absent, &record)?;
        match self.index().write_records(vec![write]).await {
            Ok(()) => Ok(record.user()),
            Err(IndexError::Conflict) => Err(IamError::EntityAlreadyExists(format!(
                "User with name {name} already exists."
            ))),
            Err(error) => Err(error.into()),
        }
    }

    /// The user with this name.
    pub async fn get_user(&self, account_id: &str, name: &UserName) -> Result<User, IamError> {
        Ok(self.load_user(account_id, name).await?.value.user())
    }

    /// Users of an account whose path begins so, by name.
    pub async fn list_users(
        &self,
        account_id: &str,
        path_prefix: &str,
        paging: &Paging,
    ) -> Result<Page<User>, IamError> {
        let prefix = records::user_id(account_id, "");
        let limit = paging.limit();
        let mut after = paging
            .after()?
            .map(|name| records::user_id(account_id, &name));
        let mut items: Vec<User> = Vec::new();
        let mut more = false;
        'pages: loop {
            let batch = self
                .index()
                .records(USERS, &prefix, after.as_deref(), 1000)
                .await?;
            let last_batch = batch.len() < 1000;
            for stored in &batch {
                let record: UserRecord = serde_json::from_slice(&stored.body)?;
                if !record.path.starts_with(path_prefix) {
                    continue;
                }
                if items.len() == limit {
                    more = true;
                    break 'pages;
                }
                items.push(record.user());
            }
            match batch.last() {
                Some(last) if !last_batch => after = Some(last.id.clone()),
                _ => break,
            }
        }
        let marker = match items.last() {
            Some(last) if more => Some(marker(&last.name.to_ascii_lowercase())),
            _ => None,
        };
        Ok(Page { items, marker })
    }

    /// Gives a user another name, another path, or both. Its keys and policies go with it.
    pub async fn update_user(
        &self,
        account_id: &str,
        name: &UserName,
        new_name: Option<&UserName>,
        new_path: Option<&UserPath>,
    ) -> Result<User, IamError> {
        let old_id = records::user_id(account_id, &name.folded());
        for _ in 0..ATTEMPTS {
            let stored = self.load_user(account_id, name).await?;
            let mut record = stored.value.clone();
            if let Some(path) = new_path {
                record.path = path.as_str().to_owned();
            }
            if let Some(new) = new_name {
                record.name = new.as_str().to_owned();
            }
            let folded = record.name.to_ascii_lowercase();
            let new_id = records::user_id(account_id, &folded);
            let mut writes = Vec::new();
            if new_id == old_id {
                writes.push(records::write(USERS, &old_id, stored.expect(), &record)?);
            } else {
                if self.index().record(USERS, &new_id).await?.is_some() {
                    return Err(IamError::EntityAlreadyExists(format!(
                        "User with name {} already exists.",
                        record.name
                    )));
                }
                writes.push(records::delete(USERS, &old_id, stored.expect()));
                writes.push(records::write(USERS, &new_id, Expect::Absent, &record)?);
                for key_id in &record.keys {
                    let Some(key) = records::load::<KeyRecord>(self.index(), KEYS, key_id).await?
                    else {
                        continue;
                    };
                    let expect = key.expect();
                    let moved = KeyRecord {
                        user: Some(folded.clone()),
                        ..key.value
                    };
                    writes.push(records::write(KEYS, key_id, expect, &moved)?);
                }
            }
            match self.index().write_records(writes).await {
                Ok(()) => return Ok(record.user()),
                Err(IndexError::Conflict) => continue,
                Err(error) => return Err(error.into()),
            }
        }
        Err(IamError::ConcurrentModification)
    }

    /// Deletes a user that has neither keys nor policies.
    pub async fn delete_user(&self, account_id: &str, name: &UserName) -> Result<(), IamError> {
        let id = records::user_id(account_id, &name.folded());
        for _ in 0..ATTEMPTS {
            let stored = self.load_user(account_id, name).await?;
            if !stored.value.keys.is_empty() {
                return Err(IamError::DeleteConflict(
                    "Cannot delete entity, must delete access keys first.".into(),
                ));
            }
            if !stored.value.policies.is_empty() {
                return Err(IamError::DeleteConflict(
                    "Cannot delete entity, must delete policies first.".into(),
                ));
            }
            let write = records::delete(USERS, &id, stored.expect());
            match self.index().write_records(vec![write]).await {
                Ok(()) => return Ok(()),
                Err(IndexError::Conflict) => continue,
                Err(error) => return Err(error.into()),
            }
        }
        Err(IamError::ConcurrentModification)
    }

    /// The record of a user. Names are unique without regard to case, but must be given in the
    /// case they have.
    pub(crate) async fn load_user(
        &self,
        account_id: &str,
        name: &UserName,
    ) -> Result<Stored<UserRecord>, IamError> {
        let id = records::user_id(account_id, &name.folded());
        match records::load::<UserRecord>(self.index(), USERS, &id).await? {
            Some(stored) if stored.value.name == name.as_str() => Ok(stored),
            _ => Err(no_such_user(name)),
        }
    }

    /// Changes a user's record (and what `change` adds to the same transaction), again if another
    /// writer was faster.
    pub(crate) async fn change_user(
        &self,
        account_id: &str,
        name: &UserName,
        change: impl Fn(&mut UserRecord) -> Result<Vec<RecordWrite>, IamError>,
    ) -> Result<(), IamError> {
        let id = records::user_id(account_id, &name.folded());
        for _ in 0..ATTEMPTS {
            let mut stored = self.load_user(account_id, name).await?;
            let mut writes = change(&mut stored.value)?;
            writes.push(records::write(USERS, &id, stored.expect(), &stored.value)?);
            match self.index().write_records(writes).await {
                Ok(()) => return Ok(()),
                Err(IndexError::Conflict) => continue,
                Err(error) => return Err(error.into()),
            }
        }
        Err(IamError::ConcurrentModification)
    }
}
