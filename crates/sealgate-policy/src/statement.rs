//! One statement: whether it applies to a request, and how.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>

use crate::action::Actions;
use crate::condition::Condition;
use crate::document::PolicyKind;
use crate::effect::Effect;
use crate::error::PolicyError;
use crate::json::Node;
use crate::key::Key;
use crate::principal::{Principals, Reach};
use crate::request::Request;
use crate::resource::Resources;
use crate::span::Span;

/// A compiled statement.
#[derive(Debug, Clone)]
pub(crate) struct Statement {
    pub(crate) sid: Option<Box<str>>,
    pub(crate) effect: Effect,
    /// Where it stands in the document.
    pub(crate) span: Span,
    /// `None` in identity policies, where the principal is whoever carries the policy.
    principals: Option<Principals>,
    actions: Actions,
    /// `None` in trust policies, whose resource is the role.
    resources: Option<Resources>,
    conditions: Box<[Condition]>,
}

impl Statement {
    pub(crate) fn parse(
        node: &Node,
        kind: PolicyKind,
        variables: bool,
        span: Span,
    ) -> Result<Statement, PolicyError> {
        let mut sid = None;
        let mut effect = None;
        let mut principals = None;
        let mut actions = None;
        let mut resources = None;
        let mut conditions = Box::default();
        for (name, value) in node.map("Statement")? {
            match name.as_str() {
                "Sid" => sid = Some(parse_sid(value, kind)?),
                "Effect" => effect = Some(Effect::parse(value)?),
                "Principal" | "NotPrincipal" => {
                    if kind == PolicyKind::Identity {
                        return Err(PolicyError::PrincipalNotAllowed);
                    }
                    let negated = name == "NotPrincipal";
                    let parsed = Principals::parse(name, value, negated, kind)?;
                    if principals.replace((parsed, negated)).is_some() {
                        return Err(PolicyError::Exclusive("Principal", "NotPrincipal"));
                    }
                }
                "Action" | "NotAction" => {
                    let parsed = Actions::parse(name, value, name == "NotAction", kind)?;
                    if actions.replace(parsed).is_some() {
                        return Err(PolicyError::Exclusive("Action", "NotAction"));
                    }
                }
                "Resource" | "NotResource" => {
                    if kind == PolicyKind::Trust {
                        return Err(PolicyError::ProhibitedElement(name.clone()));
                    }
                    let parsed = Resources::parse(name, value, name == "NotResource", variables)?;
                    if resources.replace(parsed).is_some() {
                        return Err(PolicyError::Exclusive("Resource", "NotResource"));
                    }
                }
                "Condition" => conditions = Condition::parse_all(value, variables)?,
                _ => return Err(PolicyError::UnknownElement(name.clone())),
            }
        }
        let effect = effect.ok_or(PolicyError::MissingElement("Effect"))?;
        match &principals {
            None if kind != PolicyKind::Identity => {
                return Err(PolicyError::MissingElement("Principal"));
            }
            // It would allow everyone but the named, anonymous callers included.
            Some((_, true)) if effect == Effect::Allow => {
                return Err(PolicyError::NotPrincipalWithAllow);
            }
            _ => {}
        }
        Ok(Statement {
            sid,
            effect,
            span,
            principals: principals.map(|(principals, _)| principals),
            actions: actions.ok_or(PolicyError::NoActions)?,
            resources: match kind {
                PolicyKind::Trust => None,
                _ => Some(resources.ok_or(PolicyError::NoResources)?),
            },
            conditions,
        })
    }

    /// Whether the statement is about the action and the caller, and how it reaches the caller. The
    /// cheaper test comes first.
    pub(crate) fn reaches(&self, request: &Request<'_>) -> Option<Reach> {
        if !self.actions.covers(request.action) {
            return None;
        }
        match &self.principals {
            None => Some(Reach::Direct),
            Some(principals) => principals.reach(request.caller, self.effect),
        }
    }

    /// Whether a statement that reaches the caller applies: resource and conditions.
    pub(crate) fn applies(&self, request: &Request<'_>) -> bool {
        // A variable without a value equals nothing, so what is exempted by it would be exempted from
        // nothing. A Deny may well reach further than it was meant to; an Allow must not.
        // <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html>
        if self.effect == Effect::Allow
            && (self
                .resources
                .as_ref()
                .is_some_and(|resources| resources.exempts_the_unresolved(request))
                || self
                    .conditions
                    .iter()
                    .any(|condition| condition.exempts_the_unresolved(request)))
        {
            return false;
        }
        self.resources
            .as_ref()
            .is_none_or(|resources| resources.cover(request))
            && self
                .conditions
                .iter()
                .all(|condition| condition.holds(request))
    }

    /// Goes through the condition keys of conditions and variables.
    pub(crate) fn each_key<'a>(&'a self, visit: &mut dyn FnMut(&'a Key)) {
        if let Some(resources) = &self.resources {
            resources.each_key(visit);
        }
        for condition in &self.conditions {
            condition.each_key(visit);
        }
    }
}

fn parse_sid(node: &Node, kind: PolicyKind) -> Result<Box<str>, PolicyError> {
    let sid = node.text("Sid")?;
    // Key and bucket policies may have spaces and more: "Enable IAM User Permissions".
    if kind == PolicyKind::Identity && !sid.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Err(PolicyError::InvalidSid);
    }
    Ok(sid.into())
}
