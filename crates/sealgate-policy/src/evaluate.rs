//! The decision: explicit deny first, then who has to allow.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>
//!
//! A [`Survey`] collects what every policy says, [`conclude`] draws the conclusion. `authorize` and
//! `explain` both do just that; the first stops its survey at a `Deny` and keeps no notes.

use crate::caller::{Caller, PrincipalKind};
use crate::context::Context;
use crate::denial::{Denial, PolicyType, Reason, Refused};
use crate::document::{Examined, Finding, Found, Policy};
use crate::explain::{EvalDecision, Notes};
use crate::principal::Reach;
use crate::request::Request;

/// Where authority over a resource comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authority {
    /// From the account of the resource (S3, IAM, …): its identity policies or the policy of the
    /// resource allow. Also for actions of KMS that concern no key, such as `kms:CreateKey`.
    Account,
    /// From the policy of the resource (a KMS key, or a role that is to be assumed): identity policies
    /// count only as far as it lets the account delegate. Without a policy nothing is allowed.
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
    /// The bucket policy, key policy or trust policy.
    pub resource_policy: Option<&'a Policy>,
    /// Where authority comes from.
    pub authority: Authority,
    /// The id of a grant that covers this use of a KMS key by this caller, with its constraints met. It
    /// allows like a statement of the key policy that names the grantee.
    pub grant: Option<&'a str>,
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

/// Decides an access. Allocates nothing when it allows.
pub fn authorize(access: &Access<'_>) -> Decision {
    match conclude(access, &Survey::take(access, None)) {
        Ok(_) => Decision::Allowed,
        Err(refusal) => denied(access, refusal),
    }
}

/// On what an access is allowed.
pub(crate) enum Basis<'a> {
    Statement(Found<'a>),
    Grant(&'a str),
    RootUser,
}

/// On what it is refused.
pub(crate) enum Refusal<'a> {
    Denied(Found<'a>),
    NoAllow(PolicyType),
}

impl Refusal<'_> {
    pub(crate) fn reason(&self) -> Reason {
        match self {
            Refusal::Denied(found) => Reason::ExplicitDeny(found.matched()),
            Refusal::NoAllow(policy) => Reason::NoAllow { policy: *policy },
        }
    }
}

pub(crate) fn denied(access: &Access<'_>, refusal: Refusal<'_>) -> Decision {
    let principal = &access.caller.principal;
    Decision::Denied(Denial {
        who: match &principal.kind {
            PrincipalKind::Anonymous => Refused::Anonymous,
            PrincipalKind::WebIdentity { .. } => Refused::WebIdentity,
            _ => Refused::Arn(principal.arn.clone()),
        },
        action: access.action.to_owned(),
        resource: access.resource.to_owned(),
        reason: refusal.reason(),
    })
}

/// What the policies of each kind say. `None` where a kind does not take part.
pub(crate) struct Survey<'a> {
    identity: Finding<'a>,
    boundary: Option<Finding<'a>>,
    session: Option<Finding<'a>>,
    resource: Finding<'a>,
}

impl<'a> Survey<'a> {
    /// Asks the policies. Without notes it is over at the first `Deny`: nothing can outweigh that.
    pub(crate) fn take(access: &Access<'a>, mut notes: Option<&mut Notes<'a>>) -> Survey<'a> {
        let caller = access.caller;
        let request = Request::new(access);
        let mut survey = Survey {
            identity: Finding::default(),
            boundary: caller.boundary.as_ref().map(|_| Finding::default()),
            session: caller.session_policies().map(|_| Finding::default()),
            resource: Finding::default(),
        };
        let mut ask =
            |finding: &mut Finding<'a>, policy_type, name: &'a str, policy: &'a Policy| {
                let examined = Examined { policy_type, name };
                policy.examine(&request, examined, finding, notes.as_deref_mut());
                finding.denied_by.is_some() && notes.is_none()
            };
        for attached in caller.identity_policies.iter() {
            let finding = &mut survey.identity;
            if ask(
                finding,
                PolicyType::Identity,
                &attached.name,
                &attached.policy,
            ) {
                return survey;
            }
        }
        if let (Some(finding), Some(attached)) = (&mut survey.boundary, &caller.boundary)
            && ask(
                finding,
                PolicyType::Boundary,
                &attached.name,
                &attached.policy,
            )
        {
            return survey;
        }
        if let (Some(finding), Some(policies)) = (&mut survey.session, caller.session_policies()) {
            for attached in policies {
                if ask(
                    finding,
                    PolicyType::Session,
                    &attached.name,
                    &attached.policy,
                ) {
                    return survey;
                }
            }
        }
        if let Some(policy) = access.resource_policy {
            let finding = &mut survey.resource;
            ask(finding, PolicyType::Resource, access.resource, policy);
        }
        survey
    }

    fn denied_by(&self) -> Option<Found<'a>> {
        let of = |finding: &Option<Finding<'a>>| finding.as_ref().and_then(|it| it.denied_by);
        self.identity
            .denied_by
            .or_else(|| of(&self.boundary))
            .or_else(|| of(&self.session))
            .or(self.resource.denied_by)
    }

    /// What the policies of each kind say for themselves.
    pub(crate) fn by_type(&self, access: &Access<'_>) -> Vec<(PolicyType, EvalDecision)> {
        let has_identity = !access.caller.identity_policies.is_empty();
        let has_resource = access.resource_policy.is_some();
        [
            (PolicyType::Identity, has_identity.then_some(&self.identity)),
            (PolicyType::Boundary, self.boundary.as_ref()),
            (PolicyType::Session, self.session.as_ref()),
            (PolicyType::Resource, has_resource.then_some(&self.resource)),
        ]
        .into_iter()
        .filter_map(|(policy, finding)| Some((policy, finding?.decision())))
        .collect()
    }
}

/// Draws the conclusion from what the policies say.
pub(crate) fn conclude<'a>(
    access: &Access<'a>,
    survey: &Survey<'a>,
) -> Result<Basis<'a>, Refusal<'a>> {
    if let Some(found) = survey.denied_by() {
        return Err(Refusal::Denied(found));
    }
    let principal = &access.caller.principal;
    let resource = resource_side(access, survey);
    if !principal.is_of_account() {
        // Nobody but the owner of the resource can allow it.
        return match resource {
            Some((basis, Reach::Direct)) => Ok(basis),
            _ => Err(Refusal::NoAllow(PolicyType::Resource)),
        };
    }
    let same_account = principal.account_id == access.resource_account;
    let needs_resource = !same_account || access.authority == Authority::KeyPolicy;
    match resource {
        // To a user or a session that the resource itself names nothing else needs to allow.
        Some((basis, Reach::Direct)) if same_account => Ok(basis),
        // To a role, what may be done with it stays within boundary and session policies.
        Some((basis, Reach::Role)) if same_account => {
            within_limits(survey)?;
            Ok(basis)
        }
        None if needs_resource => Err(Refusal::NoAllow(PolicyType::Resource)),
        // Across accounts both have to agree; in one, this is the way of everything that the
        // resource's policy leaves to the account.
        _ => {
            let basis = identity_side(access, survey)?;
            within_limits(survey)?;
            Ok(basis)
        }
    }
}

/// The allow of the resource's policy, or of a grant, and how directly it names the caller.
fn resource_side<'a>(access: &Access<'a>, survey: &Survey<'a>) -> Option<(Basis<'a>, Reach)> {
    // The grantee may be the role as well as the session, so a session is reached as its role is.
    let of_grant = || {
        let reach = match &access.caller.principal.kind {
            PrincipalKind::AssumedRole { .. } | PrincipalKind::FederatedUser { .. } => Reach::Role,
            _ => Reach::Direct,
        };
        access.grant.map(|id| (Basis::Grant(id), reach))
    };
    match survey.resource.allowed_by {
        // A statement that merely delegates to the account is less than a grant to the caller.
        Some((found, Reach::Account)) => {
            of_grant().or(Some((Basis::Statement(found), Reach::Account)))
        }
        Some((found, reach)) => Some((Basis::Statement(found), reach)),
        None => of_grant(),
    }
}

/// The allow of the caller's account. Its root user needs no policy.
fn identity_side<'a>(access: &Access<'a>, survey: &Survey<'a>) -> Result<Basis<'a>, Refusal<'a>> {
    match survey.identity.allowed_by {
        Some((found, _)) => Ok(Basis::Statement(found)),
        None if access.caller.principal.has_root_permissions() => Ok(Basis::RootUser),
        None => Err(Refusal::NoAllow(PolicyType::Identity)),
    }
}

/// Boundary and session policies grant nothing, but what they do not allow is not allowed.
fn within_limits<'a>(survey: &Survey<'a>) -> Result<(), Refusal<'a>> {
    for (policy, finding) in [
        (PolicyType::Boundary, &survey.boundary),
        (PolicyType::Session, &survey.session),
    ] {
        if finding
            .as_ref()
            .is_some_and(|finding| finding.allowed_by.is_none())
        {
            return Err(Refusal::NoAllow(policy));
        }
    }
    Ok(())
}
