//! GetFederationToken: a part of what the caller may do, under another name.
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetFederationToken.html>

use sealgate_policy::{Caller, Context, PrincipalKind};
use time::Duration;

use super::session_policies::packed_size;
use super::session_token::duration_of;
use super::{
    FederatedName, SessionDuration, SessionPolicyRequest, SessionTags, StsError, permit,
    refuse_in_session,
};
use crate::Iam;
use crate::records::Tags;
use crate::sessions::{
    FederatingUser, SessionCredentials, SessionOf, SessionRecord, federated_arn, seal,
};

/// The parameters of GetFederationToken.
#[derive(Debug, Clone)]
pub struct GetFederationToken {
    /// What to call the federated user.
    pub name: FederatedName,
    /// For how long; twelve hours if not given.
    pub duration: Option<SessionDuration>,
    /// What it may do at most. Without any, it may do only what policies of resources allow it.
    pub policies: SessionPolicyRequest,
    /// Its tags.
    pub tags: SessionTags,
}

/// A session of a federated user.
pub struct FederationToken {
    /// Its credentials.
    pub credentials: SessionCredentials,
    /// `arn:aws:sts::ACCOUNT:federated-user/NAME`.
    pub arn: String,
    /// `ACCOUNT:NAME`.
    pub id: String,
    /// How much of the allotted space session policies and tags take, in percent.
    pub packed_policy_size: Option<u32>,
}

impl Iam {
    /// Gives out temporary credentials for somebody whom the caller vouches for.
    pub async fn federation_token(
        &self,
        caller: &Caller,
        request: &GetFederationToken,
    ) -> Result<FederationToken, StsError> {
        refuse_in_session(caller, "GetFederationToken")?;
        let user = match &caller.principal.kind {
            PrincipalKind::Root => None,
            PrincipalKind::User { name } => Some(FederatingUser {
                id: caller.principal.id.clone(),
                name: name.clone(),
            }),
            _ => {
                return Err(StsError::AccessDenied(
                    "Only users can call GetFederationToken.".into(),
                ));
            }
        };
        let account_id = &caller.principal.account_id;
        let arn = federated_arn(account_id, request.name.as_str());
        let mut context = Context::new();
        request.tags.describe(&mut context);
        permit(caller, "sts:GetFederationToken", &arn, &context)?;
        if !request.tags.tags().is_empty() {
            permit(caller, "sts:TagSession", &arn, &context)?;
        }
        let packed_policy_size = packed_size(&request.policies, &request.tags, &Tags::new())?;
        let policies = self
            .session_policies_of(account_id, &request.policies)
            .await?;
        let issued = caller.environment.now;
        let duration = duration_of(caller, request.duration).seconds();
        let session = SessionRecord {
            account_id: account_id.clone(),
            of: SessionOf::Federated {
                name: request.name.as_str().to_owned(),
                user,
            },
            issued,
            expires: issued + Duration::seconds(i64::from(duration)),
            // Also where there are none: then nothing is allowed by them.
            policies: Some(policies),
            tags: request.tags.tags().clone(),
            transitive: request.tags.transitive().clone(),
            source_identity: None,
            federated_provider: None,
        };
        Ok(FederationToken {
            credentials: seal(self.sealing_key(), &session)?,
            id: format!("{account_id}:{}", request.name),
            arn,
            packed_policy_size,
        })
    }
}
