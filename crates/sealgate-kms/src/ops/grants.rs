//! CreateGrant, ListGrants, ListRetirableGrants, RevokeGrant.

use sealgate_policy::Context;
use serde_json::{Map, Value};

use crate::access::{add_encryption_context, refuse_managed};
use crate::arn::check_length;
use crate::attempt::Attempt;
use crate::error::KmsError;
use crate::grants::{
    CreateGrantRequest, CreatedGrant, Grant, GrantConstraint, GrantId, GrantListEntry,
    GrantOperation, GrantRecord, GrantStore, ListGrantsRequest, account_of, make_token, open_token,
    parse_principal,
};
use crate::kind::KeySpec;
use crate::kms::{Kms, to_the_end};
use crate::operation::Operation;
use crate::ops::change::{TRIES, too_busy};
use crate::ops::keys::whole_millis;
use crate::paging::Paging;
use crate::types::{Call, Page, PageRequest};

/// The longest name of a grant.
const MAX_NAME: usize = 256;
/// The most grant tokens of one call.
const MAX_TOKENS: usize = 10;
/// The longest grant token.
const MAX_TOKEN: usize = 8192;

impl Kms {
    /// CreateGrant.
    ///
    /// # Errors
    /// As AWS documents for CreateGrant.
    pub async fn create_grant(
        &self,
        call: &Call<'_>,
        key_id: &str,
        request: CreateGrantRequest,
    ) -> Result<CreatedGrant, KmsError> {
        let (kms, key_id) = (self.clone(), key_id.to_owned());
        let mut attempt = Attempt::begin(call, Operation::CreateGrant);
        attempt.parameter("keyId", key_id.as_str());
        note_request(&mut attempt, &request);
        to_the_end(async move {
            let result = kms.add_grant(&mut attempt, &key_id, &request).await;
            kms.conclude(attempt, result).await
        })
        .await
    }

    async fn add_grant(
        &self,
        attempt: &mut Attempt,
        key_id: &str,
        request: &CreateGrantRequest,
    ) -> Result<CreatedGrant, KmsError> {
        let wanted = parse_request(attempt, request)?;
        self.check_grant_tokens(&request.grant_tokens)?;
        let mut turn = None;
        for _ in 0..TRIES {
            let found = self
                .find_permitted(attempt, key_id, "keyId", |context| {
                    describe_grant(context, &wanted)
                })
                .await?;
            refuse_managed(attempt, &found)?;
            let record = &found.key.record;
            check_kind(&wanted, record.spec)?;
            GrantOperation::check_fit(&wanted.operations, record.spec, record.usage)?;
            let grants = &self.inner.grants;
            let existing = grants.named(&found.key, &wanted).await?;
            let id = match existing {
                Some(id) => id,
                None => GrantId::new(&wanted.grantee)?,
            };
            let writes = match existing {
                Some(_) => Vec::new(),
                None => GrantStore::insert(&found.key, &id, &wanted)?,
            };
            if request.dry_run {
                return Err(KmsError::DryRun);
            }
            let token = make_token(self, record.account, record.id, &id)?;
            if existing.is_none() && !self.inner.store.write(writes).await? {
                if turn.is_none() {
                    turn = self.inner.grants.turn(&found.key.record).await;
                }
                continue;
            }
            attempt.responds("keyId", found.key.arn.as_str());
            attempt.responds("grantId", id.to_string());
            return Ok(CreatedGrant {
                grant_id: id.to_string(),
                grant_token: token,
            });
        }
        Err(too_busy())
    }

    /// ListGrants.
    ///
    /// # Errors
    /// As AWS documents for ListGrants.
    pub async fn list_grants(
        &self,
        call: &Call<'_>,
        key_id: &str,
        request: ListGrantsRequest,
    ) -> Result<Page<GrantListEntry>, KmsError> {
        let mut attempt = Attempt::begin(call, Operation::ListGrants);
        attempt.parameter("keyId", key_id);
        attempt.optional("grantId", request.grant_id.as_deref());
        attempt.optional("granteePrincipal", request.grantee_principal.as_deref());
        attempt.optional("limit", request.page.limit);
        attempt.optional("marker", request.page.marker.as_deref());
        let result = self.page_of_grants(&mut attempt, key_id, &request).await;
        self.conclude(attempt, result).await
    }

    async fn page_of_grants(
        &self,
        attempt: &mut Attempt,
        key_id: &str,
        request: &ListGrantsRequest,
    ) -> Result<Page<GrantListEntry>, KmsError> {
        let grantee = request.grantee_principal.as_deref();
        if let Some(grantee) = grantee {
            parse_principal(grantee, "granteePrincipal")?;
        }
        let only = request
            .grant_id
            .as_deref()
            .map(GrantId::parse)
            .transpose()?;
        let service = attempt.is_for_service();
        let found = self
            .find_permitted(attempt, key_id, "keyId", |context| {
                for_resource(context, service)
            })
            .await?;
        let paging = Paging::parse(&request.page, 50, 100)?;
        let (account, key) = (found.key.record.account, found.key.record.id);
        let (grants, after) = (&self.inner.grants, paging.after.as_deref());
        let list = match only {
            Some(id) => {
                let one = grants.get(account, key, &id.to_string()).await?;
                one.into_iter()
                    .filter(|grant| after.is_none_or(|after| grant.id.as_str() > after))
                    .collect()
            }
            None => {
                let limit = paging.limit + 1;
                grants.page(account, key, grantee, after, limit).await?
            }
        };
        let page = paging.page(list, |grant: &Grant| &grant.id);
        let region = &self.inner.region;
        // Of another grantee whose ids begin alike nothing is shown; the paging does not mind.
        let items = page
            .items
            .iter()
            .filter(|grant| grantee.is_none_or(|grantee| grant.record.grantee == grantee));
        Ok(Page {
            items: items
                .map(|grant| grant.listed(region, account, found.key.record.key_id()))
                .collect(),
            next_marker: page.next_marker,
        })
    }

    /// ListRetirableGrants: the grants that name this principal of the caller's account as the one who
    /// retires them, on whatever keys of whatever account.
    ///
    /// # Errors
    /// As AWS documents for ListRetirableGrants.
    pub async fn list_retirable_grants(
        &self,
        call: &Call<'_>,
        retiring_principal: &str,
        page: PageRequest,
    ) -> Result<Page<GrantListEntry>, KmsError> {
        let mut attempt = Attempt::begin(call, Operation::ListRetirableGrants);
        attempt.parameter("retiringPrincipal", retiring_principal);
        attempt.optional("limit", page.limit);
        attempt.optional("marker", page.marker.as_deref());
        let result = self
            .page_of_retirable_grants(&mut attempt, retiring_principal, &page)
            .await;
        self.conclude(attempt, result).await
    }

    async fn page_of_retirable_grants(
        &self,
        attempt: &mut Attempt,
        principal: &str,
        page: &PageRequest,
    ) -> Result<Page<GrantListEntry>, KmsError> {
        parse_principal(principal, "retiringPrincipal")?;
        let context = attempt.context();
        let action = attempt.operation.action();
        // An ARN that was checked names an account.
        let account = account_of(principal).map_or_else(|| attempt.account(), Ok)?;
        self.permit_of_account(attempt, account, action, principal, &context)?;
        let paging = Paging::parse(page, 50, 100)?;
        let (limit, after) = (paging.limit + 1, paging.after.as_deref());
        let found = self.inner.grants.retirable(principal, after, limit).await?;
        let mut listed = Vec::with_capacity(found.len());
        for (id, account, key, grant) in found {
            // Those of keys that are as good as deleted are left out only now, for the sake of the paging.
            let entry = match grant {
                Some(grant) => {
                    let key = self.key_at(account, key, attempt.now()).await?;
                    let listed = |id| grant.listed(&self.inner.region, account, id);
                    key.map(|key| listed(key.record.key_id()))
                }
                None => None,
            };
            listed.push((id, entry));
        }
        let page = paging.page(listed, |(id, _)| id);
        Ok(Page {
            items: page
                .items
                .into_iter()
                .filter_map(|(_, entry)| entry)
                .collect(),
            next_marker: page.next_marker,
        })
    }

    /// RevokeGrant.
    ///
    /// # Errors
    /// As AWS documents for RevokeGrant.
    pub async fn revoke_grant(
        &self,
        call: &Call<'_>,
        key_id: &str,
        grant_id: &str,
        dry_run: bool,
    ) -> Result<(), KmsError> {
        let (kms, key_id, grant_id) = (self.clone(), key_id.to_owned(), grant_id.to_owned());
        let mut attempt = Attempt::begin(call, Operation::RevokeGrant);
        attempt.parameter("keyId", key_id.as_str());
        attempt.parameter("grantId", grant_id.as_str());
        if dry_run {
            attempt.parameter("dryRun", true);
        }
        to_the_end(async move {
            let result = kms
                .remove_grant(&mut attempt, &key_id, &grant_id, dry_run)
                .await;
            kms.conclude(attempt, result).await
        })
        .await
    }

    async fn remove_grant(
        &self,
        attempt: &mut Attempt,
        key_id: &str,
        grant_id: &str,
        dry_run: bool,
    ) -> Result<(), KmsError> {
        let id = GrantId::parse(grant_id)?.to_string();
        let service = attempt.is_for_service();
        let mut turn = None;
        for _ in 0..TRIES {
            let found = self
                .find_permitted(attempt, key_id, "keyId", |context| {
                    for_resource(context, service)
                })
                .await?;
            let record = &found.key.record;
            let grant = self
                .inner
                .grants
                .get(record.account, record.id, &id)
                .await?;
            let grant = grant.ok_or_else(|| no_such_grant(&id))?;
            if dry_run {
                return Err(KmsError::DryRun);
            }
            let writes = GrantStore::delete(&found.key, &grant)?;
            if self.inner.store.write(writes).await? {
                attempt.responds("keyId", found.key.arn.as_str());
                return Ok(());
            }
            if turn.is_none() {
                turn = self.inner.grants.turn(&found.key.record).await;
            }
        }
        Err(too_busy())
    }

    /// Checks the grant tokens of a request. They permit nothing that their grants do not permit by
    /// themselves, so it does not matter whether those are still there; but made-up ones are refused.
    pub(crate) fn check_grant_tokens(&self, tokens: &[String]) -> Result<(), KmsError> {
        if tokens.len() > MAX_TOKENS {
            return Err(KmsError::Validation(format!(
                "1 validation error detected: Value at 'grantTokens' failed to satisfy constraint: Member must \
                 have length less than or equal to {MAX_TOKENS}"
            )));
        }
        for token in tokens {
            if token.is_empty() || token.len() > MAX_TOKEN {
                return Err(KmsError::Validation(format!(
                    "1 validation error detected: Value at 'grantTokens' failed to satisfy constraint: Member \
                     must satisfy constraint: [Member must have length between 1 and {MAX_TOKEN}]"
                )));
            }
            if open_token(self, token)?.is_none() {
                return Err(bad_token());
            }
        }
        Ok(())
    }
}

/// The refusal of a token that is none of ours, or whose grant is gone.
pub(crate) fn bad_token() -> KmsError {
    KmsError::InvalidGrantToken("The grant token is not valid.".to_owned())
}

pub(crate) fn no_such_grant(id: &str) -> KmsError {
    KmsError::NotFound(format!("Grant ID {id} not found"))
}

fn parse_request(attempt: &Attempt, request: &CreateGrantRequest) -> Result<GrantRecord, KmsError> {
    parse_principal(&request.grantee_principal, "granteePrincipal")?;
    if let Some(principal) = &request.retiring_principal {
        parse_principal(principal, "retiringPrincipal")?;
    }
    if let Some(name) = &request.name {
        check_length(name, "name", MAX_NAME)?;
        let is_valid = |c: char| c.is_ascii_alphanumeric() || ":/_-".contains(c);
        if !name.chars().all(is_valid) {
            return Err(KmsError::Validation(format!(
                "1 validation error detected: Value '{name}' at 'name' failed to satisfy constraint: Member \
                 must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$"
            )));
        }
    }
    Ok(GrantRecord {
        grantee: request.grantee_principal.clone(),
        retiring: request.retiring_principal.clone(),
        operations: GrantOperation::parse_all(&request.operations)?,
        constraint: GrantConstraint::parse(&request.constraints)?,
        name: request.name.clone(),
        issuer: attempt.account()?,
        created: whole_millis(attempt.now()),
    })
}

/// Constraints speak of encryption contexts, which only symmetric encryption keys have.
fn check_kind(wanted: &GrantRecord, spec: KeySpec) -> Result<(), KmsError> {
    match &wanted.constraint {
        Some(constraint) if spec != KeySpec::SymmetricDefault => {
            Err(KmsError::Validation(format!(
                "The grant constraint {} is not supported by a KMS key with key spec {spec}.",
                constraint.name()
            )))
        }
        _ => Ok(()),
    }
}

/// The condition keys of a grant that shall be made.
fn describe_grant(context: &mut Context, wanted: &GrantRecord) {
    let operations = wanted.operations.iter().map(|it| it.as_str().to_owned());
    context.insert_all("kms:GrantOperations", operations.collect());
    context.insert("kms:GranteePrincipal", wanted.grantee.as_str());
    if let Some(principal) = &wanted.retiring {
        context.insert("kms:RetiringPrincipal", principal.as_str());
    }
    if let Some(constraint) = &wanted.constraint {
        context.insert("kms:GrantConstraintType", constraint.name());
        add_encryption_context(context, constraint.pairs());
    }
    let service = context.get("kms:ViaService").is_some();
    for_resource(context, service);
}

/// `kms:GrantIsForAWSResource`: whether a service asks on the caller's behalf.
fn for_resource(context: &mut Context, service: bool) {
    context.insert("kms:GrantIsForAWSResource", service.to_string());
}

fn note_request(attempt: &mut Attempt, request: &CreateGrantRequest) {
    attempt.parameter("granteePrincipal", request.grantee_principal.as_str());
    attempt.optional("retiringPrincipal", request.retiring_principal.as_deref());
    attempt.parameter("operations", request.operations.clone());
    let mut constraints = Map::new();
    for (name, pairs) in [
        (
            "encryptionContextEquals",
            &request.constraints.encryption_context_equals,
        ),
        (
            "encryptionContextSubset",
            &request.constraints.encryption_context_subset,
        ),
    ] {
        if !pairs.is_empty() {
            constraints.insert(name.to_owned(), pairs.to_json());
        }
    }
    if !constraints.is_empty() {
        attempt.parameter("constraints", Value::Object(constraints));
    }
    attempt.optional("name", request.name.as_deref());
    if request.dry_run {
        attempt.parameter("dryRun", true);
    }
}
