//! Who may do what: finding the key that a request means, and asking its policy.

use std::sync::Arc;

use sealgate_policy::{Access, Authority, Context, Decision, authorize};
use time::OffsetDateTime;

use crate::arn::{AccountId, KeyId, KeyName, Target, alias_arn, key_arn};
use crate::attempt::Attempt;
use crate::ciphertext::MadeWith;
use crate::context::EncryptionContext;
use crate::error::KmsError;
use crate::key::KeyManager;
use crate::kms::{Kms, not_found};
use crate::material::Moment;
use crate::ops::managed::S3_ALIAS;
use crate::store::Key;
use crate::types::{AWS_KMS, ENCRYPT_DECRYPT, SYMMETRIC_DEFAULT};

/// How a request names a key: it decides the words of a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Named {
    /// By this ARN, or what amounts to it.
    As(String),
    /// By a ciphertext, which is opaque: the caller need not know the key at all.
    InCiphertext,
}

/// A key that a request means. Whether the caller may use it is not yet said.
pub(crate) struct Found {
    pub key: Arc<Key>,
    /// Taken before the key was looked at.
    pub moment: Moment,
    /// The alias that the request names the key by.
    alias: Option<String>,
    /// Of another account than the caller's.
    foreign: bool,
    named: Named,
}

impl Kms {
    /// Finds the key that a request names. Refuses names that stand for nothing; of keys of other accounts
    /// it does not tell whether they exist.
    pub(crate) async fn find(
        &self,
        attempt: &mut Attempt,
        action: &str,
        text: &str,
        parameter: &str,
    ) -> Result<Found, KmsError> {
        let region = self.inner.region.as_str();
        let moment = self.inner.materials.moment();
        let own = attempt.account()?;
        let name = KeyName::parse(text, region, parameter)?;
        let account = name.account.unwrap_or(own);
        let foreign = account != own;
        let (named, alias) = match &name.target {
            Target::Key(id) => (key_arn(region, account, id), None),
            Target::Alias(name) => (alias_arn(region, account, name), Some(name.clone())),
        };
        let named = Named::As(named);
        if alias.is_some() && !attempt.operation.takes_alias() {
            return Err(KmsError::NotFound(format!("Invalid keyId '{text}'")));
        }
        if foreign && !attempt.operation.crosses_accounts() {
            return Err(hidden(attempt, &named, action));
        }
        if alias.as_deref() == Some(S3_ALIAS) && !foreign {
            // AWS makes the key when its alias is first used.
            self.managed_s3_key(own).await?;
        }
        match self.look_up(account, &name.target, attempt.now()).await? {
            Some(key) => {
                if !foreign {
                    attempt.touched(account, &key.arn);
                }
                Ok(Found {
                    key,
                    moment,
                    alias,
                    foreign,
                    named,
                })
            }
            None if foreign => Err(hidden(attempt, &named, action)),
            None => Err(not_found(region, account, &name.target)),
        }
    }

    /// Finds the key that a ciphertext names.
    pub(crate) async fn find_made_with(
        &self,
        attempt: &mut Attempt,
        action: &str,
        made_with: MadeWith,
    ) -> Result<Found, KmsError> {
        let moment = self.inner.materials.moment();
        let foreign = made_with.account != attempt.account()?;
        let target = Target::Key(KeyId::Uuid(made_with.key));
        match self
            .look_up(made_with.account, &target, attempt.now())
            .await?
        {
            Some(key) => {
                if !foreign {
                    attempt.touched(made_with.account, &key.arn);
                }
                Ok(Found {
                    key,
                    moment,
                    alias: None,
                    foreign,
                    named: Named::InCiphertext,
                })
            }
            None => Err(hidden(attempt, &Named::InCiphertext, action)),
        }
    }

    /// The key that a target stands for, if it exists at that time.
    pub(crate) async fn look_up(
        &self,
        account: AccountId,
        target: &Target,
        now: OffsetDateTime,
    ) -> Result<Option<Arc<Key>>, KmsError> {
        let store = &self.inner.store;
        let id = match target {
            Target::Key(KeyId::Uuid(id)) => *id,
            Target::Key(KeyId::MultiRegion(_)) => return Ok(None),
            Target::Alias(name) => match store.alias(account, name).await? {
                Some(alias) => alias.record.target,
                None => return Ok(None),
            },
        };
        let key = store.key(account, id).await?;
        Ok(key.filter(|key| !key.record.is_due(now)))
    }

    /// Asks the key's policy (and the caller's) whether the caller may do `action` with the key.
    pub(crate) fn permit(
        &self,
        attempt: &mut Attempt,
        found: &Found,
        action: &str,
        context: &Context,
    ) -> Result<(), KmsError> {
        let record = &found.key.record;
        let decision = authorize(&Access {
            caller: &attempt.caller,
            action,
            resource: &found.key.arn,
            resource_account: &record.account.to_string(),
            context,
            resource_policy: Some(&found.key.policy),
            authority: Authority::KeyPolicy,
        });
        match decision {
            Decision::Allowed => {
                attempt.touched(record.account, &found.key.arn);
                Ok(())
            }
            Decision::Denied(_) if found.foreign => Err(hidden(attempt, &found.named, action)),
            Decision::Denied(denial) => Err(denial.into()),
        }
    }

    /// Finds a key, and makes sure that the caller may do this with it and that its state permits it.
    pub(crate) async fn find_permitted(
        &self,
        attempt: &mut Attempt,
        text: &str,
        parameter: &str,
        complete: impl Fn(&mut Context),
    ) -> Result<Found, KmsError> {
        let action = attempt.operation.action();
        let found = self.find(attempt, action, text, parameter).await?;
        let mut context = key_context(attempt, &found);
        complete(&mut context);
        self.permit(attempt, &found, action, &context)?;
        attempt
            .operation
            .check_state(found.key.record.state, &found.key.arn)?;
        Ok(found)
    }

    /// Asks the caller's policies about an action that concerns no key: on an alias, or on `*`.
    pub(crate) fn permit_in_account(
        &self,
        attempt: &mut Attempt,
        action: &str,
        resource: &str,
        context: &Context,
    ) -> Result<AccountId, KmsError> {
        let account = attempt.account()?;
        let decision = authorize(&Access {
            caller: &attempt.caller,
            action,
            resource,
            resource_account: &account.to_string(),
            context,
            resource_policy: None,
            authority: Authority::Account,
        });
        match decision {
            Decision::Allowed => Ok(account),
            Decision::Denied(denial) => Err(denial.into()),
        }
    }
}

/// The condition keys that follow from the key and how it is named.
pub(crate) fn key_context(attempt: &Attempt, found: &Found) -> Context {
    let mut context = attempt.context();
    describe_symmetric_key(&mut context);
    let record = &found.key.record;
    if let Some(alias) = &found.alias {
        context.insert("kms:RequestAlias", alias.as_str());
    }
    if !record.aliases.is_empty() {
        context.insert_all("kms:ResourceAliases", record.aliases.clone());
    }
    for (key, value) in &record.tags {
        context.insert(&format!("aws:ResourceTag/{key}"), value.as_str());
    }
    context
}

/// The condition keys that every key here has in common.
pub(crate) fn describe_symmetric_key(context: &mut Context) {
    context.insert("kms:KeySpec", SYMMETRIC_DEFAULT);
    context.insert("kms:KeyUsage", ENCRYPT_DECRYPT);
    context.insert("kms:KeyOrigin", AWS_KMS);
    context.insert("kms:MultiRegion", "false");
}

/// The condition keys of an encryption context.
pub(crate) fn add_encryption_context(context: &mut Context, pairs: &EncryptionContext) {
    for (key, value) in pairs.iter() {
        context.insert(&format!("kms:EncryptionContext:{key}"), value);
    }
    if !pairs.is_empty() {
        let keys = pairs.iter().map(|(key, _)| key.to_owned()).collect();
        context.insert_all("kms:EncryptionContextKeys", keys);
    }
}

/// Refuses to change a key that the gateway manages. Its policy permits no change already; this holds even
/// if a policy ever did.
pub(crate) fn refuse_managed(attempt: &Attempt, found: &Found) -> Result<(), KmsError> {
    match found.key.record.manager {
        KeyManager::Customer => Ok(()),
        KeyManager::Aws => Err(KmsError::AccessDenied(format!(
            "User: {} is not authorized to perform: {} on resource: {} because it is managed by AWS",
            attempt.caller.principal.arn,
            attempt.operation.action(),
            found.key.arn
        ))),
    }
}

/// The refusal that does not tell whether there is such a key. The words are AWS's.
fn hidden(attempt: &Attempt, named: &Named, action: &str) -> KmsError {
    KmsError::AccessDenied(match named {
        Named::As(arn) => format!(
            "User: {} is not authorized to perform: {action} on resource: {arn} because the resource does \
             not exist in this Region, no resource-based policies allow access, or a resource-based policy \
             explicitly denies access",
            attempt.caller.principal.arn
        ),
        Named::InCiphertext => {
            "The ciphertext refers to a customer master key that does not exist, does \
                                not exist in this region, or you are not allowed to access."
                .to_owned()
        }
    })
}
