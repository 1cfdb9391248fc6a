//! A policy document as a whole.

use std::collections::HashSet;

use crate::caller::Caller;
use crate::context::Context;
use crate::denial::PolicyType;
use crate::effect::Effect;
use crate::error::PolicyError;
use crate::evaluate::{Access, Authority, Decision, authorize};
use crate::explain::{EvalDecision, Matched, Notes};
use crate::json::Node;
use crate::key::Key;
use crate::principal::Reach;
use crate::request::Request;
use crate::span::statement_spans;
use crate::statement::Statement;

/// Where a policy is attached; the grammar differs a little.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PolicyKind {
    Identity,
    Key,
    Bucket,
    /// The trust policy of a role: it has no resource, which is the role.
    Trust,
}

/// A parsed policy document.
#[derive(Debug, Clone)]
pub struct Policy {
    source: Box<str>,
    statements: Box<[Statement]>,
}

impl Policy {
    /// The longest document that is parsed, in bytes. Services set lower limits of their own.
    pub const MAX_SIZE: usize = 131_072;

    /// Parses a policy of a user: statements have no principal.
    pub fn parse_identity(document: &str) -> Result<Policy, PolicyError> {
        Policy::parse(document, PolicyKind::Identity)
    }

    /// Parses the policy of a KMS key.
    pub fn parse_key_policy(document: &str) -> Result<Policy, PolicyError> {
        Policy::parse(document, PolicyKind::Key)
    }

    /// Parses the policy of a bucket.
    pub fn parse_bucket_policy(document: &str) -> Result<Policy, PolicyError> {
        Policy::parse(document, PolicyKind::Bucket)
    }

    /// Parses the trust policy of a role: who may assume it.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-user.html>
    pub fn parse_trust(document: &str) -> Result<Policy, PolicyError> {
        Policy::parse(document, PolicyKind::Trust)
    }

    fn parse(document: &str, kind: PolicyKind) -> Result<Policy, PolicyError> {
        if document.len() > Policy::MAX_SIZE {
            return Err(PolicyError::TooLarge {
                limit: Policy::MAX_SIZE,
            });
        }
        let root = Node::parse(document)?;
        // Without a version a policy is one of 2008: it has no variables.
        let mut variables = false;
        let mut statements = None;
        for (name, value) in root.map("The policy")? {
            match name.as_str() {
                "Version" => match value.text("Version")? {
                    "2012-10-17" => variables = true,
                    "2008-10-17" => {}
                    other => return Err(PolicyError::InvalidVersion(other.to_owned())),
                },
                "Id" => {
                    value.text("Id")?;
                }
                "Statement" => statements = Some(value.one_or_many()),
                _ => return Err(PolicyError::UnknownElement(name.clone())),
            }
        }
        let spans = statement_spans(document);
        let statements = statements
            .filter(|statements| !statements.is_empty())
            .ok_or(PolicyError::MissingElement("Statement"))?
            .iter()
            .enumerate()
            .map(|(index, node)| {
                // Spans only inform: what has none is still a statement.
                let span = spans.get(index).copied().unwrap_or_default();
                Statement::parse(node, kind, variables, span)
            })
            .collect::<Result<Box<[_]>, _>>()?;
        if kind == PolicyKind::Identity {
            let mut sids = HashSet::new();
            for sid in statements
                .iter()
                .filter_map(|statement| statement.sid.as_deref())
            {
                if !sid.is_empty() && !sids.insert(sid) {
                    return Err(PolicyError::DuplicateSid);
                }
            }
        }
        Ok(Policy {
            source: document.into(),
            statements,
        })
    }

    /// The text as it was given.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether a condition or a variable asks for a condition key that begins so, in lower case.
    ///
    /// A caller of [`authorize`] that fetches values only where they count asks this first.
    pub fn asks_for(&self, prefix: &str) -> bool {
        let mut asks = false;
        self.each_key(&mut |key| asks |= key.lowered().starts_with(prefix));
        asks
    }

    /// Whether this document, as the policy of a key, would allow `caller` to do `action`.
    ///
    /// PutKeyPolicy asks it of the candidate before it takes its place, so that nobody locks the
    /// account out of its key by mistake.
    pub fn allows_principal_action(
        &self,
        caller: &Caller,
        action: &str,
        resource: &str,
        resource_account: &str,
        context: &Context,
    ) -> bool {
        let access = Access {
            caller,
            action,
            resource,
            resource_account,
            context,
            resource_policy: Some(self),
            authority: Authority::KeyPolicy,
            grant: None,
        };
        authorize(&access) == Decision::Allowed
    }

    /// Adds what the statements say about a request to a finding. Without notes a deny ends the search.
    pub(crate) fn examine<'a>(
        &'a self,
        request: &Request<'a>,
        examined: Examined<'a>,
        finding: &mut Finding<'a>,
        mut notes: Option<&mut Notes<'a>>,
    ) {
        for (index, statement) in self.statements.iter().enumerate() {
            let settled = matches!(finding.allowed_by, Some((_, Reach::Direct)));
            if settled && statement.effect == Effect::Allow && notes.is_none() {
                continue;
            }
            let Some(reach) = statement.reaches(request) else {
                continue;
            };
            if let Some(notes) = &mut notes {
                statement.each_key(&mut |key| {
                    if request.values(key).is_missing() {
                        notes.missing.insert(key.as_written());
                    }
                });
            }
            if !statement.applies(request) {
                continue;
            }
            let found = Found {
                examined,
                statement,
                index,
            };
            if let Some(notes) = &mut notes {
                notes.matched.push(found);
            }
            match statement.effect {
                Effect::Deny => {
                    finding.denied_by.get_or_insert(found);
                    if notes.is_none() {
                        return;
                    }
                }
                Effect::Allow => {
                    if finding.allowed_by.is_none_or(|(_, other)| other < reach) {
                        finding.allowed_by = Some((found, reach));
                    }
                }
            }
        }
    }

    /// Goes through the condition keys of conditions and variables.
    pub(crate) fn each_key<'a>(&'a self, visit: &mut dyn FnMut(&'a Key)) {
        for statement in &self.statements {
            statement.each_key(visit);
        }
    }
}

/// The policy that is being examined.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Examined<'a> {
    pub(crate) policy_type: PolicyType,
    pub(crate) name: &'a str,
}

/// A statement that applies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found<'a> {
    examined: Examined<'a>,
    statement: &'a Statement,
    index: usize,
}

impl Found<'_> {
    pub(crate) fn matched(&self) -> Matched {
        Matched {
            policy_type: self.examined.policy_type,
            policy_name: self.examined.name.to_owned(),
            sid: self.statement.sid.as_deref().map(str::to_owned),
            index: self.index,
            effect: self.statement.effect,
            span: self.statement.span,
        }
    }
}

/// What the policies of one kind say about one request.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Finding<'a> {
    /// The first statement that denies.
    pub(crate) denied_by: Option<Found<'a>>,
    /// The first of those that allow in the strongest way.
    pub(crate) allowed_by: Option<(Found<'a>, Reach)>,
}

impl Finding<'_> {
    pub(crate) fn decision(&self) -> EvalDecision {
        match (self.denied_by, self.allowed_by) {
            (Some(_), _) => EvalDecision::ExplicitDeny,
            (None, Some(_)) => EvalDecision::Allowed,
            (None, None) => EvalDecision::ImplicitDeny,
        }
    }
}
