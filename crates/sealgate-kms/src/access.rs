//! Who may do what: finding the key that a request means, and asking its policy.

use std::sync::Arc;

use sealgate_policy::{
    Access, Authority, Caller, Context, Decision, Denial, PolicyType, authorize,
};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::arn::{AccountId, KeyName, Target, alias_arn, key_arn};
use crate::attempt::Attempt;
use crate::ciphertext::MadeWith;
use crate::context::EncryptionContext;
use crate::error::KmsError;
use crate::grants::Candidates;
use crate::key::KeyManager;
use crate::key_store::ConnectionState;
use crate::kind::{KeySpec, KeyUsage, Origin};
use crate::kms::{Kms, not_found};
use crate::material::Moment;
use crate::ops::managed::S3_ALIAS;
use crate::store::Key;

/// How a request names a key: it decides the words of a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Named {
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
    pub(crate) alias: Option<String>,
    /// The grants of the key that may concern the caller.
    pub(crate) grants: Candidates,
    /// Of another account than the caller's.
    pub foreign: bool,
    pub named: Named,
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
                let grants = self.grants_to(&attempt.caller, &key).await?;
                Ok(Found {
                    key,
                    moment,
                    alias,
                    grants,
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
        match self
            .key_at(made_with.account, made_with.key, attempt.now())
            .await?
        {
            Some(key) => {
                if !foreign {
                    attempt.touched(made_with.account, &key.arn);
                }
                let grants = self.grants_to(&attempt.caller, &key).await?;
                Ok(Found {
                    key,
                    moment,
                    alias: None,
                    grants,
                    foreign,
                    named: Named::InCiphertext,
                })
            }
            None => Err(hidden(attempt, &Named::InCiphertext, action)),
        }
    }

    pub(crate) async fn grants_to(
        &self,
        caller: &Caller,
        key: &Key,
    ) -> Result<Candidates, KmsError> {
        let grants = &self.inner.grants;
        grants.candidates(key, &caller.principal).await
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
            Target::Key(id) => *id,
            Target::Alias(name) => match store.alias(account, name).await? {
                Some(alias) => alias.record.target,
                None => return Ok(None),
            },
        };
        let key = self.key_at(account, id.uuid(), now).await?;
        Ok(key.filter(|key| key.record.key_id() == id))
    }

    /// The key of this number, of either form, if it exists at that time.
    pub(crate) async fn key_at(
        &self,
        account: AccountId,
        id: Uuid,
        now: OffsetDateTime,
    ) -> Result<Option<Arc<Key>>, KmsError> {
        match self.inner.store.key(account, id).await? {
            Some(key) => self.key_now(key, now).await,
            None => Ok(None),
        }
    }

    /// A key that was read, as it is at that time; `None` if it is gone then.
    pub(crate) async fn key_now(
        &self,
        key: Arc<Key>,
        now: OffsetDateTime,
    ) -> Result<Option<Arc<Key>>, KmsError> {
        if key.record.is_due(now) {
            return Ok(None);
        }
        let key = key.at(now);
        let Some(external) = &key.record.external else {
            return Ok(Some(key));
        };
        let account = key.record.account;
        let store = self.inner.key_stores.get(account, &external.store).await?;
        let connected = store.is_some_and(|store| store.record.state == ConnectionState::Connected);
        Ok(Some(match connected {
            true => key,
            false => key.unavailable(),
        }))
    }

    /// Asks the key's policy and grants (and the caller's policies) whether the caller may do `action` with
    /// the key.
    pub(crate) fn permit(
        &self,
        attempt: &mut Attempt,
        found: &Found,
        action: &str,
        context: &Context,
    ) -> Result<(), KmsError> {
        let account = found.key.record.account;
        let owner = account.to_string();
        let (access, decision) = decide(&attempt.caller, found, action, &owner, context);
        let grant = access.grant.map(str::to_owned);
        match decision {
            Decision::Allowed => {
                if let Some(grant) = grant {
                    attempt.notes("grantId", grant);
                }
                attempt.touched(account, &found.key.arn);
                Ok(())
            }
            Decision::Denied(denial) => Err(self.refused(attempt, found, denial)),
        }
    }

    /// The refusal of an action on a key. Of a key of another account it says nothing.
    pub(crate) fn refused(&self, attempt: &mut Attempt, found: &Found, denial: Denial) -> KmsError {
        if !found.foreign {
            attempt.refused_by(&denial);
            return denial.into();
        }
        if denial.policy_type() != PolicyType::Resource {
            attempt.refused_by(&denial);
        }
        hidden(attempt, &found.named, denial.action())
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
        if attempt.operation.is_import() {
            self.check_imports(&found.key.record)?;
        }
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
        self.permit_of_account(attempt, account, action, resource, context)?;
        Ok(account)
    }

    /// Asks the caller's policies about an action on something in an account. Nobody is permitted anything
    /// in another one.
    pub(crate) fn permit_of_account(
        &self,
        attempt: &mut Attempt,
        account: AccountId,
        action: &str,
        resource: &str,
        context: &Context,
    ) -> Result<(), KmsError> {
        let decision = authorize(&Access {
            caller: &attempt.caller,
            action,
            resource,
            resource_account: &account.to_string(),
            context,
            resource_policy: None,
            authority: Authority::Account,
            grant: None,
        });
        match decision {
            Decision::Allowed => Ok(()),
            Decision::Denied(denial) => {
                attempt.refused_by(&denial);
                Err(denial.into())
            }
        }
    }
}

/// Decides whether the caller may do this with the key; with the decision comes the question that it
/// answers, which names a grant if it was asked on its strength. Policies are asked first: grants only add,
/// and a Deny stands against them too.
pub(crate) fn decide<'a>(
    caller: &'a Caller,
    found: &'a Found,
    action: &'a str,
    owner: &'a str,
    context: &'a Context,
) -> (Access<'a>, Decision) {
    let mut access = Access {
        caller,
        action,
        resource: &found.key.arn,
        resource_account: owner,
        context,
        resource_policy: Some(&found.key.policy),
        authority: Authority::KeyPolicy,
        grant: None,
    };
    let mut decision = authorize(&access);
    for (grant, to_account) in found.grants.covering(action, context) {
        match &decision {
            Decision::Denied(denial) if !denial.explicit() => {}
            _ => break,
        }
        // A grant to the account leaves it to the account whom to permit it. Across accounts the caller's
        // own policies have to agree in any case.
        let delegated = to_account && !found.foreign;
        access.authority = match delegated {
            true => Authority::Account,
            false => Authority::KeyPolicy,
        };
        access.grant = (!delegated).then_some(grant.id.as_str());
        decision = authorize(&access);
    }
    (access, decision)
}

/// The condition keys that follow from the key and how it is named.
pub(crate) fn key_context(attempt: &Attempt, found: &Found) -> Context {
    let mut context = attempt.context();
    let record = &found.key.record;
    let multi_region = record.multi_region;
    describe_key(
        &mut context,
        record.spec,
        record.usage,
        record.origin,
        multi_region,
    );
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

/// The condition keys that follow from the kind of a key.
pub(crate) fn describe_key(
    context: &mut Context,
    spec: KeySpec,
    usage: KeyUsage,
    origin: Origin,
    multi_region: bool,
) {
    context.insert("kms:KeySpec", spec.as_str());
    context.insert("kms:KeyUsage", usage.as_str());
    context.insert("kms:KeyOrigin", origin.as_str());
    context.insert("kms:MultiRegion", multi_region.to_string());
    if multi_region {
        context.insert("kms:MultiRegionKeyType", "PRIMARY");
    }
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
pub(crate) fn hidden(attempt: &Attempt, named: &Named, action: &str) -> KmsError {
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
