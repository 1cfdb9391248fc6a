//! Access keys: at most two for each user and for the root; secrets are kept wrapped.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealgate_seal::wrap;
use sealgate_wire::sigv4::SecretKey;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::Iam;
use crate::accounts::now;
use crate::change::Change;
use crate::error::IamError;
use crate::model::{
    AccessKey, Credential, KeyOwner, KeyStatus, LastUsed, NewAccessKey, Page, Paging, marker,
};
use crate::records::{
    self, ACCOUNTS, AccountRecord, KEYS, KeyRecord, LAST_USED, USERS, UserRecord, id_in,
};

/// AWS's quota, for users and for the root.
pub(crate) const KEYS_PER_OWNER: usize = 2;
/// What the wrapping key is derived for; part of the stored form.
const PURPOSE: &str = "iam access key";

fn no_such_key(id: &str) -> IamError {
    IamError::NoSuchEntity(format!("The Access Key with id {id} cannot be found."))
}

/// Who owns keys: their ids are listed in its record.
enum OwnerRecord {
    Root(AccountRecord),
    User(Box<UserRecord>),
}

impl OwnerRecord {
    fn keys(&self) -> &Vec<String> {
        match self {
            OwnerRecord::Root(record) => &record.keys,
            OwnerRecord::User(record) => &record.keys,
        }
    }

    fn keys_mut(&mut self) -> &mut Vec<String> {
        match self {
            OwnerRecord::Root(record) => &mut record.keys,
            OwnerRecord::User(record) => &mut record.keys,
        }
    }

    fn user_name(&self) -> Option<&str> {
        match self {
            OwnerRecord::Root(_) => None,
            OwnerRecord::User(record) => Some(&record.name),
        }
    }

    fn put(&self, change: &mut Change<'_>) -> Result<(), IamError> {
        match self {
            OwnerRecord::Root(record) => change.put(ACCOUNTS, &record.id, record),
            OwnerRecord::User(record) => {
                let id = id_in(&record.account_id, &record.name.to_ascii_lowercase());
                change.put(USERS, &id, record)
            }
        }
    }
}

impl Iam {
    /// Makes a random access key.
    pub async fn create_access_key(
        &self,
        account_id: &str,
        owner: &KeyOwner,
    ) -> Result<NewAccessKey, IamError> {
        self.add_access_key(account_id, owner, Credential::generate()?)
            .await
    }

    /// Gives the owner this access key, which must not exist yet.
    pub(crate) async fn add_access_key(
        &self,
        account_id: &str,
        owner: &KeyOwner,
        credential: Credential,
    ) -> Result<NewAccessKey, IamError> {
        let id = &credential.access_key_id;
        let mut change = self.begin(account_id).await?;
        let mut record = self.load_owner(account_id, owner).await?;
        if record.keys().len() >= KEYS_PER_OWNER {
            return Err(IamError::LimitExceeded(format!(
                "Cannot exceed quota for AccessKeysPerUser: {KEYS_PER_OWNER}"
            )));
        }
        if self.index().record(KEYS, id).await?.is_some() {
            return Err(IamError::EntityAlreadyExists(format!(
                "The access key {id} already exists."
            )));
        }
        record.keys_mut().push(id.clone());
        let user_name = record.user_name().map(str::to_owned);
        let folded = user_name.as_ref().map(|name| name.to_ascii_lowercase());
        let key = self.seal_key(account_id, folded, &credential, now());
        record.put(&mut change)?;
        change.create(KEYS, id, &key)?;
        change.commit().await?;
        Ok(NewAccessKey {
            key: key.access_key(id, user_name),
            secret: credential.secret,
        })
    }

    /// The owner's keys, oldest first.
    pub async fn list_access_keys(
        &self,
        account_id: &str,
        owner: &KeyOwner,
        paging: &Paging,
    ) -> Result<Page<AccessKey>, IamError> {
        let record = self.load_owner(account_id, owner).await?;
        let after = paging.after()?;
        let begin = match &after {
            None => 0,
            Some(last) => record
                .keys()
                .iter()
                .position(|id| id == last)
                .map_or(record.keys().len(), |at| at + 1),
        };
        let mut items = Vec::new();
        let mut next = None;
        for id in record.keys().iter().skip(begin) {
            if items.len() == paging.limit() {
                next = items.last().map(|last: &AccessKey| marker(&last.id));
                break;
            }
            if let Some(key) = records::load::<KeyRecord>(self.index(), KEYS, id).await? {
                items.push(key.access_key(id, record.user_name().map(str::to_owned)));
            }
        }
        Ok(Page {
            items,
            marker: next,
        })
    }

    /// Allows or forbids the use of a key, at once.
    pub async fn update_access_key(
        &self,
        account_id: &str,
        owner: &KeyOwner,
        id: &str,
        status: KeyStatus,
    ) -> Result<(), IamError> {
        let mut change = self.begin(account_id).await?;
        let record = self.load_owner(account_id, owner).await?;
        if !record.keys().iter().any(|known| known == id) {
            return Err(no_such_key(id));
        }
        let key = records::load::<KeyRecord>(self.index(), KEYS, id)
            .await?
            .ok_or_else(|| no_such_key(id))?;
        change.put(KEYS, id, &KeyRecord { status, ..key })?;
        change.commit().await
    }

    /// Deletes a key; requests signed with it are refused from now on.
    pub async fn delete_access_key(
        &self,
        account_id: &str,
        owner: &KeyOwner,
        id: &str,
    ) -> Result<(), IamError> {
        let mut change = self.begin(account_id).await?;
        let mut record = self.load_owner(account_id, owner).await?;
        let before = record.keys().len();
        record.keys_mut().retain(|known| known != id);
        if record.keys().len() == before {
            return Err(no_such_key(id));
        }
        record.put(&mut change)?;
        change.delete(KEYS, id);
        change.delete(LAST_USED, id);
        change.commit().await?;
        self.forget_use(id);
        Ok(())
    }

    /// The key with this id, whoever owns it, and when it was last used.
    pub async fn access_key(
        &self,
        id: &str,
    ) -> Result<Option<(AccessKey, Option<LastUsed>)>, IamError> {
        let Some(key) = records::load::<KeyRecord>(self.index(), KEYS, id).await? else {
            return Ok(None);
        };
        let user_name = match &key.user {
            None => None,
            Some(folded) => {
                let record_id = id_in(&key.account_id, folded);
                records::load::<UserRecord>(self.index(), USERS, &record_id)
                    .await?
                    .map(|user| user.name)
            }
        };
        let last_used = self.last_used(id).await?;
        Ok(Some((key.access_key(id, user_name), last_used)))
    }

    async fn load_owner(
        &self,
        account_id: &str,
        owner: &KeyOwner,
    ) -> Result<OwnerRecord, IamError> {
        match owner {
            KeyOwner::User(name) => Ok(OwnerRecord::User(Box::new(
                self.load_user(account_id, name).await?,
            ))),
            KeyOwner::Root => records::load::<AccountRecord>(self.index(), ACCOUNTS, account_id)
                .await?
                .map(OwnerRecord::Root)
                .ok_or_else(|| {
                    IamError::NoSuchEntity(format!("The account {account_id} cannot be found."))
                }),
        }
    }

    /// The record of a new key, its secret wrapped. The id is authenticated with the secret, so
    /// that nobody who can write records can hang a known secret under another id.
    pub(crate) fn seal_key(
        &self,
        account_id: &str,
        user: Option<String>,
        credential: &Credential,
        created: OffsetDateTime,
    ) -> KeyRecord {
        let sealed = wrap::wrap(
            self.sealing_key(),
            PURPOSE,
            credential.access_key_id.as_bytes(),
            credential.secret.expose().as_bytes(),
        );
        KeyRecord {
            account_id: account_id.to_owned(),
            user,
            status: KeyStatus::Active,
            created,
            sealed_secret: STANDARD.encode(sealed),
        }
    }

    /// The secret of a stored key.
    pub(crate) fn open_secret(&self, id: &str, key: &KeyRecord) -> Result<SecretKey, IamError> {
        let damaged = |why: &str| {
            IamError::Internal(format!(
                "the secret of access key {id} does not open: {why}"
            ))
        };
        let sealed = STANDARD
            .decode(&key.sealed_secret)
            .map_err(|_| damaged("not base 64"))?;
        let mut secret: Zeroizing<Vec<u8>> =
            wrap::unwrap(self.sealing_key(), PURPOSE, id.as_bytes(), &sealed)
                .map_err(|error| damaged(&error.to_string()))?;
        match String::from_utf8(std::mem::take(&mut *secret)) {
            Ok(text) => Ok(SecretKey::new(text)),
            Err(error) => {
                drop(Zeroizing::new(error.into_bytes()));
                Err(damaged("not text"))
            }
        }
    }
}
