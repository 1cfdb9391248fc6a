//! Who asks, with which policies and in what session, and from where.

use std::collections::BTreeMap;
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
    /// A session of a role. Its ARN is `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`, its id
    /// `AROA…:SESSION`.
    AssumedRole {
        /// The friendly name of the role, without path.
        role_name: String,
        /// The ARN of the role, with path: what policies name, and `aws:PrincipalArn`.
        role_arn: String,
        /// The name of the session.
        session_name: String,
    },
    /// A session of GetFederationToken. Its ARN is `arn:aws:sts::ACCOUNT:federated-user/NAME`, its id
    /// `ACCOUNT:NAME`.
    FederatedUser {
        /// The name of the session.
        name: String,
        /// The ARN of the IAM user (or root user) whose permissions the session has a part of.
        user_arn: String,
    },
    /// Who presents the token of an identity provider, while a role is being assumed. Of no account.
    WebIdentity {
        /// The ARN of the OIDC or SAML provider, or the host of a provider that has none.
        provider: String,
        /// Who the token speaks of.
        subject: String,
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
    /// The 12-digit account id; empty for an anonymous caller, a service and a web identity.
    pub account_id: String,
    /// What kind of principal it is.
    pub kind: PrincipalKind,
    /// The ARN, such as `arn:aws:iam::111122223333:user/alice`.
    pub arn: String,
    /// The unique id (`aws:userid`): `AIDA…` of a user, the account id of a root user.
    pub id: String,
    /// The access key that signed the request.
    pub access_key_id: Option<String>,
}

impl Principal {
    /// True for principals that belong to an account and can carry identity policies.
    pub(crate) fn is_of_account(&self) -> bool {
        match self.kind {
            PrincipalKind::Root
            | PrincipalKind::User { .. }
            | PrincipalKind::AssumedRole { .. }
            | PrincipalKind::FederatedUser { .. } => true,
            PrincipalKind::WebIdentity { .. }
            | PrincipalKind::Anonymous
            | PrincipalKind::Service { .. } => false,
        }
    }

    /// True where the permissions are those of the root user, who needs no identity policy.
    pub(crate) fn has_root_permissions(&self) -> bool {
        match &self.kind {
            PrincipalKind::Root => true,
            PrincipalKind::FederatedUser { user_arn, .. } => user_arn.ends_with(":root"),
            _ => false,
        }
    }

    /// What policies know the principal as (`aws:PrincipalArn`): of a session of a role it is the role.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalarn>
    pub(crate) fn policy_arn(&self) -> Option<&str> {
        match &self.kind {
            PrincipalKind::AssumedRole { role_arn, .. } => Some(role_arn),
            PrincipalKind::Anonymous | PrincipalKind::WebIdentity { .. } => None,
            _ => Some(&self.arn),
        }
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

/// A policy, and what it is called where a decision is explained.
#[derive(Debug, Clone)]
pub struct AttachedPolicy {
    /// The ARN of a managed policy, `inline policy NAME of user NAME`, …
    pub name: Arc<str>,
    /// The policy.
    pub policy: Arc<Policy>,
}

impl AttachedPolicy {
    /// A policy with its name.
    pub fn new(name: impl Into<Arc<str>>, policy: impl Into<Arc<Policy>>) -> AttachedPolicy {
        AttachedPolicy {
            name: name.into(),
            policy: policy.into(),
        }
    }
}

/// What temporary credentials stand for beside their principal.
#[derive(Debug, Clone)]
pub struct Session {
    /// When they were issued (`aws:TokenIssueTime`).
    pub issued: OffsetDateTime,
    /// When they end. Evaluation does not look at it: who is authenticated has not expired.
    pub expires: OffsetDateTime,
    /// When the second factor was shown, if it was (`aws:MultiFactorAuthPresent`, `…Age`).
    pub mfa_at: Option<OffsetDateTime>,
    /// `aws:SourceIdentity`, kept through chains of roles.
    pub source_identity: Option<String>,
    /// `aws:FederatedProvider`: who vouched for the user when the role was assumed.
    pub federated_provider: Option<String>,
    /// Session policies. They limit where they are `Some`: an empty list allows nothing.
    pub policies: Option<Arc<[AttachedPolicy]>>,
}

/// A principal with everything that decides what it may do, and the environment of its request.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who calls.
    pub principal: Principal,
    /// The policies attached to the principal: of a session of a role, those of the role; of a
    /// federated user, those of the user.
    pub identity_policies: Arc<[AttachedPolicy]>,
    /// The permissions boundary of the user or role.
    pub boundary: Option<AttachedPolicy>,
    /// The session, with temporary credentials.
    pub session: Option<Arc<Session>>,
    /// `aws:PrincipalTag/…`: the principal's tags, with session tags in place of those of equal key.
    pub tags: Arc<BTreeMap<String, String>>,
    /// From where, when and how.
    pub environment: Environment,
    /// Of a service that acts for itself: what it acts for.
    pub source: Option<Source>,
}

/// What a service acts for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// `aws:SourceArn`.
    pub arn: String,
    /// `aws:SourceAccount`.
    pub account_id: String,
}

impl Caller {
    /// A caller without policies, boundary, session and tags.
    pub fn new(principal: Principal, environment: Environment) -> Caller {
        Caller {
            principal,
            identity_policies: Vec::new().into(),
            boundary: None,
            session: None,
            tags: Arc::default(),
            environment,
            source: None,
        }
    }

    /// Whether a policy of the caller asks for a condition key that begins so
    /// ([`Policy::asks_for`]).
    pub fn asks_for(&self, prefix: &str) -> bool {
        self.identity_policies
            .iter()
            .chain(&self.boundary)
            .chain(self.session_policies().unwrap_or_default())
            .any(|attached| attached.policy.asks_for(prefix))
    }

    /// The session policies, where there are any that limit.
    pub(crate) fn session_policies(&self) -> Option<&[AttachedPolicy]> {
        self.session.as_deref()?.policies.as_deref()
    }
}
