//! A refusal and what decided it, with the sentence AWS answers.

use std::fmt;

use crate::explain::Matched;

/// The kinds of policy that can decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PolicyType {
    /// A policy attached to the caller, or to a group of the caller.
    Identity,
    /// The permissions boundary of the caller.
    Boundary,
    /// A policy of the caller's session.
    Session,
    /// The policy of the resource: bucket policy, key policy or the trust policy of a role.
    Resource,
}

impl fmt::Display for PolicyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PolicyType::Identity => "identity-based policy",
            PolicyType::Boundary => "permissions boundary",
            PolicyType::Session => "session policy",
            PolicyType::Resource => "resource-based policy",
        })
    }
}

/// Why access is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// A `Deny` statement applies: this one.
    ExplicitDeny(Matched),
    /// No statement of the kind of policy that was needed allows.
    NoAllow {
        /// The kind of policy that would have to allow.
        policy: PolicyType,
    },
}

/// How AWS names who was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refused {
    Arn(String),
    Anonymous,
    WebIdentity,
}

/// A refused access.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    pub(crate) who: Refused,
    pub(crate) action: String,
    pub(crate) resource: String,
    pub(crate) reason: Reason,
}

impl Denial {
    /// True if a `Deny` statement decided, false if nothing allowed.
    pub fn explicit(&self) -> bool {
        matches!(self.reason, Reason::ExplicitDeny(_))
    }

    /// What decided.
    pub fn reason(&self) -> &Reason {
        &self.reason
    }

    /// The `Deny` statement that decided, if one did.
    pub fn statement(&self) -> Option<&Matched> {
        match &self.reason {
            Reason::ExplicitDeny(statement) => Some(statement),
            Reason::NoAllow { .. } => None,
        }
    }

    /// The kind of policy that decided, by a `Deny` or by allowing nothing.
    pub fn policy_type(&self) -> PolicyType {
        match &self.reason {
            Reason::ExplicitDeny(statement) => statement.policy_type,
            Reason::NoAllow { policy } => *policy,
        }
    }

    /// The action that was refused.
    pub fn action(&self) -> &str {
        &self.action
    }

    /// The sentence AWS answers. It names the type of policy and never the policy or its `Sid`, which
    /// the caller may not be entitled to see.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>
    pub fn message(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Denial {
            action, resource, ..
        } = self;
        let arn = match &self.who {
            Refused::Arn(arn) => arn,
            // S3 tells an anonymous caller nothing more.
            Refused::Anonymous => return f.write_str("Access Denied"),
            Refused::WebIdentity => return write!(f, "Not authorized to perform {action}"),
        };
        // S3 puts the resource in quotes, the other services do not.
        let quote = if action.starts_with("s3:") { "\"" } else { "" };
        write!(
            f,
            "User: {arn} is not authorized to perform: {action} on resource: {quote}{resource}{quote} "
        )?;
        let policy = self.policy_type();
        let kind = match policy {
            PolicyType::Resource if action.starts_with("sts:") => "role trust policy".to_owned(),
            _ => policy.to_string(),
        };
        match &self.reason {
            Reason::ExplicitDeny(_) => {
                let article = if policy == PolicyType::Identity {
                    "an"
                } else {
                    "a"
                };
                write!(f, "with an explicit deny in {article} {kind}")
            }
            Reason::NoAllow { .. } => write!(f, "because no {kind} allows the {action} action"),
        }
    }
}
