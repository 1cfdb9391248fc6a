//! A refusal and what decided it, with the sentence AWS answers.

use std::fmt;

/// The kinds of policy that can decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyType {
    /// A policy attached to the caller.
    Identity,
    /// The policy of the resource: bucket policy or key policy.
    Resource,
}

impl fmt::Display for PolicyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PolicyType::Identity => "identity-based",
            PolicyType::Resource => "resource-based",
        })
    }
}

/// Why access is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// A `Deny` statement applies.
    ExplicitDeny {
        /// Where the statement is.
        policy: PolicyType,
        /// Its `Sid`, if it has one.
        sid: Option<String>,
    },
    /// No statement of the kind of policy that was needed allows.
    NoAllow {
        /// The kind of policy that would have to allow.
        policy: PolicyType,
    },
}

/// A refused access.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// The caller's ARN; `None` for an anonymous caller.
    pub(crate) principal_arn: Option<String>,
    pub(crate) action: String,
    pub(crate) resource: String,
    pub(crate) reason: Reason,
}

impl Denial {
    /// True if a `Deny` statement decided, false if nothing allowed.
    pub fn explicit(&self) -> bool {
        matches!(self.reason, Reason::ExplicitDeny { .. })
    }

    /// What decided.
    pub fn reason(&self) -> &Reason {
        &self.reason
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
        let Some(arn) = &self.principal_arn else {
            // S3 tells an anonymous caller nothing more.
            return f.write_str("Access Denied");
        };
        let Denial {
            action, resource, ..
        } = self;
        // S3 puts the resource in quotes, the other services do not.
        let quote = if action.starts_with("s3:") { "\"" } else { "" };
        write!(
            f,
            "User: {arn} is not authorized to perform: {action} on resource: {quote}{resource}{quote} "
        )?;
        match &self.reason {
            Reason::ExplicitDeny {
                policy: PolicyType::Identity,
                ..
            } => f.write_str("with an explicit deny in an identity-based policy"),
            Reason::ExplicitDeny {
                policy: PolicyType::Resource,
                ..
            } => f.write_str("with an explicit deny in a resource-based policy"),
            Reason::NoAllow { policy } => {
                write!(f, "because no {policy} policy allows the {action} action")
            }
        }
    }
}
