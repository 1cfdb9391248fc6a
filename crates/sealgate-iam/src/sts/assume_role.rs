//! AssumeRole: a session of a role, for whom the role's trust policy names.
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>

use std::sync::Arc;

use sealgate_policy::{Access, Authority, Caller, Context, Decision, PrincipalKind, authorize};
use time::Duration;

use super::session_policies::packed_size;
use super::{
    AssumedRole, ExternalId, RoleArn, RoleSessionName, SessionDuration, SessionPolicyRequest,
    SessionTags, SourceIdentity, StsError, refuse_in_session,
};
use crate::Iam;
use crate::permissions::RolePermissions;
use crate::records::Tags;
use crate::sessions::{SessionOf, SessionRecord, seal};

/// The parameters of AssumeRole.
#[derive(Debug, Clone)]
pub struct AssumeRole {
    /// Which role.
    pub role: RoleArn,
    /// What to call the session.
    pub session_name: RoleSessionName,
    /// For how long; an hour if not given.
    pub duration: Option<SessionDuration>,
    /// What it may do at most.
    pub policies: SessionPolicyRequest,
    /// Its tags.
    pub tags: SessionTags,
    /// What the role's account gave the caller's.
    pub external_id: Option<ExternalId>,
    /// Who is behind it.
    pub source_identity: Option<SourceIdentity>,
}

/// A session of a role that is to be begun, by whatever operation.
pub(super) struct Beginning<'a> {
    pub role: &'a RoleArn,
    pub session_name: &'a RoleSessionName,
    pub duration: Option<SessionDuration>,
    pub policies: &'a SessionPolicyRequest,
    pub tags: &'a SessionTags,
    /// Tags of the session that this one is begun in.
    pub inherited: &'a Tags,
    pub source_identity: Option<String>,
    pub federated_provider: Option<String>,
}

impl Iam {
    /// Begins a session of a role. `inherited` are the caller's transitive session tags
    /// ([`Authenticated::transitive_tags`](crate::Authenticated::transitive_tags)).
    pub async fn assume_role(
        &self,
        caller: &Caller,
        inherited: &Tags,
        request: &AssumeRole,
    ) -> Result<AssumedRole, StsError> {
        if caller.principal.kind == PrincipalKind::Root {
            return Err(StsError::AccessDenied(
                "Roles may not be assumed by root accounts.".into(),
            ));
        }
        refuse_in_session(caller, "AssumeRole")?;
        let source_identity = source_identity(caller, request)?;
        let mut context = Context::new();
        if let Some(id) = &request.external_id {
            context.insert("sts:ExternalId", id.as_str());
        }
        let beginning = Beginning {
            role: &request.role,
            session_name: &request.session_name,
            duration: request.duration,
            policies: &request.policies,
            tags: &request.tags,
            inherited,
            source_identity,
            federated_provider: None,
        };
        let role = self
            .trusted(caller, "sts:AssumeRole", &beginning, context)
            .await?;
        let chained = matches!(caller.principal.kind, PrincipalKind::AssumedRole { .. });
        if chained && request.duration > Some(SessionDuration::HOUR) {
            return Err(StsError::validation(
                "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
            ));
        }
        self.begin_session(caller, &role, &beginning).await
    }

    /// The role, if it exists and trusts the caller with everything that is asked for. A role that does
    /// not exist is refused in the same words as one that trusts somebody else.
    pub(super) async fn trusted(
        &self,
        caller: &Caller,
        action: &str,
        beginning: &Beginning<'_>,
        mut context: Context,
    ) -> Result<Arc<RolePermissions>, StsError> {
        let arn = beginning.role;
        let role = self
            .role_permissions(arn.account_id(), arn.name())
            .await?
            .filter(|found| found.role.arn() == arn.as_str());
        context.insert("sts:RoleSessionName", beginning.session_name.as_str());
        if let Some(duration) = beginning.duration {
            context.insert("sts:DurationSeconds", duration.seconds().to_string());
        }
        if let Some(identity) = &beginning.source_identity {
            context.insert("sts:SourceIdentity", identity);
        }
        beginning.tags.describe(&mut context);
        for (key, value) in role.iter().flat_map(|found| found.tags.iter()) {
            context.insert(&format!("aws:ResourceTag/{key}"), value);
            context.insert(&format!("iam:ResourceTag/{key}"), value);
        }
        let tagged = !beginning.tags.tags().is_empty() || !beginning.inherited.is_empty();
        let actions = [
            Some(action),
            tagged.then_some("sts:TagSession"),
            beginning
                .source_identity
                .is_some()
                .then_some("sts:SetSourceIdentity"),
        ];
        for action in actions.into_iter().flatten() {
            let decision = authorize(&Access {
                caller,
                action,
                resource: arn.as_str(),
                resource_account: arn.account_id(),
                context: &context,
                resource_policy: role.as_ref().map(|found| &*found.trust),
                authority: Authority::KeyPolicy,
                grant: None,
            });
            if let Decision::Denied(denial) = decision {
                return Err(StsError::AccessDenied(denial.message()));
            }
        }
        // Without a trust policy nothing is allowed, so this is no longer reached without a role.
        role.ok_or_else(|| StsError::AccessDenied(format!("Not authorized to perform {action}")))
    }

    /// Makes the credentials of a session that is allowed.
    pub(super) async fn begin_session(
        &self,
        caller: &Caller,
        role: &RolePermissions,
        beginning: &Beginning<'_>,
    ) -> Result<AssumedRole, StsError> {
        let duration = beginning
            .duration
            .unwrap_or(SessionDuration::HOUR)
            .seconds();
        if duration > role.role.max_session_duration {
            return Err(StsError::validation(
                "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
            ));
        }
        let role = &role.role;
        let (tags, transitive) = beginning.tags.over(beginning.inherited)?;
        let packed_policy_size =
            packed_size(beginning.policies, beginning.tags, beginning.inherited)?;
        let policies = self
            .session_policies_of(&role.account_id, beginning.policies)
            .await?;
        let issued = caller.environment.now;
        let session_name = beginning.session_name;
        let session = SessionRecord {
            account_id: role.account_id.clone(),
            of: SessionOf::Role {
                id: role.id.clone(),
                name: role.name.clone(),
                session_name: session_name.as_str().to_owned(),
            },
            issued,
            expires: issued + Duration::seconds(i64::from(duration)),
            policies: (!beginning.policies.is_empty()).then_some(policies),
            tags,
            transitive,
            source_identity: beginning.source_identity.clone(),
            federated_provider: beginning.federated_provider.clone(),
        };
        Ok(AssumedRole {
            credentials: seal(self.sealing_key(), &session)?,
            arn: format!(
                "arn:aws:sts::{}:assumed-role/{}/{session_name}",
                role.account_id, role.name
            ),
            id: format!("{}:{session_name}", role.id),
            packed_policy_size,
            source_identity: session.source_identity,
        })
    }
}

/// Who is behind the new session. Once it is said it cannot be changed.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access_monitor.html>
fn source_identity(caller: &Caller, request: &AssumeRole) -> Result<Option<String>, StsError> {
    let set = caller
        .session
        .as_ref()
        .and_then(|session| session.source_identity.clone());
    let asked = request
        .source_identity
        .as_ref()
        .map(|identity| identity.as_str());
    match (set, asked) {
        (Some(set), Some(asked)) if set != asked => Err(StsError::AccessDenied(
            "The source identity of the calling session cannot be changed.".into(),
        )),
        (Some(set), _) => Ok(Some(set)),
        (None, asked) => Ok(asked.map(str::to_owned)),
    }
}
