//! CreateAlias, UpdateAlias, DeleteAlias, ListAliases. Each change needs permission on the alias, from the
//! caller's own policies, and on every key concerned, from the key's policy.

use sealgate_index::RecordWrite;

use crate::access::{Found, key_context, refuse_managed};
use crate::arn::{AccountId, KeyId, alias_arn, key_arn, parse_alias_name};
use crate::attempt::Attempt;
use crate::error::KmsError;
use crate::key::AliasRecord;
use crate::kind::KeySpec;
use crate::kms::{Kms, to_the_end};
use crate::operation::Operation;
use crate::ops::change::{TRIES, too_busy};
use crate::ops::keys::whole_millis;
use crate::paging::Paging;
use crate::store::{Alias, Key, delete_alias, insert_alias, update_alias, update_key};
use crate::types::{Call, ListedAlias, Page, PageRequest};

/// The most aliases of one key.
const MAX_ALIASES: usize = 50;

/// A change of an alias: what to write, or nothing if all is as wanted.
type Writes = Vec<RecordWrite>;

impl Kms {
    /// CreateAlias.
    ///
    /// # Errors
    /// As AWS documents for CreateAlias.
    pub async fn create_alias(
        &self,
        call: &Call<'_>,
        name: &str,
        target_key_id: &str,
    ) -> Result<(), KmsError> {
        self.change_alias(call, Operation::CreateAlias, name, Some(target_key_id))
            .await
    }

    /// UpdateAlias.
    ///
    /// # Errors
    /// As AWS documents for UpdateAlias.
    pub async fn update_alias(
        &self,
        call: &Call<'_>,
        name: &str,
        target_key_id: &str,
    ) -> Result<(), KmsError> {
        self.change_alias(call, Operation::UpdateAlias, name, Some(target_key_id))
            .await
    }

    /// DeleteAlias.
    ///
    /// # Errors
    /// As AWS documents for DeleteAlias.
    pub async fn delete_alias(&self, call: &Call<'_>, name: &str) -> Result<(), KmsError> {
        self.change_alias(call, Operation::DeleteAlias, name, None)
            .await
    }

    async fn change_alias(
        &self,
        call: &Call<'_>,
        operation: Operation,
        name: &str,
        target: Option<&str>,
    ) -> Result<(), KmsError> {
        let (kms, name) = (self.clone(), name.to_owned());
        let target = target.map(str::to_owned);
        let mut attempt = Attempt::begin(call, operation);
        attempt.parameter("aliasName", name.as_str());
        attempt.optional("targetKeyId", target.as_deref());
        to_the_end(async move {
            let result = kms
                .try_alias_change(&mut attempt, &name, target.as_deref())
                .await;
            kms.conclude(attempt, result).await
        })
        .await
    }

    async fn try_alias_change(
        &self,
        attempt: &mut Attempt,
        name: &str,
        target: Option<&str>,
    ) -> Result<(), KmsError> {
        let name = parse_alias_name(name)?;
        let account = attempt.account()?;
        let arn = alias_arn(&self.inner.region, account, name);
        attempt.touched(account, &arn);
        let context = attempt.context();
        let action = attempt.operation.action();
        self.permit_in_account(attempt, action, &arn, &context)?;
        for _ in 0..TRIES {
            let existing = self.inner.store.alias(account, name).await?;
            let writes = match (existing, target) {
                (existing, Some(target)) if attempt.operation == Operation::CreateAlias => {
                    self.alias_creation(attempt, account, name, target, existing)
                        .await?
                }
                (Some(existing), Some(target)) => {
                    self.alias_update(attempt, account, &existing, target)
                        .await?
                }
                (Some(existing), None) => self.alias_deletion(attempt, account, &existing).await?,
                (None, _) => return Err(KmsError::NotFound(format!("Alias {arn} is not found."))),
            };
            if self.inner.store.write(writes).await? {
                return Ok(());
            }
        }
        Err(too_busy())
    }

    async fn alias_creation(
        &self,
        attempt: &mut Attempt,
        account: AccountId,
        name: &str,
        target: &str,
        existing: Option<Alias>,
    ) -> Result<Writes, KmsError> {
        let found = self.alias_target(attempt, target).await?;
        if existing.is_some() {
            return Err(KmsError::AlreadyExists(format!(
                "An alias with the name {} already exists",
                alias_arn(&self.inner.region, account, name)
            )));
        }
        let now = whole_millis(attempt.now());
        let alias = AliasRecord {
            target: found.key.record.key_id(),
            created: now,
            updated: now,
        };
        Ok(vec![
            insert_alias(account, name, &alias)?,
            with_alias(&found, name)?,
        ])
    }

    async fn alias_update(
        &self,
        attempt: &mut Attempt,
        account: AccountId,
        existing: &Alias,
        target: &str,
    ) -> Result<Writes, KmsError> {
        let old = self
            .alias_owner(attempt, account, existing.record.target)
            .await?;
        let new = self.alias_target(attempt, target).await?;
        if let Some(old) = &old {
            check_alike(&old.key, &new.key)?;
        }
        let alias = AliasRecord {
            target: new.key.record.key_id(),
            created: existing.record.created,
            updated: whole_millis(attempt.now()),
        };
        let mut writes = vec![update_alias(account, existing, &alias)?];
        if existing.record.target != new.key.record.key_id() {
            writes.push(with_alias(&new, &existing.name)?);
            if let Some(old) = old {
                writes.push(without_alias(&old, &existing.name)?);
            }
        }
        Ok(writes)
    }

    async fn alias_deletion(
        &self,
        attempt: &mut Attempt,
        account: AccountId,
        existing: &Alias,
    ) -> Result<Writes, KmsError> {
        let mut writes = vec![delete_alias(account, existing)];
        if let Some(key) = self
            .alias_owner(attempt, account, existing.record.target)
            .await?
        {
            refuse_managed(attempt, &key)?;
            writes.push(without_alias(&key, &existing.name)?);
        }
        Ok(writes)
    }

    /// The key that an alias shall stand for.
    async fn alias_target(&self, attempt: &mut Attempt, target: &str) -> Result<Found, KmsError> {
        let found = self
            .find_permitted(attempt, target, "targetKeyId", |_| ())
            .await?;
        refuse_managed(attempt, &found)?;
        attempt.responds("keyId", found.key.arn.as_str());
        Ok(found)
    }

    /// The key that an alias stands for now, whatever its state; `None` if it is gone.
    async fn alias_owner(
        &self,
        attempt: &mut Attempt,
        account: AccountId,
        id: KeyId,
    ) -> Result<Option<Found>, KmsError> {
        let action = attempt.operation.action();
        let arn = key_arn(&self.inner.region, account, id);
        let found = match self.find(attempt, action, &arn, "keyId").await {
            Ok(found) => found,
            Err(KmsError::NotFound(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let context = key_context(attempt, &found);
        self.permit(attempt, &found, action, &context)?;
        attempt.responds("keyId", found.key.arn.as_str());
        Ok(Some(found))
    }

    /// ListAliases; with a key, only its own.
    ///
    /// # Errors
    /// As AWS documents for ListAliases.
    pub async fn list_aliases(
        &self,
        call: &Call<'_>,
        key_id: Option<&str>,
        page: PageRequest,
    ) -> Result<Page<ListedAlias>, KmsError> {
        let mut attempt = Attempt::begin(call, Operation::ListAliases);
        attempt.optional("keyId", key_id);
        attempt.optional("limit", page.limit);
        attempt.optional("marker", page.marker.as_deref());
        let result = self.page_of_aliases(&mut attempt, key_id, &page).await;
        self.conclude(attempt, result).await
    }

    async fn page_of_aliases(
        &self,
        attempt: &mut Attempt,
        key_id: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<ListedAlias>, KmsError> {
        let context = attempt.context();
        let account = self.permit_in_account(attempt, "kms:ListAliases", "*", &context)?;
        let paging = Paging::parse(page, 50, 100)?;
        let (store, after) = (&self.inner.store, paging.after.as_deref());
        let aliases = match key_id {
            None => store.aliases(account, after, paging.limit + 1).await?,
            Some(key_id) => {
                let found = self
                    .find(attempt, "kms:ListAliases", key_id, "keyId")
                    .await?;
                let mut names = found.key.record.aliases.clone();
                names.sort_unstable();
                let behind = after.unwrap_or_default();
                let mut aliases = Vec::new();
                for name in names.iter().filter(|name| name.as_str() > behind) {
                    aliases.extend(store.alias(account, name).await?);
                }
                aliases
            }
        };
        let region = &self.inner.region;
        let listed = aliases
            .into_iter()
            .map(|alias| ListedAlias {
                arn: alias_arn(region, account, &alias.name),
                name: alias.name,
                target_key_id: alias.record.target.to_string(),
                created: alias.record.created,
                updated: alias.record.updated,
            })
            .collect();
        Ok(paging.page(listed, |alias| &alias.name))
    }
}

/// Refuses to move an alias to a key of another type or usage: code that uses the alias relies on them.
/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_UpdateAlias.html>
fn check_alike(old: &Key, new: &Key) -> Result<(), KmsError> {
    let kind = |key: &Key| {
        let record = &key.record;
        (
            record.spec == KeySpec::SymmetricDefault,
            record.spec.is_asymmetric(),
            record.usage,
        )
    };
    if kind(old) == kind(new) {
        return Ok(());
    }
    Err(KmsError::Validation(format!(
        "The alias must keep the key type and key usage of its KMS key: {} has key spec {} and key usage {}, \
         {} has key spec {} and key usage {}.",
        old.arn, old.record.spec, old.record.usage, new.arn, new.record.spec, new.record.usage
    )))
}

fn with_alias(found: &Found, name: &str) -> Result<RecordWrite, KmsError> {
    let mut record = found.key.record.clone();
    if record.aliases.len() >= MAX_ALIASES {
        return Err(KmsError::LimitExceeded(format!(
            "A key can have at most {MAX_ALIASES} aliases."
        )));
    }
    record.aliases.push(name.to_owned());
    update_key(&found.key, &record)
}

fn without_alias(found: &Found, name: &str) -> Result<RecordWrite, KmsError> {
    let mut record = found.key.record.clone();
    record.aliases.retain(|alias| alias != name);
    update_key(&found.key, &record)
}
