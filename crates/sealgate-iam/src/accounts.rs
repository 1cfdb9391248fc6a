//! Accounts, and the one that a first start makes.

use sealgate_index::Expect;
use time::OffsetDateTime;

use crate::Iam;
use crate::error::IamError;
use crate::model::{Account, NewAccount, Page, Paging};
use crate::records::{self, ACCOUNTS, AccountRecord, CANONICAL_IDS, GENERATIONS, KEYS};

impl Iam {
    /// The account with this id.
    pub async fn account(&self, id: &str) -> Result<Option<Account>, IamError> {
        let stored = records::load::<AccountRecord>(self.index(), ACCOUNTS, id).await?;
        Ok(stored.map(Account::from))
    }

    /// The account whose S3 owner id this is.
    pub async fn account_by_canonical_id(
        &self,
        canonical_id: &str,
    ) -> Result<Option<Account>, IamError> {
        match records::load::<String>(self.index(), CANONICAL_IDS, canonical_id).await? {
            Some(id) => self.account(&id).await,
            None => Ok(None),
        }
    }

    /// True once any account exists.
    pub async fn has_accounts(&self) -> Result<bool, IamError> {
        Ok(!self
            .index()
            .records(ACCOUNTS, "", None, 1)
            .await?
            .is_empty())
    }

    /// All accounts, by id.
    pub async fn list_accounts(&self, paging: &Paging) -> Result<Page<Account>, IamError> {
        records::page(self.index(), ACCOUNTS, "", paging, |stored| {
            let record: AccountRecord = serde_json::from_slice(&stored.body)?;
            Ok(Some(record.into()))
        })
        .await
    }

    /// Stores an account, with its root access key if it has one.
    ///
    /// A first start makes one with [`NewAccount::generate`], puts the credentials in their file,
    /// and then calls this: in that order, a crash between the two loses nothing.
    pub async fn create_account(&self, new: &NewAccount) -> Result<Account, IamError> {
        let created = now();
        let record = AccountRecord {
            id: new.id.clone(),
            name: new.name.clone(),
            email: new.email.clone(),
            canonical_id: new.canonical_id.clone(),
            created,
            keys: new
                .access_key
                .iter()
                .map(|key| key.access_key_id.clone())
                .collect(),
            alias: None,
            password_policy: None,
        };
        let mut writes = vec![
            records::write(ACCOUNTS, &new.id, Expect::Absent, &record)?,
            records::write(CANONICAL_IDS, &new.canonical_id, Expect::Absent, &new.id)?,
            records::write(GENERATIONS, &new.id, Expect::Any, &())?,
        ];
        if let Some(credential) = &new.access_key {
            let key = self.seal_key(&new.id, None, credential, created);
            writes.push(records::write(
                KEYS,
                &credential.access_key_id,
                Expect::Absent,
                &key,
            )?);
        }
        match self.index().write_records(writes).await {
            Ok(()) => Ok(record.into()),
            Err(sealgate_index::IndexError::Conflict) => {
                Err(IamError::EntityAlreadyExists(format!(
                    "Account {} cannot be made: its id, its canonical id or its access key id is already in use.",
                    new.id
                )))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// The present, to the second, as IAM shows times.
pub(crate) fn now() -> OffsetDateTime {
    let now = OffsetDateTime::now_utc();
    now.replace_nanosecond(0).unwrap_or(now)
}
