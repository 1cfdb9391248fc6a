//! A policy document as a whole.

use std::collections::HashSet;

use crate::caller::Caller;
use crate::context::Context;
use crate::effect::Effect;
use crate::error::PolicyError;
use crate::evaluate::{Access, Authority, Decision, authorize};
use crate::json::Node;
use crate::principal::Reach;
use crate::request::Request;
use crate::statement::Statement;

/// Where a policy is attached; the grammar differs a little.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PolicyKind {
    Identity,
    Key,
    Bucket,
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
        let statements = statements
            .filter(|statements| !statements.is_empty())
            .ok_or(PolicyError::MissingElement("Statement"))?
            .iter()
            .map(|node| Statement::parse(node, kind, variables))
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
        };
        authorize(&access) == Decision::Allowed
    }

    /// What the statements say about a request. A deny ends the search.
    pub(crate) fn examine(&self, request: &Request<'_>) -> Finding<'_> {
        let mut finding = Finding::default();
        for statement in &self.statements {
            let allowed = finding.allows == Some(Reach::Direct);
            if allowed && statement.effect == Effect::Allow {
                continue;
            }
            let Some(reach) = statement.applies(request) else {
                continue;
            };
            match statement.effect {
                Effect::Deny => {
                    finding.denied_by = Some(statement);
                    break;
                }
                Effect::Allow => finding.allows = Some(reach),
            }
        }
        finding
    }
}

/// What one policy says about one request.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Finding<'p> {
    /// The statement that denies.
    pub(crate) denied_by: Option<&'p Statement>,
    /// The strongest way in which a statement allows.
    pub(crate) allows: Option<Reach>,
}
