//! RetireGrant. Who may is said by the grant, not by the key's policy.
//! <https://docs.aws.amazon.com/kms/latest/developerguide/grant-delete.html>

use sealgate_policy::{Access, Authority, Decision, authorize};

use crate::access::{Found, hidden, key_context};
use crate::arn::key_arn;
use crate::attempt::Attempt;
use crate::error::KmsError;
use crate::grants::{
    Grant, GrantId, GrantOperation, GrantStore, RetireGrantRequest, account_principal,
    is_of_caller, open_token,
};
use crate::kms::{Kms, to_the_end};
use crate::operation::Operation;
use crate::ops::change::{TRIES, too_busy};
use crate::ops::grants::{bad_token, no_such_grant};
use crate::types::Call;

impl Kms {
    /// RetireGrant.
    ///
    /// # Errors
    /// As AWS documents for RetireGrant.
    pub async fn retire_grant(
        &self,
        call: &Call<'_>,
        request: RetireGrantRequest,
    ) -> Result<(), KmsError> {
        let kms = self.clone();
        let mut attempt = Attempt::begin(call, Operation::RetireGrant);
        attempt.optional("keyId", request.key_id.as_deref());
        attempt.optional("grantId", request.grant_id.as_deref());
        if request.dry_run {
            attempt.parameter("dryRun", true);
        }
        to_the_end(async move {
            let result = kms.retire(&mut attempt, &request).await;
            kms.conclude(attempt, result).await
        })
        .await
    }

    async fn retire(
        &self,
        attempt: &mut Attempt,
        request: &RetireGrantRequest,
    ) -> Result<(), KmsError> {
        let by_token = request.grant_token.is_some();
        let (key_id, id) = match request {
            RetireGrantRequest {
                grant_token: Some(token),
                key_id: None,
                grant_id: None,
                ..
            } => {
                let (account, key, id) = open_token(self, token)?.ok_or_else(bad_token)?;
                (key_arn(&self.inner.region, account, key), id.to_string())
            }
            RetireGrantRequest {
                grant_token: None,
                key_id: Some(key_id),
                grant_id: Some(id),
                ..
            } => (key_id.clone(), GrantId::parse(id)?.to_string()),
            _ => {
                return Err(KmsError::Validation(
                    "Identify the grant by a grant token, or by both a key ID and a grant ID."
                        .to_owned(),
                ));
            }
        };
        // What CloudTrail tells of a grant that was named by its token.
        attempt.notes("grantId", id.as_str());
        let action = attempt.operation.action();
        let mut turn = None;
        for _ in 0..TRIES {
            let found = self.find(attempt, action, &key_id, "keyId").await?;
            let record = &found.key.record;
            let grant = self
                .inner
                .grants
                .get(record.account, record.id, &id)
                .await?;
            let Some(grant) = grant else {
                // Of the grants of others nobody learns which there are.
                return Err(match by_token {
                    true => bad_token(),
                    false if found.foreign => hidden(attempt, &found.named, action),
                    false => no_such_grant(&id),
                });
            };
            self.permit_retiring(attempt, &found, &grant)?;
            if request.dry_run {
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

    /// The retiring principal may, and the grantee whom the grant permits it. The account that made the grant,
    /// that owns the key, or that is itself the one of those two may, and leaves it to whom its policies allow
    /// `kms:RetireGrant`. A Deny in policies of the caller stands against all of it; the key's policy has no
    /// say.
    fn permit_retiring(
        &self,
        attempt: &mut Attempt,
        found: &Found,
        grant: &Grant,
    ) -> Result<(), KmsError> {
        let own = attempt.account()?;
        let own_text = own.to_string();
        let owner = found.key.record.account;
        let record = &grant.record;
        let may_grantee = record.operations.contains(&GrantOperation::RetireGrant);
        let named = record
            .retiring
            .as_deref()
            .into_iter()
            .chain(may_grantee.then_some(record.grantee.as_str()));
        let account = account_principal(own);
        let to_caller = named
            .clone()
            .any(|name| is_of_caller(name, &attempt.caller.principal));
        let to_account =
            own == owner || own == record.issuer || named.clone().any(|name| name == account);

        let context = key_context(attempt, found);
        let owner_text = owner.to_string();
        let as_of_key = Access {
            caller: &attempt.caller,
            action: attempt.operation.action(),
            resource: &found.key.arn,
            resource_account: &owner_text,
            context: &context,
            resource_policy: None,
            authority: Authority::KeyPolicy,
            grant: None,
        };
        let mut decision = authorize(&as_of_key);
        let denied = matches!(&decision, Decision::Denied(denial) if denial.explicit());
        if !denied && (to_caller || to_account) {
            // The grant decides as if it were of the caller's own account.
            decision = authorize(&Access {
                resource_account: &own_text,
                authority: match to_caller {
                    true => Authority::KeyPolicy,
                    false => Authority::Account,
                },
                grant: to_caller.then_some(grant.id.as_str()),
                ..as_of_key
            });
        }
        match decision {
            Decision::Allowed => {
                attempt.touched(owner, &found.key.arn);
                Ok(())
            }
            Decision::Denied(denial) => Err(self.refused(attempt, found, denial)),
        }
    }
}
