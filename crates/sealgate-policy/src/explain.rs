//! Why an access is allowed or refused: every statement that matched, and the one that decided.
//!
//! The same evaluation as [`authorize`](crate::authorize), which stops at the first answer; here every
//! policy is gone through to its end. What it finds is also what `iam:SimulatePrincipalPolicy` and
//! `iam:SimulateCustomPolicy` answer with.
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_EvaluationResult.html>

use std::collections::BTreeSet;
use std::fmt;

use crate::denial::{PolicyType, Reason};
use crate::document::{Found, Policy};
use crate::effect::Effect;
use crate::evaluate::{Access, Basis, Decision, Survey, conclude, denied};
use crate::span::Span;

/// A statement that applies to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matched {
    /// In which role its policy takes part.
    pub policy_type: PolicyType,
    /// The name of its policy ([`AttachedPolicy::name`](crate::AttachedPolicy)); of a resource's
    /// policy, the ARN of the resource.
    pub policy_name: String,
    /// Its `Sid`, if it has one.
    pub sid: Option<String>,
    /// Its place among the statements of the policy, from 0.
    pub index: usize,
    /// What it does.
    pub effect: Effect,
    /// Where in the document it stands.
    pub span: Span,
}

impl fmt::Display for Matched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.sid {
            Some(sid) if !sid.is_empty() => write!(f, "statement {sid:?}")?,
            _ => write!(f, "statement {}", self.index + 1)?,
        }
        write!(f, " of {} ({})", self.policy_name, self.policy_type)
    }
}

/// What decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DecidedBy {
    /// A statement: the `Deny` that refuses, or an `Allow` without which access would be refused.
    Statement(Matched),
    /// The grant of this id.
    Grant(String),
    /// The root user has every permission in the account.
    RootUser,
    /// No policy of this kind allows, and one had to.
    NoAllow(PolicyType),
}

/// The decision of the simulator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EvalDecision {
    /// A policy allows.
    Allowed,
    /// A `Deny` statement applies.
    ExplicitDeny,
    /// Nothing allows.
    ImplicitDeny,
}

impl EvalDecision {
    /// The value of `EvalDecision` in the API: `allowed`, `explicitDeny` or `implicitDeny`.
    pub fn as_str(self) -> &'static str {
        match self {
            EvalDecision::Allowed => "allowed",
            EvalDecision::ExplicitDeny => "explicitDeny",
            EvalDecision::ImplicitDeny => "implicitDeny",
        }
    }
}

/// An answer with its reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// What [`authorize`](crate::authorize) answers.
    pub decision: Decision,
    /// Every statement that applies, policy by policy.
    pub matched: Vec<Matched>,
    /// What decided.
    pub decided_by: DecidedBy,
    /// What the policies of each kind say for themselves (`EvalDecisionDetails`). A kind without
    /// policies is not listed, unless it limits nonetheless.
    pub by_type: Vec<(PolicyType, EvalDecision)>,
    /// The condition keys, as written, that statements on this action and principal ask for and the
    /// request does not have (`MissingContextValues`).
    pub missing_context: Vec<String>,
}

impl Explanation {
    /// The decision in the simulator's terms.
    pub fn eval_decision(&self) -> EvalDecision {
        match &self.decision {
            Decision::Allowed => EvalDecision::Allowed,
            Decision::Denied(denial) if denial.explicit() => EvalDecision::ExplicitDeny,
            Decision::Denied(_) => EvalDecision::ImplicitDeny,
        }
    }

    /// Whether the permissions boundary allows (`AllowedByPermissionsBoundary`); `None` without one.
    pub fn allowed_by_boundary(&self) -> Option<bool> {
        self.by_type
            .iter()
            .find(|(policy, _)| *policy == PolicyType::Boundary)
            .map(|(_, decision)| *decision == EvalDecision::Allowed)
    }
}

/// What a thorough evaluation notes on its way.
#[derive(Default)]
pub(crate) struct Notes<'a> {
    pub(crate) matched: Vec<Found<'a>>,
    pub(crate) missing: BTreeSet<&'a str>,
}

/// Decides an access, and says why.
pub fn explain(access: &Access<'_>) -> Explanation {
    let mut notes = Notes::default();
    let survey = Survey::take(access, Some(&mut notes));
    let outcome = conclude(access, &survey);
    let decided_by = match &outcome {
        Ok(Basis::Statement(found)) => DecidedBy::Statement(found.matched()),
        Ok(Basis::Grant(id)) => DecidedBy::Grant((*id).to_owned()),
        Ok(Basis::RootUser) => DecidedBy::RootUser,
        Err(refusal) => match refusal.reason() {
            Reason::ExplicitDeny(statement) => DecidedBy::Statement(statement),
            Reason::NoAllow { policy } => DecidedBy::NoAllow(policy),
        },
    };
    let decision = match outcome {
        Ok(_) => Decision::Allowed,
        Err(refusal) => denied(access, refusal),
    };
    Explanation {
        decision,
        matched: notes.matched.iter().map(Found::matched).collect(),
        decided_by,
        by_type: survey.by_type(access),
        missing_context: notes.missing.into_iter().map(str::to_owned).collect(),
    }
}

/// The condition keys that a policy names, in conditions and in variables, as they are written there
/// (`iam:GetContextKeysForCustomPolicy`). A key that is written in several ways is listed once.
pub fn policy_context_keys(policy: &Policy) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut keys = BTreeSet::new();
    policy.each_key(&mut |key| {
        if seen.insert(key.lowered().to_owned()) {
            keys.insert(key.as_written().to_owned());
        }
    });
    keys
}
