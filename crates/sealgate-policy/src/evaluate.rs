//! The decision: explicit deny first, then who has to allow.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>

use crate::caller::{Caller, PrincipalKind};
use crate::context::Context;
use crate::denial::{Denial, PolicyType, Reason};
use crate::document::{Finding, Policy};
use crate::principal::Reach;
use crate::request::Request;
use crate::statement::Statement;

/// Where authority over a resource comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authority {
    /// From the account of the resource (S3, IAM, …): its identity policies or the policy of the
    /// resource allow. Also for actions of KMS that concern no key, such as `kms:CreateKey`.
    Account,
    /// From the policy of the resource (a KMS key): identity policies count only as far as it lets
    /// the account delegate. Without a policy nothing is allowed.
    KeyPolicy,
}

/// A question: may this caller do this to that?
#[derive(Debug, Clone, Copy)]
pub struct Access<'a> {
    /// Who asks.
    pub caller: &'a Caller,
    /// The action, such as `s3:GetObject`.
    pub action: &'a str,
    /// The ARN of the resource, or `*` where the action has none.
    pub resource: &'a str,
    /// The account that owns the resource.
    pub resource_account: &'a str,
    /// The condition keys that the operation supplies.
    pub context: &'a Context,
    /// The bucket policy or key policy.
    pub resource_policy: Option<&'a Policy>,
    /// Where authority comes from.
    pub authority: Authority,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Decision {
    /// Go ahead.
    Allowed,
    /// Refused, and why.
    Denied(Denial),
}

/// Decides an access.
pub fn authorize(access: &Access<'_>) -> Decision {
    match decide(access) {
        Ok(()) => Decision::Allowed,
        Err(reason) => Decision::Denied(Denial {
            principal_arn: (access.caller.principal.kind != PrincipalKind::Anonymous)
                .then(|| access.caller.principal.arn.clone()),
            action: access.action.to_owned(),
            resource: access.resource.to_owned(),
            reason,
        }),
    }
}

fn decide(access: &Access<'_>) -> Result<(), Reason> {
    let request = Request::new(access);
    let mut identity_allows = false;
    for policy in access.caller.identity_policies.iter() {
        let finding = policy.examine(&request);
        refuse_denied(finding.denied_by, PolicyType::Identity)?;
        identity_allows |= finding.allows.is_some();
    }
    let resource_policy = access
        .resource_policy
        .map_or_else(Finding::default, |policy| policy.examine(&request));
    refuse_denied(resource_policy.denied_by, PolicyType::Resource)?;

    let principal = &access.caller.principal;
    // The root user needs no identity policy.
    let identity_allows = identity_allows || principal.kind == PrincipalKind::Root;
    let allowing = Allowing {
        resource: resource_policy.allows,
        identity: identity_allows,
        same_account: principal.account_id == access.resource_account,
    };
    if !principal.is_of_account() {
        // Nobody but the owner of the resource can allow it.
        return needed(
            allowing.resource == Some(Reach::Direct),
            PolicyType::Resource,
        );
    }
    match access.authority {
        Authority::Account => allowing.by_account(),
        Authority::KeyPolicy => allowing.by_key_policy(),
    }
}

fn refuse_denied(denied_by: Option<&Statement>, policy: PolicyType) -> Result<(), Reason> {
    match denied_by {
        None => Ok(()),
        Some(statement) => Err(Reason::ExplicitDeny {
            policy,
            sid: statement.sid.as_deref().map(str::to_owned),
        }),
    }
}

fn needed(allows: bool, policy: PolicyType) -> Result<(), Reason> {
    if allows {
        Ok(())
    } else {
        Err(Reason::NoAllow { policy })
    }
}

/// Who allows, once nobody denies. What may grant or limit further has its place here.
struct Allowing {
    resource: Option<Reach>,
    identity: bool,
    same_account: bool,
}

impl Allowing {
    /// In the resource's account either side is enough; a policy that names the account hands the
    /// question to identity policies. From elsewhere both accounts have to agree.
    fn by_account(&self) -> Result<(), Reason> {
        if self.same_account {
            let allows = self.identity || self.resource == Some(Reach::Direct);
            return needed(allows, PolicyType::Identity);
        }
        needed(self.resource.is_some(), PolicyType::Resource)?;
        needed(self.identity, PolicyType::Identity)
    }

    /// The key policy allows the caller, or it allows the account and the account's policies the
    /// caller. Not even the root user passes without it.
    /// <https://docs.aws.amazon.com/kms/latest/developerguide/policy-evaluation.html>
    fn by_key_policy(&self) -> Result<(), Reason> {
        let reach = self.resource.ok_or(Reason::NoAllow {
            policy: PolicyType::Resource,
        })?;
        let named = self.same_account && reach == Reach::Direct;
        needed(named || self.identity, PolicyType::Identity)
    }
}
