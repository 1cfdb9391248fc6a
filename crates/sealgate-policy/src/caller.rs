//! Who asks, and from where.

use std::net::IpAddr;
use std::sync::Arc;

use time::OffsetDateTime;

use crate::document::Policy;

/// The kind of a principal, as far as policies tell kinds apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrincipalKind {
    /// The root user of an account.
    Root,
    /// An IAM user.
    User {
        /// The friendly name, without path (`aws:username`).
        name: String,
    },
    /// A request without credentials.
    Anonymous,
    /// A service of the gateway acting for itself.
    Service {
        /// The service principal, such as `s3.amazonaws.com`.
        name: String,
    },
}

/// An authenticated (or anonymous) principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The 12-digit account id; empty for an anonymous caller.
    pub account_id: String,
    /// What kind of principal it is.
    pub kind: PrincipalKind,
    /// The ARN, such as `arn:aws:iam::111122223333:user/alice`.
    pub arn: String,
    /// The unique id: `AIDA…` of a user, the account id of a root user.
    pub id: String,
    /// The access key that signed the request.
    pub access_key_id: Option<String>,
}

impl Principal {
    /// True for principals that belong to an account and can carry identity policies.
    pub(crate) fn is_of_account(&self) -> bool {
        matches!(self.kind, PrincipalKind::Root | PrincipalKind::User { .. })
    }
}

/// Facts about a request that do not depend on the operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// The client's address; `None` where a service calls on its own.
    pub source_ip: Option<IpAddr>,
    /// True over TLS.
    pub secure_transport: bool,
    /// The `User-Agent` header.
    pub user_agent: Option<String>,
    /// The time of the request.
    pub now: OffsetDateTime,
    /// The region the request was made to.
    pub region: String,
}

/// A principal with its identity policies and the environment of its request.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who calls.
    pub principal: Principal,
    /// The policies attached to the principal.
    pub identity_policies: Arc<[Arc<Policy>]>,
    /// From where, when and how.
    pub environment: Environment,
}
