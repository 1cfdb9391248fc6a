//! Roles that a service of the gateway acts as, because a configuration names them.

use sealgate_policy::{Access, Authority, Caller, Context, Decision, authorize};

use crate::Iam;
use crate::error::IamError;
use crate::sts::RoleArn;

impl Iam {
    /// A session of a role, for a service: its caller, if the role is there and its trust policy lets the service
    /// assume it. `context` is what the service tells of what it does it for (`aws:SourceArn`).
    pub async fn assumed_by_service(
        &self,
        service: &Caller,
        role: &RoleArn,
        session_name: &str,
        mut context: Context,
    ) -> Result<Option<Caller>, IamError> {
        let found = self
            .role_permissions(role.account_id(), role.name())
            .await?
            .filter(|found| found.role.arn() == role.as_str());
        let Some(found) = found else {
            return Ok(None);
        };
        context.insert("sts:RoleSessionName", session_name);
        for (key, value) in found.tags.iter() {
            context.insert(&format!("aws:ResourceTag/{key}"), value);
            context.insert(&format!("iam:ResourceTag/{key}"), value);
        }
        let decision = authorize(&Access {
            caller: service,
            action: "sts:AssumeRole",
            resource: role.as_str(),
            resource_account: role.account_id(),
            context: &context,
            resource_policy: Some(&found.trust),
            authority: Authority::KeyPolicy,
            grant: None,
        });
        Ok(match decision {
            Decision::Allowed => Some(found.caller(session_name, service.environment.clone())),
            Decision::Denied(_) => None,
        })
    }
}
