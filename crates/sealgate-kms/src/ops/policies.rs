//! PutKeyPolicy, GetKeyPolicy, ListKeyPolicies.

use std::sync::Arc;

use sealgate_policy::{AttachedPolicy, Caller, Context, Policy, Session};

use crate::access::{key_context, refuse_managed};
use crate::arn::AccountId;
use crate::attempt::Attempt;
use crate::error::KmsError;
use crate::kms::{Kms, to_the_end};
use crate::operation::Operation;
use crate::ops::change::{TRIES, too_busy};
use crate::paging::Paging;
use crate::store::update_key;
use crate::types::{Call, Page, PageRequest, PutKeyPolicyRequest};

/// The name that every key policy has.
const POLICY_NAME: &str = "default";
/// The longest key policy.
const MAX_POLICY: usize = 32_768;
/// An identity policy without limits.
const EVERYTHING: &str = r#"{ "Version": "2012-10-17",
    "Statement": { "Effect": "Allow", "Action": "*", "Resource": "*" } }"#;

impl Kms {
    /// PutKeyPolicy.
    ///
    /// # Errors
    /// As AWS documents for PutKeyPolicy.
    pub async fn put_key_policy(
        &self,
        call: &Call<'_>,
        key_id: &str,
        request: PutKeyPolicyRequest,
    ) -> Result<(), KmsError> {
        let (kms, key_id) = (self.clone(), key_id.to_owned());
        let mut attempt = Attempt::begin(call, Operation::PutKeyPolicy);
        attempt.parameter("keyId", key_id.as_str());
        attempt.optional("policyName", request.policy_name.as_deref());
        attempt.parameter("policy", request.policy.as_str());
        attempt.parameter(
            "bypassPolicyLockoutSafetyCheck",
            request.bypass_policy_lockout_safety_check,
        );
        to_the_end(async move {
            let result = kms.replace_policy(&mut attempt, &key_id, &request).await;
            kms.conclude(attempt, result).await
        })
        .await
    }

    async fn replace_policy(
        &self,
        attempt: &mut Attempt,
        key_id: &str,
        request: &PutKeyPolicyRequest,
    ) -> Result<(), KmsError> {
        let bypass = request.bypass_policy_lockout_safety_check;
        for _ in 0..TRIES {
            let bypassing = |context: &mut Context| {
                context.insert("kms:BypassPolicyLockoutSafetyCheck", bypass.to_string());
            };
            let found = self
                .find_permitted(attempt, key_id, "keyId", bypassing)
                .await?;
            refuse_managed(attempt, &found)?;
            check_policy_name(request.policy_name.as_deref())?;
            let key = &found.key;
            // Asked as if the caller came again, and did not bypass the check then.
            let mut later = key_context(attempt, &found);
            later.insert("kms:BypassPolicyLockoutSafetyCheck", "false");
            accept_policy(
                attempt,
                &request.policy,
                &key.arn,
                key.record.account,
                &later,
                bypass,
            )?;
            attempt.responds("keyId", key.arn.as_str());
            let mut record = key.record.clone();
            record.policy.clone_from(&request.policy);
            if self
                .inner
                .store
                .write(vec![update_key(key, &record)?])
                .await?
            {
                return Ok(());
            }
        }
        Err(too_busy())
    }

    /// GetKeyPolicy: the text as it was put.
    ///
    /// # Errors
    /// As AWS documents for GetKeyPolicy.
    pub async fn get_key_policy(
        &self,
        call: &Call<'_>,
        key_id: &str,
        policy_name: Option<&str>,
    ) -> Result<String, KmsError> {
        let mut attempt = Attempt::begin(call, Operation::GetKeyPolicy);
        attempt.parameter("keyId", key_id);
        attempt.optional("policyName", policy_name);
        let result = self
            .find_permitted(&mut attempt, key_id, "keyId", |_| ())
            .await
            .and_then(|found| {
                check_policy_name(policy_name)?;
                Ok(found.key.record.policy.clone())
            });
        self.conclude(attempt, result).await
    }

    /// ListKeyPolicies: every key has one policy, `default`.
    ///
    /// # Errors
    /// As AWS documents for ListKeyPolicies.
    pub async fn list_key_policies(
        &self,
        call: &Call<'_>,
        key_id: &str,
        page: PageRequest,
    ) -> Result<Page<String>, KmsError> {
        let mut attempt = Attempt::begin(call, Operation::ListKeyPolicies);
        attempt.parameter("keyId", key_id);
        attempt.optional("limit", page.limit);
        attempt.optional("marker", page.marker.as_deref());
        let result = self
            .find_permitted(&mut attempt, key_id, "keyId", |_| ())
            .await
            .and_then(|_| {
                Paging::parse(&page, 100, 1000)?;
                Ok(Page {
                    items: vec![POLICY_NAME.to_owned()],
                    next_marker: None,
                })
            });
        self.conclude(attempt, result).await
    }
}

fn check_policy_name(name: Option<&str>) -> Result<(), KmsError> {
    match name {
        None | Some(POLICY_NAME) => Ok(()),
        Some(_) => Err(KmsError::NotFound("No such policy exists".to_owned())),
    }
}

/// Checks a policy that shall become the policy of a key: size, language, and whether it leaves the caller
/// (or through it the account) able to change it again.
pub(crate) fn accept_policy(
    attempt: &Attempt,
    text: &str,
    key_arn: &str,
    account: AccountId,
    context: &Context,
    bypass: bool,
) -> Result<(), KmsError> {
    if text.is_empty() {
        return Err(KmsError::Validation(
            "1 validation error detected: Value '' at 'policy' failed to satisfy constraint: Member must \
             have length greater than or equal to 1"
                .to_owned(),
        ));
    }
    if text.len() > MAX_POLICY {
        return Err(KmsError::LimitExceeded(format!(
            "The key policy exceeds the maximum size of {MAX_POLICY} bytes."
        )));
    }
    let policy = Policy::parse_key_policy(text)
        .map_err(|error| KmsError::MalformedPolicyDocument(error.to_string()))?;
    if bypass || leaves_control(&policy, attempt, key_arn, account, context)? {
        return Ok(());
    }
    Err(KmsError::MalformedPolicyDocument(
        "The new key policy will not allow you to update the key policy in the future.".to_owned(),
    ))
}

/// Whether the caller could put another policy after this one: because the policy allows it, or because it
/// leaves that to the policies of the account. Which of those the caller has today does not count, nor what
/// its boundary and its session allow, as all that can be changed without the key. That there is a boundary
/// does: `NotPrincipal` never exempts who has one.
fn leaves_control(
    policy: &Policy,
    attempt: &Attempt,
    key_arn: &str,
    account: AccountId,
    context: &Context,
) -> Result<bool, KmsError> {
    let everything = Policy::parse_identity(EVERYTHING)
        .map_err(|error| KmsError::Internal(format!("the policy that allows all: {error}")))?;
    let everything = AttachedPolicy::new("every action", everything);
    let now = &attempt.caller;
    let caller = Caller {
        identity_policies: Arc::new([everything.clone()]),
        boundary: now.boundary.as_ref().map(|_| everything),
        session: now.session.as_deref().map(|session| {
            Arc::new(Session {
                policies: None,
                ..session.clone()
            })
        }),
        ..now.clone()
    };
    let action = Operation::PutKeyPolicy.action();
    Ok(policy.allows_principal_action(&caller, action, key_arn, &account.to_string(), context))
}
