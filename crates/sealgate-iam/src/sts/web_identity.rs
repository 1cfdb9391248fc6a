//! AssumeRoleWithWebIdentity: a session of a role, for whom an OpenID Connect provider vouches.
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>

use sealgate_policy::{Caller, Context, Environment, Principal, PrincipalKind};

use super::assume_role::Beginning;
use super::{
    AssumedRole, RoleArn, RoleSessionName, SessionDuration, SessionPolicyRequest, SessionTags,
    SourceIdentity, StsError,
};
use crate::Iam;
use crate::oidc_token::{IdentityToken, TokenFault};
use crate::records::Tags;

/// The parameters of AssumeRoleWithWebIdentity, but for the token.
#[derive(Debug, Clone)]
pub struct AssumeRoleWithWebIdentity {
    /// Which role.
    pub role: RoleArn,
    /// What to call the session.
    pub session_name: RoleSessionName,
    /// For how long; an hour if not given.
    pub duration: Option<SessionDuration>,
    /// What it may do at most.
    pub policies: SessionPolicyRequest,
}

/// Somebody whose token was checked.
pub struct WebIdentity {
    /// As policies and the audit trail see it.
    pub caller: Caller,
    /// The ARN of the provider.
    pub provider: String,
    /// Without `https://`.
    issuer: String,
    token: IdentityToken,
}

impl WebIdentity {
    /// Who the token speaks of.
    pub fn subject(&self) -> &str {
        &self.token.subject
    }

    /// Whom the token is for.
    pub fn audience(&self) -> &str {
        &self.token.audience
    }
}

impl Iam {
    /// Checks the token of an identity provider of this account.
    pub async fn web_identity(
        &self,
        account_id: &str,
        token: &str,
        environment: Environment,
    ) -> Result<WebIdentity, StsError> {
        let (provider, token) = self
            .check_identity_token(account_id, token, environment.now)
            .await?;
        let principal = Principal {
            account_id: String::new(),
            kind: PrincipalKind::WebIdentity {
                provider: provider.arn(),
                subject: token.subject.clone(),
            },
            arn: provider.arn(),
            // <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html>
            id: format!("{}:{}:{}", provider.url, token.audience, token.subject),
            access_key_id: None,
        };
        Ok(WebIdentity {
            caller: Caller::new(principal, environment),
            provider: provider.arn(),
            issuer: provider.url,
            token,
        })
    }

    /// Begins a session of a role for somebody whose token was checked.
    pub async fn assume_role_with_web_identity(
        &self,
        identity: &WebIdentity,
        request: &AssumeRoleWithWebIdentity,
    ) -> Result<AssumedRole, StsError> {
        let token = &identity.token;
        let mut context = Context::new();
        for (claim, values) in &token.facts {
            context.insert_all(&format!("{}:{claim}", identity.issuer), values.clone());
        }
        let source_identity = match &token.source_identity {
            None => None,
            Some(text) => Some(
                SourceIdentity::parse(text)
                    .map_err(|error| TokenFault::RejectedClaim(error.message()))?,
            ),
        };
        let tags = SessionTags::of_token(token.tags.clone(), token.transitive.clone());
        let beginning = Beginning {
            role: &request.role,
            session_name: &request.session_name,
            duration: request.duration,
            policies: &request.policies,
            tags: &tags,
            inherited: &Tags::new(),
            source_identity: source_identity.map(|identity| identity.to_string()),
            federated_provider: Some(identity.provider.clone()),
        };
        let caller = &identity.caller;
        let role = self
            .trusted(caller, "sts:AssumeRoleWithWebIdentity", &beginning, context)
            .await?;
        self.begin_session(caller, &role, &beginning).await
    }
}
